use super::*;

#[test]
fn a_message_that_no_framework_wrote_on_has_no_failure() {
    assert_eq!(Failure::of(&Message::default()), None);
}

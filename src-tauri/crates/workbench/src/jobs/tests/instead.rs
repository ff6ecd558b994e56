//! One message, edited by hand: it is sent instead of the one that it was made of, whatever happens in between.

use broker::{Death, DeathReason, Message, Target, Value};
use sandbox::Fault;

use super::ground::Ground;
use crate::{
    CaptureId, DeedAsk, Draft, DraftBody, DraftFrom, DraftPurpose, DraftRevision, Error, JobState, PlanView,
    RefusedCode, Selection, SendOptions, Sending, TargetChoice,
};

const BEFORE: &str = r#"{"order":9007199254740993,"gateway":"eu-1"}"#;
const AFTER: &str = r#"{"order":9007199254740993,"gateway":"eu-2"}"#;

fn lay(ground: &Ground) {
    let death = Death {
        queue: "work".into(),
        reason: DeathReason::Rejected,
        count: 1,
        at: None,
        exchange: None,
        routing_keys: vec!["work".into()],
    };
    let headers = [("x-death", Value::from("once")), ("hint", Value::I32(7)), ("tenant", Value::from("eu"))];
    let message = Message {
        body: BEFORE.as_bytes().to_vec(),
        headers: headers.into_iter().collect(),
        properties: [("message-id", Value::from("m-1"))].into_iter().collect(),
        deaths: vec![death],
        ..Message::default()
    };
    ground.sandbox.publish_raw(&Target::Queue { queue: "dead".into() }, message);
}

/// The draft of the first message, edited: payload, a typed header, one gone.
async fn edited(ground: &Ground, capture: CaptureId) -> Draft {
    let from = DraftFrom::Message { purpose: DraftPurpose::Edit, capture, n: 1 };
    let mut draft = ground.workbench.begin_draft(ground.profile, from).await.unwrap().draft;
    let DraftBody::Text { text, compact: true } = &draft.content.body else { panic!("{:?}", draft.content.body) };
    assert!(text.contains("\n  \"gateway\": \"eu-1\""), "it is indented to be edited");
    draft.content.body = DraftBody::Text { text: text.replace("eu-1", "eu-2"), compact: true };
    draft.content.headers.retain(|field| field.name != "tenant");
    draft.content.headers[0].value = "8".into();
    keep(ground, draft).await
}

async fn keep(ground: &Ground, draft: Draft) -> Draft {
    let kept = ground.workbench.keep_draft(draft.clone()).await.unwrap();
    assert_eq!(kept.check.troubles, []);
    Draft { revision: kept.revision, ..draft }
}

fn instead(draft: &Draft) -> SendOptions {
    let revision = DraftRevision { draft: draft.id, revision: draft.revision };
    SendOptions { instead: Some(revision), ..SendOptions::default() }
}

fn ask(capture: CaptureId, messages: Vec<u64>, options: SendOptions) -> DeedAsk {
    let from = Selection::Chosen { capture, messages };
    DeedAsk::Send { deed: Sending::Redrive, from, to: TargetChoice::FailedIn, options }
}

async fn planned(ground: &Ground) -> (Draft, PlanView) {
    lay(ground);
    let capture = ground.peek(10).await.capture;
    let draft = edited(ground, capture).await;
    let plan = ground.plan(ask(capture, vec![1], instead(&draft))).await;
    (draft, plan)
}

fn assert_sent(ground: &Ground) {
    let arrived = ground.sandbox.ready("work");
    let [message] = arrived.as_slice() else { panic!("one arrives: {arrived:?}") };
    assert_eq!(String::from_utf8_lossy(&message.body), AFTER);
    assert_eq!(message.headers.get("hint"), Some(&Value::I32(8)), "as wide as before");
    assert_eq!((message.headers.get("tenant"), message.headers.get("x-death")), (None, None));
    assert_eq!(message.properties.text("message-id"), Some("m-1"));
}

#[tokio::test]
async fn the_edited_message_is_sent_and_the_original_removed() {
    let ground = Ground::new().await;
    let (_, plan) = planned(&ground).await;
    assert_eq!((plan.title.as_str(), plan.messages), ("Redrive 1 message, edited", 1));
    let said = plan.edited.as_deref().unwrap();
    assert!(said.starts_with("it is sent edited: another payload (43 bytes, 43 before), 2 headers changed"), "{said}");
    assert!(plan.stripped.iter().any(|line| line.name == "x-death"), "{:?}", plan.stripped);

    let job = ground.run(plan).await;
    assert_eq!((job.state, job.counts.done), (JobState::Finished, 1), "{}", job.outcome);
    assert_sent(&ground);
    assert_eq!(ground.sandbox.ready("dead").len(), 0);
    assert!(ground.workbench.drafts(ground.profile).await.unwrap().is_empty(), "the draft is done with");

    let original = ground.run(ground.plan(DeedAsk::Undo { job: job.id }).await).await;
    assert_eq!(original.counts.done, 1);
    assert_eq!(ground.sandbox.ready("dead")[0].body, BEFORE.as_bytes(), "the copy is of the original");
}

#[tokio::test]
async fn what_was_planned_is_sent_although_the_draft_was_changed_or_given_up_since() {
    let ground = Ground::new().await;
    let (draft, plan) = planned(&ground).await;
    let mut later = draft.clone();
    later.content.body = DraftBody::Text { text: "{}".into(), compact: false };
    let later = keep(&ground, later).await;
    ground.workbench.give_up_draft(later.id).await.unwrap();

    let ground = ground.restart().await;
    ground.workbench.open_connection(ground.profile, None).await.unwrap();
    let job = ground.run(plan).await;
    assert_eq!(job.counts.done, 1, "{}", job.outcome);
    assert_sent(&ground);
}

#[tokio::test]
async fn an_edited_message_whose_publish_was_lost_is_sent_again_edited_after_a_restart() {
    let ground = Ground::new().await;
    let (draft, plan) = planned(&ground).await;
    ground.sandbox.fail_next(Fault::PublishLost);
    let job = ground.run(plan).await;
    assert_eq!(job.state, JobState::NeedsAnswer, "{}", job.outcome);
    assert_eq!(ground.workbench.drafts(ground.profile).await.unwrap().len(), 1, "it is not known to be done with");
    ground.workbench.give_up_draft(draft.id).await.unwrap();

    let ground = ground.restart().await;
    ground.workbench.open_connection(ground.profile, None).await.unwrap();
    ground.looked_up(job.id).await;
    let settled = ground.settle(job.id).await;
    assert_eq!((settled.state, settled.counts.done), (JobState::Finished, 1), "{settled:?}");
    assert_sent(&ground);
    assert_eq!(ground.sandbox.ready("dead").len(), 0);
}

#[tokio::test]
async fn others_that_are_held_on_the_way_are_given_back_as_they_are() {
    let ground = Ground::destroying().await;
    ground.lay(3, 3);
    lay(&ground);
    let plan = ground.workbench.make_plan(ground.profile, DeedAsk::Take { queue: "dead".into(), n: 4 }).await.unwrap();
    let take = ground.run(plan).await;
    let capture = take.capture.unwrap();
    let from = DraftFrom::Message { purpose: DraftPurpose::Edit, capture, n: 4 };
    let mut draft = ground.workbench.begin_draft(ground.profile, from).await.unwrap().draft;
    draft.content.body = DraftBody::Text { text: AFTER.into(), compact: false };
    let draft = keep(&ground, draft).await;
    let refused = ground.workbench.make_plan(ground.profile, ask(capture, vec![1], instead(&draft))).await;
    assert!(matches!(refused, Err(Error::Invalid { .. })), "it is the draft of another message: {refused:?}");
    let job = ground.run(ground.plan(ask(capture, vec![4], instead(&draft))).await).await;
    assert_eq!(job.counts.done, 1, "{}", job.outcome);
    assert_eq!(ground.bodies().len(), 1, "{:?}", ground.bodies());
    assert_eq!(ground.bodies()[AFTER], (0, 1));
}

#[tokio::test]
async fn a_plan_needs_a_draft_that_makes_sense_and_is_the_newest() {
    let ground = Ground::new().await;
    lay(&ground);
    let capture = ground.peek(1).await.capture;
    let draft = edited(&ground, capture).await;
    let mut broken = draft.clone();
    broken.content.body = DraftBody::Text { text: "{\"gateway\": ".into(), compact: true };
    let kept = ground.workbench.keep_draft(broken.clone()).await.unwrap();
    assert_eq!(kept.check.troubles.len(), 1, "it is kept although it is wrong");

    let old = ground.workbench.make_plan(ground.profile, ask(capture, vec![1], instead(&draft))).await;
    assert!(matches!(old, Err(Error::Refused { code: RefusedCode::PlanOutdated, .. })), "{old:?}");
    let broken = Draft { revision: kept.revision, ..broken };
    match ground.workbench.make_plan(ground.profile, ask(capture, vec![1], instead(&broken))).await {
        Err(Error::Invalid { why }) => assert!(why.contains("this is no JSON"), "{why}"),
        other => panic!("expected it to be refused, not {other:?}"),
    }
    assert_eq!(ground.sandbox.ready("dead").len(), 1);
}

#[tokio::test]
async fn a_draft_goes_on_with_the_newest_copy_of_its_message() {
    let ground = Ground::new().await;
    lay(&ground);
    let first = ground.peek(1).await.capture;
    let draft = edited(&ground, first).await;
    let again = ground.peek(1).await.capture;
    ground.workbench.remove_capture(first).await.unwrap();
    let from = DraftFrom::Message { purpose: DraftPurpose::Edit, capture: again, n: 1 };
    let opened = ground.workbench.begin_draft(ground.profile, from).await.unwrap().draft;
    assert_eq!((opened.id, opened.revision, &opened.content), (draft.id, 2, &draft.content));
    let job = ground.run(ground.plan(ask(again, vec![1], instead(&opened))).await).await;
    assert_eq!(job.counts.done, 1, "{}", job.outcome);
    assert_sent(&ground);
}

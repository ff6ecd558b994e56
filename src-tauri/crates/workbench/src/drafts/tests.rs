use std::sync::Arc;

use broker::{Kind, Message, Settings, Table, Target, Value};
use sandbox::{SandboxDriver, SandboxRules};

use super::*;
use crate::store::MemorySecrets;
use crate::{Environment, Error, Options, ProfileDraft, PublishedAs, RefusedCode, Workbench};

struct Shop {
    workbench: Workbench,
    profile: ProfileId,
    dir: tempfile::TempDir,
}

impl Shop {
    async fn open() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let workbench = workbench(&dir).await;
        let draft = ProfileDraft {
            id: None,
            name: "shop".into(),
            kind: Kind("sandbox").0.into(),
            environment: Environment::Local,
            read_only: false,
            settings: Settings::default(),
        };
        let profile = workbench.save_profile(draft, None).await.unwrap().profile.id;
        workbench.open_connection(profile, None).await.unwrap();
        Self { workbench, profile, dir }
    }

    async fn blank(&self, queue: &str) -> Draft {
        let to = TargetChoice::Place { target: Target::Queue { queue: queue.into() } };
        self.workbench.begin_draft(self.profile, DraftFrom::Blank { to }).await.unwrap().draft
    }

    async fn keep(&self, draft: &Draft) -> Result<Draft, Error> {
        let KeptDraft { revision, changed_at, .. } = self.workbench.keep_draft(draft.clone()).await?;
        Ok(Draft { revision, changed_at: Some(changed_at), ..draft.clone() })
    }
}

async fn workbench(dir: &tempfile::TempDir) -> Workbench {
    let options = Options {
        data_dir: dir.path().to_owned(),
        drivers: vec![Arc::new(SandboxDriver::new())],
        secrets: Arc::new(MemorySecrets::default()),
    };
    Workbench::open(options).await.unwrap()
}

fn text(text: &str, compact: bool) -> DraftBody {
    DraftBody::Text { text: text.into(), compact }
}

fn field(name: &str, type_name: &str, value: &str) -> DraftField {
    let (name_encoding, encoding) = Default::default();
    DraftField { name: name.into(), name_encoding, type_name: type_name.into(), encoding, value: value.into() }
}

fn message(body: &[u8]) -> Message {
    let headers = [("x-death", Value::from("once")), ("tenant", Value::from("eu"))].into_iter().collect();
    Message { body: body.to_vec(), headers, ..Message::default() }
}

fn content(message: &Message) -> DraftContent {
    DraftOriginal::of(message, &SandboxRules).unchanged(TargetChoice::FailedIn)
}

fn troubles(content: &DraftContent, original: &Message) -> Vec<DraftTrouble> {
    content.check(Some(original), &SandboxRules).1.troubles
}

#[test]
fn a_draft_that_changes_nothing_sends_the_same_bytes_and_values() {
    for body in [
        &b"{\"a\":[1,{}],\"b\":1e400}"[..],
        b"{ \"a\": 1 }",
        b"plain\r\nwords",
        b"",
        b"\xff\0",
        b"[]",
        b"{\"a\":\"\\u00e9\"}",
    ] {
        let message = message(body);
        let content = content(&message);
        let (written, check) = content.check(Some(&message), &SandboxRules);
        assert_eq!(check.troubles, [], "{content:?}");
        assert_eq!(String::from_utf8_lossy(&written.body), String::from_utf8_lossy(body));
        assert_eq!(written.headers, [("tenant", Value::from("eu"))].into_iter().collect::<Table>());
    }
    let original = DraftOriginal::of(&message(b"{}"), &SandboxRules);
    assert_eq!(original.locked.iter().map(|field| field.name.as_str()).collect::<Vec<_>>(), ["x-death"]);
}

#[test]
fn what_cannot_be_edited_as_text_says_why_and_is_sent_as_it_is() {
    let large = message(&vec![b'x'; 1024 * 1024 + 1]);
    for (message, why) in [(message(b"\xff\xfe"), "not text"), (large, "larger than the 1 MiB")] {
        let original = DraftOriginal::of(&message, &SandboxRules);
        assert!(original.not_text.is_some_and(|words| words.contains(why)));
        assert_eq!(original.body, DraftBody::Original);
        let gone = content(&message).check(None, &SandboxRules).1.troubles;
        assert!(gone[0].words.contains("not kept any more"), "{gone:?}");
    }
}

#[test]
fn what_is_no_json_any_more_is_said_at_its_line_and_may_be_sent_as_text() {
    let json = message(b"{\"a\":1}");
    let mut draft = content(&json);
    draft.body = text("{\n  \"a\": 1,,\n}", true);
    let [trouble] = troubles(&draft, &json).try_into().unwrap();
    assert_eq!(trouble.at, TroubleAt::Payload { line: Some(2), column: Some(10) });
    assert!(trouble.as_text && trouble.words.contains("the payload came as JSON"), "{}", trouble.words);
    draft.as_text = true;
    let (written, check) = draft.check(Some(&json), &SandboxRules);
    assert_eq!((check.troubles.len(), check.is_json), (0, false));
    assert_eq!(written.body, b"{\n  \"a\": 1,,\n}", "as it stands");

    let words = message(b"words");
    let mut draft = content(&words);
    draft.body = text("other words", false);
    assert_eq!(troubles(&draft, &words), []);
    draft.properties.push(field("content-type", "text", "application/json"));
    assert!(troubles(&draft, &words)[0].words.contains("its content type says that it is JSON"));
}

#[test]
fn wrong_headers_are_said_at_their_rows() {
    let json = message(b"{}");
    let mut draft = content(&json);
    draft.headers = vec![
        field("fine", "int8", "1"),
        field("n", "int8", "300"),
        field("", "text", "x"),
        field("fine", "text", "again"),
        field("x-death", "text", "x"),
        field("x-queuescope-redrive", "text", "x"),
    ];
    let found = troubles(&draft, &json);
    let rows: Vec<_> = found.iter().map(|trouble| trouble.at).collect();
    assert_eq!(rows, [1, 2, 3, 4, 5].map(|row| TroubleAt::Header { row }));
    assert!(found[3].words.contains("left out when a message is sent"), "{}", found[3].words);
}

#[test]
fn a_header_of_a_mebibyte_is_refused_at_its_row_before_anything_is_planned() {
    let json = message(b"{}");
    let mut draft = content(&json);
    draft.headers.push(field("stack", "text", &"x".repeat(1024 * 1024)));
    let [trouble] = troubles(&draft, &json).try_into().unwrap();
    assert_eq!(trouble.at, TroubleAt::Header { row: 1 });
    assert!(trouble.words.contains("they travel in one frame"), "{}", trouble.words);
    let mut came_so = json.clone();
    came_so.headers.push("stack", "x".repeat(200 * 1024));
    assert_eq!(troubles(&content(&came_so), &came_so), [], "what came so large may be sent so");
}

#[tokio::test]
async fn a_draft_outlives_the_program_and_two_windows_do_not_overwrite_each_other() {
    let shop = Shop::open().await;
    let mut draft = shop.blank("workshop.reminders").await;
    draft.content.body = text("{\"first\": 1", false);
    assert!(shop.workbench.drafts(shop.profile).await.unwrap().is_empty(), "nothing is kept before the first change");
    let first = shop.keep(&draft).await.unwrap();
    let other = shop.workbench.open_draft(draft.id).await.unwrap();
    assert_eq!((&other.draft, other.check.troubles.len()), (&first, 1), "kept although it is no JSON");

    let mut ours = first.clone();
    ours.content.body = text("{}", false);
    let second = shop.keep(&ours).await.unwrap();
    let refused = shop.keep(&other.draft).await.unwrap_err();
    assert!(matches!(refused, Error::Refused { code: RefusedCode::DraftChanged, .. }), "{refused}");

    let Shop { workbench: bench, profile, dir } = shop;
    drop(bench);
    let bench = workbench(&dir).await;
    let listed = bench.drafts(profile).await.unwrap();
    assert_eq!(listed.iter().map(|row| (row.id, row.revision)).collect::<Vec<_>>(), [(draft.id, 2)]);
    assert_eq!(bench.open_draft(draft.id).await.unwrap().draft, second);
    bench.give_up_draft(draft.id).await.unwrap();
    let gone = bench.keep_draft(second).await.unwrap_err();
    assert!(matches!(gone, Error::NoSuch { what: "draft", .. }), "{gone}");
}

#[tokio::test]
async fn a_draft_is_published_once_it_makes_sense_and_is_then_done_with() {
    let shop = Shop::open().await;
    let mut draft = shop.blank("workshop.reminders").await;
    draft.content.body = text("{\"order\": ", false);
    let broken = shop.keep(&draft).await.unwrap();
    let revision = |draft: &Draft| DraftRevision { draft: draft.id, revision: draft.revision };
    let refused = shop.workbench.publish_draft(shop.profile, revision(&broken)).await.unwrap_err();
    assert!(refused.to_string().contains("this is no JSON"), "{refused}");

    draft = broken;
    draft.content.body = text("{\"order\": 1}", false);
    draft.content.headers.push(field("attempt", "int16", "3"));
    let whole = shop.keep(&draft).await.unwrap();
    let offer = shop.workbench.offer_draft(whole.clone()).await.unwrap();
    assert_eq!((offer.reached[0].queue.as_str(), offer.writes_locked), ("workshop.reminders", false));
    let published = shop.workbench.publish_draft(shop.profile, revision(&whole)).await.unwrap();
    assert_eq!(published.state, PublishedAs::Confirmed);
    assert!(shop.workbench.drafts(shop.profile).await.unwrap().is_empty());

    let mut nowhere = shop.blank("no.such.queue").await;
    nowhere.content.body = text("{}", false);
    let nowhere = shop.keep(&nowhere).await.unwrap();
    let published = shop.workbench.publish_draft(shop.profile, revision(&nowhere)).await.unwrap();
    assert_eq!(published.state, PublishedAs::Unroutable);
    assert_eq!(shop.workbench.drafts(shop.profile).await.unwrap().len(), 1, "what was not taken is kept");
}

#[tokio::test]
async fn a_template_is_kept_by_name_and_begins_other_messages() {
    let shop = Shop::open().await;
    let mut draft = shop.blank("workshop.reminders").await;
    draft.content.headers.push(field("n", "int64", "9007199254740993"));
    shop.workbench.save_template(" Reminder ", draft.clone()).await.unwrap();
    shop.workbench.save_template("REMINDER", draft.clone()).await.unwrap();
    assert_eq!(shop.workbench.template_names().await.unwrap(), ["REMINDER"]);
    let from = DraftFrom::Template { name: "reminder".into() };
    let begun = shop.workbench.begin_draft(shop.profile, from.clone()).await.unwrap().draft;
    assert_eq!((begun.content, begun.revision), (draft.content.clone(), 0));
    assert_ne!(begun.id, draft.id);
    shop.workbench.remove_template("reminder").await.unwrap();
    assert!(matches!(shop.workbench.begin_draft(shop.profile, from).await, Err(Error::NoSuch { .. })));
    assert!(matches!(shop.workbench.save_template(" ", draft).await, Err(Error::Invalid { .. })));
}

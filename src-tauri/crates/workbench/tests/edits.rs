//! Edits of bodies with the real worker: this very program started again, which is why it has a `main` of its own.
#![allow(clippy::unwrap_used, reason = "a test may stop where it is")]

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use broker::{Broker, CheckStep, Driver, Form, Kind, Message, Rules, Secret, Settings, Target, Value};
use libtest_mimic::{Arguments, Failed, Trial};
use sandbox::{Sandbox, SandboxRules};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use workbench::{
    CaptureId, Edit, EditPreview, EditStep, Environment, Error, HeaderValue, Options, ProfileDraft, ProfileId,
    SecretKeeper, Workbench,
};

fn main() -> ExitCode {
    if workbench::run_as_edit_worker() {
        return ExitCode::SUCCESS;
    }
    macro_rules! trials {
        ($($test:ident,)*) => { vec![$(Trial::test(stringify!($test), || run($test()))),*] };
    }
    let trials = trials![
        a_preview_shows_both_sides_and_why_not,
        a_preview_of_what_makes_no_sense_is_refused,
        large_bodies_are_shown_within_one_bound,
        an_endless_program_is_ended_in_time,
        a_program_that_takes_all_memory_is_ended,
        a_program_that_calls_itself_for_ever_is_ended,
        a_pattern_that_takes_for_ever_is_ended,
        what_hurts_at_one_message_is_no_harm_to_the_next,
        after_so_many_lost_workers_no_message_is_tried,
        bodies_of_every_size_come_back_whole,
        no_worker_outlives_its_editor,
    ];
    // One after the other: they measure time, and count processes.
    let arguments = Arguments { test_threads: Some(1), ..Arguments::from_args() };
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn run(test: impl Future<Output = ()>) -> Result<(), Failed> {
    tokio::runtime::Runtime::new()?.block_on(test);
    Ok(())
}

/// Opens the one sandbox of a test.
#[derive(Debug)]
struct Laid(Sandbox);

#[async_trait]
impl Driver for Laid {
    fn kind(&self) -> Kind {
        Kind("laid")
    }

    fn form(&self) -> Form {
        let text = || "laid out".to_owned();
        Form { title: text(), subtitle: text(), tag: text(), secret_label: None, fields: Vec::new() }
    }

    fn read_url(&self, _: &str) -> broker::Result<(Settings, Secret)> {
        Ok((Settings::default(), Secret::none()))
    }

    fn rules(&self) -> Arc<dyn Rules> {
        Arc::new(SandboxRules)
    }

    async fn check(&self, _: &Settings, _: &Secret, _: mpsc::Sender<CheckStep>) -> broker::Result<()> {
        Ok(())
    }

    async fn open(&self, _: &Settings, _: &Secret) -> broker::Result<Arc<dyn Broker>> {
        Ok(Arc::new(self.0.connect()))
    }
}

/// Keeps nothing.
#[derive(Debug)]
struct NoSecrets;

#[async_trait]
impl SecretKeeper for NoSecrets {
    async fn put(&self, _: ProfileId, _: &str) -> Result<(), String> {
        Err("there is no keychain".to_owned())
    }

    async fn get(&self, _: ProfileId) -> Result<Option<Secret>, String> {
        Ok(None)
    }

    async fn remove(&self, _: ProfileId) -> Result<(), String> {
        Ok(())
    }
}

/// A capture of these messages.
struct Bench {
    workbench: Workbench,
    capture: CaptureId,
    _dir: tempfile::TempDir,
}

impl Bench {
    async fn of(messages: Vec<Message>) -> Self {
        let (sandbox, n) = (Sandbox::bare(), messages.len() as u64);
        sandbox.declare_queue("dead");
        for message in messages {
            sandbox.publish_raw(&Target::Queue { queue: "dead".into() }, message);
        }
        let dir = tempfile::tempdir().unwrap();
        let options = Options {
            data_dir: dir.path().join("data"),
            drivers: vec![Arc::new(Laid(sandbox))],
            secrets: Arc::new(NoSecrets),
        };
        let workbench = Workbench::open(options).await.unwrap();
        let draft = ProfileDraft {
            id: None,
            name: "laid out".into(),
            kind: "laid".into(),
            environment: Environment::Local,
            read_only: false,
            settings: Settings::default(),
        };
        let profile = workbench.save_profile(draft, None).await.unwrap().profile.id;
        workbench.open_connection(profile, None).await.unwrap();
        let peek = workbench.peek_queue(profile, "dead".into(), n, None, CancellationToken::new(), |_| {});
        let capture = Box::pin(peek).await.unwrap().capture;
        Self { workbench, capture, _dir: dir }
    }

    async fn bodies(bodies: &[&str]) -> Self {
        let message = |body: &&str| Message { body: body.as_bytes().to_vec(), ..Message::default() };
        Self::of(bodies.iter().map(message).collect()).await
    }

    async fn preview(&self, messages: impl IntoIterator<Item = u64>, steps: Vec<EditStep>) -> Vec<EditPreview> {
        let messages = messages.into_iter().collect();
        self.workbench.preview_edit(self.capture, messages, Edit { steps }).await.unwrap()
    }

    /// Why the first message cannot be edited, and how long it took to say so.
    async fn why_not(&self, step: EditStep) -> (String, Duration) {
        let began = Instant::now();
        let preview = self.preview([1], vec![step]).await.remove(0);
        assert_eq!((preview.after, preview.changed), (None, false));
        (preview.why_not.unwrap(), began.elapsed())
    }
}

fn jq(program: &str) -> EditStep {
    EditStep::Jq { program: program.into() }
}

fn replace(pattern: &str, with: &str) -> EditStep {
    EditStep::ReplaceText { pattern: pattern.into(), with: with.into() }
}

fn set(name: &str, value: &str) -> EditStep {
    EditStep::SetHeader { name: name.into(), value: HeaderValue::Text { value: value.into() } }
}

/// Two seconds, and what starting the program takes.
const IN_TIME: Duration = Duration::from_millis(3500);

async fn a_preview_shows_both_sides_and_why_not() {
    let headers = [("x-hint", Value::from("primary")), ("x-n", Value::I32(7))].into_iter().collect();
    let bench = Bench::of(vec![
        Message { body: br#"{"gateway":"eu-1","id":9007199254740993}"#.to_vec(), headers, ..Message::default() },
        Message { body: br#"{ "gateway": "eu-2" }"#.to_vec(), ..Message::default() },
        Message { body: b"plain".to_vec(), ..Message::default() },
        Message { body: vec![0xff, 0], ..Message::default() },
    ])
    .await;
    let steps = vec![replace("eu-1", "eu-2"), jq(r#".gateway = "eu-2""#)];
    let mut previews = bench.preview([1, 2, 3, 4], [steps.clone(), vec![set("x-hint", "secondary")]].concat()).await;

    let first = previews.remove(0);
    let after = first.after.unwrap();
    assert_eq!(first.before.body.text, "{\n  \"gateway\": \"eu-1\",\n  \"id\": 9007199254740993\n}");
    assert_eq!(after.body.text, "{\n  \"gateway\": \"eu-2\",\n  \"id\": 9007199254740993\n}");
    let shown = |fields: &[workbench::FieldView]| -> Vec<_> {
        fields.iter().map(|field| (field.name.clone(), field.value.clone())).collect()
    };
    assert_eq!(shown(&first.before.headers), [("x-hint".to_owned(), "primary".to_owned())]);
    assert_eq!(shown(&after.headers), [("x-hint".to_owned(), "secondary".to_owned())]);
    assert_eq!((first.before.headers_same, after.headers_same, first.changed), (1, 1, true));

    let same = bench.preview([2], steps).await.remove(0);
    assert!(!same.changed && same.why_not.is_none(), "{same:?}");
    assert_eq!(same.after.unwrap().body, same.before.body);

    let why = "step 2 (jq): its body is not JSON that can be edited: expected value at line 1 column 1";
    assert_eq!(previews[1].why_not.as_deref(), Some(why));
    assert_eq!((previews[1].n, previews[1].before.body.text.as_str()), (3, "plain"), "it is shown all the same");
    assert_eq!(previews[2].why_not.as_deref(), Some("step 1 (replace text): its body is not UTF-8 text"));
}

async fn a_preview_of_what_makes_no_sense_is_refused() {
    let bench = Bench::bodies(&["{}"]).await;
    let preview = async |messages: Vec<u64>, step| {
        bench.workbench.preview_edit(bench.capture, messages, Edit { steps: vec![step] }).await.unwrap_err()
    };
    for messages in [vec![], (1..=21).collect()] {
        let error = preview(messages, jq(".")).await;
        assert_eq!(error.to_string(), "between 1 and 20 messages can be shown at once");
    }
    assert!(matches!(preview(vec![2], jq(".")).await, Error::NoSuch { .. }));
    let error = preview(vec![1], jq("foo")).await;
    assert_eq!(error.to_string(), "step 1 (jq): there is no filter `foo` at line 1, column 1");
    let error = preview(vec![1], set("CC", "other")).await;
    assert!(error.to_string().starts_with("step 1 (set header): `CC` cannot be set: it is left out"), "{error}");
}

async fn large_bodies_are_shown_within_one_bound() {
    let large = format!("[{}1]", "[1,2,3],".repeat(100_000));
    let bench = Bench::bodies(&[&large, &large]).await;
    let previews = bench.preview([1, 2], vec![replace("3", "33")]).await;
    let sides = previews.iter().flat_map(|preview| [Some(&preview.before), preview.after.as_ref()]);
    let bodies: Vec<_> = sides.map(|side| &side.unwrap().body).collect();
    let shown: usize = bodies.iter().map(|body| body.text.len()).sum();
    assert!(shown <= 1024 * 1024, "{shown} bytes");
    assert_eq!(bodies[0].bytes_total, large.len() as u64);
    assert_eq!(bodies[0].note.as_deref(), Some("only its first 262144 bytes are shown"));
    assert!(previews[0].changed && large.starts_with(&bodies[0].text));

    let one = bench.preview([1], vec![jq(".[0:3]")]).await.remove(0);
    assert_eq!(one.after.unwrap().body.bytes_shown, 25, "a small one is shown whole");
}

async fn an_endless_program_is_ended_in_time() {
    let bench = Bench::bodies(&["{}"]).await;
    for program in
        ["def f: f; f", "last(repeat(1))", "[limit(1e18; repeat(1)) | select(false)]", "[range(1e15)] | length"]
    {
        let (why, took) = bench.why_not(jq(program)).await;
        let is_said = why == "the edit took longer than 1500 ms and was ended"
            || why == "the edit needs more than 512 MiB of memory";
        assert!(is_said && took < IN_TIME, "`{program}`: {why}, after {took:?}");
    }
}

async fn a_program_that_takes_all_memory_is_ended() {
    let bench = Bench::bodies(&["{\"a\":\"0123456789\"}"]).await;
    for program in [".a * 100000000000", "reduce range(60) as $i (.a; . + .)", "reduce range(60) as $i ([1]; . + .)"] {
        let (why, took) = bench.why_not(jq(program)).await;
        assert_eq!(why, "the edit needs more than 512 MiB of memory", "{program}");
        assert!(took < IN_TIME, "`{program}` took {took:?}");
    }
    let (why, _) = bench.why_not(jq(".a * 1000000000000000000")).await;
    assert_eq!(why, "the edit broke off: it asked for more than there is", "more than there can ever be");
}

async fn a_program_that_calls_itself_for_ever_is_ended() {
    let bench = Bench::bodies(&["{}"]).await;
    for program in ["def f: 1 + f; f", "def f: [f]; f"] {
        let (why, took) = bench.why_not(jq(program)).await;
        assert_eq!(why, "the edit calls itself, or is nested, without end", "{program}");
        assert!(took < IN_TIME, "`{program}` took {took:?}");
    }
    let (why, _) = bench.why_not(jq("reduce range(100000) as $i (0; [.])")).await;
    assert!(why.contains("nested") || why.contains("recursion"), "however deep the stack of this build is: {why}");
}

async fn a_pattern_that_takes_for_ever_is_ended() {
    let bench = Bench::bodies(&[&"A".repeat(2_000_000)]).await;
    let (why, took) = bench.why_not(replace(".*[^A-Z]|[A-Z]", "x")).await;
    assert_eq!(why, "the edit took longer than 1500 ms and was ended");
    assert!(took < IN_TIME, "{took:?}");
    let (why, took) = bench.why_not(replace("(?s).*", &"$0".repeat(2000))).await;
    assert_eq!(why, "the edit needs more than 512 MiB of memory");
    assert!(took < IN_TIME, "{took:?}");
}

async fn what_hurts_at_one_message_is_no_harm_to_the_next() {
    let bodies = [
        r#"{"do":"end","n":1}"#,
        r#"{"do":"loop","n":2}"#,
        r#"{"do":"end","n":3}"#,
        r#"{"do":"eat","n":4}"#,
        r#"{"do":"end","n":5}"#,
        r#"{"do":"dive","n":6}"#,
        r#"{"do":"end","n":7}"#,
    ];
    let bench = Bench::bodies(&bodies).await;
    let program = r#"def f: f; def g: 1 + g; .do as $do |
        if $do == "loop" then f elif $do == "eat" then "x" * 100000000000 elif $do == "dive" then g else .n += 10 end"#;
    let previews = bench.preview(1..=7, vec![jq(program)]).await;
    let outcomes = previews.iter().map(|preview| match &preview.after {
        Some(side) => side.body.text.lines().nth(2).unwrap().trim().to_owned(),
        None => preview.why_not.clone().unwrap(),
    });
    let wanted = [
        "\"n\": 11",
        "the edit took longer than 1500 ms and was ended",
        "\"n\": 13",
        "the edit needs more than 512 MiB of memory",
        "\"n\": 15",
        "the edit calls itself, or is nested, without end",
        "\"n\": 17",
    ];
    assert_eq!(outcomes.collect::<Vec<_>>(), wanted);
}

async fn after_so_many_lost_workers_no_message_is_tried() {
    let bench = Bench::bodies(&["{}"; 8]).await;
    let previews = bench.preview(1..=8, vec![jq("def f: 1 + f; f")]).await;
    let why: Vec<_> = previews.into_iter().map(|preview| preview.why_not.unwrap()).collect();
    assert!(why[..5].iter().all(|why| why == "the edit calls itself, or is nested, without end"), "{why:?}");
    let not_tried = "not tried, after 5 messages without an answer; at the last one the edit calls itself, or is nested, \
                     without end";
    assert!(why[5..].iter().all(|why| why == not_tried), "{why:?}");
}

async fn bodies_of_every_size_come_back_whole() {
    for bytes in [0, 1, 100, 65_536, 1_000_000, 12_000_000] {
        let body = format!("<{}>", "é".repeat(bytes / 2));
        let bench = Bench::bodies(&[&body]).await;
        let preview = bench.preview([1], vec![replace("[<>]", "|")]).await.remove(0);
        let after = preview.after.unwrap_or_else(|| panic!("{bytes}: {:?}", preview.why_not));
        assert_eq!(after.body.bytes_total, body.len() as u64);
        assert!(after.body.text.starts_with('|'), "{bytes}");
    }
    let large = Bench::bodies(&[&"a".repeat(16 * 1024 * 1024 + 1)]).await;
    let (why, _) = large.why_not(replace("a", "b")).await;
    assert_eq!(why, "its body is larger than the 16 MiB that can be edited");
    let whole = large.preview([1], vec![set("a", "b")]).await.remove(0);
    assert!(whole.changed, "its headers can be edited all the same");
}

async fn no_worker_outlives_its_editor() {
    let bench = Bench::bodies(&["{}"]).await;
    bench.preview([1], vec![jq(".a = 1")]).await;
    let endless = bench.workbench.preview_edit(bench.capture, vec![1], Edit { steps: vec![jq("def f: f; f")] });
    let dropped = tokio::time::timeout(Duration::from_millis(700), endless).await;
    assert!(dropped.is_err(), "it was dropped half way");
    for _ in 0..100 {
        if workers() == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{} workers are left", workers());
}

/// Processes that this one started and that still run.
#[cfg(target_os = "linux")]
fn workers() -> usize {
    let ours = std::process::id().to_string();
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let is_ours = |entry: &std::fs::DirEntry| {
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let after_name = stat.rsplit(')').next().unwrap_or_default();
        let fields: Vec<_> = after_name.split_whitespace().collect();
        fields.get(1).is_some_and(|parent| *parent == ours) && fields[0] != "Z"
    };
    processes.filter(is_ours).count()
}

#[cfg(not(target_os = "linux"))]
fn workers() -> usize {
    0
}

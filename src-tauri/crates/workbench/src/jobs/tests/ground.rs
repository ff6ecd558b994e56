use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use broker::{
    Broker, CheckStep, Death, DeathReason, Driver, Field, Form, Kind, Message, Result, Routing, Rules, Secret,
    Settings, Target,
};
use sandbox::{QueueSetup, Returns, Sandbox, SandboxRules};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::jobs::plan::Plan;
use crate::jobs::running::Undertaking;
use crate::store::MemorySecrets;
use crate::{
    AnswerFor, CaptureId, DeedAsk, Environment, Error, JobId, JobState, JobView, Options, PeekEnd, PlanView,
    ProfileDraft, ProfileId, RefusedCode, Selection, SendOptions, Sending, TargetChoice, Workbench,
};

/// Opens the one sandbox that a test lays out.
#[derive(Debug)]
struct Laid(Sandbox);

#[async_trait]
impl Driver for Laid {
    fn kind(&self) -> Kind {
        Kind("laid")
    }

    fn form(&self) -> Form {
        let text = || "laid out".to_owned();
        let host = Field { name: "host".into(), label: "Host".into(), ..Field::default() };
        Form { title: text(), subtitle: text(), tag: text(), secret_label: None, fields: vec![host] }
    }

    fn read_url(&self, _url: &str) -> Result<(Settings, Secret)> {
        Ok((Settings::default(), Secret::none()))
    }

    fn rules(&self) -> Arc<dyn Rules> {
        Arc::new(SandboxRules)
    }

    async fn check(&self, _: &Settings, _: &Secret, _: mpsc::Sender<CheckStep>) -> Result<()> {
        Ok(())
    }

    async fn open(&self, _: &Settings, _: &Secret) -> Result<Arc<dyn Broker>> {
        Ok(Arc::new(self.0.connect()))
    }
}

/// A workbench with an open connection to a sandbox that has the queues `dead` and `work`.
pub(super) struct Ground {
    pub(super) workbench: Workbench,
    pub(super) sandbox: Sandbox,
    pub(super) profile: ProfileId,
    dir: tempfile::TempDir,
}

impl Ground {
    pub(super) async fn new() -> Self {
        Self::of(QueueSetup::new("dead"), Environment::Local).await
    }

    /// `dead` destroys what failed more than twice when it is given back.
    pub(super) async fn destroying() -> Self {
        Self::of(QueueSetup::new("dead").returning(Returns::Destroys { limit: 2 }).keeps_counts(), Environment::Local)
            .await
    }

    pub(super) async fn of(dead: QueueSetup, environment: Environment) -> Self {
        let sandbox = Sandbox::bare();
        sandbox.declare_queue(dead);
        sandbox.declare_queue("work");
        let dir = tempfile::tempdir().unwrap();
        let workbench = open(&dir, &sandbox).await;
        let draft = ProfileDraft {
            id: None,
            name: "laid out".into(),
            kind: "laid".into(),
            environment,
            read_only: false,
            settings: Settings::default(),
        };
        let profile = workbench.save_profile(draft, None).await.unwrap().profile.id;
        workbench.open_connection(profile, None).await.unwrap();
        Self { workbench, sandbox, profile, dir }
    }

    /// The program ends as if killed, and is started again on the same folder.
    pub(super) async fn restart(self) -> Self {
        let Self { workbench, sandbox, profile, dir } = self;
        drop(workbench);
        // The store's threads let go of its lock.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let workbench = open(&dir, &sandbox).await;
        Self { workbench, sandbox, profile, dir }
    }

    /// Lays `n` dead letters out; each failed `failures` times in `work`.
    pub(super) fn lay(&self, n: u64, failures: u64) {
        for at in 0..n {
            self.lay_one(&format!("letter {at} of {failures}"), failures);
        }
    }

    pub(super) fn lay_one(&self, body: &str, failures: u64) {
        let death = Death {
            queue: "work".into(),
            reason: DeathReason::Rejected,
            count: 1,
            at: None,
            exchange: None,
            routing_keys: vec!["work".into()],
        };
        let message = Message {
            body: body.as_bytes().to_vec(),
            routing: Routing::default(),
            deaths: vec![death],
            delivery_count: Some(failures),
            ..Message::default()
        };
        let arrived = self.sandbox.publish_raw(&Target::Queue { queue: "dead".into() }, message);
        assert_eq!(arrived.len(), 1, "it is laid out");
    }

    pub(super) async fn peek(&self, n: u64) -> PeekEnd {
        let token = CancellationToken::new();
        let peek = self.workbench.peek_queue(self.profile, "dead".into(), n, None, token, |_| {});
        Box::pin(peek).await.unwrap()
    }

    pub(super) async fn plan(&self, ask: DeedAsk) -> PlanView {
        self.workbench.make_plan(self.profile, ask).await.unwrap()
    }

    pub(super) async fn plan_redrive(&self, capture: CaptureId, messages: Vec<u64>) -> PlanView {
        self.plan(redrive(capture, messages, TargetChoice::FailedIn)).await
    }

    /// Peeks, plans and runs a redrive of the first `n`.
    pub(super) async fn redrive(&self, n: u64) -> JobView {
        let capture = self.peek(n).await.capture;
        let plan = self.plan_redrive(capture, (1..=n).collect()).await;
        self.run(plan).await
    }

    pub(super) async fn run(&self, plan: PlanView) -> JobView {
        assert_eq!(plan.blocked, None, "the plan can be started");
        let typed = plan.typed.clone();
        let job = self.workbench.start_plan(plan.id, typed).await.unwrap();
        self.ended(job).await
    }

    /// The job of a plan, written down and not begun.
    pub(super) async fn written_down(&self, plan: &Plan) -> Undertaking {
        self.workbench.write_down(std::slice::from_ref(plan), "by a click").await.unwrap().pop().unwrap()
    }

    pub(super) async fn ended(&self, job: JobId) -> JobView {
        for _ in 0..600 {
            let view = self.workbench.show_job(job).await.unwrap();
            if view.state != JobState::Running && !self.workbench.inner.jobs.runs_any() {
                return view;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the job does not end");
    }

    /// What an interrupted job is once it was looked up.
    pub(super) async fn looked_up(&self, job: JobId) -> JobView {
        for _ in 0..600 {
            let view = self.workbench.show_job(job).await.unwrap();
            if view.state != JobState::Interrupted {
                return view;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the job is not looked up");
    }

    /// Looks again, and carries out what is recommended, until nothing is.
    pub(super) async fn settle(&self, job: JobId) -> JobView {
        for _ in 0..3 {
            let view = self.reconciled(job).await;
            let answers: Vec<_> =
                view.rows.iter().filter_map(|row| Some(AnswerFor { n: row.n, answer: row.recommended? })).collect();
            if answers.is_empty() {
                return view;
            }
            self.workbench.answer_job(job, answers).await.unwrap();
        }
        self.workbench.show_job(job).await.unwrap()
    }

    /// Looks at both ends. A connection that was just opened may be doing so by itself.
    async fn reconciled(&self, job: JobId) -> JobView {
        for _ in 0..600 {
            match self.workbench.reconcile_job(job).await {
                Err(Error::Refused { code: RefusedCode::Busy, .. }) => {
                    tokio::time::sleep(Duration::from_millis(20)).await
                }
                other => return other.unwrap(),
            }
        }
        panic!("the job stays busy");
    }

    /// How many locks of jobs are there.
    pub(super) fn locks(&self) -> usize {
        std::fs::read_dir(self.dir.path().join("data/locks")).unwrap().count()
    }

    /// How often each body is in `dead` and in `work`.
    pub(super) fn bodies(&self) -> BTreeMap<String, (usize, usize)> {
        let mut bodies: BTreeMap<String, (usize, usize)> = BTreeMap::new();
        let text = |message: Message| String::from_utf8(message.body).unwrap();
        self.sandbox.ready("dead").into_iter().for_each(|message| bodies.entry(text(message)).or_default().0 += 1);
        self.sandbox.ready("work").into_iter().for_each(|message| bodies.entry(text(message)).or_default().1 += 1);
        bodies
    }

    /// Every one of `n` letters is in exactly one place, and held by nobody.
    pub(super) fn assert_each_once(&self, n: usize) {
        let bodies = self.bodies();
        assert_eq!(bodies.len(), n, "every letter is somewhere: {bodies:?}");
        for (body, (dead, work)) in bodies {
            assert_eq!(dead + work, 1, "`{body}` is in one place");
        }
        assert_eq!(self.sandbox.held("dead"), 0, "nobody holds anything");
    }
}

async fn open(dir: &tempfile::TempDir, sandbox: &Sandbox) -> Workbench {
    let options = Options {
        data_dir: dir.path().join("data"),
        drivers: vec![Arc::new(Laid(sandbox.clone()))],
        secrets: Arc::new(MemorySecrets::default()),
    };
    Workbench::open(options).await.unwrap()
}

/// Chosen messages of a capture, sent and removed.
pub(super) fn redrive(capture: CaptureId, messages: Vec<u64>, to: TargetChoice) -> DeedAsk {
    let from = Selection::Chosen { capture, messages };
    DeedAsk::Send { deed: Sending::Redrive, from, to, options: SendOptions::default() }
}

/// The first of a queue, or all of it.
pub(super) fn first(deed: Sending, queue: &str, n: Option<u64>, to: TargetChoice, options: SendOptions) -> DeedAsk {
    DeedAsk::Send { deed, from: Selection::First { queue: queue.into(), n }, to, options }
}

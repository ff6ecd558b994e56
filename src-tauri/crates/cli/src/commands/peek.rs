use broker::QueueName;
use clap::Args;

use crate::connection::Connect;
use crate::consent::CostConsent;
use crate::failure::{Exit, Failure};
use crate::look;
use crate::messages::Print;
use crate::session::Session;

/// Read the first messages of a queue and give them back
///
/// What that costs is said first: most brokers mark messages or count. Where it could remove one it is refused, with the
/// ways out. What was read is also kept on this computer, for `qscope snapshots show`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  qscope peek -c shop orders.dead -n 5
  qscope peek -c shop orders.dead -n 100 --filter 'header.reason=timeout body.customer.id=4711'
  qscope --json peek -c shop orders.dead | jq -r .body")]
pub(crate) struct Peek {
    #[command(flatten)]
    connect: Connect,
    /// The queue
    queue: QueueName,
    /// How many messages to read
    #[arg(short, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    n: u64,
    #[command(flatten)]
    print: Print,
    #[command(flatten)]
    consent: CostConsent,
}

impl Peek {
    pub(crate) async fn run(self, session: &Session) -> Result<Exit, Failure> {
        let profile = self.connect.open(session).await?;
        let looked = look::look(session, &profile, &self.queue, self.n, &self.consent).await?;
        let printed = self.print.run(session, looked.capture, u64::MAX).await?;
        let of = looked.of.map(|of| format!(" of {of}")).unwrap_or_default();
        let matching =
            if self.print.filter.is_empty() { String::new() } else { format!(", {} match", printed.matching) };
        session.out.note(&format!("{}{of} read{matching}; {}; kept as {}", looked.read, looked.words, looked.capture));
        Ok(exit_of(session, looked.stopped.as_deref()))
    }
}

/// How the program ends after something was read.
pub(super) fn exit_of(session: &Session, stopped: Option<&str>) -> Exit {
    if session.stop.is_cancelled() {
        return Exit::Interrupted;
    }
    match stopped {
        Some(why) => {
            session.out.warn(&crate::out::clean(why));
            Exit::Partly
        }
        None => Exit::Done,
    }
}

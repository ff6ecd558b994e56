//! What a crash left, reckoned from the journal and from what was seen at both ends. Pure: the looks are made elsewhere.
//! Nothing is guessed: what cannot be known stays in doubt, with what is known of both ends.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use broker::{MessageKey, QueueName, Target};

use super::machine::Met;
use super::row::{Errand, Row};
use super::{Answer, End, MessageState};

/// What a look into one queue found.
#[derive(Debug, Clone)]
pub(crate) enum Sight {
    /// All of it was seen.
    Whole {
        /// How often each key is there, and where last.
        tally: HashMap<MessageKey, Met>,
        /// The numbers of this job's redrive ids that are there.
        ours: BTreeSet<u64>,
        /// Nobody else takes messages from it, as far as the broker tells.
        undisturbed: bool,
        /// Giving back destroys nothing there.
        keeps: bool,
    },
    Not {
        why: String,
    },
}

/// Both ends of a job.
#[derive(Debug)]
pub(crate) struct Ends<'a> {
    /// The rows up to this number are all that the job met until then, in their order. 0: it names messages one by one,
    /// and met others; or it held them in several leases, which come back in any order when their connections die.
    pub(crate) met_to: u64,
    pub(crate) source_name: Option<&'a QueueName>,
    pub(crate) source: &'a Sight,
    pub(crate) targets: &'a BTreeMap<QueueName, Sight>,
}

/// What is known of one row now.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reckoned {
    pub(crate) n: u64,
    pub(crate) state: MessageState,
    pub(crate) why: String,
    pub(crate) at_source: End,
    pub(crate) at_target: End,
}

/// Reckons every row that has no end yet, or that waits for an answer.
pub(crate) fn reckon(rows: &[Row], ends: &Ends<'_>) -> Vec<Reckoned> {
    let at_source = sources(rows, ends);
    let open = rows.iter().filter(|row| is_unsettled(row));
    open.map(|row| {
        let source = at_source.get(&row.n).cloned().unwrap_or(End::NotApplicable);
        let target = target_of(row, ends);
        let (state, why) = settle(row, &source, &target);
        let source = match state {
            MessageState::OnlyOurCopy => said_with_care(source, ends.source),
            _ => source,
        };
        Reckoned { n: row.n, state, why, at_source: source, at_target: target }
    })
    .collect()
}

fn is_unsettled(row: &Row) -> bool {
    row.state.is_under_way() || row.is_open()
}

/// An absent message is only our copy for certain where nobody else takes messages.
fn said_with_care(source: End, sight: &Sight) -> End {
    match (source, sight) {
        (End::No, Sight::Whole { undisturbed: false, .. }) => {
            End::NotLooked { why: "not there now; the queue has consumers, and one may have taken it".to_owned() }
        }
        (source, _) => source,
    }
}

/// Whether each unsettled message is still in its queue. Equal ones are told apart by counting only, and where the
/// count leaves more than one reading nothing is said.
fn sources(rows: &[Row], ends: &Ends<'_>) -> HashMap<u64, End> {
    let sight = ends.source;
    let mut by_key: BTreeMap<&MessageKey, Vec<&Row>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.errand.starts_in_queue()) {
        by_key.entry(&row.key).or_default().push(row);
    }
    let surely_met = surely_met(&by_key, ends);
    let mut found = HashMap::new();
    for (key, rows) in by_key {
        match sight {
            Sight::Not { why } => {
                let not_looked = |row: &&Row| (row.n, End::NotLooked { why: why.clone() });
                found.extend(rows.iter().filter(|row| is_unsettled(row)).map(not_looked));
            }
            Sight::Whole { tally, undisturbed, keeps, .. } => {
                let met = tally.get(key).copied().unwrap_or_default();
                let mut twins = Twins::of(&rows);
                if *undisturbed && surely_met.is_some_and(|place| met.last_at < place) {
                    twins.there.get_or_insert(rows.len() as u64);
                }
                found.extend(twins.tell_apart(met.times, *undisturbed, *keeps));
            }
        }
    }
    found
}

/// A place in the queue before which lies nothing but what the job has met: that of one of its messages which is surely
/// there and has no equal. A job meets messages in their order, and what comes back lies before what was never handed
/// out: that holds of every broker that we reach.
fn surely_met(by_key: &BTreeMap<&MessageKey, Vec<&Row>>, ends: &Ends<'_>) -> Option<u64> {
    let Sight::Whole { tally, .. } = ends.source else { return None };
    let place = |(key, rows): (&&MessageKey, &Vec<&Row>)| {
        let [row] = rows.as_slice() else { return None };
        let is_kept = if is_unsettled(row) { !may_be_removed(row) } else { stays_in_queue(row) };
        let met = tally.get(*key).filter(|met| met.times == 1 && is_kept && row.n <= ends.met_to);
        met.map(|met| met.last_at)
    };
    by_key.iter().filter_map(place).max()
}

/// Equal messages of one job.
#[derive(Debug, Default)]
struct Twins {
    /// How many there were in the queue, chosen or not, where all of it had been read.
    there: Option<u64>,
    /// Rows whose message we certainly did not remove. Any equal message will do for them.
    kept: Vec<u64>,
    /// Rows whose message we may have removed.
    maybe_removed: Vec<u64>,
    /// How many were left where they are.
    staying: u64,
    /// How many were removed, or were not there.
    away: u64,
}

impl Twins {
    fn of(rows: &[&Row]) -> Self {
        let mut twins = Self { there: rows.first().and_then(|row| row.twins_there), ..Self::default() };
        for row in rows {
            if !is_unsettled(row) {
                if stays_in_queue(row) { twins.staying += 1 } else { twins.away += 1 }
            } else if may_be_removed(row) {
                twins.maybe_removed.push(row.n);
            } else {
                twins.kept.push(row.n);
            }
        }
        twins
    }

    fn tell_apart(&self, seen: u64, undisturbed: bool, keeps: bool) -> Vec<(u64, End)> {
        let end = |n: &u64, at: usize, absent: Option<usize>| match absent {
            Some(absent) if at < absent => (*n, End::No),
            Some(_) => (*n, End::Yes),
            None => {
                let why = format!("{seen} equal messages are there: whether this is one of them cannot be told");
                (*n, End::NotLooked { why })
            }
        };
        let kept = self.kept_absent(seen, keeps);
        let removed = self.removed(seen, undisturbed && keeps);
        let kept = self.kept.iter().enumerate().map(|(at, n)| end(n, at, kept));
        kept.chain(self.maybe_removed.iter().enumerate().map(|(at, n)| end(n, at, removed))).collect()
    }

    /// How many of those that are expected there are not; `None`: more are there than expected, or it is not known how
    /// many to expect.
    fn missing(&self, seen: u64) -> Option<usize> {
        usize::try_from(self.there?.saturating_sub(self.away).checked_sub(seen)?).ok()
    }

    /// All equal messages of the queue are rows of one sort, so the count says it all.
    fn are_alike(&self) -> bool {
        let rows = self.kept.len() + self.maybe_removed.len();
        let all = rows as u64 + self.staying + self.away;
        self.there == Some(all) && self.staying == 0 && (self.kept.is_empty() || self.maybe_removed.is_empty())
    }

    fn kept_absent(&self, seen: u64, keeps: bool) -> Option<usize> {
        let all = self.kept.len();
        match self.missing(seen) {
            _ if seen == 0 => Some(all),
            Some(missing) if missing == 0 || self.are_alike() => Some(missing.min(all)),
            // Another consumer may have had one: any equal one will do in its place.
            _ if keeps => Some(all.saturating_sub(usize::try_from(seen).unwrap_or(usize::MAX))),
            _ => None,
        }
    }

    /// How many of those that may have been removed were.
    fn removed(&self, seen: u64, nobody_else: bool) -> Option<usize> {
        let all = self.maybe_removed.len();
        match self.missing(seen) {
            _ if seen == 0 => Some(all),
            Some(missing) if missing == 0 || self.are_alike() || (nobody_else && missing <= all) => {
                Some(missing.min(all))
            }
            // Those that are seen are explained by those that we certainly kept.
            None if self.there.is_none() && nobody_else && seen == self.staying + self.kept.len() as u64 => Some(all),
            _ => None,
        }
    }
}

/// Its removal may have been under way.
fn may_be_removed(row: &Row) -> bool {
    let states = [MessageState::Removing, MessageState::Published, MessageState::LeftBehind];
    states.contains(&row.state) || row.errand == Errand::Remove
}

/// It was left in its queue for good.
pub(crate) fn stays_in_queue(row: &Row) -> bool {
    match row.errand {
        Errand::GiveBack(end) => row.state == end,
        Errand::Send | Errand::Take | Errand::Discard | Errand::Remove => matches!(
            row.state,
            MessageState::NotStarted
                | MessageState::Unroutable
                | MessageState::Refused
                | MessageState::Failed
                | MessageState::Skipped
                | MessageState::LeftBehind
        ),
        Errand::Copy => row.state != MessageState::OnlyOurCopy,
        Errand::PutBack(_) | Errand::SendCopy | Errand::GiveUp => false,
    }
}

fn target_of(row: &Row, ends: &Ends<'_>) -> End {
    let sight = match (row.errand, &row.target) {
        (Errand::PutBack(_), _) => Some(ends.source),
        (Errand::Send | Errand::Copy | Errand::SendCopy | Errand::Remove, Some(Target::Queue { queue })) => {
            // A target that is the source itself was looked at there.
            if ends.source_name == Some(queue) { Some(ends.source) } else { ends.targets.get(queue) }
        }
        (Errand::Send | Errand::Copy | Errand::SendCopy | Errand::Remove, Some(Target::Exchange { .. })) => {
            return End::NotLooked {
                why: "it went to an exchange: where it would be is not known for certain".to_owned(),
            };
        }
        _ => return End::NotApplicable,
    };
    match sight {
        Some(Sight::Whole { ours, .. }) if ours.contains(&row.n) => End::Yes,
        Some(Sight::Whole { undisturbed: true, .. }) => End::No,
        Some(Sight::Whole { .. }) => {
            End::NotLooked { why: "not there now; the queue has consumers, and one may have taken it".to_owned() }
        }
        Some(Sight::Not { why }) => End::NotLooked { why: why.clone() },
        None => End::NotLooked { why: "nobody has looked yet".to_owned() },
    }
}

fn settle(row: &Row, source: &End, target: &End) -> (MessageState, String) {
    if row.state == MessageState::Planned {
        return match source {
            End::No => (MessageState::Gone, "not in the queue any more".to_owned()),
            _ => (MessageState::NotStarted, "not started when the program ended".to_owned()),
        };
    }
    match row.errand {
        Errand::Send | Errand::Remove => settle_sent(row, source, target),
        Errand::Copy if row.state == MessageState::Copied || *source == End::No => {
            settle_given_back(row, MessageState::NotStarted, source)
        }
        Errand::Copy | Errand::SendCopy => settle_copy(row, target),
        Errand::PutBack(end) => settle_put_back(row, end, source, target),
        Errand::GiveBack(end) => settle_given_back(row, end, source),
        Errand::Take | Errand::Discard => settle_taken(source),
        Errand::GiveUp => (MessageState::Done, String::new()),
    }
}

fn settle_sent(row: &Row, source: &End, target: &End) -> (MessageState, String) {
    let was_confirmed = matches!(row.state, MessageState::Published | MessageState::LeftBehind)
        || (row.state == MessageState::Removing && row.errand != Errand::Remove);
    if row.state == MessageState::OnlyOurCopy {
        return match (target, source) {
            (End::Yes, _) => (MessageState::Done, "it arrived".to_owned()),
            (_, End::Yes) => (MessageState::NotStarted, "it is in its queue after all".to_owned()),
            _ => (MessageState::OnlyOurCopy, row.why.clone()),
        };
    }
    if row.state == MessageState::Copied {
        return settle_given_back(row, MessageState::NotStarted, source);
    }
    match (was_confirmed || *target == End::Yes, source) {
        (true, End::No) if was_confirmed => (MessageState::Done, "it arrived, and the original is removed".to_owned()),
        // It was certainly not us who removed it.
        (true, End::No) => (MessageState::Gone, "it arrived, and somebody else took the original".to_owned()),
        (true, _) => (MessageState::LeftBehind, "it arrived; the original was not seen to be removed".to_owned()),
        // The user said that it arrived, and removing it was under way.
        (false, End::No) if row.errand == Errand::Remove => (MessageState::Done, "the original is removed".to_owned()),
        (false, End::No) if *target == End::No => {
            (MessageState::OnlyOurCopy, "it is neither in its queue nor at its target".to_owned())
        }
        (false, _) => (MessageState::InDoubt, "it was being sent, and no answer was seen".to_owned()),
    }
}

fn settle_copy(row: &Row, target: &End) -> (MessageState, String) {
    match (row.state, target) {
        (MessageState::Copied, _) => (MessageState::NotStarted, "not started when the program ended".to_owned()),
        (_, End::Yes) => (MessageState::Done, "it arrived".to_owned()),
        (MessageState::OnlyOurCopy, _) => (MessageState::OnlyOurCopy, row.why.clone()),
        _ => (MessageState::InDoubt, "it was being sent, and no answer was seen".to_owned()),
    }
}

fn settle_put_back(row: &Row, end: MessageState, source: &End, target: &End) -> (MessageState, String) {
    let arrived = *target == End::Yes
        || matches!(row.state, MessageState::Published | MessageState::LeftBehind | MessageState::Removing);
    match (arrived, source) {
        (true, End::No) => (end, row.why.clone()),
        (true, _) => (
            MessageState::LeftBehind,
            "it was put back at the end of its queue, and may still be in its old place".to_owned(),
        ),
        (false, End::Yes) if *target == End::No => (end, "it is where it was".to_owned()),
        (false, End::No) if *target == End::No => {
            (MessageState::OnlyOurCopy, "the broker did not keep it: our copy is the only one".to_owned())
        }
        (false, _) if row.state == MessageState::OnlyOurCopy => (MessageState::OnlyOurCopy, row.why.clone()),
        (false, _) => (MessageState::InDoubt, "it was being put back, and no answer was seen".to_owned()),
    }
}

fn settle_given_back(row: &Row, end: MessageState, source: &End) -> (MessageState, String) {
    match source {
        End::Yes if row.why.is_empty() => (end, "given back".to_owned()),
        End::Yes => (end, row.why.clone()),
        End::No => (MessageState::OnlyOurCopy, "it is not in its queue any more".to_owned()),
        _ if row.state == MessageState::OnlyOurCopy => (MessageState::OnlyOurCopy, row.why.clone()),
        _ => (MessageState::InDoubt, "it was held when the hold ended, and may have been destroyed".to_owned()),
    }
}

fn settle_taken(source: &End) -> (MessageState, String) {
    match source {
        End::No => (MessageState::Done, String::new()),
        End::Yes => (MessageState::NotStarted, "copied, not removed; it is in its queue".to_owned()),
        _ => (MessageState::LeftBehind, "copied; whether it is still in its queue is not known".to_owned()),
    }
}

/// What can be answered for a row, and what we would answer where that is safe.
pub(crate) fn answers(row: &Row, at_source: &End, at_target: &End) -> (Option<Answer>, Vec<Answer>) {
    if !row.is_open() {
        return (None, Vec::new());
    }
    let (recommended, mut answers) = all_answers(row, at_source, at_target);
    answers.retain(|answer| *answer != Answer::SendCopy || row.stored.is_some());
    (recommended.filter(|answer| answers.contains(answer)), answers)
}

fn all_answers(row: &Row, at_source: &End, at_target: &End) -> (Option<Answer>, Vec<Answer>) {
    let there = *at_source == End::Yes;
    match (row.state, row.errand) {
        (MessageState::LeftBehind, _) => (there.then_some(Answer::Remove), vec![Answer::Remove, Answer::Leave]),
        (MessageState::OnlyOurCopy, _) => {
            ((*at_source == End::No).then_some(Answer::SendCopy), vec![Answer::SendCopy, Answer::Leave])
        }
        (_, Errand::Copy | Errand::SendCopy) => {
            ((*at_target == End::No).then_some(Answer::SendCopy), vec![Answer::SendCopy, Answer::Leave])
        }
        (_, Errand::Send | Errand::Remove) => match at_source {
            End::Yes => {
                let recommended = (*at_target == End::No).then_some(Answer::SendAgain);
                (recommended, vec![Answer::Remove, Answer::SendAgain, Answer::Leave])
            }
            End::No => (None, vec![Answer::SendCopy, Answer::Leave]),
            _ => (None, vec![Answer::Remove, Answer::SendAgain, Answer::SendCopy, Answer::Leave]),
        },
        _ => (None, vec![Answer::SendCopy, Answer::Leave]),
    }
}

/// Copies that were committed in the capture while the journal did not yet say so: each becomes known. A planned row gets
/// its copy; any other message was held besides, and gets a row. Those that changed.
pub(crate) fn adopt(
    rows: &mut Vec<Row>,
    next_n: u64,
    copies: impl IntoIterator<Item = (u64, MessageKey)>,
    besides: Errand,
    chosen: bool,
) -> Vec<Row> {
    let mut twins: HashMap<MessageKey, Vec<u64>> = HashMap::new();
    let mut planned: HashMap<MessageKey, VecDeque<usize>> = HashMap::new();
    for (at, row) in rows.iter().enumerate() {
        twins.entry(row.key.clone()).or_default().push(row.twin);
        if row.state == MessageState::Planned && row.stored.is_none() && row.errand.starts_in_queue() {
            planned.entry(row.key.clone()).or_default().push_back(at);
        }
    }
    let mut changed = Vec::new();
    // A number is left out: something may have been met in between that was not copied.
    let mut next_n = next_n + 1;
    for (number, key) in copies {
        if let Some(at) = planned.get_mut(&key).and_then(VecDeque::pop_front) {
            let row = &mut rows[at];
            row.stored = Some(number);
            row.state = MessageState::Copied;
            changed.push(row.clone());
            continue;
        }
        let taken = twins.entry(key.clone()).or_default();
        let twin = (0..).find(|twin| !taken.contains(twin)).unwrap_or_default();
        taken.push(twin);
        let row = Row {
            n: next_n,
            twin,
            key,
            twins_there: None,
            chosen,
            errand: besides,
            state: MessageState::Copied,
            stored: Some(number),
            target: None,
            why: String::new(),
            closed: false,
        };
        next_n += 1;
        changed.push(row.clone());
        rows.push(row);
    }
    changed
}

/// The errand by which an answer is carried out. `None`: nothing is done at the broker.
pub(crate) fn errand_for(answer: Answer) -> Option<Errand> {
    match answer {
        Answer::Remove => Some(Errand::Remove),
        Answer::SendAgain => Some(Errand::Send),
        Answer::SendCopy => Some(Errand::SendCopy),
        Answer::Leave => None,
    }
}

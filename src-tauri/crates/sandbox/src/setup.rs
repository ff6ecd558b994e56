use broker::{Evidence, ExchangeName, Policy, Queue, QueueName, Returning, Table, Value};

const RETURNING: &str = "x-sandbox-returning";
const KEEPS_COUNTS: &str = "x-sandbox-keeps-counts";
const TTL: &str = "x-message-ttl";
const DEAD_LETTER_EXCHANGE: &str = "x-dead-letter-exchange";
const DEAD_LETTER_KEY: &str = "x-dead-letter-routing-key";
const DELIVERY_LIMIT: &str = "delivery-limit";
/// The policy that a guard puts over the one that sets the limit.
pub(crate) const GUARD_POLICY: &str = "queuescope-guard";

/// The types of exchange that the sandbox knows. The default exchange is there by itself, under the empty name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExchangeKind {
    /// The binding's key equals the message's.
    Direct,
    /// Every bound queue.
    Fanout,
    /// `*` stands for one word, `#` for any number of them.
    Topic,
}

impl ExchangeKind {
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Fanout => "fanout",
            Self::Topic => "topic",
        }
    }

    pub(crate) fn from_label(label: &str) -> Option<Self> {
        [Self::Direct, Self::Fanout, Self::Topic].into_iter().find(|kind| kind.label() == label)
    }
}

/// What happens to a message that comes back to its queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Returns {
    /// Nothing, however it comes back.
    Free,
    /// It is marked as redelivered, as in a classic queue.
    Marks,
    /// It is marked, and its count rises with every return; above the limit it dies, as in a quorum queue before 4.3.
    Counts {
        /// `None`: it is only counted.
        limit: Option<u64>,
    },
    /// Giving back kindly does not count; a lost channel and a consumer's requeue do. Every return, the kind one too,
    /// kills what has failed more often than the limit, as in a quorum queue of 4.3.
    Destroys { limit: u64 },
}

impl Returns {
    /// How often a message may fail, as it was declared.
    pub(crate) fn limit(self) -> Option<u64> {
        match self {
            Self::Free | Self::Marks => None,
            Self::Counts { limit } => limit,
            Self::Destroys { limit } => Some(limit),
        }
    }

    /// Whether a reader is told how often the message failed.
    pub(crate) fn tells_count(self) -> bool {
        matches!(self, Self::Counts { .. } | Self::Destroys { .. })
    }

    fn word(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Marks => "marks",
            Self::Counts { .. } => "counts",
            Self::Destroys { .. } => "destroys",
        }
    }
}

/// Where a queue sends what dies in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeadLetters {
    pub(crate) exchange: ExchangeName,
    /// `None`: the key the message had.
    pub(crate) key: Option<String>,
}

/// How a queue is declared. A plain one marks what is given back, keeps everything for ever, and drops what dies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueSetup {
    pub(crate) name: QueueName,
    pub(crate) returns: Returns,
    pub(crate) keeps_counts: bool,
    pub(crate) ttl_ms: Option<u64>,
    pub(crate) dead_letters: Option<DeadLetters>,
}

impl QueueSetup {
    pub fn new(name: impl Into<QueueName>) -> Self {
        Self { name: name.into(), returns: Returns::Marks, keeps_counts: false, ttl_ms: None, dead_letters: None }
    }

    /// What happens to a message that comes back.
    #[must_use]
    pub fn returning(mut self, returns: Returns) -> Self {
        self.returns = returns;
        self
    }

    /// Dead letters that arrive here keep the count of their failures. With [`Returns::Destroys`], what died of its limit
    /// elsewhere is destroyed here by the first return.
    #[must_use]
    pub fn keeps_counts(mut self) -> Self {
        self.keeps_counts = true;
        self
    }

    /// How long a message may wait here, in milliseconds. 0: whatever arrives is gone at once.
    #[must_use]
    pub fn ttl_ms(mut self, ttl_ms: u64) -> Self {
        self.ttl_ms = Some(ttl_ms);
        self
    }

    /// Where what dies here is sent, by the key it had. The exchange need not exist: then what dies is dropped.
    #[must_use]
    pub fn dead_letters_to(mut self, exchange: impl Into<ExchangeName>) -> Self {
        self.dead_letters = Some(DeadLetters { exchange: exchange.into(), key: None });
        self
    }

    /// Where what dies here is sent, by that key.
    #[must_use]
    pub fn dead_letters_to_key(mut self, exchange: impl Into<ExchangeName>, key: &str) -> Self {
        self.dead_letters = Some(DeadLetters { exchange: exchange.into(), key: Some(key.to_owned()) });
        self
    }

    /// The word for its type that RabbitMQ would use.
    pub(crate) fn label(&self) -> &'static str {
        if self.returns.tells_count() { "quorum" } else { "classic" }
    }

    /// The setup as the arguments of a queue, from which [`QueueFacts::of`] reads it back.
    pub(crate) fn arguments(&self) -> Table {
        let mut table = Table::new();
        table.push("x-queue-type", self.label());
        table.push(RETURNING, self.returns.word());
        if self.keeps_counts {
            table.push(KEEPS_COUNTS, Value::Bool(true));
        }
        if let Some(ttl_ms) = self.ttl_ms {
            table.push(TTL, Value::I64(i64::try_from(ttl_ms).unwrap_or(i64::MAX)));
        }
        if let Some(DeadLetters { exchange, key }) = &self.dead_letters {
            table.push(DEAD_LETTER_EXCHANGE, exchange.as_str());
            if let Some(key) = key {
                table.push(DEAD_LETTER_KEY, key.as_str());
            }
        }
        table
    }

    /// The policies in force: the limit comes by policy, so that a guard can mask it.
    pub(crate) fn policies(&self, guarded: bool) -> Vec<Policy> {
        let policy = |name: &str, limit: i64| Policy {
            name: name.to_owned(),
            operator: false,
            definition: Table::from_iter([(DELIVERY_LIMIT, Value::I64(limit))]),
        };
        match self.returns.limit() {
            Some(_) if guarded => vec![policy(GUARD_POLICY, -1)],
            Some(limit) => vec![policy("delivery-limit", i64::try_from(limit).unwrap_or(i64::MAX))],
            None => Vec::new(),
        }
    }
}

impl From<&str> for QueueSetup {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

/// What the arguments and policies of a queue say, read back from a topology.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QueueFacts {
    /// `None`: it was not written by a sandbox.
    pub(crate) returning: Option<Returning>,
    /// How often a message may fail, guards considered.
    pub(crate) limit: Option<u64>,
    pub(crate) keeps_counts: bool,
    pub(crate) ttl_ms: Option<u64>,
    pub(crate) dead_letter_exchange: Option<ExchangeName>,
    pub(crate) is_dead_letter_queue: bool,
    pub(crate) label: String,
}

impl QueueFacts {
    pub(crate) fn of(queue: &Queue) -> Self {
        let limit = queue.policies.iter().find_map(|policy| policy.definition.get(DELIVERY_LIMIT));
        // -1, no limit, is no u64.
        let limit = limit.and_then(Value::as_u64);
        let returning = match (queue.arguments.text(RETURNING), limit) {
            (Some("free"), _) => Some(Returning::Free),
            (Some("marks"), _) => Some(Returning::Marks),
            (Some("counts"), limit) => Some(Returning::Counts { limit }),
            (Some("destroys"), Some(limit)) => Some(Returning::Destroys { limit }),
            (Some("destroys"), None) => Some(Returning::Marks),
            _ => None,
        };
        Self {
            returning,
            limit,
            keeps_counts: queue.arguments.get(KEEPS_COUNTS) == Some(&Value::Bool(true)),
            ttl_ms: queue.arguments.get(TTL).and_then(Value::as_u64),
            dead_letter_exchange: queue.arguments.text(DEAD_LETTER_EXCHANGE).map(ExchangeName::from),
            is_dead_letter_queue: queue.is_dead_letter_queue,
            label: queue.label.clone(),
        }
    }

    pub(crate) fn evidence(&self) -> Vec<Evidence> {
        let line = |name: &str, value: String| Evidence { name: name.to_owned(), value };
        let limit = self.limit.map_or_else(|| "none".to_owned(), |limit| limit.to_string());
        let yes_or_no = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
        vec![
            line("queue type", self.label.clone()),
            line("delivery limit", limit),
            line("dead-letter queue", yes_or_no(self.is_dead_letter_queue)),
            line("keeps counts of dead letters", yes_or_no(self.keeps_counts)),
        ]
    }
}

//! A thin client of the management API. Every field of an answer may be missing: brokers differ by version, plugins and
//! the user's rights. Bodies are never logged.

use std::fmt;
use std::time::Duration;

use broker::{Error, ErrorKind, Result, Secret};
use futures::StreamExt;
use reqwest::{Certificate, Client, Method, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::{Map, Value as Json};
use url::Url;

use crate::connect::Endpoint;
use crate::error::{of_reqwest, of_status};

/// How many objects one page holds: the most that the broker gives.
pub(crate) const PAGE_SIZE: usize = 500;
/// Pages under way at once: more would only queue inside the broker.
const PAGES_AT_ONCE: usize = 3;
/// 10,000 queues are 20 pages.
const PAGES_MAX: usize = 2_000;
const BODY_BYTES_MAX: usize = 256 << 20;
const CONNECT_WAIT: Duration = Duration::from_secs(5);
const ANSWER_WAIT: Duration = Duration::from_secs(30);

/// The management API of one broker, as one user.
#[derive(Clone)]
pub(crate) struct Api {
    client: Client,
    base: Url,
    user: String,
    secret: Secret,
    vhost: String,
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("base", &self.base.as_str()).field("user", &self.user).finish_non_exhaustive()
    }
}

impl Api {
    pub(crate) fn new(endpoint: &Endpoint, secret: &Secret) -> Result<Self> {
        let doing = "set up the client of the management API";
        let mut client = Client::builder()
            .user_agent(concat!("Queuescope/", env!("CARGO_PKG_VERSION")))
            .gzip(true)
            // A redirect would carry the password to wherever it points.
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(CONNECT_WAIT)
            .timeout(ANSWER_WAIT);
        if let Some(pem) = &endpoint.ca {
            let certificates =
                Certificate::from_pem_bundle(pem.as_bytes()).map_err(|error| of_reqwest(doing, error))?;
            client = client.tls_certs_merge(certificates);
        }
        Ok(Self {
            client: client.build().map_err(|error| of_reqwest(doing, error))?,
            base: endpoint.management.clone(),
            user: endpoint.user.clone(),
            secret: secret.clone(),
            vhost: endpoint.vhost.clone(),
        })
    }

    pub(crate) fn base(&self) -> &Url {
        &self.base
    }

    pub(crate) async fn overview(&self) -> Result<Overview> {
        self.get("read the broker's overview", self.url(&["overview"])?).await
    }

    /// The overview, and the broker's clock as the HTTP header says it: to the second.
    pub(crate) async fn overview_and_date(&self) -> Result<(Overview, Option<String>)> {
        let doing = "read the broker's overview";
        let response = self.send(doing, self.client.get(self.url(&["overview"])?)).await?;
        let date = response.headers().get(reqwest::header::DATE).and_then(|date| date.to_str().ok()).map(str::to_owned);
        Ok((read(doing, response).await?, date))
    }

    /// Who the user is. Answered to everyone who has a management tag.
    pub(crate) async fn whoami(&self) -> Result<WhoAmI> {
        self.get("read the user's tags", self.url(&["whoami"])?).await
    }

    /// The names of the virtual hosts that this user can see.
    pub(crate) async fn vhosts(&self) -> Result<Vec<Named>> {
        self.get("read the virtual hosts", self.url(&["vhosts"])?).await
    }

    /// The user's own permissions. Administrators only.
    pub(crate) async fn permissions(&self) -> Result<Permissions> {
        self.get("read the permissions", self.url(&["permissions", &self.vhost, &self.user])?).await
    }

    pub(crate) async fn nodes(&self) -> Result<Vec<Node>> {
        let mut url = self.url(&["nodes"])?;
        url.query_pairs_mut().append_pair("columns", "name,running,mem_alarm,disk_free_alarm");
        self.get("read the nodes", url).await
    }

    /// All queues, with these columns; `settled` leaves out the statistics, so that what is left is not seconds old.
    pub(crate) async fn queues(&self, columns: &str, settled: bool) -> Result<Vec<QueueInfo>> {
        self.pages("read the queues", columns, None, settled).await
    }

    /// The queues whose name that pattern matches, in the broker's own kind of regular expression.
    pub(crate) async fn queues_matching(&self, pattern: &str, columns: &str, settled: bool) -> Result<Vec<QueueInfo>> {
        self.pages("read the queues", columns, Some(pattern), settled).await
    }

    /// One queue, statistics included. They come up to 5 seconds after it was declared.
    pub(crate) async fn queue(&self, name: &str) -> Result<QueueInfo> {
        self.get(&format!("read queue `{name}`"), self.url(&["queues", &self.vhost, name])?).await
    }

    pub(crate) async fn exchanges(&self, columns: &str, settled: bool) -> Result<Vec<ExchangeInfo>> {
        let mut url = self.url(&["exchanges", &self.vhost])?;
        url.query_pairs_mut().append_pair("columns", columns);
        if settled {
            url.query_pairs_mut().append_pair("disable_stats", "true");
        }
        self.get("read the exchanges", url).await
    }

    pub(crate) async fn bindings(&self) -> Result<Vec<BindingInfo>> {
        self.get("read the bindings", self.url(&["bindings", &self.vhost])?).await
    }

    pub(crate) async fn policies(&self) -> Result<Vec<PolicyInfo>> {
        self.get("read the policies", self.url(&["policies", &self.vhost])?).await
    }

    pub(crate) async fn operator_policies(&self) -> Result<Vec<PolicyInfo>> {
        self.get("read the operator policies", self.url(&["operator-policies", &self.vhost])?).await
    }

    /// Needs the policymaker or administrator tag. Changes how every matching queue behaves, at once.
    pub(crate) async fn put_policy(&self, name: &str, policy: &Json) -> Result<()> {
        let doing = format!("set policy `{name}`");
        let url = self.url(&["policies", &self.vhost, name])?;
        self.send(&doing, self.client.put(url).json(policy)).await.map(drop)
    }

    /// Needs the policymaker or administrator tag. A policy that is gone already is no error.
    pub(crate) async fn delete_policy(&self, name: &str) -> Result<()> {
        let doing = format!("delete policy `{name}`");
        let url = self.url(&["policies", &self.vhost, name])?;
        match self.send(&doing, self.client.request(Method::DELETE, url)).await {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            other => other.map(drop),
        }
    }

    /// The status with which the queues of that virtual host are refused or given.
    pub(crate) async fn vhost_status(&self) -> Result<StatusCode> {
        let mut url = self.url(&["queues", &self.vhost])?;
        url.query_pairs_mut().append_pair("page", "1").append_pair("page_size", "1").append_pair("columns", "name");
        let request = self.client.get(url).basic_auth(&self.user, self.secret.reveal());
        request.send().await.map(|answer| answer.status()).map_err(|error| of_reqwest("read the virtual host", error))
    }

    async fn pages(&self, doing: &str, columns: &str, pattern: Option<&str>, settled: bool) -> Result<Vec<QueueInfo>> {
        let first = self.page(doing, columns, pattern, settled, 1).await?;
        let pages = first.page_count.unwrap_or(1).min(PAGES_MAX);
        let mut rest = futures::stream::iter(2..=pages)
            .map(|page| self.page(doing, columns, pattern, settled, page))
            .buffered(PAGES_AT_ONCE);
        let mut items = first.items;
        while let Some(page) = rest.next().await {
            match page {
                Ok(page) => items.extend(page.items),
                // Queues were deleted meanwhile, and this page does not exist any more.
                Err(error) if error.kind() == ErrorKind::Invalid => break,
                Err(error) => return Err(error),
            }
        }
        // A queue declared meanwhile moves others to the next page, where they come a second time.
        items.sort_by(|a, b| a.name.cmp(&b.name));
        items.dedup_by(|a, b| a.name == b.name);
        Ok(items)
    }

    async fn page(
        &self,
        doing: &str,
        columns: &str,
        pattern: Option<&str>,
        settled: bool,
        page: usize,
    ) -> Result<Page> {
        let mut url = self.url(&["queues", &self.vhost])?;
        url.query_pairs_mut()
            .append_pair("page", &page.to_string())
            .append_pair("page_size", &PAGE_SIZE.to_string())
            .append_pair("columns", columns);
        if settled {
            url.query_pairs_mut().append_pair("disable_stats", "true");
        }
        if let Some(pattern) = pattern {
            url.query_pairs_mut().append_pair("use_regex", "true").append_pair("name", pattern);
        }
        self.get(doing, url).await
    }

    async fn get<T: DeserializeOwned>(&self, doing: &str, url: Url) -> Result<T> {
        let response = self.send(doing, self.client.get(url)).await?;
        read(doing, response).await
    }

    async fn send(&self, doing: &str, request: RequestBuilder) -> Result<Response> {
        let request = request.basic_auth(&self.user, self.secret.reveal());
        let response = request.send().await.map_err(|error| of_reqwest(doing, error))?;
        if response.status().is_success() { Ok(response) } else { Err(of_status(doing, response.status())) }
    }

    /// `segments` below `/api`, each encoded so that it stays one segment whatever it holds.
    fn url(&self, segments: &[&str]) -> Result<Url> {
        let mut path = format!("{}/api", self.base.path().trim_end_matches('/'));
        for segment in segments {
            // A URL resolves these away, however they are encoded: the request would go to something else.
            if matches!(*segment, "." | "..") {
                let why = format!("a URL cannot name `{segment}`, so the management API cannot either");
                return Err(Error::new(ErrorKind::Unsupported, format!("read `{segment}`"), why));
            }
            path.push('/');
            path.extend(
                url::form_urlencoded::byte_serialize(segment.as_bytes())
                    .map(|part| if part == "+" { "%20" } else { part }),
            );
        }
        let mut url = self.base.clone();
        url.set_path(&path);
        Ok(url)
    }
}

async fn read<T: DeserializeOwned>(doing: &str, mut response: Response) -> Result<T> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| of_reqwest(doing, error))? {
        if body.len() + chunk.len() > BODY_BYTES_MAX {
            return Err(Error::new(ErrorKind::Refused, doing, "the management API's answer is larger than 256 MiB"));
        }
        body.extend_from_slice(&chunk);
    }
    // The parser's own words may quote what it read.
    serde_json::from_slice(&body).map_err(|error| {
        let place =
            format!("what answers there is not the management API (line {}, column {})", error.line(), error.column());
        Error::new(ErrorKind::WrongProtocol, doing, place)
    })
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Page {
    items: Vec<QueueInfo>,
    page_count: Option<usize>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Overview {
    pub(crate) rabbitmq_version: Option<String>,
    pub(crate) product_name: Option<String>,
    pub(crate) cluster_name: Option<String>,
    pub(crate) queue_totals: Option<QueueTotals>,
    pub(crate) object_totals: Option<ObjectTotals>,
}

/// An empty list instead of an object where the broker has nothing to say: so it is read leniently.
#[derive(Debug, Default)]
pub(crate) struct QueueTotals {
    pub(crate) messages_ready: Option<u64>,
    pub(crate) messages_unacknowledged: Option<u64>,
}

#[derive(Debug, Default)]
pub(crate) struct ObjectTotals {
    pub(crate) consumers: Option<u64>,
}

impl<'de> Deserialize<'de> for QueueTotals {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Json::deserialize(deserializer)?;
        let count = |name: &str| json.get(name).and_then(Json::as_u64);
        Ok(Self { messages_ready: count("messages_ready"), messages_unacknowledged: count("messages_unacknowledged") })
    }
}

impl<'de> Deserialize<'de> for ObjectTotals {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Json::deserialize(deserializer)?;
        Ok(Self { consumers: json.get("consumers").and_then(Json::as_u64) })
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct WhoAmI {
    pub(crate) name: String,
    #[serde(deserialize_with = "tags")]
    pub(crate) tags: Vec<String>,
}

impl WhoAmI {
    pub(crate) fn has(&self, tag: &str) -> bool {
        self.tags.iter().any(|own| own == tag)
    }
}

/// A list, or before 3.9 one text with commas.
fn tags<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    struct Tags;
    impl<'de> Visitor<'de> for Tags {
        type Value = Vec<String>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("tags")
        }
        fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
            Ok(text.split(',').map(str::trim).filter(|tag| !tag.is_empty()).map(str::to_owned).collect())
        }
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Vec::new())
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut tags = Vec::new();
            while let Some(tag) = list.next_element()? {
                tags.push(tag);
            }
            Ok(tags)
        }
        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok(Vec::new())
        }
    }
    deserializer.deserialize_any(Tags)
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Named {
    pub(crate) name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Permissions {
    pub(crate) configure: Option<String>,
    pub(crate) write: Option<String>,
    pub(crate) read: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) running: Option<bool>,
    pub(crate) mem_alarm: Option<bool>,
    pub(crate) disk_free_alarm: Option<bool>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct QueueInfo {
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    pub(crate) durable: Option<bool>,
    pub(crate) auto_delete: Option<bool>,
    pub(crate) exclusive: Option<bool>,
    pub(crate) arguments: Json,
    pub(crate) policy: Option<String>,
    pub(crate) operator_policy: Option<String>,
    pub(crate) effective_policy_definition: Json,
    pub(crate) state: Option<String>,
    pub(crate) messages_ready: Option<u64>,
    pub(crate) messages_unacknowledged: Option<u64>,
    pub(crate) messages_delayed: Option<u64>,
    pub(crate) messages: Option<u64>,
    pub(crate) consumers: Option<u64>,
    pub(crate) message_bytes: Option<u64>,
    pub(crate) head_message_timestamp: Option<i64>,
    pub(crate) message_stats: Option<MessageStats>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct MessageStats {
    pub(crate) publish_details: Option<Rate>,
    pub(crate) ack_details: Option<Rate>,
    pub(crate) deliver_get_details: Option<Rate>,
    pub(crate) redeliver_details: Option<Rate>,
    pub(crate) publish_in_details: Option<Rate>,
    pub(crate) publish_out_details: Option<Rate>,
    pub(crate) return_unroutable_details: Option<Rate>,
    pub(crate) drop_unroutable_details: Option<Rate>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Rate {
    pub(crate) rate: Option<f64>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ExchangeInfo {
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    pub(crate) durable: Option<bool>,
    pub(crate) auto_delete: Option<bool>,
    pub(crate) internal: Option<bool>,
    pub(crate) arguments: Json,
    pub(crate) policy: Option<String>,
    pub(crate) message_stats: Option<MessageStats>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct BindingInfo {
    pub(crate) source: String,
    pub(crate) destination: String,
    pub(crate) destination_type: String,
    pub(crate) routing_key: String,
    pub(crate) arguments: Json,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct PolicyInfo {
    pub(crate) name: String,
    pub(crate) pattern: String,
    #[serde(rename = "apply-to")]
    pub(crate) apply_to: String,
    pub(crate) definition: Map<String, Json>,
    pub(crate) priority: i64,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    async fn api(management: &str) -> Api {
        let pairs = [("address", "amqp://mq"), ("management", management), ("vhost", "/a b"), ("user", "u")];
        let endpoint = Endpoint::read(&pairs.into_iter().collect()).await.unwrap();
        Api::new(&endpoint, &Secret::new("hunter2".into())).unwrap()
    }

    #[tokio::test]
    async fn a_name_stays_one_segment_whatever_it_holds() {
        let api = api("http://mq:1/sub").await;
        let url = api.url(&["queues", "/a b", "x/%2F?#+ü😀"]).unwrap();
        assert_eq!(url.as_str(), "http://mq:1/sub/api/queues/%2Fa%20b/x%2F%252F%3F%23%2B%C3%BC%F0%9F%98%80");
    }

    #[tokio::test]
    async fn a_name_that_a_url_resolves_away_is_not_sent() {
        assert_eq!(api("http://mq:1").await.url(&["queues", "/", ".."]).unwrap_err().kind(), ErrorKind::Unsupported);
    }

    #[tokio::test]
    async fn the_client_does_not_show_the_password() {
        assert!(!format!("{:?}", api("http://mq:1").await).contains("hunter2"));
    }

    #[test]
    fn an_answer_with_everything_missing_is_read() {
        let queue: QueueInfo =
            serde_json::from_str(r#"{"name":"q","policy":null,"exclusive":null,"arguments":[]}"#).unwrap();
        assert_eq!((queue.name.as_str(), queue.policy, queue.messages_ready), ("q", None, None));
        let overview: Overview = serde_json::from_str(r#"{"queue_totals":[],"object_totals":[]}"#).unwrap();
        assert_eq!(overview.queue_totals.unwrap().messages_ready, None);
    }

    #[test]
    fn tags_are_read_in_both_forms() {
        let list: WhoAmI = serde_json::from_str(r#"{"name":"u","tags":["policymaker"]}"#).unwrap();
        let text: WhoAmI = serde_json::from_str(r#"{"name":"u","tags":"monitoring,policymaker"}"#).unwrap();
        assert!(list.has("policymaker") && text.has("policymaker") && !list.has("administrator"));
    }
}

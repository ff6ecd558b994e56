//! The management API, as far as tests set things up with it. Not the client of the program.

use std::time::Duration;

use reqwest::{Client, Method};
use serde_json::{Value as Json, json};
use url::Url;

use crate::install_crypto;

const ANSWER_WAIT: Duration = Duration::from_secs(20);

/// The management API of one broker, as an administrator.
#[derive(Debug, Clone)]
pub struct Api {
    client: Client,
    base: Url,
}

impl Api {
    pub(crate) fn new(port: u16) -> Self {
        install_crypto();
        // No connection is kept: it would belong to the runtime of the test that opened it.
        let client = Client::builder().timeout(ANSWER_WAIT).pool_max_idle_per_host(0).build();
        let base = Url::parse(&format!("http://127.0.0.1:{port}/api")).expect("the address is one");
        Self { client: client.expect("an HTTP client can be made"), base }
    }

    async fn send(&self, method: Method, path: &[&str], body: Option<Json>) -> reqwest::Result<reqwest::Response> {
        let mut url = self.base.clone();
        url.path_segments_mut().expect("the base has a path").extend(path);
        let mut request = self.client.request(method, url).basic_auth("guest", Some("guest"));
        if let Some(body) = body {
            request = request.json(&body);
        }
        request.send().await
    }

    async fn must(&self, method: Method, path: &[&str], body: Option<Json>) -> reqwest::Response {
        let answer = self.send(method.clone(), path, body).await;
        let answer = answer.unwrap_or_else(|error| panic!("{method} {path:?}: {error}"));
        let status = answer.status();
        if status.is_success() {
            return answer;
        }
        panic!("{method} {path:?}: {status} {}", answer.text().await.unwrap_or_default())
    }

    /// Whether it answers, and the broker listens for all of these protocols.
    pub(crate) async fn has_listeners(&self, protocols: &[&str]) -> bool {
        let Ok(answer) = self.send(Method::GET, &["overview"], None).await else { return false };
        let overview = answer.json::<Json>().await.unwrap_or_default();
        let listeners = overview["listeners"].as_array().cloned().unwrap_or_default();
        protocols.iter().all(|protocol| listeners.iter().any(|listener| listener["protocol"] == **protocol))
    }

    /// Whether one of its nodes says that it has too little memory.
    pub(crate) async fn has_memory_alarm(&self) -> bool {
        let nodes = self.get(&["nodes"]).await;
        nodes.as_array().is_some_and(|nodes| nodes.iter().any(|node| node["mem_alarm"] == true))
    }

    /// Any object of the API, as JSON.
    pub async fn get(&self, path: &[&str]) -> Json {
        self.must(Method::GET, path, None).await.json().await.expect("the API answers JSON")
    }

    /// Makes or replaces any object of the API.
    pub async fn put(&self, path: &[&str], object: Json) {
        self.must(Method::PUT, path, Some(object)).await;
    }

    pub async fn put_vhost(&self, vhost: &str) {
        self.must(Method::PUT, &["vhosts", vhost], Some(json!({}))).await;
    }

    /// `tags` as the broker writes them: `administrator`, `management,policymaker`, or nothing.
    pub async fn put_user(&self, user: &str, password: &str, tags: &str) {
        self.must(Method::PUT, &["users", user], Some(json!({ "password": password, "tags": tags }))).await;
    }

    /// Regular expressions for names; an empty one allows nothing.
    pub async fn put_permissions(&self, vhost: &str, user: &str, configure: &str, write: &str, read: &str) {
        let body = json!({ "configure": configure, "write": write, "read": read });
        self.must(Method::PUT, &["permissions", vhost, user], Some(body)).await;
    }

    pub async fn put_policy(&self, vhost: &str, name: &str, pattern: &str, definition: Json) {
        let body = json!({ "pattern": pattern, "definition": definition, "apply-to": "all", "priority": 0 });
        self.must(Method::PUT, &["policies", vhost, name], Some(body)).await;
    }

    pub async fn delete_policy(&self, vhost: &str, name: &str) {
        self.must(Method::DELETE, &["policies", vhost, name], None).await;
    }

    pub async fn put_operator_policy(&self, vhost: &str, name: &str, pattern: &str, definition: Json) {
        let body = json!({ "pattern": pattern, "definition": definition, "apply-to": "queues", "priority": 0 });
        self.must(Method::PUT, &["operator-policies", vhost, name], Some(body)).await;
    }

    pub async fn delete_queue(&self, vhost: &str, queue: &str) {
        self.must(Method::DELETE, &["queues", vhost, queue], None).await;
    }

    /// Closes every AMQP connection of that user, as an administrator would. How many there were. The broker lists a
    /// new connection up to 5 seconds late.
    pub async fn close_connections(&self, user: &str) -> usize {
        let connections = self.get(&["connections"]).await;
        let all = connections.as_array().cloned().unwrap_or_default();
        let names: Vec<_> =
            all.iter().filter(|one| one["user"] == user).filter_map(|one| one["name"].as_str()).collect();
        for name in &names {
            // It may have closed by itself meanwhile.
            self.send(Method::DELETE, &["connections", name], None).await.ok();
        }
        names.len()
    }
}

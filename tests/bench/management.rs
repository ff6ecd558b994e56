//! The same questions, asked of the broker's own management API, whole answers read.

use std::time::{Duration, Instant};

use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use support::Vhost;
use url::Url;

use crate::scene::{FULL, MESSAGES, QUEUES, Scene};

/// The API may take long for 10,000 messages.
const ANSWER_WAIT: Duration = Duration::from_secs(120);

pub(crate) async fn overview(scene: &Scene) -> Duration {
    timed(get(&scene.wide, &["overview"])).await.0
}

pub(crate) async fn queues(scene: &Scene) -> Duration {
    let (took, answer) = timed(get(&scene.wide, &["queues", &scene.wide.name])).await;
    assert_eq!(answer.as_array().map(Vec::len), Some(QUEUES), "all queues are told");
    took
}

/// Reads the messages and puts them back, which the program itself never does this way.
pub(crate) async fn messages(scene: &Scene) -> Duration {
    let ask = json!({ "count": MESSAGES, "ackmode": "ack_requeue_true", "encoding": "auto" });
    let request = post(&scene.deep, &["queues", &scene.deep.name, FULL, "get"]).json(&ask);
    let (took, answer) = timed(request).await;
    assert_eq!(answer.as_array().map(Vec::len), Some(MESSAGES), "all messages are told");
    // The queue is busy with putting them back long after the answer.
    scene.comes_to_rest().await;
    took
}

async fn timed(request: RequestBuilder) -> (Duration, Value) {
    let began = Instant::now();
    let answer = request.send().await.expect("the management API answers");
    let answer =
        answer.error_for_status().expect("it allows what is asked").bytes().await.expect("the answer is whole");
    let took = began.elapsed();
    (took, serde_json::from_slice(&answer).expect("it is JSON"))
}

fn get(vhost: &Vhost, path: &[&str]) -> RequestBuilder {
    client().get(address(vhost, path)).basic_auth(&vhost.user, Some(&vhost.password))
}

fn post(vhost: &Vhost, path: &[&str]) -> RequestBuilder {
    client().post(address(vhost, path)).basic_auth(&vhost.user, Some(&vhost.password))
}

fn client() -> Client {
    Client::builder().timeout(ANSWER_WAIT).build().expect("a client can be made")
}

fn address(vhost: &Vhost, path: &[&str]) -> Url {
    let mut url = Url::parse(&vhost.management_url()).expect("the address is one");
    url.path_segments_mut().expect("it has a path").push("api").extend(path);
    url
}

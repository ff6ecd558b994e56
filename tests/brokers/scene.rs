//! What the other tests stand on: brokers that start and end, the witness, the proxy.

use std::time::{Duration, Instant};

use broker::Driver;
use futures::StreamExt;
use rabbitmq::RabbitDriver;
use support::{Direction, Proxy, Rabbit, Version, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

async fn echo() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let port = listener.local_addr().expect("the port is known").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                tokio::io::copy(&mut from, &mut to).await.ok();
                to.shutdown().await.ok();
            });
        }
    });
    port
}

async fn say_and_hear(stream: &mut TcpStream, words: &[u8]) -> std::io::Result<()> {
    stream.write_all(words).await?;
    let mut heard = vec![0; words.len()];
    stream.read_exact(&mut heard).await?;
    assert_eq!(heard, words, "every byte passes as it is");
    Ok(())
}

#[tokio::test]
async fn a_proxy_passes_until_it_cuts() {
    let proxy = Proxy::start(echo().await).await;
    let mut stream = TcpStream::connect(("127.0.0.1", proxy.port())).await.expect("the proxy listens");
    say_and_hear(&mut stream, b"hello").await.expect("it passes");
    assert_eq!((proxy.passed(Direction::ToBroker), proxy.passed(Direction::FromBroker)), (5, 5));
    proxy.cut();
    let error = stream.read_u8().await.expect_err("the connection was cut");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "a cut is a reset, no polite end");
    let mut next = TcpStream::connect(("127.0.0.1", proxy.port())).await.expect("the proxy listens");
    say_and_hear(&mut next, b"again").await.expect("new connections pass");
}

#[tokio::test]
async fn a_proxy_cuts_after_so_many_bytes() {
    let proxy = Proxy::start(echo().await).await;
    let mut stream = TcpStream::connect(("127.0.0.1", proxy.port())).await.expect("the proxy listens");
    proxy.cut_after(Direction::ToBroker, 7);
    say_and_hear(&mut stream, b"hello").await.expect("five bytes pass");
    assert!(say_and_hear(&mut stream, b"hello").await.is_err(), "ten do not");
    assert_eq!(proxy.passed(Direction::ToBroker), 7, "the last byte that passed is the seventh");
}

#[tokio::test]
async fn a_frozen_proxy_holds_what_it_has_and_a_deaf_one_loses_answers() {
    let proxy = Proxy::start(echo().await).await;
    let mut stream = TcpStream::connect(("127.0.0.1", proxy.port())).await.expect("the proxy listens");
    say_and_hear(&mut stream, b"hello").await.expect("it passes");
    proxy.freeze();
    stream.write_all(b"late").await.expect("the proxy takes it");
    let mut late = [0; 4];
    let waited = tokio::time::timeout(Duration::from_millis(200), stream.read_exact(&mut late)).await;
    assert!(waited.is_err(), "nothing passes");
    proxy.pass();
    stream.read_exact(&mut late).await.expect("what waited passes");
    proxy.delay(Duration::from_millis(100));
    let began = Instant::now();
    say_and_hear(&mut stream, b"slow").await.expect("it passes, later");
    assert!(began.elapsed() >= Duration::from_millis(200), "both ways are slower: {:?}", began.elapsed());
    proxy.pass();
    proxy.drop_answers();
    stream.write_all(b"lost").await.expect("the proxy takes it");
    let waited = tokio::time::timeout(Duration::from_millis(200), stream.read_exact(&mut late)).await;
    assert!(waited.is_err(), "the answer is swallowed");
    assert_eq!(proxy.passed(Direction::ToBroker), 17, "the question is not");
}

#[tokio::test]
async fn a_broker_ends_with_its_value_and_leaves_nothing_behind() {
    let rabbit = Rabbit::start(Version::NEWEST).await;
    let (folder, port) = (rabbit.as_ref().to_owned(), rabbit.amqp_port());
    assert!(folder.join("rabbitmq.conf").exists());
    drop(rabbit);
    assert!(!folder.exists(), "its folder is gone");
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err(), "nothing listens any more");
}

#[tokio::test]
async fn a_restarted_broker_has_what_was_durable() {
    let rabbit = Rabbit::start(Version::NEWEST).await;
    let vhost = rabbit.vhost().await;
    let client = vhost.client().await;
    client.classic("kept").await;
    client.fill("kept", ["a", "b"]).await;
    client.close().await;
    rabbit.restart().await;
    assert_eq!(vhost.client().await.take_bodies("kept").await, ["a", "b"]);
}

#[tokio::test]
async fn the_witness_makes_dead_letters_of_both_kinds() {
    let vhost = Rabbit::shared(Version::NEWEST).await.vhost().await;
    let client = vhost.client().await;
    client.dead_letter_pair("orders", 3).await;
    client.fill("orders", ["a", "b", "c"]).await;
    client.reject("orders", 1).await;
    client.reaches("orders.dlq", 1).await;
    client.exhaust("orders").await;
    client.reaches("orders.dlq", 3).await;
    let taken = client.take_all("orders.dlq").await;
    let reasons: Vec<_> = taken.iter().map(|one| one.text("x-first-death-reason")).collect();
    assert_eq!(reasons, [Some("rejected"), Some("delivery_limit"), Some("delivery_limit")]);
}

#[tokio::test]
async fn a_deleted_queue_and_a_closed_connection_are_noticed() {
    let vhost = Rabbit::shared(Version::NEWEST).await.vhost().await;
    let client = vhost.client().await;
    client.classic("here").await;
    let (_channel, mut consumer) = client.consume("here", 1).await;
    vhost.delete_queue("here").await;
    eventually("the consumer is told", async || consumer.next().await.is_none()).await;
}

#[tokio::test]
async fn the_url_of_a_virtual_host_says_what_its_settings_say() {
    let vhost = Rabbit::shared(Version::NEWEST).await.vhost().await;
    let (settings, secret) = RabbitDriver.read_url(&vhost.url()).expect("the URL is one");
    assert_eq!(settings, vhost.settings());
    assert_eq!(secret.reveal(), vhost.secret().reveal());
}

//! A message with a property that is not UTF-8: the broker takes it, and our client cannot read it.

use std::time::Duration;

use broker::{ErrorKind, Purpose};
use support::contract::scene::{ask, close, read};
use support::{Rabbit, Version, Vhost, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{lease, open};

support::on_every_version!(a_property_that_is_no_text_is_named_and_everything_goes_back);

const WAIT: Duration = Duration::from_secs(10);
const METHOD: u8 = 1;
const HEADER: u8 = 2;
const BODY: u8 = 3;
/// In a header frame: a correlation id follows, and nothing else.
const HAS_CORRELATION_ID: u16 = 1 << 10;
const BASIC: u16 = 60;

async fn a_property_that_is_no_text_is_named_and_everything_goes_back(version: Version) {
    let vhost = Rabbit::shared(version).await.vhost().await;
    let client = vhost.client().await;
    for queue in ["classic", "quorum"] {
        client.declare(queue, &[("x-queue-type", support::client::text(queue))]).await;
        client.fill(queue, ["first", "second"]).await;
        publish_unreadable(&vhost, queue).await;
        client.reaches(queue, 3).await;
    }
    client.classic("harmless").await;
    client.fill("harmless", ["readable"]).await;
    let broker = open(&vhost).await;
    let beside = lease(broker.as_ref(), ask("harmless", Purpose::Look { n: 1 })).await.expect("the lease opens");
    assert_eq!(read(&beside, 1).await.len(), 1);
    for queue in ["classic", "quorum"] {
        let held = lease(broker.as_ref(), ask(queue, Purpose::Look { n: 10 })).await.expect("the lease opens");
        let mut seen = 0;
        let error = loop {
            match within(WAIT, "reading", held.next(10)).await {
                Ok(more) => {
                    assert!(!more.is_empty(), "it is not said that there is no more");
                    seen += more.len();
                }
                Err(error) => break error,
            }
        };
        assert!(seen <= 2, "only what came before it is seen: {seen}");
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        assert!(!error.is_passing(), "asking again charges a delivery each time");
        let text = error.to_string();
        assert!(text.contains("first 3 messages") && text.contains("not UTF-8"), "it names the cause: {text}");
        assert!(error.what_to_do().is_some(), "and what to do: {text}");
        client.reaches(queue, 3).await;
        assert!(held.next(1).await.is_err(), "it is not tried again");
    }
    let returned = close(&beside).await;
    assert_eq!((returned.messages, returned.confirmed), (1, true), "what was held beside it was held all the time");
    let others = lease(broker.as_ref(), ask("harmless", Purpose::Look { n: 1 })).await.expect("the next lease opens");
    assert_eq!(read(&others, 1).await.len(), 1);
    close(&others).await;
    broker.close().await;
}

/// Frames written by hand: a client that holds properties as text cannot send this one.
async fn publish_unreadable(vhost: &Vhost, queue: &str) {
    let mut stream = TcpStream::connect(("127.0.0.1", vhost.amqp_port)).await.expect("the broker listens");
    send(&mut stream, b"AMQP\x00\x00\x09\x01").await;
    answered(&mut stream, (10, 10)).await;
    let login = format!("\0{}\0{}", vhost.user, vhost.password);
    let start_ok = [&[0; 4], &short(b"PLAIN")[..], &long(login.as_bytes()), &short(b"en_US")].concat();
    send(&mut stream, &method(0, (10, 11), &start_ok)).await;
    let tune = answered(&mut stream, (10, 30)).await;
    let (limits, heartbeat) = (&tune[..6], [0, 0]);
    send(&mut stream, &method(0, (10, 31), &[limits, &heartbeat].concat())).await;
    send(&mut stream, &method(0, (10, 40), &[&short(vhost.name.as_bytes())[..], &[0, 0]].concat())).await;
    answered(&mut stream, (10, 41)).await;
    send(&mut stream, &method(1, (20, 10), &[0])).await;
    answered(&mut stream, (20, 11)).await;
    let publish = [&[0, 0, 0], &short(queue.as_bytes())[..], &[0]].concat();
    send(&mut stream, &method(1, (BASIC, 40), &publish)).await;
    let body = b"third";
    let mut header = [BASIC.to_be_bytes(), [0, 0]].concat();
    header.extend((body.len() as u64).to_be_bytes());
    header.extend(HAS_CORRELATION_ID.to_be_bytes());
    header.extend(short(&[0xff, 0xfe, 0x00, 0xc3]));
    send(&mut stream, &frame(HEADER, 1, &header)).await;
    send(&mut stream, &frame(BODY, 1, body)).await;
    send(&mut stream, &method(0, (10, 50), &[&[0, 200], &short(b"done")[..], &[0; 4]].concat())).await;
    answered(&mut stream, (10, 51)).await;
}

fn short(text: &[u8]) -> Vec<u8> {
    [&[u8::try_from(text.len()).expect("it is short")], text].concat()
}

fn long(text: &[u8]) -> Vec<u8> {
    [&u32::try_from(text.len()).expect("it is short enough").to_be_bytes()[..], text].concat()
}

fn method(channel: u16, (class, method): (u16, u16), arguments: &[u8]) -> Vec<u8> {
    frame(METHOD, channel, &[&class.to_be_bytes()[..], &method.to_be_bytes(), arguments].concat())
}

fn frame(kind: u8, channel: u16, payload: &[u8]) -> Vec<u8> {
    [&[kind][..], &channel.to_be_bytes(), &long(payload), &[0xce]].concat()
}

async fn send(stream: &mut TcpStream, bytes: &[u8]) {
    stream.write_all(bytes).await.expect("the broker reads");
}

/// The arguments of the method that is due.
async fn answered(stream: &mut TcpStream, (class, method): (u16, u16)) -> Vec<u8> {
    let read = async {
        let mut head = [0; 7];
        stream.read_exact(&mut head).await?;
        let [_, _, _, size @ ..] = head;
        let mut payload = vec![0; usize::try_from(u32::from_be_bytes(size)).expect("it fits") + 1];
        stream.read_exact(&mut payload).await?;
        payload.pop();
        Ok::<_, std::io::Error>(payload)
    };
    let payload = within(WAIT, "the broker's answer", read).await.expect("the broker answers");
    let due = [class.to_be_bytes(), method.to_be_bytes()].concat();
    assert_eq!(payload[..4], due[..], "the answer that is due");
    payload[4..].to_vec()
}

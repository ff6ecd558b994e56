//! A TCP proxy that cuts, freezes, delays and swallows, between an adapter and its broker.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Bytes under way in one direction of one connection; a full buffer holds the sender back.
const BUFFER_BYTES: usize = 64 * 1024;
const CONNECT_WAIT: Duration = Duration::from_secs(5);

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    ToBroker,
    FromBroker,
}

/// What happens to what passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Weather {
    /// Nothing passes, and nobody is told.
    frozen: bool,
    /// What the broker says is read and thrown away.
    deaf: bool,
    /// How late every piece arrives.
    delay: Duration,
    /// New connections are hung up on.
    closed: bool,
    /// How often everything was cut.
    cuts: u64,
}

#[derive(Debug)]
struct Shared {
    weather: watch::Sender<Weather>,
    /// How many more bytes may pass until everything is cut; [`u64::MAX`]: no end.
    left: [AtomicU64; 2],
    passed: [AtomicU64; 2],
}

/// A proxy before one port. Ends, with all its connections, when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    listening: JoinHandle<()>,
}

impl Proxy {
    /// Listens on a free port and passes everything to that port, until told otherwise.
    pub async fn start(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let port = listener.local_addr().expect("the port is known").port();
        let shared = Arc::new(Shared {
            weather: watch::Sender::new(Weather::default()),
            left: [AtomicU64::new(u64::MAX), AtomicU64::new(u64::MAX)],
            passed: [AtomicU64::new(0), AtomicU64::new(0)],
        });
        let listening = tokio::spawn(listen(listener, target, shared.clone()));
        Self { port, shared, listening }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Resets every connection. New ones pass.
    pub fn cut(&self) {
        self.shared.weather.send_modify(|weather| weather.cuts += 1);
    }

    /// Resets every connection as soon as so many more bytes went that way, all connections together. Once.
    pub fn cut_after(&self, direction: Direction, bytes: u64) {
        self.shared.left[direction as usize].store(bytes, Ordering::SeqCst);
    }

    /// Nothing passes any more, and both sides think that the other is silent.
    pub fn freeze(&self) {
        self.shared.weather.send_modify(|weather| weather.frozen = true);
    }

    /// What the broker says never arrives; what it is told does.
    pub fn drop_answers(&self) {
        self.shared.weather.send_modify(|weather| weather.deaf = true);
    }

    /// Every piece arrives so much later.
    pub fn delay(&self, by: Duration) {
        self.shared.weather.send_modify(|weather| weather.delay = by);
    }

    /// Resets every connection and hangs up on new ones, until [`Self::pass`].
    pub fn close(&self) {
        self.shared.weather.send_modify(|weather| {
            weather.closed = true;
            weather.cuts += 1;
        });
    }

    /// Everything passes again, and nothing is to be cut any more. Connections that lost bytes meanwhile are reset.
    pub fn pass(&self) {
        for left in &self.shared.left {
            left.store(u64::MAX, Ordering::SeqCst);
        }
        self.shared.weather.send_modify(|weather| {
            let cuts = weather.cuts + u64::from(weather.deaf);
            *weather = Weather { cuts, ..Weather::default() };
        });
    }

    /// How many bytes went that way so far.
    pub fn passed(&self, direction: Direction) -> u64 {
        self.shared.passed[direction as usize].load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listening.abort();
        self.cut();
    }
}

async fn listen(listener: TcpListener, target: u16, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        if shared.weather.borrow().closed {
            reset(&client);
            continue;
        }
        tokio::spawn(connect(client, target, shared.clone()));
    }
}

async fn connect(client: TcpStream, target: u16, shared: Arc<Shared>) {
    let reached = tokio::time::timeout(CONNECT_WAIT, TcpStream::connect(("127.0.0.1", target))).await;
    let Ok(Ok(server)) = reached else { return reset(&client) };
    for stream in [&client, &server] {
        // Only speed is lost where it fails.
        stream.set_nodelay(true).ok();
    }
    let mut weather = shared.weather.subscribe();
    let cuts = weather.borrow_and_update().cuts;
    let (from_client, mut to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    let forth = pump(from_client, &mut to_server, Direction::ToBroker, &shared);
    let back = pump(from_server, &mut to_client, Direction::FromBroker, &shared);
    // A way that broke off takes the other one along at once, as a network does; one that ended politely does not.
    let ended = tokio::select! {
        ended = async move { tokio::try_join!(forth, back) } => ended.map(drop),
        _ = weather.wait_for(|weather| weather.cuts != cuts) => Err(BrokeOff),
    };
    if ended.is_err() {
        for half in [to_client, to_server] {
            reset(half.as_ref());
            // Dropped, it would say goodbye first.
            half.forget();
        }
    }
}

/// The other side sees a connection reset as soon as the stream is dropped.
fn reset(stream: &TcpStream) {
    // It fails only on a connection that is gone already.
    stream.set_zero_linger().ok();
}

/// A connection did not end politely.
#[derive(Debug)]
struct BrokeOff;

/// Passes bytes one way until that way ends.
async fn pump(
    mut from: OwnedReadHalf,
    to: &mut OwnedWriteHalf,
    direction: Direction,
    shared: &Shared,
) -> Result<(), BrokeOff> {
    let mut weather = shared.weather.subscribe();
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        if weather.wait_for(|weather| !weather.frozen).await.is_err() {
            return Err(BrokeOff);
        }
        let read = from.read(&mut buffer).await.map_err(|_| BrokeOff)?;
        if read == 0 {
            return to.shutdown().await.map_err(|_| BrokeOff);
        }
        let now = *weather.borrow();
        if !now.delay.is_zero() {
            tokio::time::sleep(now.delay).await;
        }
        // It may have frozen while we read: these bytes wait as well.
        if weather.wait_for(|weather| !weather.frozen).await.is_err() {
            return Err(BrokeOff);
        }
        if weather.borrow().deaf && direction == Direction::FromBroker {
            continue;
        }
        let left = &shared.left[direction as usize];
        let allowed = usize::try_from(left.load(Ordering::SeqCst)).unwrap_or(usize::MAX).min(read);
        to.write_all(&buffer[..allowed]).await.map_err(|_| BrokeOff)?;
        shared.passed[direction as usize].fetch_add(allowed as u64, Ordering::SeqCst);
        if left.load(Ordering::SeqCst) != u64::MAX && left.fetch_sub(allowed as u64, Ordering::SeqCst) == allowed as u64
        {
            left.store(u64::MAX, Ordering::SeqCst);
            shared.weather.send_modify(|weather| weather.cuts += 1);
            return Err(BrokeOff);
        }
    }
}

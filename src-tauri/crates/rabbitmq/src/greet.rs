//! The first words on a port, read by hand: which broker greets there, and if none does, who it is. An AMQP client that
//! fails says only that it failed.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use broker::{Error, ErrorKind, Result};
use lapin::protocol::connection::{Start, parse_start};
use lapin::tcp::{HandshakeError, RustlsConnectorConfig};
use lapin::types::{AMQPValue, FieldTable};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::connect::Endpoint;
use crate::error::{SILENT, of_io, timed_out};

const CONNECT_WAIT: Duration = Duration::from_secs(5);
const READ_WAIT: Duration = Duration::from_secs(3);
/// All of it, in its own thread.
const WAIT: Duration = Duration::from_secs(12);
const FRAME_BYTES_MAX: usize = 64 * 1024;
const AMQP_HEADER: &[u8; 8] = b"AMQP\x00\x00\x09\x01";
/// HTTP answers it in HTTP, AMQP with its own header, TLS with an alert or by hanging up.
const HTTP_REQUEST: &[u8] = b"HEAD / HTTP/1.0\r\n\r\n";
const TLS_ALERT: u8 = 0x15;
/// Class and method of connection.start.
const START: [u8; 4] = [0, 10, 0, 10];

/// What the broker says of itself before anybody logs in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Greeting {
    pub(crate) product: String,
    pub(crate) version: String,
    pub(crate) cluster: String,
    /// "TLS 1.3", where the connection is encrypted.
    pub(crate) tls: Option<&'static str>,
}

/// Who answers on a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answers {
    Amqp,
    Http,
    Tls,
    /// HTTP inside of TLS.
    Https,
    Unknown,
}

/// Opens a connection of its own, reads the broker's greeting and hangs up.
pub(crate) async fn greet(endpoint: &Endpoint) -> Result<Greeting> {
    let endpoint = endpoint.clone();
    let doing = format!("connect to {}", endpoint.place());
    blocking(doing.clone(), move || read_greeting(&endpoint).map_err(|error| of_io(doing, &error).source(error)))
        .await?
}

/// Replaces an error that says no more than that the other side hung up by one that says who is there.
pub(crate) async fn explain_silence(endpoint: &Endpoint, error: Error) -> Error {
    if !matches!(error.kind(), ErrorKind::Lost | ErrorKind::WrongProtocol | ErrorKind::TimedOut) {
        return error;
    }
    let doing = error.doing().to_owned();
    match who(&endpoint.host, endpoint.port, endpoint.ca.as_deref()).await {
        Answers::Tls | Answers::Https if !endpoint.tls => {
            Error::new(ErrorKind::Tls, doing, "the port speaks TLS, and the address says amqp://")
                .remedy("write amqps:// in the broker address")
                .source(error)
        }
        Answers::Http | Answers::Https => {
            Error::new(ErrorKind::WrongProtocol, doing, "an HTTP server answers there, not AMQP")
                .remedy("AMQP usually listens on port 5672, or 5671 with TLS; 15672 is the management API")
                .source(error)
        }
        _ if error.kind() == ErrorKind::TimedOut && error.what_to_do().is_none() => error.remedy(SILENT),
        _ => error,
    }
}

/// Who answers on that port.
pub(crate) async fn who(host: &str, port: u16, ca: Option<&str>) -> Answers {
    let (host, ca) = (host.to_owned(), ca.map(str::to_owned));
    let doing = format!("see who answers on {host}:{port}");
    blocking(doing, move || ask_who(&host, port, ca.as_deref()).unwrap_or(Answers::Unknown))
        .await
        .unwrap_or(Answers::Unknown)
}

async fn blocking<T: Send + 'static>(doing: String, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    match tokio::time::timeout(WAIT, tokio::task::spawn_blocking(work)).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(Error::new(ErrorKind::Lost, doing, "it was cut short").source(error)),
        Err(_) => Err(timed_out(doing, WAIT)),
    }
}

fn read_greeting(endpoint: &Endpoint) -> io::Result<Greeting> {
    let mut stream = open(&endpoint.host, endpoint.port)?;
    if !endpoint.tls {
        return start(&mut stream).map(|start| greeting(&start, None));
    }
    let (mut stream, version) = encrypt(&endpoint.host, stream, endpoint.ca.as_deref())?;
    start(&mut stream).map(|start| greeting(&start, Some(version)))
}

fn greeting(start: &Start, tls: Option<&'static str>) -> Greeting {
    let text = |name| text(&start.server_properties, name);
    Greeting { product: text("product"), version: text("version"), cluster: text("cluster_name"), tls }
}

fn text(table: &FieldTable, name: &str) -> String {
    match table.inner().get(name) {
        Some(AMQPValue::LongString(text)) => text.to_string(),
        _ => String::new(),
    }
}

fn start(stream: &mut (impl Read + Write)) -> io::Result<Start> {
    let foreign = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why.to_owned());
    stream.write_all(AMQP_HEADER)?;
    stream.flush()?;
    let mut head = [0; 7];
    stream.read_exact(&mut head)?;
    let [kind, _, _, size @ ..] = head;
    let size = u32::from_be_bytes(size) as usize;
    // A method frame on channel 0.
    if kind != 1 || !(START.len()..=FRAME_BYTES_MAX).contains(&size) {
        return Err(foreign("no AMQP greeting"));
    }
    let mut payload = vec![0; size];
    stream.read_exact(&mut payload)?;
    match payload.split_at(START.len()) {
        (method, arguments) if method == START => {
            parse_start(arguments).map(|(_, start)| start).map_err(|_| foreign("an AMQP greeting that cannot be read"))
        }
        _ => Err(foreign("no AMQP greeting")),
    }
}

fn ask_who(host: &str, port: u16, ca: Option<&str>) -> io::Result<Answers> {
    let mut plain = open(host, port)?;
    plain.write_all(HTTP_REQUEST)?;
    match first_words(&mut plain) {
        Some(Answers::Unknown) | None => {}
        Some(answers) => return Ok(answers),
    }
    match encrypt(host, open(host, port)?, ca) {
        Ok((mut stream, _)) => {
            stream.write_all(HTTP_REQUEST)?;
            Ok(if first_words(&mut stream) == Some(Answers::Http) { Answers::Https } else { Answers::Tls })
        }
        Err(error) => Ok(match of_io("", &error).kind() {
            // A certificate that we do not like is a certificate.
            ErrorKind::Tls if !is_no_tls(&error) => Answers::Tls,
            _ => Answers::Unknown,
        }),
    }
}

fn is_no_tls(error: &io::Error) -> bool {
    matches!(
        error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>()),
        Some(rustls::Error::InvalidMessage(_))
    )
}

fn first_words(stream: &mut impl Read) -> Option<Answers> {
    let mut words = [0; 4];
    let mut read = 0;
    while read < words.len() {
        match stream.read(&mut words[read..]) {
            Ok(0) | Err(_) => break,
            Ok(more) => read += more,
        }
    }
    match &words[..read] {
        b"HTTP" => Some(Answers::Http),
        b"AMQP" => Some(Answers::Amqp),
        [TLS_ALERT, ..] => Some(Answers::Tls),
        [] => None,
        _ => Some(Answers::Unknown),
    }
}

fn open(host: &str, port: u16) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in (host, port).to_socket_addrs()?.collect::<Vec<SocketAddr>>() {
        match TcpStream::connect_timeout(&address, CONNECT_WAIT) {
            Ok(stream) => {
                stream.set_read_timeout(Some(READ_WAIT))?;
                stream.set_write_timeout(Some(READ_WAIT))?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn encrypt(host: &str, stream: TcpStream, ca: Option<&str>) -> io::Result<(impl Read + Write + use<>, &'static str)> {
    let mut config = RustlsConnectorConfig::new_with_platform_verifier();
    if let Some(pem) = ca {
        let certificates = CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<_>, _>>();
        config.add_parsable_certificates(
            certificates.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?,
        );
    }
    let stream = config.connector_with_no_client_auth()?.connect(host, stream).map_err(|error| match error.into() {
        HandshakeError::Failure(error) => error,
        HandshakeError::WouldBlock(_) => io::Error::from(io::ErrorKind::TimedOut),
    })?;
    let version = match stream.conn.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_3) => "TLS 1.3",
        Some(rustls::ProtocolVersion::TLSv1_2) => "TLS 1.2",
        _ => "TLS",
    };
    Ok((stream, version))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use std::net::TcpListener;

    use super::*;

    fn answering(with: &'static [u8]) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for stream in listener.incoming().take(2) {
                let mut stream = stream.unwrap();
                let mut asked = [0; 8];
                stream.read_exact(&mut asked).unwrap();
                stream.write_all(with).unwrap();
            }
        });
        port
    }

    #[tokio::test]
    async fn who_answers_is_known_by_the_first_words() {
        for (words, expected) in [
            (b"HTTP/1.1 400 Bad Request\r\n\r\n".as_slice(), Answers::Http),
            (AMQP_HEADER.as_slice(), Answers::Amqp),
            (b"\x15\x03\x03\x00\x02\x02\x0a".as_slice(), Answers::Tls),
            (b"SSH-2.0-OpenSSH".as_slice(), Answers::Unknown),
        ] {
            assert_eq!(who("127.0.0.1", answering(words), None).await, expected);
        }
    }

    #[test]
    fn a_frame_that_is_no_greeting_is_refused_before_its_length_is_believed() {
        struct Fake(io::Cursor<Vec<u8>>);
        impl Read for Fake {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.0.read(buffer)
            }
        }
        impl Write for Fake {
            fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
                Ok(buffer.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        for bytes in [
            vec![1, 0, 0, 255, 255, 255, 255],
            vec![b'H', b'T', b'T', b'P', b'/', b'1', b'.'],
            vec![1, 0, 0, 0, 0, 0, 4, 0, 10, 0, 11],
        ] {
            let error = start(&mut Fake(io::Cursor::new(bytes))).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        }
    }
}

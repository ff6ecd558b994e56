//! Sealed captures: what they hold of a message beside the lines of a list is encrypted with a key of this computer, and
//! opened while it is read, so that everything else reads a capture as if it were plain.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::rand;
use rusqlite::Connection;
use rusqlite::functions::{Context, FunctionFlags};
use zeroize::Zeroizing;

use crate::CaptureId;

pub(super) const KEY_LEN: usize = 32;

/// The tables of a sealed capture in the place of the wide one.
pub(super) const SCHEMA: &str = "
CREATE TABLE sealed (n INTEGER PRIMARY KEY REFERENCES msg (n), head BLOB NOT NULL, body BLOB NOT NULL) STRICT;
";
/// The wide table as everybody reads it.
const OPENED: &str = "
CREATE TEMP VIEW body AS SELECT n, open_head(n, head) AS head, open_body(n, body) AS body FROM main.sealed;
";

/// Which part of a message is sealed: the two cannot be taken for each other.
#[derive(Debug, Clone, Copy)]
enum Part {
    Head = 1,
    Body = 2,
}

/// The key of this computer. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Key {
    key: Arc<RandomizedNonceKey>,
    /// By which it is known again; says nothing of it.
    pub(super) name: String,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.name)
    }
}

impl Key {
    /// `None`: these bytes are no key.
    pub(super) fn new(bytes: &[u8]) -> Option<Self> {
        let key = RandomizedNonceKey::new(&AES_256_GCM, bytes).ok()?;
        let name = blake3::derive_key("app.queuescope.desktop 2026 name of a data key", bytes);
        let name = name[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        Some(Self { key: Arc::new(key), name })
    }

    /// Bytes for a new one. `None`: this computer has no randomness.
    pub(super) fn random() -> Option<Zeroizing<[u8; KEY_LEN]>> {
        let mut bytes = Zeroizing::new([0; KEY_LEN]);
        rand::fill(bytes.as_mut_slice()).ok().map(|()| bytes)
    }

    fn seal(&self, capture: CaptureId, n: u64, part: Part, plain: &[u8]) -> rusqlite::Result<Vec<u8>> {
        let mut sealed = Vec::with_capacity(plain.len() + AES_256_GCM.tag_len());
        sealed.extend_from_slice(plain);
        let nonce = self.key.seal_in_place_append_tag(Aad::from(place(capture, n, part)), &mut sealed);
        let nonce = nonce.map_err(|_| said("it could not be encrypted"))?;
        Ok([nonce.as_ref().as_slice(), &sealed].concat())
    }

    fn open(&self, capture: CaptureId, n: u64, part: Part, sealed: &[u8]) -> rusqlite::Result<Vec<u8>> {
        let wrong = || said("it was encrypted with another key, or was changed since");
        let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN).ok_or_else(wrong)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| wrong())?;
        let mut opened = sealed.to_vec();
        let plain = self.key.open_in_place(nonce, Aad::from(place(capture, n, part)), &mut opened);
        let len = plain.map_err(|_| wrong())?.len();
        opened.truncate(len);
        Ok(opened)
    }
}

/// What a sealed part is bound to: it opens nowhere else.
fn place(capture: CaptureId, n: u64, part: Part) -> [u8; 25] {
    let mut place = [0; 25];
    place[..16].copy_from_slice(capture.uuid().as_bytes());
    place[16..24].copy_from_slice(&n.to_be_bytes());
    place[24] = part as u8;
    place
}

/// With what a capture is written.
#[derive(Debug, Clone)]
pub(super) struct Seal {
    pub(super) capture: CaptureId,
    pub(super) key: Key,
}

impl Seal {
    /// A head and a body, sealed.
    pub(super) fn seal(&self, n: u64, head: &str, body: &[u8]) -> rusqlite::Result<(Vec<u8>, Vec<u8>)> {
        let head = self.key.seal(self.capture, n, Part::Head, head.as_bytes())?;
        Ok((head, self.key.seal(self.capture, n, Part::Body, body)?))
    }
}

/// Makes the wide table of a sealed capture readable on that connection. Without a key everything but heads and bodies can
/// be read, and those say why not.
pub(super) fn open(connection: &Connection, capture: CaptureId, key: Result<Key, String>) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    let key = Arc::new(key);
    let opened = move |context: &Context<'_>, part: Part| {
        let key = key.as_ref().as_ref().map_err(|why| said(why))?;
        key.open(capture, context.get(0)?, part, context.get_raw(1).as_blob()?)
    };
    let of_head = opened.clone();
    connection.create_scalar_function("open_head", 2, flags, move |context| {
        String::from_utf8(of_head(context, Part::Head)?).map_err(|_| said("it is no text"))
    })?;
    connection.create_scalar_function("open_body", 2, flags, move |context| opened(context, Part::Body))?;
    // A view that lives with this connection only.
    connection.pragma_update(None, "query_only", 0)?;
    connection.execute_batch(OPENED)?;
    connection.pragma_update(None, "query_only", 1)
}

fn said(why: &str) -> rusqlite::Error {
    rusqlite::Error::UserFunctionError(format!("it cannot be read: {why}").into())
}

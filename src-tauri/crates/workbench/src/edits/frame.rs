//! What the editor and its worker say to each other: a byte that says what follows, its length, and that many bytes.

use std::io::{self, Read, Write};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::BODY_BYTES_MAX;

/// Of what follows the head.
const PAYLOAD_BYTES_MAX: usize = BODY_BYTES_MAX;
const HEAD_BYTES: usize = 5;

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag {
    /// To the worker: the edit, as JSON. Answered by `Ready` or `WhyNot`.
    Edit = 1,
    /// To the worker: a body. Answered by `Edited`, `Same` or `WhyNot`.
    Body = 2,
    /// The edit can be carried out; with the worker's version.
    Ready = 3,
    /// The body after the edit.
    Edited = 4,
    /// The edit changes nothing of the body.
    Same = 5,
    /// Why it cannot be edited.
    WhyNot = 6,
}

/// A frame that was read.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) tag: Tag,
    pub(super) payload: Vec<u8>,
}

fn head(tag: Tag, payload: &[u8]) -> io::Result<[u8; HEAD_BYTES]> {
    if payload.len() > PAYLOAD_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "too long for one frame"));
    }
    let length = u32::try_from(payload.len()).map_err(io::Error::other)?;
    let [a, b, c, d] = length.to_be_bytes();
    Ok([tag as u8, a, b, c, d])
}

fn read_head([tag, a, b, c, d]: [u8; HEAD_BYTES]) -> io::Result<(Tag, usize)> {
    let known = [Tag::Edit, Tag::Body, Tag::Ready, Tag::Edited, Tag::Same, Tag::WhyNot];
    let tag = known.into_iter().find(|known| *known as u8 == tag);
    let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
    match tag {
        Some(tag) if length <= PAYLOAD_BYTES_MAX => Ok((tag, length)),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "not a frame")),
    }
}

/// The next frame; `None`: the other side closed.
pub(super) fn read(from: &mut impl Read) -> io::Result<Option<Frame>> {
    let mut head = [0; HEAD_BYTES];
    match from.read_exact(&mut head) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let (tag, length) = read_head(head)?;
    let mut payload = vec![0; length];
    from.read_exact(&mut payload)?;
    Ok(Some(Frame { tag, payload }))
}

pub(super) fn write(to: &mut impl Write, tag: Tag, payload: &[u8]) -> io::Result<()> {
    to.write_all(&head(tag, payload)?)?;
    to.write_all(payload)?;
    to.flush()
}

/// As [`read`], for the side that may not block; a closed other side is an error there.
pub(super) async fn receive(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Frame> {
    let mut head = [0; HEAD_BYTES];
    from.read_exact(&mut head).await?;
    let (tag, length) = read_head(head)?;
    let mut payload = vec![0; length];
    from.read_exact(&mut payload).await?;
    Ok(Frame { tag, payload })
}

/// As [`write`], for the side that may not block.
pub(super) async fn send(to: &mut (impl AsyncWrite + Unpin), tag: Tag, payload: &[u8]) -> io::Result<()> {
    to.write_all(&head(tag, payload)?).await?;
    to.write_all(payload).await?;
    to.flush().await
}

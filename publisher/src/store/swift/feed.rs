//! Content that is read twice, and again where an upload broke: first for the MD5s of its pieces, then to be sent.

use bytes::Bytes;
use md5::{Digest, Md5};

use super::write::hex;
use crate::content::{Content, ContentError, Verified};

/// A run of the content's bytes that is one upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) from: u64,
    pub(super) size: u64,
    /// In hex.
    pub(super) md5: String,
}

/// The pieces of content, each of `size` bytes and the last one of fewer. Reads all of it: wrong content is found
/// before anything of it is sent.
pub(super) async fn pieces(content: &Content<'_>, size: u64) -> Result<Vec<Piece>, ContentError> {
    let silent = Content { passed: &|_| (), ..*content };
    let mut feed = Feed::new(silent.look().await?);
    let mut pieces = Vec::new();
    while feed.at < content.descriptor.size {
        let (from, mut hasher) = (feed.at, Md5::new());
        while let Some(chunk) = feed.next(from + size).await? {
            hasher.update(&chunk);
        }
        pieces.push(Piece { from, size: feed.at - from, md5: hex(hasher) });
    }
    Ok(pieces)
}

/// Content in chunks, up to the ends of pieces.
pub(super) struct Feed<'a> {
    verified: Verified<'a>,
    rest: Bytes,
    pub(super) at: u64,
}

impl<'a> Feed<'a> {
    pub(super) fn new(verified: Verified<'a>) -> Self {
        Self { verified, rest: Bytes::new(), at: 0 }
    }

    /// The next chunk before the byte number `end`; `None` when that is reached, or the content's own end.
    pub(super) async fn next(&mut self, end: u64) -> Result<Option<Bytes>, ContentError> {
        if self.at >= end {
            return Ok(None);
        }
        if self.rest.is_empty() {
            match self.verified.next().await? {
                Some(chunk) => self.rest = chunk,
                None => return Ok(None),
            }
        }
        let most = usize::try_from(end - self.at).unwrap_or(usize::MAX);
        let chunk = self.rest.split_to(self.rest.len().min(most));
        self.at += chunk.len() as u64;
        Ok(Some(chunk))
    }

    pub(super) async fn skip_to(&mut self, at: u64) -> Result<(), ContentError> {
        while self.next(at).await?.is_some() {}
        Ok(())
    }
}

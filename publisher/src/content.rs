//! Content on its way: a descriptor, where its bytes can be opened (again), and the check that they are the right ones.

use std::fs::File;
use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use contract::descriptor::Descriptor;
use contract::digest::{Digest, Hasher};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;

/// The bytes of something, in chunks of at most about 1 MiB.
pub type Chunks = BoxStream<'static, io::Result<Bytes>>;

/// Something that content can be opened from, as often as wanted: that makes a retry easy.
#[async_trait]
pub trait Open: Send + Sync {
    /// The content that a descriptor names, from its beginning; `None` where this source lacks it.
    /// What comes is not verified yet.
    async fn open(&self, descriptor: &Descriptor) -> io::Result<Option<Chunks>>;

    /// How many bytes [`Open::open`] would give, `None` where this source lacks it. Sources that know without reading
    /// say what they hold, right or wrong.
    async fn size(&self, descriptor: &Descriptor) -> io::Result<Option<u64>> {
        Ok(self.open(descriptor).await?.map(|_| descriptor.size))
    }

    /// As [`Open::open`], for who does not send it: no limit of the sending's speed holds.
    async fn look(&self, descriptor: &Descriptor) -> io::Result<Option<Chunks>> {
        self.open(descriptor).await
    }

    /// A file without a name that holds exactly it, where there is one: it was hashed while it was written here, and nobody
    /// else can write to it.
    fn file(&self, descriptor: &Descriptor) -> Option<Arc<File>> {
        let _ = descriptor;
        None
    }

    /// Content that was made of what is here, to be sent with it: the same limit of speed holds.
    fn along(&self, chunks: Chunks) -> Chunks {
        chunks
    }

    /// How many bytes were read of where the content is so far, as far as that is counted.
    fn read(&self) -> u64 {
        0
    }
}

/// Content that can be had from a source.
pub struct Content<'a> {
    /// What it must be.
    pub descriptor: &'a Descriptor,
    /// From where.
    pub from: &'a dyn Open,
    /// Told how many bytes passed by, each time some do.
    pub passed: &'a (dyn Fn(u64) + Send + Sync),
}

/// Why content cannot be sent: the source's side.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    /// The source does not hold it.
    #[error("the source lacks {0}")]
    Missing(Digest),
    /// The source cannot be read.
    #[error("the source failed while {digest} was read")]
    Read {
        /// What was read.
        digest: Digest,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Other bytes than the descriptor names.
    #[error(
        "the source holds other bytes than {expected} of {expected_size} bytes: \
         {found_size} bytes of {found}"
    )]
    Mismatch {
        /// By the descriptor.
        expected: Digest,
        /// By the descriptor.
        expected_size: u64,
        /// Of the bytes that were read.
        found: Digest,
        /// How many were read; one chunk more than expected at most.
        found_size: u64,
    },
}

impl<'a> Content<'a> {
    /// Opens it. Each call begins anew.
    pub async fn open(&self) -> Result<Verified<'a>, ContentError> {
        self.verified(self.from.open(self.descriptor).await)
    }

    /// The same, for who only looks at it.
    pub async fn look(&self) -> Result<Verified<'a>, ContentError> {
        self.verified(self.from.look(self.descriptor).await)
    }

    fn verified(&self, opened: io::Result<Option<Chunks>>) -> Result<Verified<'a>, ContentError> {
        let digest = self.descriptor.digest;
        let chunks = opened.map_err(|source| ContentError::Read { digest, source })?;
        Ok(Verified {
            descriptor: self.descriptor,
            passed: self.passed,
            chunks: chunks.ok_or(ContentError::Missing(digest))?,
            hasher: Some(Hasher::new(digest.algorithm())),
            size: 0,
            held: None,
        })
    }
}

/// Chunks whose last one is held back until size and digest are right: who writes what comes out of this has written
/// the whole content, or has been told that it is wrong while something is still missing.
pub struct Verified<'a> {
    descriptor: &'a Descriptor,
    passed: &'a (dyn Fn(u64) + Send + Sync),
    chunks: Chunks,
    hasher: Option<Hasher>,
    size: u64,
    held: Option<Bytes>,
}

impl Verified<'_> {
    /// The next chunk; `None` when all of it came out and was right.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ContentError> {
        let Some(hasher) = &mut self.hasher else { return Ok(self.held.take()) };
        loop {
            let digest = self.descriptor.digest;
            let chunk = self.chunks.next().await.transpose();
            match chunk.map_err(|source| ContentError::Read { digest, source })? {
                Some(chunk) if chunk.is_empty() => {}
                Some(chunk) => {
                    hasher.update(&chunk);
                    self.size += chunk.len() as u64;
                    if self.size > self.descriptor.size {
                        return Err(self.mismatch());
                    }
                    (self.passed)(chunk.len() as u64);
                    if let Some(before) = self.held.replace(chunk) {
                        return Ok(Some(before));
                    }
                }
                None => return self.end(),
            }
        }
    }

    fn end(&mut self) -> Result<Option<Bytes>, ContentError> {
        let found = self.hasher.clone().map(Hasher::finish);
        if found != Some((self.descriptor.digest, self.descriptor.size)) {
            return Err(self.mismatch());
        }
        self.hasher = None;
        Ok(self.held.take())
    }

    fn mismatch(&self) -> ContentError {
        // The state stays as it is: who asks again is told the same again.
        let hasher = self.hasher.clone().unwrap_or_else(|| Hasher::new(self.descriptor.digest.algorithm()));
        let (found, found_size) = hasher.finish();
        let (expected, expected_size) = (self.descriptor.digest, self.descriptor.size);
        ContentError::Mismatch { expected, expected_size, found, found_size }
    }

    /// All of it, for what is known to be small.
    pub async fn whole(mut self) -> Result<Bytes, ContentError> {
        let mut all = Vec::with_capacity(usize::try_from(self.descriptor.size.min(8 << 20)).unwrap_or(0));
        while let Some(chunk) = self.next().await? {
            all.extend_from_slice(&chunk);
        }
        Ok(all.into())
    }
}

#[cfg(test)]
mod tests {
    use contract::digest::Algorithm;
    use futures_util::stream;

    use super::*;

    struct Given(Vec<&'static str>);

    #[async_trait]
    impl Open for Given {
        async fn open(&self, _: &Descriptor) -> io::Result<Option<Chunks>> {
            let chunks: Vec<_> =
                self.0.iter().map(|chunk| Ok(Bytes::from_static(chunk.as_bytes()))).collect();
            Ok(Some(stream::iter(chunks).boxed()))
        }
    }

    /// What came out before the end, and whether the end was good.
    async fn run(expected: &str, given: &[&'static str]) -> (String, bool) {
        let digest = Digest::of(Algorithm::Sha256, expected.as_bytes());
        let descriptor = Descriptor::new("a/b".into(), digest, expected.len() as u64);
        let from = Given(given.to_vec());
        let content = Content { descriptor: &descriptor, from: &from, passed: &|_| () };
        let mut verified = content.open().await.unwrap();
        let mut out = String::new();
        loop {
            match verified.next().await {
                Ok(Some(chunk)) => out.push_str(str::from_utf8(&chunk).unwrap()),
                Ok(None) => return (out, true),
                Err(ContentError::Mismatch { .. }) => return (out, false),
                Err(other) => panic!("{other}"),
            }
        }
    }

    #[tokio::test]
    async fn right_bytes_come_out_whole() {
        assert_eq!(run("abc", &["a", "", "bc"]).await, ("abc".into(), true));
        assert_eq!(run("", &[]).await, (String::new(), true));
    }

    #[tokio::test]
    async fn wrong_bytes_never_come_out_whole() {
        assert_eq!(run("abc", &["a", "bd"]).await, ("a".into(), false));
        assert_eq!(run("abc", &["ab"]).await, (String::new(), false));
        assert_eq!(run("abc", &["ab", "c", "d"]).await, ("ab".into(), false));
        assert_eq!(run("", &["d"]).await, (String::new(), false));
    }
}

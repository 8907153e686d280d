//! Where bytes of a source are, and how they come from there: in chunks, read off the async threads.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use contract::digest::Digest;
use futures_util::StreamExt;
use futures_util::stream;

use super::again::Again;
use super::chunk::Chunk;
pub(super) use super::chunk::SIZE as CHUNK;
use super::layer::Layer;
use crate::content::Chunks;

/// Bytes that can be read again and again.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// In memory.
    Memory(Bytes),
    /// A whole file of a known size.
    File { path: PathBuf, size: u64 },
    /// A part of a file, read by position: many readers share it.
    Slice { file: Arc<File>, offset: u64, size: u64 },
    /// A plain tar that was packed when it came by, and is unpacked where somebody wants it plain.
    Packed(Arc<Packed>),
    /// Packed from elsewhere whenever it is read.
    Again(Arc<Again>),
}

/// A plain tar, and the layer that it is published as.
#[derive(Debug)]
pub(super) struct Packed {
    /// Of the plain tar, what a config calls a diff id.
    pub plain: Digest,
    /// Of the plain tar.
    pub size: u64,
    /// What it became.
    pub layer: Layer,
}

impl Place {
    /// All of an open file, one without a name for instance.
    pub(super) fn whole(file: File) -> io::Result<Self> {
        let size = file.metadata()?.len();
        Ok(Self::Slice { file: Arc::new(file), offset: 0, size })
    }

    /// The file that holds it and nothing else, if there is one; it may be one that others write to.
    pub(super) fn alone(&self) -> Option<Arc<File>> {
        match self {
            Self::Slice { file, offset: 0, .. } => Some(Arc::clone(file)),
            Self::Slice { .. } | Self::Memory(_) | Self::File { .. } | Self::Packed(_) | Self::Again(_) => {
                None
            }
        }
    }

    /// How many bytes are there.
    pub(super) fn size(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File { size, .. } | Self::Slice { size, .. } => *size,
            Self::Packed(packed) => packed.size,
            Self::Again(again) => again.size,
        }
    }

    /// Reads from the beginning. Blocks.
    pub(super) fn reader(&self) -> io::Result<Reader> {
        Ok(match self {
            Self::Again(again) => again.reader()?,
            Self::Memory(bytes) => Reader::Memory(io::Cursor::new(bytes.clone())),
            Self::File { path, size } => {
                Reader::File(Slice { file: File::open(path)?.into(), at: 0, end: *size })
            }
            Self::Slice { file, offset, size } => {
                Reader::File(Slice { file: file.clone(), at: *offset, end: offset.saturating_add(*size) })
            }
            Self::Packed(packed) => {
                let layer = BufReader::with_capacity(CHUNK, packed.layer.place.reader()?);
                let plain = packed.layer.packing.open(layer)?.ok_or(io::ErrorKind::Unsupported)?;
                Reader::Plain { plain, left: packed.size }
            }
        })
    }

    /// All of it, in chunks.
    pub(super) async fn chunks(&self) -> io::Result<Chunks> {
        let place = self.clone();
        let reader = off(move || place.reader()).await?;
        Ok(stream::try_unfold(reader, |mut reader| {
            off(move || {
                let chunk = Chunk::fill(&mut reader)?;
                Ok((!chunk.as_ref().is_empty()).then(|| (Bytes::from_owner(chunk), reader)))
            })
        })
        .boxed())
    }

    /// All of what is known to be small.
    pub(super) async fn read(&self) -> io::Result<Bytes> {
        let place = self.clone();
        off(move || {
            let mut bytes = Vec::new();
            place.reader()?.read_to_end(&mut bytes)?;
            Ok(bytes.into())
        })
        .await
    }
}

/// Runs what blocks for a short while on a thread where it may.
pub(super) async fn off<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

/// Reads a [`Place`].
pub(super) enum Reader {
    Memory(io::Cursor<Bytes>),
    File(Slice),
    Plain { plain: Box<dyn Read + Send>, left: u64 },
}

pub(super) struct Slice {
    file: Arc<File>,
    at: u64,
    end: u64,
}

impl Reader {
    /// How many bytes are to come.
    pub(super) fn left(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.get_ref().len() as u64 - bytes.position(),
            Self::File(slice) => slice.end - slice.at,
            Self::Plain { left, .. } => *left,
        }
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(usize::try_from(self.left()).unwrap_or(usize::MAX));
        match self {
            Self::Memory(bytes) => bytes.read(buffer),
            Self::File(_) | Self::Plain { .. } if most == 0 => Ok(0),
            Self::Plain { plain, left } => {
                let n = plain.read(&mut buffer[..most])?;
                *left -= n as u64;
                Ok(n)
            }
            Self::File(slice) => match slice.file.read_at(&mut buffer[..most], slice.at)? {
                // Somebody made the file shorter.
                0 => Err(io::ErrorKind::UnexpectedEof.into()),
                n => {
                    slice.at += n as u64;
                    Ok(n)
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    async fn collect(place: &Place) -> io::Result<Vec<u8>> {
        let mut chunks = place.chunks().await?;
        let mut all = Vec::new();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk?;
            assert!(!chunk.is_empty() && chunk.len() <= CHUNK);
            all.extend_from_slice(&chunk);
        }
        assert_eq!(all, place.read().await?);
        Ok(all)
    }

    #[tokio::test]
    async fn every_place_gives_its_bytes_twice() {
        let bytes: Vec<u8> = (0..CHUNK * 2 + 3).map(|n| n as u8).collect();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&bytes).unwrap();
        let open = Arc::new(file.reopen().unwrap());
        for (place, expected) in [
            (Place::Memory(bytes.clone().into()), &bytes[..]),
            (Place::File { path: file.path().into(), size: bytes.len() as u64 }, &bytes),
            (Place::whole(file.reopen().unwrap()).unwrap(), &bytes),
            (Place::Slice { file: open.clone(), offset: 7, size: CHUNK as u64 }, &bytes[7..CHUNK + 7]),
            (Place::Slice { file: open, offset: 7, size: 0 }, &[]),
        ] {
            assert_eq!(place.size(), expected.len() as u64);
            assert!(collect(&place).await.unwrap() == expected && collect(&place).await.unwrap() == expected);
        }
    }

    #[tokio::test]
    async fn a_file_that_became_shorter_is_an_error() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"abc").unwrap();
        let place = Place::File { path: file.path().into(), size: 4 };
        assert_eq!(collect(&place).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}

//! The layers of a docker archive: checked against the config, and packed where they are plain.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use contract::descriptor::Descriptor;
use contract::digest::{Algorithm, Digest, Hasher};
use contract::media::MediaType;
use contract::packed::Packed;

use super::ManifestType;
use super::blocks::{Blocks, workers};
use super::compression::Compress;
use super::kept::{Keeping, Taken};
use super::packing::{Packing, begins_tar, fill};
use super::place::{CHUNK, Place};
use super::work::Tell;
use crate::remembered;

/// Why a layer cannot be published.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    /// No byte.
    #[error("it is empty")]
    Empty,
    /// Neither a tar nor something compressed.
    #[error("it is not a tar archive, and is not compressed in a known way")]
    NotALayer,
    /// Not what the config says.
    #[error("its content has the digest {found}, but the image's config says {expected}")]
    Differs {
        /// The config's diff id.
        expected: Digest,
        /// Of the plain tar.
        found: Digest,
    },
    /// It cannot be read, or not decompressed.
    #[error("it cannot be read")]
    Read(#[source] io::Error),
    /// The compressed layer does not fit, for instance.
    #[error("cannot write a temporary file in {}", std::env::temp_dir().display())]
    Temporary(#[source] io::Error),
    /// The same, where the store would have taken it over.
    #[error("cannot write a file in {}", folder.display())]
    Staged {
        /// Of the store.
        folder: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The compressor does not work.
    #[error("it cannot be compressed")]
    Compress(#[source] io::Error),
}

/// A layer as it is published.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    /// How the published bytes are packed.
    pub packing: Packing,
    /// Of the published bytes.
    pub digest: Digest,
    /// Where they are.
    pub place: Place,
    /// How they were compressed, if they were here.
    pub packed: Option<Packed>,
}

/// How a layer is packed; an error for what is none.
pub(super) fn sniff(place: &Place) -> Result<Packing, LayerError> {
    let mut first = [0; 512];
    let mut reader = place.reader().map_err(LayerError::Read)?;
    let n = fill(&mut reader, &mut first).map_err(LayerError::Read)?;
    match Packing::of(&first[..n]) {
        _ if n == 0 => Err(LayerError::Empty),
        Packing::Plain if !begins_tar(&first[..n]) => Err(LayerError::NotALayer),
        packing => Ok(packing),
    }
}

/// Packs layers; several at the same time.
#[derive(Debug)]
pub(super) struct Packer {
    compress: Compress,
    /// Where packed layers are written to, if the store takes them over from there.
    folder: Option<PathBuf>,
    /// While there is something to compress.
    blocks: Mutex<Option<Arc<Blocks>>>,
    taken: Taken,
}

/// How many layers are packed at the same time: while one is read and hashed, the compressors are busy with another.
pub(super) fn at_once() -> usize {
    workers().div_ceil(4).max(2)
}

/// What [`Packer::compress`] did.
pub(super) struct Compressed<W> {
    /// Of the plain tar.
    pub found: Digest,
    /// Of the plain tar.
    pub size: u64,
    /// Of what was written.
    pub digest: Digest,
    /// Where it was written to.
    pub to: W,
}

impl Packer {
    pub(super) fn new(compress: Compress, folder: Option<PathBuf>) -> Self {
        Self { compress, folder, blocks: Mutex::default(), taken: Taken::default() }
    }

    /// What plain layers become; `None` where they stay plain.
    pub(super) const fn packed(&self) -> Option<Packed> {
        self.compress.packed()
    }

    /// Whether a layer that is packed so keeps its bytes.
    pub(super) const fn keeps(&self, packing: Packing) -> bool {
        self.compress.keeps(packing)
    }

    /// There is nothing to compress for a while.
    pub(super) fn rest(&self) {
        *self.blocks.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Checks a layer, and packs it as it is wanted. Blocks for as long as that takes.
    pub(super) fn pack(&self, place: &Place, diff_id: &Digest, tell: &Tell) -> Result<Layer, LayerError> {
        if let Place::Packed(packed) = place
            && packed.plain.algorithm() == diff_id.algorithm()
        {
            is(diff_id, packed.plain)?;
            return Ok(packed.layer.clone());
        }
        match sniff(place)? {
            packing if self.keeps(packing) => keep(place, packing, diff_id, tell),
            packing => self.repack(place, packing, diff_id, tell),
        }
    }

    /// Checks a layer that need not be packed.
    pub(super) fn check(&self, place: &Place, diff_id: &Digest, tell: &Tell) -> Result<(), LayerError> {
        match place {
            Place::Packed(_) => self.pack(place, diff_id, tell),
            place => keep(place, sniff(place)?, diff_id, tell),
        }
        .map(drop)
    }

    fn repack(
        &self,
        place: &Place,
        packing: Packing,
        diff_id: &Digest,
        tell: &Tell,
    ) -> Result<Layer, LayerError> {
        let raw = BufReader::with_capacity(CHUNK, place.reader().map_err(LayerError::Read)?);
        self.repack_read(raw, packing, diff_id, tell)
    }

    /// Packs as it is wanted what comes by packed otherwise.
    pub(super) fn repack_read(
        &self,
        raw: impl BufRead + Send,
        packing: Packing,
        diff_id: &Digest,
        tell: &Tell,
    ) -> Result<Layer, LayerError> {
        let plain = packing.open(raw).map_err(LayerError::Read)?.ok_or(LayerError::NotALayer)?;
        let done = |done| tell.done(done).map_err(LayerError::Read);
        let keeping = Keeping::new(self.folder.as_deref());
        let packed = self.compress(plain, diff_id.algorithm(), keeping, done);
        let packed = packed.map_err(|error| self.staged(error))?;
        is(diff_id, packed.found)?;
        let place = packed.to.finish(&self.taken).map_err(|e| self.staged(LayerError::Temporary(e)))?;
        Ok(self.layer(packed.digest, place))
    }

    /// Says in which folder it was.
    fn staged(&self, error: LayerError) -> LayerError {
        match (&self.folder, error) {
            (Some(folder), LayerError::Temporary(source)) => {
                LayerError::Staged { folder: folder.clone(), source }
            }
            (_, error) => error,
        }
    }

    /// What [`Packer::compress`] made.
    pub(super) fn layer(&self, digest: Digest, place: Place) -> Layer {
        let packed = self.packed();
        Layer { packing: packed.map_or(Packing::Plain, Packing::from), digest, place, packed }
    }

    /// Compresses a plain tar in one pass. The same bytes give the same digest wherever and whenever this runs.
    pub(super) fn compress<W: Write>(
        &self,
        plain: impl Read,
        algorithm: Algorithm,
        to: W,
        done: impl Fn(u64) -> Result<(), LayerError>,
    ) -> Result<Compressed<W>, LayerError> {
        let mut to = Hashing { inner: to, hasher: Hasher::new(Algorithm::Sha256) };
        let write = |bytes: &[u8]| to.write_all(bytes).map_err(LayerError::Temporary);
        let (mut hasher, mut size) = (Hasher::new(algorithm), 0);
        let see = |bytes: &[u8]| {
            hasher.update(bytes);
            size += bytes.len() as u64;
            done(size)
        };
        match self.packed() {
            Some(packed) => self.blocks(packed).run(packed, plain, see, write)?,
            None => each(plain, see, write)?,
        }
        let Hashing { inner, hasher: written } = to;
        Ok(Compressed { found: hasher.finish().0, size, digest: written.finish().0, to: inner })
    }

    fn blocks(&self, packed: Packed) -> Arc<Blocks> {
        let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        blocks.get_or_insert_with(|| Arc::new(Blocks::start(packed, workers(), at_once()))).clone()
    }
}

/// Keeps the bytes of a compressed layer.
fn keep(place: &Place, packing: Packing, diff_id: &Digest, tell: &Tell) -> Result<Layer, LayerError> {
    let raw = place.reader().map_err(LayerError::Read)?;
    let mut raw =
        BufReader::with_capacity(CHUNK, Hashing { inner: raw, hasher: Hasher::new(Algorithm::Sha256) });
    // What cannot be decompressed here is checked by whoever pulls it.
    if let Some(plain) = packing.open(&mut raw).map_err(LayerError::Read)? {
        let (mut hasher, mut done) = (Hasher::new(diff_id.algorithm()), 0);
        let see = |bytes: &[u8]| {
            hasher.update(bytes);
            done += bytes.len() as u64;
            tell.done(done).map_err(LayerError::Read)
        };
        each(plain, see, |_| Ok(()))?;
        is(diff_id, hasher.finish().0)?;
    }
    io::copy(&mut raw, &mut io::sink()).map_err(LayerError::Read)?;
    let (digest, _) = raw.into_inner().hasher.finish();
    Ok(Layer { packing, digest, place: place.clone(), packed: None })
}

/// Passes all of it on in chunks, to the one and then to the other.
fn each(
    mut from: impl Read,
    mut see: impl FnMut(&[u8]) -> Result<(), LayerError>,
    mut pass: impl FnMut(&[u8]) -> Result<(), LayerError>,
) -> Result<(), LayerError> {
    let mut buffer = vec![0; CHUNK];
    loop {
        match fill(&mut from, &mut buffer).map_err(LayerError::Read)? {
            0 => return Ok(()),
            n => see(&buffer[..n]).and_then(|()| pass(&buffer[..n]))?,
        }
    }
}

/// Whether a plain tar is what the config says.
fn is(expected: &Digest, found: Digest) -> Result<(), LayerError> {
    if found == *expected { Ok(()) } else { Err(LayerError::Differs { expected: *expected, found }) }
}

impl Layer {
    /// What is to be remembered of it, if it was compressed here.
    pub(super) fn compressed(&self, diff_id: &Digest) -> Option<remembered::Compressed> {
        let (blob, size) = (self.digest, self.place.size());
        self.packed.map(|packed| remembered::Compressed { diff_id: *diff_id, packed, blob, size })
    }

    /// As it is sent.
    pub(super) fn descriptor(&self) -> Descriptor {
        Descriptor::new(self.oci_type(), self.digest, self.place.size())
    }

    /// What the image spec calls it.
    pub(super) fn oci_type(&self) -> MediaType {
        self.media_type(ManifestType::Oci)
    }

    /// How a manifest calls it.
    pub(super) fn media_type(&self, of: ManifestType) -> MediaType {
        let media_type = match (of, self.packing) {
            (ManifestType::Docker, Packing::Gzip) => MediaType::DOCKER_LAYER_GZIP,
            // Neither specification has names for bzip2 and xz; clients look at the bytes.
            (ManifestType::Docker, _) => MediaType::DOCKER_LAYER,
            (ManifestType::Oci, Packing::Gzip) => MediaType::OCI_LAYER_GZIP,
            (ManifestType::Oci, Packing::Zstd) => MediaType::OCI_LAYER_ZSTD,
            (ManifestType::Oci, _) => MediaType::OCI_LAYER,
        };
        media_type.into()
    }
}

/// Computes the digest of what passes.
struct Hashing<T> {
    inner: T,
    hasher: Hasher,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..n]);
        Ok(n)
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let n = self.inner.write(buffer)?;
        self.hasher.update(&buffer[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

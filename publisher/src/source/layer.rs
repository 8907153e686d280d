//! The layers of a docker archive: checked against the config, and packed where they are plain.

use std::io::{self, BufReader, BufWriter, Read, Write};

use contract::digest::{Algorithm, Digest, Hasher};
use contract::media::MediaType;
use flate2::{Compression, GzBuilder};

use super::ManifestType;
use super::packing::{Packing, begins_tar, fill};
use super::place::{CHUNK, Place};
use super::work::Tell;

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

/// Checks a layer, and packs a plain one with gzip. Blocks for as long as that takes.
pub(super) fn pack(place: &Place, diff_id: &Digest, tell: &Tell) -> Result<Layer, LayerError> {
    if let Place::Packed(packed) = place
        && packed.plain.algorithm() == diff_id.algorithm()
    {
        is(diff_id, packed.plain)?;
        return Ok(packed.layer.clone());
    }
    match sniff(place)? {
        Packing::Plain => compress(place, diff_id, tell),
        packing => keep(place, packing, diff_id, tell),
    }
}

fn compress(place: &Place, diff_id: &Digest, tell: &Tell) -> Result<Layer, LayerError> {
    let file = tempfile::tempfile().map_err(LayerError::Temporary)?;
    let plain = place.reader().map_err(LayerError::Read)?;
    let done = |done| tell.done(done).map_err(LayerError::Read);
    let Compressed { found, digest, to, .. } = gzip(plain, diff_id.algorithm(), file, done)?;
    is(diff_id, found)?;
    Ok(Layer { packing: Packing::Gzip, digest, place: Place::whole(to).map_err(LayerError::Temporary)? })
}

/// What [`gzip`] did.
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

/// Compresses a plain tar in one pass. The same bytes give the same digest wherever and whenever this runs: no name and
/// no time in gzip's header.
pub(super) fn gzip<W: Write>(
    plain: impl Read,
    algorithm: Algorithm,
    to: W,
    done: impl Fn(u64) -> Result<(), LayerError>,
) -> Result<Compressed<W>, LayerError> {
    let packed =
        Hashing { inner: BufWriter::with_capacity(CHUNK, to), hasher: Hasher::new(Algorithm::Sha256) };
    let mut gzip = GzBuilder::new().write(packed, Compression::default());
    let (found, size) = each(plain, algorithm, |bytes, so_far| {
        gzip.write_all(bytes).map_err(LayerError::Temporary)?;
        done(so_far)
    })?;
    let Hashing { inner, hasher } = gzip.finish().map_err(LayerError::Temporary)?;
    let to = inner.into_inner().map_err(|e| LayerError::Temporary(e.into_error()))?;
    Ok(Compressed { found, size, digest: hasher.finish().0, to })
}

/// Keeps the bytes of a compressed layer.
fn keep(place: &Place, packing: Packing, diff_id: &Digest, tell: &Tell) -> Result<Layer, LayerError> {
    let raw = place.reader().map_err(LayerError::Read)?;
    let mut raw =
        BufReader::with_capacity(CHUNK, Hashing { inner: raw, hasher: Hasher::new(Algorithm::Sha256) });
    // What cannot be decompressed here is checked by whoever pulls it.
    if let Some(plain) = packing.open(&mut raw).map_err(LayerError::Read)? {
        let done = |_: &[u8], done| tell.done(done).map_err(LayerError::Read);
        is(diff_id, each(plain, diff_id.algorithm(), done)?.0)?;
    }
    io::copy(&mut raw, &mut io::sink()).map_err(LayerError::Read)?;
    let (digest, _) = raw.into_inner().hasher.finish();
    Ok(Layer { packing, digest, place: place.clone() })
}

/// Passes a plain tar on in chunks; gives its digest and size.
fn each(
    mut plain: impl Read,
    algorithm: Algorithm,
    mut pass: impl FnMut(&[u8], u64) -> Result<(), LayerError>,
) -> Result<(Digest, u64), LayerError> {
    let mut hasher = Hasher::new(algorithm);
    let mut buffer = vec![0; CHUNK];
    let mut done = 0;
    loop {
        // Whole chunks: what a compressor makes can depend on where its input is cut.
        let n = fill(&mut plain, &mut buffer).map_err(LayerError::Read)?;
        if n == 0 {
            break;
        }
        hasher.update(&buffer[..n]);
        done += n as u64;
        pass(&buffer[..n], done)?;
    }
    Ok(hasher.finish())
}

/// Whether a plain tar is what the config says.
fn is(expected: &Digest, found: Digest) -> Result<(), LayerError> {
    if found == *expected { Ok(()) } else { Err(LayerError::Differs { expected: *expected, found }) }
}

impl Layer {
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

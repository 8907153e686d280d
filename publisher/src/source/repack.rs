//! Layers for who cannot read them: gzip of what they hold, packed while they come by.

use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use contract::descriptor::Descriptor;
use contract::digest::Digest;
use futures_util::stream::BoxStream;
use tokio::sync::Semaphore;

use super::coming;
use super::compression::Compress;
use super::layer::{LayerError, Packer, at_once};
use super::place::Place;
use crate::content::{Chunks, Open};

/// Packs layers once more, on all cores.
pub(crate) struct Repack {
    packer: Arc<Packer>,
    turns: Semaphore,
}

/// What became of a layer.
pub(crate) struct Repacked {
    /// Of the gzip.
    pub(crate) descriptor: Descriptor,
    place: Place,
}

impl Repack {
    /// To gzip of the default level, whatever is wanted of other layers: the same layer always becomes the same bytes.
    pub(crate) fn new() -> Self {
        Self { packer: Arc::new(Packer::new(Compress::default(), None)), turns: Semaphore::new(at_once()) }
    }

    /// Packs a layer that has to hold the tar of this digest.
    pub(crate) async fn gzip(
        &self,
        diff_id: &Digest,
        layer: BoxStream<'_, io::Result<Bytes>>,
    ) -> Result<Repacked, LayerError> {
        let _turn = self.turns.acquire().await;
        let (packer, diff_id) = (Arc::clone(&self.packer), *diff_id);
        let packed = coming::run(layer, move |packing, layer, tell| {
            packer.repack_read(layer, packing, &diff_id, tell)
        });
        let layer = packed.await.map_err(LayerError::Read).flatten()?;
        let descriptor = Descriptor::new(layer.oci_type(), layer.digest, layer.place.size());
        Ok(Repacked { descriptor, place: layer.place })
    }
}

#[async_trait]
impl Open for Repacked {
    async fn open(&self, _: &Descriptor) -> io::Result<Option<Chunks>> {
        self.place.chunks().await.map(Some)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use contract::digest::Algorithm;
    use futures_util::{StreamExt, stream};

    use super::*;

    fn tar() -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        let bytes: Vec<u8> = (0..3 << 20).map(|n: u32| (n % 251) as u8).collect();
        header.set_size(bytes.len() as u64);
        tar.append_data(&mut header, "file", bytes.as_slice()).unwrap();
        tar.into_inner().unwrap()
    }

    /// In pieces of this size; the first may be smaller than what tells how it is packed.
    fn pieces(bytes: &[u8], size: usize) -> BoxStream<'static, io::Result<Bytes>> {
        let pieces: Vec<_> = bytes.chunks(size).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        stream::iter(pieces).boxed()
    }

    async fn gzip(diff_id: &Digest, layer: BoxStream<'_, io::Result<Bytes>>) -> Result<Vec<u8>, LayerError> {
        let made = Repack::new().gzip(diff_id, layer).await?;
        let bytes = made.place.read().await.unwrap();
        assert_eq!(made.descriptor.digest, Digest::of(Algorithm::Sha256, &bytes));
        assert_eq!(made.descriptor.size, bytes.len() as u64);
        Ok(bytes.into())
    }

    #[tokio::test]
    async fn whatever_the_pieces_the_gzip_is_the_same() {
        let tar = tar();
        let diff_id = Digest::of(Algorithm::Sha256, &tar);
        let zstd = zstd::encode_all(tar.as_slice(), 3).unwrap();
        let whole = gzip(&diff_id, pieces(&zstd, zstd.len())).await.unwrap();
        let mut plain = Vec::new();
        flate2::read::MultiGzDecoder::new(whole.as_slice()).read_to_end(&mut plain).unwrap();
        assert!(plain == tar);
        for size in [1, 3, 1000] {
            assert!(gzip(&diff_id, pieces(&zstd, size)).await.unwrap() == whole, "{size}");
        }
    }

    #[tokio::test]
    async fn what_holds_something_else_or_breaks_off_becomes_nothing() {
        let tar = tar();
        let diff_id = Digest::of(Algorithm::Sha256, &tar);
        let zstd = zstd::encode_all(tar.as_slice(), 3).unwrap();
        let other = Digest::of(Algorithm::Sha256, b"other");
        let differs = gzip(&other, pieces(&zstd, 1000)).await.unwrap_err();
        assert!(
            matches!(differs, LayerError::Differs { expected, found } if expected == other && found == diff_id)
        );
        let short = gzip(&diff_id, pieces(&zstd[..zstd.len() - 1], 1000)).await.unwrap_err();
        assert!(matches!(short, LayerError::Read(_)), "{short}");
        let broken = stream::iter([Ok(Bytes::copy_from_slice(&zstd[..100])), Err(io::Error::other("gone"))]);
        let broken = gzip(&diff_id, broken.boxed()).await.unwrap_err();
        assert!(matches!(broken, LayerError::Read(error) if error.to_string() == "gone"));
    }
}

//! What a layer holds, whatever it is packed in.

use std::io;

use bytes::Bytes;
use contract::digest::{Algorithm, Digest, Hasher};
use futures_util::stream::BoxStream;

use super::coming;
use super::packing::fill;
use super::place::CHUNK;

/// The digest of what comes, unpacked; `None` for packings that we cannot open.
///
/// # Errors
/// What the chunks end with, or what is wrong with the packing.
pub(crate) async fn digest(
    algorithm: Algorithm,
    layer: BoxStream<'_, io::Result<Bytes>>,
) -> io::Result<Option<Digest>> {
    let unpacking = coming::run(layer, move |packing, layer, tell| {
        let Some(mut plain) = packing.open(&mut *layer)? else { return Ok(None) };
        let (mut hasher, mut buffer, mut done) = (Hasher::new(algorithm), vec![0; CHUNK], 0);
        loop {
            match fill(&mut plain, &mut buffer)? {
                0 => break,
                n => {
                    hasher.update(&buffer[..n]);
                    done += n as u64;
                    tell.done(done)?;
                }
            }
        }
        drop(plain);
        // What is behind the packed bytes comes as well: who reads along wants all of it.
        io::copy(layer, &mut io::sink())?;
        Ok(Some(hasher.finish().0))
    });
    unpacking.await.flatten()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use futures_util::{StreamExt, stream};

    use super::*;

    async fn of(bytes: &[u8]) -> io::Result<Option<Digest>> {
        let pieces: Vec<_> = bytes.chunks(3).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        digest(Algorithm::Sha256, stream::iter(pieces).boxed()).await
    }

    #[tokio::test]
    async fn whatever_it_is_packed_in_it_holds_the_same() {
        let plain = b"some bytes".repeat(100);
        let holds = Some(Digest::of(Algorithm::Sha256, &plain));
        let mut gzip = Vec::new();
        flate2::read::GzEncoder::new(plain.as_slice(), flate2::Compression::fast())
            .read_to_end(&mut gzip)
            .unwrap();
        let zstd = zstd::encode_all(plain.as_slice(), 3).unwrap();
        for packed in [plain, gzip.clone(), zstd.clone()] {
            assert_eq!(of(&packed).await.unwrap(), holds);
        }
        assert_eq!(of(b"BZh9 and more").await.unwrap(), None);
        assert!(of(&zstd[..zstd.len() - 1]).await.is_err());
        assert!(of(&gzip[..gzip.len() - 1]).await.is_err());
    }
}

//! How bytes are packed, by their first ones.

use std::io::{self, BufRead, Read};

use contract::packed::Packed;
use flate2::bufread::MultiGzDecoder;

/// A compression, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Plain,
    Gzip,
    Zstd,
    Bzip2,
    Xz,
}

/// How many bytes [`Packing::of`] looks at.
pub(super) const MAGIC: usize = 6;

impl Packing {
    /// By the first bytes, as container clients do it: media types are often wrong here.
    pub(super) fn of(first: &[u8]) -> Self {
        match first {
            [0x1f, 0x8b, ..] => Self::Gzip,
            // A frame, or a skippable frame: RFC 8878, section 3.1.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            [b'B', b'Z', b'h', ..] => Self::Bzip2,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            _ => Self::Plain,
        }
    }

    /// What it holds. `None` for packings that we cannot open.
    pub(super) fn open<'a>(
        self,
        packed: impl BufRead + Send + 'a,
    ) -> io::Result<Option<Box<dyn Read + Send + 'a>>> {
        Ok(match self {
            Self::Plain => Some(Box::new(packed)),
            Self::Gzip => Some(Box::new(MultiGzDecoder::new(packed))),
            Self::Zstd => Some(Box::new(zstd::Decoder::with_buffer(packed)?)),
            Self::Bzip2 | Self::Xz => None,
        })
    }

    /// The program that opens it.
    pub(super) const fn program(self) -> &'static str {
        match self {
            Self::Plain => "cat",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
        }
    }
}

impl From<Packed> for Packing {
    fn from(packed: Packed) -> Self {
        match packed {
            Packed::Gzip(_) => Self::Gzip,
            Packed::Zstd(_) => Self::Zstd,
        }
    }
}

/// Whether a tar can begin with this block: a header with the right checksum (POSIX.1-1988 ustar), or the end.
pub(super) fn begins_tar(first: &[u8]) -> bool {
    let Some(block) = first.first_chunk::<512>() else { return false };
    let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
    let field: u32 = block[148..156].iter().map(|&byte| u32::from(byte)).sum();
    let header = tar::Header::from_byte_slice(block);
    sum == 0 || header.cksum().is_ok_and(|stated| stated == sum - field + 8 * u32::from(b' '))
}

/// Fills the buffer as far as there are bytes: a reader may give fewer than asked.
pub(super) fn fill(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match from.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packings_are_told_apart_by_their_first_bytes() {
        for (first, packing) in [
            (&b"\x1f\x8b\x08"[..], Packing::Gzip),
            (b"\x28\xb5\x2f\xfd", Packing::Zstd),
            (b"\x51\x2a\x4d\x18", Packing::Zstd),
            (b"BZh9", Packing::Bzip2),
            (b"\xfd7zXZ\0", Packing::Xz),
            (b"\xfd7zXY\0", Packing::Plain),
            (b"\x1f", Packing::Plain),
            (b"", Packing::Plain),
        ] {
            assert_eq!(Packing::of(first), packing, "{first:?}");
        }
    }

    #[test]
    fn a_tar_begins_with_a_checked_header_or_its_end() {
        let mut header = tar::Header::new_gnu();
        header.set_path("a").unwrap();
        header.set_cksum();
        let mut block = *header.as_bytes();
        assert!(begins_tar(&block));
        block[0] ^= 1;
        assert!(!begins_tar(&block));
        assert!(begins_tar(&[0; 1024]));
        assert!(!begins_tar(&[0; 511]));
        assert!(!begins_tar(&[b'a'; 512]));
    }
}

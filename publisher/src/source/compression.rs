//! What becomes of a layer, by how it is packed and by what is wanted.

use std::ops::RangeInclusive;

use contract::packed::Packed;

use super::packing::Packing;

/// How the layers of a manifest that is made here are packed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// What is compressed stays as it is, plain tars become gzip
    #[default]
    Keep,
    /// gzip, which every client reads
    Gzip,
    /// zstd: smaller and faster, in an OCI manifest, for clients since about 2020
    Zstd,
    /// Plain tars
    None,
}

/// A compression with its level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compress {
    wanted: Compression,
    level: u8,
}

/// libdeflate's fastest level whose output is no larger than gzip's and zlib's by default.
const GZIP: u8 = 2;
/// The library's own default.
const ZSTD: u8 = 3;

impl Compression {
    /// The levels that it has; none where nothing is compressed.
    pub const fn levels(self) -> Option<RangeInclusive<u8>> {
        match self {
            Self::Keep | Self::Gzip => Some(1..=12),
            Self::Zstd => Some(1..=22),
            Self::None => None,
        }
    }
}

impl Compress {
    /// With the level that is given, or the one that fits most. `None` for a level that there is not.
    pub fn new(wanted: Compression, level: Option<u8>) -> Option<Self> {
        match (level, wanted.levels()) {
            (Some(level), Some(levels)) if levels.contains(&level) => Some(Self { wanted, level }),
            (Some(_), _) => None,
            (None, _) => Some(Self { wanted, level: if wanted == Compression::Zstd { ZSTD } else { GZIP } }),
        }
    }

    /// What plain layers become; `None` where they stay plain.
    pub(super) const fn packed(self) -> Option<Packed> {
        match self.wanted {
            Compression::Keep | Compression::Gzip => Some(Packed::Gzip(self.level)),
            Compression::Zstd => Some(Packed::Zstd(self.level)),
            Compression::None => None,
        }
    }

    /// Whether a layer keeps its bytes. bzip2 and xz always do: we cannot open them.
    pub(super) const fn keeps(self, packing: Packing) -> bool {
        match packing {
            Packing::Bzip2 | Packing::Xz => true,
            Packing::Plain => matches!(self.wanted, Compression::None),
            Packing::Gzip => matches!(self.wanted, Compression::Keep | Compression::Gzip),
            Packing::Zstd => matches!(self.wanted, Compression::Keep | Compression::Zstd),
        }
    }
}

impl Default for Compress {
    fn default() -> Self {
        Self { wanted: Compression::Keep, level: GZIP }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_those_of_the_compressor() {
        for (wanted, level, packed) in [
            (Compression::Keep, None, Some(Some(Packed::Gzip(GZIP)))),
            (Compression::Gzip, Some(12), Some(Some(Packed::Gzip(12)))),
            (Compression::Gzip, Some(13), None),
            (Compression::Keep, Some(0), None),
            (Compression::Zstd, None, Some(Some(Packed::Zstd(ZSTD)))),
            (Compression::Zstd, Some(22), Some(Some(Packed::Zstd(22)))),
            (Compression::Zstd, Some(23), None),
            (Compression::None, None, Some(None)),
            (Compression::None, Some(1), None),
        ] {
            assert_eq!(Compress::new(wanted, level).map(Compress::packed), packed, "{wanted:?} {level:?}");
        }
    }
}

//! How a plain layer was compressed: what the memory of compressed layers tells apart.

use std::fmt;
use std::str::FromStr;

/// A compression with its level. Written `gzip-4`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Packed {
    /// gzip.
    Gzip(u8),
    /// zstd.
    Zstd(u8),
}

/// Text that is no [`Packed`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a compression with its level, such as gzip-4")]
pub struct PackedError(String);

impl Packed {
    /// What compresses, and how much.
    fn parts(self) -> (&'static str, u8) {
        match self {
            Self::Gzip(level) => ("gzip", level),
            Self::Zstd(level) => ("zstd", level),
        }
    }
}

impl fmt::Display for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, level) = self.parts();
        write!(f, "{name}-{level}")
    }
}

impl FromStr for Packed {
    type Err = PackedError;

    fn from_str(text: &str) -> Result<Self, PackedError> {
        let parsed = text.split_once('-').and_then(|(name, level)| {
            let level = level.parse().ok()?;
            match name {
                "gzip" => Some(Self::Gzip(level)),
                "zstd" => Some(Self::Zstd(level)),
                _ => None,
            }
        });
        // One spelling each: no sign, no leading zeros.
        parsed.filter(|packed| packed.to_string() == text).ok_or_else(|| PackedError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_written_in_one_way() {
        for packed in [Packed::Gzip(4), Packed::Zstd(19)] {
            assert_eq!(packed.to_string().parse(), Ok(packed));
        }
        for text in ["", "gzip", "gzip-", "gzip-04", "gzip-+4", "gzip-256", "xz-6", "gzip-4-4", "Gzip-4"] {
            assert_eq!(text.parse::<Packed>(), Err(PackedError(text.to_owned())));
        }
    }
}

//! What an earlier run has read and found right, as it was then.

use std::io;
use std::path::Path;

use contract::key::Key;

use crate::noted::{Noted, NotedError};

/// What such a file begins with; the store follows.
const TITLE: &str = "read by registry-publisher verify --deep: ";

/// Contents that need not be read once more.
#[derive(Debug)]
pub struct Remembered(Noted);

impl Remembered {
    /// Reads the file, and makes it where it is not there.
    pub fn open(path: &Path, store: &str) -> Result<Self, NotedError> {
        Noted::open(path, format!("{TITLE}{store}")).map(Self)
    }

    /// Whether an earlier run has read this, as it is.
    pub(super) fn has(&self, key: &Key, size: u64, version: &str) -> bool {
        self.0.has(&line(key, size, version))
    }

    /// This was read and is right.
    pub(super) fn note(&self, key: &Key, size: u64, version: &str) {
        self.0.note(line(key, size, version));
    }

    /// Whether all was noted.
    pub fn end(self) -> io::Result<()> {
        self.0.end()
    }
}

fn line(key: &Key, size: u64, version: &str) -> String {
    format!("{key} {size} {version}")
}

#[cfg(test)]
mod tests {
    use contract::digest::{Algorithm, Digest};

    use super::*;

    #[test]
    fn what_was_read_stays_as_long_as_it_is_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let key = Key::Blob(Digest::of(Algorithm::Sha256, b""));
        let first = Remembered::open(&path, "s3://bucket").unwrap();
        assert!(!first.has(&key, 7, "a"));
        first.note(&key, 7, "a");
        first.end().unwrap();
        let then = Remembered::open(&path, "s3://bucket").unwrap();
        for (key, size, version, known) in [
            (&key, 7, "a", true),
            (&key, 7, "b", false),
            (&key, 7, "", false),
            (&key, 6, "a", false),
            (&Key::Catalog, 7, "a", false),
        ] {
            assert_eq!(then.has(key, size, version), known, "{key} {size} {version}");
        }
        assert!(Remembered::open(&path, "s3://other").is_err());
    }
}

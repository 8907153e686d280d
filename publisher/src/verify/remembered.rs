//! What an earlier run has read and found right, in a file of whoever verifies: a run that was interrupted goes on.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use contract::key::Key;
use sha2::{Digest as _, Sha256};

/// What such a file begins with; the store follows.
const TITLE: &str = "read by registry-publisher verify --deep: ";

/// Contents that need not be read once more. Of each, sixteen bytes are in memory: half a million take 20 MB.
#[derive(Debug)]
pub struct Remembered {
    before: HashSet<Mark>,
    file: Mutex<(File, io::Result<()>)>,
}

/// Of a line.
type Mark = [u8; 16];

/// Why nothing can be remembered.
#[derive(Debug, thiserror::Error)]
pub enum RememberedError {
    /// The file cannot be read or written.
    #[error("{path}, which is to remember what was read, cannot be used")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file of something else.
    #[error("{path} does not remember what was read of {store}")]
    Other {
        /// Which.
        path: PathBuf,
        /// That is verified.
        store: String,
    },
}

impl Remembered {
    /// Reads the file, and makes it where it is not there.
    pub fn open(path: &Path, store: &str) -> Result<Self, RememberedError> {
        let failed = |source| RememberedError::File { path: path.to_owned(), source };
        let file = OpenOptions::new().read(true).append(true).create(true).open(path).map_err(failed)?;
        let read = read(file, &format!("{TITLE}{store}")).map_err(failed)?;
        let (before, file) =
            read.ok_or_else(|| RememberedError::Other { path: path.to_owned(), store: store.to_owned() })?;
        Ok(Self { before, file: Mutex::new((file, Ok(()))) })
    }

    /// Whether an earlier run has read this, as it is.
    pub(super) fn has(&self, key: &Key, size: u64, version: &str) -> bool {
        self.before.contains(&mark(line(key, size, version).as_bytes()))
    }

    /// This was read and is right. A disk that is full hinders nobody from looking on.
    pub(super) fn note(&self, key: &Key, size: u64, version: &str) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if file.1.is_ok() {
            let line = line(key, size, version) + "\n";
            file.1 = file.0.write_all(line.as_bytes());
        }
    }

    /// Whether all was noted.
    pub fn end(self) -> io::Result<()> {
        self.file.into_inner().unwrap_or_else(PoisonError::into_inner).1
    }
}

/// `None` where the file is of something else.
fn read(file: File, title: &str) -> io::Result<Option<(HashSet<Mark>, File)>> {
    let (mut lines, mut line, mut whole) = (BufReader::new(file), Vec::new(), 0);
    let mut before = HashSet::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        // Whoever died while it wrote a line left the last one in part.
        let Some((b'\n', text)) = line.split_last() else { break };
        match whole {
            0 if text != title.as_bytes() => return Ok(None),
            0 => {}
            _ => _ = before.insert(mark(text)),
        }
        whole += line.len() as u64;
        line.clear();
    }
    if whole == 0 && !title.as_bytes().starts_with(&line) {
        return Ok(None);
    }
    let mut file = lines.into_inner();
    file.set_len(whole)?;
    file.seek(SeekFrom::End(0))?;
    if whole == 0 {
        file.write_all(format!("{title}\n").as_bytes())?;
    }
    Ok(Some((before, file)))
}

fn line(key: &Key, size: u64, version: &str) -> String {
    format!("{key} {size} {version}")
}

fn mark(line: &[u8]) -> Mark {
    let hash = Sha256::digest(line);
    std::array::from_fn(|at| hash[at])
}

#[cfg(test)]
mod tests {
    use std::fs;

    use contract::digest::{Algorithm, Digest};

    use super::*;

    #[test]
    fn what_was_read_stays_as_long_as_it_is_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let key = Key::Blob(Digest::of(Algorithm::Sha256, b""));
        let open = || Remembered::open(&path, "s3://bucket").unwrap();
        let first = open();
        assert!(!first.has(&key, 7, "a"));
        first.note(&key, 7, "a");
        first.note(&Key::Catalog, 8, "c");
        first.end().unwrap();
        let then = open();
        for (key, size, version, known) in [
            (&key, 7, "a", true),
            (&key, 7, "b", false),
            (&key, 7, "", false),
            (&key, 6, "a", false),
            (&Key::Catalog, 8, "c", true),
        ] {
            assert_eq!(then.has(key, size, version), known, "{key} {size} {version}");
        }
        // Dead in the middle of a line, and even of the first one.
        let text = fs::read(&path).unwrap();
        for length in 0..=text.len() {
            fs::write(&path, &text[..length]).unwrap();
            let known =
                usize::from(open().has(&key, 7, "a")) + usize::from(open().has(&Key::Catalog, 8, "c"));
            let lines = text[..length].iter().filter(|byte| **byte == b'\n').count();
            assert_eq!(known, lines.saturating_sub(1), "{length}");
            open().note(&Key::Settings, 9, "d");
            assert!(open().has(&Key::Settings, 9, "d"));
        }
    }

    #[test]
    fn a_file_of_something_else_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        for text in ["my notes\n", "my notes", &format!("{TITLE}s3://other\n")] {
            fs::write(&path, text).unwrap();
            let opened = Remembered::open(&path, "s3://bucket");
            assert!(matches!(opened, Err(RememberedError::Other { .. })), "{text}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        let absent = Remembered::open(&folder.path().join("no/state"), "s3://bucket");
        assert!(matches!(absent, Err(RememberedError::File { .. })));
    }
}

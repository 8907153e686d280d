//! What an earlier run has done, a line each in a file of whoever runs it: a run that was interrupted goes on.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

/// Lines, of which none need be done once more. Of each, sixteen bytes are in memory: half a million take 20 MB.
#[derive(Debug)]
pub(crate) struct Noted {
    before: HashSet<Mark>,
    file: Mutex<(File, io::Result<()>)>,
}

/// What stands for a text.
pub(crate) type Mark = [u8; 16];

/// Why nothing can be noted.
#[derive(Debug, thiserror::Error)]
pub enum NotedError {
    /// The file cannot be read or written.
    #[error("{path}, which is to note what was done, cannot be used")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file of something else.
    #[error("{path} does not note what was {title}")]
    Other {
        /// Which.
        path: PathBuf,
        /// What it would begin with: what was done, by whom, where.
        title: String,
    },
}

impl Noted {
    /// Reads the file, and makes it where it is not there.
    pub(crate) fn open(path: &Path, title: String) -> Result<Self, NotedError> {
        let failed = |source| NotedError::File { path: path.to_owned(), source };
        let file = OpenOptions::new().read(true).append(true).create(true).open(path).map_err(failed)?;
        match read(file, &title).map_err(failed)? {
            Some((before, file)) => Ok(Self { before, file: Mutex::new((file, Ok(()))) }),
            None => Err(NotedError::Other { path: path.to_owned(), title }),
        }
    }

    /// Whether an earlier run has noted this.
    pub(crate) fn has(&self, line: &str) -> bool {
        self.before.contains(&mark(line.as_bytes()))
    }

    /// This is done. A disk that is full hinders nobody from going on.
    pub(crate) fn note(&self, line: String) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if file.1.is_ok() {
            file.1 = file.0.write_all((line + "\n").as_bytes());
        }
    }

    /// Whether all was noted.
    pub(crate) fn end(self) -> io::Result<()> {
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

/// The same for the same text, and never for another one.
pub(crate) fn mark(text: &[u8]) -> Mark {
    let hash = Sha256::digest(text);
    std::array::from_fn(|at| hash[at])
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_was_noted_stays_and_a_line_in_part_counts_for_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let open = || Noted::open(&path, "done: s3://bucket".to_owned()).unwrap();
        let first = open();
        assert!(!first.has("one"));
        first.note("one".to_owned());
        first.note("two".to_owned());
        first.end().unwrap();
        let then = open();
        for (line, known) in [("one", true), ("two", true), ("on", false), ("", false), ("one ", false)] {
            assert_eq!(then.has(line), known, "{line}");
        }
        // Dead in the middle of a line, and even of the first one.
        let text = fs::read(&path).unwrap();
        for length in 0..=text.len() {
            fs::write(&path, &text[..length]).unwrap();
            let known = usize::from(open().has("one")) + usize::from(open().has("two"));
            let lines = text[..length].iter().filter(|byte| **byte == b'\n').count();
            assert_eq!(known, lines.saturating_sub(1), "{length}");
            open().note("three".to_owned());
            assert!(open().has("three"));
        }
    }

    #[test]
    fn a_file_of_something_else_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        for text in ["my notes\n", "my notes", "done: s3://other\n"] {
            fs::write(&path, text).unwrap();
            let opened = Noted::open(&path, "done: s3://bucket".to_owned());
            assert!(matches!(opened, Err(NotedError::Other { .. })), "{text}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        let absent = Noted::open(&folder.path().join("no/state"), String::new());
        assert!(matches!(absent, Err(NotedError::File { .. })));
    }
}

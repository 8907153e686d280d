//! Files that are being written, under names of their own.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The numbers of this run's staged files.
#[derive(Debug, Default)]
pub(super) struct Numbers(Mutex<BTreeSet<u64>>);

impl Numbers {
    /// One that nobody else has, in all likelihood.
    pub(super) fn draw(&self) -> u64 {
        let number = fastrand::u64(..);
        self.locked().insert(number);
        number
    }

    pub(super) fn forget(&self, number: u64) {
        self.locked().remove(&number);
    }

    /// All that were drawn and not forgotten.
    pub(super) fn drawn(&self) -> Vec<u64> {
        self.locked().iter().copied().collect()
    }

    fn locked(&self) -> MutexGuard<'_, BTreeSet<u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A staged file. What is not placed is removed when this goes.
#[derive(Debug)]
pub(super) struct Staged<'a> {
    pub(super) numbers: &'a Numbers,
    pub(super) number: u64,
    pub(super) path: PathBuf,
    /// `None` for a hard link to a file that is complete.
    pub(super) file: Option<File>,
}

impl Staged<'_> {
    pub(super) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), |file| file.write_all(bytes))
    }

    /// Takes in a file's content. The kernel does it without moving bytes where the file system can share them.
    pub(super) fn append_file(&mut self, path: &Path) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        io::copy(&mut File::open(path)?, file)?;
        Ok(())
    }

    pub(super) fn flush(&self) -> io::Result<()> {
        self.file.as_ref().map_or(Ok(()), File::sync_all)
    }
}

impl Drop for Staged<'_> {
    fn drop(&mut self) {
        // Gone after a rename, but for one case: renaming a link onto another link of the same file does nothing.
        let _ = fs::remove_file(&self.path);
        self.numbers.forget(self.number);
    }
}

//! A settings file that changes.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::program::Program;

/// A settings file in a folder of its own.
pub(crate) struct File {
    folder: TempDir,
}

impl File {
    pub(crate) fn new(text: &str) -> Self {
        let file = Self { folder: tempfile::tempdir().unwrap() };
        file.write(text);
        file
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("endpoint.toml")
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// All at once, as editors and ConfigMaps do.
    pub(crate) fn write(&self, text: &str) {
        let staged = self.folder.path().join("staged");
        fs::write(&staged, text).unwrap();
        fs::rename(staged, self.path()).unwrap();
    }

    /// The program with these settings, on any port.
    pub(crate) fn serve(&self) -> Program {
        Program::start(&[], &["--settings", self.path().to_str().unwrap(), "--listen", "127.0.0.1:0"])
    }
}

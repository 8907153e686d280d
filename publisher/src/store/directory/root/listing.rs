//! What is below a folder of a store: its objects, or the folders next to it.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;

use contract::key::Key;

use super::super::errors::Failure;
use super::{Root, explained};

impl Root {
    /// Gives each object below a prefix to `each`, in no order, until that says no.
    pub(in super::super) fn walk(
        &self,
        prefix: &str,
        each: &mut dyn FnMut(Key, &fs::DirEntry) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        let mut folders = vec![prefix.trim_end_matches('/').to_owned()];
        while let Some(folder) = folders.pop() {
            let path = self.path.join(&folder);
            let entries = match fs::read_dir(&path) {
                Ok(entries) => entries,
                // Deleted meanwhile, or never there.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(explained(error, &path)),
            };
            for entry in entries {
                let entry = entry?;
                let Some(name) = entry.file_name().to_str().map(|name| format!("{folder}/{name}")) else {
                    continue;
                };
                if entry.file_type()?.is_dir() {
                    folders.push(name);
                } else if let Some(key) = Key::parse(&name)
                    && !each(key, &entry)?
                {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// The folders directly below one.
    pub(in super::super) fn folders(&self, prefix: &str) -> Result<BTreeSet<String>, Failure> {
        let path = self.path.join(prefix);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeSet::new()),
            Err(error) => return Err(explained(error, &path)),
        };
        let mut folders = BTreeSet::new();
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.extend(entry.file_name().to_str().map(str::to_owned));
            }
        }
        Ok(folders)
    }
}

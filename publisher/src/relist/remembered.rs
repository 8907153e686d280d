//! Which repositories an earlier run has dealt with, as their links were then: whoever wrote one since, it is dealt with
//! again.

use std::io;
use std::path::Path;

use contract::name::Repository;

use super::Relist;
use crate::found::Held;
use crate::noted::{Noted, NotedError};
use crate::v1_chain::V1;

/// What such a file begins with; the store follows.
const TITLE: &str = "made anew by registry-publisher relist: ";

/// Repositories that need not be dealt with once more.
#[derive(Debug)]
pub struct Remembered(Noted);

impl Remembered {
    /// Reads the file, and makes it where it is not there.
    pub fn open(path: &Path, store: &str) -> Result<Self, NotedError> {
        Noted::open(path, format!("{TITLE}{store}")).map(Self)
    }

    /// Whether an earlier run has dealt with the repository, its links are as they were, and what clients fetch is
    /// listed.
    pub(super) fn has(&self, relist: &Relist<'_>, name: &Repository, held: &Held) -> bool {
        held.is_shown() && self.0.has(&line(relist, name, held))
    }

    /// It was dealt with, and nothing was wrong.
    pub(super) fn note(&self, relist: &Relist<'_>, name: &Repository, held: &Held) {
        self.0.note(line(relist, name, held));
    }

    /// Whether all was noted.
    pub fn end(self) -> io::Result<()> {
        self.0.end()
    }
}

fn line(relist: &Relist<'_>, name: &Repository, held: &Held) -> String {
    let of_v1 = match relist.v1 {
        V1::Off => "without v1",
        V1::Readable => "with v1",
        V1::Gzip => "with gzip in v1",
    };
    format!("{name} {:032x} {of_v1} of {}", held.links, relist.derive.v1_platform)
}

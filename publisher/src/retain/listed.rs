//! A list of what is in use: one reference a line, as `kubectl` and `docker ps` print them.

use std::collections::BTreeSet;

use contract::digest::Digest;
use contract::name::{NameError, Reference, Repository, Tag};

/// What a list names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listed {
    references: BTreeSet<Reference>,
}

/// A line that is no reference: to go on without it could remove what it means.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} is no reference: `{text}`")]
pub struct ListError {
    /// Counted from 1.
    pub line: usize,
    /// What stands there.
    pub text: String,
    /// What is wrong with it.
    #[source]
    pub source: NameError,
}

impl Listed {
    /// Reads a list. A host before the repository is passed over: the list may be of what runs somewhere. Empty lines
    /// and what begins with `#` say nothing.
    pub fn parse(text: &str) -> Result<Self, ListError> {
        let mut references = BTreeSet::new();
        for (nth, line) in text.lines().enumerate() {
            let said = line.trim();
            if said.is_empty() || said.starts_with('#') {
                continue;
            }
            let reference = Reference::parse_keeping_host(Reference::without_host(said));
            let wrong = |source| ListError { line: nth + 1, text: said.to_owned(), source };
            references.insert(reference.map_err(wrong)?);
        }
        Ok(Self { references })
    }

    /// Whether it names this tag, or what the tag points to. A repository alone means `latest`.
    pub(super) fn names(&self, name: &Repository, tag: &Tag, digest: &Digest) -> bool {
        let of_it = self.references.iter().filter(|reference| reference.repository == *name);
        of_it.into_iter().any(|reference| match (&reference.tag, &reference.digest) {
            (None, None) => *tag == Tag::latest(),
            (said, pointed) => said.as_ref() == Some(tag) || pointed.as_ref() == Some(digest),
        })
    }
}

//! A list of what is in use: one reference a line, as `kubectl` and `docker ps` print them.

use std::collections::BTreeSet;

use contract::digest::Digest;
use contract::name::{NameError, Reference, Repository, Tag};

/// What a list names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listed {
    references: BTreeSet<Reference>,
}

/// A list by which more could be removed than anybody wants.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// To go on without a line could remove what it means.
    #[error("line {line} is no reference: `{text}`")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What stands there.
        text: String,
        /// What is wrong with it.
        #[source]
        source: NameError,
    },
    /// Whatever was to print it has printed nothing, most likely since it failed: every tag would go.
    #[error("it names nothing")]
    Empty,
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
            let wrong = |source| ListError::Line { line: nth + 1, text: said.to_owned(), source };
            references.insert(reference.map_err(wrong)?);
        }
        if references.is_empty() { Err(ListError::Empty) } else { Ok(Self { references }) }
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

//! Tags that stay where they are: which they are, why, and the refusal to move one. Pure.

use std::collections::BTreeSet;
use std::fmt;

use contract::digest::Digest;
use contract::name::{Repository, Tag};
use contract::pattern::TagPattern;

/// Which tags must not be moved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Immutable {
    /// Those that one of these matches.
    pub patterns: BTreeSet<TagPattern>,
    /// All, as `--if-absent` says.
    pub if_absent: bool,
}

/// Why a tag must not be moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// It matches this.
    Pattern(TagPattern),
    /// This run moves none.
    IfAbsent,
}

impl Immutable {
    /// Why this tag must not be moved; `None` where it may.
    pub fn why(&self, tag: &Tag) -> Option<Why> {
        let matching = self.patterns.iter().find(|pattern| pattern.matches(tag));
        matching.cloned().map(Why::Pattern).or(self.if_absent.then_some(Why::IfAbsent))
    }
}

/// What the message says of the tag.
impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pattern(pattern) => write!(f, "is immutable ({pattern})"),
            Self::IfAbsent => f.write_str("is there already"),
        }
    }
}

/// A tag that was to be moved, and stays where it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the tag {repository}:{tag} {why} and {}", points(.there.as_ref()))]
pub struct Refusal {
    /// Whose tag.
    pub repository: Repository,
    /// Which.
    pub tag: Tag,
    /// Where it points; `None` where its link holds no digest.
    pub there: Option<Digest>,
    /// Why it stays.
    pub why: Why,
}

fn points(there: Option<&Digest>) -> String {
    there.map_or_else(|| "points nowhere".to_owned(), |there| format!("points to {there}"))
}

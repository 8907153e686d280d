//! Patterns of tags: `v*`, `release-?`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use wildmatch::WildMatch;

use crate::name::Tag;

/// Longer ones match nothing that a shorter one does not.
const MAX: usize = 128;

/// Which tags are meant: `*` stands for any characters or none, `?` for exactly one, everything else for itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TagPattern(String);

/// Text that is no pattern of tags.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no pattern of tags: expected 1 to {MAX} letters, digits, `_`, `.`, `-`, `*` and `?`, such as v*, which do \
     not begin with `.` or `-`"
)]
pub struct PatternError(String);

impl TagPattern {
    /// Whether the whole tag is meant, in this case of letters.
    pub fn matches(&self, tag: &Tag) -> bool {
        WildMatch::new(&self.0).matches(tag.as_str())
    }
}

impl FromStr for TagPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let good = (1..=MAX).contains(&text.len())
            && text.bytes().all(|c| c.is_ascii_alphanumeric() || b"_.-*?".contains(&c))
            // No tag begins so (distribution spec, "Pulling manifests"): such a pattern is a slip that protects nothing.
            && !text.starts_with(['.', '-']);
        if good { Ok(Self(text.to_owned())) } else { Err(PatternError(text.to_owned())) }
    }
}

impl TryFrom<String> for TagPattern {
    type Error = PatternError;

    fn try_from(text: String) -> Result<Self, PatternError> {
        text.parse()
    }
}

impl From<TagPattern> for String {
    fn from(pattern: TagPattern) -> Self {
        pattern.0
    }
}

impl fmt::Display for TagPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_means_whole_tags() {
        for (pattern, yes, no) in [
            ("v*", &["v", "v1", "v1.2-rc.1"][..], &["1v", "V1", "latest"][..]),
            ("*", &["v1", "latest", "_"], &[]),
            ("?.?", &["1.2"], &["1.22", "12", "1.2.3"]),
            ("*-release", &["1-release", "_-release-release"], &["1-release-2", "release"]),
            ("1.2", &["1.2"], &["1x2", "1.2.3", "11.2"]),
            ("a*b*c", &["abc", "a.b.c", "abbcbc"], &["acb", "ab"]),
        ] {
            let pattern: TagPattern = pattern.parse().unwrap();
            for tag in yes {
                assert!(pattern.matches(&tag.parse().unwrap()), "{pattern} {tag}");
            }
            for tag in no {
                assert!(!pattern.matches(&tag.parse().unwrap()), "{pattern} {tag}");
            }
        }
    }

    #[test]
    fn what_no_tag_can_be_is_no_pattern() {
        for text in ["", "v[12]*", "v1,v2", "a/b", "-v*", ".*", "v *", "ä*", &"a".repeat(129)] {
            assert_eq!(text.parse::<TagPattern>(), Err(PatternError(text.to_owned())));
        }
    }
}

//! Names: the grammar of repositories, tags and references.
//!
//! Follows the OCI distribution spec, ["Pulling manifests"](https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests):
//!
//! ```text
//! <name>  [a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*
//! <tag>   [a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}
//! ```

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::digest::{Digest, DigestError};

/// Longest repository name, in bytes: many clients limit host and name together to 255 (distribution spec).
pub const REPOSITORY_MAX: usize = 255;
/// Longest tag, in bytes (distribution spec).
pub const TAG_MAX: usize = 128;

/// A repository's name, the spec's `<name>`: `acme/app`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository(Box<str>);

/// A tag's name: `1.2`, `latest`. Ordered as a tag list must be: without regard to case first
/// (distribution spec, "Listing Tags": lexical, that is case-insensitive alphanumeric order).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Tag(Box<str>);

/// What a text breaks of the grammar. Each message quotes the text and names the production.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// A repository without a character.
    #[error("the repository's name is empty")]
    EmptyRepository,
    /// A repository of more than [`REPOSITORY_MAX`] bytes.
    #[error("the repository's name is {0} characters long, more than {REPOSITORY_MAX}")]
    LongRepository(usize),
    /// A path component that is not `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`.
    #[error(
        "`{component}` in the repository's name `{name}` is not a path component: lower-case letters and digits, \
         with single `.`, one or two `_`, or any number of `-` between them"
    )]
    Component {
        /// The whole name.
        name: String,
        /// The part of it between slashes that is wrong.
        component: String,
    },
    /// Not `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`.
    #[error("`{0}` is not a tag: a letter, digit or `_`, then up to 127 letters, digits, `.`, `_` or `-`")]
    Tag(String),
    /// Behind the `@` of a reference stands no digest.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// The first segment reads as a host.
    #[error("`{reference}` begins with the host `{host}`")]
    Host {
        /// The text as given.
        reference: String,
        /// Its first segment.
        host: String,
    },
}

impl Repository {
    /// Whether a text is a repository's name, for who does not want to keep it.
    pub(crate) fn check(text: &str) -> Result<(), NameError> {
        match text.len() {
            0 => return Err(NameError::EmptyRepository),
            long if long > REPOSITORY_MAX => return Err(NameError::LongRepository(long)),
            _ => {}
        }
        match text.split('/').find(|component| !is_component(component)) {
            None => Ok(()),
            Some(bad) => Err(NameError::Component { name: text.to_owned(), component: bad.to_owned() }),
        }
    }

    /// As it is written in paths.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its parts between slashes, at least one.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`, by one pass: a separator run stands between two alphanumerics.
fn is_component(text: &str) -> bool {
    let is_word = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    let bytes = text.as_bytes();
    let (Some(&first), Some(&last)) = (bytes.first(), bytes.last()) else { return false };
    is_word(first)
        && is_word(last)
        && bytes.split(|&c| is_word(c)).all(|separator| match separator {
            [] | [b'.'] | [b'_'] | [b'_', b'_'] => true,
            run => run.iter().all(|&c| c == b'-'),
        })
}

impl FromStr for Repository {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::check(text).map(|()| Self(text.into()))
    }
}

impl Tag {
    /// What a reference without a tag means.
    pub const LATEST: &'static str = "latest";

    /// As it is written in paths.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// [`Tag::LATEST`].
    pub fn latest() -> Self {
        Self(Self::LATEST.into())
    }
}

impl Ord for Tag {
    fn cmp(&self, other: &Self) -> Ordering {
        let (one, two) = (self.0.bytes(), other.0.bytes());
        one.map(|c| c.to_ascii_lowercase())
            .cmp(two.map(|c| c.to_ascii_lowercase()))
            .then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for Tag {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl FromStr for Tag {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let is_word = |c: u8| c.is_ascii_alphanumeric() || c == b'_';
        let good = (1..=TAG_MAX).contains(&text.len())
            && is_word(text.as_bytes()[0])
            && text.bytes().all(|c| is_word(c) || c == b'.' || c == b'-');
        if good { Ok(Self(text.into())) } else { Err(NameError::Tag(text.to_owned())) }
    }
}

/// What comes after `manifests/` in a path. A tag holds no `:`, so the two cannot be taken for each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagOrDigest {
    /// A name that can move.
    Tag(Tag),
    /// Content that cannot.
    Digest(Digest),
}

/// What a user types: `acme/app`, `acme/app:1.2`, `acme/app@sha256:…`, `acme/app:1.2@sha256:…`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// The part before `:` and `@`.
    pub repository: Repository,
    /// The part behind `:`, where there is one.
    pub tag: Option<Tag>,
    /// The part behind `@`, where there is one.
    pub digest: Option<Digest>,
}

impl Reference {
    /// Whether Docker would read a first segment as the host of a registry
    /// ([distribution/reference](https://github.com/distribution/reference/blob/main/normalize.go), `splitDockerDomain`).
    fn host(text: &str) -> Option<&str> {
        let (first, _) = text.split_once('/')?;
        (first.contains(['.', ':']) || first == "localhost").then_some(first)
    }

    /// The text without a leading host, for comparing names that others wrote.
    pub fn without_host(text: &str) -> &str {
        Self::host(text).map_or(text, |host| &text[host.len() + 1..])
    }

    /// As [`FromStr`], but a first segment that reads as a host is part of the repository.
    pub fn parse_keeping_host(text: &str) -> Result<Self, NameError> {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse()?)),
            None => (text, None),
        };
        // A colon before the last slash is a host's port, which the repository's own check then names.
        let (repository, tag) = match rest.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag.parse()?)),
            _ => (rest, None),
        };
        Ok(Self { repository: repository.parse()?, tag, digest })
    }
}

impl FromStr for Reference {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        match Self::host(text) {
            Some(host) => Err(NameError::Host { reference: text.to_owned(), host: host.to_owned() }),
            None => Self::parse_keeping_host(text),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.repository.as_str())?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

macro_rules! text {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

text!(Repository, Tag);

#[cfg(test)]
mod tests;

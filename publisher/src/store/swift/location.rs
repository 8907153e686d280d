//! `swift://container/prefix`: which container, and where in it.

use std::fmt;
use std::str::FromStr;

use contract::key::Key;

use super::super::{LocationError, below};

/// [The longest name of a container](https://docs.openstack.org/api-ref/object-store/), in bytes.
const NAME_MAX: usize = 256;

/// Where a Swift store is. Account, region and interface come from the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwiftLocation {
    /// The container's name.
    pub container: String,
    /// What all objects' names begin with, without slashes at its ends; empty for the container's root.
    pub prefix: String,
}

impl SwiftLocation {
    /// The name of a key's object in the container.
    pub(super) fn path(&self, key: &Key) -> String {
        self.below(&key.path())
    }

    /// A path below the prefix.
    pub(super) fn below(&self, path: &str) -> String {
        below::path(&self.prefix, path)
    }

    /// The key of an object's name, if it is one of ours.
    pub(super) fn key(&self, path: &str) -> Option<Key> {
        below::key(&self.prefix, path)
    }
}

/// What follows `swift://`.
impl FromStr for SwiftLocation {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, LocationError> {
        let (container, below) = text.split_once('/').unwrap_or((text, ""));
        if container.contains('@') {
            return Err(LocationError::Secret);
        }
        if text.contains('?') {
            return Err(LocationError::SwiftQuery);
        }
        if container.is_empty() {
            return Err(LocationError::NoContainer(format!("swift://{text}")));
        }
        let odd = |c: char| c.is_control() || matches!(c, '#' | ':' | '%');
        if container.len() > NAME_MAX || matches!(container, "." | "..") || container.contains(odd) {
            return Err(LocationError::Container(container.to_owned()));
        }
        Ok(Self { container: container.to_owned(), prefix: prefix(below)? })
    }
}

fn prefix(text: &str) -> Result<String, LocationError> {
    let text = text.strip_suffix('/').unwrap_or(text);
    // Programs between here and the container resolve dots and merge slashes; `#` is a slip of the pen.
    let odd = |segment: &str| matches!(segment, "" | "." | "..");
    let bad = text.chars().any(|c| c.is_control() || c == '#') || text.split('/').any(odd);
    if bad && !text.is_empty() {
        return Err(LocationError::Prefix(text.to_owned()));
    }
    Ok(text.to_owned())
}

impl fmt::Display for SwiftLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "swift://{}", self.container)?;
        if self.prefix.is_empty() { Ok(()) } else { write!(f, "/{}", self.prefix) }
    }
}

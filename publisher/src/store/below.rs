//! A store in a part of a bucket or container: how a prefix stands before every path, and how a key is read behind it.

use contract::key::Key;

/// A path below a prefix; an empty prefix is the root.
pub(super) fn path(prefix: &str, path: &str) -> String {
    if prefix.is_empty() { path.to_owned() } else { format!("{prefix}/{path}") }
}

/// The key of a path, if it is below the prefix and one of ours.
pub(super) fn key(prefix: &str, path: &str) -> Option<Key> {
    if prefix.is_empty() {
        return Key::parse(path);
    }
    Key::parse(path.strip_prefix(prefix)?.strip_prefix('/')?)
}

/// The folder directly below another one, with its slash, that a path goes through.
pub(super) fn first(above: &str, path: &str) -> Option<String> {
    let (folder, _) = path.strip_prefix(above)?.split_once('/')?;
    (!folder.is_empty()).then(|| folder.to_owned())
}

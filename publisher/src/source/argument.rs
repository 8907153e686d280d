//! What a user types for a source: a path, `-`, or one of skopeo's spellings.
//!
//! The spellings are those of [containers-transports(5)](https://github.com/containers/image/blob/main/docs/containers-transports.5.md).

use std::path::{Path, PathBuf};

/// What a source is said to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// Nothing: look.
    Nothing,
    /// `docker-archive:`
    DockerArchive,
    /// `oci:` and `oci-archive:`
    Layout,
    /// `dir:`
    Folder,
}

/// Where a source is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Where {
    /// Standard input.
    Input,
    /// A file or a folder.
    Path(PathBuf),
    /// The Docker daemon, which calls the image so.
    Daemon(String),
}

/// A source as typed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Argument {
    /// What it is said to be.
    pub said: Said,
    /// Where it is.
    pub place: Where,
    /// Which image of it.
    pub image: Option<String>,
}

/// A place that images cannot be taken from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{source_text}` is not supported as a source")]
pub struct Unsupported {
    source_text: String,
    hint: &'static str,
}

impl Unsupported {
    /// How to get a source from it.
    pub fn hint(&self) -> String {
        self.hint.to_owned()
    }
}

const PREFIXES: [(&str, Said); 4] = [
    ("docker-archive:", Said::DockerArchive),
    ("oci-archive:", Said::Layout),
    ("oci:", Said::Layout),
    ("dir:", Said::Folder),
];

const DAEMON: &str = "docker-daemon:";

const ELSEWHERE: [(&str, &str); 2] = [
    ("containers-storage:", "save the image first: podman save --format oci-archive --output FILE IMAGE"),
    ("oci-archive://", "write it without `//`: oci-archive:FILE"),
];

/// Reads what was typed. `exists` tells whether a path does.
pub(super) fn parse(text: &str, exists: impl Fn(&Path) -> bool) -> Result<Argument, Unsupported> {
    let plain = |place| Argument { said: Said::Nothing, place, image: None };
    if text == "-" {
        return Ok(plain(Where::Input));
    }
    // A file of this very name is what was meant.
    if exists(Path::new(text)) {
        return Ok(plain(Where::Path(text.into())));
    }
    if let Some(image) = text.strip_prefix(DAEMON) {
        return Ok(plain(Where::Daemon(image.to_owned())));
    }
    if let Some((_, hint)) = ELSEWHERE.iter().find(|(prefix, _)| text.starts_with(prefix)) {
        return Err(Unsupported { source_text: text.to_owned(), hint });
    }
    let Some((said, rest)) = PREFIXES.iter().find_map(|(p, said)| Some((*said, text.strip_prefix(p)?)))
    else {
        return Ok(plain(Where::Path(text.into())));
    };
    // Only the others have a suffix.
    let (path, image) = if said == Said::Folder { (rest, None) } else { split(rest, exists) };
    if path.is_empty() {
        return Err(Unsupported { source_text: text.to_owned(), hint: "write the path behind the colon" });
    }
    let place = if path == "-" { Where::Input } else { Where::Path(path.into()) };
    Ok(Argument { said, place, image })
}

/// The path and the image behind it. A colon can be part of a path: the longest path that exists is the one; where
/// none does, skopeo's rule holds, the first colon.
fn split(rest: &str, exists: impl Fn(&Path) -> bool) -> (&str, Option<String>) {
    let good = |path: &str| path == "-" || exists(Path::new(path));
    if good(rest) {
        return (rest, None);
    }
    let cut =
        rest.rmatch_indices(':').map(|(at, _)| at).find(|&at| good(&rest[..at])).or_else(|| rest.find(':'));
    match cut {
        Some(at) => (&rest[..at], Some(rest[at + 1..].to_owned()).filter(|image| !image.is_empty())),
        None => (rest, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, existing: &[&str]) -> (Said, String, String) {
        let argument = parse(text, |path| existing.iter().any(|e| Path::new(e) == path)).unwrap();
        let path = match argument.place {
            Where::Input => "-".into(),
            Where::Path(path) => path.to_string_lossy().into_owned(),
            Where::Daemon(image) => format!("daemon's {image}"),
        };
        (argument.said, path, argument.image.unwrap_or_default())
    }

    #[test]
    fn sources_are_spelled_as_paths_or_as_skopeo_does() {
        use Said::*;
        for (text, existing, (said, path, image)) in [
            ("-", &["-"][..], (Nothing, "-", "")),
            ("app.tar", &[], (Nothing, "app.tar", "")),
            ("app:1.tar", &["app:1.tar"], (Nothing, "app:1.tar", "")),
            ("oci:x", &["oci:x"], (Nothing, "oci:x", "")),
            ("oci:x", &["x"], (Layout, "x", "")),
            ("oci:x:1", &["x"], (Layout, "x", "1")),
            ("oci:x:1", &["x", "x:1"], (Layout, "x:1", "")),
            ("oci:x:", &["x"], (Layout, "x", "")),
            ("oci-archive:x.tar:localhost:5000/a:1", &["x.tar"], (Layout, "x.tar", "localhost:5000/a:1")),
            ("oci-archive:x.tar:localhost:5000/a:1", &[], (Layout, "x.tar", "localhost:5000/a:1")),
            ("docker-archive:a:b/x.tar:a/b:1", &["a:b/x.tar"], (DockerArchive, "a:b/x.tar", "a/b:1")),
            ("docker-archive:-:a/b:1", &[], (DockerArchive, "-", "a/b:1")),
            ("dir:a:b", &[], (Folder, "a:b", "")),
            ("docker-daemon:a/b:1", &[], (Nothing, "daemon's a/b:1", "")),
            ("docker-daemon:a", &["docker-daemon:a"], (Nothing, "docker-daemon:a", "")),
        ] {
            assert_eq!(read(text, existing), (said, path.into(), image.into()), "{text} {existing:?}");
        }
    }

    #[test]
    fn other_places_are_refused_with_a_way_out() {
        for text in ["containers-storage:a", "oci-archive://x.tar", "oci:", "dir:", "docker-archive::a/b:1"] {
            let refused = parse(text, |_| false).unwrap_err();
            assert!(refused.to_string().contains(text) && !refused.hint().is_empty());
        }
    }
}

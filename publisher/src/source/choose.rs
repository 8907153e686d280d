//! Which image of a source that holds several: by the names that it has there.

use std::collections::BTreeSet;
use std::fmt;

use contract::digest::Digest;
use contract::name::{Reference, Tag};

use self::Agreeing::{Digest as ByDigest, TagAlone, TagOfNameless, Text, WithHost, WithoutHost};

/// A name that an archive gives an image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
    /// A reference, as in `RepoTags` and containerd's annotation.
    Full(String),
    /// A tag without a repository, as OCI layouts have it.
    Tag(String),
}

impl Name {
    /// What an OCI layout's `org.opencontainers.image.ref.name` says: a tag mostly, but tools write references too.
    pub(super) fn of_layout(text: &str) -> Self {
        if text.parse::<Tag>().is_ok() { Self::Tag(text.to_owned()) } else { Self::Full(text.to_owned()) }
    }

    fn text(&self) -> &str {
        match self {
            Self::Full(text) | Self::Tag(text) => text,
        }
    }
}

/// An image that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    /// What it can be called by: the manifest's digest, the configs'. None where the source is damaged.
    pub digests: Vec<Digest>,
    /// What it is called.
    pub names: Vec<Name>,
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.names.iter().map(Name::text).collect();
        match (&names[..], self.digests.first()) {
            ([], Some(digest)) => write!(f, "{digest}"),
            ([], None) => f.write_str("one without a name"),
            _ => f.write_str(&names.join(" = ")),
        }
    }
}

/// Why no image is chosen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChooseError {
    /// There is none.
    #[error("it holds no image")]
    Nothing,
    /// None of that name.
    #[error("it holds no image `{wanted}`, but {}", .held.join(", "))]
    NoneMatches {
        /// What was asked for.
        wanted: String,
        /// What is there.
        held: Vec<String>,
    },
    /// More than one that could be meant.
    #[error("it holds several images that can be meant: {}", .0.join(", "))]
    Several(Vec<String>),
}

impl ChooseError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Nothing => None,
            Self::NoneMatches { .. } | Self::Several(_) => {
                Some("--image NAME chooses one of these, by its name, tag or digest".into())
            }
        }
    }
}

/// How much a name has to agree with a wanted one; the first way that any image agrees in decides.
#[derive(Clone, Copy)]
enum Agreeing {
    Digest,
    Text,
    WithHost,
    WithoutHost,
    TagOfNameless,
    TagAlone,
}

/// Of what a user asks for by `--image`.
const ASKED: &[Agreeing] = &[ByDigest, Text, WithHost, WithoutHost, TagOfNameless, TagAlone];
/// Of what is published.
const PUBLISHED: &[Agreeing] = &[ByDigest, WithHost, WithoutHost, TagOfNameless];

/// Chooses by `--image`, else by what is published.
pub(super) fn choose(
    candidates: &[&Candidate],
    image: Option<&str>,
    references: &[Reference],
) -> Result<usize, ChooseError> {
    let all = || candidates.iter().map(ToString::to_string).collect();
    if candidates.is_empty() {
        return Err(ChooseError::Nothing);
    }
    if candidates.len() == 1 && image.is_none() {
        return Ok(0);
    }
    let (wanted, ways) = match image {
        Some(image) => (vec![Wanted::parse(image)], ASKED),
        None => (references.iter().map(Wanted::of).collect(), PUBLISHED),
    };
    // Each name by the best way that any image agrees in: two names that two images agree with are no choice.
    let agreeing = |wanted: &Wanted| {
        let by =
            |way| (0..candidates.len()).filter(|&at| wanted.agrees(candidates[at], way)).collect::<Vec<_>>();
        ways.iter().copied().map(by).find(|found| !found.is_empty()).unwrap_or_default()
    };
    let found: BTreeSet<usize> = wanted.iter().flat_map(agreeing).collect();
    match (found.first(), image) {
        (Some(&only), _) if found.len() == 1 => Ok(only),
        (Some(_), _) => {
            Err(ChooseError::Several(found.iter().map(|&at| candidates[at].to_string()).collect()))
        }
        (None, Some(image)) => Err(ChooseError::NoneMatches { wanted: image.to_owned(), held: all() }),
        (None, None) => Err(ChooseError::Several(all())),
    }
}

/// A name that was asked for.
struct Wanted {
    text: String,
    digest: Option<Digest>,
    /// Without one, only the digest counts.
    has_name: bool,
}

impl Wanted {
    fn parse(text: &str) -> Self {
        let digest = text.rsplit_once('@').map_or(text, |(_, digest)| digest).parse().ok();
        Self { text: text.to_owned(), digest, has_name: digest.is_none() }
    }

    fn of(reference: &Reference) -> Self {
        let name = Reference { digest: None, ..reference.clone() };
        let has_name = reference.tag.is_some() || reference.digest.is_none();
        Self { text: name.to_string(), digest: reference.digest, has_name }
    }

    fn agrees(&self, candidate: &Candidate, way: Agreeing) -> bool {
        match way {
            ByDigest => self.digest.is_some_and(|digest| candidate.digests.contains(&digest)),
            way => self.has_name && candidate.names.iter().any(|name| agree(&self.text, name, way)),
        }
    }
}

fn agree(wanted: &str, name: &Name, way: Agreeing) -> bool {
    let asked = Parts::of(wanted);
    match (way, name) {
        (Text, name) => name.text() == wanted,
        (WithHost, Name::Full(name)) => asked == Parts::of(name),
        (WithoutHost, Name::Full(name)) => {
            let named = Parts::of(name);
            // Two hosts are two places.
            (asked.host.is_none() || named.host.is_none())
                && (asked.path, asked.tag) == (named.path, named.tag)
        }
        (TagOfNameless, Name::Tag(tag)) => asked.tag == Some(tag),
        (TagAlone, Name::Full(name)) => Parts::of(name).tag == Some(wanted),
        (TagAlone | WithHost | WithoutHost, Name::Tag(_))
        | (TagOfNameless, Name::Full(_))
        | (ByDigest, _) => false,
    }
}

/// A name as Docker reads it ([distribution/reference](https://github.com/distribution/reference/blob/main/normalize.go)):
/// the default host and its `library/` are left out, and the default tag is filled in.
#[derive(PartialEq)]
struct Parts<'a> {
    host: Option<&'a str>,
    path: &'a str,
    tag: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Self {
        let (text, has_digest) = text.split_once('@').map_or((text, false), |(text, _)| (text, true));
        let rest = Reference::without_host(text);
        let host = text[..text.len() - rest.len()].strip_suffix('/');
        let host = host.filter(|host| !matches!(*host, "docker.io" | "index.docker.io"));
        let (path, tag) = match rest.rsplit_once(':') {
            Some((path, tag)) if !tag.contains('/') => (path, Some(tag)),
            _ => (rest, (!has_digest).then_some(Tag::LATEST)),
        };
        let short = path.strip_prefix("library/").filter(|short| host.is_none() && !short.contains('/'));
        Self { host, path: short.unwrap_or(path), tag }
    }
}

#[cfg(test)]
mod tests;

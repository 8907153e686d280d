//! What is to be mirrored: lines of `docker://host/repository [target] [patterns…]`.

use contract::name::{NameError, Repository, Tag};
use contract::pattern::{PatternError, TagPattern};

use crate::source::registry::{Address, AddressError};

/// In the place of a target that is not said.
const SAME: &str = "-";

/// A repository to be mirrored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Where it is.
    pub from: Address,
    /// What it is called in the store.
    pub to: Repository,
    /// Which of its tags; none are all.
    pub tags: Vec<TagPattern>,
}

/// A line that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WantedError {
    /// The source.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// A digest has no tags.
    #[error("`{0}` names one image by its digest: `publish` takes it")]
    Digest(String),
    /// The target.
    #[error("the target `{text}` is no repository")]
    Target {
        /// As written.
        text: String,
        /// Which production fails.
        #[source]
        source: NameError,
    },
    /// A pattern.
    #[error(transparent)]
    Pattern(#[from] PatternError),
}

impl Wanted {
    /// One by its parts. A tag behind the source is a pattern of its own.
    pub fn new(from: &str, to: Option<&str>, tags: &[TagPattern]) -> Result<Self, WantedError> {
        let mut address = Address::parse(from)?;
        if address.digest.is_some() {
            return Err(WantedError::Digest(from.to_owned()));
        }
        let mut tags = tags.to_vec();
        let tag = address.tag.take().as_ref().map(Tag::as_str).map(str::parse).transpose()?;
        tags.extend(tag);
        let wrong = |text: &str| {
            let text = text.to_owned();
            |source| WantedError::Target { text, source }
        };
        let to = to.map_or_else(|| Ok(address.repository.clone()), |to| to.parse().map_err(wrong(to)))?;
        Ok(Self { from: address, to, tags })
    }

    /// One of a file's line; `None` where there is nothing but a comment. `tags` hold where the line says none.
    pub fn of_line(line: &str, tags: &[TagPattern]) -> Result<Option<Self>, WantedError> {
        let line = line.split_once('#').map_or(line, |(before, _)| before);
        let mut words = line.split_whitespace();
        let Some(from) = words.next() else { return Ok(None) };
        let to = words.next().filter(|to| *to != SAME);
        let own = words.map(str::parse).collect::<Result<Vec<TagPattern>, _>>()?;
        Self::new(from, to, if own.is_empty() { tags } else { &own }).map(Some)
    }

    /// Whether a tag is meant.
    pub fn means(&self, tag: &Tag) -> bool {
        self.tags.is_empty() || self.tags.iter().any(|pattern| pattern.matches(tag))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Option<String>, String> {
        let default = ["v*".parse().unwrap()];
        let shown = |wanted: Wanted| {
            let tags: Vec<String> = wanted.tags.iter().map(ToString::to_string).collect();
            format!("{} {} {}", wanted.from, wanted.to, tags.join(","))
        };
        Wanted::of_line(line, &default).map(|wanted| wanted.map(shown)).map_err(|error| error.to_string())
    }

    #[test]
    fn lines_are_source_target_and_patterns() {
        for (line, expected) in [
            ("docker://ghcr.io/acme/app", "docker://ghcr.io/acme/app acme/app v*"),
            ("  docker://ghcr.io/acme/app\tmine/app # ours", "docker://ghcr.io/acme/app mine/app v*"),
            ("docker://alpine - 3.* latest", "docker://docker.io/library/alpine library/alpine 3.*,latest"),
            ("docker://alpine:3 os/alpine *", "docker://docker.io/library/alpine os/alpine *,3"),
        ] {
            assert_eq!(read(line), Ok(Some(expected.to_owned())), "{line}");
        }
        assert_eq!(read(" # nothing"), Ok(None));
        assert_eq!(read(""), Ok(None));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let digest = format!("docker://h.io/a@sha256:{}", "0".repeat(64));
        for (line, said) in [
            ("ghcr.io/acme/app", "does not begin with `docker://`"),
            (digest.as_str(), "names one image by its digest"),
            ("docker://h.io/a UPPER", "`UPPER` is no repository"),
            ("docker://h.io/a - [x]", "`[x]` is no pattern"),
        ] {
            let error = read(line).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn a_tag_behind_the_source_is_the_one() {
        let wanted = Wanted::new("docker://h.io/a:1", None, &[]).unwrap();
        let means = |tag: &str| wanted.means(&tag.parse().unwrap());
        assert!(means("1") && !means("11"));
        assert!(Wanted::new("docker://h.io/a", None, &[]).unwrap().means(&Tag::latest()));
    }
}

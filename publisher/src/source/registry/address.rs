//! What a user types for a place in a registry: `docker://host/repository:tag`, with Docker's own names for Docker Hub.

use std::fmt;

use contract::digest::Digest;
use contract::name::{NameError, Reference, Repository, Tag, TagOrDigest};
use url::Url;

use crate::anonymous::is_here;

/// How such a source begins, as skopeo has it.
pub(crate) const PREFIX: &str = "docker://";
/// Docker Hub, as everybody calls it.
const HUB: &str = "docker.io";
/// Its other names ([distribution/reference](https://github.com/distribution/reference/blob/main/normalize.go)).
const HUB_TOO: [&str; 2] = ["index.docker.io", "registry-1.docker.io"];
/// Where its API is ([moby](https://github.com/moby/moby/blob/master/daemon/pkg/registry/config.go), `DefaultRegistryHost`).
const HUB_API: &str = "registry-1.docker.io";
/// Where its images without a namespace are.
const HUB_LIBRARY: &str = "library";

/// A registry's host, with its port where it has one of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Host(String);

/// Who may be asked without TLS, beside this machine: a password is sent to them in the clear.
#[derive(Debug, Clone, Default)]
pub(super) struct Plain {
    /// Those that somebody has named.
    pub(super) hosts: Vec<Host>,
    /// Not this one, though it is this machine: who keeps certificates for it means TLS.
    pub(super) certified: Option<Host>,
}

/// A place in a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Whose it is.
    pub host: Host,
    /// The repository, by the name that the registry's API has for it.
    pub repository: Repository,
    /// Behind `:`.
    pub tag: Option<Tag>,
    /// Behind `@`.
    pub digest: Option<Digest>,
}

/// Text that names no place in a registry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It does not begin with `docker://`.
    #[error("`{0}` does not begin with `{PREFIX}`")]
    Prefix(String),
    /// No host, or more than one.
    #[error("`{0}` is not the host of a registry: expected NAME or NAME:PORT")]
    Host(String),
    /// Behind the host.
    #[error("`{text}` names no image in a registry")]
    Reference {
        /// As typed.
        text: String,
        /// Which production fails.
        #[source]
        source: NameError,
    },
}

impl Host {
    /// From a text without scheme and path.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let wrong = || AddressError::Host(text.to_owned());
        let good = |c: u8| c.is_ascii_alphanumeric() || b".-:[]".contains(&c);
        if text.is_empty() || !text.bytes().all(good) {
            return Err(wrong());
        }
        Url::parse(&format!("https://{text}/")).map_err(|_| wrong())?;
        let lower = text.to_ascii_lowercase();
        Ok(Self(if HUB_TOO.contains(&lower.as_str()) { HUB.to_owned() } else { lower }))
    }

    /// As credentials are kept by it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is [Docker Hub](https://hub.docker.com).
    pub(super) fn is_hub(&self) -> bool {
        self.0 == HUB
    }

    /// The root of its API, by TLS or not.
    pub(super) fn base(&self, plain: bool) -> Result<Url, AddressError> {
        let (scheme, host) =
            (if plain { "http" } else { "https" }, if self.is_hub() { HUB_API } else { &self.0 });
        Url::parse(&format!("{scheme}://{host}/")).map_err(|_| AddressError::Host(self.0.clone()))
    }

    /// Whether it is this machine: nobody is between.
    pub(super) fn is_loopback(&self) -> bool {
        self.base(true).is_ok_and(|url| is_here(&url))
    }

    /// Whether a URL leads to the same machine, at whatever port.
    pub(super) fn is_of(&self, url: &Url) -> bool {
        self.base(true).is_ok_and(|own| own.host() == url.host())
    }
}

impl Plain {
    /// Whether a registry is asked so.
    pub(super) fn is_asked(&self, host: &Host) -> bool {
        self.hosts.contains(host) || host.is_loopback() && self.certified.as_ref() != Some(host)
    }

    /// Whether somebody may be whom such a registry names, at whatever port.
    pub(super) fn permits(&self, registry: &Host, url: &Url) -> bool {
        self.is_asked(registry) && (is_here(url) || self.hosts.iter().any(|host| host.is_of(url)))
    }
}

impl Address {
    /// Reads `docker://host/repository[:tag][@digest]`; without a host, Docker Hub is meant.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let rest = text.strip_prefix(PREFIX).ok_or_else(|| AddressError::Prefix(text.to_owned()))?;
        let reference = Reference::without_host(rest);
        let host = Host::parse(match rest.len() - reference.len() {
            0 => HUB,
            behind => &rest[..behind - 1],
        })?;
        let wrong = |source| AddressError::Reference { text: text.to_owned(), source };
        let Reference { mut repository, tag, digest } =
            Reference::parse_keeping_host(reference).map_err(wrong)?;
        if host.is_hub() && repository.segments().count() == 1 {
            repository = format!("{HUB_LIBRARY}/{repository}").parse().map_err(wrong)?;
        }
        Ok(Self { host, repository, tag, digest })
    }

    /// What is asked for: a digest where there is one, else the tag, else `latest`.
    pub fn wanted(&self) -> TagOrDigest {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => TagOrDigest::Digest(*digest),
            (None, tag) => TagOrDigest::Tag(tag.clone().unwrap_or_else(Tag::latest)),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, repository, tag, digest } = self;
        write!(f, "{PREFIX}{host}/{repository}")?;
        tag.iter().try_for_each(|tag| write!(f, ":{tag}"))?;
        digest.iter().try_for_each(|digest| write!(f, "@{digest}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_docker_reads_them() {
        for (text, read, base) in [
            ("docker://alpine", "docker://docker.io/library/alpine", "https://registry-1.docker.io/"),
            ("docker://acme/app:1", "docker://docker.io/acme/app:1", "https://registry-1.docker.io/"),
            (
                "docker://docker.io/alpine:3",
                "docker://docker.io/library/alpine:3",
                "https://registry-1.docker.io/",
            ),
            ("docker://index.docker.io/a/b", "docker://docker.io/a/b", "https://registry-1.docker.io/"),
            ("docker://ghcr.io/a:1", "docker://ghcr.io/a:1", "https://ghcr.io/"),
            ("docker://GHCR.io/a/b/c", "docker://ghcr.io/a/b/c", "https://ghcr.io/"),
            ("docker://localhost/a", "docker://localhost/a", "https://localhost/"),
            ("docker://host:5000/a:1", "docker://host:5000/a:1", "https://host:5000/"),
            ("docker://[::1]:5000/a", "docker://[::1]:5000/a", "https://[::1]:5000/"),
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!(address.to_string(), read);
            assert_eq!(address.host.base(false).unwrap().as_str(), base);
            assert_eq!(Address::parse(&address.to_string()), Ok(address));
        }
        let digest = format!("sha256:{}", "a".repeat(64));
        let address = Address::parse(&format!("docker://h.io/a:1@{digest}")).unwrap();
        assert_eq!(address.wanted(), TagOrDigest::Digest(digest.parse().unwrap()));
        assert_eq!(Address::parse("docker://h.io/a").unwrap().wanted(), TagOrDigest::Tag(Tag::latest()));
    }

    #[test]
    fn what_names_no_place_is_refused() {
        for text in [
            "ghcr.io/a",
            "docker://",
            "docker://ghcr.io/",
            "docker://user@host.io/a",
            "docker://h.io:x/a",
            "docker://h.io/A",
            "docker://h.io/a:",
            "docker://h.io/a@sha256:0",
            "docker://https://h.io/a",
            "docker://h.io/a?b",
            "docker://h%2e.io/a",
        ] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn this_machine_is_known_by_name_and_address() {
        for (host, is) in [
            ("localhost", true),
            ("localhost:5000", true),
            ("127.9.0.1:1", true),
            ("[::1]:5000", true),
            ("localhost.example.com", false),
            ("128.0.0.1", false),
            ("docker.io", false),
            ("127.0.0.1.nip.io", false),
        ] {
            assert_eq!(Host::parse(host).unwrap().is_loopback(), is, "{host}");
        }
    }
}

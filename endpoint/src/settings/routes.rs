//! Routes: where the repositories below a prefix are, and at which of several bases.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use contract::name::Repository;
use ipnet::IpNet;

use super::Base;
use super::networks::Networks;

mod build;
#[cfg(test)]
mod tests;

pub use build::RouteError;
pub(super) use build::{Parts, routes};

/// Where the objects of a directory are served.
pub const OBJECTS: &str = "/objects/";

/// All routes, the default among them, and every base that they lead to.
#[derive(Clone, Debug)]
pub struct Routes {
    default: Target,
    /// Where documents of the default route are fetched, if not from its target.
    origin: Option<Base>,
    /// By prefix.
    below: HashMap<Box<str>, Route>,
    bases: Vec<Base>,
}

/// Where the repositories below a prefix are.
#[derive(Clone, Debug)]
pub struct Route {
    prefix: Repository,
    /// What stands in the prefix's place there.
    rewrite: Option<Box<str>>,
    target: Target,
    /// Where its documents are fetched, if not from the target.
    origin: Option<Base>,
}

/// What a redirect leads to.
#[derive(Clone, Debug)]
pub enum Target {
    /// The object, at one of these bases.
    Cdn(Choice),
    /// The same path of another registry.
    Registry(Base),
    /// The object in a directory that we serve ourselves under [`OBJECTS`].
    Directory(PathBuf),
}

/// Bases by preference, for everybody or by the client's address.
#[derive(Clone, Debug)]
pub struct Choice {
    anyone: Preference,
    from: Vec<Preference>,
    /// Which of `from` a network has. `None` where all clients are treated alike.
    networks: Option<Networks<usize>>,
}

/// Bases of one list, the preferred one first; never empty.
type Preference = Box<[BaseId]>;

/// One of [`Routes::bases`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct BaseId(usize);

impl BaseId {
    /// Its place among [`Routes::bases`].
    pub(crate) fn index(self) -> usize {
        self.0
    }
}

impl Routes {
    /// What is under no route, and what has no repository: the catalog, and v1 images, which are asked for by id.
    pub fn default_target(&self) -> &Target {
        &self.default
    }

    /// Where documents of the default route are fetched, if not from its target.
    pub(crate) fn default_origin(&self) -> Option<&Base> {
        self.origin.as_ref()
    }

    /// The route that a repository is under: that with the longest prefix of whole segments.
    pub fn of(&self, repository: &str) -> Option<&Route> {
        let mut prefix = repository;
        loop {
            if let Some(route) = self.below.get(prefix) {
                return Some(route);
            }
            prefix = prefix.rsplit_once('/')?.0;
        }
    }

    /// Whether there is no route but the default.
    pub(crate) fn is_one(&self) -> bool {
        self.below.is_empty()
    }

    /// The routes by prefix, in no order.
    pub(crate) fn by_prefix(&self) -> impl Iterator<Item = &Route> {
        self.below.values()
    }

    fn targets(&self) -> impl Iterator<Item = &Target> {
        self.below.values().map(|route| &route.target).chain([&self.default])
    }

    /// The directory whose objects we serve.
    pub fn directory(&self) -> Option<&Path> {
        match &self.default {
            Target::Directory(directory) => Some(directory),
            Target::Cdn(_) | Target::Registry(_) => None,
        }
    }

    /// Whether any route asks for the client's address.
    pub(super) fn by_client(&self) -> bool {
        self.targets().any(|target| matches!(target, Target::Cdn(choice) if choice.by_client()))
    }

    /// Everything that a redirect may begin with: CDN bases and registries.
    pub(crate) fn beginnings(&self) -> impl Iterator<Item = &Base> {
        let registries = self.targets().filter_map(|target| match target {
            Target::Registry(base) => Some(base),
            Target::Cdn(_) | Target::Directory(_) => None,
        });
        self.bases.iter().chain(registries)
    }

    /// Whether any redirect leads to plain http.
    pub(super) fn any_plain(&self) -> bool {
        self.beginnings().any(|base| !base.is_https())
    }

    /// Every CDN base, each once.
    pub fn bases(&self) -> &[Base] {
        &self.bases
    }

    /// The base of this number.
    pub(crate) fn base(&self, id: BaseId) -> Option<&Base> {
        self.bases.get(id.0)
    }

    /// The bases between which there is a choice; it makes no difference whether any other is up.
    pub(crate) fn to_watch(&self) -> Vec<BaseId> {
        let mut watched = vec![false; self.bases.len()];
        for target in self.targets() {
            let Target::Cdn(choice) = target else { continue };
            for id in choice.preferences().filter(|bases| bases.len() > 1).flatten() {
                watched[id.0] = true;
            }
        }
        (0..watched.len()).filter(|&nth| watched[nth]).map(BaseId).collect()
    }
}

impl Route {
    /// The first segments of the names of its repositories.
    pub fn prefix(&self) -> &Repository {
        &self.prefix
    }

    /// What stands in the prefix's place there.
    pub(crate) fn rewrite(&self) -> Option<&str> {
        self.rewrite.as_deref()
    }

    /// Where their documents are fetched, if not from the target.
    pub(crate) fn origin(&self) -> Option<&Base> {
        self.origin.as_ref()
    }

    /// Where they are.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The name that a repository below the prefix has there. `None` where there can be no such name: what the prefix
    /// alone is called where the prefix is left out, or one longer than names may be.
    pub(crate) fn rename(&self, repository: &str, rewrite: &str) -> Option<Repository> {
        let rest = repository.strip_prefix(self.prefix.as_str())?;
        let name = format!("{rewrite}{rest}");
        name.strip_prefix('/').unwrap_or(&name).parse().ok()
    }
}

impl Choice {
    /// Whether it depends on the client's address, which no shared cache knows.
    pub(crate) fn by_client(&self) -> bool {
        self.networks.is_some()
    }

    /// The bases for a client, the preferred one first, and the network that they were chosen by.
    pub(crate) fn bases(&self, client: Option<IpAddr>) -> (&[BaseId], Option<IpNet>) {
        let found = self.networks.as_ref().zip(client).and_then(|(networks, client)| networks.get(client));
        match found.and_then(|(network, nth)| Some((self.from.get(nth)?, network))) {
            Some((bases, network)) => (bases, Some(network)),
            None => (&self.anyone, None),
        }
    }

    fn preferences(&self) -> impl Iterator<Item = &[BaseId]> {
        self.from.iter().chain([&self.anyone]).map(|bases| &**bases)
    }
}

/// What its redirects begin with, as far as that can be said in a word.
impl fmt::Display for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.default {
            // A path alone keeps host and scheme, whatever name the client knows us by.
            Target::Directory(_) => f.write_str(OBJECTS),
            Target::Registry(base) => base.fmt(f),
            Target::Cdn(choice) => match choice.anyone.first().and_then(|&id| self.base(id)) {
                Some(base) => base.fmt(f),
                None => Ok(()),
            },
        }
    }
}

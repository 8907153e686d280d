//! From what is given to routes that can be followed. Everything that can be wrong with a route is found here.

use std::collections::HashMap;
use std::path::PathBuf;

use contract::name::{NameError, Repository};

use super::{BaseId, Choice, Preference, Route, Routes, Target};
use crate::settings::networks::{NetworkError, Networks};
use crate::settings::{Base, BaseError, SettingsError};
use crate::settings::{DefaultGiven, FromGiven, NetworkTables, RouteGiven};

/// Why a route cannot be followed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// `prefix` follows the grammar of names.
    #[error("its prefix is no repository's name")]
    Prefix(#[source] NameError),
    /// Two routes with one prefix.
    #[error("there is another route with this prefix")]
    Twice,
    /// `rewrite` follows the grammar of names, or is empty.
    #[error("its rewrite `{given}` is no repository's name")]
    Rewrite {
        /// As it was given.
        given: String,
        /// What is wrong with it.
        source: NameError,
    },
    /// It leads nowhere.
    #[error("it has neither `cdn` nor `registry`")]
    NoTarget,
    /// It leads to two places.
    #[error("it has both `cdn` and `registry`")]
    TwoTargets,
    /// `cdn = []`
    #[error("a list of CDN bases of it is empty")]
    NoBase,
    /// Not a base.
    #[error("its base `{given}` cannot be used")]
    Base {
        /// As it was given.
        given: String,
        /// What is wrong with it.
        source: BaseError,
    },
    /// One list has the same base in two places.
    #[error("its base `{0}` is there twice")]
    BaseTwice(Base),
    /// Clients know an API at the root of a host only.
    #[error("its registry `{0}` has a path, but a registry is a host; names change by `rewrite`")]
    RegistryPath(Base),
    /// The client would come back, again and again.
    #[error("its registry `{0}` is this endpoint's own public URL")]
    Itself(Base),
    /// `from` beside `registry`.
    #[error("`from` chooses among CDN bases, and a registry has none")]
    FromRegistry,
    /// `networks = []`, or a `from` without `cdn`.
    #[error("a `from` of it names no networks, or no CDN base")]
    FromNothing,
    /// Not a network.
    #[error("a network of its `from` cannot be used")]
    Network(#[source] NetworkError),
}

impl RouteError {
    /// What helps, where we know it.
    pub(in crate::settings) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoTarget | Self::NoBase => Some("an example is cdn = \"https://cdn.example.com/prefix\""),
            Self::Base { .. } => Some("an example is https://cdn.example.com/prefix"),
            Self::RegistryPath(_) => {
                Some("with rewrite = \"other/name\", the prefix becomes other/name there")
            }
            Self::Itself(_) => Some("name the registry where these repositories are"),
            Self::Prefix(_)
            | Self::Twice
            | Self::Rewrite { .. }
            | Self::TwoTargets
            | Self::BaseTwice(_)
            | Self::FromRegistry
            | Self::FromNothing
            | Self::Network(_) => None,
        }
    }
}

/// What the routes are made of.
pub(in crate::settings) struct Parts<'g> {
    pub(in crate::settings) cdn: Option<String>,
    pub(in crate::settings) directory: Option<PathBuf>,
    pub(in crate::settings) default: Option<DefaultGiven>,
    pub(in crate::settings) routes: &'g [RouteGiven],
    pub(in crate::settings) networks: &'g NetworkTables,
    pub(in crate::settings) public: Option<&'g Base>,
    pub(in crate::settings) origin: Option<Base>,
}

/// Decides every route.
pub(in crate::settings) fn routes(parts: Parts<'_>) -> Result<Routes, SettingsError> {
    let mut builder = Builder { networks: parts.networks, public: parts.public, bases: Vec::new() };
    let default = match (parts.cdn, parts.directory, parts.default) {
        (None, None, None) => Err(SettingsError::NoOrigin),
        (Some(cdn), None, None) => match Base::parse(&cdn) {
            Ok(base) => Ok(Target::Cdn(Choice::of(builder.id(base)))),
            Err(source) => Err(SettingsError::Cdn { given: cdn, source }),
        },
        (None, Some(directory), None) => Ok(Target::Directory(directory)),
        (None, None, Some(DefaultGiven { cdn, registry, from })) => {
            let target = builder.target(cdn.as_deref(), registry.as_deref(), &from);
            target.map_err(SettingsError::DefaultRoute)
        }
        (Some(_), Some(_), _) | (Some(_), _, Some(_)) | (_, Some(_), Some(_)) => {
            Err(SettingsError::TwoOrigins)
        }
    }?;
    let mut below = HashMap::with_capacity(parts.routes.len());
    for given in parts.routes {
        let refused = |source| SettingsError::Route { prefix: given.prefix.clone(), source };
        let route = builder.route(given).map_err(refused)?;
        if below.insert(route.prefix.as_str().into(), route).is_some() {
            return Err(refused(RouteError::Twice));
        }
    }
    Ok(Routes { default, origin: parts.origin, below, bases: builder.bases })
}

struct Builder<'g> {
    networks: &'g NetworkTables,
    public: Option<&'g Base>,
    bases: Vec<Base>,
}

impl Builder<'_> {
    fn route(&mut self, given: &RouteGiven) -> Result<Route, RouteError> {
        Ok(Route {
            prefix: given.prefix.parse().map_err(RouteError::Prefix)?,
            rewrite: given.rewrite.as_deref().map(rewrite).transpose()?,
            target: self.target(given.cdn.as_deref(), given.registry.as_deref(), &given.from)?,
            origin: given.origin.as_deref().map(base).transpose()?,
        })
    }

    fn target(
        &mut self,
        cdn: Option<&[String]>,
        registry: Option<&str>,
        from: &[FromGiven],
    ) -> Result<Target, RouteError> {
        match (cdn, registry) {
            (None, None) => Err(RouteError::NoTarget),
            (Some(_), Some(_)) => Err(RouteError::TwoTargets),
            (None, Some(_)) if !from.is_empty() => Err(RouteError::FromRegistry),
            (None, Some(registry)) => self.registry(registry).map(Target::Registry),
            (Some(cdn), None) => self.choice(cdn, from).map(Target::Cdn),
        }
    }

    fn registry(&self, given: &str) -> Result<Base, RouteError> {
        let base = base(given)?;
        if !base.is_root() {
            return Err(RouteError::RegistryPath(base));
        }
        match self.public {
            Some(public) if public.is_same_host(&base) => Err(RouteError::Itself(base)),
            Some(_) | None => Ok(base),
        }
    }

    fn choice(&mut self, cdn: &[String], from: &[FromGiven]) -> Result<Choice, RouteError> {
        let anyone = self.preference(cdn)?;
        let mut networks = Networks::default();
        let mut lists = Vec::with_capacity(from.len());
        for (nth, given) in from.iter().enumerate() {
            let (Some(cdn), false) = (&given.cdn, given.networks.is_empty()) else {
                return Err(RouteError::FromNothing);
            };
            networks.add(&given.networks, self.networks, nth).map_err(RouteError::Network)?;
            lists.push(self.preference(cdn)?);
        }
        let networks = if from.is_empty() { None } else { Some(networks) };
        Ok(Choice { anyone, from: lists, networks })
    }

    fn preference(&mut self, given: &[String]) -> Result<Preference, RouteError> {
        let mut list: Vec<BaseId> = Vec::with_capacity(given.len());
        for given in given {
            let base = base(given)?;
            let id = self.id(base.clone());
            if list.contains(&id) {
                return Err(RouteError::BaseTwice(base));
            }
            list.push(id);
        }
        if list.is_empty() { Err(RouteError::NoBase) } else { Ok(list.into()) }
    }

    /// A base that several routes lead to is watched once.
    fn id(&mut self, base: Base) -> BaseId {
        let known = self.bases.iter().position(|known| *known == base);
        BaseId(known.unwrap_or_else(|| {
            self.bases.push(base);
            self.bases.len() - 1
        }))
    }
}

impl Choice {
    fn of(base: BaseId) -> Self {
        Self { anyone: [base].into(), from: Vec::new(), networks: None }
    }
}

fn base(given: &str) -> Result<Base, RouteError> {
    Base::parse(given).map_err(|source| RouteError::Base { given: given.to_owned(), source })
}

fn rewrite(given: &str) -> Result<Box<str>, RouteError> {
    if given.is_empty() {
        return Ok(given.into());
    }
    match given.parse::<Repository>() {
        Ok(name) => Ok(name.as_str().into()),
        Err(source) => Err(RouteError::Rewrite { given: given.to_owned(), source }),
    }
}

//! Why the endpoint does not start, told to the person who set it up.

use std::io;
use std::path::PathBuf;

use contract::key::Key;

use super::{AuthoritiesError, BaseError, NetworkError, RouteError, TlsError};

/// Why the endpoint does not start.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// There is nothing to redirect to.
    #[error("neither a CDN nor a directory is given")]
    NoOrigin,
    /// Flags, environment or file name several.
    #[error("more than one of a CDN, a directory and a default route are given")]
    TwoOrigins,
    /// `--cdn`.
    #[error("the CDN base `{given}` cannot be used")]
    Cdn {
        /// As it was given.
        given: String,
        /// What is wrong with it.
        source: BaseError,
    },
    /// `--public-url`.
    #[error("the public URL `{given}` cannot be used")]
    PublicUrl {
        /// As it was given.
        given: String,
        /// What is wrong with it.
        source: BaseError,
    },
    /// `--origin`.
    #[error("the origin `{given}` cannot be used")]
    Origin {
        /// As it was given.
        given: String,
        /// What is wrong with it.
        source: BaseError,
    },
    /// `PORT`.
    #[error("PORT is `{0}` in the environment, which is not a number up to 65535")]
    Port(String),
    /// A limit or a number with which nothing would work.
    #[error("`{0}` is zero, and must not be")]
    Zero(&'static str),
    /// `[default]`.
    #[error("the default route cannot be used")]
    DefaultRoute(#[source] RouteError),
    /// `[[route]]`.
    #[error("the route `{prefix}` cannot be used")]
    Route {
        /// Its prefix, as it was given.
        prefix: String,
        /// What is wrong with it.
        source: RouteError,
    },
    /// `[networks]`.
    #[error("a network in [networks] cannot be used")]
    Network(#[source] NetworkError),
    /// `trusted-proxies`.
    #[error("`trusted-proxies` cannot be used")]
    TrustedProxies(#[source] NetworkError),
    /// `proxy-protocol` without proxies.
    #[error("`proxy-protocol` is on, but `trusted-proxies` says of nobody that their word counts")]
    NobodyTrusted,
    /// `tls-cert`, `tls-key`, `tls-client-ca`.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// `watch.object`.
    #[error("`watch.object` is `{0}`, which is not a path below a base, like {example}", example = Key::Catalog)]
    WatchedObject(String),
    /// `watch.ca`.
    #[error("`watch.ca` names {}, which cannot be used", path.display())]
    Authorities {
        /// As it was given.
        path: PathBuf,
        /// What is wrong with it.
        source: AuthoritiesError,
    },
    /// `--directory` is not there, is something else, or may not be read.
    #[error("the directory `{}` cannot be opened", path.display())]
    Directory {
        /// As it was given.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// `--settings` is not there or may not be read.
    #[error("the settings file `{}` cannot be read", path.display())]
    FileUnreadable {
        /// As it was given.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// `--settings` is no TOML, or has a key or a value that we do not know.
    #[error("the settings file `{}` is not valid", path.display())]
    FileInvalid {
        /// As it was given.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
}

impl SettingsError {
    /// What helps, where we know it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoOrigin => Some(
                "give --cdn https://cdn.example.com (or CDN_URL), or --directory ./bucket to serve a bucket from disk",
            ),
            Self::TwoOrigins => {
                Some("choose one; CDN_URL and ENDPOINT_DIRECTORY in the environment count too")
            }
            Self::Cdn { .. } | Self::PublicUrl { .. } | Self::Origin { .. } => {
                Some("an example is https://cdn.example.com/prefix")
            }
            Self::Directory { .. } => Some("publish into it first, or create it"),
            Self::FileInvalid { .. } => Some(
                "its keys are the flags without their dashes, and default, route, networks, client-header \
                 and watch: see --help",
            ),
            Self::DefaultRoute(error) | Self::Route { source: error, .. } => error.hint(),
            Self::Network(_) | Self::TrustedProxies(_) | Self::WatchedObject(_) => None,
            Self::NobodyTrusted => Some("name the load balancer's networks: --trusted-proxies 10.0.0.0/8"),
            Self::Tls(error) => error.hint(),
            Self::Authorities { .. } => Some("a file with -----BEGIN CERTIFICATE----- is wanted"),
            Self::Port(_) | Self::Zero(_) | Self::FileUnreadable { .. } => None,
        }
    }
}

//! Why the endpoint does not start, told to the person who set it up.

use std::io;
use std::path::PathBuf;

use super::BaseError;

/// Why the endpoint does not start.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// There is nothing to redirect to.
    #[error("neither a CDN nor a directory is given")]
    NoOrigin,
    /// Flags, environment or file name both.
    #[error("a CDN and a directory are both given")]
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
    /// `PORT`.
    #[error("PORT is `{0}` in the environment, which is not a number up to 65535")]
    Port(String),
    /// A limit that would let nothing through.
    #[error("`{0}` is zero, so nothing would ever be answered")]
    Zero(&'static str),
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
            Self::Cdn { .. } | Self::PublicUrl { .. } => Some("an example is https://cdn.example.com/prefix"),
            Self::Directory { .. } => Some("publish into it first, or create it"),
            Self::FileInvalid { .. } => Some("its keys are the flags without their dashes: see --help"),
            Self::Port(_) | Self::Zero(_) | Self::FileUnreadable { .. } => None,
        }
    }
}

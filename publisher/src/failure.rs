//! How a command can fail: the message, the exit code, and what helps.

use std::error::Error;
use std::io;
use std::iter;
use std::path::PathBuf;
use std::time::Duration;

use contract::digest::Digest;
use contract::name::NameError;

use crate::announce::AnnounceError;
use crate::apply::PublishError;
use crate::content::ContentError;
use crate::copy::CopyError;
use crate::history::HistoryError;
use crate::image::ImageError;
use crate::immutable::{Refusal, Why};
use crate::join::JoinError;
use crate::mirror::WantedError;
use crate::noted::NotedError;
use crate::prove::ProofError;
use crate::remove::RemoveError;
use crate::retain::RulesError;
use crate::settings::SettingsError;
use crate::source::SourceError;
use crate::store::{SendError, StoreError};
use crate::through::ThroughError;

mod hint;

/// Why a command ended without doing its work.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// A reference that is none.
    #[error("the reference `{text}` cannot be used")]
    Reference {
        /// As typed.
        text: String,
        /// Which production fails.
        #[source]
        source: NameError,
    },
    /// See [`SettingsError`].
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// No `--to`, and none in the environment or the file.
    #[error("no store is named")]
    NoStore,
    /// The image is another than the reference says.
    #[error("the image is {found}, but the reference says {expected}")]
    Digest {
        /// In the reference.
        expected: Digest,
        /// Of the image.
        found: Digest,
    },
    /// A repository, tag or manifest that a command is about.
    #[error("{0} is not in the store")]
    Absent(String),
    /// A repository alone, where one image is meant.
    #[error("`{0}` says neither which tag nor which digest")]
    Which(String),
    /// A digest where a tag is meant.
    #[error("`{0}` names no tag")]
    NoTag(String),
    /// A tag that cannot be moved back.
    #[error("the tag {tag} cannot be rolled back")]
    History {
        /// Which.
        tag: String,
        /// Why not.
        #[source]
        source: HistoryError,
    },
    /// Images that are no index together.
    #[error("the images cannot be joined")]
    Join(#[source] Box<JoinError>),
    /// Rules that say nothing, or a list that cannot be used.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// An image index would lack what is to be removed.
    #[error("{digest} cannot be removed: it is a part of the image index {index}")]
    Needed {
        /// What was to be removed.
        digest: Digest,
        /// Who names it.
        index: Digest,
    },
    /// `gc --grace` would take from publishers what they rely on.
    #[error(
        "what nothing names is kept for {} in this store, and cannot be removed after {}",
        humantime::format_duration(*.said),
        humantime::format_duration(*.asked)
    )]
    ShortGrace {
        /// By the flag.
        asked: Duration,
        /// By the store's settings.
        said: Duration,
    },
    /// A store that not everybody can read.
    #[error("the store is not public")]
    NotPublic(#[source] ProofError),
    /// See [`AnnounceError`].
    #[error(transparent)]
    Announce(#[from] AnnounceError),
    /// Somebody who has to be told of a change was not.
    #[error("the store is changed, but {0} of those that have to be told were not")]
    NotTold(usize),
    /// See [`NotedError`].
    #[error(transparent)]
    Noted(#[from] NotedError),
    /// No HTTP client: `verify --through`.
    #[error("nothing can be asked")]
    NoClient(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A tag that must not be moved.
    #[error(transparent)]
    Refused(Box<Refusal>),
    /// A tag that must not be removed.
    #[error("the tag {name} {why}")]
    Protected {
        /// Which.
        name: String,
        /// By what.
        why: Why,
    },
    /// The source's side.
    #[error(transparent)]
    Source(SourceError),
    /// An image in the store is damaged or incomplete.
    #[error("the image in the store cannot be used")]
    Image(#[source] Box<ImageError>),
    /// The source's side, while it was sent.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// The store's side.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The manual cannot be written.
    #[error("the manual pages cannot be written to {}", .folder.display())]
    Pages {
        /// Where to.
        folder: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Ctrl-C or a termination signal.
    #[error("interrupted")]
    Interrupted,
    /// `--deadline`.
    #[error("it was not done within {}", humantime::format_duration(*.time))]
    TooLate {
        /// As it was set.
        time: Duration,
        /// Why the store kept us waiting, if it did.
        #[source]
        source: Option<Waiting>,
    },
    /// A line that names no repository to mirror.
    #[error("{place} names no repository to mirror")]
    Wanted {
        /// File and line, or what was typed.
        place: String,
        /// Why not.
        #[source]
        source: WantedError,
    },
    /// `--as` with several sources.
    #[error("--as names one repository, and there are several sources")]
    OneTarget,
    /// A file that a flag names.
    #[error("{path} cannot be read")]
    File {
        /// Which.
        path: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Some tags could not be mirrored; which, was said.
    #[error("{failed} of {all} images could not be mirrored")]
    NotMirrored {
        /// How many.
        failed: usize,
        /// Of how many.
        all: usize,
    },
    /// A full disk behind `>`, for instance.
    #[error("it is done, but the results cannot be written to standard output")]
    Unwritten(#[source] io::Error),
    /// Some of it could not be done; what, was said.
    #[error("{0} problems were found")]
    Problems(usize),
}

/// Why a request was sent again.
#[derive(Debug, thiserror::Error)]
#[error("requests to the store had to be sent again, the last one since {0}")]
pub struct Waiting(pub String);

impl From<SendError> for CommandError {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Content(error) => Self::Content(error),
            SendError::Store(error) => Self::Store(error),
        }
    }
}

impl From<SourceError> for CommandError {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::Send(error) => error.into(),
            error => Self::Source(error),
        }
    }
}

impl From<PublishError> for CommandError {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Refused(refusal) => Self::Refused(refusal),
            PublishError::Send(error) => error.into(),
        }
    }
}

impl From<CopyError> for CommandError {
    fn from(error: CopyError) -> Self {
        match error {
            CopyError::Publish(error) => error.into(),
            CopyError::Image(error) => Self::Image(Box::new(error)),
        }
    }
}

impl From<ProofError> for CommandError {
    fn from(error: ProofError) -> Self {
        match error {
            ProofError::Store(error) => Self::Store(error),
            error => Self::NotPublic(error),
        }
    }
}

impl From<JoinError> for CommandError {
    fn from(error: JoinError) -> Self {
        match error {
            JoinError::Store(error) => Self::Store(error),
            error => Self::Join(Box::new(error)),
        }
    }
}

impl From<ThroughError> for CommandError {
    fn from(error: ThroughError) -> Self {
        match error {
            ThroughError::Client(error) => Self::NoClient(error),
            ThroughError::Store(error) => Self::Store(error),
        }
    }
}

impl From<RemoveError> for CommandError {
    fn from(error: RemoveError) -> Self {
        match error {
            RemoveError::Absent(what) => Self::Absent(what),
            RemoveError::Needed { digest, index } => Self::Needed { digest, index },
            RemoveError::Store(error) => Self::Store(error),
        }
    }
}

impl CommandError {
    /// 2 where the call itself is wrong, 1 where it failed.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Reference { .. }
            | Self::Settings(_)
            | Self::Announce(_)
            | Self::NoStore
            | Self::Which(_)
            | Self::NoTag(_)
            | Self::ShortGrace { .. }
            | Self::Rules(_)
            | Self::Wanted { .. }
            | Self::OneTarget
            | Self::File { .. } => 2,
            Self::Source(error) => 1 + u8::from(error.is_usage()),
            Self::Digest { .. }
            | Self::Absent(_)
            | Self::History { .. }
            | Self::Join(_)
            | Self::Needed { .. }
            | Self::NotPublic(_)
            | Self::NoClient(_)
            | Self::Noted(_)
            | Self::NotTold(_)
            | Self::Refused(_)
            | Self::Protected { .. }
            | Self::Image(_)
            | Self::Content(_)
            | Self::Store(_)
            | Self::Pages { .. }
            | Self::Interrupted
            | Self::TooLate { .. }
            | Self::NotMirrored { .. }
            | Self::Unwritten(_)
            | Self::Problems(_) => 1,
        }
    }
}

/// An error with all its causes, in one line.
pub fn causes(error: &dyn Error) -> String {
    let each = iter::successors(Some(error), |&error| error.source()).map(ToString::to_string);
    each.collect::<Vec<_>>().join(": ")
}

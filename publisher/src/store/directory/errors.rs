//! What goes wrong in a directory, by meaning.

use std::io::{self, ErrorKind};
use std::path::PathBuf;

use super::super::{DOCUMENT_MAX, Kind, StoreError};

/// Why work in a directory failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("another file is there")]
    Conflict,
    #[error("`{}` is a file where a folder must be", .0.display())]
    NotAFolder(PathBuf),
    #[error("`{}` is not a file", .0.display())]
    NotAFile(PathBuf),
    #[error("`{}` has {size} bytes; a document has at most {DOCUMENT_MAX}", path.display())]
    Large { path: PathBuf, size: u64 },
    #[error("there is no directory")]
    NoRoot,
    #[error("there is no such file")]
    Missing,
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Failure {
    /// As the store's error.
    pub(super) fn of(self, store: String, action: String) -> StoreError {
        let kind = self.kind();
        let source = match self {
            // The kind says all.
            Self::Conflict | Self::NoRoot | Self::Missing => None,
            said @ (Self::NotAFolder(_) | Self::NotAFile(_) | Self::Large { .. }) => Some(said.into()),
            Self::Io(error) => Some(error.into()),
        };
        StoreError { kind, store, action, source }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Conflict => Kind::Conflict,
            Self::NoRoot => Kind::NoStore,
            Self::Missing => Kind::Missing,
            Self::NotAFolder(_) | Self::NotAFile(_) | Self::Large { .. } => Kind::Other,
            Self::Io(error) => match error.kind() {
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Kind::Full,
                ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Kind::Denied,
                _ => Kind::Other,
            },
        }
    }
}

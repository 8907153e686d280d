//! What came of each tag.

use std::sync::Arc;

use contract::digest::Digest;

use crate::failure::CommandError;
use crate::store::Kind;

/// What came of a tag, or of a manifest that refers to one.
#[derive(Debug)]
pub struct Outcome {
    /// Where it is: `docker://ghcr.io/acme/app:1.2`.
    pub source: String,
    /// What it is called in the store: `acme/app:1.2`.
    pub reference: String,
    /// Which image, where that is known.
    pub digest: Option<Digest>,
    /// What was done.
    pub state: State,
}

/// What was done with a tag.
#[derive(Debug, Clone)]
pub enum State {
    /// It was there.
    Unchanged,
    /// It is there from now on.
    Copied {
        /// How many blobs were sent for it, and for those that have the same image.
        blobs: usize,
        /// How many bytes these have.
        bytes: u64,
    },
    /// It would be copied.
    Planned,
    /// It is as it was.
    Failed(Arc<CommandError>),
}

impl Outcome {
    /// Whether it is as it should not be.
    pub fn is_failure(&self) -> bool {
        matches!(self.state, State::Failed(_))
    }
}

/// What is said of a failure. The rest goes on, unless it would fail alike: then it is one of the whole run.
pub(super) fn failure(error: CommandError) -> Result<State, CommandError> {
    let ends_all = |kind| {
        matches!(kind, Kind::Denied | Kind::Credentials | Kind::NoStore | Kind::Full | Kind::Unavailable)
    };
    match error {
        CommandError::Store(error) if ends_all(error.kind) => Err(CommandError::Store(error)),
        error => Ok(State::Failed(Arc::new(error))),
    }
}

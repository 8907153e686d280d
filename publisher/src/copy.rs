//! Copying repositories from one store to another: only what the other one lacks, verified on its way, in the order of
//! publishing. It can be stopped at any moment and run again; who publishes to either store meanwhile is not hindered.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use contract::digest::Digest;
use contract::key::Key;
use contract::listing::{Listing, Search};
use contract::name::Repository;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::announce::Changes;
use crate::apply::PublishError;
use crate::content::{ContentError, Open};
use crate::derive::Derive;
use crate::grace::Grace;
use crate::image::ImageError;
use crate::immutable::{Immutable, Refusal};
use crate::look;
use crate::plan::{Plan, Step};
use crate::progress::Progress;
use crate::store::{SendError, StoreError};
use crate::v1_chain::V1;

mod order;
mod repository;

/// From where to where.
#[derive(Clone, Copy)]
pub struct Copying<'a> {
    /// The store that is read.
    pub source: Derive<'a>,
    /// Its contents.
    pub from: &'a dyn Open,
    /// The store that is written.
    pub target: Derive<'a>,
    /// What is written for Registry v1 there.
    pub v1: V1,
    /// Which tags stay as they are there.
    pub immutable: &'a Immutable,
    /// How long what nothing names is kept there.
    pub grace: Grace,
    /// How many repositories are copied at the same time, and how many blobs of an image.
    pub jobs: usize,
    /// Whether nothing is written.
    pub dry_run: bool,
    /// Told of blobs.
    pub progress: &'a dyn Progress,
}

/// What was done with a repository.
#[derive(Debug, Clone)]
pub struct Copied {
    /// Which.
    pub repository: Repository,
    /// Images that are there, with and without tags.
    pub images: usize,
    /// Tags that point to the same on both sides, those that were moved among them.
    pub tags: usize,
    /// Tags that were moved.
    pub moved: usize,
    /// Configs and layers that were sent.
    pub blobs: usize,
    /// How many bytes they have.
    pub bytes: u64,
    /// Tags that stayed where they were.
    pub stay: Vec<Refusal>,
    /// What could not be copied, and why.
    pub problems: Vec<String>,
    /// What caches and others are to be told.
    pub changes: Changes,
}

impl Copied {
    fn none_of(name: &Repository) -> Self {
        let ((images, tags, moved, blobs, bytes), (stay, problems, changes)) = Default::default();
        Self { repository: name.clone(), images, tags, moved, blobs, bytes, stay, problems, changes }
    }

    /// Whether there was nothing to copy.
    pub fn is_nothing(&self) -> bool {
        self.tags == 0 && self.images == 0 && self.stay.is_empty() && self.problems.is_empty()
    }
}

/// Why copying ended.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// One of the two stores, or what was read of the one for the other.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// What was read.
    #[error(transparent)]
    Image(#[from] ImageError),
}

impl From<StoreError> for CopyError {
    fn from(error: StoreError) -> Self {
        Self::Publish(error.into())
    }
}

/// Where content could not be read since the store that it is in failed, that store's own words.
fn blamed(error: CopyError) -> CopyError {
    match error {
        CopyError::Image(
            ImageError::Look { digest, source } | ImageError::Content(ContentError::Read { digest, source }),
        )
        | CopyError::Publish(PublishError::Send(SendError::Content(ContentError::Read { digest, source }))) => {
            match source.downcast::<StoreError>() {
                Ok(error) => error.into(),
                Err(source) => ImageError::Look { digest, source }.into(),
            }
        }
        other => other,
    }
}

/// What the whole run knows.
struct Run<'a> {
    copying: Copying<'a>,
    /// What the source's repositories say of themselves.
    said: Search,
    /// Counted already: repositories share blobs.
    sent: Mutex<BTreeSet<Digest>>,
}

impl Copying<'_> {
    /// Copies every repository, or this one alone.
    pub async fn run(&self, only: Option<&Repository>) -> Result<Vec<Copied>, CopyError> {
        let source = self.source.store;
        let names: Vec<Repository> = match only {
            Some(name) => vec![name.clone()],
            None => look::repositories(source, self.jobs).await?.into_keys().collect(),
        };
        let said = source.read(&Key::Search).await?;
        // What cannot be read says nothing; the images speak for themselves.
        let said = said.and_then(|found| Search::from_bytes(&found.bytes).ok()).unwrap_or_default();
        let run = Run { copying: *self, said, sent: Mutex::default() };
        let each = names.iter().map(|name| run.repository(name));
        let mut done: Vec<Copied> =
            stream::iter(each).buffer_unordered(self.jobs).try_collect().await.map_err(blamed)?;
        done.sort_by(|one, other| one.repository.cmp(&other.repository));
        Ok(done)
    }
}

impl Run<'_> {
    /// Counts what a plan does.
    fn count(&self, plan: &Plan, copied: &mut Copied) {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        for step in plan.steps() {
            match step {
                Step::Send(_, blob) if sent.insert(blob.digest) => {
                    copied.blobs += 1;
                    copied.bytes += blob.size;
                }
                Step::Move(..) | Step::Claim(..) => copied.moved += 1,
                Step::Send(..)
                | Step::Refresh(_)
                | Step::Write(..)
                | Step::Create(..)
                | Step::Copy(..)
                | Step::Gzip(..)
                | Step::Delete(_)
                | Step::Settle(..)
                | Step::List(_) => {}
            }
        }
    }
}

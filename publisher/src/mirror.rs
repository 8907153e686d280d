//! Mirroring: repositories of registries kept in a store, tag by tag, with what refers to their images.
//!
//! A tag that points where its source does costs one HEAD there. What has changed is published one image after the
//! other, the blobs of each at the same time: so blobs that they share are fetched once.

use std::sync::Mutex;

use crate::announce::Changes;
use crate::derive::Derive;
use crate::failure::CommandError;
use crate::grace::Grace;
use crate::immutable::Immutable;
use crate::progress::Progress;
use crate::rate::Rate;
use crate::source::registry::Registries;
use crate::v1_chain::V1;
use work::Work;

mod companions;
mod copy;
mod outcome;
mod wanted;
mod work;

pub use outcome::{Outcome, State};
pub use wanted::{Wanted, WantedError};

/// For which images a registry is asked what refers to them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Referrers {
    /// Those that were copied
    #[default]
    Changed,
    /// All, by one request more for each tag
    Always,
    /// None
    Never,
}

/// Who is told.
pub trait Told: Progress {
    /// This is what came of a tag.
    fn outcome(&self, outcome: &Outcome);
}

/// With what is mirrored.
pub struct Mirror<'a> {
    /// From where.
    pub registries: &'a Registries<'a>,
    /// To where.
    pub derive: Derive<'a>,
    /// How many blobs are sent at the same time.
    pub jobs: usize,
    /// How fast, at most.
    pub limit_rate: Option<Rate>,
    /// How long what nothing names is kept.
    pub grace: Grace,
    /// What is written for Registry v1.
    pub v1: V1,
    /// Which tags must not be moved.
    pub immutable: &'a Immutable,
    /// Which referrers come along.
    pub referrers: Referrers,
    /// Whether nothing is written.
    pub dry_run: bool,
    /// Who is told.
    pub told: &'a dyn Told,
    /// What caches and others are to be told.
    pub changes: &'a Mutex<Changes>,
}

impl Mirror<'_> {
    /// Mirrors one repository. That a tag fails is one of the outcomes.
    ///
    /// # Errors
    /// Where the store takes nothing at all.
    pub async fn run(&self, wanted: &Wanted) -> Result<Vec<Outcome>, CommandError> {
        Work::begin(self, wanted).await?.run().await
    }
}

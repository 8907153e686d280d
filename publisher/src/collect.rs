//! Collecting: what nothing names any longer, and is older than the grace, is removed, while others publish.
//!
//! Roots are tag links, what tag views show, manifests kept by digest, and whatever is within the grace and says that
//! something is there: revision links, v1 ancestries. From them on, all that manifests and ancestries name stays, and
//! what refers to a manifest that stays. Of the rest, what says that something is there goes before what it names.
//!
//! Publishers are not waited for. They refresh what they go on using, and the collector looks at each object within a
//! window before it removes it ([`crate::grace`], `activity.rs`, `secure.rs`).

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::fmt;
use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use contract::digest::Digest;
use contract::key::Key;
use contract::name::Repository;
use contract::v1;
use tokio::time::timeout;

use crate::activity::Run;
use crate::derive::Derive;
use crate::grace::Grace;
use crate::store::StoreError;

mod graph;
mod live;
mod memory;
mod roots;
mod stock;
mod sweep;
mod tally;

pub use tally::{Count, Summary, What};

use graph::Graph;
use live::{Live, mark};
use stock::Stock;
use sweep::Sweep;

/// How long a collector that is stopped tries to say so.
const ENDING: Duration = Duration::from_secs(10);

/// How to go about it.
#[derive(Debug, Clone, Copy)]
pub struct Collect<'a> {
    /// Where, and how to derive there.
    pub derive: Derive<'a>,
    /// How long what nothing names is kept: the store's own, or longer.
    pub grace: Grace,
    /// How many requests at the same time, in fours.
    pub jobs: usize,
    /// Whether nothing is removed.
    pub dry_run: bool,
    /// Where it notes what it remembers.
    pub notes: &'a dyn Notes,
}

/// Told what a collector remembers, for who wants to see that nothing else decides what it does.
pub trait Notes: fmt::Debug + Sync {
    /// From here on, what it does depends on this and on what the store answers.
    fn remembers(&self, what: &dyn fmt::Debug);
}

/// Notes nothing.
#[derive(Debug, Clone, Copy)]
pub struct Unnoted;

impl Notes for Unnoted {
    fn remembers(&self, _: &dyn fmt::Debug) {}
}

/// From where on things stay.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Roots {
    manifests: BTreeMap<Repository, BTreeSet<Digest>>,
    v1: BTreeSet<v1::Id>,
    /// Of which all stays, since something there cannot be understood.
    frozen: BTreeSet<Repository>,
    /// The same of v1 images.
    v1_frozen: bool,
}

impl Collect<'_> {
    /// Collects.
    pub async fn run(&self) -> Result<Summary, StoreError> {
        match self.run_unless(pending::<Infallible>()).await? {
            Ok(summary) => Ok(summary),
            Err(never) => match never {},
        }
    }

    /// Collects until something comes, which is returned then. While nobody says that a collector has ended, publishers
    /// wait before each promise, so that one that is stopped says so, too: what it was removing at that moment is removed
    /// within the window that they count from there.
    pub async fn run_unless<E>(
        &self,
        stopped: impl Future<Output = E>,
    ) -> Result<Result<Summary, E>, StoreError> {
        let mut stopped = pin!(stopped);
        let store = self.derive.store;
        if self.dry_run {
            let (stock, _, _, live, mut summary) = tokio::select! {
                biased;
                looked = self.look() => looked?,
                why = stopped => return Ok(Err(why)),
            };
            for (key, size) in live.condemned(&stock) {
                summary.count(&key, size);
            }
            return Ok(Ok(summary));
        }
        let run = Run::begin(store, self.grace).await?;
        self.notes.remembers(&run.said());
        let swept = tokio::select! {
            biased;
            swept = self.sweep(&run) => swept,
            why = &mut stopped => {
                // Who stops it does not wait for a store that is out of reach.
                let _ = timeout(ENDING, run.end()).await;
                return Ok(Err(why));
            }
        };
        self.notes.remembers(&(run.said(), &swept));
        // After a failure, too: while nobody says that it has ended, publishers are careful.
        let ended = run.end().await;
        let mut summary = swept?;
        ended?;
        if summary.removed.contains_key(&What::Blobs) {
            memory::forget(store, self.jobs).await?;
        }
        let tidied = tokio::select! {
            biased;
            tidied = store.tidy(self.grace.said(), usize::MAX) => tidied,
            why = stopped => return Ok(Err(why)),
        };
        match tidied {
            Ok(ended) => summary.uploads = ended,
            // Who may not look for them has collected all the same.
            Err(error) => summary.problems.push(format!("unfinished uploads are left: {error}")),
        }
        Ok(Ok(summary))
    }

    async fn sweep(&self, run: &Run<'_>) -> Result<Summary, StoreError> {
        let (stock, graph, roots, live, summary) = self.look().await?;
        let mut sweep = Sweep { collect: self, run, stock: &stock, graph, roots, live, summary };
        sweep.run().await?;
        Ok(sweep.summary)
    }

    /// What is there, and what of it stays.
    async fn look(&self) -> Result<(Stock, Graph, Roots, Live, Summary), StoreError> {
        let stock = Stock::read(self.derive.store, self.grace).await?;
        let mut summary = Summary { dry_run: self.dry_run, ..Summary::default() };
        let (graph, roots) = roots::read(self, &stock, &mut summary.problems).await?;
        let live = mark(&stock, &graph, &roots);
        summary.kept = stock.counted(&live);
        Ok((stock, graph, roots, live, summary))
    }
}

/// Whether others take it for a word that what it names is there: it goes first.
fn promises(key: &Key) -> bool {
    matches!(key, Key::RevisionLink(..) | Key::V1Ancestry(_))
}

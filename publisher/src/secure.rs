//! Before something is promised: that all it names is still there, whoever collects meanwhile.

use std::collections::BTreeSet;
use std::time::SystemTime;

use contract::key::Key;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::activity;
use crate::apply::SMALL_PER_JOB;
use crate::grace::{Grace, age};
use crate::plan::{Phase, Plan, Step};
use crate::store::{Store, StoreError};

/// What a publication has seen or written so far, and would promise.
pub(crate) struct Trust<'a> {
    store: &'a dyn Store,
    jobs: usize,
    grace: Grace,
    /// Before its first look.
    since: Option<SystemTime>,
    needed: BTreeSet<Key>,
    /// Whether something was added since the last look.
    more: bool,
}

impl<'a> Trust<'a> {
    pub(crate) fn new(store: &'a dyn Store, jobs: usize, plan: &Plan) -> Self {
        let needed = plan.relied.clone();
        Self { store, jobs, grace: plan.grace, since: plan.since, needed, more: true }
    }

    /// Whether a phase can begin. Where it promises nothing, it can; else where nobody collects, or, after a collector
    /// has had the time to remove what it had looked at before, where all that is needed is there.
    pub(crate) async fn allows(&mut self, phase: &Phase) -> Result<bool, StoreError> {
        let Some(since) = self.since.filter(|_| self.more && phase.steps.iter().any(promises)) else {
            return Ok(true);
        };
        // Who is late already need not wait.
        if !self.in_time(since).await? {
            return Ok(false);
        }
        if activity::concerns(self.store, since, self.grace).await? {
            tracing::info!("somebody is collecting: waiting, then looking again");
            tokio::time::sleep(Grace::WINDOW).await;
            if !self.all_there().await? {
                return Ok(false);
            }
        }
        self.more = false;
        self.in_time(since).await
    }

    async fn in_time(&self, since: SystemTime) -> Result<bool, StoreError> {
        Ok(age(since, self.store.now().await?) <= self.grace.trust())
    }

    async fn all_there(&self) -> Result<bool, StoreError> {
        let looking = self.needed.iter().cloned().map(|key| async move { self.store.look(&key).await });
        let found = stream::iter(looking).buffer_unordered(self.jobs * SMALL_PER_JOB);
        found.try_all(|found| async move { found.is_some() }).await
    }

    /// A phase is carried out.
    pub(crate) fn has(&mut self, phase: &Phase) {
        let before = self.needed.len();
        self.needed.extend(phase.steps.iter().filter_map(needed).cloned());
        self.more |= self.needed.len() > before;
    }
}

/// Whether others take it for a word that what it names is there.
fn promises(step: &Step) -> bool {
    match step {
        Step::Write(key, _) => matches!(key, Key::RevisionLink(..) | Key::V1Ancestry(_) | Key::Keep(..)),
        Step::Move(..) | Step::Claim(..) => true,
        Step::Refresh(_)
        | Step::Send(..)
        | Step::Create(..)
        | Step::Copy(..)
        | Step::Gzip(..)
        | Step::Delete(_)
        | Step::Settle(..)
        | Step::List(_) => false,
    }
}

/// What a step leaves that later ones name.
fn needed(step: &Step) -> Option<&Key> {
    match step {
        Step::Send(key, _) | Step::Copy(_, key, _) | Step::Gzip(_, _, key) | Step::Create(key, _) => {
            Some(key)
        }
        Step::Write(key, _) => {
            Some(key).filter(|key| !matches!(key, Key::TagHistoryLink(..) | Key::Keep(..)))
        }
        Step::Refresh(_)
        | Step::Move(..)
        | Step::Claim(..)
        | Step::Delete(_)
        | Step::Settle(..)
        | Step::List(_) => None,
    }
}

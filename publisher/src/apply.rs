//! Carries a plan out: phases in order, the steps of a phase at the same time.

use contract::key::Key;

use crate::at_once::at_once;
use crate::claim::Claim;
use crate::content::{Content, Open};
use crate::derive::Derive;
use crate::immutable::Refusal;
use crate::listings;
use crate::plan::{Phase, Plan, Step};
use crate::progress::Progress;
use crate::secure::Trust;
use crate::store::{Document, Found, Kind, SendError, Store, StoreError, When};
use crate::v1_layer::V1Layers;

/// How many small steps run for each one that moves content: they wait for answers, not for bytes.
pub(crate) const SMALL_PER_JOB: usize = 4;

/// Why a plan was not made, or not carried out.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// A tag must not be moved.
    #[error(transparent)]
    Refused(Box<Refusal>),
    /// The source's side or the store's.
    #[error(transparent)]
    Send(#[from] SendError),
}

impl From<Refusal> for PublishError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

impl From<StoreError> for PublishError {
    fn from(error: StoreError) -> Self {
        Self::Send(error.into())
    }
}

/// What came of a plan.
#[derive(Debug)]
pub(crate) enum Applied {
    /// All of it is there.
    Whole,
    /// What it relied on is gone, or may be: nothing was promised, and another plan is needed.
    InVain(Option<StoreError>),
}

/// Whether something that was seen when the plan was made is gone.
fn lacks(phase: &Phase, error: &StoreError) -> bool {
    error.kind == Kind::Missing && phase.steps.iter().any(rests_on_others)
}

/// Whether it needs something that is there already.
fn rests_on_others(step: &Step) -> bool {
    matches!(step, Step::Refresh(_) | Step::Create(..) | Step::Copy(..) | Step::Gzip(..))
}

/// Makes something young that others may be changing. A store may refresh by a copy onto itself, which would undo what
/// somebody writes meanwhile; a condition does not.
async fn renew(store: &dyn Store, key: &Key) -> Result<(), StoreError> {
    let found = if store.compares().await? { store.read(key).await? } else { None };
    let Some(Found { bytes, version, .. }) = found else { return store.refresh(key).await };
    match store.write(key, &Document::new(bytes), When::Unchanged(version)).await {
        // Whoever changed it has made it young; whoever removed it has left nothing to refresh.
        Err(StoreError { kind: Kind::Conflict, .. }) => store.size(key).await?.map(|_| ()).ok_or_else(|| {
            let (store, action) = (store.name(), format!("refreshing {key}"));
            StoreError { kind: Kind::Missing, store, action, source: None }
        }),
        written => written,
    }
}

/// With what a plan is carried out.
#[derive(Clone, Copy)]
pub struct Apply<'a> {
    /// Where content comes from.
    pub from: &'a dyn Open,
    /// Where it goes, and how to derive there.
    pub derive: Derive<'a>,
    /// How many blobs are sent at the same time.
    pub jobs: usize,
    /// Who is told.
    pub progress: &'a dyn Progress,
}

impl Apply<'_> {
    /// Carries a plan out. The first failure ends it; what was written by then is whole by the order of the plan, and
    /// the same plan made and carried out again completes it.
    pub(crate) async fn run(&self, plan: &Plan) -> Result<Applied, PublishError> {
        let mut trust = Trust::new(self.derive.store, self.jobs, plan);
        let v1_layers = V1Layers::new(self.from, self.derive.store);
        for phase in &plan.phases {
            if !trust.allows(phase).await? {
                return Ok(Applied::InVain(None));
            }
            self.progress.phase(phase);
            let moves_content = phase
                .steps
                .iter()
                .any(|step| matches!(step, Step::Send(..) | Step::Copy(..) | Step::Gzip(..)));
            let jobs = if moves_content { self.jobs } else { self.jobs * SMALL_PER_JOB };
            match at_once(jobs, phase.steps.iter().map(|step| self.step(step, &v1_layers))).await {
                Err(PublishError::Send(SendError::Store(error))) if lacks(phase, &error) => {
                    return Ok(Applied::InVain(Some(error)));
                }
                done => _ = done?,
            }
            trust.has(phase);
        }
        Ok(Applied::Whole)
    }

    async fn step(&self, step: &Step, v1_layers: &V1Layers<'_>) -> Result<(), PublishError> {
        tracing::debug!(%step);
        let store = self.derive.store;
        match step {
            Step::Refresh(key) => store.refresh(key).await?,
            Step::Send(key, descriptor) => {
                let passed = |bytes| self.progress.passed(descriptor, bytes);
                store.send(key, &Content { descriptor, from: self.from, passed: &passed }).await?;
            }
            Step::Write(key, document) => store.write(key, document, When::Always).await?,
            Step::Create(key, document) => match store.write(key, document, When::Absent).await {
                // Somebody else's, or our own after an answer was lost: it is there, and may be old.
                Err(StoreError { kind: Kind::Conflict, .. }) => renew(store, key).await?,
                written => written?,
            },
            Step::Move(repository, tag, digest) => {
                // Under no condition: of publishers that may all move it, the last one wins.
                let link = Key::TagLink(repository.clone(), tag.clone());
                store.write(&link, &Document::link(digest), When::Always).await?;
            }
            Step::Claim(repository, tag, digest, why) => {
                Claim { repository, tag, digest, why }.run(self.derive).await?;
            }
            Step::Copy(from, to, _) => store.copy(from, to).await?,
            Step::Gzip(blob, diff_id, to) => v1_layers.send(blob, diff_id, to).await?,
            Step::Delete(key) => store.delete(key).await?,
            Step::Settle(repository, tag) => {
                self.derive.settle(repository, tag).await?;
            }
            Step::List(change) => listings::change(store, change).await?,
        }
        self.progress.done(step);
        Ok(())
    }
}

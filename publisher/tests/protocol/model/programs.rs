//! Who works on the store: the real programs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use publisher::apply::{Apply, PublishError};
use publisher::immutable::Immutable;
use publisher::plan::{Phase, Plan, Step, Wish};
use publisher::progress::Progress;
use publisher::publish::{prepare, publish};
use publisher::relist::Relist;
use publisher::remove::{self, RemoveError};
use publisher::v1_chain;

use crate::explore::{Program, Turns};
use crate::sample::Sample;
use crate::{PLATFORM, derive, targets};

/// Publishes a sample under one name.
pub(super) fn publishes(sample: Sample, reference: &'static str) -> Program {
    publishes_by(sample, reference, |_| {})
}

/// Publishes a sample by a plan that somebody has changed.
pub(super) fn publishes_by(sample: Sample, reference: &'static str, change: fn(&mut Plan)) -> Program {
    let image = sample.load().now_or_never().expect("memory is never waited for");
    let image = Arc::new(image);
    Box::new(move |store: Arc<Turns>| {
        let (sample, image) = (sample.clone(), image.clone());
        let published = async move {
            let chain = v1_chain::of(&image, PLATFORM).unwrap_or_default();
            let targets = targets(&[reference]);
            let immutable = Immutable::default();
            let wish = Wish { image: &image, targets: &targets, v1: &chain, immutable: &immutable };
            let mut plan = prepare(derive(&*store), &wish, 1).await?;
            change(&mut plan);
            store.note(format!("{plan:?}"));
            let notes = Notes::new(&store, &plan);
            let apply = Apply { from: &sample, derive: derive(&*store), jobs: 1, progress: &notes };
            publish(apply, &wish, &plan).await
        };
        published.map(|done| done.map_err(|error: PublishError| format!("{error:?}"))).boxed_local()
    })
}

/// Notes at the end of each phase how far a publisher is.
struct Notes<'a> {
    store: &'a Turns,
    plan: &'a Plan,
    phases: AtomicUsize,
    steps_left: AtomicUsize,
}

impl<'a> Notes<'a> {
    fn new(store: &'a Turns, plan: &'a Plan) -> Self {
        Self { store, plan, phases: AtomicUsize::new(0), steps_left: AtomicUsize::new(0) }
    }
}

impl Progress for Notes<'_> {
    fn phase(&self, phase: &Phase) {
        self.steps_left.store(phase.steps.len(), Ordering::SeqCst);
        self.phases.fetch_add(1, Ordering::SeqCst);
    }

    fn done(&self, _: &Step) {
        if self.steps_left.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.store.note(format!("{:?} {:?}", self.phases, self.plan));
        }
    }
}

/// Removes a tag, if it is there.
pub(super) fn removes(name: &'static str, tag: &'static str) -> Program {
    Box::new(move |store: Arc<Turns>| {
        let removed =
            async move { remove::tag(derive(&*store), &name.parse().unwrap(), &tag.parse().unwrap()).await };
        let ended = |done| match done {
            Ok(()) | Err(RemoveError::Absent(_)) => Ok(()),
            Err(error) => Err(format!("{error:?}")),
        };
        removed.map(ended).boxed_local()
    })
}

/// Relists the whole store.
pub(super) fn relists() -> Program {
    Box::new(|store: Arc<Turns>| {
        let relisted = async move {
            let relist =
                Relist { derive: derive(&*store), jobs: 1, v1: false, stale_after: Duration::from_mins(1) };
            relist.run().await
        };
        let ended = |done: Result<publisher::relist::Summary, _>| match done {
            Ok(summary) if summary.problems.is_empty() => Ok(()),
            Ok(summary) => Err(format!("{:?}", summary.problems)),
            Err(error) => Err(format!("{error:?}")),
        };
        relisted.map(ended).boxed_local()
    })
}

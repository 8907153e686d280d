//! Who works on the store: the real programs.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use publisher::apply::{Apply, PublishError};
use publisher::collect::Collect;
use publisher::immutable::Immutable;
use publisher::plan::{Phase, Plan, Step, Wish};
use publisher::progress::Progress;
use publisher::publish::{prepare, publish};
use publisher::relist::Relist;
use publisher::remove::{self, RemoveError};
use publisher::store::{Kind, Store, StoreError};
use publisher::v1_chain::{self, V1};

use super::collecting::grace;
use super::wrong::{Careless, Omission};
use crate::explore::{Program, Turns};
use crate::sample::Sample;
use crate::{PLATFORM, derive};

/// Publishes a sample under one name.
pub(super) fn publishes(sample: Sample, reference: &'static str) -> Program {
    publishes_by(sample, reference, |_| {})
}

/// Publishes a sample by a plan that somebody has changed.
pub(super) fn publishes_by(sample: Sample, reference: &'static str, change: fn(&mut Plan)) -> Program {
    publishing(sample, vec![reference], change, |turns| turns)
}

/// Publishes a sample under several names.
pub(super) fn publishes_as(sample: Sample, references: &[&'static str]) -> Program {
    publishing(sample, references.to_vec(), |_| {}, |turns| turns)
}

/// The same without waiting for removals that are under way.
pub(super) fn publishes_in_haste(sample: Sample, reference: &'static str) -> Program {
    let hurry = |turns: Arc<Turns>| {
        turns.hurry();
        turns as Arc<dyn Store>
    };
    publishing(sample, vec![reference], |_| {}, hurry)
}

/// The same without asking whether somebody collects.
pub(super) fn publishes_without_asking(sample: Sample, reference: &'static str) -> Program {
    publishing(sample, vec![reference], |_| {}, |turns| Arc::new(Careless(turns, Omission::Asking)))
}

fn publishing(
    sample: Sample,
    references: Vec<&'static str>,
    change: fn(&mut Plan),
    seen: fn(Arc<Turns>) -> Arc<dyn Store>,
) -> Program {
    let image = sample.load().now_or_never().expect("memory is never waited for");
    let image = Arc::new(image);
    Box::new(move |turns: Arc<Turns>| {
        let (sample, image, references) = (sample.clone(), image.clone(), references.clone());
        let published = async move {
            let chain = v1_chain::of(&image, PLATFORM, V1::Gzip).unwrap_or_default();
            let references: Vec<_> = references.iter().map(|it| it.parse().unwrap()).collect();
            let targets = publisher::plan::targets(&references);
            let immutable = Immutable::default();
            let wish =
                Wish { image: &image, targets: &targets, v1: &chain, immutable: &immutable, grace: grace() };
            let store = seen(turns.clone());
            let mut plan = prepare(derive(&*store), &wish, 1).await?;
            change(&mut plan);
            turns.note(format!("{plan:?}"));
            let notes = Notes::new(&turns);
            let apply = Apply { from: &sample, derive: derive(&*store), jobs: 1, progress: &notes };
            publish(apply, &wish, &plan).await
        };
        published.map(|done| done.map_err(|error: PublishError| format!("{error:?}"))).boxed_local()
    })
}

/// Collects once.
pub(super) fn collects() -> Program {
    collecting(|turns| turns)
}

/// The same without looking again at what is to be removed.
pub(super) fn collects_blindly() -> Program {
    collecting(|turns| Arc::new(Careless(turns, Omission::Looking)))
}

fn collecting(seen: fn(Arc<Turns>) -> Arc<dyn Store>) -> Program {
    Box::new(move |turns: Arc<Turns>| {
        let collected = async move {
            // It gives itself a random name before anybody else can draw a number.
            fastrand::seed(turns.number());
            let store = seen(turns.clone());
            let notes = Memory(turns);
            let derive = derive(&*store);
            Collect { derive, grace: grace(), jobs: 1, dry_run: false, notes: &notes }.run().await
        };
        let ended = |done: Result<publisher::collect::Summary, StoreError>| match done {
            // Another one has begun.
            Err(error) if error.kind == Kind::Conflict => Ok(()),
            Err(error) => Err(format!("{error:?}")),
            Ok(_) => Ok(()),
        };
        collected.map(ended).boxed_local()
    })
}

/// Notes what a collector remembers.
#[derive(Debug)]
struct Memory(Arc<Turns>);

impl publisher::collect::Notes for Memory {
    fn remembers(&self, what: &dyn fmt::Debug) {
        self.0.note(format!("{what:?}"));
    }
}

/// Notes at the end of each phase how far a publisher is.
struct Notes<'a> {
    store: &'a Turns,
    plan: Mutex<(usize, String)>,
    phases: AtomicUsize,
    steps_left: AtomicUsize,
}

impl<'a> Notes<'a> {
    fn new(store: &'a Turns) -> Self {
        Self { store, plan: Mutex::default(), phases: AtomicUsize::new(0), steps_left: AtomicUsize::new(0) }
    }
}

impl Progress for Notes<'_> {
    fn begin(&self, plan: &Plan) {
        let mut begun = self.plan.lock().unwrap();
        *begun = (begun.0 + 1, format!("{plan:?}"));
        self.phases.store(0, Ordering::SeqCst);
    }

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
                Relist { derive: derive(&*store), jobs: 1, v1: V1::Off, stale_after: Duration::from_mins(1) };
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

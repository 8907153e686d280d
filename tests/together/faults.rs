//! A network and a store that fail: for every request of a publication, each kind of harm. Whatever is visible after it
//! resolves, the run recovers or running again completes, and nothing half uploaded is left.

use std::fmt;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::place::Place;
use crate::rig::faulty::{Blow, EVERY, Fault, Span};
use crate::rig::random::Random;
use case::Case;
use trial::{Ended, Outcome, Trial};

mod abandoned;
mod case;
mod proxy;
mod trial;

/// Trials at the same time: they wait more than they work.
const WORKERS: usize = 8;

/// Trials of each kind, where not all of them are made.
const SAMPLE: usize = 2;

#[test]
fn between_publisher_and_bucket() {
    campaign(&Place::bucket("faults"), 0x53_fa_17);
}

#[test]
fn between_publisher_and_container() {
    campaign(&Place::container("faults"), 0x5f_fa_17);
}

fn campaign(place: &Place, seed: u64) {
    let folder = tempfile::tempdir().unwrap();
    let cases = Case::all(folder.path(), place.large());
    let trials: Vec<_> = blows(&cases, place, &mut Random::seeded(seed))
        .into_iter()
        .zip(1..)
        .map(|((case, blow), number)| Trial { case, place, blow, prefix: format!("trial-{number}") })
        .collect();
    let tally = all(&trials);
    // Past the harness, which shows what a test prints only when it fails.
    let _ = writeln!(std::io::stderr(), "\n{place}, seed {seed:#x}: {tally}");
    assert!(tally.failed.is_empty(), "{tally}:\n{}", tally.failed.join("\n"));
    assert!(tally.recovered > 0 && tally.completed > 0, "{tally}");
}

/// Some of every kind in every run; each, to each request of each case, with `tests/run --long`.
fn blows<'a>(cases: &'a [Case], place: &Place, random: &mut Random) -> Vec<(&'a Case, Blow)> {
    let counted: Vec<_> = cases.iter().map(|case| (case, trial::requests(case, place))).collect();
    let mut chosen = Vec::new();
    for (fault, span) in kinds() {
        let all = counted.iter().flat_map(|(case, requests)| {
            let fitting = requests.iter().zip(1..).filter(move |(line, _)| fault.fits(line));
            fitting.map(move |(_, at)| (*case, Blow { fault, at, span }))
        });
        let all: Vec<_> = all.collect();
        if std::env::var_os("TESTS_LONG").is_some() {
            chosen.extend(all);
        } else {
            let mut any = || all[usize::try_from(random.next() % all.len() as u64).unwrap()];
            chosen.extend((0..SAMPLE).map(|_| any()));
        }
    }
    chosen
}

/// Each kind of harm that passes; then what lasts: a request that can never be told from one that was carried out, one
/// that is always refused, and a network that is gone.
fn kinds() -> impl Iterator<Item = (Fault, Span)> {
    let lasting = [
        (Fault::ResetAfter, Span::Same),
        (Fault::InternalError, Span::Same),
        (Fault::ResetBefore, Span::Onward),
    ];
    EVERY.into_iter().map(|fault| (fault, Span::Once)).chain(lasting)
}

fn all(trials: &[Trial<'_>]) -> Tally {
    let (next, tally) = (AtomicUsize::new(0), Mutex::new(Tally::default()));
    let work = || {
        while let Some(trial) = trials.get(next.fetch_add(1, Ordering::Relaxed)) {
            // The others go on, so that one campaign shows all that is wrong.
            let ended = catch_unwind(AssertUnwindSafe(|| trial.run()));
            tally.lock().unwrap().count(trial, ended.ok());
        }
    };
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(work);
        }
    });
    tally.into_inner().unwrap()
}

/// What came of the trials.
#[derive(Default)]
struct Tally {
    recovered: usize,
    completed: usize,
    /// Where the run was over before the request came that was to be struck.
    missed: usize,
    /// Where something half uploaded is left to the store's grace.
    left: usize,
    failed: Vec<String>,
}

impl Tally {
    fn count(&mut self, trial: &Trial<'_>, ended: Option<Ended>) {
        let Some(Ended { outcome, left }) = ended else {
            self.failed.push(trial.to_string());
            return;
        };
        self.left += usize::from(left);
        match outcome {
            Outcome::Recovered => self.recovered += 1,
            Outcome::Completed => self.completed += 1,
            Outcome::Missed => self.missed += 1,
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { recovered, completed, missed, left, failed } = self;
        let (tried, failed) = (recovered + completed + failed.len(), failed.len());
        write!(
            f,
            "{tried} faults tried: {recovered} runs recovered, {completed} were completed by the next, "
        )?;
        write!(f, "{failed} survived by neither; {left} left an upload to the grace, {missed} struck nothing")
    }
}

//! A collector beside publishers: whatever each of them does when, and whenever one of them dies, no image that is
//! visible lacks a part.
//!
//! Time passes in ticks, at any moment. Two of them are the window in which a collector may remove what it has looked at;
//! half a minute each, and the grace is the least that publishers trust.

use contract::digest::Algorithm;
use contract::key::Key;
use contract::media::MediaType;
use contract::name::Repository;
use publisher::collect::{Collect, Unnoted};
use publisher::grace::Grace;
use publisher::plan::{Plan, Step};
use publisher::remove;
use publisher::store::Store;
use publisher::store::memory::Memory;
use tokio::runtime::Runtime;

use super::programs::{
    collects, publishes, publishes_as, publishes_by, publishes_in_haste, publishes_without_asking,
};
use super::runtime;
use crate::explore::{Checks, Conditions, Explorer, Extent, Program, Violation, Visited, at};
use crate::sample::Sample;
use crate::{derive, run, visible};

/// When the programs begin.
const START: u32 = 1000;
/// What is that old can be removed.
const OLD: u32 = 100;

/// What is in the store that nothing names, and who comes.
struct Scenario {
    name: &'static str,
    /// Published and untagged, so many ticks ago.
    garbage: Vec<(Sample, u32)>,
    /// Which of the garbage's objects are gone already, by a collector that died.
    gone: fn(&Key) -> bool,
    programs: fn() -> Vec<Program>,
    /// The tags at the end, by who published them.
    tags: Vec<(usize, &'static str, Sample)>,
    /// Where all of this is; mostly where v1 knows nothing, so that there is less to do.
    repository: &'static str,
    conditions: Conditions,
    /// How many ticks may pass.
    ticks: u32,
}

fn zero() -> Sample {
    Sample::image("zero")
}

fn one() -> Sample {
    Sample::image("one")
}

fn scenario(name: &'static str, programs: fn() -> Vec<Program>) -> Scenario {
    let tags = vec![(1, "1", zero())];
    let (repository, conditions) = ("a/b/c", Conditions::Atomic);
    let garbage = vec![(zero(), OLD)];
    Scenario { name, garbage, gone: |_| false, programs, tags, repository, conditions, ticks: 4 }
}

/// Publishes what is garbage.
fn again() -> Vec<Program> {
    vec![collects(), publishes(zero(), "a/b/c:1")]
}

fn scenarios() -> Vec<Scenario> {
    let mut scenarios = with_one_repository();
    scenarios.extend(of_other_kinds());
    scenarios
}

/// An image of one layer that v1 can hold.
fn old() -> Sample {
    let mut sample = Sample::new(Algorithm::Sha256);
    sample.manifest("old", MediaType::OCI_LAYER_GZIP, &["old"]);
    sample
}

/// With v1, with several tags, and with stores that do not compare.
fn of_other_kinds() -> Vec<Scenario> {
    let by_v1 = |name, programs| Scenario {
        garbage: vec![(old(), OLD)],
        tags: vec![(1, "1", old())],
        repository: "acme/app",
        ..scenario(name, programs)
    };
    vec![
        by_v1("an image of v1 that was garbage", || vec![collects(), publishes(old(), "acme/app:1")]),
        Scenario {
            tags: vec![(1, "1", zero()), (1, "2", zero())],
            ..scenario("two tags at once", || vec![collects(), publishes_as(zero(), &["a/b/c:1", "a/b/c:2"])])
        },
        Scenario {
            conditions: Conditions::LookFirst,
            ..scenario("an image that was garbage, without compare-and-swap", again)
        },
        Scenario {
            conditions: Conditions::Overwrite,
            ..scenario("an image that was garbage, where what was read is overwritten", again)
        },
        Scenario { conditions: Conditions::LookFirst, ..two_collectors() },
    ]
}

fn two_collectors() -> Scenario {
    let programs = || vec![collects(), collects(), publishes(zero(), "a/b/c:2")];
    Scenario { tags: vec![(2, "2", zero())], ..scenario("two collectors", programs) }
}

fn with_one_repository() -> Vec<Scenario> {
    vec![
        scenario("an image that was garbage", again),
        Scenario { gone: |key| matches!(key, Key::RevisionLink(..)), ..scenario("one half removed", again) },
        Scenario {
            tags: vec![(1, "1", one())],
            ..scenario("an image on a layer that was garbage", || {
                vec![collects(), publishes(one(), "a/b/c:1")]
            })
        },
        Scenario {
            garbage: vec![(zero(), 15)],
            ticks: 24,
            ..scenario("an image that becomes garbage meanwhile", again)
        },
        Scenario {
            tags: vec![(1, "1", zero()), (2, "2", one())],
            ..scenario("two images", || {
                vec![collects(), publishes(zero(), "a/b/c:1"), publishes(one(), "a/b/c:2")]
            })
        },
        Scenario {
            tags: vec![(1, "1", zero()), (2, "2", zero())],
            ..scenario("one image, two publishers", || {
                vec![collects(), publishes(zero(), "a/b/c:1"), publishes(zero(), "a/b/c:2")]
            })
        },
        two_collectors(),
    ]
}

/// What has to hold.
struct Expected<'a>(&'a Runtime, &'a Scenario);

impl Expected<'_> {
    fn tags(&self, store: &Memory, dead: Option<usize>) {
        for (_, tag, sample) in self.1.tags.iter().filter(|(who, ..)| Some(*who) != dead) {
            let target = self.0.block_on(visible::tag(store, self.1.repository, tag));
            assert_eq!(target, Some(sample.digest()), "{tag}");
        }
    }
}

impl Checks for Expected<'_> {
    fn always(&self, store: &Memory) {
        self.0.block_on(visible::is_whole_beside_a_collector(store));
    }

    fn ended(&self, store: &Memory) {
        self.tags(store, None);
        later(store, self.0);
        self.tags(store, None);
        self.0.block_on(visible::is_whole(store));
    }

    fn survived(&self, store: &Memory, dead: usize) {
        self.tags(store, Some(dead));
        later(store, self.0);
        self.tags(store, Some(dead));
        self.0.block_on(visible::is_whole(store));
    }
}

/// Collects when all is old.
fn later(store: &Memory, runtime: &Runtime) {
    let later = store.clone().with_clock(|| at(START + 1000));
    let collect =
        Collect { derive: derive(&later), grace: grace(), jobs: 1, dry_run: false, notes: &Unnoted };
    let summary = runtime.block_on(collect.run()).unwrap();
    assert!(summary.problems.is_empty() && !summary.unfinished, "{summary:?}");
    let summary = runtime.block_on(Collect { dry_run: true, ..collect }.run()).unwrap();
    assert_eq!(summary.total().objects, 0);
}

pub(super) fn grace() -> Grace {
    Grace::new(Grace::LEAST)
}

/// How far to go.
#[derive(Clone, Copy)]
enum Extents {
    All {
        most: usize,
    },
    Sample {
        most: usize,
        seed: u64,
    },
    /// All, with no state left out that is as another one.
    Unreduced,
}

fn explore(scenario: &Scenario, extents: Extents) -> Result<Visited, Violation> {
    let runtime = runtime();
    let store = Memory::new(60).with_clock(|| at(START));
    let name: Repository = scenario.repository.parse().unwrap();
    runtime.block_on(async {
        // Something that stays, whose layer stays with it.
        run(&store, &Sample::zstd("stays"), &["a/b/c:stays"]).await.unwrap();
        let stays = store.objects();
        for (sample, age) in &scenario.garbage {
            run(&store, sample, &[&format!("{name}:gone")]).await.unwrap();
            remove::tag(derive(&store), &name, &"gone".parse().unwrap()).await.unwrap();
            let new = store.objects().into_keys().filter(|path| !stays.contains_key(path));
            for key in new.filter_map(|path| Key::parse(&path)) {
                store.date(&key, at(START - age));
                if (scenario.gone)(&key) {
                    store.delete(&key).await.unwrap();
                }
            }
        }
    });
    let (most, sample, reduced) = match extents {
        Extents::All { most } => (most, None, true),
        Extents::Sample { most, seed } => (most, Some(seed), true),
        Extents::Unreduced => (usize::MAX, None, false),
    };
    let (conditions, horizon) = (scenario.conditions, Some(START + scenario.ticks));
    let extent = Extent { conditions, any_order: false, doubts: false, horizon, reduced, most, sample };
    let checks = Expected(&runtime, scenario);
    Explorer::new(extent, &store, (scenario.programs)()).run(&checks)
}

/// What was visited of a scenario: all of it where that is possible in a few minutes, else samples as well.
fn visit(scenario: &Scenario) -> Vec<Visited> {
    let must =
        |extents| explore(scenario, extents).unwrap_or_else(|found| panic!("{}: {found}", scenario.name));
    if std::env::var_os("TESTS_LONG").is_none() {
        return vec![must(Extents::Sample { most: 2500, seed: 1 })];
    }
    let mut visited = vec![must(Extents::All { most: MOST })];
    if !visited[0].all {
        visited.extend((1..SEEDS).map(|seed| must(Extents::Sample { most: 100_000, seed })));
    }
    visited
}

/// A minute or two.
const MOST: usize = 1_000_000;
/// Another half.
const SEEDS: u64 = 5;

#[test]
fn no_image_is_broken() {
    for scenario in scenarios() {
        for visited in visit(&scenario) {
            eprintln!("{}: {visited}", scenario.name);
            assert!(visited.deaths > 0 && visited.contents > 50, "{}: {visited:?}", scenario.name);
        }
    }
}

/// The same contents of the store are reached, whatever is left out on the way there.
#[test]
fn nothing_is_lost_with_the_states_that_are_left_out() {
    let gone = |key: &Key| !matches!(key, Key::Blob(_));
    let programs = || vec![collects(), publishes_by(zero(), "a/b/c:1", |plan| plan.phases.truncate(2))];
    let small = Scenario { gone, tags: vec![], ticks: 1, ..scenario("a part of a publication", programs) };
    let [all, left] = [Extents::Unreduced, Extents::All { most: usize::MAX }]
        .map(|extents| explore(&small, extents).unwrap_or_else(|found| panic!("{found}")));
    assert_eq!(all.forms, left.forms, "{all}, {left}");
    assert!(all.all && left.all && left.states < all.states, "{all}, {left}");
}

fn found(programs: fn() -> Vec<Program>) -> Violation {
    found_in(Scenario { ticks: 3, ..scenario("wrong", programs) })
}

fn found_in(scenario: Scenario) -> Violation {
    let tried = (0..400).map(|seed| explore(&scenario, Extents::Sample { most: 4000, seed }));
    tried.filter_map(Result::err).next().expect("it is found")
}

#[test]
fn who_does_not_refresh_what_is_old_is_found() {
    let found = found(|| vec![collects(), publishes_by(zero(), "a/b/c:1", unrefreshed)]);
    assert!(found.what.starts_with("Always"), "{found}");
}

#[test]
fn who_does_not_wait_for_removals_under_way_is_found() {
    let found = found(|| vec![collects(), publishes_in_haste(zero(), "a/b/c:1")]);
    assert!(found.what.starts_with("Always"), "{found}");
}

#[test]
fn who_does_not_ask_whether_somebody_collects_is_found() {
    let found = found(|| vec![collects(), publishes_without_asking(zero(), "a/b/c:1")]);
    assert!(found.what.starts_with("Always"), "{found}");
}

#[test]
fn a_collector_that_does_not_look_again_is_found() {
    let found = found(|| vec![super::programs::collects_blindly(), publishes(zero(), "a/b/c:1")]);
    assert!(found.what.starts_with("Always"), "{found}");
}

fn unrefreshed(plan: &mut Plan) {
    plan.phases.retain(|phase| phase.title != "what is there and old");
}

#[test]
fn who_does_not_refresh_is_found_without_compare_and_swap() {
    for conditions in [Conditions::LookFirst, Conditions::Overwrite] {
        let programs = || vec![collects(), publishes_by(zero(), "a/b/c:1", unrefreshed)];
        let found = found_in(Scenario { conditions, ticks: 3, ..scenario("wrong", programs) });
        assert!(found.what.starts_with("Always"), "{found}");
    }
}

#[test]
fn who_does_not_refresh_what_v1_has_is_found() {
    let programs = || {
        let unrefreshed = |plan: &mut Plan| {
            for phase in &mut plan.phases {
                phase.steps.retain(|step| {
                    !matches!(step, Step::Refresh(Key::V1Json(_) | Key::V1Ancestry(_) | Key::V1Layer(_)))
                });
            }
        };
        vec![collects(), publishes_by(old(), "acme/app:1", unrefreshed)]
    };
    let garbage = vec![(old(), OLD)];
    let tags = vec![(1, "1", old())];
    let of_v1 = Scenario { garbage, tags, repository: "acme/app", ticks: 3, ..scenario("wrong", programs) };
    let found = found_in(of_v1);
    assert!(found.what.contains("/v1/images/"), "{found}");
}

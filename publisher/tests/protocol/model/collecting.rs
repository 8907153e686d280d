//! A collector beside publishers: whatever each of them does when, and whenever one of them dies, no image that is
//! visible lacks a part.
//!
//! Time passes in ticks, at any moment. Two of them are the window in which a collector may remove what it has looked at;
//! half a minute each, and the grace is the least that publishers trust.

use contract::key::Key;
use contract::name::Repository;
use publisher::collect::Collect;
use publisher::grace::Grace;
use publisher::plan::Plan;
use publisher::remove;
use publisher::store::Store;
use publisher::store::memory::Memory;
use tokio::runtime::Runtime;

use super::programs::{collects, publishes, publishes_by, publishes_in_haste, publishes_without_asking};
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
    /// How many ticks may pass.
    ticks: u32,
}

/// A name that v1 does not know, so that there is less to do.
const NAME: &str = "a/b/c";

fn zero() -> Sample {
    Sample::image("zero")
}

fn one() -> Sample {
    Sample::image("one")
}

fn scenario(name: &'static str, programs: fn() -> Vec<Program>) -> Scenario {
    let tags = vec![(1, "1", zero())];
    Scenario { name, garbage: vec![(zero(), OLD)], gone: |_| false, programs, tags, ticks: 4 }
}

fn scenarios() -> Vec<Scenario> {
    let again = || vec![collects(), publishes(zero(), "a/b/c:1")];
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
        Scenario {
            tags: vec![(2, "2", zero())],
            ..scenario("two collectors", || vec![collects(), collects(), publishes(zero(), "a/b/c:2")])
        },
    ]
}

/// What has to hold.
struct Expected<'a>(&'a Runtime, &'a Scenario);

impl Expected<'_> {
    fn tags(&self, store: &Memory, dead: Option<usize>) {
        for (_, tag, sample) in self.1.tags.iter().filter(|(who, ..)| Some(*who) != dead) {
            let target = self.0.block_on(visible::tag(store, NAME, tag));
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
    let collect = Collect { derive: derive(&later), grace: grace(), jobs: 1, dry_run: false };
    let summary = runtime.block_on(collect.run()).unwrap();
    assert!(summary.problems.is_empty() && !summary.unfinished, "{summary:?}");
    let summary = runtime.block_on(Collect { dry_run: true, ..collect }.run()).unwrap();
    assert_eq!(summary.total().objects, 0);
}

pub(super) fn grace() -> Grace {
    Grace::new(Grace::LEAST)
}

fn explore(scenario: &Scenario, sample: Option<(usize, u64)>) -> Result<Visited, Violation> {
    let runtime = runtime();
    let store = Memory::new(60).with_clock(|| at(START));
    let name: Repository = NAME.parse().unwrap();
    runtime.block_on(async {
        // Something that stays, whose layer stays with it.
        run(&store, &Sample::zstd("stays"), &["a/b/c:stays"]).await.unwrap();
        let stays = store.objects();
        for (sample, age) in &scenario.garbage {
            run(&store, sample, &["a/b/c:gone"]).await.unwrap();
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
    let horizon = Some(START + scenario.ticks);
    let extent = Extent { conditions: Conditions::Atomic, any_order: false, doubts: false, horizon, sample };
    let checks = Expected(&runtime, scenario);
    Explorer::new(extent, &store, (scenario.programs)(), &runtime).run(&checks)
}

#[test]
fn no_image_is_broken() {
    let long = std::env::var_os("TESTS_LONG").is_some();
    for scenario in scenarios() {
        let seeds = if long { 1..20 } else { 1..2 };
        for seed in seeds {
            let sample = Some((if long { 100_000 } else { 2500 }, seed));
            let visited =
                explore(&scenario, sample).unwrap_or_else(|found| panic!("{}: {found}", scenario.name));
            eprintln!("{}: {visited:?}", scenario.name);
            assert!(visited.deaths > 0 && visited.contents > 50, "{}: {visited:?}", scenario.name);
        }
    }
}

fn found(programs: fn() -> Vec<Program>) -> Violation {
    let mut scenario = scenario("wrong", programs);
    scenario.ticks = 3;
    for seed in 0..400 {
        if let Err(found) = explore(&scenario, Some((4000, seed))) {
            return found;
        }
    }
    panic!("nothing was found");
}

#[test]
fn who_does_not_refresh_what_is_old_is_found() {
    let found = found(|| {
        let unrefreshed =
            |plan: &mut Plan| plan.phases.retain(|phase| phase.title != "what is there and old");
        vec![collects(), publishes_by(zero(), "a/b/c:1", unrefreshed)]
    });
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

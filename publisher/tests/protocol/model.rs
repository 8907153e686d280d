//! Two at once, and one of them may die: every interleaving of their operations, with stores that compare and swap and
//! with stores that do not.

use std::fmt::Write as _;
use std::io::Write as _;

use contract::key::Key;
use publisher::plan::Plan;
use publisher::store::Store;
use publisher::store::memory::Memory;
use tokio::runtime::Runtime;

use crate::explore::{Conditions, Explorer, Extent, Program, Violation, Visited, at};
use crate::run;
use crate::sample::Sample;

mod checks;
mod collecting;
mod programs;
mod wrong;

use checks::Expected;
use programs::{publishes, publishes_by, relists, removes};

/// What stood in the store before, and who works there at the same time.
struct Scenario {
    name: &'static str,
    before: Vec<(Sample, &'static [&'static str])>,
    /// Whether the lists are lost.
    unlisted: bool,
    programs: fn() -> [Program; 2],
    /// The tags of `acme/app` at the end, with the images that each may have.
    after: Vec<(&'static str, Vec<Sample>)>,
    /// The tag that the second program removes.
    removed: Option<&'static str>,
}

fn images() -> [Sample; 3] {
    ["zero", "one", "two"].map(Sample::image)
}

fn said(text: &str) -> Sample {
    Sample::described(text, text)
}

/// Zero stands there as `acme/app:0`.
fn beside(name: &'static str, programs: fn() -> [Program; 2]) -> Scenario {
    let [zero, ..] = images();
    let before = vec![(zero.clone(), &["acme/app:0"][..])];
    Scenario { name, before, unlisted: false, programs, after: vec![("0", vec![zero])], removed: None }
}

fn scenarios() -> Vec<Scenario> {
    let mut scenarios = publishers();
    scenarios.extend(with_others());
    scenarios
}

/// Two publishers.
fn publishers() -> Vec<Scenario> {
    let [zero, one, two] = images();
    let one_and_two = [("1", vec![one.clone()]), ("2", vec![two.clone()])];
    let all = vec![("0", vec![zero.clone()]), one_and_two[0].clone(), one_and_two[1].clone()];
    vec![
        Scenario { after: all, ..beside("two tags of one repository", two_tags) },
        Scenario {
            before: vec![],
            after: one_and_two.to_vec(),
            ..beside("the first two tags of a repository", two_tags)
        },
        Scenario {
            before: vec![],
            after: vec![one_and_two[0].clone()],
            ..beside("two new repositories", || {
                [publishes_one("acme/app:1"), publishes(Sample::image("two"), "acme/other:1")]
            })
        },
        Scenario {
            before: vec![],
            after: vec![("1", vec![said("one")])],
            ..beside("two new repositories that say something", || {
                [publishes(said("one"), "acme/app:1"), publishes(said("two"), "acme/other:1")]
            })
        },
        Scenario {
            after: vec![("0", vec![one.clone(), two])],
            ..beside("one tag, two images", || {
                let [_, one, two] = images();
                [one, two].map(|sample| publishes(sample, "acme/app:0"))
            })
        },
        Scenario {
            after: vec![("0", vec![one.clone(), Sample::zstd("two")])],
            ..beside("one tag, an image without v1", || {
                [Sample::image("one"), Sample::zstd("two")].map(|sample| publishes(sample, "acme/app:0"))
            })
        },
        Scenario {
            after: vec![("0", vec![zero, one])],
            ..beside("one tag, the same image again and another one", || {
                [publishes_zero(), publishes_one("acme/app:0")]
            })
        },
    ]
}

/// A publisher and somebody else.
fn with_others() -> Vec<Scenario> {
    let [zero, one, _] = images();
    let both = || vec![("0", vec![zero.clone()]), ("1", vec![one.clone()])];
    vec![
        Scenario {
            after: vec![("0", vec![one.clone()])],
            removed: Some("0"),
            ..beside("one tag, published and removed", || {
                [publishes_one("acme/app:0"), removes("acme/app", "0")]
            })
        },
        Scenario {
            removed: Some("0"),
            ..beside("one tag, published again and removed", || [publishes_zero(), removes("acme/app", "0")])
        },
        Scenario {
            after: both(),
            removed: Some("0"),
            ..beside("one tag published, another removed", || {
                [publishes_one("acme/app:1"), removes("acme/app", "0")]
            })
        },
        Scenario {
            after: both(),
            unlisted: true,
            ..beside("published and relisted", || [publishes_one("acme/app:1"), relists()])
        },
        Scenario {
            before: vec![(said("zero"), &["acme/app:0"][..])],
            after: vec![("0", vec![said("zero")]), ("1", vec![said("one")])],
            unlisted: true,
            ..beside("published and relisted, and both say something", || {
                [publishes(said("one"), "acme/app:1"), relists()]
            })
        },
    ]
}

/// What stands there is published again.
fn publishes_zero() -> Program {
    publishes(Sample::image("zero"), "acme/app:0")
}

fn publishes_one(reference: &'static str) -> Program {
    publishes(Sample::image("one"), reference)
}

fn two_tags() -> [Program; 2] {
    [publishes_one("acme/app:1"), publishes(Sample::image("two"), "acme/app:2")]
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

fn explore(scenario: &Scenario, extent: Extent) -> Result<Visited, Violation> {
    let runtime = runtime();
    // Time stands still.
    let store = Memory::new(60).with_clock(|| at(0));
    runtime.block_on(async {
        for (sample, references) in &scenario.before {
            run(&store, sample, references).await.unwrap();
        }
        let lists = |key: &Key| {
            matches!(key, Key::TagList(_) | Key::Catalog | Key::Search | Key::V1Tags(_) | Key::V1Images(_))
        };
        let objects = store.objects();
        for key in objects.keys().filter_map(|path| Key::parse(path)).filter(lists) {
            if scenario.unlisted {
                store.delete(&key).await.unwrap();
            }
        }
    });
    let checks = Expected::new(&runtime, extent.conditions, scenario);
    Explorer::new(extent, &store, (scenario.programs)()).run(&checks)
}

/// Explores all scenarios and says how far that went.
fn explore_all(extent: Extent) {
    let mut said = String::new();
    for scenario in scenarios() {
        let visited = explore(&scenario, extent)
            .unwrap_or_else(|found| panic!("{}, {:?}: {found}", scenario.name, extent.conditions));
        assert!(visited.all || extent.sample.is_some());
        assert!(visited.deaths > 50 && visited.ends > 4, "{}: {visited:?}", scenario.name);
        writeln!(said, "{}, {:?}: {visited:?}", scenario.name, extent.conditions).unwrap();
    }
    std::io::stderr().write_all(said.as_bytes()).unwrap();
}

/// In full where that was asked for, else a sample.
fn extent(conditions: Conditions, any_order: bool) -> Extent {
    let all = std::env::var_os("TESTS_LONG").is_some();
    let (most, sample) = if all { (usize::MAX, None) } else { (1500, Some(1)) };
    Extent { conditions, any_order, doubts: false, horizon: None, reduced: false, most, sample }
}

#[test]
fn with_a_store_that_compares() {
    explore_all(extent(Conditions::Atomic, true));
}

#[test]
fn with_a_store_that_looks_first() {
    explore_all(extent(Conditions::LookFirst, false));
    // All of these would take hours.
    explore_all(Extent { most: 1500, sample: Some(2), ..extent(Conditions::LookFirst, true) });
}

#[test]
fn with_a_store_that_overwrites() {
    explore_all(extent(Conditions::Overwrite, false));
}

#[test]
fn what_was_learned_in_another_order_leads_to_the_same() {
    for scenario in scenarios() {
        let extent = Extent { doubts: true, most: 800, sample: Some(3), ..extent(Conditions::Atomic, true) };
        explore(&scenario, extent).unwrap();
    }
}

fn found(programs: fn() -> [Program; 2], conditions: Conditions) -> Violation {
    let [scenario, ..] = &mut scenarios()[..] else { unreachable!() };
    scenario.programs = programs;
    let extent = Extent { most: usize::MAX, sample: None, ..extent(conditions, false) };
    explore(scenario, extent).unwrap_err()
}

#[test]
fn a_tag_link_before_its_image_is_found() {
    let found = found(
        || {
            let early = |plan: &mut Plan| {
                let link = plan.phases.iter().position(|phase| phase.title == "tag links").unwrap();
                plan.phases[..=link].rotate_right(1);
            };
            [publishes_by(Sample::image("one"), "acme/app:1", early), relists()]
        },
        Conditions::Atomic,
    );
    assert!(found.schedule.last().unwrap().contains("/tags/1/current/link"), "{found}");
}

#[test]
fn a_list_written_without_comparing_is_found() {
    let found = found(two_tags, Conditions::Lying);
    assert!(found.what.contains("is listed"), "{found}");
    assert!(
        found.schedule.iter().filter(|done| done.contains("write") && done.contains("tags.json")).count()
            == 2
    );
}

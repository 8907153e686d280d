//! Every interleaving of a collector and two publishers, of the protocol alone.
//!
//! [`crate::model`] runs the real programs, which take so many operations that it sees a sample. Here is what they do as
//! far as it decides what is there: a layer, a manifest and a revision link of the image that both publish, a tag of each
//! publisher and one that somebody removes at any moment. Each step names the function that it stands for: who
//! changes that function, changes the step. Of v1 nothing is here, since it is of the same shape: an ancestry is a
//! promise as a revision link is, json is written as a manifest is, and a layer sent as one is.
//!
//! Anybody may die at any moment, and all of them may: nobody waits for anybody here, so that every state stands for all in
//! which some of them do nothing ever after. A collector may come long after another one.

use std::io::Write;

mod collecting;
mod publishing;
mod search;
mod state;

use collecting::{Sweeping, settled};
use publishing::Publishing;
use search::{Broken, Explored, Next, explore};
use state::{ALL, Collecting, Collector, Doing, LAYER, Publisher, State, TRUST, bit, link, parts};

/// The least time to promise that is longer than a collector removes anything.
const SMALL: u8 = 2;

/// What is left out of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    /// `order::refresh`.
    Unrefreshed,
    /// The same, of revision links alone.
    TrustsOldLink,
    /// `activity::concerns`.
    Unasked,
    /// That `Said::concerns` heeds what a collector may have removed that has not said that it ended.
    Forgotten,
    /// The sleep in `Trust::allows`.
    Hasty,
    /// `Trust::all_there`.
    Blind,
    /// The last line of `Trust::allows`.
    Late,
    /// The looks in `Sweep::remove_some`.
    NoSecondLook,
    /// `Sweep::in_time`.
    Endless,
}

/// Who publishes what, and how.
#[derive(Debug, Clone, Copy)]
struct Protocol {
    /// Whether both publish the first image.
    same: bool,
    /// How many ticks after its first look a publisher may promise.
    trust: u8,
    wrong: Option<Wrong>,
}

impl Protocol {
    /// What a publisher publishes.
    fn image(&self, who: usize) -> usize {
        if self.same { 0 } else { who }
    }

    /// What a tag names: the first was there before.
    fn tagged(&self, tag: usize) -> usize {
        tag.checked_sub(1).map_or(0, |who| self.image(who))
    }

    /// Whatever may be there, if it is whole.
    fn beginnings(&self) -> Vec<State> {
        let objects = if self.same { bit(LAYER) | parts(0) | bit(link(0)) } else { ALL };
        let states = (0..1 << 6).filter(|number| number & ALL & !objects == 0).map(|number| State {
            objects: number & ALL,
            tags: [number & !ALL != 0, false, false],
            publishers: [Publisher::NEW; 2],
            collector: Collector::gone(Collecting::Ended, self.long_ago()),
        });
        states.filter(|state| broken(self, state).is_none()).collect()
    }

    fn steps(&self, state: &State, next: &mut Vec<Next>) {
        next.push(("a tick", state.later(self)));
        if state.tags[0] {
            next.push((
                "the tag is removed",
                State { tags: [false, state.tags[1], state.tags[2]], ..*state },
            ));
        }
        for who in 0..2 {
            Publishing { protocol: self, state, who, next }.steps();
        }
        Sweeping { protocol: self, state, next }.steps();
        for (_, state) in next {
            state.collector = settled(self, state.collector);
        }
    }
}

/// What clients would miss.
fn broken(protocol: &Protocol, state: &State) -> Option<&'static str> {
    let lacks_part = |image| state.is_there(link(image)) && !state.all_there(parts(image));
    let lacks_link = |tag| state.tags[tag] && !state.is_there(link(protocol.tagged(tag)));
    if (0..2).any(lacks_part) {
        return Some("a revision link without a part");
    }
    (0..3).any(lacks_link).then_some("a tag without a revision link")
}

/// Past the test harness, which keeps what passing tests print.
fn say(text: &str) {
    std::io::stderr().write_all(format!("{text}\n").as_bytes()).unwrap();
}

fn found(wrong: Wrong) -> Vec<&'static str> {
    let protocol = Protocol { same: true, trust: SMALL, wrong: Some(wrong) };
    let Some(Broken { what, schedule }) = explore(&protocol).err() else { panic!("{wrong:?} is not found") };
    say(&format!("{wrong:?}: {what}: {schedule:?}"));
    schedule
}

#[test]
fn a_protocol_that_leaves_something_out_is_found() {
    for wrong in [
        Wrong::Unrefreshed,
        Wrong::TrustsOldLink,
        Wrong::Unasked,
        Wrong::Forgotten,
        Wrong::Hasty,
        Wrong::Blind,
        Wrong::Late,
        Wrong::NoSecondLook,
        Wrong::Endless,
    ] {
        let schedule = found(wrong);
        assert!(schedule.contains(&"removes"), "{wrong:?}");
    }
}

fn all(same: bool, trust: u8) -> Explored {
    let begun = std::time::Instant::now();
    let explored =
        explore(&Protocol { same, trust, wrong: None }).unwrap_or_else(|found| panic!("{found:#?}"));
    let (states, steps) = (explored.states.len(), explored.steps);
    say(&format!("{states} states, {steps} steps, all of them, in {:?}", begun.elapsed()));
    explored
}

/// All states, of one image that both publish; with the real times where that was asked for.
#[test]
fn no_image_is_broken_whatever_is_done_when() {
    let explored = all(true, if std::env::var_os("TESTS_LONG").is_some() { TRUST } else { SMALL });
    let reached = |what: fn(&State) -> bool| explored.states.iter().any(what);
    let published = |state: &State| state.publishers.iter().all(|publisher| publisher.doing == Doing::Done);
    assert!(reached(|state| state.objects == 0 && state.collector.collecting == Collecting::Ended));
    assert!(reached(|state| state.publishers.iter().all(|publisher| publisher.doing == Doing::Wait)));
    let at_work = |state: &&State| published(state) && state.collector.collecting == Collecting::Contents;
    assert!(explored.states.iter().filter(at_work).any(|state| state.collector.doomed == 0));
}

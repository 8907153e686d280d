//! Every interleaving of two programs on one store, and the death of either at every moment.
//!
//! The programs are the real ones: they run on a store whose operations wait for their turn ([`turns`]). At each state
//! the next operation of either may be carried out, or one of them may die: it never goes on. An operation that takes
//! effect while its answer is lost needs no case of its own: it is the death one state later, since a program that is
//! told something does nothing to the store but by its next operation. Nor does one that takes effect long after its
//! caller died: that is a caller who waited as long for its turn, and then died.
//!
//! **Why each state is expanded once.** A state is the content of the store and, for each program, what it has learned:
//! its operations with their outcomes. A program is deterministic and sees nothing else: the clock stands still, sleeps
//! end at once (the others may get on during one by any amount, or not at all), and chance decides only how long a sleep
//! is. So two prefixes that lead to the same state have the same future. The order in which a program learned is left
//! out: steps that run at the same time share nothing but the store, each is told apart by what it asks, and within one
//! the order follows from the answers. [`Extent::doubts`] tries every way nevertheless and sees that it leads to the
//! same. Contents and histories are compared, not hashed: nothing is pruned by accident.
//!
//! A program may note what it remembers ([`Turns::note`]): a publisher knows after its survey nothing but its plan, and
//! at the end of each phase nothing but how far it is; a collector says it itself (`collect::Notes`). One assumption
//! about time is made, where the programs make it: a sleep of a minute (`relist`, before it removes views without a link)
//! ends when the other has ended or died.
//!
//! **Where time is counted**, two things keep the states few, and lose none that differs:
//! - *Time passes when somebody sees it.* A tick changes nothing but what clocks show, until when a removal may take
//!   effect, and when a sleep ends. So it can be put off until just before somebody asks a clock or wakes up, past all
//!   that others do meanwhile: the store and what everybody knows are the same, and a removal that was in time before it
//!   still is. What a clock shows is therefore chosen when it is asked, and nothing else moves it.
//! - *What is written is as old as anything that will not become old.* Programs compare ages with the grace and with half
//!   of it, and look at no time otherwise ([`publisher::grace`]). Within the time that is counted, all that is written in
//!   the last half of the grace before its end is young to everybody, whenever it was written; so it is told to be of the
//!   beginning of that half.
//!
//! A test explores a small scenario both ways, and sees the same contents of the store.
//!
//! All states are visited in the order of their distance, so what is found first is the shortest schedule.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, catch_unwind};

use futures_util::FutureExt;
use publisher::grace::Grace;
use publisher::store::Store;
use publisher::store::memory::Memory;

mod actor;
mod stores;
mod turns;

use actor::Actor;
pub(crate) use actor::Program;
use stores::{Stores, Words};
use turns::Operation;
use turns::TICK;
pub(crate) use turns::{Conditions, Turns, at, tick};

/// For how many ticks nothing that is written becomes old.
const YOUTH: u32 = (Grace::LEAST.as_secs() / 2 / TICK.as_secs()) as u32;
/// Instead of what a program has learned: it died.
const DEAD: u32 = u32::MAX;

/// How far to go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    /// What the store does with conditions.
    pub(crate) conditions: Conditions,
    /// Whether steps that run at the same time may be carried out in any order, or only as they were asked for.
    pub(crate) any_order: bool,
    /// Whether every way to the same knowledge is tried, to see that it does not matter.
    pub(crate) doubts: bool,
    /// At which tick time ends; none where it is not counted.
    pub(crate) horizon: Option<u32>,
    /// Whether states are left out that are as others (see above), or only those that are others.
    pub(crate) reduced: bool,
    /// How many states at most.
    pub(crate) most: usize,
    /// Down to the ends, by ways that this seed chooses; none where they come in the order of their distance.
    pub(crate) sample: Option<u64>,
}

/// What has to hold. Each panics where it does not.
pub(crate) trait Checks {
    /// At every moment.
    fn always(&self, store: &Memory);
    /// When both have ended.
    fn ended(&self, store: &Memory);
    /// When the one has died and the other has ended.
    fn survived(&self, store: &Memory, dead: usize);
}

/// What was visited.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Visited {
    pub(crate) states: usize,
    /// Of the states, those in which one has just died.
    pub(crate) deaths: usize,
    /// Different contents of the store.
    pub(crate) contents: usize,
    /// Different things that a program has learned.
    pub(crate) learned: usize,
    /// Different contents at the end, with and without a death.
    pub(crate) ends: usize,
    /// Whether no state was left out.
    pub(crate) all: bool,
    /// A sum over the different contents, whenever they were written.
    pub(crate) forms: u64,
}

impl fmt::Display for Visited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = if self.all { "exhaustive" } else { "a sample" };
        write!(f, "{} states, {} deaths, {} contents, {how}", self.states, self.deaths, self.contents)
    }
}

/// Something that does not hold, and the shortest way there.
#[derive(Debug)]
pub(crate) struct Violation {
    pub(crate) what: String,
    pub(crate) schedule: Vec<String>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, by\n  {}", self.what, self.schedule.join("\n  "))
    }
}

/// The store, and what each has learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct State {
    store: u32,
    now: u32,
    learned: [u32; 3],
}

/// In the place of a program: nobody.
const NOBODY: u32 = u32::MAX - 1;
/// In the place of who did something: time passes.
const TIME: usize = usize::MAX;

/// How a state was reached: from which, by whom, and by which operation; none where somebody died.
type Way = Option<(usize, usize, Option<u32>)>;

pub(crate) struct Explorer {
    extent: Extent,
    words: Words,
    stores: Stores,
    actors: Vec<Actor>,
    states: Vec<(State, Way)>,
    numbers: HashMap<State, usize>,
    /// Contents that were checked, and for which occasion: at any moment, at the end, at the end after whose death.
    checked: HashSet<(u32, Occasion)>,
    visited: Visited,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Occasion {
    Always,
    Ended,
    Survived(usize),
}

impl Explorer {
    pub(crate) fn new(extent: Extent, before: &Memory, programs: impl IntoIterator<Item = Program>) -> Self {
        let mut words = Words::default();
        let mut stores = Stores::default();
        let store = stores.number(before);
        let programs = (0..).zip(programs);
        let actors: Vec<_> = programs
            .map(|(number, program)| {
                let how = (extent.conditions, extent.horizon.is_some(), number);
                Actor::new(program, (how, extent.doubts), &mut words)
            })
            .collect();
        let mut learned = [NOBODY; 3];
        learned[..actors.len()].fill(0);
        let now = extent.horizon.map_or(0, |_| tick(before.now().now_or_never().unwrap().unwrap()));
        if let Some(horizon) = extent.horizon.filter(|_| extent.reduced) {
            stores.is_young_from(now.max(horizon - YOUTH));
        }
        let first = State { store, now, learned };
        Self {
            extent,
            words,
            stores,
            actors,
            states: vec![(first, None)],
            numbers: HashMap::from([(first, 0)]),
            checked: HashSet::new(),
            visited: Visited::default(),
        }
    }

    /// Visits all states, or a sample.
    pub(crate) fn run(mut self, checks: &dyn Checks) -> Result<Visited, Violation> {
        let most = self.extent.most;
        let mut chance = fastrand::Rng::with_seed(self.extent.sample.unwrap_or_default());
        let mut waiting = VecDeque::from([0]);
        while let Some(number) = waiting.pop_front().filter(|_| self.visited.states < most) {
            self.visited.states += 1;
            self.check(number, checks)?;
            let known = self.states.len();
            self.expand(number);
            waiting.extend(known..self.states.len());
            if self.extent.sample.is_some() && !waiting.is_empty() {
                // On from here; where that leads nowhere new, from anywhere.
                let here = waiting.len().min(self.states.len() - known);
                let among = if here == 0 { waiting.len() } else { here };
                waiting.swap(0, waiting.len() - 1 - chance.usize(..among));
            }
        }
        self.visited.all = self.visited.states == self.states.len();
        self.visited.contents = self.stores.count();
        self.visited.forms = self.stores.forms();
        self.visited.learned = self.actors.iter().map(Actor::count).sum();
        Ok(self.visited)
    }

    fn expand(&mut self, number: usize) {
        let state = self.states[number].0;
        if self.extent.horizon.is_some_and(|horizon| state.now < horizon && !self.extent.reduced) {
            self.add(State { now: state.now + 1, ..state }, (number, TIME, None));
        }
        for who in 0..self.actors.len() {
            if state.learned[who] == DEAD || self.ended(state, who) {
                continue;
            }
            for operation in self.choices(state, who) {
                for now in self.moments(state, operation) {
                    let (outcome, store) =
                        self.stores.carry_out((state.store, now), operation, &mut self.words);
                    let told = (operation, outcome);
                    let learned = self.actors[who].step(state.learned[who], told, &mut self.words);
                    let mut after = State { store, now, ..state };
                    after.learned[who] = learned;
                    self.add(after, (number, who, Some(operation)));
                }
            }
            if !state.learned.contains(&DEAD) {
                let mut after = state;
                after.learned[who] = DEAD;
                self.visited.deaths += usize::from(self.add(after, (number, who, None)));
            }
        }
    }

    fn add(&mut self, state: State, way: (usize, usize, Option<u32>)) -> bool {
        let next = self.states.len();
        let is_new = *self.numbers.entry(state).or_insert(next) == next;
        if is_new {
            self.states.push((state, Some(way)));
        }
        is_new
    }

    fn choices(&self, state: State, who: usize) -> Vec<u32> {
        let waiting = self.actors[who].waiting(state.learned[who]);
        let waiting = if self.extent.any_order { waiting } else { &waiting[..1] };
        let under_way = |other: usize| state.learned[other] != DEAD && !self.ended(state, other);
        let alone = !(0..self.actors.len()).any(|other| other != who && under_way(other));
        let can = |operation: &u32| match self.words.operations.get(*operation) {
            Operation::Rest(None) => alone,
            Operation::Rest(Some(until)) => state.now.max(self.latest(state)) >= *until,
            Operation::Remove(_, by) => state.now <= *by,
            _ => true,
        };
        waiting.iter().copied().filter(can).collect()
    }

    /// Until when time can be let pass before the next operation.
    fn latest(&self, state: State) -> u32 {
        self.extent.horizon.filter(|_| self.extent.reduced).unwrap_or(state.now)
    }

    /// When an operation may be carried out, as far as it sees that.
    fn moments(&self, state: State, operation: u32) -> RangeInclusive<u32> {
        let (now, latest) = (state.now, self.latest(state));
        match self.words.operations.get(operation) {
            Operation::Now => now..=latest,
            Operation::Rest(Some(until)) => now.max(*until)..=now.max(*until),
            operation if operation.dates() => now..=now.max(latest.min(self.stores.young())),
            _ => now..=now,
        }
    }

    fn ended(&self, state: State, who: usize) -> bool {
        self.actors[who].ended(state.learned[who]).is_some()
    }

    fn check(&mut self, number: usize, checks: &dyn Checks) -> Result<(), Violation> {
        let state = self.states[number].0;
        self.holds(number, Occasion::Always, &|store| checks.always(store))?;
        for (who, learned) in state.learned.into_iter().enumerate() {
            if [DEAD, NOBODY].contains(&learned) {
                continue;
            }
            match self.actors[who].ended(learned) {
                None => return Ok(()),
                Some(Ok(())) => {}
                Some(Err(error)) => {
                    return Err(self.violation(number, format!("{} fails: {error}", NAMES[who])));
                }
            }
        }
        match state.learned.iter().position(|learned| *learned == DEAD) {
            Some(dead) => self.holds(number, Occasion::Survived(dead), &|store| checks.survived(store, dead)),
            None => self.holds(number, Occasion::Ended, &|store| checks.ended(store)),
        }
    }

    fn holds(&mut self, number: usize, occasion: Occasion, check: &dyn Fn(&Memory)) -> Result<(), Violation> {
        let content = self.states[number].0.store;
        if !self.checked.insert((content, occasion)) {
            return Ok(());
        }
        self.visited.ends += usize::from(occasion != Occasion::Always);
        let memory = self.stores.memory(content);
        catch_unwind(AssertUnwindSafe(|| check(&memory))).map_err(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
            self.violation(number, format!("{occasion:?}: {}", text.unwrap_or_default()))
        })
    }

    fn violation(&self, number: usize, what: String) -> Violation {
        let mut schedule = Vec::new();
        let mut at = number;
        while let Some((before, who, operation)) = self.states[at].1 {
            let done = operation.map_or("dies".to_owned(), |it| self.words.operations.get(it).to_string());
            if who != TIME {
                schedule.push(format!("{}: {done}", NAMES[who]));
            }
            for _ in self.states[before].0.now..self.states[at].0.now {
                schedule.push("time passes".to_owned());
            }
            at = before;
        }
        schedule.reverse();
        Violation { what, schedule }
    }
}

const NAMES: [&str; 3] = ["A", "B", "C"];

/// Runs a program alone, to its end.
pub(crate) fn alone(program: &Program, conditions: Conditions, store: &Memory) {
    actor::alone(program, conditions, store).unwrap();
}

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
//! at the end of each phase nothing but how far it is. One assumption about time is made, where the programs make it:
//! a sleep of a minute (`relist`, before it removes views without a link) ends when the other has ended or died.
//!
//! All states are visited in the order of their distance, so what is found first is the shortest schedule.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use futures_util::FutureExt;
use publisher::store::Store;
use publisher::store::memory::Memory;
use tokio::runtime::Runtime;

mod actor;
mod stores;
mod turns;

use actor::Actor;
pub(crate) use actor::Program;
use stores::{Stores, Words};
use turns::Operation;
pub(crate) use turns::{Conditions, Turns, at, tick};

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
    /// All states, or a sample of so many: then down to the ends, by ways that this seed chooses.
    pub(crate) sample: Option<(usize, u64)>,
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

pub(crate) struct Explorer<'a> {
    extent: Extent,
    runtime: &'a Runtime,
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

impl<'a> Explorer<'a> {
    pub(crate) fn new(
        extent: Extent,
        before: &Memory,
        programs: impl IntoIterator<Item = Program>,
        runtime: &'a Runtime,
    ) -> Self {
        let mut words = Words::default();
        let mut stores = Stores::default();
        let store = stores.number(before);
        let programs = (0..).zip(programs);
        let actors: Vec<_> = programs
            .map(|(number, program)| {
                let how = (extent.conditions, extent.horizon.is_some(), number);
                Actor::new(program, (how, extent.doubts), runtime, &mut words)
            })
            .collect();
        let mut learned = [NOBODY; 3];
        learned[..actors.len()].fill(0);
        let now = extent.horizon.map_or(0, |_| tick(before.now().now_or_never().unwrap().unwrap()));
        let first = State { store, now, learned };
        Self {
            extent,
            runtime,
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
        let (most, seed) = self.extent.sample.unwrap_or((usize::MAX, 0));
        let mut chance = fastrand::Rng::with_seed(seed);
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
        self.visited.learned = self.actors.iter().map(Actor::count).sum();
        Ok(self.visited)
    }

    fn expand(&mut self, number: usize) {
        let state = self.states[number].0;
        if self.extent.horizon.is_some_and(|horizon| state.now < horizon) {
            self.add(State { now: state.now + 1, ..state }, (number, TIME, None));
        }
        for who in 0..self.actors.len() {
            if state.learned[who] == DEAD || self.ended(state, who) {
                continue;
            }
            for operation in self.choices(state, who) {
                let (outcome, store) =
                    self.stores.carry_out((state.store, state.now), operation, &mut self.words);
                let told = (operation, outcome);
                let learned = self.actors[who].step(state.learned[who], told, self.runtime, &mut self.words);
                let mut after = State { store, ..state };
                after.learned[who] = learned;
                self.add(after, (number, who, Some(operation)));
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
            Operation::Rest(Some(until)) => state.now >= *until,
            Operation::Remove(_, by) => state.now <= *by,
            _ => true,
        };
        waiting.iter().copied().filter(can).collect()
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
            schedule.push(match who {
                TIME => "time passes".to_owned(),
                who => format!("{}: {done}", NAMES[who]),
            });
            at = before;
        }
        schedule.reverse();
        Violation { what, schedule }
    }
}

const NAMES: [&str; 3] = ["A", "B", "C"];

/// Runs a program alone, to its end.
pub(crate) fn alone(program: &Program, conditions: Conditions, store: &Memory, runtime: &Runtime) {
    actor::alone(program, conditions, store, runtime).unwrap();
}

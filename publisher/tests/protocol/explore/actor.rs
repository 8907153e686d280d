//! A program by what it does: which operations it waits for, after what it has learned so far.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use super::stores::Words;
use super::turns::{Conditions, Outcome, Turns};

/// Something that works on a store, to be started as often as wanted; what it does depends on the store alone.
pub(crate) type Program = Box<dyn Fn(Arc<Turns>) -> LocalBoxFuture<'static, Result<(), String>>>;

/// What conditions do, whether time is counted, and which of the programs it is.
pub(super) type How = (Conditions, bool, u64);

/// Longer than the pauses between two tries; so short that many operations end in the time that a collector has to
/// remove what it has looked at, since the program's own clock is behind by this after each of them.
const PAUSE: Duration = Duration::from_secs(4);
const LONG: Duration = Duration::from_secs(3600);

/// A program under way.
struct Running {
    future: LocalBoxFuture<'static, Result<(), String>>,
    turns: Arc<Turns>,
    waiting: Vec<(u32, Option<oneshot::Sender<Outcome>>)>,
    ended: Option<Result<(), String>>,
    note: Option<String>,
    /// Its own, so that no time passes for it while others run.
    runtime: Runtime,
}

impl Running {
    fn start(program: &Program, (conditions, timed, number): How, words: &mut Words) -> Self {
        let turns = Arc::new(Turns::new(conditions, timed, number));
        let future = program(turns.clone());
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let mut running = Self { future, turns, waiting: Vec::new(), ended: None, note: None, runtime };
        running.go_on(PAUSE, words);
        running
    }

    /// Runs until it waits for nothing but its turns. The clock stands still but for sleeps, which end at once.
    fn go_on(&mut self, sleeps: Duration, words: &mut Words) {
        let future = &mut self.future;
        self.ended = self.runtime.block_on(async {
            tokio::select! {
                biased;
                ended = future => Some(ended),
                () = tokio::time::sleep(sleeps) => None,
            }
        });
        self.note = self.turns.take_note();
        let come = self.turns.take().into_iter();
        self.waiting
            .extend(come.map(|(operation, teller)| (words.operations.number(operation), Some(teller))));
        // After a failure of one step, those beside it are given up.
        self.waiting.retain(|(_, teller)| teller.as_ref().is_some_and(|teller| !teller.is_closed()));
        if self.waiting.is_empty() && self.ended.is_none() {
            self.waiting.push((words.operations.number(self.turns.rest()), None));
        }
    }

    fn tell(&mut self, operation: u32, outcome: u32, words: &mut Words) {
        let nth = self.waiting.iter().position(|(waiting, _)| *waiting == operation);
        let (_, teller) = self.waiting.remove(nth.expect("what is answered was asked"));
        let told = words.outcomes.get(outcome).clone();
        let sleeps = match teller {
            Some(teller) => {
                teller.send(told).expect("who asked waits");
                PAUSE
            }
            None => LONG,
        };
        self.go_on(sleeps, words);
    }
}

/// What a program knows: its last note, and what it has learned since: operations, each with how often the same was
/// asked before, and its outcome; in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Knowledge {
    note: Option<Rc<str>>,
    learned: Vec<(u32, u16, u32)>,
}

impl Knowledge {
    fn and(&self, operation: u32, outcome: u32) -> Self {
        let mut learned = self.learned.clone();
        let before = learned.iter().filter(|(asked, ..)| *asked == operation).count();
        learned.push((operation, u16::try_from(before).unwrap(), outcome));
        learned.sort_unstable();
        Self { note: self.note.clone(), learned }
    }
}

/// A program that has learned something.
struct Local {
    knows: Knowledge,
    path: Option<(u32, u32, u32)>,
    waiting: Vec<u32>,
    ended: Option<Result<(), String>>,
}

/// A program with all that it was seen to do.
pub(super) struct Actor {
    program: Program,
    conditions: How,
    locals: Vec<Local>,
    known: HashMap<Knowledge, u32>,
    steps: HashMap<(u32, u32, u32), u32>,
    live: HashMap<u32, Running>,
    /// Whether another way to the same knowledge is tried as well, to see that it leads to the same.
    doubts: bool,
}

impl Actor {
    pub(super) fn new(program: Program, (conditions, doubts): (How, bool), words: &mut Words) -> Self {
        let running = Running::start(&program, conditions, words);
        let mut actor = Self {
            program,
            conditions,
            locals: Vec::new(),
            known: HashMap::new(),
            steps: HashMap::new(),
            live: HashMap::new(),
            doubts,
        };
        actor.learn(Knowledge::default(), None, running);
        actor
    }

    /// How many different things it may have learned.
    pub(super) fn count(&self) -> usize {
        self.locals.len()
    }

    /// The operations that wait, in the order in which they were asked for.
    pub(super) fn waiting(&self, local: u32) -> &[u32] {
        &self.locals[local as usize].waiting
    }

    /// Whether it has ended, and how.
    pub(super) fn ended(&self, local: u32) -> Option<&Result<(), String>> {
        self.locals[local as usize].ended.as_ref()
    }

    /// Where it is after an outcome.
    pub(super) fn step(&mut self, from: u32, told: (u32, u32), words: &mut Words) -> u32 {
        let (operation, outcome) = told;
        if let Some(&to) = self.steps.get(&(from, operation, outcome)) {
            return to;
        }
        let knows = self.locals[from as usize].knows.and(operation, outcome);
        let known = self.known.get(&knows).copied();
        let to = match known {
            Some(to) if !self.doubts => to,
            _ => {
                let mut running = match self.live.remove(&from) {
                    Some(running) => running,
                    None => self.replay(from, words),
                };
                running.tell(operation, outcome, words);
                self.arrive(knows, (from, operation, outcome), running)
            }
        };
        self.steps.insert((from, operation, outcome), to);
        to
    }

    /// Takes in where a program has come to, by this way.
    fn arrive(&mut self, knows: Knowledge, way: (u32, u32, u32), mut running: Running) -> u32 {
        // Who has ended remembers nothing.
        let ended = running.ended.as_ref().map(|ended| format!("{ended:?}"));
        let noted = ended.or(running.note.take());
        let noted = noted.map(|note| Knowledge { note: Some(note.into()), learned: Vec::new() });
        let to = match self.known.get(noted.as_ref().unwrap_or(&knows)) {
            Some(&to) => self.compare(to, &running),
            None => self.learn(noted.unwrap_or_else(|| knows.clone()), Some(way), running),
        };
        self.known.insert(knows, to);
        to
    }

    fn learn(&mut self, knows: Knowledge, path: Option<(u32, u32, u32)>, running: Running) -> u32 {
        let number = u32::try_from(self.locals.len()).unwrap();
        let waiting: Vec<u32> = running.waiting.iter().map(|(operation, _)| *operation).collect();
        let different: BTreeSet<&u32> = waiting.iter().collect();
        assert_eq!(different.len(), waiting.len(), "two steps ask the same: nothing tells them apart");
        self.known.insert(knows.clone(), number);
        self.locals.push(Local { knows, path, waiting, ended: running.ended.clone() });
        if running.ended.is_none() {
            self.live.insert(number, running);
        }
        number
    }

    fn compare(&self, known: u32, running: &Running) -> u32 {
        let local = &self.locals[known as usize];
        let sorted = |mut operations: Vec<u32>| {
            operations.sort_unstable();
            operations
        };
        let waiting = running.waiting.iter().map(|(operation, _)| *operation).collect();
        assert_eq!(sorted(waiting), sorted(local.waiting.clone()), "the order in which it learned matters");
        assert_eq!(running.ended, local.ended, "the order in which it learned matters");
        known
    }

    fn replay(&self, local: u32, words: &mut Words) -> Running {
        let mut path = Vec::new();
        let mut at = local;
        while let Some((before, operation, outcome)) = self.locals[at as usize].path {
            path.push((operation, outcome));
            at = before;
        }
        let mut running = Running::start(&self.program, self.conditions, words);
        for (operation, outcome) in path.into_iter().rev() {
            running.tell(operation, outcome, words);
        }
        running
    }
}

/// Runs a program alone, to its end.
pub(super) fn alone(
    program: &Program,
    conditions: Conditions,
    store: &publisher::store::memory::Memory,
) -> Result<(), String> {
    let mut words = Words::default();
    let mut running = Running::start(program, (conditions, false, 0), &mut words);
    loop {
        if let Some(ended) = running.ended {
            return ended;
        }
        let operation = running.waiting[0].0;
        let outcome = words.operations.get(operation).carry_out(store);
        let outcome = words.outcomes.number(outcome);
        running.tell(operation, outcome, &mut words);
    }
}

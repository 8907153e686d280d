//! All states that can be reached, in the order of their distance. They are kept and compared whole: with fingerprints, a
//! state that has another one's would be left out unseen.

use std::collections::HashMap;

use super::state::State;
use super::{Protocol, broken};

/// One step: who does what, and what is then.
pub(super) type Next = (&'static str, State);

/// What was found out.
pub(super) struct Explored {
    /// Every state that can be reached.
    pub(super) states: Vec<State>,
    /// Steps between them.
    pub(super) steps: usize,
}

/// How an image is broken in the fewest steps.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) what: &'static str,
    pub(super) schedule: Vec<&'static str>,
}

/// Goes on until there is no state that was not seen.
pub(super) fn explore(protocol: &Protocol) -> Result<Explored, Broken> {
    let mut states = protocol.beginnings();
    let mut parents = vec![None; states.len()];
    let mut seen: HashMap<State, ()> = states.iter().map(|state| (*state, ())).collect();
    let (mut at, mut steps, mut next) = (0, 0, Vec::new());
    while let Some(state) = states.get(at).copied() {
        if let Some(what) = broken(protocol, &state) {
            return Err(Broken { what, schedule: schedule(protocol, &states, &parents, at) });
        }
        protocol.steps(&state, &mut next);
        steps += next.len();
        for (_, state) in next.drain(..) {
            if seen.insert(state, ()).is_none() {
                states.push(state);
                parents.push(Some(at));
            }
        }
        at += 1;
    }
    Ok(Explored { states, steps })
}

fn schedule(
    protocol: &Protocol,
    states: &[State],
    parents: &[Option<usize>],
    mut at: usize,
) -> Vec<&'static str> {
    let (mut schedule, mut next) = (Vec::new(), Vec::new());
    while let Some(before) = parents[at] {
        protocol.steps(&states[before], &mut next);
        schedule.extend(next.drain(..).find(|(_, state)| *state == states[at]).map(|(what, _)| what));
        at = before;
    }
    schedule.reverse();
    schedule
}

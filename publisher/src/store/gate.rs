//! How many requests run at once: half as many after the store asked to slow down, one more after each round of good
//! answers. That is how TCP shares a wire, and publishers a store:
//! [additive increase, multiplicative decrease](https://www.rfc-editor.org/rfc/rfc5681#section-3.1).

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

/// At the beginning, and at most.
const MOST: usize = 64;
/// Refusals of so short a time are one refusal: those of requests that were under way together.
const BURST: Duration = Duration::from_millis(500);

/// Lets requests pass.
#[derive(Debug)]
pub(super) struct Gate {
    free: Semaphore,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    limit: usize,
    /// How many of those under way are not to be followed by another.
    surplus: usize,
    /// Good answers since the limit changed.
    good: usize,
    slowed: Option<Instant>,
}

/// A request under way.
pub(super) struct Passed<'a> {
    gate: &'a Gate,
    permit: Option<SemaphorePermit<'a>>,
}

impl Default for Gate {
    fn default() -> Self {
        let state = State { limit: MOST, surplus: 0, good: 0, slowed: None };
        Self { free: Semaphore::new(MOST), state: Mutex::new(state) }
    }
}

impl Gate {
    pub(super) async fn pass(&self) -> Passed<'_> {
        // Nobody closes the semaphore.
        Passed { gate: self, permit: self.free.acquire().await.ok() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn slow_down(&self) {
        let mut state = self.state();
        state.good = 0;
        if state.slowed.is_some_and(|slowed| slowed.elapsed() < BURST) {
            return;
        }
        state.slowed = Some(Instant::now());
        let fewer = state.limit / 2;
        state.limit -= fewer;
        state.surplus += fewer - self.free.forget_permits(fewer);
        tracing::info!(at_once = state.limit, "the store asks to slow down");
    }

    fn good(&self) {
        let mut state = self.state();
        state.good += 1;
        if state.good < state.limit || state.limit == MOST {
            return;
        }
        state.good = 0;
        state.limit += 1;
        if state.surplus > 0 {
            state.surplus -= 1;
        } else {
            self.free.add_permits(1);
        }
    }
}

impl Passed<'_> {
    /// The answer is there.
    pub(super) fn heard(self, slow_down: bool) {
        if slow_down {
            self.gate.slow_down();
        } else {
            self.gate.good();
        }
    }
}

impl Drop for Passed<'_> {
    fn drop(&mut self) {
        let mut state = self.gate.state();
        if state.surplus > 0
            && let Some(permit) = self.permit.take()
        {
            state.surplus -= 1;
            permit.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many may pass at once.
    async fn width(gate: &Gate) -> usize {
        let mut passed = Vec::new();
        while gate.free.available_permits() > 0 {
            passed.push(gate.pass().await);
        }
        passed.len()
    }

    #[tokio::test(start_paused = true)]
    async fn each_burst_of_refusals_halves() {
        let gate = Gate::default();
        let under_way = [gate.pass().await, gate.pass().await, gate.pass().await];
        under_way.into_iter().for_each(|passed| passed.heard(true));
        assert_eq!(width(&gate).await, MOST / 2);
        for expected in [16, 8, 4, 2, 1, 1] {
            tokio::time::advance(BURST).await;
            gate.pass().await.heard(true);
            assert_eq!(width(&gate).await, expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn those_under_way_are_counted() {
        let gate = Gate::default();
        let mut under_way = Vec::new();
        for _ in 0..MOST {
            under_way.push(gate.pass().await);
        }
        under_way.pop().unwrap().heard(true);
        assert_eq!(gate.free.available_permits(), 0);
        drop(under_way);
        assert_eq!(width(&gate).await, MOST / 2);
    }

    #[tokio::test(start_paused = true)]
    async fn good_answers_widen_it_up_to_where_it_began() {
        let gate = Gate::default();
        gate.pass().await.heard(true);
        for _ in 0..MOST / 2 {
            gate.pass().await.heard(false);
        }
        assert_eq!(width(&gate).await, MOST / 2 + 1);
        for _ in 0..MOST * MOST {
            gate.pass().await.heard(false);
        }
        assert_eq!(width(&gate).await, MOST);
    }
}

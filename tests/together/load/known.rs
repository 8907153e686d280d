//! What is known of the endpoint at a moment: which settings are in force, and whether the first base is up.

use std::sync::atomic::{AtomicU64, Ordering};

/// One of two things holds: the first in the beginning, then they take turns.
#[derive(Default)]
pub(crate) struct Turn(AtomicU64);

/// A moment of a [`Turn`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment(u64);

impl Turn {
    /// The moment that it is.
    pub(crate) fn now(&self) -> Moment {
        Moment(self.0.load(Ordering::SeqCst))
    }

    /// From here on either may hold, until it is settled that the other one does.
    pub(crate) fn begin(&self) {
        self.step(0);
    }

    /// The other one holds.
    pub(crate) fn settle(&self) {
        self.step(1);
    }

    fn step(&self, parity: u64) {
        assert_eq!(self.0.fetch_add(1, Ordering::SeqCst) % 2, parity, "one change at a time");
    }
}

impl Moment {
    /// Which of the two holds, 0 or 1; `None` while that changes.
    pub(crate) fn known(self) -> Option<usize> {
        self.0.is_multiple_of(2).then_some((self.0 / 2 % 2) as usize)
    }

    /// Which of the two held from this moment to a later one.
    pub(crate) fn held_until(self, later: Self) -> Option<usize> {
        if self == later { self.known() } else { None }
    }

    /// Which of the two holds when the change under way, if there is one, is settled.
    pub(crate) fn next(self) -> usize {
        (self.0.div_ceil(2) % 2) as usize
    }
}

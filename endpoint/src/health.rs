//! Which bases are up, as far as is known. Reading it is one atomic load: no lock, no I/O.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::settings::{BaseId, Watch};

/// Which bases of some settings are up. What nobody watches counts as up.
#[derive(Debug, Default)]
pub struct Health(Vec<Option<Arc<Up>>>);

impl Health {
    /// Of bases by their number; those beyond are not watched.
    pub(crate) fn of(bases: Vec<Option<Arc<Up>>>) -> Self {
        Self(bases)
    }

    /// Of bases by their number, each of which is known to be up or not.
    pub(crate) fn known(up: impl IntoIterator<Item = bool>) -> Self {
        Self(up.into_iter().map(|up| Some(Arc::new(Up::new(up)))).collect())
    }

    /// Whether this base is up, where it is watched.
    pub(crate) fn seen(&self, base: BaseId) -> Option<bool> {
        self.0.get(base.index())?.as_deref().map(Up::is_up)
    }

    /// Whether this base is up.
    pub(crate) fn is_up(&self, base: BaseId) -> bool {
        self.seen(base).unwrap_or(true)
    }

    /// The first that is up, and the first of all when none is: it may be us who cannot see.
    pub(crate) fn choose(&self, bases: &[BaseId]) -> Option<BaseId> {
        bases.iter().copied().find(|&base| self.is_up(base)).or_else(|| bases.first().copied())
    }
}

/// Whether one base is up. Shared by the one that watches it and all that read it.
#[derive(Debug)]
pub(crate) struct Up(AtomicBool);

impl Up {
    pub(crate) fn new(up: bool) -> Self {
        Self(AtomicBool::new(up))
    }

    pub(crate) fn is_up(&self) -> bool {
        // Nothing else is read by it.
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn set(&self, up: bool) {
        self.0.store(up, Ordering::Relaxed);
    }
}

/// How many looks in a row have contradicted what is believed.
#[derive(Debug, Default)]
pub(crate) struct Streak(u32);

impl Streak {
    /// What is believed after a look at a base that was believed `up`.
    pub(crate) fn seen(&mut self, alive: bool, up: bool, watch: &Watch) -> bool {
        if alive == up {
            self.0 = 0;
            return up;
        }
        self.0 += 1;
        if self.0 < if up { watch.failures } else { watch.successes } {
            return up;
        }
        self.0 = 0;
        alive
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Given, WatchGiven, resolve};

    #[test]
    fn a_base_changes_after_so_many_looks_in_a_row() {
        let given = Given {
            cdn: Some("https://cdn.test".to_owned()),
            watch: WatchGiven { failures: Some(3), successes: Some(2), ..WatchGiven::default() },
            ..Given::default()
        };
        let watch = resolve(given, None, Given::default()).unwrap().watch;
        for (looks, believed) in [
            ("----", "uudd"),
            ("--+---", "uuuuud"),
            ("---++", "uuddu"),
            ("---+-++-", "uudddduu"),
            ("++++", "uuuu"),
            ("---++---", "uudduuud"),
        ] {
            let (mut streak, mut up) = (Streak::default(), true);
            for (look, expected) in looks.chars().zip(believed.chars()) {
                up = streak.seen(look == '+', up, &watch);
                assert_eq!(up, expected == 'u', "{looks} {believed}");
            }
        }
    }
}

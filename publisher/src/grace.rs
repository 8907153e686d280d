//! How old is old: the one arithmetic of publishers and collectors. Pure.
//!
//! What is promised (by a revision link, a v1 ancestry, a tag link) was seen young, or refreshed, before it was promised:
//! then it is at most half the grace old, and a quarter later, when it is promised at the latest, three quarters. A
//! collector that did not see the promise ends within an eighth from its beginning, long before it is old enough.

use std::time::{Duration, SystemTime};

use contract::settings::StoreSettings;

/// How long what nothing names any longer is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grace(Duration);

/// Stores tell times to the second, and not all of them round alike.
const ROUNDING: Duration = Duration::from_secs(2);

impl Default for Grace {
    fn default() -> Self {
        Self(StoreSettings::GRACE)
    }
}

impl Grace {
    /// How long after its last look at an object a collector may remove it.
    pub const WINDOW: Duration = Duration::from_secs(60);
    /// With less, nobody can publish while somebody collects: publishers do as if it were this.
    pub const LEAST: Duration = Duration::from_secs(16 * 60);

    /// As the store says it.
    pub fn new(said: Duration) -> Self {
        Self(said)
    }

    /// As it was said.
    pub fn said(self) -> Duration {
        self.0
    }

    /// Whether something of this age may be removed, if nothing names it.
    pub fn is_over(self, age: Duration) -> bool {
        age > self.0.saturating_add(ROUNDING)
    }

    /// Whether something of this age is refreshed by who goes on using it.
    pub fn is_old(self, age: Duration) -> bool {
        age > self.heeded() / 2
    }

    /// How long after the first look at what is there something may be promised.
    pub fn trust(self) -> Duration {
        self.heeded() / 4
    }

    /// How long after its first look a collector may remove anything.
    pub fn shift(self) -> Duration {
        self.heeded() / 8 - Self::WINDOW
    }

    fn heeded(self) -> Duration {
        self.0.max(Self::LEAST)
    }
}

/// How old something is; what seems to come from the future is new.
pub fn age(modified: SystemTime, now: SystemTime) -> Duration {
    now.duration_since(modified).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn what_is_promised_outlives_who_did_not_see_the_promise() {
        for grace in [24 * HOUR, HOUR, Grace::LEAST].map(Grace::new) {
            let promised = grace.said() / 2 + grace.trust();
            assert!(!grace.is_old(grace.said() / 2) && grace.is_old(grace.said() / 2 + ROUNDING));
            // And a write may be as long under way as anything between a look and a removal.
            assert!(!grace.is_over(promised + Grace::WINDOW + grace.shift() + Grace::WINDOW));
        }
    }

    #[test]
    fn a_short_grace_is_kept_by_who_collects_and_not_trusted_by_who_publishes() {
        let grace = Grace::new(Duration::from_secs(1));
        assert!(grace.is_over(Duration::from_secs(4)) && !grace.is_over(Duration::from_secs(3)));
        assert!(!grace.is_old(Grace::LEAST / 2));
        assert_eq!(grace.shift(), Grace::WINDOW);
    }
}

//! Whether somebody is collecting: what a collector says of itself in the store, and what others make of it.
//!
//! A collector says that it is at work before it looks at anything that it may remove, and that it has ended after its
//! last removal. So who reads afterwards that nobody collects, or was since its own first look, has lost nothing: what it
//! wrote, refreshed or saw before is young to whoever begins to collect later. It is no lock: nobody waits for its end.

use std::time::{Duration, SystemTime};

use contract::key::Key;
use serde::{Deserialize, Serialize};

use crate::grace::Grace;
use crate::store::{Document, Found, Kind, Store, StoreError, When};

/// What is in the store. Times are seconds of the store's clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Said {
    /// A random name of its own.
    run: String,
    begun: u64,
    /// When it has given up at the latest. It may go by a longer grace than who reads this.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<u64>,
}

impl Said {
    fn of(found: Option<&Found>) -> Option<Self> {
        serde_json::from_slice(&found?.bytes).ok()
    }

    fn document(&self) -> Document {
        // No value can fail: there is nothing here that serde_json refuses.
        Document::new(serde_json::to_vec(self).unwrap_or_default())
    }

    /// One that does not say that it has ended has ended at the end of its time, or died before: what it has removed
    /// until then is gone long after. One that was overtaken by another may remove for a window longer.
    fn concerns(&self, since: SystemTime, grace: Grace) -> bool {
        let until = || self.until.unwrap_or_else(|| after(self.begun, grace.trust()));
        after(self.ended.unwrap_or_else(until), Grace::WINDOW) >= seconds(since)
    }
}

/// Whoever can write to the store may have written any number there.
fn after(moment: u64, time: Duration) -> u64 {
    moment.saturating_add(time.as_secs())
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Whether somebody may have removed, or be about to remove, what was looked at since then.
pub(crate) async fn concerns(store: &dyn Store, since: SystemTime, grace: Grace) -> Result<bool, StoreError> {
    let found = store.read(&Key::Collector).await?;
    // What cannot be read is no word that all is well.
    let unread = found.is_some();
    Ok(Said::of(found.as_ref()).map_or(unread, |said| said.concerns(since, grace)))
}

/// A collector at work.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    store: &'a dyn Store,
    said: Said,
    /// By the store's clock, before anything was looked at.
    pub(crate) begun: SystemTime,
}

impl<'a> Run<'a> {
    /// Says that it is at work by this grace. Another one that is, is told to end.
    pub(crate) async fn begin(store: &'a dyn Store, grace: Grace) -> Result<Self, StoreError> {
        let run = format!("{:016x}", fastrand::u64(..));
        let found = store.read(&Key::Collector).await?;
        let begun = store.now().await?;
        let is_at_work = Said::of(found.as_ref()).is_some_and(|said| said.ended.is_none());
        let when = found.map_or(When::Absent, |found| When::Unchanged(found.version));
        let until = Some(after(seconds(begun), grace.trust()));
        let said = Said { run, begun: seconds(begun), until, ended: None };
        store.write(&Key::Collector, &said.document(), when).await?;
        let run = Self { store, said, begun };
        if is_at_work && !store.compares().await? {
            // Its word that it has ended may be under way, and would go over ours.
            tokio::time::sleep(Grace::WINDOW).await;
            run.go_on().await?;
            return Ok(Self { begun: store.now().await?, ..run });
        }
        Ok(run)
    }

    /// What it has said.
    pub(crate) fn said(&self) -> impl std::fmt::Debug {
        &self.said
    }

    /// Fails where another one has begun since.
    pub(crate) async fn go_on(&self) -> Result<(), StoreError> {
        self.own().await.map(|_| ())
    }

    /// Says that it has ended.
    pub(crate) async fn end(self) -> Result<(), StoreError> {
        let found = self.own().await?;
        let ended = Some(seconds(self.store.now().await?));
        let said = Said { ended, ..self.said };
        self.store.write(&Key::Collector, &said.document(), When::Unchanged(found.version)).await
    }

    async fn own(&self) -> Result<Found, StoreError> {
        let found = self.store.read(&Key::Collector).await?;
        let said = Said::of(found.as_ref());
        found.filter(|_| said.is_some_and(|said| said.run == self.said.run)).ok_or_else(|| StoreError {
            kind: Kind::Conflict,
            store: self.store.name(),
            action: "collecting, which another run has begun meanwhile".to_owned(),
            source: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::memory::Memory;

    const HOUR: u64 = 3600;

    fn time(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn hours(hours: u64) -> Grace {
        Grace::new(Duration::from_secs(hours * HOUR))
    }

    #[test]
    fn who_has_ended_before_concerns_nobody_who_came_later() {
        let minute = 60;
        for (begun, ended, since, concerns) in [
            (0, Some(minute), HOUR, false),
            (0, Some(minute), 2 * minute + 1, false),
            (0, Some(minute), 2 * minute, true),
            (0, Some(HOUR), minute, true),
            // Dead or not, until its time was over it may have removed what was seen before.
            (0, None, minute, true),
            (0, None, 6 * HOUR + minute, true),
            (0, None, 6 * HOUR + minute + 1, false),
            // Another clock than ours.
            (HOUR, None, 0, true),
            // Another hand than ours.
            (0, Some(u64::MAX), HOUR, true),
            (u64::MAX, None, HOUR, true),
        ] {
            let said = Said { run: "1".into(), begun, until: None, ended };
            assert_eq!(said.concerns(time(since), hours(24)), concerns, "{said:?} {since}");
        }
    }

    /// `gc --grace` may be longer than the store's; `relist` knows of no grace, and takes the shortest.
    #[tokio::test]
    async fn a_collector_is_at_work_for_as_long_as_its_own_grace_allows() {
        for (of_collector, of_publisher) in [(72, hours(24)), (24, Grace::new(Grace::LEAST))] {
            let store = Memory::new(60).with_clock(|| time(0));
            let collector = hours(of_collector);
            Run::begin(&store, collector).await.unwrap();
            let last = time(0) + collector.shift() + Grace::WINDOW;
            for (since, expected) in [(last, true), (time(of_collector * HOUR), false)] {
                let concerned = concerns(&store, since, of_publisher).await.unwrap();
                assert_eq!(concerned, expected, "{of_collector} {since:?}");
            }
        }
    }
}

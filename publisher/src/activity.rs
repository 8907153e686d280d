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

    /// One that does not say that it has ended has ended after its time, or died. One that was overtaken by another may
    /// remove for a window longer.
    fn concerns(&self, since: SystemTime, now: SystemTime, grace: Grace) -> bool {
        match self.ended {
            Some(ended) => time(ended) + Grace::WINDOW >= since,
            None => now <= time(self.begun) + grace.trust(),
        }
    }
}

fn time(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).unwrap_or(SystemTime::UNIX_EPOCH)
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Whether somebody may have removed, or be about to remove, what was looked at since then.
pub(crate) async fn concerns(
    store: &dyn Store,
    since: SystemTime,
    now: SystemTime,
    grace: Grace,
) -> Result<bool, StoreError> {
    let found = store.read(&Key::Collector).await?;
    // What cannot be read is no word that all is well.
    let unread = found.is_some();
    Ok(Said::of(found.as_ref()).map_or(unread, |said| said.concerns(since, now, grace)))
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
    /// Says that it is at work. Another one that is, is told to end.
    pub(crate) async fn begin(store: &'a dyn Store) -> Result<Self, StoreError> {
        let run = format!("{:016x}", fastrand::u64(..));
        let found = store.read(&Key::Collector).await?;
        let begun = store.now().await?;
        let when = found.map_or(When::Absent, |found| When::Unchanged(found.version));
        let said = Said { run, begun: seconds(begun), ended: None };
        store.write(&Key::Collector, &said.document(), when).await?;
        Ok(Self { store, said, begun })
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

    #[test]
    fn who_has_ended_before_concerns_nobody_who_came_later() {
        let grace = Grace::new(Duration::from_secs(24 * 3600));
        let [minute, hour] = [60, 3600];
        for (begun, ended, since, now, concerns) in [
            (0, Some(minute), hour, hour, false),
            (0, Some(minute), 2 * minute + 1, hour, false),
            (0, Some(minute), 2 * minute, hour, true),
            (0, Some(hour), minute, 2 * hour, true),
            (0, None, minute, 2 * minute, true),
            (0, None, minute, 6 * hour, true),
            // It is dead, or has given up.
            (0, None, minute, 6 * hour + 1, false),
            // Another clock than ours.
            (hour, None, 0, minute, true),
        ] {
            let said = Said { run: "1".into(), begun, ended };
            assert_eq!(said.concerns(time(since), time(now), grace), concerns, "{said:?} {since} {now}");
        }
    }
}

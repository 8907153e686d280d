//! How long a document that was fetched is answered with. Pure.

use std::sync::Arc;
use std::time::Duration;

use contract::key::Key;
use http::HeaderValue;
use tokio::time::Instant;

use super::Document;

/// A document that was fetched.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) document: Arc<Document>,
    /// The origin's entity tag.
    pub(super) version: Option<HeaderValue>,
    /// When the origin last had it.
    since: Instant,
    /// When the origin was last asked in vain.
    tried: Option<Instant>,
}

/// What a kept document is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Answered with.
    Fresh,
    /// Answered with, while a newer one is fetched.
    Meanwhile,
    /// Answered with if a newer one cannot be fetched.
    InNeed,
    /// Not answered with any more.
    Never,
}

/// How long a document is answered with whose origin fails: a night, in which nobody looks.
const IN_NEED: Duration = Duration::from_secs(24 * 3600);

/// From one attempt to the next where the origin fails, so that not every client waits for it.
const PAUSE: Duration = Duration::from_secs(5);

/// How long an attempt in vain says anything about the next one.
const FAILING: Duration = Duration::from_secs(60);

impl Kept {
    /// That the origin had at that moment.
    pub(super) fn new(document: Document, version: Option<HeaderValue>, since: Instant) -> Self {
        Self { document: Arc::new(document), version, since, tried: None }
    }

    /// The same, which the origin still had at that moment.
    pub(super) fn confirmed(&self, since: Instant) -> Self {
        Self { since, tried: None, ..self.clone() }
    }

    /// The same, after the origin was asked in vain.
    pub(super) fn tried(&self, at: Instant) -> Self {
        Self { tried: Some(at), ..self.clone() }
    }

    /// How long ago the origin had it.
    pub(super) fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.since)
    }

    /// RFC 5861: stale while it is fetched anew, for as long again as it was fresh; stale where that fails.
    pub(super) fn to_use(&self, key: &Key, ttl: Duration, now: Instant) -> Use {
        let age = self.age(now);
        let tried = self.tried.map_or(Duration::MAX, |at| now.saturating_duration_since(at));
        if key.is_immutable() || age < ttl {
            Use::Fresh
        } else if age >= IN_NEED.max(ttl) {
            Use::Never
        } else if tried < PAUSE {
            Use::Fresh
        } else if age < 2 * ttl || tried < FAILING {
            Use::Meanwhile
        } else {
            Use::InNeed
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::documents::check::check;

    #[test]
    fn what_changes_is_kept_for_a_while() {
        let (list, begin) = (Key::TagList("a".parse().unwrap()), Instant::now());
        let document = check(&list, Bytes::from_static(br#"{"name":"a","tags":[]}"#), None).unwrap();
        let kept = Kept::new(document, None, begin);
        let json = Key::V1Json(contract::v1::Id([0; 32]));
        let at = |seconds| begin + Duration::from_secs(seconds);
        for (key, tried, now, wanted) in [
            (&list, None, 0, Use::Fresh),
            (&list, None, 59, Use::Fresh),
            (&list, None, 60, Use::Meanwhile),
            (&list, None, 119, Use::Meanwhile),
            (&list, None, 120, Use::InNeed),
            (&list, None, 86_399, Use::InNeed),
            (&list, None, 86_400, Use::Never),
            (&list, Some(500), 504, Use::Fresh),
            (&list, Some(500), 505, Use::Meanwhile),
            (&list, Some(500), 559, Use::Meanwhile),
            (&list, Some(500), 560, Use::InNeed),
            (&list, Some(86_399), 86_400, Use::Never),
            (&json, None, 1_000_000, Use::Fresh),
        ] {
            let kept = tried.map_or(kept.clone(), |tried| kept.tried(at(tried)));
            assert_eq!(kept.to_use(key, Duration::from_secs(60), at(now)), wanted, "{key} {tried:?} {now}");
        }
        let again = kept.tried(at(100)).confirmed(at(100));
        assert_eq!(again.to_use(&list, Duration::from_secs(60), at(159)), Use::Fresh);
        assert_eq!(again.to_use(&list, Duration::from_secs(60), at(300)), Use::InNeed);
    }
}

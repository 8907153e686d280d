//! Requests over HTTP, to a store or to a registry that is a source: how long each may take, when one is sent again, and how
//! many run at once.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Traffic;
use super::failure::Failure;
use super::gate::{Gate, Passed};

/// The longest that a server's `Retry-After` is honoured.
const AFTER_MAX: Duration = Duration::from_secs(60);
/// The longest pause of our own between two attempts.
const PAUSE_MAX: Duration = Duration::from_secs(20);
/// How often a store is tried that never answered: most likely its name is wrong, and who waits wants to know.
const ATTEMPTS_UNHEARD: u32 = 3;
/// So many bytes may take as long again as a request without any: 68 KiB/s.
const BYTES_PER_REQUEST_TIME: u64 = 4 << 20;
/// How much longer what the store moves itself may take: it answers when all of it is done.
const MOVED_BY_STORE: u32 = 10;

/// How often, how soon and for how long something is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// How often a request is sent, all in all.
    pub attempts: u32,
    /// The longest pause before the second attempt; each further one may be twice as long. Each is a random part of
    /// it, so that those who were refused together
    /// [do not come back together](https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/).
    pub pause: Duration,
    /// How long an answer to a request that moves little may take, and how long content may stand still.
    pub request: Duration,
}

impl Default for Patience {
    /// Twelve times, within about a minute; a minute for each.
    fn default() -> Self {
        Self { attempts: 12, pause: Duration::from_millis(500), request: Duration::from_secs(60) }
    }
}

impl Patience {
    /// For a request that carries so many bytes.
    pub(crate) fn carrying(&self, bytes: u64) -> Duration {
        let more = u32::try_from(bytes / BYTES_PER_REQUEST_TIME).unwrap_or(u32::MAX);
        self.request.saturating_mul(more.saturating_add(1))
    }

    /// For a request that lets the store copy or join content.
    pub(crate) fn moving(&self) -> Duration {
        self.request.saturating_mul(MOVED_BY_STORE)
    }

    /// How long to wait after so many attempts.
    pub(crate) fn pause_after(&self, attempts: u32) -> Duration {
        let most = self.pause.saturating_mul(1 << (attempts - 1).min(16)).min(PAUSE_MAX);
        most.mul_f64(fastrand::f64())
    }
}

/// All requests to one store.
#[derive(Debug)]
pub(crate) struct Requests {
    pub(crate) patience: Patience,
    gate: Gate,
    sent: AtomicU64,
    repeated: AtomicU64,
    /// Why the last one was sent again.
    why: Mutex<Option<String>>,
    /// Whether there was any answer.
    heard: AtomicBool,
}

impl Requests {
    pub(crate) fn new(patience: Patience) -> Self {
        let (gate, sent, repeated, why, heard) = Default::default();
        Self { patience, gate, sent, repeated, why, heard }
    }

    /// Sends a request until there is an answer that counts. `send` is one attempt.
    pub(crate) async fn answer<T, W>(&self, mut send: impl FnMut() -> W + Send) -> Result<T, Failure>
    where
        W: Future<Output = Result<T, Failure>> + Send,
    {
        let mut tries = self.tries();
        loop {
            match self.once(send()).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => tries.after(failure).await?,
            }
        }
    }

    /// One attempt, when it is its turn.
    pub(crate) async fn once<T>(
        &self,
        attempt: impl Future<Output = Result<T, Failure>> + Send,
    ) -> Result<T, Failure> {
        let passed = self.pass().await;
        let answered = attempt.await;
        if answered.as_ref().err().is_none_or(|failure| failure.status != 0) {
            self.heard.store(true, Ordering::Relaxed);
        }
        passed.heard(answered.as_ref().err().is_some_and(|failure| failure.slow_down));
        answered
    }

    /// Waits for a request's turn, and counts it.
    pub(super) async fn pass(&self) -> Passed<'_> {
        let passed = self.gate.pass().await;
        self.sent.fetch_add(1, Ordering::Relaxed);
        passed
    }

    pub(crate) fn tries(&self) -> Tries<'_> {
        Tries { requests: self, made: 0, doubt: false }
    }

    pub(crate) fn traffic(&self) -> Traffic {
        Traffic {
            sent: self.sent.load(Ordering::Relaxed),
            repeated: self.repeated.load(Ordering::Relaxed),
            why: self.why().clone(),
        }
    }

    fn why(&self) -> MutexGuard<'_, Option<String>> {
        self.why.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The attempts at one thing.
pub(crate) struct Tries<'a> {
    requests: &'a Requests,
    made: u32,
    doubt: bool,
}

impl Tries<'_> {
    /// Waits until the next attempt is due, or gives the failure back where there is none.
    pub(crate) async fn after(&mut self, failure: Failure) -> Result<(), Failure> {
        let (patience, heard) = (&self.requests.patience, self.requests.heard.load(Ordering::Relaxed));
        let failure = Failure { doubt: self.doubt, ..failure };
        let attempts = if heard { patience.attempts } else { patience.attempts.min(ATTEMPTS_UNHEARD) };
        self.made += 1;
        if !failure.passes || self.made >= attempts {
            return Err(failure);
        }
        self.doubt = failure.leaves_doubt();
        self.requests.repeated.fetch_add(1, Ordering::Relaxed);
        *self.requests.why() = Some(failure.said.clone());
        let wanted = failure.after.unwrap_or_default().min(AFTER_MAX);
        let pause = patience.pause_after(self.made).max(wanted);
        tracing::info!(said = failure.said, attempt = self.made, ?pause, "a request is sent again");
        tokio::time::sleep(pause).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::super::Kind;
    use super::*;

    const PATIENCE: Patience =
        Patience { attempts: 4, pause: Duration::from_secs(2), request: Duration::from_secs(60) };

    fn failing(status: u16, kind: Kind, after: Option<&str>) -> Failure {
        Failure::answered(status, kind, "no".into(), after)
    }

    /// How often something that always fails so is sent, and how long that took.
    async fn sent(failure: impl Fn() -> Failure + Send + Sync) -> (u32, Duration) {
        let (requests, sent) = (Requests::new(PATIENCE), AtomicU32::new(0));
        let started = tokio::time::Instant::now();
        let failing = || async {
            sent.fetch_add(1, Ordering::Relaxed);
            Err::<(), _>(failure())
        };
        assert!(requests.answer(failing).await.is_err());
        assert_eq!(requests.traffic().sent, u64::from(sent.load(Ordering::Relaxed)));
        (sent.into_inner(), started.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn what_passes_is_sent_again_and_what_does_not_is_not() {
        let (times, took) = sent(|| failing(500, Kind::Unavailable, None)).await;
        // At most 2, 4 and 8 seconds.
        assert!(times == 4 && took < Duration::from_secs(14), "{times} in {took:?}");
        for (status, kind) in [(400, Kind::Other), (403, Kind::Denied), (412, Kind::Conflict)] {
            assert_eq!(sent(|| failing(status, kind, None)).await, (1, Duration::ZERO));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_never_answered_is_tried_less_often() {
        assert_eq!(sent(|| failing(0, Kind::Unavailable, None)).await.0, ATTEMPTS_UNHEARD);
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_is_left_alone_as_long_as_it_wants_within_reason() {
        let (_, took) = sent(|| failing(503, Kind::Unavailable, Some("9"))).await;
        assert!(took >= Duration::from_secs(27) && took < Duration::from_secs(31), "{took:?}");
        let (_, took) = sent(|| failing(429, Kind::Unavailable, Some("86400"))).await;
        assert!(took >= Duration::from_secs(180) && took < Duration::from_secs(183), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn doubt_stays_with_a_later_answer() {
        let requests = Requests::new(PATIENCE);
        let mut tries = requests.tries();
        tries.after(failing(0, Kind::Unavailable, None)).await.unwrap();
        let refused = tries.after(failing(412, Kind::Conflict, None)).await.unwrap_err();
        assert!(refused.doubt && refused.leaves_doubt());
    }

    #[test]
    fn what_carries_more_may_take_longer() {
        assert_eq!(PATIENCE.carrying(0), Duration::from_secs(60));
        assert_eq!(PATIENCE.carrying(8 << 20), Duration::from_secs(180));
        assert_eq!(PATIENCE.moving(), Duration::from_secs(600));
    }
}

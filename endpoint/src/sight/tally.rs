//! Counters of one accept loop.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::StatusCode;

use super::kind::Kind;

/// What one accept loop counts. Alone on its cache lines, so that no core waits for what another one writes.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Tally {
    requests: [[AtomicU64; STATUSES.len() + 1]; Kind::ALL.len()],
    /// Requests by the first bound that they do not exceed; the last exceeded all of them.
    took: [AtomicU64; BOUNDS.len() + 1],
    /// All of them together, in nanoseconds: enough for 584 years.
    took_nanos: AtomicU64,
    pub(super) sent: AtomicU64,
    pub(super) accepted: AtomicU64,
    pub(super) ended: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) silent: AtomicU64,
    pub(super) idle: AtomicU64,
}

/// Those that we answer, the frequent ones first. Any other is counted as [`OTHER`].
const STATUSES: [u16; 15] = [302, 200, 404, 304, 206, 400, 405, 412, 414, 416, 431, 500, 502, 503, 504];

/// What stands for a status that has no counter of its own.
const OTHER: &str = "other";

/// In microseconds: a redirect takes a few, a document from its origin some thousands, a hung disk seconds.
pub(super) const BOUNDS: [u64; 14] =
    [5, 10, 25, 50, 100, 250, 1_000, 5_000, 10_000, 50_000, 100_000, 500_000, 1_000_000, 5_000_000];

impl Tally {
    pub(super) fn answered(&self, kind: Kind, status: StatusCode, took: Duration) {
        let nth = STATUSES.iter().position(|&known| known == status.as_u16()).unwrap_or(STATUSES.len());
        self.requests[kind as usize][nth].fetch_add(1, Ordering::Relaxed);
        let nanos = took.as_nanos() as u64;
        let nth = BOUNDS.iter().position(|&micros| nanos <= micros * 1_000).unwrap_or(BOUNDS.len());
        self.took[nth].fetch_add(1, Ordering::Relaxed);
        self.took_nanos.fetch_add(nanos, Ordering::Relaxed);
    }
}

/// What several accept loops counted, added up.
#[derive(Debug, Default)]
pub(super) struct Total {
    /// Only what happened.
    pub(super) requests: Vec<(Kind, String, u64)>,
    /// As [`Tally::took`], without those before: not cumulative.
    pub(super) took: [u64; BOUNDS.len() + 1],
    pub(super) took_seconds: f64,
    pub(super) sent: u64,
    pub(super) accepted: u64,
    pub(super) open: u64,
    pub(super) refused: u64,
    pub(super) silent: u64,
    pub(super) idle: u64,
}

/// Adds up. They go on counting meanwhile, so one figure may be younger than another.
pub(super) fn total(tallies: &[impl AsRef<Tally>]) -> Total {
    let sum = |counter: &dyn Fn(&Tally) -> &AtomicU64| -> u64 {
        tallies.iter().map(|tally| counter(tally.as_ref()).load(Ordering::Relaxed)).sum()
    };
    let mut requests = Vec::new();
    for kind in Kind::ALL {
        for nth in 0..=STATUSES.len() {
            let count = sum(&|tally| &tally.requests[kind as usize][nth]);
            if count > 0 {
                let status = STATUSES.get(nth).map_or(OTHER.to_owned(), u16::to_string);
                requests.push((kind, status, count));
            }
        }
    }
    // Before those that were accepted: else one that ends in between would leave fewer open than none.
    let ended = sum(&|tally| &tally.ended);
    let accepted = sum(&|tally| &tally.accepted);
    Total {
        requests,
        took: std::array::from_fn(|nth| sum(&|tally| &tally.took[nth])),
        took_seconds: Duration::from_nanos(sum(&|tally| &tally.took_nanos)).as_secs_f64(),
        sent: sum(&|tally| &tally.sent),
        accepted,
        open: accepted.saturating_sub(ended),
        refused: sum(&|tally| &tally.refused),
        silent: sum(&|tally| &tally.silent),
        idle: sum(&|tally| &tally.idle),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn what_loops_counted_is_added_up() {
        let tallies = [Arc::<Tally>::default(), Arc::default()];
        for (nth, kind, status, micros) in [
            (0, Kind::Blob, 302, 5),
            (1, Kind::Blob, 302, 6),
            (1, Kind::Manifest, 404, 5_000_000),
            (0, Kind::Other, 418, 5_000_001),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            tallies[nth].answered(kind, status, Duration::from_micros(micros));
        }
        let total = total(&tallies);
        assert_eq!(
            total.requests,
            [
                (Kind::Manifest, "404".to_owned(), 1),
                (Kind::Blob, "302".to_owned(), 2),
                (Kind::Other, "other".to_owned(), 1),
            ]
        );
        assert_eq!(total.took, [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
        assert_eq!(total.took_seconds, 10.000_012);
    }
}

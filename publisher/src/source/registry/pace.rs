//! How soon a registry may be asked again, by what it says: `Retry-After` (RFC 9110 §10.2.3) and the `RateLimit` headers
//! ([draft-ietf-httpapi-ratelimit-headers](https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/)), which
//! [Docker Hub](https://docs.docker.com/docker-hub/usage/) sends in an older spelling.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use reqwest::header::{HeaderMap, RETRY_AFTER};
use tokio::time::{Instant, sleep_until};

/// Who is told to wait longer is better told so than kept: Docker Hub counts in hours.
pub(super) const WAIT_MAX: Duration = Duration::from_secs(10 * 60);

/// All that is asked of one registry waits together.
#[derive(Debug, Default)]
pub(super) struct Pace {
    quiet_until: Mutex<Option<Instant>>,
}

impl Pace {
    /// Waits as long as the registry wants to be left alone.
    ///
    /// # Errors
    /// How long that still is, where it is too long to wait for.
    pub(super) async fn wait(&self) -> Result<(), Duration> {
        let until = *self.quiet_until.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(until) = until else { return Ok(()) };
        let left = until.saturating_duration_since(Instant::now());
        if left > WAIT_MAX {
            return Err(left);
        }
        sleep_until(until).await;
        Ok(())
    }

    /// It wants to be left alone for this long, from now on.
    pub(super) fn quiet(&self, time: Duration) {
        let Some(until) = Instant::now().checked_add(time) else { return };
        let mut quiet = self.quiet_until.lock().unwrap_or_else(PoisonError::into_inner);
        *quiet = (*quiet).max(Some(until));
    }
}

/// For how long a registry wants to be left alone, by the headers of its answer. `refused` is whether the answer was no.
pub(super) fn wanted(headers: &HeaderMap, refused: bool, now: SystemTime) -> Option<Duration> {
    let after = header(headers, RETRY_AFTER.as_str()).filter(|_| refused);
    let after = after.and_then(|text| match text.trim().parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => {
            httpdate::parse_http_date(text).ok().map(|date| date.duration_since(now).unwrap_or_default())
        }
    });
    after.or_else(|| spent(headers).then(|| reset(headers)).flatten())
}

/// Whether nothing is left: `0`, Docker Hub's `0;w=21600`, or `"default";r=0;t=50`.
fn spent(headers: &HeaderMap) -> bool {
    let remaining = header(headers, "ratelimit-remaining").and_then(|text| number(text.split(';').next()?));
    remaining.or_else(|| of_ratelimit(headers, "r")) == Some(0)
}

/// How many seconds until there is some again. `X-` ones are left aside: some mean a time of day by it.
fn reset(headers: &HeaderMap) -> Option<Duration> {
    let reset = header(headers, "ratelimit-reset").and_then(|text| number(text.split(';').next()?));
    reset.or_else(|| of_ratelimit(headers, "t")).map(Duration::from_secs)
}

fn of_ratelimit(headers: &HeaderMap, name: &str) -> Option<u64> {
    let mut parameters = header(headers, "ratelimit")?.split([';', ',']);
    parameters.find_map(|parameter| {
        let (key, value) = parameter.split_once('=')?;
        (key.trim() == name).then(|| number(value)).flatten()
    })
}

fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderName;

    use super::*;

    fn seconds(refused: bool, pairs: &[(&'static str, &str)]) -> Option<u64> {
        let pairs = pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_700);
        wanted(&pairs.collect(), refused, now).map(|time| time.as_secs())
    }

    #[test]
    fn a_refusal_says_how_long_in_seconds_or_as_a_date() {
        assert_eq!(seconds(true, &[("retry-after", "7")]), Some(7));
        assert_eq!(seconds(true, &[("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")]), Some(77));
        assert_eq!(seconds(true, &[("retry-after", "Sat, 06 Nov 1993 08:49:37 GMT")]), Some(0));
        assert_eq!(seconds(true, &[("retry-after", "soon")]), None);
        assert_eq!(seconds(true, &[]), None);
        assert_eq!(seconds(false, &[("retry-after", "7")]), None);
    }

    #[test]
    fn what_is_spent_is_waited_for() {
        for refused in [true, false] {
            assert_eq!(
                seconds(refused, &[("ratelimit-remaining", "0"), ("ratelimit-reset", "30")]),
                Some(30)
            );
            assert_eq!(seconds(refused, &[("ratelimit", "\"default\";r=0;t=50")]), Some(50));
            assert_eq!(seconds(refused, &[("ratelimit-remaining", "1"), ("ratelimit-reset", "30")]), None);
            assert_eq!(seconds(refused, &[("ratelimit-remaining", "0;w=21600")]), None);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn all_wait_for_the_longest() {
        let (pace, begun) = (Pace::default(), Instant::now());
        pace.wait().await.unwrap();
        assert_eq!(begun.elapsed(), Duration::ZERO);
        pace.quiet(Duration::from_secs(9));
        pace.quiet(Duration::from_secs(3));
        assert_eq!(tokio::join!(pace.wait(), pace.wait()), (Ok(()), Ok(())));
        assert!(begun.elapsed() >= Duration::from_secs(9));
        pace.quiet(WAIT_MAX * 2);
        assert_eq!(pace.wait().await, Err(WAIT_MAX * 2));
    }
}

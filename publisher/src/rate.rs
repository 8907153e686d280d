//! How fast content is sent: a limit that all uploads of a run share.

use std::fmt;
use std::io;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use contract::descriptor::Descriptor;
use futures_util::StreamExt;
use futures_util::stream;
use tokio::time::{Instant, sleep_until};

use crate::content::{Chunks, Open};

/// Bytes in a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate(u64);

/// Slower than this, requests would time out before they are whole.
const RATE_MIN: u64 = 1 << 10;

/// Not a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected bytes per second, such as 500K, 10M or 1.5G, at least 1K")]
pub struct RateError;

impl FromStr for Rate {
    type Err = RateError;

    /// As `curl --limit-rate` has it: K, M and G are powers of 1024.
    fn from_str(text: &str) -> Result<Self, RateError> {
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = match text[digits.len()..].to_ascii_uppercase().as_str() {
            "" => 1,
            "K" => 1 << 10,
            "M" => 1 << 20,
            "G" => 1 << 30,
            _ => return Err(RateError),
        };
        let well_formed = digits.starts_with(|c: char| c.is_ascii_digit())
            && digits.chars().all(|c| c.is_ascii_digit() || c == '.');
        let number: f64 =
            if well_formed { digits.parse().map_err(|_| RateError)? } else { return Err(RateError) };
        // More than a u64 holds becomes the most that it holds.
        let rate = (number * f64::from(unit)) as u64;
        if rate < RATE_MIN { Err(RateError) } else { Ok(Self(rate)) }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes/s", self.0)
    }
}

/// A source whose content comes no faster than a rate, however many read from it at once.
pub struct Limited<'a> {
    from: &'a dyn Open,
    wire: std::sync::Arc<Wire>,
}

/// A token bucket without room: each piece may pass when those before it have had their time.
struct Wire {
    rate: Rate,
    free: Mutex<Option<Instant>>,
}

impl Wire {
    /// Waits until so many bytes may pass.
    async fn pass(&self, bytes: usize) {
        let took = Duration::from_secs_f64(bytes as f64 / self.rate.0 as f64);
        let turn = {
            let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            // What was not used is not saved up: after a pause it goes on at the rate, and not faster.
            let turn = free.map_or(now, |free| free.max(now));
            *free = Some(turn + took);
            turn
        };
        sleep_until(turn).await;
    }

    /// Small enough for a steady stream, large enough not to cost.
    fn piece(&self) -> usize {
        usize::try_from(self.rate.0 / 8).unwrap_or(usize::MAX).clamp(1 << 10, 1 << 20)
    }
}

impl<'a> Limited<'a> {
    /// At most at this rate.
    pub fn new(from: &'a dyn Open, rate: Rate) -> Self {
        Self { from, wire: std::sync::Arc::new(Wire { rate, free: Mutex::new(None) }) }
    }

    fn slow(&self, chunks: Chunks) -> Chunks {
        let start = (chunks, Bytes::new(), self.wire.clone());
        stream::try_unfold(start, |(mut chunks, mut rest, wire)| async move {
            while rest.is_empty() {
                match chunks.next().await.transpose()? {
                    Some(chunk) => rest = chunk,
                    None => return Ok(None),
                }
            }
            let piece = rest.split_to(rest.len().min(wire.piece()));
            wire.pass(piece.len()).await;
            Ok::<_, io::Error>(Some((piece, (chunks, rest, wire))))
        })
        .boxed()
    }
}

#[async_trait]
impl Open for Limited<'_> {
    async fn open(&self, descriptor: &Descriptor) -> io::Result<Option<Chunks>> {
        Ok(self.from.open(descriptor).await?.map(|chunks| self.slow(chunks)))
    }

    async fn size(&self, descriptor: &Descriptor) -> io::Result<Option<u64>> {
        self.from.size(descriptor).await
    }

    async fn look(&self, descriptor: &Descriptor) -> io::Result<Option<Chunks>> {
        self.from.open(descriptor).await
    }

    fn along(&self, chunks: Chunks) -> Chunks {
        self.slow(self.from.along(chunks))
    }

    fn read(&self) -> u64 {
        self.from.read()
    }
}

#[cfg(test)]
mod tests {
    use contract::digest::{Algorithm, Digest};
    use futures_util::future::join_all;

    use super::*;

    #[test]
    fn rates_are_written_as_curl_has_them() {
        for (text, rate) in [
            ("1024", 1024),
            ("1K", 1024),
            ("10M", 10 << 20),
            ("10m", 10 << 20),
            ("1.5G", 3 << 29),
            ("99999999999G", u64::MAX),
        ] {
            assert_eq!(text.parse(), Ok(Rate(rate)), "{text}");
        }
        for text in ["", "M", "0", "1023", "-1M", "10MB", "10 M", "1e9", "inf", "nan", "1.2.3K", "+5M"] {
            assert_eq!(text.parse::<Rate>(), Err(RateError), "{text}");
        }
    }

    /// Content of so many bytes, in chunks as sources have them.
    struct Given(usize);

    #[async_trait]
    impl Open for Given {
        async fn open(&self, _: &Descriptor) -> io::Result<Option<Chunks>> {
            let chunks: Vec<_> =
                vec![7; self.0].chunks(1 << 20).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
            Ok(Some(stream::iter(chunks).boxed()))
        }
    }

    fn descriptor() -> Descriptor {
        Descriptor::new("a/b".into(), Digest::of(Algorithm::Sha256, b""), 0)
    }

    async fn read(from: &dyn Open) -> usize {
        let mut chunks = from.open(&descriptor()).await.unwrap().unwrap();
        let mut read = 0;
        while let Some(chunk) = chunks.next().await {
            read += chunk.unwrap().len();
        }
        read
    }

    #[tokio::test(start_paused = true)]
    async fn uploads_at_once_share_the_rate() {
        let (given, rate) = (Given(10 << 20), "2M".parse().unwrap());
        let (limited, start) = (Limited::new(&given, rate), Instant::now());
        let read = join_all((0..4).map(|_| read(&limited))).await;
        assert_eq!(read, [10 << 20; 4]);
        // 40 MiB, of which the last piece need not be waited for.
        let took = start.elapsed();
        assert!(took > Duration::from_millis(19_800) && took <= Duration::from_secs(20), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_is_not_made_up_for() {
        let (given, rate) = (Given(2 << 20), "1M".parse().unwrap());
        let limited = Limited::new(&given, rate);
        read(&limited).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        let start = Instant::now();
        read(&limited).await;
        assert!(start.elapsed() > Duration::from_millis(1800), "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_rate_is_a_steady_one() {
        let (given, rate) = (Given(100 << 10), "1K".parse().unwrap());
        let limited = Limited::new(&given, rate);
        let mut chunks = limited.open(&descriptor()).await.unwrap().unwrap();
        let mut before = Instant::now();
        while let Some(chunk) = chunks.next().await {
            assert!(chunk.unwrap().len() <= 1 << 10 && before.elapsed() <= Duration::from_millis(1100));
            before = Instant::now();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_only_looks_need_not_wait() {
        let given = Given(10 << 20);
        let (limited, start) = (Limited::new(&given, Rate(1024)), Instant::now());
        let mut chunks = limited.look(&descriptor()).await.unwrap().unwrap();
        while chunks.next().await.is_some() {}
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}

//! With `--documents serve`: manifests and listings, fetched from their origin, checked, kept and answered with.
//!
//! One fetch serves all who wait for the same document, on whatever core. What never changes is kept until there is no
//! room for it; the rest by [`kept`]'s rules.

use std::collections::HashMap;
use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use contract::key::Key;
use contract::manifest::MANIFEST_MAX;
use http::Uri;
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{Instrument, warn};

use crate::objects::DOCUMENT_MAX;
use crate::settings::{Base, Served};

mod answer;
mod check;
mod fetch;
mod kept;
mod page;
mod search;

pub(crate) use answer::answer;
#[cfg(fuzzing)]
pub(crate) use answer::page;
use check::{CheckError, Document, check_aside};
use fetch::{FetchError, Fetched, Fetcher};
use kept::{Kept, Use};

/// Fetches documents and keeps them.
#[derive(Debug)]
pub(crate) struct Documents {
    fetcher: Fetcher,
    /// By URL.
    kept: Cache<String, Arc<Kept>, Weight>,
    flights: Mutex<HashMap<String, Flight>>,
    held: [AtomicU64; Held::ALL.len()],
}

/// How a document was there when it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// Kept.
    Hit,
    /// Kept for longer than it may be, and sent all the same.
    Stale,
    /// Not at all.
    Miss,
}

impl Held {
    pub(crate) const ALL: [Self; 3] = [Self::Hit, Self::Stale, Self::Miss];
}

/// What becomes of a fetch, for all who wait for it.
type Flight = watch::Receiver<Option<Result<Arc<Kept>, Failure>>>;

/// Why there is no document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failure {
    /// The origin has none.
    Missing,
    /// The origin cannot be asked.
    Down,
    /// The origin has something else.
    Wrong,
}

/// Why a fetch came to nothing.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error(transparent)]
    Check(#[from] CheckError),
}

/// What an entry takes, in bytes.
#[derive(Clone, Debug)]
struct Weight;

impl Weighter<String, Arc<Kept>> for Weight {
    fn weight(&self, url: &String, kept: &Arc<Kept>) -> u64 {
        /// Of an entry without content.
        const FRAME: usize = 512;
        (FRAME + url.len() + kept.document.size()) as u64
    }
}

/// Not far from what manifests have; only decides how much room is set aside for remembering what was asked for.
const MEAN_SIZE: u64 = 8 << 10;

impl Documents {
    pub(crate) fn new(settings: &Served) -> Arc<Self> {
        let options = OptionsBuilder::new()
            // In shards, the largest documents would fit into none.
            .shards(1)
            .estimated_items_capacity((settings.cache / MEAN_SIZE) as usize)
            .weight_capacity(settings.cache)
            .build()
            .expect("both capacities are told");
        Arc::new(Self {
            fetcher: Fetcher::new(settings),
            kept: Cache::with_options(
                options,
                Weight,
                DefaultHashBuilder::default(),
                DefaultLifecycle::default(),
            ),
            flights: Mutex::default(),
            held: Default::default(),
        })
    }

    /// How many were asked for and held in this way.
    pub(crate) fn held(&self, how: Held) -> u64 {
        self.held[how as usize].load(Ordering::Relaxed)
    }

    /// The document, and how old it is. `ttl` is how long what changes may be kept.
    async fn get(
        self: &Arc<Self>,
        base: &Base,
        key: &Key,
        ttl: Duration,
    ) -> Result<(Arc<Kept>, Duration), Failure> {
        let (held, outcome) = self.look(base, key, ttl).await;
        self.held[held as usize].fetch_add(1, Ordering::Relaxed);
        outcome
    }

    async fn look(
        self: &Arc<Self>,
        base: &Base,
        key: &Key,
        ttl: Duration,
    ) -> (Held, Result<(Arc<Kept>, Duration), Failure>) {
        let url = format!("{base}{key}");
        let kept = self.kept.get(&url);
        let now = Instant::now();
        let stale = match kept.as_ref().map(|kept| (kept, kept.to_use(key, ttl, now))) {
            Some((kept, Use::Fresh)) => return (Held::Hit, Ok((Arc::clone(kept), kept.age(now)))),
            Some((kept, Use::Meanwhile)) => {
                // Goes on by itself.
                drop(self.flight(url, base, key));
                return (Held::Stale, Ok((Arc::clone(kept), kept.age(now))));
            }
            Some((kept, Use::InNeed)) => Some(kept),
            Some((_, Use::Never)) | None => None,
        };
        let mut flight = self.flight(url, base, key);
        let outcome = match flight.wait_for(Option::is_some).await {
            Ok(outcome) => (*outcome).clone().unwrap_or(Err(Failure::Down)),
            // Its core stops.
            Err(_) => Err(Failure::Down),
        };
        match (outcome, stale) {
            (Ok(kept), _) => {
                let age = kept.age(Instant::now());
                (Held::Miss, Ok((kept, age)))
            }
            (Err(Failure::Down | Failure::Wrong), Some(stale)) => {
                (Held::Stale, Ok((Arc::clone(stale), stale.age(now))))
            }
            (Err(failure), _) => (Held::Miss, Err(failure)),
        }
    }

    /// The fetch that is under way, or a new one. It goes on when who began it leaves.
    fn flight(self: &Arc<Self>, url: String, base: &Base, key: &Key) -> Flight {
        let mut flights = self.flights();
        if let Some(flight) = flights.get(&url) {
            return flight.clone();
        }
        let (tell, told) = watch::channel(None);
        flights.insert(url.clone(), told.clone());
        drop(flights);
        let under_way = UnderWay { documents: Arc::clone(self), url };
        let (base, key) = (base.clone(), key.clone());
        let fetch = async move {
            let outcome = under_way.documents.fetch(&under_way.url, &base, &key).await;
            // First, so that who comes now finds what is kept or asks anew.
            drop(under_way);
            // Perhaps nobody waits any more.
            let _ = tell.send(Some(outcome));
        };
        // Its log is that of the request which began it.
        tokio::spawn(fetch.in_current_span());
        told
    }

    fn flights(&self) -> MutexGuard<'_, HashMap<String, Flight>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fetches, checks and keeps.
    async fn fetch(&self, url: &String, base: &Base, key: &Key) -> Result<Arc<Kept>, Failure> {
        let before = self.kept.get(url);
        let fetched = self.fetched(url, base, key, before.as_deref()).await;
        let now = Instant::now();
        match fetched {
            Ok(Some(kept)) => {
                let kept = Arc::new(kept);
                self.kept.insert(url.clone(), Arc::clone(&kept));
                Ok(kept)
            }
            Ok(None) => {
                self.kept.remove(url);
                Err(Failure::Missing)
            }
            Err(trouble) => {
                if let Some(before) = before {
                    self.kept.insert(url.clone(), Arc::new(before.tried(now)));
                }
                let failure = trouble.failure();
                let trouble: &(dyn Error + 'static) = &trouble;
                warn!(url, error = trouble, "a document cannot be fetched");
                Err(failure)
            }
        }
    }

    /// `None` where the origin has no such document.
    async fn fetched(
        &self,
        url: &str,
        base: &Base,
        key: &Key,
        before: Option<&Kept>,
    ) -> Result<Option<Kept>, Trouble> {
        let limit = match key {
            Key::DigestView(..) | Key::TagView(..) => MANIFEST_MAX,
            _ => DOCUMENT_MAX,
        };
        let version = before.and_then(|before| before.version.as_ref());
        // From before the question: an answer may have been on its way for long.
        let asked = Instant::now();
        let document = match (self.fetcher.get(&uri(url)?, version, limit).await?, before) {
            (Fetched::Missing, _) => return Ok(None),
            (Fetched::Unchanged, Some(before)) => return Ok(Some(before.confirmed(asked))),
            // Nobody asked whether it has changed.
            (Fetched::Unchanged, None) => return Ok(None),
            (Fetched::Document { body, content_type, version }, _) => {
                let mut document = check_aside(key, body, content_type).await?;
                if let Key::V1Json(id) = key {
                    let layer = format!("{base}{}", Key::V1Layer(*id));
                    document.layer_size = self.fetcher.length(&uri(&layer)?).await?;
                }
                Kept::new(document, version, asked)
            }
        };
        Ok(Some(document))
    }
}

fn uri(url: &str) -> Result<Uri, FetchError> {
    url.parse().map_err(FetchError::Url)
}

impl Trouble {
    fn failure(&self) -> Failure {
        match self {
            Self::Fetch(error) if error.is_down() => Failure::Down,
            Self::Fetch(_) | Self::Check(_) => Failure::Wrong,
        }
    }
}

/// A fetch that is in the table of those under way, until it is over or its core stops.
struct UnderWay {
    documents: Arc<Documents>,
    url: String,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.documents.flights().remove(&self.url);
    }
}

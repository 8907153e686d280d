//! A store as clients see it: through an endpoint and whatever it redirects to. Asks for what the store has, as clients
//! ask for it, and for what it has not. Writes nothing.
//!
//! What an exchange means is decided in [`judge`], without a socket; what is said of it stands in [`Wrong`].

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use contract::key::Key;
use contract::listing::{Catalog, Listing};
use contract::name::Repository;
use url::Url;

mod advice;
mod asking;
mod exchange;
mod finding;
mod image;
pub mod judge;
mod of_v1;
mod repository;
mod sample;
mod wrong;

pub use advice::Advice;
use asking::Asking;
pub use exchange::{Answer, Exchange, Hop, How, Lost};
use finding::Findings;
pub use finding::{Finding, Summary};
pub use wrong::{Kept, Wrong};

use crate::at_once::at_once;
use crate::derive::Derive;
use crate::found::{self, Held, Trees};
use crate::store::{Store, StoreError};

/// How to go about it.
#[derive(Debug, Clone)]
pub struct Through<'a> {
    /// The store, and how to derive there.
    pub derive: Derive<'a>,
    /// Where clients ask: `https://registry.example.com`.
    pub registry: Url,
    /// How many requests at the same time.
    pub jobs: usize,
    /// For each request, with its redirects.
    pub timeout: Duration,
    /// How many seconds caches may keep what changes.
    pub changing_ttl: u32,
    /// Everything, and not a part of what is much.
    pub all: bool,
}

/// Why nothing could be looked at.
#[derive(Debug, thiserror::Error)]
pub enum ThroughError {
    /// No HTTP client.
    #[error("nothing can be asked")]
    Client(#[source] Box<dyn Error + Send + Sync>),
    /// The store's side.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// One look under way.
struct Looking<'a> {
    through: &'a Through<'a>,
    asking: Asking,
    findings: Mutex<Findings>,
    /// Contents that were asked for: repositories share them.
    asked: Mutex<BTreeSet<Key>>,
    /// Whether `/v2/` says `Docker-Distribution-Api-Version`.
    version: bool,
}

impl Through<'_> {
    /// Looks at the whole store, or at one repository.
    pub async fn run(&self, only: Option<&Repository>) -> Result<Summary, ThroughError> {
        let asking = Asking::new(self.registry.clone(), self.timeout, self.jobs);
        let mut looking = Looking {
            through: self,
            asking: asking.map_err(ThroughError::Client)?,
            findings: Mutex::default(),
            asked: Mutex::default(),
            version: false,
        };
        looking.version = looking.version().await;
        let found = self.found(only).await?;
        let all: Vec<(&Repository, &Held)> = found.iter().filter(|(_, held)| held.any()).collect();
        let sampled = if self.all { all.clone() } else { sample::spread(&all, sample::REPOSITORIES) };
        let most = match only {
            _ if self.all => usize::MAX,
            Some(_) => sample::TAGS_OF_ONE,
            None => sample::TAGS,
        };
        let each = sampled.iter().map(|(name, held)| looking.repository(name, held, most));
        let tags: Vec<usize> = at_once(self.jobs, each).await?;
        looking.ping(&sampled).await?;
        if only.is_none() && !all.is_empty() {
            looking.catalog(all.iter().map(|(name, _)| (*name).clone()).collect()).await?;
        }
        Ok(Summary {
            repositories: sampled.len(),
            of_repositories: all.len(),
            tags: tags.iter().sum(),
            of_tags: sampled.iter().map(|(_, held)| held.tags.len()).sum(),
            requests: looking.asking.sent(),
            findings: looking.findings.into_inner().unwrap_or_else(PoisonError::into_inner).sorted(),
        })
    }

    async fn found(&self, only: Option<&Repository>) -> Result<BTreeMap<Repository, Held>, StoreError> {
        let store = self.derive.store;
        let names = match only {
            None => found::repositories(store, self.jobs).await?,
            Some(name) => BTreeMap::from([(name.clone(), Trees::BOTH)]),
        };
        let each = names.into_iter().map(|(name, trees)| async move {
            let held = Held::read(store, trees.listed(&name)).await?;
            Ok::<_, StoreError>((name, held))
        });
        Ok(at_once(self.jobs, each).await?.into_iter().collect())
    }
}

impl<'a> Looking<'a> {
    fn store(&self) -> &'a dyn Store {
        self.through.derive.store
    }

    /// Asks, and tells what is wrong on the way.
    async fn ask(&self, path: &str, how: How) -> Exchange {
        let exchange = self.asking.ask(path, how).await;
        let v1 = path.starts_with("/v1/");
        self.tell(&exchange, judge::way(&exchange, v1));
        exchange
    }

    /// Asks for an object of a repository.
    async fn object(&self, name: &Repository, key: &Key, how: How) -> Exchange {
        let path = contract::api::path(name, key).unwrap_or_default();
        self.ask(&path, how).await
    }

    /// Where what came is wrapped, asks once more for the bytes as they are.
    async fn plain(&self, name: &Repository, key: &Key, exchange: &Exchange) -> Option<Exchange> {
        exchange.encoding()?;
        Some(self.object(name, key, How::Plain).await)
    }

    fn tell(&self, exchange: &Exchange, wrong: impl IntoIterator<Item = Wrong>) {
        let mut findings = locked(&self.findings);
        wrong.into_iter().for_each(|wrong| findings.take(exchange, wrong));
    }

    /// Whether nobody has asked for this yet.
    fn is_new(&self, key: &Key) -> bool {
        locked(&self.asked).insert(key.clone())
    }

    async fn version(&self) -> bool {
        let exchange = self.ask("/v2/", How::Get).await;
        self.tell(&exchange, judge::version(&exchange));
        exchange.end.is_ok_and(|answer| answer.header("docker-distribution-api-version").is_some())
    }

    /// `_ping` matters to who pulls v1 images, and says where those come from.
    async fn ping(&self, sampled: &[(&Repository, &Held)]) -> Result<(), StoreError> {
        for (name, held) in sampled {
            let Some(layer) = self.a_v1_layer(name, held).await? else { continue };
            let layer = self.object(name, &layer, How::Head).await;
            let exchange = self.ask("/v1/_ping", How::Get).await;
            self.tell(&exchange, judge::ping(&exchange, Some(layer.last())));
            break;
        }
        Ok(())
    }

    async fn catalog(&self, before: BTreeSet<Repository>) -> Result<(), StoreError> {
        let exchange = self.ask("/v2/_catalog", How::Plain).await;
        // What the store's own catalog lacks, `verify STORE` tells.
        let found = self.store().read(&Key::Catalog).await?;
        let own = found.and_then(|found| Catalog::from_bytes(&found.bytes).ok()).unwrap_or_default();
        self.tell(&exchange, judge::catalog(&exchange, &(&before & &own.repositories)));
        Ok(())
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

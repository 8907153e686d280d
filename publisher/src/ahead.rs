//! What goes to the store while a source is still packing: each layer as soon as it is packed.
//!
//! Nothing names it yet, so that it is in nobody's way if the rest never comes.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use contract::descriptor::Descriptor;
use contract::digest::Digest;
use contract::key::Key;
use contract::packed::Packed;
use tokio::sync::Semaphore;

use crate::content::{Content, Open};
use crate::remembered::recall;
use crate::source::Destination;
use crate::store::{SendError, Store};

/// A store that layers go to.
#[derive(Debug)]
pub struct Ahead<'a> {
    store: &'a dyn Store,
    /// How many at the same time; `None` where nothing may be sent before its time.
    turns: Option<Semaphore>,
    sent: Mutex<BTreeSet<Digest>>,
}

impl<'a> Ahead<'a> {
    /// `jobs` at the same time, `None` where nothing may be sent before all is known.
    pub fn new(store: &'a dyn Store, jobs: Option<usize>) -> Self {
        Self { store, turns: jobs.map(Semaphore::new), sent: Mutex::default() }
    }

    /// What was sent: not what was there already.
    pub fn sent(self) -> BTreeSet<Digest> {
        self.sent.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Destination for Ahead<'_> {
    async fn known(&self, diff_id: &Digest, packed: Packed) -> Option<Descriptor> {
        recall(self.store, diff_id, packed).await.unwrap_or_else(|error| {
            // Who cannot write there will be told when it matters.
            tracing::debug!(%error, %diff_id, "what the layer became is not known");
            None
        })
    }

    async fn folder(&self) -> Option<PathBuf> {
        self.turns.as_ref()?;
        self.store.folder().await.unwrap_or_else(|error| {
            // Who cannot write there will be told when it matters.
            tracing::debug!(%error, "layers wait elsewhere");
            None
        })
    }

    async fn packed(&self, layer: &Descriptor, from: &dyn Open) -> Result<(), SendError> {
        let Some(turns) = &self.turns else { return Ok(()) };
        let _turn = turns.acquire().await;
        let key = Key::Blob(layer.digest);
        if self.store.size(&key).await? != Some(layer.size) {
            self.store.send(&key, &Content { descriptor: layer, from, passed: &|_| () }).await?;
            self.sent.lock().unwrap_or_else(PoisonError::into_inner).insert(layer.digest);
        }
        Ok(())
    }
}

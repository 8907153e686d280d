//! All layers of an image, several at the same time. Those that the store has packed already are not read.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::sync::Arc;

use async_trait::async_trait;
use contract::descriptor::Descriptor;
use contract::digest::Digest;
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::sync::Semaphore;

use super::again::Again;
use super::layer::{self, Layer, LayerError, Packer, at_once};
use super::packing::Packing;
use super::place::{Place, off};
use super::tree::Tree;
use super::work::{self, Tell};
use super::{SourceError, Told, Wanted};
use crate::content::{Chunks, Open};

/// How many layers are asked for, packed or sent at the same time.
pub(super) const UNDER_WAY: usize = 16;

/// What all of them share.
struct All<'a> {
    tree: &'a Tree,
    wanted: &'a Wanted<'a>,
    told: &'a dyn Told,
    /// To read and hash.
    turns: Semaphore,
}

/// Packs layers, given by their diff ids with their members and where they are.
pub(super) async fn pack(
    tree: &Tree,
    layers: BTreeMap<Digest, (&str, Place)>,
    wanted: &Wanted<'_>,
    told: &dyn Told,
) -> Result<HashMap<Digest, Layer>, SourceError> {
    let all = All { tree, wanted, told, turns: Semaphore::new(at_once()) };
    let each: Vec<_> =
        layers.into_iter().map(|(diff_id, (member, place))| all.one(diff_id, member, place)).collect();
    stream::iter(each).buffer_unordered(UNDER_WAY).try_collect().await
}

impl All<'_> {
    async fn one(&self, diff_id: Digest, member: &str, place: Place) -> Result<(Digest, Layer), SourceError> {
        if let Some(layer) = self.known(diff_id, member, &place).await? {
            return Ok((diff_id, layer));
        }
        let layer = self
            .work("packing", member, &place, move |packer, place, tell| packer.pack(place, &diff_id, tell));
        let layer = layer.await?;
        let descriptor = layer.descriptor();
        self.wanted.to.packed(&descriptor, &One(&layer.place)).await?;
        Ok((diff_id, layer))
    }

    /// What the store has packed before of the same plain layer.
    async fn known(
        &self,
        diff_id: Digest,
        member: &str,
        place: &Place,
    ) -> Result<Option<Layer>, SourceError> {
        let Some(packed) = self.tree.packer.packed() else { return Ok(None) };
        let sniffed = place.clone();
        let packing = off(move || Ok(layer::sniff(&sniffed))).await.map_err(LayerError::Read).flatten();
        let packing = packing.map_err(|source| self.wrong(member, source))?;
        if self.wanted.compress.keeps(packing) {
            return Ok(None);
        }
        let Some(blob) = self.wanted.to.known(&diff_id, packed).await else { return Ok(None) };
        if self.wanted.verify {
            let check =
                move |packer: &Packer, place: &Place, tell: &Tell| packer.check(place, &diff_id, tell);
            self.work("reading", member, place, check).await?;
        }
        let (digest, size) = (blob.digest, blob.size);
        let again =
            Again { plain: place.clone(), diff_id, packer: Arc::clone(&self.tree.packer), digest, size };
        let place = Place::Again(Arc::new(again));
        Ok(Some(Layer { packing: Packing::from(packed), digest, place, packed: None }))
    }

    /// In turn with others, off the async threads.
    async fn work<T: Send + 'static>(
        &self,
        doing: &str,
        member: &str,
        place: &Place,
        work: impl FnOnce(&Packer, &Place, &Tell) -> Result<T, LayerError> + Send + 'static,
    ) -> Result<T, SourceError> {
        let _turn = self.turns.acquire().await;
        let (what, total) = (format!("{doing} {member}"), Some(place.size()));
        self.tree.counter()(place.size());
        let (packer, place) = (Arc::clone(&self.tree.packer), place.clone());
        let done = work::run(&what, total, self.told, move |tell| work(&packer, &place, tell)).await;
        done.map_err(LayerError::Read).flatten().map_err(|source| self.wrong(member, source))
    }

    fn wrong(&self, member: &str, source: LayerError) -> SourceError {
        SourceError::Layer { name: self.tree.name.clone(), member: member.to_owned(), source }
    }
}

/// One content alone.
struct One<'a>(&'a Place);

#[async_trait]
impl Open for One<'_> {
    async fn open(&self, _: &Descriptor) -> std::io::Result<Option<Chunks>> {
        self.0.chunks().await.map(Some)
    }

    fn file(&self, _: &Descriptor) -> Option<Arc<File>> {
        self.0.alone()
    }
}

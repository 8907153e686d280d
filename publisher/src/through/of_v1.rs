//! What old Docker asks for: the lists of a repository, and the topmost image of a tag.

use contract::key::Key;
use contract::name::{Repository, Tag};
use contract::v1;

use super::exchange::How;
use super::{Looking, judge};
use crate::found::Held;
use crate::store::StoreError;

impl Looking<'_> {
    pub(super) async fn v1(&self, name: &Repository, tag: &Tag) -> Result<(), StoreError> {
        let Some(v1) = v1::Repository::of(name) else { return Ok(()) };
        let ttl = Some(self.through.changing_ttl);
        self.document(name, &Key::V1Tag(v1.clone(), tag.clone()), ttl).await?;
        for list in [Key::V1Images(v1.clone()), Key::V1Tags(v1.clone())] {
            if self.is_new(&list) {
                self.document(name, &list, ttl).await?;
            }
        }
        let Some(id) = self.v1_id(&Key::V1Tag(v1, tag.clone())).await? else { return Ok(()) };
        let layer = Key::V1Layer(id);
        if !self.is_new(&layer) {
            return Ok(());
        }
        for key in [Key::V1Json(id), Key::V1Ancestry(id)] {
            self.document(name, &key, None).await?;
        }
        match self.store().size(&layer).await? {
            Some(size) => self.content(name, &layer, size).await,
            None => Ok(()),
        }
    }

    /// A document that may change while it is asked for.
    async fn document(&self, name: &Repository, key: &Key, ttl: Option<u32>) -> Result<(), StoreError> {
        let Some(before) = self.store().read(key).await? else { return Ok(()) };
        let exchange = self.object(name, key, How::Plain).await;
        let after = self.store().read(key).await?;
        let may_be: Vec<_> = [Some(before), after].into_iter().flatten().map(|found| found.bytes).collect();
        self.tell(&exchange, judge::document(&exchange, &may_be, ttl));
        Ok(())
    }

    async fn v1_id(&self, tag: &Key) -> Result<Option<v1::Id>, StoreError> {
        let found = self.store().read(tag).await?;
        Ok(found.and_then(|found| {
            let text: String = serde_json::from_slice(&found.bytes).ok()?;
            text.parse().ok()
        }))
    }

    /// The layer of some v1 image of a repository.
    pub(super) async fn a_v1_layer(&self, name: &Repository, held: &Held) -> Result<Option<Key>, StoreError> {
        let (Some(v1), Some(tag)) = (v1::Repository::of(name), held.v1_tags.first()) else { return Ok(None) };
        Ok(self.v1_id(&Key::V1Tag(v1, tag.clone())).await?.map(Key::V1Layer))
    }
}

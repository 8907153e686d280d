//! One image by its digest: its manifest, what an index names, config and layers, and who refers to it.

use bytes::{Bytes, BytesMut};
use contract::descriptor::Descriptor;
use contract::digest::Digest;
use contract::key::Key;
use contract::listing::{Listing, Referrers};
use contract::manifest::{Content, Manifest};
use contract::name::Repository;
use futures_util::StreamExt;

use super::exchange::{Exchange, How};
use super::{Looking, Wrong, judge, sample};
use crate::found::Held;
use crate::store::StoreError;

/// How much of a content's beginning, and of its middle, is compared.
const BEGIN: usize = 4 << 10;
/// A part as a client asks for that goes on with what broke off.
const PART: u64 = 1 << 10;

impl Looking<'_> {
    pub(super) async fn image(
        &self,
        name: &Repository,
        digest: &Digest,
        held: &Held,
    ) -> Result<(), StoreError> {
        let Some(manifest) = self.manifest(name, digest).await? else { return Ok(()) };
        self.referrers(name, digest).await?;
        match &manifest.content {
            Content::Image { .. } => self.contents(name, &manifest).await,
            Content::Index { entries } => {
                let linked: Vec<&Descriptor> =
                    entries.iter().filter(|entry| held.revisions.contains(&entry.digest)).collect();
                let most = if self.through.all { linked.len() } else { sample::CHILDREN };
                let mut first = true;
                for child in sample::spread(&linked, most) {
                    let Some(manifest) = self.manifest(name, &child.digest).await? else { continue };
                    if first || self.through.all {
                        self.contents(name, &manifest).await?;
                    }
                    first = false;
                }
                Ok(())
            }
        }
    }

    /// By its digest, once. `None` where it was asked for before.
    async fn manifest(&self, name: &Repository, digest: &Digest) -> Result<Option<Manifest>, StoreError> {
        let key = Key::DigestView(name.clone(), *digest);
        if !self.is_new(&key) {
            return Ok(None);
        }
        let get = self.object(name, &key, How::Get).await;
        let Some((_, manifest)) = self.through.derive.manifest(digest).await? else {
            self.tell(&get, [Wrong::Store(format!("manifest {digest}"))]);
            return Ok(None);
        };
        let plain = self.plain(name, &key, &get).await;
        let shown = judge::Shown { digest, media_type: manifest.media_type(), tag: None };
        self.tell(&get, judge::manifest(&get, plain.as_ref(), &shown));
        let head = self.object(name, &key, How::Head).await;
        self.tell(&head, judge::head(&head, &get));
        Ok(Some(manifest))
    }

    async fn referrers(&self, name: &Repository, digest: &Digest) -> Result<(), StoreError> {
        let key = Key::Referrers(name.clone(), *digest);
        let Some(before) = self.store().read(&key).await? else { return Ok(()) };
        let exchange = self.object(name, &key, How::Plain).await;
        let after = self.store().read(&key).await?;
        let may_be: Vec<Referrers> = [Some(before), after]
            .into_iter()
            .filter_map(|found| Referrers::from_bytes(&found?.bytes).ok())
            .collect();
        self.tell(&exchange, judge::referrers(&exchange, &may_be, self.through.changing_ttl));
        Ok(())
    }

    /// The config, and the largest layer: CDNs have limits. All of them where everything is wanted.
    async fn contents(&self, name: &Repository, manifest: &Manifest) -> Result<(), StoreError> {
        let Content::Image { config, layers } = &manifest.content else { return Ok(()) };
        let mut layers: Vec<&Descriptor> = layers.iter().filter(|layer| !layer.may_be_absent()).collect();
        layers.sort_by_key(|layer| std::cmp::Reverse(layer.size));
        if !self.through.all {
            layers.truncate(1);
        }
        for blob in std::iter::once(&**config).chain(layers) {
            let key = Key::Blob(blob.digest);
            if self.is_new(&key) {
                self.content(name, &key, blob.size).await?;
            }
        }
        Ok(())
    }

    /// Content as it is pulled: from its beginning, by HEAD, and from its middle on.
    pub(super) async fn content(&self, name: &Repository, key: &Key, size: u64) -> Result<(), StoreError> {
        let get = self.object(name, key, How::Begin(BEGIN)).await;
        let Some(begin) = self.bytes(key, 0, BEGIN).await? else {
            self.tell(&get, [Wrong::Store(key.path())]);
            return Ok(());
        };
        let plain = self.plain(name, key, &get).await;
        self.tell(&get, judge::content(&get, plain.as_ref(), size, &begin));
        let head = self.object(name, key, How::Head).await;
        self.tell(&head, judge::head(&head, &get));
        if size > 1 && get.found().is_some() {
            let first = size / 2;
            let last = (first + PART).min(size) - 1;
            let length = usize::try_from(last - first + 1).unwrap_or_default();
            let wanted = self.bytes(key, first, length).await?.unwrap_or_default();
            let part: Exchange = self.object(name, key, How::Part(first, last)).await;
            self.tell(&part, judge::part(&part, first, &wanted, size));
        }
        Ok(())
    }

    /// So many bytes of the store's, or as many as there are.
    async fn bytes(&self, key: &Key, from: u64, most: usize) -> Result<Option<Bytes>, StoreError> {
        let Some(mut chunks) = self.store().open(key, from).await? else { return Ok(None) };
        let mut bytes = BytesMut::new();
        while bytes.len() < most
            && let Some(chunk) = chunks.next().await
        {
            let chunk = chunk.map_err(|source| StoreError {
                kind: crate::store::Kind::Unavailable,
                store: self.store().name(),
                action: format!("reading {key}"),
                source: Some(source.into()),
            })?;
            bytes.extend_from_slice(&chunk);
        }
        bytes.truncate(most);
        Ok(Some(bytes.freeze()))
    }
}

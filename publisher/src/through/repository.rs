//! One repository: its tags, its lists, and what it has not.

use std::collections::BTreeSet;

use contract::digest::{Algorithm, Digest};
use contract::key::{Key, Prefix};
use contract::name::{Repository, Tag};

use super::exchange::How;
use super::judge::{self, Absent, Names};
use super::{Looking, Wrong, sample};
use crate::at_once::at_once;
use crate::found::Held;
use crate::store::StoreError;

/// A tag that nobody has.
const NO_TAG: &str = "static-registry.no-such-tag";

impl Looking<'_> {
    /// Returns how many tags were looked at.
    pub(super) async fn repository(
        &self,
        name: &Repository,
        held: &Held,
        most: usize,
    ) -> Result<usize, StoreError> {
        let tags = sample::newest(&held.tags, most);
        let each = tags.iter().map(|tag| self.tag(name, tag, held));
        at_once(self.through.jobs, each).await?;
        if tags.is_empty() {
            for digest in held.revisions.iter().take(most) {
                self.image(name, digest, held).await?;
            }
        }
        self.tag_list(name, held).await?;
        self.absent(name, held).await;
        Ok(tags.len())
    }

    async fn tag(&self, name: &Repository, tag: &Tag, held: &Held) -> Result<(), StoreError> {
        let link = Key::TagLink(name.clone(), tag.clone());
        // Whoever removed it meanwhile wants nobody to see it.
        let Some(digest) = self.through.derive.target(&link).await? else { return Ok(()) };
        self.tag_view(name, tag, &digest).await?;
        self.image(name, &digest, held).await?;
        if held.v1_tags.contains(tag) {
            self.v1(name, tag).await?;
        }
        Ok(())
    }

    async fn tag_view(&self, name: &Repository, tag: &Tag, digest: &Digest) -> Result<(), StoreError> {
        let (derive, changing_ttl) = (self.through.derive, self.through.changing_ttl);
        let key = Key::TagView(name.clone(), tag.clone());
        let link = Key::TagLink(name.clone(), tag.clone());
        let get = self.object(name, &key, How::Get).await;
        let plain = self.plain(name, &key, &get).await;
        let Some((_, manifest)) = derive.manifest(digest).await? else {
            self.tell(&get, [Wrong::Store(format!("manifest {digest}"))]);
            return Ok(());
        };
        let view = self.store().read(&key).await?;
        let view = view.map(|view| Digest::of(digest.algorithm(), &view.bytes));
        let tag = Some((view, changing_ttl));
        let shown = judge::Shown { digest, media_type: manifest.media_type(), tag };
        let wrong = judge::manifest(&get, plain.as_ref(), &shown);
        // Whoever moved the tag while we asked may have been shown already, or not yet.
        if derive.target(&link).await? == Some(*digest) {
            self.tell(&get, wrong);
            let head = self.object(name, &key, How::Head).await;
            self.tell(&head, judge::head(&head, &get));
        }
        Ok(())
    }

    async fn tag_list(&self, name: &Repository, held: &Held) -> Result<(), StoreError> {
        if !held.has_tag_list {
            return Ok(());
        }
        let exchange = self.object(name, &Key::TagList(name.clone()), How::Plain).await;
        let keys = self.store().list(&Prefix::Tags(name.clone())).await?;
        let after: BTreeSet<Tag> = keys
            .into_iter()
            .filter_map(|key| if let Key::TagLink(_, tag) = key { Some(tag) } else { None })
            .collect();
        let names = Names::of(&held.tags, &after);
        self.tell(&exchange, judge::tags(&exchange, name, &names, self.through.changing_ttl));
        Ok(())
    }

    /// What nobody published, asked for as clients do who look for signatures or see whether they need to push.
    async fn absent(&self, name: &Repository, held: &Held) {
        let digest = Digest::of(Algorithm::Sha256, format!("no content of {name}").as_bytes());
        let manifest = Absent::Manifest { v1: !held.v1_tags.is_empty(), version: self.version };
        let mut asked = vec![
            (Key::DigestView(name.clone(), digest), How::Get, manifest),
            (Key::Referrers(name.clone(), digest), How::Plain, Absent::Referrers),
            (Key::Blob(digest), How::Get, Absent::Blob),
        ];
        if let Ok(tag) = NO_TAG.parse::<Tag>() {
            let key = Key::TagView(name.clone(), tag);
            asked.extend([How::Get, How::Head].map(|how| (key.clone(), how, manifest)));
        }
        for (key, how, absent) in asked {
            let exchange = self.object(name, &key, how).await;
            self.tell(&exchange, judge::missing(&exchange, absent));
        }
    }
}

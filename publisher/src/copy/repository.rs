//! One repository: what is there, its images one after the other, then what they leave behind.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::error::Error;

use contract::digest::{Algorithm, Digest};
use contract::key::{Key, Prefix};
use contract::name::{Repository, Tag};
use contract::v1;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::order::{Seen, order};
use super::{Copied, CopyError, Copying, Run};
use crate::announce::{Action, Changes};
use crate::apply::{Apply, PublishError, SMALL_PER_JOB};
use crate::content::ContentError;
use crate::image::{Image, ImageError};
use crate::listings;
use crate::plan::{Change, Target, Wish};
use crate::publish::{prepare, publish};
use crate::store::{Document, SendError, StoreError, When};
use crate::v1_chain;

/// How often a tag that others move at the source is followed.
const ROUNDS: usize = 3;

/// An image, with the tags that are to point to it.
type Wanted = (Digest, BTreeSet<Tag>);

/// What is wrong with an image; nothing where it was copied.
type Flaw = Option<String>;

impl Run<'_> {
    pub(super) async fn repository(&self, name: &Repository) -> Result<Copied, CopyError> {
        let mut copied = Copied::none_of(name);
        let source = self.copying.source.store;
        let keys = source.list(&Prefix::Manifests(name.clone())).await?;
        let (seen, tags) = (self.seen(&keys).await?, self.tags(&keys).await?);
        let mut waiting: VecDeque<(Wanted, usize)> =
            order(&seen, &tags).into_iter().map(|wanted| (wanted, 0)).collect();
        while let Some(((digest, tags), round)) = waiting.pop_front() {
            let Some(flaw) = self.image(name, digest, &tags, &mut copied).await? else { continue };
            let still = self.look_again(name, digest, &tags).await?;
            if still.contains_key(&digest) || round == ROUNDS {
                copied.problems.push(format!("{}: {flaw}", said(name, digest, &tags)));
            }
            let others = still.into_iter().filter(|(now, _)| *now != digest && round < ROUNDS);
            waiting.extend(others.map(|wanted| (wanted, round + 1)));
        }
        if !self.copying.dry_run {
            self.history(name, &keys, &copied).await?;
            self.description(name).await?;
        }
        Ok(copied)
    }

    /// What the source's manifests bring with them. One that cannot be read brings nothing, and is told of when it is
    /// to be copied.
    async fn seen(&self, keys: &[Key]) -> Result<BTreeMap<Digest, Seen>, StoreError> {
        let source = self.copying.source;
        let read = keys.iter().filter_map(|key| {
            let Key::RevisionLink(_, digest) = key else { return None };
            Some(async move {
                let found = source.manifest(digest).await?;
                let seen = found.map(|(bytes, manifest)| Seen {
                    children: manifest
                        .children()
                        .filter(|child| child.media_type.is_manifest())
                        .map(|child| child.digest)
                        .collect(),
                    twin: (digest.algorithm() == Algorithm::Sha512)
                        .then(|| Digest::of(Algorithm::Sha256, &bytes)),
                });
                Ok::<_, StoreError>((*digest, seen.unwrap_or_default()))
            })
        });
        stream::iter(read).buffer_unordered(self.copying.jobs * SMALL_PER_JOB).try_collect().await
    }

    /// Where the source's tags point at this moment.
    async fn tags(&self, keys: &[Key]) -> Result<BTreeMap<Tag, Digest>, StoreError> {
        let source = self.copying.source;
        let read = keys.iter().filter_map(|key| {
            let Key::TagLink(_, tag) = key else { return None };
            Some(async move {
                let target = source.target(key).await?;
                Ok::<_, StoreError>(target.map(|digest| (tag.clone(), digest)))
            })
        });
        let jobs = self.copying.jobs * SMALL_PER_JOB;
        let found: Vec<_> = stream::iter(read).buffer_unordered(jobs).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// An image that could not be copied may have been removed at the source since: where it is wanted still, and
    /// where its tags point now.
    async fn look_again(
        &self,
        name: &Repository,
        digest: Digest,
        tags: &BTreeSet<Tag>,
    ) -> Result<BTreeMap<Digest, BTreeSet<Tag>>, StoreError> {
        let source = self.copying.source;
        let mut still: BTreeMap<Digest, BTreeSet<Tag>> = BTreeMap::new();
        if tags.is_empty() && source.store.size(&Key::RevisionLink(name.clone(), digest)).await?.is_some() {
            still.entry(digest).or_default();
        }
        for tag in tags {
            if let Some(now) = source.target(&Key::TagLink(name.clone(), tag.clone())).await? {
                still.entry(now).or_default().insert(tag.clone());
            }
        }
        Ok(still)
    }

    async fn image(
        &self,
        name: &Repository,
        digest: Digest,
        tags: &BTreeSet<Tag>,
        copied: &mut Copied,
    ) -> Result<Flaw, CopyError> {
        let copying = &self.copying;
        let Some(root) = copying.source.root(digest).await? else {
            return Ok(Some("it is absent, damaged, or a manifest that today's clients refuse".to_owned()));
        };
        // What is left out of an index would give it another digest.
        let image = match Image::load(copying.from, root, true).await {
            Err(error) if is_flaw(&error) => return Ok(Some(told(&error))),
            loaded => loaded?,
        };
        let of_v1 = !tags.is_empty() && v1::Repository::of(name).is_some();
        let chain =
            of_v1.then(|| v1_chain::of(&image, copying.target.v1_platform, copying.v1).ok()).flatten();
        let chain = chain.unwrap_or_default();
        let keep = tags.is_empty() && self.is_to_keep(name, digest).await?;
        let mut target = Target { repository: name.clone(), tags: tags.clone(), keep };
        loop {
            let targets = std::slice::from_ref(&target);
            let Copying { immutable, grace, .. } = *copying;
            let wish = Wish { image: &image, targets, v1: &chain, immutable, grace };
            match self.publish(&wish, copied).await {
                Err(PublishError::Refused(refusal)) => {
                    target.tags.remove(&refusal.tag);
                    copied.stay.push(*refusal);
                    if target.tags.is_empty() {
                        return Ok(None);
                    }
                }
                Err(PublishError::Send(SendError::Content(
                    error @ (ContentError::Missing(_) | ContentError::Mismatch { .. }),
                ))) => return Ok(Some(error.to_string())),
                published => {
                    published?;
                    copied.images += 1;
                    copied.tags += target.tags.len();
                    return Ok(None);
                }
            }
        }
    }

    /// Whether the source keeps an image that has no tag, and the target does not yet.
    async fn is_to_keep(&self, name: &Repository, digest: Digest) -> Result<bool, StoreError> {
        let mark = Key::Keep(name.clone(), digest);
        Ok(self.copying.source.store.size(&mark).await?.is_some()
            && self.copying.target.store.size(&mark).await?.is_none())
    }

    async fn publish(&self, wish: &Wish<'_>, copied: &mut Copied) -> Result<(), PublishError> {
        let Copying { from, target, jobs, progress, dry_run, .. } = self.copying;
        let plan = prepare(target, wish, jobs).await?;
        if !dry_run {
            publish(Apply { from, derive: target, jobs, progress }, wish, &plan).await?;
            copied.changes.add(Changes::of_plan(Action::Published, wish, &plan));
        }
        self.count(&plan, copied);
        Ok(())
    }

    /// Where the tags have pointed, as far as that is there.
    async fn history(&self, name: &Repository, keys: &[Key], copied: &Copied) -> Result<(), StoreError> {
        let (source, target) = (self.copying.source, self.copying.target.store);
        let there: BTreeSet<Key> = target.list(&Prefix::Tags(name.clone())).await?.into_iter().collect();
        let mut missing: BTreeMap<&Tag, Vec<(&Key, &Digest)>> = BTreeMap::new();
        for key in keys.iter().filter(|key| !there.contains(key)) {
            let Key::TagHistoryLink(_, tag, digest) = key else { continue };
            let is_here = there.contains(&Key::TagLink(name.clone(), tag.clone()));
            if is_here && !copied.stay.iter().any(|refusal| refusal.tag == *tag) {
                missing.entry(tag).or_default().push((key, digest));
            }
        }
        let each = missing.into_values().map(|links| async move {
            let mut dated = Vec::new();
            for (key, digest) in links {
                let found = source.dated(key).await?;
                dated.extend(found.map(|(_, moved)| (moved, key, digest)));
            }
            // One after the other, so that where the tag pointed last at the source is the last here.
            dated.sort();
            for (_, key, digest) in dated {
                if target.size(&Key::RevisionLink(name.clone(), *digest)).await?.is_some() {
                    target.write(key, &Document::link(digest), When::Always).await?;
                }
            }
            Ok::<_, StoreError>(())
        });
        stream::iter(each).buffer_unordered(self.copying.jobs * SMALL_PER_JOB).try_collect().await
    }

    /// What the source says of the repository, in place of what its images said when they came.
    async fn description(&self, name: &Repository) -> Result<(), StoreError> {
        let Some(said) = self.said.descriptions.get(name) else { return Ok(()) };
        let (target, change) = (self.copying.target.store, Change::Description(name.clone(), said.clone()));
        if !listings::holds(target, &change).await? && listings::search::is_held(target, name).await? {
            listings::change(target, &change).await?;
        }
        Ok(())
    }
}

/// Whether an image is damaged or incomplete; else its store could not be asked.
fn is_flaw(error: &ImageError) -> bool {
    match error {
        ImageError::Look { .. } | ImageError::Content(ContentError::Read { .. }) => false,
        ImageError::Root { .. }
        | ImageError::Content(_)
        | ImageError::Manifest { .. }
        | ImageError::TooLarge { .. }
        | ImageError::Size { .. }
        | ImageError::NoManifest(_)
        | ImageError::NoBlob { .. }
        | ImageError::Nothing(_)
        | ImageError::Incomplete(_)
        | ImageError::TooDeep(_)
        | ImageError::TooMany
        | ImageError::TooMuch => true,
    }
}

/// An error with its causes, in one line.
fn told(error: &dyn Error) -> String {
    let cause = error.source().map(|cause| format!(" ({})", told(cause))).unwrap_or_default();
    format!("{error}{cause}")
}

/// An image by its names.
fn said(name: &Repository, digest: Digest, tags: &BTreeSet<Tag>) -> String {
    let tags: Vec<String> = tags.iter().map(|tag| format!("{name}:{tag}")).collect();
    if tags.is_empty() { format!("{name}@{digest}") } else { tags.join(", ") }
}

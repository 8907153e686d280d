//! The tags of a repository: their links, and what they show.

use std::collections::BTreeMap;

use contract::digest::Digest;
use contract::key::Key;
use contract::name::{Repository, Tag};

use super::finding::Wrong;
use super::looking::Looking;
use super::manifests::{self, Manifests};
use crate::apply::SMALL_PER_JOB;
use crate::at_once::at_once;
use crate::found::Held;
use crate::store::StoreError;

/// Returns the tags that show a manifest, with its digest.
pub(super) async fn look(
    looking: &Looking<'_>,
    name: &Repository,
    held: &Held,
    manifests: &Manifests,
) -> Result<BTreeMap<Tag, Digest>, StoreError> {
    let each = held.tags.iter().map(|tag| tag_at(looking, name, tag, manifests));
    let jobs = looking.verify.jobs * SMALL_PER_JOB;
    let shown: Vec<_> = at_once(jobs, each).await?;
    for tag in held.tag_views.difference(&held.tags) {
        let view = Key::TagView(name.clone(), tag.clone());
        // Whoever removes a tag takes its view away after its link.
        if looking.store().size(&view).await?.is_some() {
            looking.tell(&view, Wrong::Unlinked);
        }
    }
    Ok(shown.into_iter().flatten().collect())
}

async fn tag_at(
    looking: &Looking<'_>,
    name: &Repository,
    tag: &Tag,
    manifests: &Manifests,
) -> Result<Option<(Tag, Digest)>, StoreError> {
    let link = Key::TagLink(name.clone(), tag.clone());
    let Some(digest) = looking.link(&link, "the tag").await? else { return Ok(None) };
    let Some(media_type) = manifests.types.get(&digest) else {
        looking.tell(&Key::RevisionLink(name.clone(), digest), Wrong::Missing(format!("{name}:{tag}")));
        return Ok(None);
    };
    manifests::view(looking, &Key::TagView(name.clone(), tag.clone()), media_type, &digest).await?;
    Ok(Some((tag.clone(), digest)))
}

//! What old Docker sees of a repository: the same images under the same tags, or none.

use std::collections::{BTreeMap, BTreeSet};

use contract::digest::Digest;
use contract::key::Key;
use contract::listing::{Listing, V1Images, V1Tags, v1_tag};
use contract::name::Tag;
use contract::v1;

use super::finding::Wrong;
use super::looking::Looking;
use crate::apply::SMALL_PER_JOB;
use crate::at_once::at_once;
use crate::found::Held;
use crate::store::StoreError;

pub(super) async fn look(
    looking: &Looking<'_>,
    name: &v1::Repository,
    held: &Held,
    shown: &BTreeMap<Tag, Digest>,
) -> Result<(), StoreError> {
    let jobs = looking.verify.jobs * SMALL_PER_JOB;
    // Without a v1 image in the whole store, no manifest has one.
    let digests: BTreeSet<&Digest> = shown.values().filter(|_| looking.has_v1).collect();
    let each = digests.into_iter().map(|digest| async move {
        let id = image(looking, name, digest).await?;
        Ok::<_, StoreError>(id.map(|id| (digest, id)))
    });
    let ids: BTreeMap<&Digest, v1::Id> = at_once(jobs, each).await?.into_iter().flatten().collect();
    let tags = shown.iter().filter_map(|(tag, digest)| Some((tag.clone(), *ids.get(digest)?)));
    let tags = V1Tags { tags: tags.collect() };
    let each = tags.tags.iter().map(|(tag, id)| async move {
        let key = Key::V1Tag(name.clone(), tag.clone());
        looking.document(&key, &v1_tag(*id), "the tag link").await
    });
    at_once(jobs, each).await?;
    for tag in held.v1_tags.iter().filter(|tag| !tags.tags.contains_key(tag)) {
        looking.tell(&Key::V1Tag(name.clone(), tag.clone()), Wrong::Unlinked);
    }
    lists(looking, name, held, &tags).await
}

/// The v1 id that a manifest has, where it has its v1 images.
async fn image(
    looking: &Looking<'_>,
    name: &v1::Repository,
    digest: &Digest,
) -> Result<Option<v1::Id>, StoreError> {
    let derive = looking.verify.derive;
    let Some((_, manifest)) = derive.manifest(digest).await? else { return Ok(None) };
    let chain = derive.chain(&manifest).await?;
    let Some(top) = chain.last() else { return Ok(None) };
    // It is written last: without it, nobody was told of the others.
    if looking.store().size(&Key::V1Ancestry(top.id)).await?.is_none() {
        return Ok(None);
    }
    let by = format!("{name}@{digest}");
    for image in chain.iter().filter(|image| looking.is_new_v1(image.id)) {
        let (key, layer) = (Key::V1Layer(image.id), &image.layer);
        match &image.gzip_of {
            None => looking.content(&key, &layer.digest, layer.size, &by).await?,
            Some(diff_id) => looking.v1_gzip(&key, diff_id, &by).await?,
        }
        looking.document(&Key::V1Json(image.id), &image.json, "its id").await?;
        looking.document(&Key::V1Ancestry(image.id), &image.ancestry, "its id").await?;
    }
    Ok(Some(top.id))
}

/// `images` may name more ids than `tags`: one whose tag is gone stays until `relist`.
async fn lists(
    looking: &Looking<'_>,
    name: &v1::Repository,
    held: &Held,
    tags: &V1Tags,
) -> Result<(), StoreError> {
    let (key, images) = (Key::V1Tags(name.clone()), Key::V1Images(name.clone()));
    if tags.tags.is_empty() && !held.has_v1_tag_list {
        return Ok(());
    }
    looking.document(&key, &tags.to_bytes(), "the v1 tags").await?;
    let Some(said) = looking.read(&images, None, "the v1 tags").await? else { return Ok(()) };
    let said = V1Images::from_bytes(&said).ok();
    let named = |id: &v1::Id| said.as_ref().is_some_and(|said| said.ids().any(|other| other == *id));
    if said.is_none() || !tags.tags.values().all(named) {
        looking.tell(&images, Wrong::Disagrees("the v1 tags"));
    }
    Ok(())
}

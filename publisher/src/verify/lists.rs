//! The lists of a repository: they say what the links say.

use std::collections::BTreeMap;

use contract::digest::Digest;
use contract::key::Key;
use contract::listing::{Listing, TagList};
use contract::name::{Repository, Tag};

use super::looking::Looking;
use super::manifests::Manifests;
use crate::apply::SMALL_PER_JOB;
use crate::at_once::at_once;
use crate::found::Held;
use crate::store::StoreError;

pub(super) async fn look(
    looking: &Looking<'_>,
    name: &Repository,
    held: &Held,
    manifests: &Manifests,
    shown: &BTreeMap<Tag, Digest>,
) -> Result<(), StoreError> {
    let lists = manifests.referrers.iter().map(|(subject, referrers)| async move {
        let key = Key::Referrers(name.clone(), *subject);
        looking.document(&key, &referrers.to_bytes(), "the manifests that refer to it").await
    });
    let jobs = looking.verify.jobs * SMALL_PER_JOB;
    at_once(jobs, lists).await?;
    // One of a repository without tags need not be there.
    if held.has_tag_list || !shown.is_empty() {
        let list = TagList { name: name.clone(), tags: shown.keys().cloned().collect() };
        looking.document(&Key::TagList(name.clone()), &list.to_bytes(), "the tag links").await?;
    }
    Ok(())
}

//! What belongs to an image without being part of it: by the registry's referrers lists, and by the names of tags.

use std::collections::BTreeSet;

use contract::descriptor::Descriptor;
use contract::digest::Digest;
use contract::key::Key;
use contract::listing::{Listing, Referrers};
use contract::name::Tag;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::State;
use super::work::{Work, failed};
use crate::apply::SMALL_PER_JOB;
use crate::failure::CommandError;

/// Whether a tag says something of one of these images: cosign's `sha256-<hex>.sig`, `.att` and `.sbom`, and the
/// `sha256-<hex>` of registries without referrers lists (distribution spec, "Referrers Tag Schema").
pub(super) fn is_of(tag: &Tag, known: &BTreeSet<Digest>) -> bool {
    let Some((algorithm, rest)) = tag.as_str().split_once('-') else { return false };
    let hex = rest.split('.').next().unwrap_or_default();
    Digest::from_parts(algorithm, hex).is_ok_and(|digest| known.contains(&digest))
}

impl Work<'_> {
    /// Copies what refers to the images that are to be asked for, and what refers to that, and so on. Returns the first
    /// failure among them.
    pub(super) async fn referrers(&mut self) -> Result<Option<State>, CommandError> {
        let before = self.outcomes.len();
        while self.keeps_referrers && !self.ask.is_empty() {
            // One alone until it is known that there are such lists.
            let now = if self.has_lists { 0 } else { self.ask.len() - 1 };
            let subjects = self.ask.split_off(now);
            let remote = &self.remote;
            let asked = subjects.iter().map(|subject| remote.referrers(subject));
            let jobs = self.mirror.jobs * SMALL_PER_JOB;
            let listed: Result<Vec<_>, _> = stream::iter(asked).buffered(jobs).try_collect().await;
            match listed {
                Ok(lists) => {
                    self.has_lists |= lists.iter().any(Option::is_some);
                    self.keeps_referrers = self.has_lists;
                    for (subject, list) in subjects.iter().zip(lists) {
                        self.copy_referrers(subject, list.unwrap_or_default()).await?;
                    }
                }
                Err(error) => self.fail(None, failed(error))?,
            }
        }
        let failed = self.outcomes[before..].iter().find(|outcome| outcome.is_failure());
        Ok(failed.map(|outcome| outcome.state.clone()))
    }

    async fn copy_referrers(&mut self, subject: &Digest, list: Vec<Descriptor>) -> Result<(), CommandError> {
        if list.is_empty() {
            return Ok(());
        }
        // A place in the list is written last: it says that all else is there.
        let ours = self.mirror.derive.store.read(&Key::Referrers(self.wanted.to.clone(), *subject)).await?;
        let ours = ours.and_then(|found| Referrers::from_bytes(&found.bytes).ok()).unwrap_or_default();
        for Descriptor { digest, .. } in list {
            if !self.known.insert(digest) {
                continue;
            }
            if ours.manifests().iter().all(|there| there.digest != digest) {
                self.copy(digest, &BTreeSet::new()).await?;
            } else if self.mirror.asks_always() {
                self.ask.push(digest);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_that_belong_to_an_image_are_known_by_its_digest() {
        let digest: Digest = format!("sha256:{}", "a".repeat(64)).parse().unwrap();
        let known = BTreeSet::from([digest]);
        for (name, belongs) in [
            ("sha256-HEX", true),
            ("sha256-HEX.sig", true),
            ("sha256-HEX.att", true),
            ("sha256-HEX.cosign.bundle", true),
            ("sha256-HEXa", false),
            ("sha512-HEX", false),
            ("sha256-bbbb.sig", false),
            ("v1-HEX", false),
            ("latest", false),
        ] {
            let tag: Tag = name.replace("HEX", &"a".repeat(64)).parse().unwrap();
            assert_eq!(is_of(&tag, &known), belongs, "{name}");
        }
    }
}

//! One image, from a registry to the store, under all tags that it has.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use contract::digest::Digest;
use contract::name::{Tag, TagOrDigest};
use contract::v1;

use super::outcome::failure;
use super::work::{Work, failed};
use super::{Mirror, State};
use crate::announce::{Action, Changes};
use crate::apply::Apply;
use crate::content::Open;
use crate::failure::CommandError;
use crate::image::Image;
use crate::plan::{Plan, Step, Target, Wish};
use crate::publish::{prepare, publish};
use crate::rate::Limited;
use crate::source::SourceError;
use crate::source::registry::{RegistryError, Remote};
use crate::v1_chain;

impl Work<'_> {
    /// Copies an image, for these tags or for its digest alone, and says what came of it.
    pub(super) async fn copy(&mut self, digest: Digest, tags: &BTreeSet<Tag>) -> Result<(), CommandError> {
        if self.mirror.dry_run {
            self.known.insert(digest);
            self.each(digest, tags, &State::Planned);
            return Ok(());
        }
        let loaded = self.load(digest).await;
        let (remote, image) = match loaded {
            Ok(loaded) => loaded,
            Err(error) => {
                self.each(digest, tags, &failure(error)?);
                return Ok(());
            }
        };
        match self.whole(&remote, &image, tags).await {
            Ok(state) => self.each(digest, tags, &state),
            // One that must not be moved keeps none of the others.
            Err(CommandError::Refused(_)) if tags.len() > 1 => {
                for tag in tags {
                    Box::pin(self.copy(digest, &BTreeSet::from([tag.clone()]))).await?;
                }
            }
            Err(error) => self.each(digest, tags, &failure(error)?),
        }
        Ok(())
    }

    /// What refers to an image comes before its tags: once these point to it, no later run asks for that.
    async fn whole(
        &mut self,
        remote: &Remote,
        image: &Image,
        tags: &BTreeSet<Tag>,
    ) -> Result<State, CommandError> {
        let (mut blobs, mut bytes) = (0, 0);
        let companions_first = self.keeps_referrers && !tags.is_empty();
        if companions_first {
            let plan = self.publish(remote, image, &BTreeSet::new()).await?;
            (blobs, bytes) = (sent(&plan), plan.bytes());
            self.came(image);
            if let Some(failed) = Box::pin(self.referrers()).await? {
                return Ok(failed);
            }
        }
        let plan = self.publish(remote, image, tags).await?;
        if !companions_first {
            self.came(image);
        }
        Ok(State::Copied { blobs: blobs + sent(&plan), bytes: bytes + plan.bytes() })
    }

    fn came(&mut self, image: &Image) {
        let manifests = image.manifests.iter().map(|document| document.descriptor.digest);
        self.known.extend(manifests.clone());
        if self.keeps_referrers {
            self.ask.extend(manifests);
        }
    }

    /// By its digest: what was compared is what is copied, whoever moves the tag meanwhile.
    async fn load(&self, digest: Digest) -> Result<(Remote, Image), CommandError> {
        let remote = self.mirror.registries.remote(&self.wanted.from).map_err(failed)?;
        let what = TagOrDigest::Digest(digest);
        let root = remote.root(&what).await.map_err(failed)?;
        let root = root.ok_or_else(|| failed(RegistryError::Absent(remote.named(&what))))?;
        // Without a part it would be another image, with another digest.
        let image = Image::load(&remote, root, true).await;
        let image = image.map_err(|source| SourceError::Image { name: remote.named(&what), source })?;
        Ok((remote, image))
    }

    async fn publish(
        &self,
        remote: &Remote,
        image: &Image,
        tags: &BTreeSet<Tag>,
    ) -> Result<Plan, CommandError> {
        let mirror = self.mirror;
        // What has no tag refers to what has one, and is kept as long as that.
        let targets = [Target { repository: self.wanted.to.clone(), tags: tags.clone(), keep: false }];
        let v1 = if v1::Repository::of(&self.wanted.to).is_some() {
            // What v1 cannot hold is left out of it, as of most images of today.
            v1_chain::of(image, mirror.derive.v1_platform, mirror.v1).unwrap_or_default()
        } else {
            Vec::new()
        };
        let Mirror { immutable, grace, .. } = *mirror;
        let wish = Wish { image, targets: &targets, v1: &v1, immutable, grace };
        let plan = prepare(mirror.derive, &wish, mirror.jobs).await?;
        let limited = mirror.limit_rate.map(|rate| Limited::new(remote, rate));
        let from = limited.as_ref().map_or(remote as &dyn Open, |limited| limited as &dyn Open);
        let apply = Apply { from, derive: mirror.derive, jobs: mirror.jobs, progress: mirror.told };
        publish(apply, &wish, &plan).await?;
        let mut changes = mirror.changes.lock().unwrap_or_else(PoisonError::into_inner);
        changes.add(Changes::of_plan(Action::Published, &wish, &plan));
        Ok(plan)
    }

    /// Says the same of each tag.
    fn each(&mut self, digest: Digest, tags: &BTreeSet<Tag>, state: &State) {
        if tags.is_empty() {
            self.say(None, Some(digest), state.clone());
        }
        tags.iter().for_each(|tag| self.say(Some(tag), Some(digest), state.clone()));
    }
}

fn sent(plan: &Plan) -> usize {
    plan.steps().filter(|step| matches!(step, Step::Send(..))).count()
}

//! One repository: which of its tags changed, and what belongs to them.

use std::collections::{BTreeMap, BTreeSet};

use contract::digest::Digest;
use contract::key::Key;
use contract::listing::{Listing, TagList};
use contract::name::{Tag, TagOrDigest};
use futures_util::stream::{self, StreamExt};

use super::companions::is_of;
use super::outcome::failure;
use super::{Mirror, Outcome, Referrers, State, Wanted};
use crate::apply::SMALL_PER_JOB;
use crate::failure::CommandError;
use crate::source::SourceError;
use crate::source::registry::{RegistryError, Remote};

/// A repository on its way.
pub(super) struct Work<'a> {
    pub(super) mirror: &'a Mirror<'a>,
    pub(super) wanted: &'a Wanted,
    pub(super) remote: Remote,
    /// What the store's tag list names.
    listed: BTreeSet<Tag>,
    /// Images that are in the store by now, as far as they were looked at.
    pub(super) known: BTreeSet<Digest>,
    /// Of which images the referrers are still to be asked for.
    pub(super) ask: Vec<Digest>,
    /// Whether referrers are asked for: not of a registry that turned out to have no lists of them.
    pub(super) keeps_referrers: bool,
    /// Whether it has answered with one.
    pub(super) has_lists: bool,
    pub(super) outcomes: Vec<Outcome>,
}

/// Where a tag points at its source, and whether it does so here.
struct Compared {
    tag: Tag,
    found: Result<(Digest, bool), CommandError>,
}

/// A registry's failure as that of a command.
pub(super) fn failed(error: RegistryError) -> CommandError {
    CommandError::Source(SourceError::Registry(error))
}

impl Mirror<'_> {
    /// Whether referrers of what is there already are asked for, too.
    pub(super) fn asks_always(&self) -> bool {
        self.referrers == Referrers::Always
    }
}

impl<'a> Work<'a> {
    pub(super) async fn begin(mirror: &'a Mirror<'a>, wanted: &'a Wanted) -> Result<Self, CommandError> {
        let remote = mirror.registries.remote(&wanted.from).map_err(failed)?;
        let list = mirror.derive.store.read(&Key::TagList(wanted.to.clone())).await?;
        let list = list.and_then(|found| TagList::from_bytes(&found.bytes).ok());
        let (known, ask, outcomes) = Default::default();
        let keeps_referrers = mirror.referrers != Referrers::Never;
        let listed = list.map(|list| list.tags).unwrap_or_default();
        Ok(Self { mirror, wanted, remote, listed, known, ask, keeps_referrers, has_lists: false, outcomes })
    }

    pub(super) async fn run(mut self) -> Result<Vec<Outcome>, CommandError> {
        match self.remote.tags().await {
            Ok(tags) => self.all(tags).await?,
            Err(error) => self.fail(None, failed(error))?,
        }
        Ok(self.outcomes)
    }

    async fn all(&mut self, tags: BTreeSet<Tag>) -> Result<(), CommandError> {
        let (mut chosen, mut rest): (BTreeSet<_>, BTreeSet<_>) =
            tags.into_iter().partition(|tag| self.wanted.means(tag));
        if chosen.is_empty() && !self.wanted.tags.is_empty() {
            let none = RegistryError::Absent(format!("a tag of {} that matches", self.remote));
            return self.fail(None, failed(none));
        }
        while !chosen.is_empty() {
            self.tags(chosen).await?;
            self.referrers().await?;
            // What was copied just now may be signed in its turn.
            (chosen, rest) = rest.into_iter().partition(|tag| is_of(tag, &self.known));
        }
        Ok(())
    }

    async fn tags(&mut self, tags: BTreeSet<Tag>) -> Result<(), CommandError> {
        let comparing = tags.into_iter().map(|tag| self.compare(tag));
        let compared: Vec<Compared> =
            stream::iter(comparing).buffered(self.mirror.jobs * SMALL_PER_JOB).collect().await;
        // Tags of one image are published together.
        let mut changed: BTreeMap<Digest, BTreeSet<Tag>> = BTreeMap::new();
        for Compared { tag, found } in compared {
            match found {
                Err(error) => self.fail(Some(&tag), error)?,
                Ok((digest, true)) => {
                    self.known.insert(digest);
                    if self.mirror.asks_always() {
                        self.ask.push(digest);
                    }
                    self.say(Some(&tag), Some(digest), State::Unchanged);
                }
                Ok((digest, false)) => _ = changed.entry(digest).or_default().insert(tag),
            }
        }
        for (digest, tags) in changed {
            self.copy(digest, &tags).await?;
        }
        Ok(())
    }

    async fn compare(&self, tag: Tag) -> Compared {
        let found = self.look(&tag).await;
        Compared { tag, found }
    }

    async fn look(&self, tag: &Tag) -> Result<(Digest, bool), CommandError> {
        let digest = self.remote.digest(tag).await.map_err(failed)?;
        let digest = digest.ok_or_else(|| failed(RegistryError::Absent(self.source(Some(tag), None))))?;
        let (derive, name) = (self.mirror.derive, &self.wanted.to);
        let link = derive.target(&Key::TagLink(name.clone(), tag.clone())).await?;
        // View and list are written behind the link: a run that died between them is completed.
        let same = link == Some(digest)
            && self.listed.contains(tag)
            && derive.store.size(&Key::TagView(name.clone(), tag.clone())).await?.is_some();
        Ok((digest, same))
    }

    /// Something failed.
    pub(super) fn fail(&mut self, tag: Option<&Tag>, error: CommandError) -> Result<(), CommandError> {
        let state = failure(error)?;
        self.say(tag, None, state);
        Ok(())
    }

    pub(super) fn say(&mut self, tag: Option<&Tag>, digest: Option<Digest>, state: State) {
        let name = &self.wanted.to;
        let reference = tag.map_or_else(|| name.to_string(), |tag| format!("{name}:{tag}"));
        let outcome = Outcome { source: self.source(tag, digest), reference, digest, state };
        self.mirror.told.outcome(&outcome);
        self.outcomes.push(outcome);
    }

    /// How something is called at its source.
    pub(super) fn source(&self, tag: Option<&Tag>, digest: Option<Digest>) -> String {
        match (tag, digest) {
            (Some(tag), _) => self.remote.named(&TagOrDigest::Tag(tag.clone())),
            (None, Some(digest)) => self.remote.named(&TagOrDigest::Digest(digest)),
            (None, None) => self.remote.to_string(),
        }
    }
}

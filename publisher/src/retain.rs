//! Which tags of a repository stay, and why; and removing the others.
//!
//! A tag's age is that of its link: how long it has pointed where it points, by the store's clock. The image's own
//! date says nothing of that: reproducible builds are of 1970, and an old image may be promoted today.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use contract::digest::Digest;
use contract::key::{Key, Prefix};
use contract::name::{Repository, Tag};
use contract::pattern::TagPattern;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::derive::Derive;
use crate::grace;
use crate::immutable::Immutable;
use crate::remove;
use crate::store::{Store, StoreError};

mod listed;

pub use listed::{ListError, Listed};

/// What stays.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// So many of the tags that moved last.
    pub newest: Option<usize>,
    /// Tags that match one of these.
    pub patterns: Vec<TagPattern>,
    /// Tags that moved within this time.
    pub younger: Option<Duration>,
    /// What somebody has listed.
    pub listed: Option<Listed>,
    /// Tags that nobody may move.
    pub immutable: Immutable,
}

/// Rules by which nobody wants to remove anything.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// Everything would go.
    #[error("no rule says which tags stay")]
    Nothing,
    /// A list that cannot be read.
    #[error("the list {} cannot be read", .path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A list of something else.
    #[error("the list {} cannot be used", .path.display())]
    List {
        /// Which.
        path: PathBuf,
        /// Why not.
        #[source]
        source: ListError,
    },
}

impl RulesError {
    /// What the user can do about it.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Nothing => {
                Some("say --keep-newest N, --keep PATTERN, --keep-younger TIME or --keep-list FILE")
            }
            Self::Read { .. } => None,
            Self::List { source: ListError::Empty, .. } => {
                Some("see whether what printed it has failed; without --keep-list the other rules hold alone")
            }
            Self::List { source: ListError::Line { .. }, .. } => {
                Some("one reference a line, such as acme/app:1.2 or acme/app@sha256:…; `#` begins a comment")
            }
        }
    }
}

impl Rules {
    /// Whether they keep nothing that is not protected anyway: who says none of them has forgotten one.
    pub fn keep_nothing(&self) -> bool {
        self.newest.is_none() && self.patterns.is_empty() && self.younger.is_none() && self.listed.is_none()
    }
}

/// A tag that is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its name.
    pub tag: Tag,
    /// Where it points.
    pub digest: Digest,
    /// Since when; `None` where the store does not tell.
    pub moved: Option<SystemTime>,
}

/// Why a tag stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// It matches a pattern of those that nobody moves.
    Immutable(String),
    /// It is in the list.
    Listed,
    /// It matches this.
    Pattern(TagPattern),
    /// It is among this many.
    Newest(usize),
    /// It moved within this time.
    Younger(Duration),
    /// Nobody knows how old it is.
    Undated,
    /// It belongs to a manifest that stays, such as its signature.
    Belongs(Digest),
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Immutable(why) => f.write_str(why),
            Self::Listed => f.write_str("is listed"),
            Self::Pattern(pattern) => write!(f, "matches {pattern}"),
            Self::Newest(count) => write!(f, "is of the newest {count}"),
            Self::Younger(age) => write!(f, "is younger than {}", humantime::format_duration(*age)),
            Self::Undated => f.write_str("has no date here"),
            Self::Belongs(_) => f.write_str("belongs to one that stays"),
        }
    }
}

/// What becomes of a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Which.
    pub candidate: Candidate,
    /// Why it stays; `None` where it goes.
    pub kept: Option<Kept>,
}

/// Judges the tags of one repository, in their order. Pure.
pub fn decide(name: &Repository, tags: Vec<Candidate>, rules: &Rules, now: SystemTime) -> Vec<Verdict> {
    let newest = newest(&tags, rules.newest);
    let judge = |candidate: Candidate| {
        let subject = subject(&candidate.tag);
        let kept = kept(name, &candidate, rules, now).or_else(|| {
            let count = rules.newest.filter(|_| newest.contains(&candidate.tag));
            count.map(Kept::Newest)
        });
        (Verdict { candidate, kept }, subject)
    };
    let judged: Vec<_> = tags.into_iter().map(judge).collect();
    // By what their tags say: a manifest goes where all of them go.
    let mut stays: BTreeMap<Digest, bool> = BTreeMap::new();
    for (verdict, _) in judged.iter().filter(|(_, subject)| subject.is_none()) {
        *stays.entry(verdict.candidate.digest).or_default() |= verdict.kept.is_some();
    }
    let with_subjects = judged.into_iter().map(|(mut verdict, subject)| {
        // What no tag points to may be a part of an index that stays.
        if let Some(subject) = subject.filter(|subject| stays.get(subject) != Some(&false)) {
            verdict.kept.get_or_insert(Kept::Belongs(subject));
        }
        verdict
    });
    with_subjects.collect()
}

/// The tags that go, in the order in which they do: none loses its signature before itself.
pub fn going(verdicts: &[Verdict]) -> impl Iterator<Item = &Candidate> {
    let gone = || verdicts.iter().filter(|verdict| verdict.kept.is_none()).map(|verdict| &verdict.candidate);
    let belongs = |candidate: &&Candidate| subject(&candidate.tag).is_some();
    gone().filter(move |candidate| !belongs(candidate)).chain(gone().filter(belongs))
}

/// The tags that moved last. Of those of one moment, the last by name.
fn newest(tags: &[Candidate], count: Option<usize>) -> Vec<Tag> {
    let mut dated: Vec<_> = tags
        .iter()
        .filter(|candidate| subject(&candidate.tag).is_none())
        .map(|candidate| (candidate.moved, &candidate.tag))
        .collect();
    dated.sort_by(|one, other| other.cmp(one));
    dated.into_iter().take(count.unwrap_or(0)).map(|(_, tag)| tag.clone()).collect()
}

/// Why a tag stays, whatever the others are.
fn kept(name: &Repository, candidate: &Candidate, rules: &Rules, now: SystemTime) -> Option<Kept> {
    let Candidate { tag, digest, moved } = candidate;
    let by_age = rules.younger.is_some() || rules.newest.is_some();
    let young = |age: &Duration| moved.is_some_and(|moved| grace::age(moved, now) < *age);
    let immutable = || rules.immutable.why(tag).map(|why| Kept::Immutable(why.to_string()));
    let listed = || rules.listed.as_ref().is_some_and(|listed| listed.names(name, tag, digest));
    let matching = || rules.patterns.iter().find(|pattern| pattern.matches(tag)).cloned();
    immutable()
        .or_else(|| listed().then_some(Kept::Listed))
        .or_else(|| matching().map(Kept::Pattern))
        .or_else(|| rules.younger.filter(young).map(Kept::Younger))
        .or_else(|| (by_age && moved.is_none()).then_some(Kept::Undated))
}

/// The manifest that a tag by the referrers tag schema belongs to: `sha256-<hex>`, or with `.sig` and the like behind
/// (distribution spec, "Referrers Tag Schema"; cosign).
fn subject(tag: &Tag) -> Option<Digest> {
    let (algorithm, rest) = tag.as_str().split_once('-')?;
    let hex = rest.split_once('.').map_or(rest, |(hex, _)| hex);
    format!("{algorithm}:{hex}").parse().ok()
}

/// The repositories that have tags, or this one alone, each with them.
pub async fn tags(
    store: &dyn Store,
    only: Option<&Repository>,
) -> Result<BTreeMap<Repository, Vec<Tag>>, StoreError> {
    let prefix = only.map_or(Prefix::Repositories, |name| Prefix::Tags(name.clone()));
    let mut all: BTreeMap<Repository, Vec<Tag>> = BTreeMap::new();
    for key in store.list(&prefix).await? {
        if let Key::TagLink(name, tag) = key {
            all.entry(name).or_default().push(tag);
        }
    }
    all.values_mut().for_each(|tags| tags.sort());
    Ok(all)
}

/// Where these tags point, and since when. Those that are gone by now are left out.
pub async fn candidates(
    derive: Derive<'_>,
    name: &Repository,
    tags: Vec<Tag>,
    jobs: usize,
) -> Result<Vec<Candidate>, StoreError> {
    let each = tags.into_iter().map(|tag| async move {
        let found = derive.dated(&Key::TagLink(name.clone(), tag.clone())).await?;
        Ok::<_, StoreError>(found.map(|(digest, moved)| Candidate { tag, digest, moved }))
    });
    let found: Vec<_> = stream::iter(each).buffered(jobs).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

/// Removes a tag that was judged. Returns whether it is gone: one that somebody moved since was judged as something
/// else, and stays.
pub async fn remove(
    derive: Derive<'_>,
    name: &Repository,
    candidate: &Candidate,
) -> Result<bool, StoreError> {
    let link = Key::TagLink(name.clone(), candidate.tag.clone());
    match derive.dated(&link).await? {
        Some(found) if found != (candidate.digest, candidate.moved) => return Ok(false),
        Some(_) => {}
        None => return Ok(true),
    }
    // No request comes between: who moves it in this moment is as who published just before somebody removed it.
    remove::untag(derive, name, &candidate.tag).await?;
    Ok(true)
}

#[cfg(test)]
mod tests;

//! What changed: events for people and programs, keys for caches. Pure.

use std::collections::BTreeSet;

use contract::digest::Digest;
use contract::key::Key;
use contract::manifest::Manifest;
use contract::media::MediaType;
use contract::name::{Repository, Tag};
use contract::v1;

use crate::plan::{Change, Plan, Step, Wish};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// From a source.
    Published,
    /// Under another name, of what was there.
    Tagged,
    /// Back to where the tag once pointed.
    RolledBack,
    /// A tag or a manifest is gone.
    Removed,
}

impl Action {
    /// As events spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Tagged => "tagged",
            Self::RolledBack => "rolled-back",
            Self::Removed => "removed",
        }
    }
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What.
    pub action: Action,
    /// Where.
    pub repository: Repository,
    /// Under which tag, if under any.
    pub tag: Option<Tag>,
    /// Of the manifest, where it is known.
    pub manifest: Option<Told>,
    /// Where clients see it, below the store and the CDN: paths that answer otherwise than before.
    pub paths: Vec<String>,
}

/// What is said of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Its name.
    pub digest: Digest,
    /// In bytes, where it could be read.
    pub size: Option<u64>,
    /// Its type, where it could be read.
    pub media_type: Option<MediaType>,
}

impl Told {
    /// Of a manifest of so many bytes.
    pub fn of(digest: Digest, size: usize, manifest: &Manifest) -> Self {
        Self { digest, size: Some(size as u64), media_type: Some(manifest.media_type().clone()) }
    }
}

/// All that changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// In the order of names.
    pub events: Vec<Event>,
    /// What caches may have otherwise.
    pub keys: BTreeSet<Key>,
}

impl Changes {
    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.keys.is_empty()
    }

    /// Takes in what changed besides.
    pub fn add(&mut self, other: Self) {
        self.events.extend(other.events);
        self.keys.extend(other.keys);
    }

    /// Of a plan that was carried out.
    pub fn of_plan(action: Action, wish: &Wish<'_>, plan: &Plan) -> Self {
        let root = &wish.image.root;
        let (size, media_type) = (Some(root.size), Some(root.media_type.clone()));
        let told = Told { digest: root.digest, size, media_type };
        let event = |repository: &Repository, tag: Option<&Tag>| Event {
            action,
            repository: repository.clone(),
            tag: tag.cloned(),
            manifest: Some(told.clone()),
            paths: Vec::new(),
        };
        let mut changes = Self::default();
        for step in plan.steps() {
            changes.keys.extend(changed_by(step));
            match step {
                Step::Move(name, tag, _) | Step::Claim(name, tag, ..) => {
                    changes.events.push(event(name, Some(tag)));
                }
                Step::Write(Key::Keep(name, _), _) => changes.events.push(event(name, None)),
                Step::Refresh(_)
                | Step::Send(..)
                | Step::Write(..)
                | Step::Create(..)
                | Step::Copy(..)
                | Step::Gzip(..)
                | Step::Delete(_)
                | Step::Settle(..)
                | Step::List(_) => {}
            }
        }
        changes.with_paths()
    }

    /// Of tags that were removed, and the manifest with them if it was. `found` is what it was, where that was to be
    /// read.
    pub fn of_removal(
        name: &Repository,
        tags: &BTreeSet<Tag>,
        manifest: Option<&Digest>,
        found: Option<(Told, &Manifest)>,
    ) -> Self {
        let (told, was) = found.unzip();
        let unread = |digest: &Digest| Told { digest: *digest, size: None, media_type: None };
        let told = told.or(manifest.map(unread));
        let mut changes = Self::default();
        let named = tags.iter().map(Some).chain(manifest.map(|_| None));
        for tag in named {
            let (repository, manifest) = (name.clone(), told.clone());
            let (action, tag, paths) = (Action::Removed, tag.cloned(), Vec::new());
            changes.events.push(Event { action, repository, tag, manifest, paths });
        }
        for tag in tags {
            changes.keys.extend(shown(name, tag));
        }
        if !tags.is_empty() {
            changes.keys.extend(listed(name));
        }
        if let Some(digest) = manifest {
            let subject = was.and_then(|was| was.subject.as_ref()).map(|subject| subject.digest);
            let referrers = [Some(*digest), subject].into_iter().flatten();
            changes.keys.extend(referrers.map(|digest| Key::Referrers(name.clone(), digest)));
            changes.keys.extend([Key::DigestView(name.clone(), *digest), Key::Catalog, Key::Search]);
        }
        changes.with_paths()
    }

    /// Of a tag of which no more is known than where it pointed.
    pub fn of_tag(name: &Repository, tag: &Tag, digest: Digest) -> Self {
        let mut changes = Self::of_removal(name, &BTreeSet::from([tag.clone()]), None, None);
        let told = Told { digest, size: None, media_type: None };
        changes.events.iter_mut().for_each(|event| event.manifest = Some(told.clone()));
        changes
    }

    /// An event names what is of its tag or digest, and the lists of its repository.
    fn with_paths(mut self) -> Self {
        for event in &mut self.events {
            let concerns = |key: &&Key| concerns(key, &event.repository, event.tag.as_ref());
            event.paths = self.keys.iter().filter(concerns).map(Key::path).collect();
        }
        self
    }
}

/// What a tag shows, in v2 and in v1.
fn shown(name: &Repository, tag: &Tag) -> Vec<Key> {
    let v1 = v1::Repository::of(name).map(|v1| Key::V1Tag(v1, tag.clone()));
    std::iter::once(Key::TagView(name.clone(), tag.clone())).chain(v1).collect()
}

/// The lists of tags, in v2 and in v1.
fn listed(name: &Repository) -> Vec<Key> {
    let v1 = v1::Repository::of(name).map(|v1| [Key::V1Tags(v1.clone()), Key::V1Images(v1)]);
    std::iter::once(Key::TagList(name.clone())).chain(v1.into_iter().flatten()).collect()
}

/// What clients ask for, that may have been otherwise before.
fn changed_by(step: &Step) -> Vec<Key> {
    match step {
        Step::Write(key, _) | Step::Delete(key) if key.is_public() && !key.is_immutable() => vec![key.clone()],
        Step::Settle(name, tag) => shown(name, tag),
        Step::List(change) => match change {
            Change::Tags(name, _) => vec![Key::TagList(name.clone())],
            Change::Referrer(name, subject, _) => vec![Key::Referrers(name.clone(), *subject)],
            Change::Catalog(_) => vec![Key::Catalog],
            Change::Description(..) => vec![Key::Search],
            Change::V1(name, _) => vec![Key::V1Tags(name.clone()), Key::V1Images(name.clone())],
        },
        // It is as it was, or nothing was there before.
        Step::Refresh(_)
        | Step::Create(..)
        | Step::Send(..)
        | Step::Copy(..)
        | Step::Gzip(..)
        | Step::Write(..)
        | Step::Delete(_)
        // Nobody asks for links; the view has a step of its own.
        | Step::Move(..)
        | Step::Claim(..) => Vec::new(),
    }
}

fn concerns(key: &Key, name: &Repository, tag: Option<&Tag>) -> bool {
    let of_v1 = |v1: &v1::Repository| v1.repository() == *name;
    match key {
        Key::TagView(of, shown) => of == name && Some(shown) == tag,
        Key::V1Tag(of, shown) => of_v1(of) && Some(shown) == tag,
        Key::TagList(of) | Key::Referrers(of, _) | Key::DigestView(of, _) => of == name,
        Key::V1Tags(of) | Key::V1Images(of) => of_v1(of),
        Key::Catalog | Key::Search => true,
        Key::Blob(_)
        | Key::LayerLink(..)
        | Key::RevisionLink(..)
        | Key::TagLink(..)
        | Key::TagHistoryLink(..)
        | Key::V1Json(_)
        | Key::V1Ancestry(_)
        | Key::V1Layer(_)
        | Key::Keep(..)
        | Key::Diff(..)
        | Key::Settings
        | Key::Probe
        | Key::Collector
        | Key::Lock
        | Key::Staged(_)
        | Key::Segment { .. } => false,
    }
}

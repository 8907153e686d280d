//! The repository that a request is about, and its name where the route leads. Pure.

use std::borrow::Cow;

use contract::key::Key;
use contract::name::Repository;
use contract::v1;

/// The repository that a path asks about, where it names one. `path` is one that asks for `key`.
///
/// A blob has no repository, but who asks for it names one.
pub(super) fn repository<'p>(path: &'p str, key: &Key) -> Option<Cow<'p, str>> {
    match key {
        Key::Blob(_) | Key::DigestView(..) | Key::TagView(..) | Key::TagList(_) | Key::Referrers(..) => {
            // `<name>/<kind>/<last>`; a name may hold any word, so from the end.
            path.strip_prefix("/v2/")?.rsplitn(3, '/').nth(2).map(Cow::Borrowed)
        }
        Key::V1Images(name) | Key::V1Tags(name) | Key::V1Tag(name, _) => {
            Some(Cow::Owned(name.repository().as_str().to_owned()))
        }
        // Asked for without a name.
        Key::Catalog | Key::V1Json(_) | Key::V1Ancestry(_) | Key::V1Layer(_) => None,
        // Never asked for.
        Key::LayerLink(..)
        | Key::RevisionLink(..)
        | Key::TagLink(..)
        | Key::TagHistoryLink(..)
        | Key::Keep(..)
        | Key::Diff(..)
        | Key::Search
        | Key::Settings
        | Key::Probe
        | Key::Collector
        | Key::Lock
        | Key::Staged(_)
        | Key::Segment { .. } => None,
    }
}

/// The same object of a repository with another name. `None` where v1 cannot hold that name.
pub(super) fn renamed(key: Key, name: Repository) -> Option<Key> {
    Some(match key {
        Key::LayerLink(_, digest) => Key::LayerLink(name, digest),
        Key::RevisionLink(_, digest) => Key::RevisionLink(name, digest),
        Key::TagLink(_, tag) => Key::TagLink(name, tag),
        Key::TagHistoryLink(_, tag, digest) => Key::TagHistoryLink(name, tag, digest),
        Key::DigestView(_, digest) => Key::DigestView(name, digest),
        Key::TagView(_, tag) => Key::TagView(name, tag),
        Key::TagList(_) => Key::TagList(name),
        Key::Referrers(_, digest) => Key::Referrers(name, digest),
        Key::V1Images(_) => Key::V1Images(v1::Repository::of(&name)?),
        Key::V1Tags(_) => Key::V1Tags(v1::Repository::of(&name)?),
        Key::V1Tag(_, tag) => Key::V1Tag(v1::Repository::of(&name)?, tag),
        Key::Keep(_, digest) => Key::Keep(name, digest),
        Key::Blob(_)
        | Key::Catalog
        | Key::V1Json(_)
        | Key::V1Ancestry(_)
        | Key::V1Layer(_)
        | Key::Diff(..)
        | Key::Search
        | Key::Settings
        | Key::Probe
        | Key::Collector
        | Key::Lock
        | Key::Staged(_)
        | Key::Segment { .. } => key,
    })
}

/// The path by which a client asks for the same object of a repository with another name. `path` asks for `key` of the
/// repository `old`. `None` where v1 cannot hold the name.
pub(super) fn renamed_path(path: &str, key: &Key, old: &str, new: &Repository) -> Option<String> {
    let v1 = |tail: &str| Some(format!("/v1/repositories/{}{tail}", v1::Repository::of(new)?));
    match key {
        Key::V1Images(_) => v1("/images"),
        Key::V1Tags(_) => v1("/tags"),
        Key::V1Tag(_, tag) => v1(&format!("/tags/{tag}")),
        Key::Blob(_)
        | Key::LayerLink(..)
        | Key::RevisionLink(..)
        | Key::TagLink(..)
        | Key::TagHistoryLink(..)
        | Key::DigestView(..)
        | Key::TagView(..)
        | Key::TagList(_)
        | Key::Referrers(..)
        | Key::Catalog
        | Key::V1Json(_)
        | Key::V1Ancestry(_)
        | Key::V1Layer(_)
        | Key::Keep(..)
        | Key::Diff(..)
        | Key::Search
        | Key::Settings
        | Key::Probe
        | Key::Collector
        | Key::Lock
        | Key::Staged(_)
        | Key::Segment { .. } => Some(format!("/v2/{new}{}", path.strip_prefix("/v2/")?.strip_prefix(old)?)),
    }
}

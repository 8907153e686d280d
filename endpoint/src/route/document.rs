//! Documents that we answer with ourselves: which objects are some, and where each is fetched from. Pure.

use contract::api::Unknown;
use contract::key::Key;

use super::location::{Way, base, redirect, there};
use super::{Answer, Asked, Origin, Reply, Wanted};
use crate::health::Health;
use crate::objects::missing;
use crate::settings::{Settings, Target};

/// Whether the object is a small document. Content goes from the CDN to the client in any case.
pub(super) fn is(key: &Key) -> bool {
    match key {
        Key::DigestView(..)
        | Key::TagView(..)
        | Key::TagList(_)
        | Key::Referrers(..)
        | Key::Catalog
        | Key::V1Images(_)
        | Key::V1Tags(_)
        | Key::V1Tag(..)
        | Key::V1Json(_)
        | Key::V1Ancestry(_) => true,
        Key::Blob(_) | Key::V1Layer(_) => false,
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
        | Key::Segment { .. } => false,
    }
}

/// Where a document is fetched from. Another registry answers for its own.
pub(super) fn document<'s>(
    asked: &Asked<'_>,
    key: Key,
    settings: &'s Settings,
    health: &Health,
) -> Answer<'s> {
    let way = Way::of(asked.path, &key, settings);
    let of_its_own = match way.route {
        Some(route) => route.origin(),
        None => settings.routes.default_origin(),
    };
    let (origin, by_client) = match (of_its_own, way.target) {
        (_, Target::Registry(_)) => return Answer::Reply(redirect(asked, key, settings, health)),
        (Some(origin), Target::Cdn(_) | Target::Directory(_)) => (Origin::Base(origin), false),
        (None, Target::Directory(directory)) => (Origin::Directory(directory), false),
        (None, Target::Cdn(choice)) => match base(choice, asked, settings, health) {
            Some((_, base, _)) => (Origin::Base(base), choice.by_client()),
            // No choice is without a base.
            None => return Answer::Reply(Reply::Failed),
        },
    };
    match there(key.clone(), &way) {
        Some(there) => Answer::Document(Wanted { key, there, origin, search: false, by_client }),
        None => Answer::Reply(Reply::Unknown(missing(&key))),
    }
}

/// The catalog of the default route, to be searched. Other registries do not know this any more.
pub(super) fn search<'s>(asked: &Asked<'_>, settings: &'s Settings, health: &Health) -> Answer<'s> {
    match document(asked, Key::Catalog, settings, health) {
        Answer::Document(catalog) => Answer::Document(Wanted { search: true, ..catalog }),
        Answer::Object(..) | Answer::Reply(_) => Answer::Reply(Reply::Unknown(Unknown::Plain)),
    }
}

//! Where a client is sent for an object: by which route, to which base, under which name. Pure.

use std::borrow::Cow;

use contract::key::Key;
use ipnet::IpNet;

use super::name::{renamed, renamed_path, repository};
use super::{Asked, Reply};
use crate::health::Health;
use crate::objects::missing;
use crate::settings::{Base, BaseId, Choice, OBJECTS, Route, Settings, Target};

/// Which way a request is sent, with everything that decided it.
pub(super) struct Way<'s, 'p> {
    /// The repository that it is about.
    pub(super) repository: Option<Cow<'p, str>>,
    /// The route; `None` for the default.
    pub(super) route: Option<&'s Route>,
    pub(super) target: &'s Target,
}

impl<'s, 'p> Way<'s, 'p> {
    pub(super) fn of(path: &'p str, key: &Key, settings: &'s Settings) -> Self {
        let routes = &settings.routes;
        // Where there is one route only, nobody needs the name.
        let repository = if routes.is_one() { None } else { repository(path, key) };
        let route = repository.as_deref().and_then(|name| routes.of(name));
        Self { repository, route, target: route.map_or(routes.default_target(), Route::target) }
    }

    /// The repository's name and what stands in its prefix's place where the route leads.
    fn rewrite(&self) -> Option<(&str, &'s Route, &'s str)> {
        let route = self.route?;
        Some((self.repository.as_deref()?, route, route.rewrite()?))
    }
}

/// The base of a choice for a client, and the network that it was chosen by.
pub(super) fn base<'s>(
    choice: &Choice,
    asked: &Asked<'_>,
    settings: &'s Settings,
    health: &Health,
) -> Option<(BaseId, &'s Base, Option<IpNet>)> {
    let (bases, network) = choice.bases(asked.client);
    let id = health.choose(bases)?;
    Some((id, settings.routes.base(id)?, network))
}

/// One hop, since some clients (stargz-snapshotter) follow no second one.
pub(super) fn redirect(asked: &Asked<'_>, key: Key, settings: &Settings, health: &Health) -> Reply {
    let way = Way::of(asked.path, &key, settings);
    // Said in the words for an object that is not there, which it cannot be.
    let unknown = missing(&key);
    let location = match way.target {
        Target::Registry(base) => at_registry(asked, &key, &way, base),
        Target::Directory(_) => object(OBJECTS, key, &way),
        Target::Cdn(choice) => match base(choice, asked, settings, health) {
            Some((_, base, _)) => object(base.as_str(), key, &way),
            // No choice is without a base.
            None => return Reply::Failed,
        },
    };
    match (location, way.target) {
        (None, _) => Reply::Unknown(unknown),
        (Some(location), Target::Cdn(choice)) if choice.by_client() => Reply::RedirectOfClient(location),
        (Some(location), Target::Cdn(_) | Target::Registry(_) | Target::Directory(_)) => {
            Reply::Redirect(location)
        }
    }
}

/// The object's final URL. `None` where nothing has the name that it would have there.
fn object(base: &str, key: Key, way: &Way<'_, '_>) -> Option<String> {
    let key = there(key, way)?;
    let mut location = String::with_capacity(LOCATION_SIZE);
    location.push_str(base);
    key.push_path(&mut location);
    Some(location)
}

/// What the object is called where the way leads. `None` where nothing can have that name.
pub(super) fn there(key: Key, way: &Way<'_, '_>) -> Option<Key> {
    Some(match way.rewrite() {
        Some((name, route, rewrite)) => match key {
            // Content is content, whatever the repository is called.
            Key::Blob(_) => key,
            key => renamed(key, route.rename(name, rewrite)?)?,
        },
        None => key,
    })
}

/// Enough for most, so that the string does not grow piece by piece.
const LOCATION_SIZE: usize = 256;

/// The same request, to another registry.
fn at_registry(asked: &Asked<'_>, key: &Key, way: &Way<'_, '_>, base: &Base) -> Option<String> {
    // The grammar has let it through, so there is nothing in it but names, digests and `%3A`.
    let path = match way.rewrite() {
        Some((old, route, rewrite)) => {
            Cow::Owned(renamed_path(asked.path, key, old, &route.rename(old, rewrite)?)?)
        }
        None => Cow::Borrowed(asked.path),
    };
    let mut location = String::with_capacity(LOCATION_SIZE);
    location.push_str(base.as_str());
    location.push_str(path.strip_prefix('/')?);
    let query = asked.query.filter(|query| query.len() <= QUERY_LIMIT);
    let mut mark = '?';
    for pair in query.into_iter().flat_map(|query| query.split('&')).filter(|pair| is_known(pair)) {
        location.push(mark);
        location.push_str(pair);
        mark = '&';
    }
    Some(location)
}

/// The longest query that is passed on, in bytes: names and types are shorter, and what strangers send must not be
/// copied without a bound.
const QUERY_LIMIT: usize = 2048;

/// What the distribution spec knows: pages of lists, and referrers by type. `ns` is a word between a mirror client and
/// us; nothing else is for a registry.
fn is_known(pair: &str) -> bool {
    let Some((name, value)) = pair.split_once('=') else { return false };
    // RFC 3986 §3.4, without what stands between pairs.
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%!$'()*+,;:@/?=".contains(&byte);
    ["n", "last", "artifactType"].contains(&name) && value.bytes().all(allowed)
}

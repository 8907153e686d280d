//! What an exchange means for clients: observations in, what is wrong out. Pure.
//!
//! Whom it hits and what to do is not decided here: that is [`Wrong::advice`].

mod contents;
mod door;
mod lists;
mod manifests;
mod missing;
mod way;

pub use contents::{content, document, head, part};
pub use door::{ping, version};
pub use lists::{Names, catalog, referrers, tags};
pub use manifests::{Shown, manifest};
pub use missing::{Absent, missing};
pub use way::way;

use super::exchange::{Answer, Exchange};
use super::wrong::{Kept, Wrong};

/// The answer to a request for what is in the store; or that it is not what was asked for. `None` where no answer came,
/// which [`way()`] tells.
fn there(exchange: &Exchange) -> Option<Result<&Answer, Wrong>> {
    let answer = exchange.end.as_ref().ok()?;
    Some(if answer.status == 200 { Ok(answer) } else { Err(Wrong::Status(answer.status)) })
}

/// Content that comes wrapped: on the way if it does not where gzip is unwelcome.
fn wrapped(exchange: &Exchange, plain: Option<&Exchange>) -> Option<Wrong> {
    let encoding = exchange.encoding()?.to_owned();
    let on_the_way = plain.is_some_and(|plain| plain.found().is_some() && plain.encoding().is_none());
    Some(if on_the_way { Wrong::Compressed(encoding) } else { Wrong::Encoded(encoding) })
}

fn weak(answer: &Answer) -> Option<Wrong> {
    let tag = answer.header("etag").filter(|tag| tag.starts_with("W/"))?;
    Some(Wrong::WeakTag(tag.to_owned()))
}

impl Kept {
    /// By an answer's headers, where caches may keep what changes for so many seconds.
    fn of(answer: &Answer, changing_ttl: u32) -> Self {
        let age = answer.header("age").and_then(|age| age.parse().ok());
        let caching = answer.header("cache-control").map(str::to_owned);
        let lifetime = caching.as_deref().and_then(lifetime);
        // Who keeps it says its age, or takes that off its lifetime. Else it comes straight from where it is.
        let in_time = lifetime.is_some_and(|lifetime| match age {
            Some(age) => lifetime <= u64::from(changing_ttl) && age <= lifetime,
            None => lifetime < u64::from(changing_ttl),
        });
        Self { age, caching, in_time }
    }

    /// Whether it may be kept for longer than that.
    fn too_long(&self, changing_ttl: u32) -> Option<Wrong> {
        let (found, expected) = (lifetime(self.caching.as_deref()?)?, u64::from(changing_ttl));
        (found > expected).then_some(Wrong::KeptLong { found, expected })
    }
}

/// How long a shared cache may keep an answer, where it may (RFC 9111 §5.2.2: `s-maxage` wins over `max-age` there).
fn lifetime(caching: &str) -> Option<u64> {
    let directives = || caching.split(',').map(str::trim);
    if directives().any(|it| it.eq_ignore_ascii_case("no-store") || it.eq_ignore_ascii_case("no-cache")) {
        return None;
    }
    let seconds = |name: &str| {
        let (_, value) = directives()
            .filter_map(|it| it.split_once('='))
            .find(|(directive, _)| directive.trim().eq_ignore_ascii_case(name))?;
        value.trim().trim_matches('"').parse().ok()
    };
    seconds("s-maxage").or_else(|| seconds("max-age"))
}

#[cfg(test)]
mod tests;

//! Manifests, by digest and by tag: type, bytes, the digest that is said of them, and whether a tag shows what it should.

use contract::digest::Digest;
use contract::manifest::Manifest;
use contract::media::MediaType;

use super::super::exchange::{Answer, Exchange};
use super::super::wrong::{Kept, Wrong};
use super::{there, weak, wrapped};

/// What the store says of a manifest.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// Where the link points.
    pub digest: &'a Digest,
    /// Of that manifest.
    pub media_type: &'a MediaType,
    /// Of a tag: what its view in the store holds, and how many seconds caches may keep it.
    pub tag: Option<(Option<Digest>, u32)>,
}

/// A manifest that is in the store; `plain` is the answer where gzip was unwelcome.
pub fn manifest(exchange: &Exchange, plain: Option<&Exchange>, shown: &Shown<'_>) -> Vec<Wrong> {
    let answer = match there(exchange) {
        None => return Vec::new(),
        Some(Err(wrong)) => return vec![wrong],
        Some(Ok(answer)) => answer,
    };
    let mut wrong: Vec<Wrong> = wrapped(exchange, plain).into_iter().chain(weak(answer)).collect();
    // Wrapped bytes tell nothing; those that came as they are do.
    let bare = match (exchange.encoding(), plain.filter(|plain| plain.encoding().is_none())) {
        (None, _) => Some(answer),
        (Some(_), plain) => plain.and_then(Exchange::found),
    };
    let found = bare.map(|bare| Digest::of(shown.digest.algorithm(), &bare.body));
    let other = bare.zip(found).filter(|(_, found)| found != shown.digest);
    let media_type = match &other {
        None => Some(shown.media_type.clone()),
        Some((bare, _)) => Manifest::parse(&bare.body, None).ok().map(|other| other.media_type().clone()),
    };
    if let Some((_, found)) = other {
        wrong.push(another(answer, found, media_type.is_some(), shown));
    }
    wrong.extend(media_type.and_then(|expected| of_type(answer, expected.as_str())));
    wrong.extend(found.and_then(|found| said(answer, found, shown.digest)));
    if let Some((_, changing_ttl)) = shown.tag {
        wrong.extend(Kept::of(answer, changing_ttl).too_long(changing_ttl));
    }
    wrong
}

/// Bytes of something else: of another manifest where a tag is concerned, or of none.
fn another(answer: &Answer, found: Digest, is_manifest: bool, shown: &Shown<'_>) -> Wrong {
    match shown.tag {
        Some((view, changing_ttl)) if is_manifest => {
            let link = *shown.digest;
            if view == Some(found) {
                return Wrong::StoreBehind { shown: found, link };
            }
            Wrong::Stale { shown: found, link, kept: Kept::of(answer, changing_ttl) }
        }
        _ => Wrong::Bytes,
    }
}

/// Clients take the type from the header, and refuse what is no manifest's.
fn of_type(answer: &Answer, expected: &str) -> Option<Wrong> {
    let found = answer.header("content-type");
    match found {
        Some(found) if found == expected => None,
        Some(found) if found.split(';').next().map(str::trim) == Some(expected) => {
            Some(Wrong::Parameters(found.to_owned()))
        }
        found => {
            let found = found.map(str::to_owned);
            Some(Wrong::ContentType { found, expected: expected.to_owned() })
        }
    }
}

/// Of the algorithm of the link or of any other, it has to be the digest of what comes.
fn said(answer: &Answer, found: Digest, link: &Digest) -> Option<Wrong> {
    let Some(said) = answer.header("docker-content-digest") else { return Some(Wrong::NoDigestHeader) };
    let expected = match said.parse::<Digest>() {
        Ok(said) if said.algorithm() != link.algorithm() => Digest::of(said.algorithm(), &answer.body),
        Ok(_) | Err(_) => found,
    };
    (said != expected.to_string()).then(|| Wrong::WrongDigestHeader { found: said.to_owned(), expected })
}

//! Contents and documents: bytes, lengths, parts, and HEAD beside GET.

use bytes::Bytes;

use super::super::exchange::Exchange;
use super::super::wrong::{Kept, Wrong};
use super::{there, weak, wrapped};

/// Content of this size that begins with these bytes; `plain` is the answer where gzip was unwelcome.
pub fn content(exchange: &Exchange, plain: Option<&Exchange>, size: u64, begin: &Bytes) -> Vec<Wrong> {
    let answer = match there(exchange) {
        None => return Vec::new(),
        Some(Err(wrong)) => return vec![wrong],
        Some(Ok(answer)) => answer,
    };
    let mut wrong: Vec<Wrong> = wrapped(exchange, plain).into_iter().chain(weak(answer)).collect();
    if exchange.encoding().is_some() {
        return wrong;
    }
    if let Some(found) = answer.length().filter(|found| *found != size) {
        wrong.push(Wrong::Size { found, expected: size });
    } else if !answer.body.starts_with(begin) || answer.body.len() as u64 > size {
        wrong.push(Wrong::Bytes);
    }
    wrong
}

/// The bytes from the first of these on, of content of this size.
pub fn part(exchange: &Exchange, first: u64, bytes: &Bytes, size: u64) -> Vec<Wrong> {
    let Ok(answer) = &exchange.end else { return Vec::new() };
    match answer.status {
        206 => {
            let range = answer.header("content-range");
            let expected = format!("bytes {first}-{}/{size}", first + (bytes.len() as u64).saturating_sub(1));
            let right = range == Some(expected.as_str()) && answer.body == *bytes;
            if right { Vec::new() } else { vec![Wrong::Part(range.map(str::to_owned))] }
        }
        200 => vec![Wrong::NoParts],
        status => vec![Wrong::PartStatus(status)],
    }
}

/// HEAD of what GET found.
pub fn head(head: &Exchange, get: &Exchange) -> Vec<Wrong> {
    let (Ok(head), Some(found)) = (&head.end, get.found()) else { return Vec::new() };
    if head.status != found.status {
        return vec![Wrong::HeadStatus { get: found.status, head: head.status }];
    }
    let mut wrong = Vec::new();
    for what in ["Content-Type", "Content-Length", "Docker-Content-Digest"] {
        let (name, is_length) = match what {
            "Content-Type" => ("content-type", false),
            "Content-Length" => ("content-length", true),
            _ => ("docker-content-digest", false),
        };
        let (get_says, head_says) = (found.header(name), head.header(name));
        // A GET without a length tells it by its end; wrapped, it has another one.
        let incomparable =
            is_length && (get.encoding().is_some() || (get_says.is_none() && head_says.is_some()));
        if get_says != head_says && !incomparable {
            let (get, head) = (get_says.map(str::to_owned), head_says.map(str::to_owned));
            wrong.push(Wrong::HeadDiffers { what, get, head });
        }
    }
    wrong
}

/// A document of v1, which may be any of these: what was in the store before it was asked for, and after.
pub fn document(exchange: &Exchange, may_be: &[Bytes], changing_ttl: Option<u32>) -> Vec<Wrong> {
    let answer = match there(exchange) {
        None => return Vec::new(),
        Some(Err(wrong)) => return vec![wrong],
        Some(Ok(answer)) => answer,
    };
    if let Some(wrong) = wrapped(exchange, None) {
        return vec![wrong];
    }
    match changing_ttl {
        _ if may_be.contains(&answer.body) => Vec::new(),
        None => vec![Wrong::Bytes],
        Some(changing_ttl) => {
            let what = "does not say what the store says".to_owned();
            vec![Wrong::OldList { what, kept: Kept::of(answer, changing_ttl) }]
        }
    }
}

//! Lists: what they name, against the store.

use std::collections::BTreeSet;
use std::fmt::Display;

use contract::listing::{Catalog, Listing, Referrers, TagList};
use contract::media::MediaType;
use contract::name::{Repository, Tag};

use super::super::exchange::{Answer, Exchange};
use super::super::wrong::{Kept, Wrong};
use super::{there, wrapped};

/// Names of which some came or went while a list was asked for.
#[derive(Debug, Clone)]
pub struct Names<T> {
    /// There all the while.
    pub must: BTreeSet<T>,
    /// There at some time.
    pub may: BTreeSet<T>,
}

impl<T: Ord + Clone> Names<T> {
    /// Those before and those after.
    pub fn of(before: &BTreeSet<T>, after: &BTreeSet<T>) -> Self {
        Self { must: before & after, may: before | after }
    }
}

/// The list itself, unless it cannot be had.
fn listing<L: Listing>(exchange: &Exchange) -> Result<Option<(&Answer, L)>, Wrong> {
    let answer = match there(exchange) {
        None => return Ok(None),
        Some(answer) => answer?,
    };
    if let Some(wrong) = wrapped(exchange, None) {
        return Err(wrong);
    }
    let list = L::from_bytes(&answer.body).map_err(|_| Wrong::Unreadable)?;
    Ok(Some((answer, list)))
}

/// A tag list.
pub fn tags(exchange: &Exchange, name: &Repository, names: &Names<Tag>, changing_ttl: u32) -> Vec<Wrong> {
    let (answer, list): (_, TagList) = match listing(exchange) {
        Ok(None) => return Vec::new(),
        Ok(Some(found)) => found,
        Err(wrong) => return vec![wrong],
    };
    let kept = Kept::of(answer, changing_ttl);
    // Who pages goes on behind what is here.
    let paged = answer.header("link").is_some();
    let lacks = if paged { None } else { told("lacks", names.must.difference(&list.tags)) };
    let what = lacks.or_else(|| told("names, though it is gone,", list.tags.difference(&names.may)));
    let mut wrong: Vec<Wrong> = kept.too_long(changing_ttl).into_iter().collect();
    if list.name != *name {
        wrong.push(Wrong::OldList { what: format!("is the list of {}", list.name), kept });
    } else if let Some(what) = what {
        wrong.push(Wrong::OldList { what, kept });
    }
    wrong
}

/// `lacks 1.2 and 3 more`.
fn told<T: Display>(how: &str, mut names: impl Iterator<Item = T>) -> Option<String> {
    let first = names.next()?;
    Some(match names.count() {
        0 => format!("{how} {first}"),
        more => format!("{how} {first} and {more} more"),
    })
}

/// A list of referrers, which may be any of these.
pub fn referrers(exchange: &Exchange, may_be: &[Referrers], changing_ttl: u32) -> Vec<Wrong> {
    let (answer, list): (_, Referrers) = match listing(exchange) {
        Ok(None) => return Vec::new(),
        Ok(Some(found)) => found,
        Err(wrong) => return vec![wrong],
    };
    let mut wrong = Vec::new();
    let (found, expected) = (answer.header("content-type"), MediaType::OCI_INDEX);
    if found != Some(expected) {
        wrong.push(Wrong::ReferrersType { found: found.map(str::to_owned), expected });
    }
    if !may_be.contains(&list) {
        let what = "does not name the referrers that the store has".to_owned();
        wrong.push(Wrong::OldList { what, kept: Kept::of(answer, changing_ttl) });
    }
    wrong
}

/// The catalog: one endpoint may stand for many stores, so that it may name more.
pub fn catalog(exchange: &Exchange, must: &BTreeSet<Repository>) -> Vec<Wrong> {
    let (answer, list): (_, Catalog) = match listing(exchange) {
        Ok(None) => return Vec::new(),
        Ok(Some(found)) => found,
        Err(wrong) => return vec![wrong],
    };
    if answer.header("link").is_some() {
        return Vec::new();
    }
    let lacks = must.difference(&list.repositories).next();
    lacks.map(|name| Wrong::Unlisted(name.to_string())).into_iter().collect()
}

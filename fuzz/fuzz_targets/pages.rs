//! Pages of a list, joined, are the list: nothing is missing, nothing is there twice, and there is an end.
//!
//! The input's first line is `KIND QUERY`, the rest is the list: JSON, or the names that are in it. The kinds: `tags`,
//! `catalog`, `referrers`, `search`.
#![no_main]

use std::collections::BTreeSet;

use contract::key::Key;
use contract::listing::{Catalog, Listing, Referrers, TagList};
use contract::name::{Repository, Tag};
use endpoint::fuzzing::{Page, page, search};
use libfuzzer_sys::{Corpus, fuzz_target};
use serde_json::Value;

fuzz_target!(|input: &[u8]| -> Corpus {
    let Ok(text) = str::from_utf8(input) else { return Corpus::Reject };
    let Some((first, list)) = text.split_once('\n') else { return Corpus::Reject };
    let (kind, query) = first.split_once(' ').unwrap_or((first, ""));
    let name: Repository = "acme/app".parse().expect("it is a name");
    match kind {
        "tags" => {
            let mut made = TagList::new(name.clone());
            made.tags = list.split_whitespace().filter_map(|tag| tag.parse().ok()).collect();
            let bytes = if list.starts_with('{') { list.into() } else { made.to_bytes() };
            let Ok(list) = TagList::from_bytes(&bytes) else { return Corpus::Keep };
            let all: Vec<&str> = list.tags.iter().map(|tag| tag.as_str()).collect();
            let upto = |last: &str| last.parse::<Tag>().map_or(0, |last| list.tags.range(..=last).count());
            walk(&Key::TagList(name), &bytes, query, &all, upto);
        }
        "catalog" | "search" => {
            let repositories = list.split_whitespace().filter_map(|name| name.parse().ok()).collect();
            let made = Catalog { repositories }.to_bytes();
            let bytes = if list.starts_with('{') { list.into() } else { made };
            let Ok(list) = Catalog::from_bytes(&bytes) else { return Corpus::Keep };
            let all: Vec<&str> = list.repositories.iter().map(|name| name.as_str()).collect();
            let upto = |last: &str| {
                last.parse::<Repository>().map_or(0, |last| list.repositories.range(..=last).count())
            };
            if kind == "search" {
                found(&bytes, query, &all);
            } else {
                walk(&Key::Catalog, &bytes, query, &all, upto);
            }
        }
        "referrers" => filtered(name, list.as_bytes(), query),
        _ => return Corpus::Reject,
    }
    Corpus::Keep
});

/// Follows links from the page that `query` asks for to the last one. `upto` counts the names that come no later than
/// another one.
fn walk(key: &Key, list: &[u8], query: &str, all: &[&str], upto: impl Fn(&str) -> usize) {
    let Some(first) = page(key, list, query) else { return };
    let (n, last) = asked(query);
    let wanted = &all[last.as_deref().map_or(0, upto)..];
    let mut joined = Vec::new();
    let mut next = Some(first);
    while let Some(Page { body, link }) = next {
        let names = names(key, &body);
        assert!(n.is_none_or(|n| names.len() <= n), "{} names on a page of {n:?}", names.len());
        // A page without a name that leads on would lead on for ever.
        assert!(link.is_none() || !names.is_empty());
        joined.extend(names);
        assert!(joined.len() <= all.len(), "more than there are");
        next = link.map(|link| {
            let target = link.strip_prefix('<').and_then(|link| link.strip_suffix(">; rel=\"next\""));
            let target = target.unwrap_or_else(|| panic!("{link} is no link"));
            let (path, query) = target.split_once('?').expect("the next page is asked for by a query");
            assert_eq!(path, if *key == Key::Catalog { "/v2/_catalog" } else { "/v2/acme/app/tags/list" });
            page(key, list, query).unwrap_or_else(|| panic!("{query} leads nowhere"))
        });
    }
    assert_eq!(joined, if n == Some(0) { &[][..] } else { wanted }, "{query}");
}

/// What a query says, by its own reading: the last of each, and none that is empty.
fn asked(query: &str) -> (Option<usize>, Option<String>) {
    let value = |wanted: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.rfind(|(name, value)| *name == wanted && !value.is_empty()).map(|(_, value)| decoded(value))
    };
    (value("n").map(|n| n.parse().expect("it was answered")), value("last"))
}

fn decoded(value: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = value.as_bytes();
    while let [first, tail @ ..] = rest {
        let escape =
            tail.get(..2).and_then(|hex| str::from_utf8(hex).ok()).filter(|hex| !hex.starts_with('+'));
        let byte = escape.filter(|_| *first == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8(bytes).expect("it was answered")
}

fn names(key: &Key, body: &[u8]) -> Vec<String> {
    if *key == Key::Catalog {
        let list = Catalog::from_bytes(body).expect("it is a catalog");
        return list.repositories.iter().map(|name| name.as_str().to_owned()).collect();
    }
    let list = TagList::from_bytes(body).expect("it is a tag list");
    assert_eq!(list.name.as_str(), "acme/app");
    list.tags.iter().map(|tag| tag.as_str().to_owned()).collect()
}

/// Only what is in the list, and of it all that is of the type.
fn filtered(name: Repository, list: &[u8], query: &str) {
    let digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let key = Key::Referrers(name, digest.parse().expect("it is a digest"));
    let Some(Page { body, link }) = page(&key, list, query) else { return };
    assert_eq!(link, None);
    let (sent, all) = (Referrers::from_bytes(&body), Referrers::from_bytes(list));
    let (sent, all) = (sent.expect("it is a list"), all.expect("it was answered"));
    if sent != all {
        let types: BTreeSet<_> = sent.manifests().iter().map(|sent| &sent.artifact_type).collect();
        assert!(types.len() <= 1, "{types:?}");
        let one = types.first().copied();
        let wanted = all.manifests().iter().filter(|entry| Some(&entry.artifact_type) == one);
        assert!(wanted.eq(sent.manifests()));
    }
}

/// What is found is there, and the pages of it are counted right.
fn found(list: &[u8], query: &str, all: &[&str]) {
    let Some(body) = search(list, query) else { return };
    let told: Value = serde_json::from_slice(&body).expect("it is JSON");
    let number = |name: &str| told[name].as_u64().expect("it is a number") as usize;
    let results = told["results"].as_array().expect("there is a list");
    let names: Vec<&str> = results.iter().filter_map(|result| result["name"].as_str()).collect();
    assert!(names.iter().all(|name| all.contains(name)));
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "nothing is found twice");
    assert!(number("num_results") <= all.len() && number("page_size") > 0);
    assert_eq!(number("num_pages"), number("num_results").div_ceil(number("page_size")));
    let before = (number("page") - 1).saturating_mul(number("page_size"));
    let here = number("num_results").saturating_sub(before).min(number("page_size"));
    assert_eq!(names.len(), here);
}

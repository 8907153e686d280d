//! Which part of a large store is looked at. Pure.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use contract::name::Tag;

/// Repositories, where a whole store is looked at.
pub(super) const REPOSITORIES: usize = 20;
/// Tags of each of them.
pub(super) const TAGS: usize = 3;
/// Tags, where one repository is named.
pub(super) const TAGS_OF_ONE: usize = 20;
/// Manifests of an index.
pub(super) const CHILDREN: usize = 4;

/// So many of all, as far apart as they can be; the first and the last are among them.
pub(super) fn spread<T: Clone>(all: &[T], most: usize) -> Vec<T> {
    if all.len() <= most || most < 2 {
        return all.iter().take(most).cloned().collect();
    }
    (0..most).filter_map(|nth| all.get(nth * (all.len() - 1) / (most - 1))).cloned().collect()
}

/// So many tags: `latest`, and those that come last where numbers count as numbers, which is mostly the newest.
pub(super) fn newest(all: &BTreeSet<Tag>, most: usize) -> Vec<Tag> {
    let mut tags: Vec<&Tag> = all.iter().collect();
    tags.sort_by(|one, other| {
        let is_latest = |tag: &Tag| *tag == Tag::latest();
        is_latest(other).cmp(&is_latest(one)).then_with(|| by_numbers(other.as_str(), one.as_str()))
    });
    tags.into_iter().take(most).cloned().collect()
}

/// `1.9` before `1.10`.
fn by_numbers(one: &str, other: &str) -> Ordering {
    let (mut one, mut other) = (one.as_bytes(), other.as_bytes());
    loop {
        let (number, another) = (leading(&mut one), leading(&mut other));
        let order = number.len().cmp(&another.len()).then_with(|| number.cmp(another));
        let order = order.then_with(|| one.first().cmp(&other.first()));
        if order.is_ne() || one.is_empty() {
            return order;
        }
        (one, other) = (&one[1..], &other[1..]);
    }
}

/// Takes the number off that a text begins with, without its zeros.
fn leading<'t>(text: &mut &'t [u8]) -> &'t [u8] {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (mut number, rest) = text.split_at(end);
    *text = rest;
    while let [b'0', more @ ..] = number {
        number = more;
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_latest_and_the_highest_numbers() {
        let tags = |text: &str| text.split(' ').map(|tag| tag.parse().unwrap()).collect::<BTreeSet<Tag>>();
        for (all, most, wanted) in [
            ("1.9 1.10 latest 1.2", 3, "latest 1.10 1.9"),
            ("a b c", 2, "c b"),
            ("v1 v01 v10 v2", 2, "v10 v2"),
            ("2024-01-31 2024-11-02 main", 3, "2024-11-02 2024-01-31 main"),
            ("1", 5, "1"),
            ("1.0 1.0-rc1 1.0.1", 3, "1.0.1 1.0-rc1 1.0"),
        ] {
            let newest = newest(&tags(all), most);
            assert_eq!(newest.iter().map(Tag::as_str).collect::<Vec<_>>().join(" "), wanted);
        }
    }

    #[test]
    fn a_sample_reaches_from_the_first_to_the_last() {
        let all: Vec<usize> = (0..100).collect();
        assert_eq!(spread(&all, 4), [0, 33, 66, 99]);
        assert_eq!(spread(&all, 1), [0]);
        assert_eq!(spread(&all[..3], 4), [0, 1, 2]);
        assert_eq!(spread(&all[..0], 4), [0; 0]);
    }
}

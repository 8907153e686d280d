//! Which images of a repository are copied, and in which order. Pure.

use std::collections::{BTreeMap, BTreeSet};

use contract::digest::Digest;
use contract::name::Tag;

/// What a manifest of the repository brings with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// The manifests that an index names.
    pub(super) children: Vec<Digest>,
    /// Its sha256 name, where its own is of another algorithm.
    pub(super) twin: Option<Digest>,
}

/// Each image with its tags. First those without tags, such as signatures, and what tags once pointed to: a tag is
/// there only when all that belongs to it is. What an index brings with it, or another name of the same, is none.
pub(super) fn order(
    seen: &BTreeMap<Digest, Seen>,
    tags: &BTreeMap<Tag, Digest>,
) -> Vec<(Digest, BTreeSet<Tag>)> {
    let brought: BTreeSet<Digest> =
        seen.values().flat_map(|seen| seen.children.iter().copied().chain(seen.twin)).collect();
    let mut tagged: BTreeMap<Digest, BTreeSet<Tag>> = BTreeMap::new();
    for (tag, digest) in tags {
        tagged.entry(*digest).or_default().insert(tag.clone());
    }
    let alone = seen.keys().filter(|digest| !brought.contains(digest) && !tagged.contains_key(digest));
    let alone: Vec<_> = alone.map(|digest| (*digest, BTreeSet::new())).collect();
    alone.into_iter().chain(tagged).collect()
}

#[cfg(test)]
mod tests {
    use contract::digest::Algorithm;

    use super::*;

    fn digest(text: &str) -> Digest {
        Digest::of(Algorithm::Sha256, text.as_bytes())
    }

    #[test]
    fn tags_come_last_and_parts_with_their_whole() {
        let of = |children: &[&str], twin: Option<&str>| Seen {
            children: children.iter().map(|text| digest(text)).collect(),
            twin: twin.map(digest),
        };
        let seen = BTreeMap::from([
            (digest("index"), of(&["amd64", "arm64"], None)),
            (digest("amd64"), of(&[], None)),
            (digest("arm64"), of(&[], None)),
            (digest("signature"), of(&[], None)),
            (digest("sha512"), of(&[], Some("its sha256"))),
            (digest("its sha256"), of(&[], None)),
        ]);
        let tags = [("1", "index"), ("2", "index"), ("arm", "arm64"), ("broken", "not seen")];
        let tags = tags.map(|(tag, text)| (tag.parse::<Tag>().unwrap(), digest(text))).into();
        let ordered = order(&seen, &tags);
        let alone: BTreeSet<Digest> = ordered[..2].iter().map(|(digest, _)| *digest).collect();
        assert_eq!(alone, BTreeSet::from([digest("signature"), digest("sha512")]));
        let named: BTreeMap<Digest, Vec<&str>> = ordered[2..]
            .iter()
            .map(|(digest, tags)| (*digest, tags.iter().map(Tag::as_str).collect()))
            .collect();
        let expected = [("index", vec!["1", "2"]), ("arm64", vec!["arm"]), ("not seen", vec!["broken"])];
        assert_eq!(named, expected.map(|(text, tags)| (digest(text), tags)).into());
        assert_eq!(ordered.len(), 5);
    }
}

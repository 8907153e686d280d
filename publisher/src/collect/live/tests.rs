//! Tables of what names what, and what stays.

use std::time::SystemTime;

use contract::digest::Algorithm;

use super::*;
use crate::store::Listed;

fn digest(name: &str) -> Digest {
    Digest::of(Algorithm::Sha256, name.as_bytes())
}

const OLD: bool = true;

fn listed(key: Key) -> Listed {
    Listed { key, size: 1, modified: SystemTime::UNIX_EPOCH }
}

fn repository() -> Repository {
    "acme/app".parse().unwrap()
}

/// Links, view and list of a manifest, and its content.
fn manifest(stock: &mut Stock, name: &str, blobs: &[&str], is_old: bool) {
    let of = digest(name);
    let mut keys = vec![
        Key::RevisionLink(repository(), of),
        Key::DigestView(repository(), of),
        Key::Referrers(repository(), of),
        Key::Blob(of),
    ];
    for blob in blobs {
        keys.extend([Key::LayerLink(repository(), digest(blob)), Key::Blob(digest(blob))]);
    }
    keys.into_iter().for_each(|key| stock.take(listed(key), is_old));
}

/// `name: manifests; blobs; subject`.
fn graph(lines: &[&str]) -> Graph {
    let mut graph = Graph::default();
    for line in lines {
        let (name, rest) = line.split_once(": ").unwrap();
        let mut parts = rest.split(';').map(|part| part.split_whitespace().map(digest).collect::<Vec<_>>());
        let [manifests, blobs, subject] = [(); 3].map(|()| parts.next().unwrap_or_default());
        let node = Node { manifests, blobs, subject: subject.first().copied(), twin: None };
        graph.manifests.insert(digest(name), Read::Names(node));
    }
    graph
}

fn roots(names: &[&str]) -> Roots {
    let manifests = names.iter().map(|name| digest(name)).collect();
    Roots { manifests: [(repository(), manifests)].into(), ..Roots::default() }
}

/// Which of these names stay as manifests, and which as contents.
fn kept(live: &Live, names: &[&'static str]) -> (Vec<&'static str>, Vec<&'static str>) {
    let kept = &live.repositories[&repository()];
    let of =
        |set: &BTreeSet<Digest>| names.iter().copied().filter(|name| set.contains(&digest(name))).collect();
    (of(&kept.manifests), of(&kept.contents))
}

#[test]
fn what_a_root_names_stays_and_what_refers_to_it() {
    let names = ["index", "amd64", "arm64", "other", "sbom", "signature", "stray", "base", "layer", "odd"];
    let lines = [
        "index: amd64 arm64; ;",
        "amd64: ; base layer;",
        "arm64: ; base;",
        "other: ; base odd;",
        "sbom: ; ; amd64",
        "signature: ; ; sbom",
        "stray: ; ; other",
    ];
    let mut stock = Stock::default();
    for name in &names[..7] {
        manifest(&mut stock, name, &["base", "layer", "odd"], OLD);
    }
    for (from, manifests, contents) in [
        (&[][..], &[][..], &[][..]),
        (&["amd64"], &["amd64", "sbom", "signature"], &["base", "layer"]),
        (&["arm64"], &["arm64"], &["base"]),
        (&["index"], &["index", "amd64", "arm64", "sbom", "signature"], &["base", "layer"]),
        (&["other"], &["other", "stray"], &["base", "odd"]),
        (&["signature"], &["signature"], &[]),
        (&["absent"], &[], &[]),
    ] {
        let live = mark(&stock, &graph(&lines), &roots(from));
        assert_eq!(kept(&live, &names), (manifests.to_vec(), contents.to_vec()), "{from:?}");
        let condemned = live.condemned(&stock);
        for (key, _) in &condemned {
            let stays = match key {
                Key::RevisionLink(_, digest) | Key::DigestView(_, digest) | Key::Referrers(_, digest) => {
                    manifests.iter().any(|name| self::digest(name) == *digest)
                }
                Key::LayerLink(_, digest) => contents.iter().any(|name| self::digest(name) == *digest),
                _ => manifests.iter().chain(contents).any(|name| *key == Key::Blob(self::digest(name))),
            };
            assert!(!stays, "{from:?}: {key}");
        }
        // Four objects of each manifest, two of each content; the list stays that names what stays.
        let listed = usize::from(manifests == ["signature"]);
        let left = 4 * (7 - manifests.len()) + 2 * (3 - contents.len()) - listed;
        assert_eq!(condemned.len(), left, "{from:?}");
    }
}

#[test]
fn a_whole_repository_stays_where_something_is_not_understood() {
    let mut stock = Stock::default();
    manifest(&mut stock, "one", &["layer"], OLD);
    let mut roots = roots(&["unknown"]);
    roots.frozen.insert(repository());
    let live = mark(&stock, &graph(&["one: ; layer;"]), &roots);
    assert_eq!(live.condemned(&stock), []);
}

#[test]
fn what_is_young_stays_and_what_promises_goes_first() {
    let mut stock = Stock::default();
    manifest(&mut stock, "young", &["new"], !OLD);
    manifest(&mut stock, "old", &["layer"], OLD);
    let id = v1::Id([7; 32]);
    for key in [Key::V1Layer(id), Key::V1Json(id), Key::V1Ancestry(id)] {
        stock.take(listed(key), OLD);
    }
    let condemned = mark(&stock, &Graph::default(), &Roots::default()).condemned(&stock);
    let keys: Vec<Key> = condemned.into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys[..2], [Key::RevisionLink(repository(), digest("old")), Key::V1Ancestry(id)]);
    assert_eq!(keys.len(), 4 + 2 + 3);
    let of_v1 = Roots { v1: [id].into(), ..Roots::default() };
    let live = mark(&stock, &Graph::default(), &of_v1);
    assert_eq!(live.condemned(&stock).len(), 4 + 2);
}

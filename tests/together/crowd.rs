//! Many publishers at once, as CI jobs are: no tag is lost, and a tag that all move is one of theirs, whole.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Stdio};

use serde_json::{Value, json};

use crate::immutable::source;
use crate::place::Place;
use crate::pull::digest_of;
use crate::rig::http;
use crate::rig::layout::sha256;
use crate::rig::ours::Endpoint;
use crate::rig::process::wait;
use crate::visible::look;

/// How often each is tried: once in every run, the whole campaign with `tests/run --long`.
fn rounds() -> u32 {
    if std::env::var_os("TESTS_LONG").is_some() { 10 } else { 1 }
}

#[test]
fn thirty_two_publish_a_tag_each_to_a_bucket() {
    a_tag_each(&Place::bucket("crowd"));
}

#[test]
fn thirty_two_publish_a_tag_each_to_a_container() {
    a_tag_each(&Place::container("crowd"));
}

#[test]
fn sixteen_move_one_tag_of_a_bucket() {
    one_tag(&Place::bucket("moved"));
}

#[test]
fn sixteen_move_one_tag_of_a_container() {
    one_tag(&Place::container("moved"));
}

fn a_tag_each(place: &Place) {
    let sources: Vec<_> = (0..32).map(|nth| source(&nth.to_string())).collect();
    for round in 0..rounds() {
        let prefix = format!("each-{round}");
        let tags: Vec<String> = (0..sources.len()).map(|nth| format!("t{nth:02}")).collect();
        let pairs = sources.iter().zip(&tags);
        let running: Vec<Child> =
            pairs.map(|(from, tag)| start(place, from.path(), &format!("acme/app:{tag}"), &prefix)).collect();
        let published: Vec<String> = running.into_iter().map(done).collect();

        let endpoint = place.endpoint(&prefix);
        let what = format!("{place}, round {round}");
        let list = http::get(&endpoint.url("/v2/acme/app/tags/list")).json();
        assert_eq!(list, json!({"name": "acme/app", "tags": tags}), "{what}");
        let v1 = http::get(&endpoint.url("/v1/repositories/acme/app/tags")).json();
        assert_eq!(v1.as_object().unwrap().keys().collect::<BTreeSet<_>>(), tags.iter().collect(), "{what}");
        let images = http::get(&endpoint.url("/v1/repositories/acme/app/images")).json();
        let ids: Vec<&Value> = images.as_array().unwrap().iter().map(|image| &image["id"]).collect();
        for (tag, published) in tags.iter().zip(&published) {
            assert_eq!(digest_behind(&endpoint, tag), digest_of(published, &format!("acme/app:{tag}")));
            assert!(ids.contains(&&v1[tag]), "{what}: v1 images lacks the id of {tag}");
        }
    }
}

fn one_tag(place: &Place) {
    let sources: Vec<_> = (0..16).map(|nth| source(&nth.to_string())).collect();
    for round in 0..rounds() {
        let prefix = format!("one-{round}");
        let running: Vec<Child> =
            sources.iter().map(|from| start(place, from.path(), "acme/app:1.2", &prefix)).collect();
        let published: BTreeSet<String> =
            running.into_iter().map(|child| digest_of(&done(child), "acme/app:1.2")).collect();
        assert_eq!(published.len(), sources.len());

        let what = format!("{place}, round {round}");
        let seen = look(&place.endpoint(&prefix), &what);
        assert!(published.contains(seen.assert_agrees(&what)), "{what}: the tag names an image of nobody");
    }
}

fn start(place: &Place, source: &Path, reference: &str, prefix: &str) -> Child {
    let mut command = place.publishes(source, reference, prefix, &place.origin());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[track_caller]
fn done(child: Child) -> String {
    let run = wait(child);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    run.stdout
}

fn digest_behind(endpoint: &Endpoint, tag: &str) -> String {
    sha256(&http::get(&endpoint.url(&format!("/v2/acme/app/manifests/{tag}"))).body)
}

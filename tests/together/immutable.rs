//! Tags that must not be moved, by the real program on real stores.

use std::path::Path;
use std::process::Command;
use std::thread;

use tempfile::TempDir;

use crate::pull::digest_of;
use crate::refused::assert_says;
use crate::rig::http;
use crate::rig::layout::{Layer, Layout, sha256};
use crate::rig::ours::{self, Endpoint};
use crate::rig::process::{Run, run};
use crate::rig::store::Store;
use crate::rig::swift::{OWNER, swift};
use crate::settings::say;

/// An image of its own for each text.
pub(crate) fn source(text: &str) -> TempDir {
    let place = tempfile::tempdir().unwrap();
    let mut layout = Layout::default();
    let image = layout.image("linux/amd64", &[Layer::gzip(&[("a", text.as_bytes())])]);
    layout.list(&image, "1.0");
    layout.write_dir(place.path());
    place
}

fn arguments<'a>(source: &'a Path, references: &[&'a str], more: &[&'a str], store: &'a str) -> Vec<&'a str> {
    [&["publish", source.to_str().unwrap()], references, more, &["--to", store]].concat()
}

#[test]
fn a_tag_stays_and_the_others_with_it() {
    for store in [Store::directory(), Store::bucket()] {
        let (one, two, at) = (source("1"), source("2"), store.argument());
        let publish = |from: &TempDir, references: &[&str], more: &[&str]| {
            store.publisher(&arguments(from.path(), references, more, &at))
        };
        let first = publish(&one, &["acme/app:v1", "acme/app:latest"], &["--if-absent"]);
        assert_eq!(first.code, Some(0), "{}", first.stderr);
        let digest = digest_of(&first.stdout, "acme/app:v1");
        let before = store.objects();

        let says = ["acme/app:v1", "is immutable (v*)", &digest, "hint:"];
        assert_says(&publish(&two, &["acme/app:latest", "acme/app:v1"], &["--immutable", "v*"]), 1, &says);
        assert_says(&publish(&two, &["acme/app:v1"], &["--immutable", "v*", "--dry-run"]), 1, &says);
        let says = ["acme/app:latest", "is there already", &digest, "--if-absent"];
        assert_says(&publish(&two, &["acme/app:latest"], &["--if-absent"]), 1, &says);
        assert_says(&publish(&two, &["acme/app:v2"], &["--immutable", "v/*"]), 2, &["v/*", "no pattern"]);
        assert_eq!(store.objects(), before);

        let again = publish(&one, &["acme/app:v1"], &["--if-absent", "--immutable", "v*"]);
        assert_eq!((again.code, again.stdout), (Some(0), format!("acme/app:v1@{digest}\n")));
        let moved = publish(&two, &["acme/app:latest", "acme/app:v2"], &["--immutable", "v*"]);
        assert_eq!(moved.code, Some(0), "{}", moved.stderr);
    }
}

#[test]
fn what_the_store_says_holds_for_tag_and_remove_too() {
    let store = Store::directory();
    say(&store, r#"{"immutable":["v*"]}"#);
    let (one, two, at) = (source("1"), source("2"), store.argument());
    let digest = digest_of(&store.publish(one.path(), &["acme/app:v1"]), "acme/app:v1");
    store.publish(two.path(), &["acme/app:latest"]);
    let before = store.objects();

    let says = ["acme/app:v1", "is immutable (v*)", "hint:"];
    assert_says(&store.publisher(&arguments(two.path(), &["acme/app:v1"], &[], &at)), 1, &says);
    assert_says(&store.publisher(&["tag", "acme/app:latest", "acme/app:v1", "--in", &at]), 1, &says);
    assert_says(
        &store.publisher(&["tag", "acme/app:v1", "acme/app:latest", "--if-absent", "--in", &at]),
        1,
        &["acme/app:latest"],
    );
    let by_digest = format!("acme/app@{digest}");
    for reference in ["acme/app:v1", &by_digest] {
        let says = ["acme/app:v1", "is immutable (v*)", "--force"];
        assert_says(&store.publisher(&["remove", reference, "--from", &at]), 1, &says);
    }
    assert_eq!(store.objects(), before);

    let forced = store.publisher(&["remove", &by_digest, "--force", "--from", &at]);
    assert_eq!((forced.code, forced.stdout), (Some(0), format!("acme/app:v1\n{by_digest}\n")));
}

#[test]
fn of_eight_publishers_at_once_one_wins() {
    for store in [Store::bucket(), Store::directory()] {
        let (sources, at): (Vec<TempDir>, _) =
            ((0..8).map(|nth| source(&nth.to_string())).collect(), store.argument());
        let done: Vec<Run> = thread::scope(|scope| {
            let publish =
                |from: &Path| store.publisher(&arguments(from, &["acme/app:v1"], &["--if-absent"], &at));
            let running: Vec<_> =
                sources.iter().map(|from| scope.spawn(move || publish(from.path()))).collect();
            running.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let (won, lost): (Vec<&Run>, Vec<&Run>) = done.iter().partition(|run| run.code == Some(0));
        assert_eq!(won.len(), 1, "{done:?}");
        let digest = digest_of(&won[0].stdout, "acme/app:v1");
        for run in lost {
            assert_says(run, 1, &["acme/app:v1", "is there already", &digest]);
        }

        let endpoint = store.endpoint();
        let manifest = http::get(&endpoint.url("/v2/acme/app/manifests/v1")).body;
        assert_eq!(sha256(&manifest), digest);
        let layer = serde_json::from_slice::<serde_json::Value>(&manifest).unwrap()["layers"][0]["digest"]
            .as_str()
            .unwrap()
            .to_owned();
        let blob = http::get(&endpoint.url(&format!("/v2/acme/app/blobs/{layer}"))).body;
        assert_eq!(sha256(&blob), layer);
        let tags = http::get(&endpoint.url("/v2/acme/app/tags/list")).json();
        assert_eq!(tags["tags"], serde_json::json!(["v1"]));
        let v1 = http::get(&endpoint.url("/v1/repositories/acme/app/tags")).json();
        let images = http::get(&endpoint.url("/v1/repositories/acme/app/images")).json();
        assert_eq!(images, serde_json::json!([{"id": v1["v1"]}]));
    }
}

#[test]
fn a_tag_in_swift_stays() {
    swift().create_public_container("immutable");
    let publish = |text: &str| {
        let from = source(text);
        let mut command: Command = ours::publisher_command();
        command.env("ST_AUTH", swift().auth_url()).env("ST_USER", OWNER.0).env("ST_KEY", OWNER.1);
        command.args(arguments(from.path(), &["acme/app:v1"], &["--if-absent"], "swift://immutable/p"));
        run(&mut command)
    };
    let first = publish("1");
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    let digest = digest_of(&first.stdout, "acme/app:v1");
    assert_says(&publish("2"), 1, &["acme/app:v1", "is there already", &digest]);
    assert_eq!(publish("1").stdout, first.stdout);
    let endpoint = Endpoint::to_cdn(&format!("{}/p", swift().url("immutable")));
    let manifest = http::get(&endpoint.url("/v2/acme/app/manifests/v1")).body;
    assert_eq!(sha256(&manifest), digest);
}

//! A store from nothing: made, public, with settings, and pulled from without credentials.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::immutable::source;
use crate::pull::digest_of;
use crate::refused::assert_says;
use crate::rig::http;
use crate::rig::layout::{Layer, Layout, OCI_INDEX, sha256};
use crate::rig::ours::{self, Endpoint, publisher};
use crate::rig::process::{Run, free_port, run};
use crate::rig::seaweed::{OWNER, READER, seaweed};
use crate::rig::skopeo::copy;
use crate::rig::store::bucket_argument;
use crate::rig::swift::{self, swift};

const SETTINGS: &str = "static-registry/settings.json";

fn s3(arguments: &[&str]) -> Run {
    publisher(OWNER, arguments)
}

fn on_swift(arguments: &[&str]) -> Run {
    let mut command: Command = ours::publisher_command();
    command.env("ST_AUTH", swift().auth_url());
    command.env("ST_USER", swift::OWNER.0).env("ST_KEY", swift::OWNER.1);
    run(command.args(arguments))
}

/// The base that `init` prints.
#[track_caller]
fn done(run: &Run) -> String {
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(!run.stderr.contains("warning"), "{}", run.stderr);
    run.stdout.trim_end().to_owned()
}

/// What is published is pulled through an endpoint that knows the base alone.
#[track_caller]
fn serves(base: &str, store: &str, publish: impl Fn(&[&str]) -> Run) {
    let from = source("from nothing");
    let published =
        publish(&["publish", from.path().to_str().unwrap(), "acme/app:v1", "acme/app:latest", "--to", store]);
    assert_eq!(published.code, Some(0), "{}", published.stderr);
    let endpoint = Endpoint::to_cdn(base);
    let pulled = tempfile::tempdir().unwrap();
    copy(
        &[],
        &format!("docker://{}/acme/app:v1", endpoint.host),
        &format!("dir:{}", pulled.path().display()),
    );
    let manifest = std::fs::read(pulled.path().join("manifest.json")).unwrap();
    assert_eq!(sha256(&manifest), digest_of(&published.stdout, "acme/app:v1"));

    // And found by those who search: an endpoint reads what is said of it as everybody does.
    let said = described("Heard by everybody");
    let told = publish(&["publish", said.path().to_str().unwrap(), "acme/said:1", "--to", store]);
    assert_eq!(told.code, Some(0), "{}", told.stderr);
    let serving = Endpoint::serving(base, &[]);
    let found = http::get(&serving.url("/v1/search?q=heard"));
    let entry = r#""name":"acme/said","description":"Heard by everybody""#;
    assert!(found.text().contains(entry), "{}", found.text());

    let other = source("another");
    let moved = publish(&["publish", other.path().to_str().unwrap(), "acme/app:v1", "--to", store]);
    assert_says(&moved, 1, &["acme/app:v1", "is immutable (v*)"]);
}

/// An image index that says this of itself.
fn described(text: &str) -> TempDir {
    let (place, mut layout) = (tempfile::tempdir().unwrap(), Layout::default());
    let image = layout.image("linux/amd64", &[Layer::gzip(&[("a", text.as_bytes())])]);
    let index = layout.manifest(&json!({
        "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [image],
        "annotations": {"org.opencontainers.image.description": text},
    }));
    layout.list(&index, "1");
    layout.write_dir(place.path());
    place
}

#[test]
fn a_bucket_from_nothing() {
    let store = bucket_argument(&seaweed().url(), "made-by-init");
    let say = |more: &[&str]| s3(&[&["init", &store], more].concat());
    let settings = || -> Value {
        serde_json::from_slice(&seaweed().get("made-by-init", &format!("some/prefix/{SETTINGS}"))).unwrap()
    };

    let dry = say(&["--dry-run", "--immutable", "v*"]);
    assert_eq!(dry.code, Some(0), "{}", dry.stderr);
    assert!(dry.stdout.contains("arn:aws:s3:::made-by-init/some/prefix/docker/*"), "{}", dry.stdout);
    assert!(
        dry.stdout.contains("arn:aws:s3:::made-by-init/some/prefix/static-registry/search.json\""),
        "{}",
        dry.stdout
    );
    assert!(dry.stdout.contains(r#"{"immutable":["v*"]}"#), "{}", dry.stdout);
    assert_says(&s3(&["list", &store]), 1, &["made-by-init", "is not there", "registry-publisher init"]);

    let first = say(&["--grace", "1h", "--immutable", "v*", "--changing-ttl", "90s"]);
    let base = done(&first);
    assert_eq!(base, format!("{}/made-by-init/some/prefix", seaweed().url()));
    assert!(first.stderr.contains("made"), "{}", first.stderr);
    assert_eq!(settings(), json!({"grace": "1h", "immutable": ["v*"], "changing-ttl": "90s"}));
    serves(&base, &store, s3);
    let view = http::get(&format!(
        "{base}/docker/registry/v2/repositories/acme/app/_manifests/tags/latest/current/manifest"
    ));
    assert_eq!(view.header("cache-control"), "public, max-age=90, must-revalidate, no-transform");
    // Neither our own objects nor the list of all are anybody's business.
    assert_eq!(http::get(&format!("{base}/{SETTINGS}")).status, 403);
    assert_eq!(http::get(&format!("{}/made-by-init", seaweed().url())).status, 403);

    let (policy, objects) = (seaweed().policy("made-by-init"), seaweed().list("made-by-init"));
    let again = say(&[]);
    assert_eq!(done(&again), base);
    assert!(again.stderr.contains("found"), "{}", again.stderr);
    assert_eq!((seaweed().policy("made-by-init"), seaweed().list("made-by-init")), (policy, objects));

    done(&say(&["--no-v1", "--no-immutable"]));
    assert_eq!(settings(), json!({"grace": "1h", "v1": false, "changing-ttl": "90s"}));
    done(&say(&["--v1"]));
    assert_eq!(settings(), json!({"grace": "1h", "v1": true, "changing-ttl": "90s"}));
}

#[test]
fn the_statements_of_others_stay() {
    let url = seaweed().url();
    seaweed().create_public_bucket("others");
    let before: Value = serde_json::from_str(&seaweed().policy("others")).unwrap();
    done(&s3(&["init", &format!("s3://others/one?endpoint={url}")]));
    done(&s3(&["init", &format!("s3://others/two?endpoint={url}")]));
    let after: Value = serde_json::from_str(&seaweed().policy("others")).unwrap();
    assert_eq!(after["Statement"][0], before["Statement"][0]);
    assert_eq!(after["Statement"].as_array().unwrap().len(), 2, "{after}");
    let resources = after["Statement"][1]["Resource"].as_array().unwrap();
    assert!(resources.contains(&json!("arn:aws:s3:::others/one/images/*")), "{after}");
    assert!(resources.contains(&json!("arn:aws:s3:::others/two/images/*")), "{after}");
    let rules = seaweed().rules("others");
    let prefixes: Vec<&str> = rules.iter().map(|(_, prefix)| prefix.as_str()).collect();
    assert_eq!(prefixes, ["one/", "two/"]);
    assert!(rules.iter().all(|(id, _)| id.starts_with("static-registry-unfinished-uploads-")), "{rules:?}");
}

#[test]
fn who_may_not_make_or_write_a_store_is_told() {
    let url = seaweed().url();
    let absent = format!("s3://not-for-readers?endpoint={url}");
    assert_says(&publisher(READER, &["init", &absent]), 1, &["not-for-readers", "creating the bucket"]);
    seaweed().create_public_bucket("not-to-be-written");
    let there = format!("s3://not-to-be-written?endpoint={url}");
    assert_says(&publisher(READER, &["init", &there]), 1, &["not-to-be-written", "does not permit it"]);
    assert!(seaweed().list("not-to-be-written").is_empty());

    let nobody = format!("http://127.0.0.1:{}", free_port());
    let says = [nobody.as_str(), "out of reach"];
    assert_says(&s3(&["init", &format!("s3://bucket?endpoint={nobody}")]), 1, &says);
}

#[test]
fn what_not_everybody_can_read_is_no_store_yet() {
    let store = format!("s3://behind-a-wall?endpoint={}", seaweed().url());
    // A CDN that leads elsewhere.
    let elsewhere = format!("{}/no-such-bucket", seaweed().url());
    let says = ["not public", &elsewhere, "without credentials", "hint:", "put-public-access-block"];
    assert_says(&s3(&["init", &store, "--public-url", &elsewhere]), 1, &says);
    let right = format!("{}/behind-a-wall", seaweed().url());
    assert_eq!(done(&s3(&["init", &store, "--public-url", &format!("{right}/")])), right);
    assert_says(&s3(&["init", &store, "--public-url", "cdn.example.com"]), 2, &["http://"]);
}

#[test]
fn a_container_from_nothing() {
    let store = "swift://made-by-init/some/prefix";
    let base = done(&on_swift(&["init", store, "--immutable", "v*", "--no-v1"]));
    assert_eq!(base, format!("{}/some/prefix", swift().url("made-by-init")));
    serves(&base, store, on_swift);
    let again = on_swift(&["init", store, "--grace", "36h", "--format", "json"]);
    let document: Value = serde_json::from_str(&done(&again)).unwrap();
    assert_eq!(document["settings"], json!({"grace": "36h", "v1": false, "immutable": ["v*"]}));
    assert_eq!(
        (&document["made"], &document["cdn"], &document["missing"]),
        (&json!(false), &json!(base), &json!("404"))
    );
    // Nobody may list it.
    assert_eq!(http::get(&swift().url("made-by-init")).status, 401);
}

#[test]
fn a_directory_from_nothing() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("a/store");
    let store = root.to_str().unwrap();
    let dry = s3(&["init", store, "--dry-run"]);
    assert_eq!((dry.code, root.exists()), (Some(0), false), "{}", dry.stderr);
    let first = s3(&["init", store, "--immutable", "v*", "--immutable", "release-?"]);
    assert_eq!(done(&first), store);
    assert!(first.stderr.contains(&format!("registry-endpoint --directory {store}")), "{}", first.stderr);
    let said = |root: &Path| std::fs::read_to_string(root.join(SETTINGS)).unwrap();
    assert_eq!(said(&root), r#"{"immutable":["release-?","v*"]}"#);
    done(&s3(&["init", store]));
    assert_eq!(said(&root), r#"{"immutable":["release-?","v*"]}"#);

    std::fs::write(root.join(SETTINGS), r#"{"quota":"1T"}"#).unwrap();
    assert_says(&s3(&["init", store, "--no-v1"]), 1, &["`quota`", "newer registry-publisher"]);
    assert_eq!(said(&root), r#"{"quota":"1T"}"#);
    assert_says(&s3(&["init", store, "--v1", "--no-v1"]), 2, &["--no-v1"]);
}

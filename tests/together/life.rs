//! A tag's life after it was published, by the real program: back and forth, joined with others, let go, and copied.

use std::fs;

use contract::digest::Digest;

use crate::refused::assert_says;
use crate::rig::built::Built;
use crate::rig::layout::{DOCKER_LIST, Layer, Layout, OCI_INDEX, sha256};
use crate::rig::ours::{self, Endpoint};
use crate::rig::podman::Podman;
use crate::rig::process::{Run, run};
use crate::rig::random::Random;
use crate::rig::seaweed::{self, READER};
use crate::rig::skopeo::{copy, inspect, skopeo};
use crate::rig::store::Store;
use crate::rig::swift::{OWNER, swift};

/// Publishes an image of one file for each platform and text under a tag of `acme/app`; gives their digests.
fn published(store: &Store, images: &[(&str, &str, &str)]) -> Vec<String> {
    let mut layout = Layout::default();
    let mut digests = Vec::new();
    for (tag, platform, text) in images {
        let image = layout.image(platform, &[Layer::gzip(&[("file", text.as_bytes())])]);
        layout.list(&image, text);
        let source = tempfile::tempdir().unwrap();
        layout.write_dir(source.path());
        let printed = {
            let (source, name) = (source.path().to_str().unwrap(), format!("acme/app:{tag}"));
            done(&store.publisher(&["publish", source, &name, "--to", &store.argument(), "--image", text]))
        };
        let digest = image["digest"].as_str().unwrap().to_owned();
        assert_eq!(printed, format!("acme/app:{tag}@{digest}\n"));
        digests.push(digest);
    }
    digests
}

#[track_caller]
fn done(run: &Run) -> String {
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    run.stdout.clone()
}

#[test]
fn a_tag_goes_back_to_where_it_was() {
    for store in [Store::directory(), Store::bucket()] {
        let place = store.argument();
        let digests = published(&store, &[("1", "linux/amd64", "old"), ("1", "linux/amd64", "new")]);
        let history = || {
            let text =
                done(&store.publisher(&["history", "acme/app:1", "--from", &place, "--format", "json"]));
            let document: serde_json::Value = serde_json::from_str(&text).unwrap();
            document["history"].as_array().unwrap().clone()
        };
        let before = history();
        assert_eq!(before.len(), 2);
        assert!(before.iter().all(|past| past["moved"].as_str().unwrap().starts_with("20")), "{before:?}");
        assert_eq!(before[0]["digest"], *digests[1]);
        assert_eq!(before[0]["current"], true);

        let rollback =
            |more: &[&str]| store.publisher(&[&["rollback", "acme/app:1", "--in", &place], more].concat());
        assert_eq!(done(&rollback(&[])), format!("acme/app:1@{}\n", digests[0]));
        let endpoint = store.endpoint();
        let shown = || inspect(&format!("{}/acme/app:1", endpoint.host)).stdout.trim().to_owned();
        assert_eq!(shown(), digests[0]);
        assert_eq!(history()[0]["digest"], *digests[0]);
        let text = done(&store.publisher(&["history", "acme/app:1", "--from", &place]));
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");

        assert_eq!(done(&rollback(&[&digests[1][..19]])), format!("acme/app:1@{}\n", digests[1]));
        let never = rollback(&["sha256:0"]);
        assert_eq!(never.code, Some(1));
        assert!(never.stderr.contains("caused by: it has never pointed to `sha256:0`"), "{}", never.stderr);

        // What is gone, and what must not move.
        let tagged = format!("acme/app@{}", digests[0]);
        done(&store.publisher(&["remove", &tagged, "--from", &place]));
        let gone = rollback(&[]);
        assert_eq!(gone.code, Some(1));
        assert!(
            gone.stderr.contains(&format!("{}, where it pointed, is gone", digests[0])),
            "{}",
            gone.stderr
        );
        published(&store, &[("1", "linux/amd64", "newest")]);
        let settings = r#"{"immutable":["1"]}"#;
        if let Store::Directory(dir) = &store {
            std::fs::write(dir.path().join("static-registry/settings.json"), settings).unwrap();
            let fixed = rollback(&[&digests[1]]);
            assert_eq!(fixed.code, Some(1));
            assert!(fixed.stderr.contains("the tag acme/app:1 is immutable (1)"), "{}", fixed.stderr);
        }
    }
}

fn join(store: &Store, target: &str, images: &[&str]) -> Run {
    store.publisher(&[&["join", target], images, &["--in", &store.argument()]].concat())
}

#[test]
fn what_was_published_apart_is_pulled_as_one() {
    let store = Store::bucket();
    let digests = published(
        &store,
        &[("1-amd64", "linux/amd64", "a"), ("1-arm64", "linux/arm64", "b"), ("1-other", "linux/amd64", "c")],
    );
    let joined = done(&join(&store, "acme/app:1", &["acme/app:1-amd64", "acme/app:1-arm64"]));
    let index: Digest = joined.trim().strip_prefix("acme/app:1@").unwrap().parse().unwrap();
    let endpoint = store.endpoint();
    let image = format!("docker://{}/acme/app:1", endpoint.host);
    let raw = skopeo(&["inspect", "--raw", "--tls-verify=false", &image]);
    assert_eq!(sha256(raw.as_bytes()), index.to_string());
    for (architecture, digest) in [("amd64", &digests[0]), ("arm64", &digests[1])] {
        let pulled = tempfile::tempdir().unwrap();
        let target = format!("dir:{}", pulled.path().display());
        skopeo(&["--override-arch", architecture, "copy", "--src-tls-verify=false", &image, &target]);
        assert_eq!(sha256(&std::fs::read(pulled.path().join("manifest.json")).unwrap()), *digest);
    }
    // An index brings what it names; the same again is the same.
    let again = done(&join(&store, "acme/other:1", &["acme/app:1", "acme/app:1-arm64"]));
    assert_eq!(again, format!("acme/other:1@{index}\n"));
    let twice = join(&store, "acme/app:2", &["acme/app:1", "acme/app:1-other"]);
    assert_eq!(twice.code, Some(1));
    let both = "caused by: acme/app:1 and acme/app:1-other are both for linux/amd64";
    assert!(twice.stderr.contains(both), "{}", twice.stderr);
}

#[test]
fn images_of_docker_stand_beside_others_or_in_a_list_of_their_own() {
    let store = Store::bucket();
    published(&store, &[("1-amd64", "linux/amd64", "a")]);
    let mut layout = Layout::default();
    let image = layout.docker_image("linux/s390x", &[Layer::gzip(&[("file", b"d")]).for_docker()]);
    layout.list(&image, "docker");
    let source = tempfile::tempdir().unwrap();
    layout.write_dir(source.path());
    store.publish(source.path(), &["acme/app:1-s390x"]);
    let all = ["acme/app:1-amd64", "acme/app:1-s390x"];
    done(&join(&store, "acme/app:3", &all));
    let list = join(&store, "acme/app:4", &[&all[..], &["--manifest-type", "docker"]].concat());
    assert_eq!(list.code, Some(1));
    assert!(list.stderr.contains("hint: without --manifest-type docker"), "{}", list.stderr);
    done(&join(&store, "acme/app:4", &["acme/app:1-s390x", "--manifest-type", "docker"]));
    let endpoint = store.endpoint();
    for (tag, media) in [("3", OCI_INDEX), ("4", DOCKER_LIST)] {
        let image = format!("docker://{}/acme/app:{tag}", endpoint.host);
        let raw = skopeo(&["inspect", "--raw", "--tls-verify=false", &image]);
        let index: serde_json::Value = serde_json::from_str(&raw).unwrap();
        assert_eq!(index["mediaType"], media);
        let pulled = tempfile::tempdir().unwrap();
        let target = format!("dir:{}", pulled.path().display());
        skopeo(&["--override-arch", "s390x", "copy", "--src-tls-verify=false", &image, &target]);
    }
}

#[test]
fn tags_that_no_rule_keeps_are_removed() {
    let store = Store::directory();
    let place = store.argument();
    published(
        &store,
        &[("v1", "linux/amd64", "a"), ("next", "linux/amd64", "b"), ("used", "linux/amd64", "c")],
    );
    let list = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(list.path(), "registry.example.com/acme/app:used\n").unwrap();
    let retain = |more: &[&str]| store.publisher(&[&["retain", &place], more].concat());
    let rules = ["--keep", "v*", "--keep-list", list.path().to_str().unwrap()];
    let tags = || done(&store.publisher(&["list", &place, "acme/app"])).lines().count() - 1;

    let said = done(&retain(&rules));
    assert!(said.lines().any(|line| line.contains("acme/app:next") && line.contains("would be removed")));
    assert!(said.contains("stays: matches v*") && said.contains("stays: is listed"), "{said}");
    assert_eq!(tags(), 3);
    done(&retain(&[&rules[..], &["--remove"]].concat()));
    assert_eq!(tags(), 2);
    assert_eq!(done(&store.publisher(&["verify", &place])), "");

    let none = retain(&["--remove"]);
    assert_eq!(none.code, Some(2));
    assert!(none.stderr.contains("error: no rule says which tags stay"), "{}", none.stderr);
    let settings = r#"{"immutable":["v*"]}"#;
    std::fs::write(std::path::Path::new(&place).join("static-registry/settings.json"), settings).unwrap();
    let all = ["--keep-newest", "0", "--remove"];
    assert!(done(&retain(&all)).contains("stays: is immutable (v*)"));
    assert_eq!(tags(), 1);
    done(&retain(&[&all[..], &["--force"]].concat()));
    assert_eq!(tags(), 0);
}

#[test]
fn a_copy_keeps_to_the_rate() {
    let (store, place) = (Store::directory(), tempfile::tempdir().unwrap());
    let (mut layout, random) = (Layout::default(), Random::seeded(11).bytes(1 << 20));
    let image = layout.image("linux/amd64", &[Layer::gzip(&[("file", &random)])]);
    layout.list(&image, "1.2");
    layout.write_dir(place.path());
    store.publish(place.path(), &["acme/app:1.2"]);
    let copy = |more: &[&str]| {
        let to = place.path().join("other");
        store.publisher(&[&["copy", &store.argument(), to.to_str().unwrap()], more].concat())
    };
    // At this rate it takes a quarter of an hour.
    assert_says(&copy(&["--limit-rate", "1K", "--deadline", "2s"]), 1, &["not done within 2s"]);
    done(&copy(&[]));
}

#[test]
fn podman_pulls_from_swift_what_was_copied_from_a_bucket() {
    swift().create_public_container("copied");
    let (store, built) = (Store::bucket(), Built::new("copied"));
    let digest = store.publish(&built.archive(), &["acme/app:1.2"]);
    published(&store, &[("1.2", "linux/amd64", "new"), ("old", "linux/amd64", "old")]);
    store.publish(&built.archive(), &["acme/app:1.2"]);

    let target = "swift://copied/some/prefix";
    let publisher = |arguments: &[&str]| {
        let mut command = ours::publisher_command();
        command.env("ST_AUTH", swift().auth_url()).env("ST_USER", OWNER.0).env("ST_KEY", OWNER.1);
        run(command.args(arguments))
    };
    let copy_all = |more: &[&str]| {
        let run = publisher(&[&["copy", &store.argument(), target, "--format", "json"], more].concat());
        let document: serde_json::Value = serde_json::from_str(&done(&run)).unwrap();
        document["repositories"][0].clone()
    };
    assert_eq!(copy_all(&["--dry-run"])["moved"], 2);
    let first = copy_all(&[]);
    assert_eq!(
        (&first["tags"], &first["moved"], &first["problems"]),
        (&2.into(), &2.into(), &serde_json::json!([]))
    );
    let again = copy_all(&[]);
    assert_eq!((&again["tags"], &again["moved"], &again["blobsSent"]), (&2.into(), &0.into(), &0.into()));
    assert_eq!(done(&publisher(&["verify", target])), "");

    let endpoint = Endpoint::to_cdn(&format!("{}/some/prefix", swift().url("copied")));
    let image = format!("{}/acme/app:1.2", endpoint.host);
    let seen = inspect(&image);
    assert_eq!(format!("acme/app:1.2@{}\n", seen.stdout.trim()), digest, "{}", seen.stderr);
    let podman = Podman::new();
    podman.pull(&image);
    assert_eq!(podman.run(&image), built.prints);
    let pulled = tempfile::tempdir().unwrap();
    copy(
        &[],
        &format!("docker://{}/acme/app:old", endpoint.host),
        &format!("dir:{}", pulled.path().display()),
    );
    let history = done(&publisher(&["history", "acme/app:1.2", "--from", target, "--format", "json"]));
    let history: serde_json::Value = serde_json::from_str(&history).unwrap();
    assert_eq!(history["history"].as_array().unwrap().len(), 2, "{history}");
}

#[test]
fn each_of_two_buckets_has_the_credentials_of_its_profile() {
    let (from, to) = (Store::bucket(), Store::bucket());
    published(&from, &[("1.2", "linux/amd64", "text")]);
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("credentials");
    let seaweed::User(key, secret) = seaweed::OWNER;
    let section = format!("[second]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n");
    fs::write(&file, section).unwrap();
    let publisher = |arguments: &[&str]| {
        let mut command = ours::publisher_command();
        // Who may only read, as far as the environment says.
        command.env("AWS_ACCESS_KEY_ID", READER.0).env("AWS_SECRET_ACCESS_KEY", READER.1);
        run(command.env("AWS_SHARED_CREDENTIALS_FILE", &file).args(arguments))
    };
    let target = |profile: &str| format!("{}&profile={profile}", to.argument());
    assert_says(&publisher(&["copy", &from.argument(), &to.argument()]), 1, &["denied"]);
    assert_says(
        &publisher(&["copy", &from.argument(), &target("third")]),
        1,
        &["profile=third", "~/.aws/credentials"],
    );
    assert!(to.objects().is_empty());
    done(&publisher(&["copy", &from.argument(), &target("second")]));
    assert_eq!(done(&publisher(&["verify", &target("second")])), "");
    assert_eq!(to.visible(), from.visible());
}

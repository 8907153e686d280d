//! What `verify --through` sees of real endpoints in front of real stores, and of a front that does every harm once.

use std::path::Path;

use serde_json::Value;

use crate::rig::authority::Authority;
use crate::rig::layout::{Layer, Layout};
use crate::rig::ours::{Endpoint, publisher_command};
use crate::rig::process::{Run, run};
use crate::rig::seaweed::seaweed;
use crate::rig::store::{Store, bucket_url};

use front::{Front, Harm};

mod front;

/// An image of one layer, under these names.
fn publish(store: &Store, content: &str, references: &[&str]) {
    let mut layout = Layout::default();
    let image = layout.image("linux/amd64", &[Layer::gzip(&[("a", content.as_bytes())])]);
    layout.list(&image, "1.0");
    let source = tempfile::tempdir().unwrap();
    layout.write_dir(source.path());
    store.publish(source.path(), references);
}

fn published(store: Store) -> Store {
    publish(&store, "one", &["acme/app:1.0", "acme/app:1.1", "other:1"]);
    store
}

fn look(store: &Store, registry: &str, more: &[&str]) -> Run {
    let place = store.argument();
    store.publisher(&[&["verify", &place, "--through", registry], more].concat())
}

/// The levels of the findings, in their order, with a word of each.
#[track_caller]
fn told(run: &Run, code: i32, words: &[&str]) {
    let lines: Vec<&str> = run.stdout.lines().collect();
    let right = lines.iter().zip(words).all(|(line, word)| line.contains(word));
    assert!(
        right && lines.len() == words.len() && run.code == Some(code),
        "{words:?}\n{}\n{}",
        run.stdout,
        run.stderr
    );
}

#[test]
fn what_is_served_well_has_no_problems() {
    let directory = published(Store::directory());
    let endpoint = directory.endpoint();
    told(&look(&directory, &endpoint.url(""), &[]), 0, &[]);

    let bucket = published(Store::bucket());
    // A bucket says neither.
    let redirected = look(&bucket, &bucket.endpoint().url(""), &[]);
    told(&redirected, 0, &["Docker-Content-Digest", "is not a registry's JSON"]);
    assert!(redirected.stdout.lines().all(|line| line.starts_with("notice: ")), "{}", redirected.stdout);
    assert!(redirected.stderr.contains("2 of 2 repositories, 3 of 3 tags"), "{}", redirected.stderr);
    let served = bucket.endpoint_serving(&[]);
    told(&look(&bucket, &served.url(""), &["acme/app"]), 0, &[]);

    let absent = look(&bucket, &served.url(""), &["acme/absent"]);
    assert!(absent.code == Some(1) && absent.stderr.contains("acme/absent is not in the store"));
    let nobody = look(&bucket, "http://127.0.0.1:1", &["other"]);
    assert!(nobody.code == Some(1) && nobody.stdout.contains("refused"), "{}", nobody.stdout);
    let wrong = look(&bucket, "http://127.0.0.1:1/v2/", &[]);
    assert!(wrong.code == Some(2) && wrong.stderr.contains("without a path"), "{}", wrong.stderr);
}

#[test]
fn another_store_behind_the_name_is_told_as_what_it_lacks() {
    let (one, other) = (published(Store::directory()), Store::directory());
    publish(&other, "two", &["acme/app:1.0"]);
    let run = look(&one, &other.endpoint().url(""), &["acme/app", "--format", "json"]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    let document: Value = serde_json::from_str(&run.stdout).unwrap();
    let findings = document["findings"].as_array().unwrap();
    let says = |asked: &str, wrong: &str| {
        findings.iter().any(|finding| {
            let text = |field: &str| finding[field].as_str().unwrap();
            text("asked").ends_with(asked) && text("wrong").contains(wrong) && finding["notice"] == false
        })
    };
    assert!(says("/v2/acme/app/manifests/1.0", "and its link in the store says"), "{document:#}");
    assert!(says("/v2/acme/app/manifests/1.1", "is in the store and answered 404"), "{document:#}");
    assert!(says("/v2/acme/app/tags/list", "lacks 1.1"), "{document:#}");
}

#[test]
fn a_type_that_was_lost_is_told() {
    let bucket = published(Store::bucket());
    let view = "docker/registry/v2/repositories/acme/app/_manifests/tags/1.0/current/manifest";
    bucket.overwrite(view, &bucket.read(view));
    let run = look(&bucket, &bucket.endpoint().url(""), &["acme/app"]);
    let problems: Vec<&str> = run.stdout.lines().filter(|line| line.starts_with("problem: ")).collect();
    let [problem] = problems[..] else { panic!("{}", run.stdout) };
    let right =
        problem.contains("manifests/1.0 comes with the Content-Type") && problem.contains("breaks Docker");
    assert!(right && run.code == Some(1), "{problem}");
    // It is lost for those alone who get it from the bucket.
    let served = look(&bucket, &bucket.endpoint_serving(&[]).url(""), &["acme/app"]);
    assert_eq!((served.code, &*served.stdout), (Some(0), ""));
}

#[test]
fn https_that_leads_to_http_is_told() {
    let bucket = published(Store::bucket());
    let Store::Bucket(name) = &bucket else { panic!("a bucket was asked for") };
    let authority = Authority::new();
    authority.sign("server", "127.0.0.1", 2100);
    let endpoint = Endpoint::to_cdn_by_tls(&bucket_url(&seaweed().url(), name), &authority);
    let place = bucket.argument();
    let registry = format!("https://{}", endpoint.host);
    let look = |trusted: Option<&Path>| {
        let mut command = publisher_command();
        command.envs(trusted.map(|file| ("SSL_CERT_FILE", file)));
        run(command.args(["verify", &place, "other", "--through", &registry]))
    };
    let trusted = look(Some(&authority.path("ca.pem")));
    assert_eq!(trusted.code, Some(1), "{}", trusted.stderr);
    assert!(trusted.stdout.contains("leads from https to http://127.0.0.1"), "{}", trusted.stdout);
    let stranger = look(None);
    assert!(stranger.stdout.contains("renew the certificate"), "{}", stranger.stdout);
}

#[test]
fn every_harm_has_its_finding() {
    let store = published(Store::directory());
    let endpoint = store.endpoint();
    for harm in Harm::EACH {
        let front = Front::start(&endpoint.host, harm);
        let more: &[&str] = if harm == Harm::Silence { &["--request-timeout", "5s"] } else { &[] };
        if matches!(harm, Harm::OldTags | Harm::OldLists) {
            // It keeps what it has seen.
            look(&store, &front.url(), &[]);
            publish(&store, &format!("{harm:?}"), &["acme/app:1.0", &format!("acme/app:{harm:?}")]);
        }
        let run = look(&store, &front.url(), &[&["acme/app"], more].concat());
        let [level, words, breaks] = harm.expected();
        let breaks = format!("; breaks {breaks}");
        let is_it = |line: &str| line.starts_with(level) && line.contains(words) && line.contains(&breaks);
        let found = run.stdout.lines().any(is_it);
        assert!(found, "{harm:?}: {words}\n{}\n{}", run.stdout, run.stderr);
        let code = i32::from(run.stdout.contains("problem: "));
        assert_eq!(run.code, Some(code), "{harm:?}\n{}", run.stdout);
    }
}

//! `mirror`: repositories of a real `distribution` kept in a store, with every request counted.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::http::Method;

use crate::from_registry::{Images, assert_served, filled};
use crate::immutable::source;
use crate::refused::assert_says;
use crate::rig::distribution::Distribution;
use crate::rig::faulty::{Blow, Dialect, Fault, Line, Proxy, Span};
use crate::rig::http;
use crate::rig::layout::{Layer, Layout};
use crate::rig::ours::{Endpoint, publisher_command};
use crate::rig::process::{Component, Run, bare, free_port, run};
use crate::rig::skopeo::copy;
use crate::rig::store::Store;

/// A registry that every request is counted before, and a store.
struct Case {
    images: Images,
    registry: Distribution,
    store: Store,
    _folder: TempDir,
}

impl Case {
    /// `acme/app` has two images: `index`, which `v1.0` and `v1.1` name too, and `docker`.
    fn new() -> Self {
        let mut images = Images::new();
        let (_folder, registry) = filled(&mut images);
        for tag in ["v1.0", "v1.1"] {
            images.push("index", &format!("{}/acme/app:{tag}", registry.host), &[]);
        }
        Self { images, registry, store: Store::directory(), _folder }
    }

    fn command(&self, source: &str, more: &[&str]) -> Command {
        let mut command = publisher_command();
        command.args(["mirror", &format!("docker://{source}"), "--to", &self.store.argument()]).args(more);
        command
    }

    /// Mirrors `acme/app` as `acme/mine` through a proxy; gives the run and what was asked for.
    fn mirror(&self, more: &[&str]) -> (Run, Vec<Line>) {
        let proxy = Proxy::start(&format!("http://{}", self.registry.host), Dialect::Registry, None);
        let source = format!("{}/acme/app", proxy.url().strip_prefix("http://").unwrap());
        let run = run(self.command(&source, more).args(["--as", "acme/mine"]));
        let seen = proxy.seen();
        assert_eq!(seen.strayed, None);
        (run, seen.requests)
    }

    fn digest(&self, which: &str) -> String {
        let root = if which == "docker" { &self.images.docker } else { &self.images.index };
        root["digest"].as_str().unwrap().to_owned()
    }

    /// A line of standard output for each tag.
    fn lines(&self, tags: &[&str]) -> String {
        tags.iter().map(|tag| format!("acme/mine:{tag}@{}\n", self.digest(tag))).collect()
    }

    fn tags(&self) -> Value {
        http::get(&self.store.endpoint().url("/v2/acme/mine/tags/list")).json()["tags"].clone()
    }
}

fn count(requests: &[Line], method: &Method, part: &str) -> usize {
    requests.iter().filter(|line| line.method == *method && line.target.contains(part)).count()
}

#[track_caller]
fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn all_tags_come_and_unchanged_ones_cost_one_head_each() {
    let case = Case::new();
    let (first, requests) = case.mirror(&[]);
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    let all = case.lines(&["docker", "index", "v1.0", "v1.1"]);
    assert_eq!(sorted(&first.stdout), sorted(&all));
    assert!(first.stderr.contains("4 copied, 0 unchanged, 0 failed"), "{}", first.stderr);
    let endpoint = case.store.endpoint();
    for (tag, root) in [("docker", &case.images.docker), ("v1.1", &case.images.index)] {
        assert_served(&endpoint, &case.images, tag, root);
    }
    // The base is in both images, and three tags have one of them.
    let mut blobs: Vec<_> = requests.iter().filter(|line| line.target.contains("/blobs/")).collect();
    let asked = blobs.len();
    blobs.sort_by_key(|line| &line.target);
    blobs.dedup();
    assert_eq!((blobs.len(), asked), (6, 6), "{requests:?}");

    let before = case.store.objects();
    let (again, requests) = case.mirror(&[]);
    assert_eq!((again.code, again.stdout.as_str()), (Some(0), ""), "{}", again.stderr);
    assert!(again.stderr.contains("0 copied, 4 unchanged, 0 failed"), "{}", again.stderr);
    assert_eq!(count(&requests, &Method::GET, "/tags/list"), 1);
    assert_eq!(count(&requests, &Method::HEAD, "/manifests/"), 4);
    assert_eq!(requests.len(), 5, "{requests:?}");
    assert_eq!(case.store.objects(), before);

    // One tag moves, and a new one has the same image.
    for tag in ["docker", "v1.2"] {
        case.images.push("index", &format!("{}/acme/app:{tag}", case.registry.host), &[]);
    }
    let line = |tag: &str| format!("acme/mine:{tag}@{}\n", case.digest("index"));
    let (refused, _) = case.mirror(&["--immutable", "d*"]);
    assert_eq!((refused.code, &refused.stdout), (Some(1), &line("v1.2")), "{}", refused.stderr);
    assert!(refused.stderr.contains("acme/mine:docker is immutable (d*)"), "{}", refused.stderr);
    let (moved, requests) = case.mirror(&[]);
    assert_eq!(moved.stdout, line("docker"));
    assert_eq!(count(&requests, &Method::GET, "/blobs/"), 2, "configs, for v1: {requests:?}");
}

#[test]
fn patterns_choose_and_a_dry_run_only_tells() {
    let case = Case::new();
    let (dry, requests) = case.mirror(&["--tags", "v1.*,docker", "--dry-run"]);
    assert_eq!(sorted(&dry.stdout), sorted(&case.lines(&["docker", "v1.0", "v1.1"])), "{}", dry.stderr);
    assert_eq!((requests.len(), case.store.objects().len()), (4, 0));
    let (done, _) = case.mirror(&["--tags", "v1.*", "--tags", "docker"]);
    assert_eq!(sorted(&done.stdout), sorted(&dry.stdout), "{}", done.stderr);
    assert_eq!(case.tags(), json!(["docker", "v1.0", "v1.1"]));

    let (none, _) = case.mirror(&["--tags", "x*"]);
    assert!(none.code == Some(1) && none.stderr.contains("a tag of docker://"), "{}", none.stderr);
}

#[test]
fn a_tag_that_fails_stops_no_other() {
    let case = Case::new();
    let host = &case.registry.host;
    // `broken` lacks a layer that only it has.
    let (mut layout, folder) = (Layout::default(), tempfile::tempdir().unwrap());
    let layer = Layer::gzip(&[("b", b"broken")]);
    let hex = crate::rig::layout::sha256(&layer.bytes)["sha256:".len()..].to_owned();
    let broken = layout.image("linux/amd64", &[layer]);
    layout.list(&broken, "broken");
    layout.write_dir(folder.path());
    copy(
        &[],
        &format!("oci:{}:broken", folder.path().display()),
        &format!("docker://{host}/acme/app:broken"),
    );
    let data =
        case._folder.path().join("docker/registry/v2/blobs/sha256").join(&hex[..2]).join(&hex).join("data");
    fs::remove_file(data).unwrap();

    let file = folder.path().join("list");
    let lines = format!(
        "# ours\ndocker://{host}/acme/none\n\ndocker://{host}/acme/app acme/mine docker broken # two\ndocker://{host}/acme/app - v1.1\n"
    );
    fs::write(&file, lines).unwrap();
    let mut command = publisher_command();
    command.args(["mirror", "--from-file", file.to_str().unwrap(), "--format", "json"]);
    let run = run(command.args(["--to", &case.store.argument()]));
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stderr.contains("2 of 4 images could not be mirrored"), "{}", run.stderr);
    let told: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(told["summary"], json!({"copied": 2, "planned": 0, "unchanged": 0, "failed": 2}));
    let state = |reference: &str| {
        let images = told["images"].as_array().unwrap();
        let found = images.iter().find(|image| image["reference"] == reference);
        found.unwrap_or_else(|| panic!("{reference} in {told}")).clone()
    };
    assert!(state("acme/none")["error"].as_str().unwrap().contains("is not there"), "{told}");
    assert!(state("acme/mine:broken")["error"].as_str().unwrap().contains(&hex), "{told}");
    assert_eq!(state("acme/mine:docker")["state"], "copied");
    assert_eq!(state("acme/app:v1.1")["state"], "copied");
    assert_eq!(case.tags(), json!(["docker"]));
}

/// `distribution` keeps no referrers lists: who refers to an image does so by the names of tags.
#[test]
fn signatures_come_along() {
    let case = Case::new();
    let host = &case.registry.host;
    let (mut layout, folder) = (Layout::default(), tempfile::tempdir().unwrap());
    let signature = layout.image("linux/amd64", &[Layer::plain(&[("signature", b"of v1.0")])]);
    let bill = layout.artifact("application/vnd.acme.bill", Some(&case.images.index));
    let list = layout.index(std::slice::from_ref(&bill));
    layout.list(&signature, "signature");
    layout.list(&list, "list");
    layout.write_dir(folder.path());
    let hex = case.digest("index").replace(':', "-");
    for (from, tag) in [("signature", format!("{hex}.sig")), ("list", hex.clone())] {
        let from = format!("oci:{}:{from}", folder.path().display());
        copy(&["--all"], &from, &format!("docker://{host}/acme/app:{tag}"));
    }
    let (done, _) = case.mirror(&["--tags", "docker"]);
    assert_eq!(done.stdout, case.lines(&["docker"]), "{}", done.stderr);
    assert_eq!(case.tags(), json!(["docker"]), "they are of another image");
    let (done, _) = case.mirror(&["--tags", "v1.0"]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert_eq!(case.tags(), json!(["docker", hex, format!("{hex}.sig"), "v1.0"]));

    // From ours, which has lists, to another store.
    let (endpoint, other) = (case.store.endpoint(), Store::directory());
    let source = format!("docker://{}/acme/mine:v1.0", endpoint.host);
    let mut command = publisher_command();
    let run = run(command.args(["mirror", &source, "--to", &other.argument()]));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let referrers = |store: &Store| {
        http::get(&store.endpoint().url(&format!("/v2/acme/mine/referrers/{}", case.digest("index")))).json()
    };
    assert_eq!(referrers(&case.store)["manifests"][0]["digest"], bill["digest"]);
    assert_eq!(referrers(&other), referrers(&case.store));
}

/// Else the next run would find the tag where it is to be, and never ask what refers to it.
#[test]
fn a_tag_moves_when_what_refers_to_its_image_is_there() {
    let (mut layout, folder) = (Layout::default(), tempfile::tempdir().unwrap());
    let image = layout.image("linux/amd64", &[Layer::plain(&[("file", b"text")])]);
    let bill = layout.artifact("application/vnd.acme.bill", Some(&image));
    layout.list(&image, "image");
    layout.list(&bill, "bill");
    layout.write_dir(folder.path());
    let (from, to) = (Store::directory(), Store::directory());
    for name in ["image", "bill"] {
        let reference = format!("acme/app:{name}");
        let publish = ["publish", folder.path().to_str().unwrap(), &reference, "--to", &from.argument()];
        assert_eq!(from.publisher(&[&publish[..], &["--image", name]].concat()).code, Some(0));
    }
    let endpoint = from.endpoint();
    let mirror = |store: &Store, blow: Option<Blow>| {
        let proxy = Proxy::start(&format!("http://{}", endpoint.host), Dialect::Registry, blow);
        let source = format!("docker://{}/acme/app:image", proxy.url().strip_prefix("http://").unwrap());
        let mut command = publisher_command();
        command.args(["mirror", &source, "--to", &store.argument(), "--deadline", "10s"]);
        (run(&mut command), proxy.seen().requests)
    };
    let (whole, requests) = mirror(&Store::directory(), None);
    assert_eq!(whole.code, Some(0), "{}", whole.stderr);
    let at = 1 + requests.iter().position(|line| line.target.contains("/referrers/")).unwrap();
    let (broken, _) = mirror(&to, Some(Blow { fault: Fault::InternalError, at, span: Span::Onward }));
    assert_eq!(broken.code, Some(1), "{}", broken.stderr);
    assert!(!to.objects().keys().any(|key| key.contains("/_manifests/tags/")));
    assert_eq!(mirror(&to, None).0.code, Some(0));
    let digest = image["digest"].as_str().unwrap();
    let list = http::get(&to.endpoint().url(&format!("/v2/acme/app/referrers/{digest}"))).json();
    assert_eq!(list["manifests"][0]["digest"], bill["digest"]);
}

/// Any web server has our objects; the endpoint before it answers with pages.
#[test]
fn lists_are_read_to_their_last_page() {
    let (layout, source, store) = (source("paged"), Store::directory(), Store::directory());
    source.publish(layout.path(), &["acme/app:zz"]);
    let names: Vec<String> = (0..2500).map(|n| format!("t{n:04}")).chain(["zz".to_owned()]).collect();
    let list = json!({"name": "acme/app", "tags": names}).to_string();
    source.overwrite("docker/registry/v2/repositories/acme/app/_manifests/tags.json", list.as_bytes());
    let port = free_port().to_string();
    let web = format!("http://127.0.0.1:{port}");
    let server = Component::start("web", |_| {
        let mut command = bare("python3");
        command.args(["-m", "http.server", &port, "--bind", "127.0.0.1", "--directory", &source.argument()]);
        command
    });
    server.wait(|| http::answers(&web));
    let endpoint = Endpoint::serving(&web, &[]);
    let proxy = Proxy::start(&format!("http://{}", endpoint.host), Dialect::Registry, None);
    let from = proxy.url().replace("http://", "docker://");
    let run = store.publisher(&["mirror", &format!("{from}/acme/app:zz"), "--to", &store.argument()]);
    assert!(run.code == Some(0) && run.stdout.starts_with("acme/app:zz@sha256:"), "{run:?}");
    assert_eq!(count(&proxy.seen().requests, &Method::GET, "/tags/list"), 3);
}

#[test]
fn what_cannot_be_meant_is_wrong_usage() {
    let case = Case::new();
    let run =
        |arguments: &[&str]| case.store.publisher(&[arguments, &["--to", &case.store.argument()]].concat());
    assert_says(
        &run(&["mirror", "ghcr.io/acme/app"]),
        2,
        &["names no repository to mirror", "docker://HOST"],
    );
    let two = ["mirror", "docker://a.io/a", "docker://b.io/b"];
    assert_says(&run(&[&two[..], &["--as", "c"]].concat()), 2, &["--as names one repository"]);
    assert_says(&run(&["mirror", "--from-file", "/none"]), 2, &["/none cannot be read"]);
    let mut command = case.command("a.io/a", &["docker://b.io/b"]);
    command.envs([("REGISTRY_PUBLISHER_SOURCE_USERNAME", "u"), ("REGISTRY_PUBLISHER_SOURCE_PASSWORD", "p")]);
    assert_says(&crate::rig::process::run(&mut command), 2, &["are for one registry"]);
}

#[test]
fn what_fails_from_its_first_request_on_leaves_no_folder() {
    let (place, store) = (tempfile::tempdir().unwrap(), Store::directory());
    let to = place.path().join("some/folder");
    let mirror = |to: &Path| {
        store.publisher(&["mirror", "docker://127.0.0.1:9/acme/app", "--to", to.to_str().unwrap()])
    };
    assert_says(&mirror(&to), 1, &["127.0.0.1:9 is out of reach"]);
    assert!(!place.path().join("some").exists());
    // One that was there stays.
    fs::create_dir_all(&to).unwrap();
    assert_says(&mirror(&to), 1, &["127.0.0.1:9 is out of reach"]);
    assert!(to.exists());
}

//! `--documents serve`: real clients read manifests and lists from the endpoint, and layers from where they are.

use std::process::Command;

use ureq::http::Method;

use crate::immutable::source;
use crate::pull::digest_of;
use crate::rig::built::Built;
use crate::rig::dockerd::dockerd;
use crate::rig::http;
use crate::rig::ours::Endpoint;
use crate::rig::podman::Podman;
use crate::rig::process::{Component, bare, free_port};
use crate::rig::skopeo::{inspect, skopeo};
use crate::rig::store::Store;

#[test]
fn clients_find_digests_and_images_by_tag() {
    let (store, one, two) = (Store::bucket(), Built::new("serve-one"), Built::new("serve-two"));
    let digest = digest_of(&store.publish(&one.archive(), &["acme/app:1.2"]), "acme/app:1.2");
    let endpoint = store.endpoint_serving(&["--changing-ttl", "0s"]);
    check_pull(&endpoint, &digest, &one);

    // Another image, under the same tag.
    let moved = digest_of(&store.publish(&two.archive(), &["acme/app:1.2", "acme/app:2"]), "acme/app:1.2");
    assert_ne!(moved, digest);
    check_pull(&endpoint, &moved, &two);
    let by_digest =
        http::send(&Method::HEAD, &endpoint.url(&format!("/v2/acme/app/manifests/{digest}")), &[]);
    assert_eq!(by_digest.unwrap().header("docker-content-digest"), digest);
    let page = http::get(&endpoint.url("/v2/acme/app/tags/list?n=1"));
    assert_eq!(page.text(), r#"{"name":"acme/app","tags":["1.2"]}"#);
    assert_eq!(page.header("link"), "</v2/acme/app/tags/list?n=1&last=1.2>; rel=\"next\"");

    let unknown = inspect(&format!("{}/acme/app:none", endpoint.host));
    assert!(unknown.code != Some(0) && unknown.stderr.contains("manifest unknown"), "{}", unknown.stderr);
    let tags = skopeo(&["list-tags", "--tls-verify=false", &format!("docker://{}/acme/app", endpoint.host)]);
    let tags: serde_json::Value = serde_json::from_str(&tags).unwrap();
    assert_eq!(tags["Tags"], serde_json::json!(["1.2", "2"]));
    assert_eq!(http::get(&endpoint.url(&format!("/v2/acme/app/referrers/{digest}"))).status, 200);
}

#[test]
fn search_finds_names_and_descriptions() {
    let label = "org.opencontainers.image.description=Prints  three lines";
    let (store, built, podman) = (Store::bucket(), Built::labelled("search", label), Podman::new());
    let silent = source("silent");
    store.publish(silent.path(), &["acme/app-tools:1", "acme/app:0"]);
    store.publish(&built.archive(), &["acme/app:1", "three:1"]);
    store.publish(silent.path(), &["acme/app:2", "acme/silent:1"]);
    let endpoint = store.endpoint_serving(&["--changing-ttl", "0s"]);
    let said = "Prints three lines";
    for (term, names) in [
        ("app", &["acme/app", "acme/app-tools"][..]),
        ("acme", &["acme/app", "acme/app-tools", "acme/silent"]),
        ("three", &["three", "acme/app"]),
        ("PRINTS", &["acme/app", "three"]),
        ("other", &[]),
    ] {
        let lines = |host: &str| {
            let line = |name: &&str| {
                let said = if ["acme/app", "three"].contains(name) { said } else { "" };
                format!("{host}{name}: {said}")
            };
            names.iter().map(line).collect::<Vec<_>>()
        };
        let (what, format) = (format!("{}/{term}", endpoint.host), "{{.Name}}: {{.Description}}");
        let docker = dockerd().docker(&["search", "--no-trunc", "--format", format, &what]);
        assert_eq!(docker.lines().collect::<Vec<_>>(), lines(""), "{term}");
        let podman = podman.search(&what, format);
        let podman: Vec<_> = podman.lines().map(str::trim_end).collect();
        let expected = lines(&format!("{}/", endpoint.host));
        assert_eq!(podman, expected.iter().map(|line| line.trim_end()).collect::<Vec<_>>(), "{term}");
    }
    let before = store.read("static-registry/search.json");
    assert_eq!(
        String::from_utf8_lossy(&before),
        format!(r#"{{"descriptions":{{"acme/app":"{said}","three":"{said}"}}}}"#)
    );
    store.relist();
    assert_eq!(store.read("static-registry/search.json"), before);
}

#[test]
fn any_web_server_before_a_directory_will_do() {
    let (store, built) = (Store::directory(), Built::new("serve-directory"));
    let digest = digest_of(&store.publish(&built.archive(), &["acme/app:1.2"]), "acme/app:1.2");
    let port = free_port().to_string();
    let web = format!("http://127.0.0.1:{port}");
    let server = Component::start("web", |_| {
        let mut command: Command = bare("python3");
        command.args(["-m", "http.server", &port, "--bind", "127.0.0.1", "--directory", &store.argument()]);
        command
    });
    server.wait(|| http::answers(&web));
    let endpoint = Endpoint::serving(&web, &[]);
    check_pull(&endpoint, &digest, &built);
}

/// As crane, oras, skopeo and Docker do.
fn check_pull(endpoint: &Endpoint, digest: &str, built: &Built) {
    let head = http::send(&Method::HEAD, &endpoint.url("/v2/acme/app/manifests/1.2"), &[]).unwrap();
    assert_eq!((head.status, head.header("docker-content-digest")), (200, digest));
    let get = http::send(&Method::GET, &endpoint.url("/v2/acme/app/manifests/1.2"), &[]).unwrap();
    for name in ["content-type", "content-length", "etag"] {
        assert_eq!(head.header(name), get.header(name), "{name}");
    }
    let image = format!("{}/acme/app:1.2", endpoint.host);
    let told = inspect(&image);
    assert_eq!(told.stdout.trim(), digest, "{}", told.stderr);
    let pulled = dockerd().docker(&["pull", &image]);
    assert!(pulled.contains(digest), "{pulled}");
    assert_eq!(dockerd().docker(&["run", "--rm", "--network", "none", &image]), built.prints);
    dockerd().docker(&["image", "rm", "--force", &image]);
}

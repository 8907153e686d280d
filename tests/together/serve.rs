//! `--documents serve`: real clients read manifests and lists from the endpoint, and layers from where they are.

use std::process::Command;

use ureq::http::Method;

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
    let found = dockerd().docker(&["search", &format!("{}/app", endpoint.host)]);
    assert!(found.contains("acme/app"), "{found}");
    assert!(!dockerd().docker(&["search", &format!("{}/other", endpoint.host)]).contains("acme/app"));
    let found = Podman::new().search(&format!("{}/app", endpoint.host));
    assert!(found.contains("/acme/app"), "{found}");
    assert_eq!(http::get(&endpoint.url(&format!("/v2/acme/app/referrers/{digest}"))).status, 200);
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

//! The real Docker and TLS of our own, with an authority that only `/etc/docker/certs.d` tells it of.

use crate::rig::authority::Authority;
use crate::rig::built::Built;
use crate::rig::certs::{KnownToDocker, own_address};
use crate::rig::dockerd::dockerd;
use crate::rig::ours::Endpoint;
use crate::rig::process::run;
use crate::rig::store::Store;

/// What Docker says to a pull that fails.
#[track_caller]
fn refused(image: &str) -> String {
    let refused = run(dockerd().command().args(["pull", image]));
    assert_ne!(refused.code, Some(0), "{image} is not to be had");
    refused.stderr
}

#[track_caller]
fn pulls(image: &str, prints: &str) {
    dockerd().docker(&["pull", image]);
    assert_eq!(dockerd().docker(&["run", "--rm", "--network", "none", image]), prints);
    dockerd().docker(&["image", "rm", "--force", image]);
}

#[test]
fn docker_pulls_by_tls_of_an_authority_in_certs_d() {
    let (authority, address) = (Authority::new(), own_address());
    authority.sign("server", &address.to_string(), 2100);
    let (store, built) = (Store::directory(), Built::new("tls"));
    store.publish(&built.archive(), &["acme/app:1.2"]);
    let Store::Directory(folder) = &store else { panic!("a directory was asked for") };
    let endpoint = Endpoint::by_tls(folder.path(), address, &authority, &[]);
    let image = format!("{}/acme/app:1.2", endpoint.host);

    let said = refused(&image);
    assert!(said.contains("x509"), "{said}");
    let known = KnownToDocker::new(&endpoint.host);
    known.tell(&authority, "ca.pem", "ca.crt");
    pulls(&image, &built.prints);
}

#[test]
fn docker_shows_its_certificate() {
    let (authority, address) = (Authority::new(), own_address());
    authority.sign("server", &address.to_string(), 2100);
    authority.sign("client", "docker", 2100);
    let (store, built) = (Store::directory(), Built::new("tls-client"));
    store.publish(&built.archive(), &["acme/app:1.2"]);
    let Store::Directory(folder) = &store else { panic!("a directory was asked for") };
    let ca = authority.path("ca.pem");
    let wants = ["--tls-client-ca", ca.to_str().unwrap()];
    let endpoint = Endpoint::by_tls(folder.path(), address, &authority, &wants);
    let image = format!("{}/acme/app:1.2", endpoint.host);

    let known = KnownToDocker::new(&endpoint.host);
    known.tell(&authority, "ca.pem", "ca.crt");
    let said = refused(&image);
    assert!(said.contains("certificate required"), "{said}");
    known.tell(&authority, "client.pem", "client.cert");
    known.tell(&authority, "client.key", "client.key");
    pulls(&image, &built.prints);
}

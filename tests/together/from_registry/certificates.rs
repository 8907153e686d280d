//! Registries with TLS of an authority that only `certs.d`, a flag or the environment tells us of.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::{Images, assert_served, publishing};
use crate::refused::assert_says;
use crate::rig::authority::Authority;
use crate::rig::distribution::Distribution;
use crate::rig::process::run;
use crate::rig::store::Store;

/// A `distribution` with TLS that has `acme/app:index`; `wants` is more of its settings.
fn filled(authority: &Authority, images: &Images, wants: &str, push: &[&str]) -> (TempDir, Distribution) {
    authority.sign("server", "127.0.0.1", 2100);
    let folder = tempfile::tempdir().unwrap();
    let tls = format!(
        "  tls:\n    certificate: {:?}\n    key: {:?}\n{wants}",
        authority.path("server.pem"),
        authority.path("server.key")
    );
    let registry = Distribution::open_with(folder.path(), &tls);
    images.push("index", &format!("{}/acme/app:index", registry.host), push);
    (folder, registry)
}

/// A folder as Docker and Podman have it.
fn certs(folder: &Path, authority: &Authority, files: &[(&str, &str)]) {
    fs::create_dir_all(folder).unwrap();
    for (file, name) in files {
        fs::copy(authority.path(file), folder.join(name)).unwrap();
    }
}

fn from(registry: &Distribution, store: &Store) -> Command {
    let mut command = publishing(&format!("{}/acme/app:index", registry.host), "acme/mine:1", store);
    // Nobody's own certificates.
    command.env("HOME", "/nonexistent");
    command
}

#[track_caller]
fn publishes(images: &Images, store: &Store, command: &mut Command) {
    let run = run(command);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_served(&store.endpoint(), images, "1", &images.index);
}

#[test]
fn an_authority_in_a_folder_is_trusted() {
    let (authority, images, home) = (Authority::new(), Images::new(), tempfile::tempdir().unwrap());
    let flag = home.path().join("flag");
    certs(&flag, &authority, &[("ca.pem", "ca.crt")]);
    let trust = format!("--dest-cert-dir={}", flag.display());
    let (_folder, registry) = filled(&authority, &images, "", &[&trust]);

    // On this machine TLS is spoken where somebody keeps certificates for it.
    let store = Store::directory();
    let others = home.path().join("others");
    certs(&others, &Authority::new(), &[("ca.pem", "ca.crt")]);
    let refused = run(from(&registry, &store).arg("--cert-dir").arg(&others));
    assert_says(&refused, 1, &[&registry.host, "is out of reach", "certificate", "--cert-dir"]);
    publishes(&images, &store, from(&registry, &store).arg("--cert-dir").arg(&flag));

    let store = Store::directory();
    let of_user = home.path().join(".config/containers/certs.d").join(&registry.host);
    certs(&of_user, &authority, &[("ca.pem", "ca.crt")]);
    publishes(&images, &store, from(&registry, &store).env("HOME", home.path()));

    // The folder says that TLS is meant; whom to trust, OpenSSL's own variable.
    let store = Store::directory();
    let none = home.path().join("none");
    certs(&none, &authority, &[]);
    let mut command = from(&registry, &store);
    command.arg("--cert-dir").arg(&none).env("SSL_CERT_FILE", authority.path("ca.pem"));
    publishes(&images, &store, &mut command);
}

#[test]
fn our_certificate_is_shown_to_who_asks_for_it() {
    let (authority, images, place) = (Authority::new(), Images::new(), tempfile::tempdir().unwrap());
    authority.sign("client", "publisher", 2100);
    let (known, half) = (place.path().join("known"), place.path().join("half"));
    let ours = [("ca.pem", "ca.crt"), ("client.pem", "client.cert"), ("client.key", "client.key")];
    certs(&known, &authority, &ours);
    certs(&half, &authority, &ours[..2]);
    let trust = format!("--dest-cert-dir={}", known.display());
    let wants = format!("    clientcas:\n      - {:?}\n", authority.path("ca.pem"));
    let (_folder, registry) = filled(&authority, &images, &wants, &[&trust]);

    let store = Store::directory();
    let refused = run(from(&registry, &store).arg("--cert-dir").arg(&half));
    assert_says(&refused, 1, &["client.cert is there without", "client.key", "NAME.cert with NAME.key"]);
    certs(&place.path().join("ca"), &authority, &ours[..1]);
    let refused = run(from(&registry, &store).arg("--cert-dir").arg(place.path().join("ca")));
    assert_says(&refused, 1, &[&registry.host, "is out of reach"]);
    publishes(&images, &store, from(&registry, &store).arg("--cert-dir").arg(&known));
}

//! Images of a Docker daemon, published without `docker save`: by every way to it, and what is said where there is none.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use crate::pull::digest_of;
use crate::refused::assert_says;
use crate::rig::archive::Archive;
use crate::rig::authority::Authority;
use crate::rig::dockerd::{Dockerd, dockerd};
use crate::rig::layout::tar;
use crate::rig::ours::publisher_command;
use crate::rig::process::{Run, bare, free_port, run};
use crate::rig::random::Random;
use crate::rig::store::Store;

const NAME: &str = "acme/of-the-daemon";

/// Loads an image of two layers, one large enough to be packed while it comes by; gives its archive.
fn load(engine: &Dockerd, place: &Path) -> PathBuf {
    let noise = Random::seeded(7).bytes(300_000);
    let layers = [tar(&[("small", b"small")]), tar(&[("noise", &noise), ("zeros", &[0; 300_000])])];
    let names = [format!("{NAME}:1.2"), format!("{NAME}:latest")];
    let archive = place.join("loaded.tar");
    let tar = Archive::default().image(&[&names[0], &names[1]], &layers).to_tar();
    fs::write(&archive, tar).unwrap();
    engine.docker(&["load", "--input", archive.to_str().unwrap()]);
    archive
}

fn publish(store: &Store, source: &str, tell: impl FnOnce(&mut Command)) -> Run {
    let mut command = publisher_command();
    command.args(["publish", source, "acme/app:1.2", "--to", &store.argument()]);
    tell(&mut command);
    run(&mut command)
}

/// Publishes an image that must be had from a daemon at `host`.
fn refused(image: &str, host: &str, code: i32, says: &[&str]) {
    let store = Store::directory();
    let run = publish(&store, &format!("docker-daemon:{image}"), |command| {
        command.env("DOCKER_HOST", host);
    });
    assert_says(&run, code, says);
    assert!(store.objects().is_empty());
}

#[test]
fn by_every_name_it_is_the_image_that_its_archive_holds() {
    let place = tempfile::tempdir().unwrap();
    let (engine, store) = (dockerd(), Store::directory());
    let archive = load(engine, place.path());
    let expected = digest_of(&store.publish(&archive, &["acme/app:1.2"]), "acme/app:1.2");
    let id = engine.docker(&["image", "inspect", "--format", "{{.Id}}", NAME]);
    let id = id.trim();
    let short = &id["sha256:".len()..][..12];
    for image in [&format!("{NAME}:1.2"), NAME, id, short] {
        let store = Store::directory();
        let run = publish(&store, &format!("docker-daemon:{image}"), |command| engine.tell(command));
        assert_eq!(run.code, Some(0), "{image}: {}", run.stderr);
        assert_eq!(digest_of(&run.stdout, "acme/app:1.2"), expected, "{image}");
        store.assert_blobs_are_true();
    }
    let absent = publish(&store, "docker-daemon:acme/absent", |command| engine.tell(command));
    assert_says(&absent, 1, &["has no image `acme/absent`", "hint: `docker images`"]);
}

#[test]
fn over_tls_with_certificates_of_both_sides() {
    let (place, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    authority.sign("server", "127.0.0.1", 2099);
    authority.sign("client", "client", 2099);
    let address = format!("tcp://127.0.0.1:{}", free_port());
    let engine = Dockerd::by_tls(&address, &authority);
    load(&engine, place.path());
    for (ours, theirs) in [("ca.pem", "ca.pem"), ("cert.pem", "client.pem"), ("key.pem", "client.key")] {
        fs::copy(authority.path(theirs), place.path().join(ours)).unwrap();
    }
    let by_tls = |store: &Store| {
        publish(store, &format!("docker-daemon:{NAME}:1.2"), |command| {
            command.env("DOCKER_HOST", &address).env("DOCKER_TLS_VERIFY", "1");
            command.env("DOCKER_CERT_PATH", place.path());
        })
    };
    let run = by_tls(&Store::directory());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    // Another authority's word about the daemon does not count.
    fs::copy(Authority::new().path("ca.pem"), place.path().join("ca.pem")).unwrap();
    assert_says(&by_tls(&Store::directory()), 1, &["no Docker daemon answers at", "caused by:"]);
    fs::remove_file(place.path().join("ca.pem")).unwrap();
    assert_says(&by_tls(&Store::directory()), 1, &["ca.pem", "hint: DOCKER_CERT_PATH"]);
}

#[test]
fn where_no_daemon_is_or_none_that_may_be_asked() {
    let place = tempfile::tempdir().unwrap();
    let socket = place.path().join("docker.sock");
    let host = format!("unix://{}", socket.display());
    refused("app", &host, 1, &["no Docker daemon answers at unix://", "hint: start it"]);
    let nowhere = format!("tcp://127.0.0.1:{}", free_port());
    refused("app", &nowhere, 1, &[&format!("no Docker daemon answers at {nowhere}")]);
    refused("app", "ssh://build.example.com", 2, &["DOCKER_HOST is `ssh://", "hint:", "docker save"]);
    refused("app?all=1", &host, 2, &["`app?all=1` is not the name of an image"]);

    let _listens = UnixListener::bind(&socket).unwrap();
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o000)).unwrap();
    let ours = publisher_command();
    // Root without the right to go past permissions.
    let mut command = bare("setpriv");
    command.args(["--bounding-set=-dac_override", "--inh-caps=-dac_override"]).arg(ours.get_program());
    let store = Store::directory();
    command.args(["publish", "docker-daemon:app", "app", "--to", &store.argument()]);
    let run = run(command.env("DOCKER_HOST", &host));
    assert_says(&run, 1, &["socket unix://", "may not be used", "hint: be a member of the group `docker`"]);
}

/// A stand-in for a daemon: gives these answers, each on a connection of its own.
fn answering(socket: &Path, answers: &[String]) {
    let (listener, answers) = (UnixListener::bind(socket).unwrap(), answers.to_vec());
    thread::spawn(move || {
        for answer in answers {
            let (mut connection, _) = listener.accept().unwrap();
            let (mut asked, mut byte) = (Vec::new(), [0]);
            while !asked.ends_with(b"\r\n\r\n") && connection.read(&mut byte).unwrap() > 0 {
                asked.push(byte[0]);
            }
            connection.write_all(answer.as_bytes()).unwrap();
        }
    });
}

fn answer(status: &str, length: usize, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}")
}

#[test]
fn a_daemon_that_fails_is_told_from_one_that_breaks_off() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| {
        let socket = place.path().join(name);
        let host = format!("unix://{}", socket.display());
        (socket, host)
    };
    let inspected = "{\"Id\":\"sha256:0123456789\"}";
    let known = answer("200 OK", inspected.len(), inspected);

    let half = String::from_utf8(tar(&[("a", &[b'a'; 5000])])[..3000].to_vec()).unwrap();

    let (socket, host) = at("fails");
    let said = "{\"message\":\"layer is gone\"}";
    answering(&socket, &[known.clone(), answer("500 Internal Server Error", said.len(), said)]);
    refused("app", &host, 1, &["answered 500: layer is gone"]);

    let (socket, host) = at("breaks");
    answering(&socket, &[known.clone(), answer("200 OK", 100_000, &half)]);
    refused("app", &host, 1, &["cannot read the Docker daemon's app", "caused by:"]);

    let (socket, host) = at("ends");
    answering(&socket, &[known, answer("200 OK", half.len(), &half)]);
    refused("app", &host, 1, &["the Docker daemon's app is truncated"]);

    let (socket, host) = at("other");
    answering(&socket, &[answer("200 OK", 2, "ok")]);
    refused("app", &host, 1, &["answered 200: not as a Docker daemon does"]);
}

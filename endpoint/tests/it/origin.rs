//! `--documents serve`: what is asked of an origin, what is kept, and what becomes of clients when the origin fails.

use std::thread;
use std::time::{Duration, Instant};

use contract::digest::Algorithm;
use contract::key::Key;
use contract::media::MediaType;
use endpoint::settings::Given;

use crate::documents::{digest_view, given, manifest, tag_view};
use crate::rig::client::{Client, ask};
use crate::rig::origin::Origin;
use crate::rig::program::{Program, run};
use crate::rig::settings::File;
use crate::rig::{DEADLINE, Running};

const TAG: &str = "GET /v2/acme/app/manifests/1.2";

fn put(origin: &Origin, key: &Key, content: &str) {
    origin.put(key, MediaType::OCI_MANIFEST, content.as_bytes());
}

#[test]
fn many_who_wait_are_served_by_one_fetch() {
    let (origin, content) = (Origin::start(), manifest("crowd"));
    let (key, digest) = digest_view(&content, Algorithm::Sha256);
    put(&origin, &key, &content);
    origin.hold(true);
    let server = Running::start(given(&origin));
    let request = format!("GET /v2/acme/app/manifests/{digest} HTTP/1.1\r\nHost: registry.test\r\n\r\n");
    let mut first = Client::connect(server.address);
    first.send(&request);
    let mut clients: Vec<Client> = (0..50).map(|_| Client::connect(server.address)).collect();
    clients.iter_mut().for_each(|client| client.send(&request));
    // Who asked first need not wait for the answer.
    drop(first);
    origin.hold(false);
    for mut client in clients {
        let mut answer = client.head();
        client.body(&mut answer);
        assert_eq!((answer.status, answer.text()), (200, content.as_str()));
    }
    assert_eq!(ask(server.address, &format!("HEAD /v2/acme/app/manifests/{digest}"), "").status, 200);
    assert_eq!(origin.asked(), [format!("GET /{key}")]);
}

#[test]
fn what_changes_is_asked_for_again_and_by_one_connection() {
    let origin = Origin::start();
    put(&origin, &tag_view("1.2"), &manifest("one"));
    let slow = Running::start(Given { changing_ttl: Some(Duration::from_secs(3600)), ..given(&origin) });
    for _ in 0..3 {
        assert_eq!(ask(slow.address, TAG, "").text(), manifest("one"));
    }
    let view = tag_view("1.2");
    assert_eq!(origin.asked(), [format!("GET /{view}")]);

    let at_once = Running::start(Given { changing_ttl: Some(Duration::ZERO), ..given(&origin) });
    for note in ["one", "one", "two"] {
        put(&origin, &view, &manifest(note));
        assert_eq!(ask(at_once.address, TAG, "").text(), manifest(note));
    }
    let (new, again) = (format!("GET /{view}"), format!("GET /{view} again"));
    assert_eq!(origin.asked()[1..], [new, again.clone(), again]);
    assert_eq!(origin.connections(), 2);
    assert_eq!(ask(slow.address, TAG, "").text(), manifest("one"));
}

#[test]
fn the_last_good_document_outlives_its_origin() {
    let origin = Origin::start();
    put(&origin, &tag_view("1.2"), &manifest("one"));
    let server = Running::start(Given { changing_ttl: Some(Duration::ZERO), ..given(&origin) });
    assert_eq!(ask(server.address, TAG, "").text(), manifest("one"));
    for failing in [
        "HTTP/1.1 503 Down\r\nContent-Length: 0\r\n\r\n",
        "",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nno",
    ] {
        origin.answers(Some(failing));
        assert_eq!(ask(server.address, TAG, "").text(), manifest("one"), "{failing}");
    }
    // What it never saw it cannot tell.
    let other = ask(server.address, "GET /v2/acme/app/manifests/other", "");
    assert_eq!(other.status, 503);
    origin.answers(None);
    put(&origin, &tag_view("1.2"), &manifest("two"));
    let begin = Instant::now();
    while ask(server.address, TAG, "").text() != manifest("two") {
        assert!(begin.elapsed() < DEADLINE, "the origin is back and not asked");
        thread::sleep(Duration::from_millis(50));
    }
    origin.remove(&tag_view("1.2"));
    assert_eq!(ask(server.address, TAG, "").status, 404);
}

/// What an origin may say, and what a client is told then.
const FAILURES: [(&str, u16); 12] = [
    ("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", 503),
    ("HTTP/1.1 429 Slowly\r\nContent-Length: 0\r\n\r\n", 503),
    ("HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno", 404),
    ("HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n", 404),
    ("HTTP/1.1 302 Over there\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", 502),
    ("HTTP/1.1 304 Same\r\n\r\n", 502),
    ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", 503),
    ("HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n{", 502),
    ("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", 502),
    ("HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n<html>no</html>", 502),
    ("SSH-2.0\r\n\r\n", 503),
    ("", 503),
];

fn head(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(head, _)| head)
}

#[test]
fn an_origin_that_fails_harms_its_document_alone() {
    let (origin, good, short) = (Origin::start(), manifest("good"), Duration::from_millis(500));
    let (key, digest) = digest_view(&good, Algorithm::Sha256);
    put(&origin, &key, &good);
    let server = Running::start(Given { origin_timeout: Some(short), ..given(&origin) });
    let by_digest = format!("GET /v2/acme/app/manifests/{digest}");
    assert_eq!(ask(server.address, &by_digest, "").status, 200);
    // Without a length, as long as it likes.
    let endless = format!("HTTP/1.1 200 OK\r\n\r\n{}", " ".repeat((16 << 20) + 1));
    for (answer, status) in FAILURES.into_iter().chain([(endless.as_str(), 502)]) {
        origin.answers(Some(answer));
        for path in ["manifests/1.2", "tags/list"] {
            let told = ask(server.address, &format!("GET /v2/acme/app/{path}"), "");
            assert_eq!(
                (told.status, told.header("content-type")),
                (status, "application/json"),
                "{}",
                head(answer)
            );
            assert_eq!(told.header("cache-control"), "no-store", "{}", head(answer));
            assert_eq!(
                told.text().contains("UNAVAILABLE"),
                status != 404,
                "{}: {}",
                head(answer),
                told.text()
            );
        }
        let v1 = ask(server.address, "GET /v1/repositories/acme/app/tags", "");
        assert_eq!(
            (v1.status, v1.header("content-type")),
            (status, "text/plain; charset=utf-8"),
            "{}",
            head(answer)
        );
        assert_eq!(ask(server.address, &by_digest, "").status, 200);
        let blob = ask(server.address, &format!("GET /v2/acme/app/blobs/{digest}"), "");
        assert_eq!(blob.status, 302);
    }
    origin.answers(None);
    origin.hold(true);
    assert_eq!(ask(server.address, TAG, "").status, 503);
    assert_eq!(ask(server.address, &by_digest, "").status, 200);
    origin.hold(false);
    put(&origin, &tag_view("1.2"), &good);
    assert_eq!(ask(server.address, TAG, "").status, 200);
}

#[test]
fn nothing_goes_out_by_a_digest_that_it_does_not_have() {
    let (origin, content) = (Origin::start(), manifest("right"));
    let (key, digest) = digest_view(&content, Algorithm::Sha256);
    let server = Running::start(given(&origin));
    let request = format!("GET /v2/acme/app/manifests/{digest}");
    put(&origin, &key, &manifest("wrong"));
    assert_eq!(ask(server.address, &request, "").status, 502);
    // Wrong bytes are not kept.
    put(&origin, &key, &content);
    assert_eq!(ask(server.address, &request, "").text(), content);
    // A manifest of 4 MiB is the largest that clients read.
    for (length, status) in [(4 << 20, 200), ((4 << 20) + 1, 502)] {
        let content = manifest(&"x".repeat(length - manifest("").len()));
        let (key, digest) = digest_view(&content, Algorithm::Sha256);
        put(&origin, &key, &content);
        let request = format!("GET /v2/acme/app/manifests/{digest}");
        assert_eq!((ask(server.address, &request, "").status, content.len()), (status, length));
    }
}

#[test]
fn what_is_kept_has_a_bound() {
    let origin = Origin::start();
    let contents: Vec<String> = (0..12).map(|nth| manifest(&nth.to_string().repeat(200_000))).collect();
    let server = Running::start(Given { document_cache: Some(1), ..given(&origin) });
    let ask_for_all = || {
        for content in &contents {
            let (key, digest) = digest_view(content, Algorithm::Sha256);
            put(&origin, &key, content);
            let answer = ask(server.address, &format!("GET /v2/acme/app/manifests/{digest}"), "");
            assert!(answer.text() == content);
        }
        origin.asked().len()
    };
    assert_eq!(ask_for_all(), contents.len());
    // There is room for five of the first ten, or two of the others.
    assert!(ask_for_all() >= 2 * contents.len() - 5);
}

#[test]
fn each_route_has_its_origin_and_names_its_own() {
    let (one, two, three) = (Origin::start(), Origin::start(), Origin::start());
    let list =
        |name: &str| (Key::TagList(name.parse().unwrap()), format!(r#"{{"name":"{name}","tags":["1"]}}"#));
    for (origin, name) in [(&one, "app"), (&two, "there/app"), (&three, "near/app")] {
        let (key, content) = list(name);
        origin.put(&key, "application/json", content.as_bytes());
    }
    let file = File::new(&format!(
        "documents = 'serve'\ncdn = '{}'\n\
        [[route]]\nprefix = 'here'\nrewrite = 'there'\ncdn = 'https://cdn.test'\norigin = '{}'\n\
        [[route]]\nprefix = 'near'\ncdn = 'https://cdn.test'\n\
        [[route.from]]\nnetworks = ['127.0.0.0/8']\ncdn = '{}'\n\
        [[route]]\nprefix = 'moved'\nregistry = 'https://registry.test'",
        one.url(),
        two.url(),
        three.url()
    ));
    let program = file.serve();
    let minute = "public, max-age=60, must-revalidate, no-transform";
    for (name, caching) in [("app", minute), ("here/app", minute), ("near/app", "private, no-store")] {
        let answer = ask(program.address, &format!("GET /v2/{name}/tags/list"), "");
        assert_eq!(answer.text(), format!(r#"{{"name":"{name}","tags":["1"]}}"#));
        assert_eq!(answer.header("cache-control"), caching, "{name}");
    }
    let moved = ask(program.address, "GET /v2/moved/app/tags/list?n=1", "");
    assert_eq!(moved.header("location"), "https://registry.test/v2/moved/app/tags/list?n=1");
    let path = file.path();
    let (code, told, _) = run(&[], &["route", path.to_str().unwrap(), "GET", "/v2/here/app/tags/list"]);
    let place = format!("200 OK\nthe document {}{}, if it is there\n", two.url(), list("there/app").0);
    assert!(code == Some(0) && told.starts_with(&place), "{told}");
    assert!(told.contains("because with `documents = \"serve\"`"), "{told}");
}

#[test]
fn flag_and_environment_say_it_too_and_kept_documents_outlive_a_reload() {
    let origin = Origin::start();
    put(&origin, &tag_view("1.2"), &manifest("one"));
    let (cdn, listen) = (["--cdn", "https://cdn.test"], ["--listen", "127.0.0.1:0"]);
    let url = origin.url();
    let by_flag =
        Program::start(&[], &[&cdn[..], &listen, &["--documents", "serve", "--origin", &url]].concat());
    let environment = [("ENDPOINT_DOCUMENTS", "serve"), ("ENDPOINT_ORIGIN", url.as_str())];
    let by_environment = Program::start(&environment, &[&cdn[..], &listen].concat());
    for program in [&by_flag, &by_environment] {
        assert_eq!(ask(program.address, TAG, "").text(), manifest("one"));
    }
    let asked = origin.asked().len();
    by_flag.signal("HUP");
    by_flag.logged("settings loaded", 1);
    assert_eq!(ask(by_flag.address, TAG, "").text(), manifest("one"));
    assert_eq!(origin.asked().len(), asked);
    for (arguments, words) in [
        (&["--documents", "serve", "--origin", "ftp://x"][..], "the origin `ftp://x` cannot be used"),
        (&["--documents", "both"], "possible values: redirect, serve"),
        (&["--origin-timeout", "0s"], "`origin-timeout` is zero"),
        (&["--document-cache", "0"], "`document-cache` is zero"),
    ] {
        let (code, _, told) = run(&[], &[&cdn[..], arguments].concat());
        assert_eq!(code, Some(2), "{told}");
        assert!(told.contains(words), "{told}");
    }
}

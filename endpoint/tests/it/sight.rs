//! What those who watch over the endpoint see: metrics that agree with what was asked, and whether it is ready.

use std::io::Write;
use std::time::{Duration, Instant};

use contract::digest::Algorithm;
use contract::media::MediaType;

use crate::documents::{digest_view, manifest};
use crate::rig::DEADLINE;
use crate::rig::base::Base;
use crate::rig::bucket::Bucket;
use crate::rig::client::{Client, ask};
use crate::rig::metrics::{all, becomes, scrape, value};
use crate::rig::origin::Origin;
use crate::rig::program::{Program, run};
use crate::rig::settings::File;

const ANY: &str = "127.0.0.1:0";
const CDN: [&str; 6] = ["--cdn", "https://cdn.test", "--listen", ANY, "--admin", ANY];
/// More than the kernel holds between two sockets.
const BIG: usize = 16 << 20;

fn serve(more: &[&str]) -> Program {
    Program::start(&[], &[&CDN[..], more].concat())
}

/// Sends this, closes its side of nothing, and reads all that comes until the server closes.
fn bytes(program: &Program, request: &str) -> usize {
    let mut client = Client::connect(program.address);
    client.send(request);
    client.rest().len()
}

const CLOSE: &str = "Host: x\r\nConnection: close\r\n\r\n";

/// One connection's requests each, in the plain lane and with hyper, and from one to the other.
fn requests() -> [String; 12] {
    let blob = format!("blobs/sha256:{}", "a".repeat(64));
    let long = "a".repeat(9 * 1024);
    [
        format!("GET /v2/ HTTP/1.1\r\n{CLOSE}"),
        format!("HEAD /v2/ HTTP/1.1\r\n{CLOSE}"),
        format!("GET /v2/acme/app/manifests/1.2 HTTP/1.1\r\n{CLOSE}"),
        format!("GET /v2/a/b/{blob} HTTP/1.1\r\nHost: x\r\n\r\nGET /v2/a/{blob} HTTP/1.1\r\n{CLOSE}"),
        format!("GET /v1/_ping HTTP/1.1\r\n{CLOSE}"),
        format!("GET /healthz HTTP/1.1\r\n{CLOSE}"),
        format!("GET /v2/A/manifests/1.2 HTTP/1.1\r\n{CLOSE}"),
        format!("PUT /v2/acme/app/manifests/1.2 HTTP/1.1\r\nContent-Length: 1\r\n{CLOSE}x"),
        "GET /v2/acme/app/manifests/1.2 HTTP/1.0\r\n\r\n".to_owned(),
        format!("GET /v2/{long}/tags/list HTTP/1.1\r\n{CLOSE}"),
        format!("GET /nothing HTTP/1.1\r\n{CLOSE}"),
        format!("GET /v2/_catalog HTTP/1.1\r\nHost: x\r\n\r\nGET /nothing HTTP/1.1\r\n{CLOSE}"),
    ]
}

#[test]
fn what_was_asked_is_counted() {
    let program = serve(&[]);
    let read: usize = requests().iter().map(|request| bytes(&program, request)).sum();
    let admin = program.admin();
    becomes(admin, "sent_bytes_total", read as f64);
    becomes(admin, "connections_open", 0.0);
    let metrics = scrape(admin);
    let expected = [
        ("requests_total{kind=blob,status=302}", 2.0),
        ("requests_total{kind=catalog,status=302}", 1.0),
        ("requests_total{kind=health,status=200}", 1.0),
        ("requests_total{kind=manifest,status=302}", 2.0),
        ("requests_total{kind=manifest,status=404}", 1.0),
        ("requests_total{kind=manifest,status=405}", 1.0),
        ("requests_total{kind=other,status=404}", 2.0),
        ("requests_total{kind=ping,status=200}", 1.0),
        ("requests_total{kind=tags,status=414}", 1.0),
        ("requests_total{kind=version,status=200}", 2.0),
    ];
    assert_eq!(all(&metrics, "requests_total"), expected.map(|(name, count)| (name.to_owned(), count)));
    for (name, expected) in [
        ("request_duration_seconds_count", 14.0),
        ("request_duration_seconds_inf", 14.0),
        ("connections_accepted_total", 12.0),
        ("connections_limit", 1000.0),
        ("connections_refused_total", 0.0),
        (&format!("build_info{{version={}}}", env!("CARGO_PKG_VERSION")), 1.0),
    ] {
        assert_eq!(value(&metrics, name), expected, "{name}");
    }
    assert!(value(&metrics, "request_duration_seconds_sum") > 0.0);
    assert_eq!(all(&metrics, "base_up"), []);
    assert_eq!(all(&metrics, "access_log"), []);
}

#[test]
fn what_cannot_be_read_is_counted() {
    let program = serve(&[]);
    for (request, status) in [
        ("GET /v2/ HTTP/1.1\r\nno header\r\n\r\n".to_owned(), 400),
        (format!("GET /{} HTTP/1.1\r\n{CLOSE}", "a".repeat(70_000)), 414),
        (format!("GET / HTTP/1.1\r\nX: {}\r\n{CLOSE}", "x".repeat(200 << 10)), 431),
    ] {
        let client = Client::connect(program.address);
        // It closes before it has read everything.
        let _ = client.stream().write_all(request.as_bytes());
        becomes(program.admin(), &format!("requests_total{{kind=other,status={status}}}"), 1.0);
    }
    assert_eq!(value(&scrape(program.admin()), "request_duration_seconds_count"), 3.0);
}

#[test]
fn documents_are_counted_by_whether_they_were_kept() {
    let (origin, manifest) = (Origin::start(), manifest("1"));
    let (key, digest) = digest_view(&manifest, Algorithm::Sha256);
    origin.put(&key, MediaType::OCI_MANIFEST, manifest.as_bytes());
    let program = serve(&["--documents", "serve", "--origin", &origin.url()]);
    for (reference, status) in [(&*digest.to_string(), 200), (&*digest.to_string(), 200), ("1.2", 404)] {
        let path = format!("GET /v2/acme/app/manifests/{reference}");
        assert_eq!(ask(program.address, &path, "").status, status);
    }
    let metrics = scrape(program.admin());
    for (result, count) in [("hit", 1.0), ("stale", 0.0), ("miss", 2.0)] {
        assert_eq!(value(&metrics, &format!("documents_total{{result={result}}}")), count, "{result}");
    }
    assert_eq!(all(&metrics, "documents_total").len(), 3);
    assert_eq!(all(&scrape(serve(&[]).admin()), "documents_total"), []);
}

#[test]
fn the_log_tells_the_trace_of_a_request_whoever_answers_it() {
    const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    let program = Program::start(&[("RUST_LOG", "endpoint=debug")], &CDN);
    let traced = format!("traceparent: 00-{ID}-00f067aa0ba902b7-01\r\n");
    let paths = ["/v2/here/tags/list", "/here"];
    for path in paths {
        ask(program.address, &format!("GET {path}"), &traced);
        ask(program.address, &format!("GET {path}"), "");
    }
    let log = program.logged("here", 4);
    for path in paths {
        let lines = log.lines().filter(|line| line.contains(&format!("path=\"{path}\"")));
        let told: Vec<_> = lines.map(|line| line.contains(&format!("trace=\"{ID}\""))).collect();
        assert_eq!(told, [true, false], "{path}\n{log}");
    }
}

#[test]
fn objects_are_counted_with_their_bytes() {
    let bucket = Bucket::with_layer(BIG);
    let directory = bucket.path().to_str().unwrap();
    let program = Program::start(&[], &["--directory", directory, "--listen", ANY, "--admin", ANY]);
    let path = bucket.layer_path();
    let mut read = bytes(&program, &format!("GET {path} HTTP/1.1\r\n{CLOSE}"));
    read += bytes(&program, &format!("GET {path} HTTP/1.1\r\nRange: bytes=0-9\r\n{CLOSE}"));
    read += bytes(&program, &format!("GET {path} HTTP/1.1\r\nRange: bytes=99999999-\r\n{CLOSE}"));
    assert!(read > BIG);
    becomes(program.admin(), "sent_bytes_total", read as f64);
    let metrics = scrape(program.admin());
    for status in [200, 206, 416] {
        let name = format!("requests_total{{kind=object,status={status}}}");
        assert_eq!(value(&metrics, &name), 1.0, "{name}");
    }
}

#[test]
fn connections_are_counted_while_they_are_open_and_when_they_are_cut_off() {
    let program = serve(&["--header-timeout", "2s", "--idle-timeout", "3s"]);
    let admin = program.admin();
    let silent = [(); 2].map(|()| Client::connect(program.address));
    let mut idle = [(); 3].map(|()| Client::connect(program.address));
    for client in &mut idle {
        assert_eq!(client.ask("GET /v2/", "").status, 200);
    }
    becomes(admin, "connections_accepted_total", 5.0);
    becomes(admin, "connections_cut_total{reason=silent}", 2.0);
    becomes(admin, "connections_cut_total{reason=idle}", 3.0);
    becomes(admin, "connections_open", 0.0);
    drop((silent, idle));
}

#[test]
fn connections_that_the_system_refuses_are_counted() {
    let program = Program::start_with_descriptors(32, &CDN);
    let admin = program.admin();
    // Made while there is a descriptor for it.
    let mut watching = Client::connect(admin);
    assert_eq!(watching.ask("GET /healthz", "").status, 200);
    let crowd: Vec<_> = (0..60).map(|_| Client::connect(program.address)).collect();
    let begin = Instant::now();
    loop {
        let metrics = watching.ask("GET /metrics", "");
        let refused =
            metrics.text().lines().find(|line| line.starts_with("registry_endpoint_connections_refused"));
        if !refused.unwrap().ends_with(" 0") {
            break;
        }
        assert!(begin.elapsed() < DEADLINE, "{}", metrics.text());
    }
    drop(crowd);
    becomes(admin, "connections_open", 0.0);
}

#[test]
fn bases_are_up_or_down() {
    let (one, two) = (Base::start(), Base::start());
    let (first, second) = (one.url(), two.url());
    let file = File::new(&format!(
        "admin = '{ANY}'\n[default]\ncdn = ['{first}', '{second}']\n\
         [[route]]\nprefix = 'alone'\ncdn = 'https://alone.test'\n\
         [watch]\ninterval = '20ms'\ntimeout = '10s'\nfailures = 2\nsuccesses = 2"
    ));
    let program = file.serve();
    let (up, other) = (format!("base_up{{base={first}}}"), format!("base_up{{base={second}}}"));
    becomes(program.admin(), &up, 1.0);
    one.answers(503);
    becomes(program.admin(), &up, 0.0);
    let metrics = scrape(program.admin());
    assert_eq!(value(&metrics, &other), 1.0);
    // There is no choice in the third one's place, so nobody looks at it.
    assert_eq!(all(&metrics, "base_up").len(), 2);
    // Nothing is lost by sending an endpoint away that sees what all others see.
    two.answers(503);
    becomes(program.admin(), &other, 0.0);
    assert_eq!(ask(program.admin(), "GET /readyz", "").status, 200);
    one.answers(200);
    becomes(program.admin(), &up, 1.0);
}

#[test]
fn reloads_are_counted_and_what_was_counted_stays() {
    let file = File::new("cdn = 'https://a.test'\nadmin = '127.0.0.1:0'");
    let program = file.serve();
    let admin = program.admin();
    assert_eq!(ask(program.address, "GET /v2/", "").status, 200);
    assert_eq!(value(&scrape(admin), "reloads_total{result=good}"), 0.0);
    file.write("cdn = 'https://b.test'\nadmin = '127.0.0.1:1'");
    becomes(admin, "reloads_total{result=good}", 1.0);
    file.write("cdn = 'b.test'");
    becomes(admin, "reloads_total{result=bad}", 1.0);
    let metrics = scrape(admin);
    assert_eq!(value(&metrics, "reloads_total{result=good}"), 1.0);
    assert_eq!(value(&metrics, "requests_total{kind=version,status=200}"), 1.0);
    program.logged("setting=\"admin\"", 1);
}

#[test]
fn the_two_addresses_have_nothing_in_common() {
    let program = serve(&[]);
    for path in ["/metrics", "/readyz"] {
        assert_eq!(ask(program.address, &format!("GET {path}"), "").status, 404, "{path}");
    }
    let admin = program.admin();
    assert_ne!(admin, program.address);
    for (request, status) in [
        ("GET /metrics", 200),
        ("HEAD /metrics", 200),
        ("GET /healthz", 200),
        ("GET /readyz", 200),
        ("GET /v2/", 404),
        ("GET /v2/acme/app/manifests/1.2", 404),
        ("GET /", 404),
        ("PUT /metrics", 405),
    ] {
        let answer = ask(admin, request, "");
        assert_eq!(answer.status, status, "{request}");
        assert_eq!(answer.header("cache-control"), "no-store", "{request}");
    }
    // What is asked there is not counted.
    let metrics = scrape(admin);
    let other = ("requests_total{kind=other,status=404}".to_owned(), 2.0);
    assert_eq!(all(&metrics, "requests_total"), [other]);
    assert_eq!(value(&metrics, "connections_accepted_total"), 2.0);
}

#[test]
fn the_admin_address_has_the_same_limits() {
    let program = serve(&["--header-timeout", "200ms", "--idle-timeout", "200ms"]);
    let admin = program.admin();
    assert_eq!(Client::connect(admin).rest(), b"");
    let mut begun = Client::connect(admin);
    begun.send("GET /metrics HTTP/1.1\r\nHost:");
    begun.rest();
    let mut idle = Client::connect(admin);
    assert_eq!(idle.ask("GET /healthz", "").text(), "ok\n");
    assert_eq!(idle.rest(), b"");
}

#[test]
fn an_address_that_is_taken_is_said_to_be() {
    let program = serve(&[]);
    for taken in [program.address, program.admin()] {
        let taken = taken.to_string();
        let arguments = ["--cdn", "https://cdn.test", "--listen", ANY, "--admin", &taken];
        let (code, _, told) = run(&[], &arguments);
        assert_eq!(code, Some(1));
        assert!(told.contains(&format!("error: cannot listen on {taken}, the admin address\n")), "{told}");
        assert!(told.contains("hint: --admin takes"), "{told}");
    }
}

#[test]
fn an_endpoint_that_stops_is_alive_and_not_ready() {
    let bucket = Bucket::with_layer(BIG);
    let directory = bucket.path().to_str().unwrap();
    let mut program =
        Program::start(&[("ENDPOINT_ADMIN", ANY)], &["--directory", directory, "--listen", ANY]);
    let admin = program.admin();
    let mut client = Client::connect(program.address);
    client.send(&format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", bucket.layer_path()));
    let mut answer = client.head();
    assert_eq!(ask(admin, "GET /readyz", "").text(), "ready\n");
    program.signal("TERM");
    let begin = Instant::now();
    loop {
        let ready = ask(admin, "GET /readyz", "");
        if ready.status == 503 {
            assert_eq!(ready.text(), "stopping\n");
            break;
        }
        assert!(begin.elapsed() < DEADLINE, "still ready");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(ask(admin, "GET /healthz", "").status, 200);
    assert_eq!(value(&scrape(admin), "connections_open"), 1.0);
    client.body(&mut answer);
    assert!(answer.body == bucket.layer);
    assert_eq!(program.ended().code(), Some(0));
}

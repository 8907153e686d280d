//! Several bases, and clients from several networks, over real sockets.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::rig::DEADLINE;
use crate::rig::base::Base;
use crate::rig::client::ask;
use crate::rig::program::Program;
use crate::rig::settings::File;

const OBJECT: &str = "docker/registry/v2/catalog.json";
const WATCH: &str = "[watch]\ninterval = '20ms'\ntimeout = '10s'\nfailures = 2\nsuccesses = 2";

fn location(program: &Program) -> String {
    ask(program.address, "GET /v2/_catalog", "").header("location").to_owned()
}

/// Waits until requests are sent to this base.
fn sent_to(program: &Program, base: &str) {
    let begin = Instant::now();
    while location(program) != format!("{base}{OBJECT}") {
        assert!(begin.elapsed() < DEADLINE, "still sent to {}", location(program));
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

#[test]
fn requests_follow_the_bases_that_are_up() {
    let (mut one, mut two) = (Base::start(), Base::start());
    let (first, second) = (one.url(), two.url());
    let file = File::new(&format!("[default]\ncdn = ['{first}', '{second}']\n{WATCH}"));
    let program = file.serve();
    assert_eq!(location(&program), format!("{first}{OBJECT}"));
    // A server that is there and fails; one that is not there; both, when the first of all is asked.
    one.answers(503);
    sent_to(&program, &second);
    one.answers(404);
    sent_to(&program, &first);
    one.leave();
    sent_to(&program, &second);
    two.leave();
    sent_to(&program, &first);
    two.come_back();
    sent_to(&program, &second);
    one.come_back();
    sent_to(&program, &first);
    let log = program.logged("base is up again", 3);
    assert!(log.contains("it answers 503"), "{log}");
    assert!(two.asked().iter().all(|line| *line == format!("HEAD /{OBJECT} HTTP/1.1")), "{:?}", two.asked());
}

#[test]
fn a_base_that_says_nothing_is_down() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (silent, other) = (format!("http://{}/", silent.local_addr().unwrap()), Base::start());
    let watch = "[watch]\ninterval = '20ms'\ntimeout = '200ms'\nfailures = 1\nobject = 'alive'";
    let file = File::new(&format!("[default]\ncdn = ['{silent}', '{}']\n{watch}", other.url()));
    let program = file.serve();
    sent_to(&program, &other.url());
    assert_eq!(other.asked().first().map(String::as_str), Some("HEAD /alive HTTP/1.1"));
}

#[test]
fn nobody_looks_at_a_base_to_which_there_is_no_other() {
    let (alone, one, two) = (Base::start(), Base::start(), Base::start());
    let file = File::new(&format!(
        "cdn = '{}'\n[[route]]\nprefix = 'a'\ncdn = ['{}', '{}']\n{WATCH}",
        alone.url(),
        one.url(),
        two.url()
    ));
    let program = file.serve();
    let begin = Instant::now();
    while two.asked().len() < 10 {
        assert!(begin.elapsed() < DEADLINE, "nobody looks at the others");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert!(alone.asked().is_empty());
    drop(program);
}

/// A server on loopback that speaks TLS, with a certificate that nobody has signed; and that certificate.
fn secured() -> (SocketAddr, String) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(secured_answers(listener, TlsAcceptor::from(Arc::new(config))));
    });
    (address, cert.pem())
}

async fn secured_answers(listener: std::net::TcpListener, acceptor: TlsAcceptor) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    while let Ok((stream, _)) = listener.accept().await {
        // Who does not trust us hangs up.
        let Ok(mut stream) = acceptor.accept(stream).await else { continue };
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
        let _ = stream.shutdown().await;
    }
}

#[test]
fn https_bases_are_watched_by_certificates_of_ones_own_where_told() {
    let ((address, certificate), other) = (secured(), Base::start());
    let secure = format!("https://localhost:{}/", address.port());
    let settings = format!("[default]\ncdn = ['{secure}', '{}']\n{WATCH}", other.url());
    let file = File::new(&settings);
    let program = file.serve();
    // Signed by nobody that is known.
    sent_to(&program, &other.url());
    let log = program.logged("base is down", 1);
    assert!(log.contains("certificate"), "{log}");
    let authority = file.folder().join("ca.pem");
    fs::write(&authority, certificate).unwrap();
    file.write(&format!("{settings}\nca = '{}'", authority.display()));
    program.signal("HUP");
    sent_to(&program, &secure);
}

#[test]
fn the_clients_network_chooses_and_only_trusted_proxies_tell_it() {
    let settings = "cdn = 'https://cdn.test'\n[networks]\noffice = ['10.0.0.0/8', '::1']\n\
        [[route]]\nprefix = 'near'\ncdn = 'https://far.test'\n\
        [[route.from]]\nnetworks = ['office']\ncdn = 'https://office.test'\n\
        [[route.from]]\nnetworks = ['127.0.0.0/8']\ncdn = 'https://local.test'";
    let trusting = |proxies: &str, header: &str| {
        File::new(&format!("trusted-proxies = ['{proxies}']\nclient-header = '{header}'\n{settings}")).serve()
    };
    let untrusting = File::new(settings).serve();
    let x_forwarded_for = trusting("127.0.0.1", "x-forwarded-for");
    let forwarded = trusting("127.0.0.1", "forwarded");
    let others = trusting("10.0.0.0/8", "x-forwarded-for");
    let both = "X-Forwarded-For: 192.0.2.1, 10.1.2.3\r\nForwarded: for=192.0.2.1\r\n";
    for (program, headers, host) in [
        (&untrusting, "", "local"),
        (&untrusting, both, "local"),
        (&others, both, "local"),
        (&x_forwarded_for, "", "local"),
        (&x_forwarded_for, both, "office"),
        (&x_forwarded_for, "X-Forwarded-For: 10.1.2.3, 192.0.2.1\r\n", "far"),
        (&x_forwarded_for, "X-Forwarded-For: ::1\r\n", "office"),
        (&x_forwarded_for, "X-Forwarded-For: nobody\r\n", "local"),
        (&forwarded, both, "far"),
        (&forwarded, "Forwarded: for=\"[::1]:4711\";proto=https\r\n", "office"),
    ] {
        let answer = ask(program.address, "GET /v2/near/tags/list", headers);
        let begin = answer.header("location").split("docker/").next();
        assert_eq!(begin, Some(format!("https://{host}.test/").as_str()), "{headers}");
        assert_eq!(answer.header("cache-control"), "private, no-store", "{headers}");
    }
    let other = ask(x_forwarded_for.address, "GET /v2/app/tags/list", both);
    assert_eq!(other.header("cache-control"), "public, max-age=60");
}

#[test]
fn another_registry_gets_the_request_and_its_pages() {
    let file =
        File::new("cdn = 'https://cdn.test'\n[[route]]\nprefix = 'moved'\nregistry = 'https://r.test'");
    let program = file.serve();
    for (request, location) in [
        ("GET /v2/moved/app/tags/list?n=5&ns=docker.io", "https://r.test/v2/moved/app/tags/list?n=5"),
        ("HEAD /v2/moved/app/manifests/1", "https://r.test/v2/moved/app/manifests/1"),
    ] {
        let answer = ask(program.address, request, "Authorization: Basic Og==\r\n");
        assert_eq!((answer.status, answer.header("location")), (302, location), "{request}");
        assert_eq!(answer.header("authorization"), "");
    }
    assert_eq!(ask(program.address, "GET /v2/", "").status, 200);
    assert_eq!(ask(program.address, "PUT /v2/moved/app/manifests/1", "Content-Length: 0\r\n").status, 405);
}

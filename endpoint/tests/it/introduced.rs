//! The PROXY protocol over real sockets, and how many connections one client may have.

use std::io::{Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use crate::rig::DEADLINE;
use crate::rig::authority::Authority;
use crate::rig::client::Client;
use crate::rig::program::Program;
use crate::rig::settings::File;
use crate::rig::trust::connect;

const ASK: &str = "GET /v2/_catalog HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
const V1: &str = "PROXY TCP4 192.0.2.7 10.0.0.1 4660 443\r\n";
const V2: &str = "\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24";

/// Clients of 192.0.2.0/24 and of 2001:db8::/32 have a base of their own.
fn settings(more: &str) -> File {
    File::new(&format!(
        "proxy-protocol = true\n{more}\n[default]\ncdn = 'https://cdn.test'\n[[default.from]]\n\
         networks = ['192.0.2.0/24', '2001:db8::/32']\ncdn = 'https://near.test'"
    ))
}

/// What comes for these bytes, sent one by one where `slow`.
fn answer(program: &Program, bytes: &[u8], slow: bool) -> String {
    let mut client = Client::connect(program.address);
    let mut stream = client.stream();
    if slow {
        stream.set_nodelay(true).unwrap();
        for byte in bytes {
            stream.write_all(&[*byte]).unwrap();
            thread::sleep(Duration::from_millis(1));
        }
    } else {
        stream.write_all(bytes).unwrap();
    }
    String::from_utf8(client.rest()).unwrap()
}

fn v2() -> Vec<u8> {
    let mut header = V2.as_bytes().to_vec();
    header.extend([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]);
    header.extend([0; 20]);
    header
}

#[test]
fn a_trusted_proxy_says_whom_it_speaks_for() {
    let program = settings("trusted-proxies = ['127.0.0.0/8']").serve();
    for (header, base) in [
        (V1.as_bytes(), "near"),
        (&v2(), "near"),
        (b"PROXY TCP4 198.51.100.1 10.0.0.1 1 2\r\n", "cdn"),
        (b"PROXY UNKNOWN\r\n", "cdn"),
        (b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", "cdn"),
    ] {
        for slow in [false, true] {
            let answer = answer(&program, &[header, ASK.as_bytes()].concat(), slow);
            assert!(answer.contains(&format!("location: https://{base}.test/")), "{header:?}: {answer}");
        }
    }
}

#[test]
fn a_proxy_without_a_good_header_is_sent_away() {
    let program = settings("trusted-proxies = ['127.0.0.0/8']").serve();
    let endless = [&b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff"[..], &[0; 5000]].concat();
    for bytes in [
        ASK.as_bytes(),
        b"PROXY TCP4 192.0.2.777 10.0.0.1 1 2\r\n",
        b"PROXY TCP5 192.0.2.7 10.0.0.1 1 2\r\n",
        &[&b"PROXY UNKNOWN "[..], &[b'x'; 200]].concat(),
        b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\0",
        &endless,
    ] {
        assert_eq!(answer(&program, bytes, false), "", "{bytes:?}");
    }
}

#[test]
fn a_proxy_that_does_not_go_on_is_sent_away() {
    let program = settings("trusted-proxies = ['127.0.0.0/8']\nheader-timeout = '200ms'").serve();
    for beginning in ["", "PROXY TCP4 192.0.2.7", V2] {
        assert_eq!(answer(&program, beginning.as_bytes(), false), "", "{beginning:?}");
    }
}

#[test]
fn nobody_else_is_believed() {
    let program = settings("trusted-proxies = ['10.0.0.0/8']").serve();
    let plain = answer(&program, ASK.as_bytes(), false);
    assert!(plain.contains("location: https://cdn.test/"), "{plain}");
    let told = answer(&program, [V1, ASK].concat().as_bytes(), false);
    assert!(told.starts_with("HTTP/1.1 400 "), "{told}");
    assert_eq!(told.matches("HTTP/1.1 ").count(), 1);
}

#[test]
fn the_header_comes_before_tls() {
    let authority = Authority::of_localhost();
    let file = |name: &str| authority.path(name).display().to_string();
    let more = format!(
        "trusted-proxies = ['127.0.0.1']\ntls-cert = '{}'\ntls-key = '{}'",
        file("server.pem"),
        file("server.key")
    );
    let program = settings(&more).serve();
    let mut stream = connect(program.address, V1, authority.client("http/1.1"));
    stream.write_all(ASK.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("location: https://near.test/"), "{answer}");
}

#[test]
fn somebody_must_be_trusted() {
    let arguments = ["--cdn", "https://cdn.test", "--proxy-protocol"];
    let (code, _, error) = crate::rig::program::run(&[], &arguments);
    assert_eq!(code, Some(2));
    assert!(error.contains("`trusted-proxies` says of nobody"), "{error}");
}

/// Until the server has seen that another connection is gone.
fn served_at_last(program: &Program, before: &str) {
    let begin = Instant::now();
    while answer(program, [before, ASK].concat().as_bytes(), false).is_empty() {
        assert!(begin.elapsed() < DEADLINE, "never served");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn one_client_has_so_many_connections_and_no_more() {
    let flags = ["--cdn", "https://cdn.test", "--listen", "127.0.0.1:0", "--max-connections-per-client", "2"];
    let program = Program::start(&[], &flags);
    let mut two = [(); 2].map(|()| Client::connect(program.address));
    for client in &mut two {
        assert_eq!(client.ask("GET /v2/", "").status, 200);
    }
    assert_eq!(Client::connect(program.address).rest(), b"");
    assert_eq!(two[0].ask("GET /v2/", "").status, 200);
    drop(two);
    served_at_last(&program, "");
}

#[test]
fn clients_behind_a_proxy_are_told_apart() {
    let program = settings("trusted-proxies = ['127.0.0.1']\nmax-connections-per-client = 1").serve();
    let mut first = Client::connect(program.address);
    first.send(V1);
    assert_eq!(first.ask("GET /v2/", "").status, 200);
    assert_eq!(answer(&program, [V1, ASK].concat().as_bytes(), false), "");
    for other in ["PROXY TCP4 192.0.2.8 10.0.0.1 1 2\r\n", "PROXY UNKNOWN\r\n"] {
        assert_ne!(answer(&program, [other, ASK].concat().as_bytes(), false), "", "{other}");
    }
    drop(first);
    served_at_last(&program, V1);
}

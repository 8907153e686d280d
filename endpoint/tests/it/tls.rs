//! TLS of our own: protocols, certificates of both sides, limits, and files that change.

use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use http::Request;
use http_body_util::Empty;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::rig::DEADLINE;
use crate::rig::authority::Authority;
use crate::rig::bucket::Bucket;
use crate::rig::client::Client;
use crate::rig::program::{Program, run};
use crate::rig::trust::{ask, connect};

const HTTP1: &str = "http/1.1";
const LAST: &str = "GET /v2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

fn serve(authority: &Authority, more: &[&str]) -> Program {
    let flags = authority.flags();
    let common = ["--listen", "127.0.0.1:0", "--cdn", "https://cdn.test"];
    let all: Vec<&str> = common.into_iter().chain(flags.iter().map(String::as_str)).collect();
    Program::start(&[], &[&all, more].concat())
}

#[test]
fn both_lanes_speak_it() {
    let authority = Authority::of_localhost();
    let program = serve(&authority, &[]);
    // A plain one, one for hyper, and a plain one for hyper.
    let requests =
        ["GET /v2/app/tags/list HTTP/1.1\r\nHost: x\r\n\r\n", "GET /x HTTP/1.1\r\n\r\n", LAST].concat();
    let answers = ask(program.address, authority.client(HTTP1), &requests).unwrap();
    let statuses: Vec<_> = answers.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect();
    assert_eq!(statuses, ["302", "404", "200"]);
    // The lane alone, which ends TLS as it must.
    let answer = ask(program.address, authority.client(HTTP1), LAST).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("{}"), "{answer}");
}

#[test]
fn whoever_reads_late_gets_every_answer() {
    const COUNT: usize = 20_000;
    let authority = Authority::of_localhost();
    let program = serve(&authority, &[]);
    let stream = connect(program.address, "", authority.client(HTTP1));
    let (mut client, mut socket) = stream.into_parts();
    while client.is_handshaking() {
        client.complete_io(&mut socket).unwrap();
    }
    // More than sockets hold in both directions, so each side waits for the other now and then.
    let requests = "GET /v2/app/tags/list HTTP/1.1\r\nHost: x\r\n\r\n".repeat(COUNT);
    let (mut answers, mut sent) = (Vec::new(), 0);
    socket.set_nonblocking(true).unwrap();
    let begin = Instant::now();
    loop {
        assert!(begin.elapsed() < DEADLINE, "{sent} bytes sent, {} came", answers.len());
        sent += client.writer().write(&requests.as_bytes()[sent..]).unwrap();
        while client.wants_write() && client.write_tls(&mut socket).is_ok() {}
        // Reads less often than it writes.
        thread::sleep(Duration::from_millis(1));
        let _ = client.read_tls(&mut socket);
        client.process_new_packets().unwrap();
        let _ = client.reader().read_to_end(&mut answers);
        // Nothing is closed, so what the server keeps for later would never come.
        if answers.len() > COUNT * 100
            && String::from_utf8_lossy(&answers).matches("HTTP/1.1 302 ").count() == COUNT
        {
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_2_is_agreed_upon() {
    let authority = Authority::of_localhost();
    let bucket = Bucket::with_layer(3 << 20);
    let flags = authority.flags();
    let directory = ["--listen", "127.0.0.1:0", "--directory", bucket.path().to_str().unwrap()];
    let all: Vec<&str> = directory.into_iter().chain(flags.iter().map(String::as_str)).collect();
    let program = Program::start(&[], &all);
    let connector = TlsConnector::from(Arc::new(authority.client("h2")));
    let stream = TcpStream::connect(program.address).await.unwrap();
    let stream = connector.connect("localhost".try_into().unwrap(), stream).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.unwrap();
    tokio::spawn(connection);
    let uri = format!("https://localhost{}", bucket.layer_path());
    let request = Request::get(uri).body(Empty::<bytes::Bytes>::new()).unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.status(), 200);
    let body = http_body_util::BodyExt::collect(response.into_body()).await.unwrap().to_bytes();
    assert!(body == bucket.layer);
}

#[test]
fn a_protocol_that_we_do_not_speak_is_refused() {
    let authority = Authority::of_localhost();
    let program = serve(&authority, &[]);
    let refused = ask(program.address, authority.client("acme/1"), LAST).unwrap_err();
    assert!(refused.to_string().contains("NoApplicationProtocol"), "{refused}");
}

#[test]
fn who_does_not_finish_the_handshake_makes_room() {
    let authority = Authority::of_localhost();
    let program = serve(&authority, &["--header-timeout", "500ms", "--max-connections", "2"]);
    let mut silent = Client::connect(program.address);
    let mut half = Client::connect(program.address);
    // The beginning of a ClientHello that says it is longer.
    half.send("\u{16}\u{3}\u{1}\u{2}\0\u{1}");
    assert!(ask(program.address, authority.client(HTTP1), LAST).unwrap().starts_with("HTTP/1.1 200"));
    assert_eq!(silent.rest(), b"");
    assert_eq!(half.rest(), b"");
}

#[test]
fn plain_http_gets_no_answer() {
    let authority = Authority::of_localhost();
    let program = serve(&authority, &[]);
    let mut client = Client::connect(program.address);
    client.send(LAST);
    let rest = client.rest();
    assert!(!rest.starts_with(b"HTTP/"), "{rest:?}");
}

#[test]
fn clients_show_a_certificate_where_they_must() {
    let (authority, stranger) = (Authority::of_localhost(), Authority::of_localhost());
    authority.sign("client", "localhost", 2100);
    authority.sign("late", "localhost", 2001);
    stranger.sign("client", "localhost", 2100);
    let ca = authority.path("ca.pem");
    let program = serve(&authority, &["--tls-client-ca", ca.to_str().unwrap()]);
    let ask = |own| ask(program.address, authority.client_with(HTTP1, own), LAST);
    assert!(ask(Some(authority.path("client.pem"))).unwrap().starts_with("HTTP/1.1 200"));
    for own in [None, Some(stranger.path("client.pem")), Some(authority.path("late.pem"))] {
        assert!(ask(own.clone()).is_err(), "{own:?}");
    }
}

/// The certificate that is shown.
fn shown(address: SocketAddr, authority: &Authority) -> Vec<u8> {
    let mut stream = connect(address, "", authority.client(HTTP1));
    stream.write_all(LAST.as_bytes()).unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
    stream.conn.peer_certificates().unwrap()[0].to_vec()
}

#[test]
fn changed_files_are_read_and_bad_ones_are_not_served_with() {
    let authority = Authority::of_localhost();
    let program = serve(&authority, &[]);
    let mut kept = connect(program.address, "", authority.client(HTTP1));
    let request = "GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n";
    kept.write_all(request.as_bytes()).unwrap();
    kept.read_exact(&mut [0; 15]).unwrap();
    let first = shown(program.address, &authority);

    authority.sign("server", "localhost", 2100);
    program.logged("settings loaded", 1);
    let second = shown(program.address, &authority);
    assert_ne!(second, first);

    fs::copy(authority.path("ca.pem"), authority.path("server.pem")).unwrap();
    let log = program.logged("settings not loaded, those before stay in force", 1);
    assert!(log.contains("is not that of the certificate in"), "{log}");
    assert_eq!(shown(program.address, &authority), second);

    fs::remove_file(authority.path("server.key")).unwrap();
    program.signal("HUP");
    program.logged("server.key` cannot be read", 1);
    assert_eq!(shown(program.address, &authority), second);

    authority.sign("server", "localhost", 2001);
    program.logged("is not valid today: clients refuse it", 1);
    // A connection is what it was at its beginning.
    kept.write_all(request.as_bytes()).unwrap();
    kept.read_exact(&mut [0; 15]).unwrap();
}

#[test]
fn it_does_not_start_with_files_that_cannot_be_served_with() {
    let authority = Authority::of_localhost();
    let [certificate, key, ca] =
        ["server.pem", "server.key", "ca.pem"].map(|file| authority.path(file).to_str().unwrap().to_owned());
    for (flags, told) in [
        (vec!["--tls-cert", &certificate], "`tls-cert` and `tls-key` are only of use together".to_owned()),
        (vec!["--tls-client-ca", &ca], "`tls-cert` and `tls-key` are only of use together".to_owned()),
        (vec!["--tls-cert", &key, "--tls-key", &key], format!("no certificate in the TLS file `{key}`")),
        (
            vec!["--tls-cert", &certificate, "--tls-key", &certificate],
            format!("no private key in the TLS file `{certificate}`"),
        ),
        (
            vec!["--tls-cert", &ca, "--tls-key", &key],
            format!("`{key}` is not that of the certificate in `{ca}`"),
        ),
        (vec!["--tls-cert", "/no", "--tls-key", &key], "the TLS file `/no` cannot be read".to_owned()),
    ] {
        let (code, _, error) = run(&[("CDN_URL", "https://cdn.test")], &flags);
        assert_eq!(code, Some(2), "{error}");
        assert!(error.contains(&told), "{error}");
    }
}

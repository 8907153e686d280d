//! The access log: a line for each request, whoever answered it, and nothing in it that a client wrote but in its place.

use std::io::Write;
use std::thread;

use http::{Method, Request};
use http_body_util::Empty;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};

use crate::rig::bucket::Bucket;
use crate::rig::client::Client;
use crate::rig::metrics::{becomes, scrape, value};
use crate::rig::program::{Program, run};
use crate::rig::settings::File;

const ANY: &str = "127.0.0.1:0";
const CDN: [&str; 4] = ["--cdn", "https://cdn.test", "--listen", ANY];
const TRACE: &str = "Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n";

fn serve(more: &[&str]) -> Program {
    Program::start(&[], &[&CDN[..], more].concat())
}

/// The lines of a log of JSON, without what depends on the moment.
fn lines(log: &str) -> Vec<Value> {
    let lines = log.lines().map(|line| {
        let mut line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let object = line.as_object_mut().unwrap();
        let time = object.remove("time").unwrap();
        humantime::parse_rfc3339(time.as_str().unwrap()).unwrap();
        assert!(object.remove("duration_us").unwrap().is_u64());
        line
    });
    lines.collect()
}

#[test]
fn nothing_is_written_unless_asked_for() {
    let mut program = serve(&[]);
    assert_eq!(Client::connect(program.address).ask("GET /v2/", "").status, 200);
    assert_eq!(program.written(), "");
}

#[test]
fn each_request_has_its_line_whoever_answers_it() {
    let mut program = serve(&["--access-log", "json"]);
    let agent = "User-Agent: docker/28.0 go/1.24\r\n";
    let mut client = Client::connect(program.address);
    // In the plain lane, then with hyper.
    client.ask("GET /v2/", &[agent, TRACE].concat());
    client.ask("HEAD /v2/?ns=docker.io", "");
    client.ask("GET /v2/acme/app/manifests/1.2", agent);
    client.ask("GET /nothing", &[agent, TRACE].concat());
    client.ask("GET /v2/", TRACE);
    client.ask("HEAD /nothing", "");
    client.ask("DELETE /v2/acme/app/manifests/1.2", "Traceparent: 00-00-00-01\r\n");
    let line = |method: &str, path: &str, status: u16, bytes: u64| json!({"client": "127.0.0.1", "method": method, "path": path, "status": status, "bytes": bytes});
    let with = |mut line: Value, more: Value| {
        line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        line
    };
    let agent = json!({"user_agent": "docker/28.0 go/1.24"});
    let trace = json!({"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "parent_id": "00f067aa0ba902b7"});
    let refusal = client.ask("DELETE /v2/", "").body.len() as u64;
    assert_eq!(
        lines(&program.written()),
        [
            with(with(line("GET", "/v2/", 200, 2), agent.clone()), trace.clone()),
            line("HEAD", "/v2/", 200, 0),
            with(line("GET", "/v2/acme/app/manifests/1.2", 302, 0), agent.clone()),
            with(with(line("GET", "/nothing", 404, 10), agent), trace.clone()),
            with(line("GET", "/v2/", 200, 2), trace),
            line("HEAD", "/nothing", 404, 0),
            line("DELETE", "/v2/acme/app/manifests/1.2", 405, refusal),
            line("DELETE", "/v2/", 405, refusal),
        ]
    );
}

#[test]
fn objects_are_told_with_their_size() {
    let bucket = Bucket::with_layer(100_000);
    let directory = bucket.path().to_str().unwrap();
    let arguments = ["--directory", directory, "--listen", ANY];
    let mut program = Program::start(&[("ENDPOINT_ACCESS_LOG", "text")], &arguments);
    let mut client = Client::connect(program.address);
    client.ask(&format!("GET {}", bucket.layer_path()), "");
    client.ask(&format!("GET {}", bucket.layer_path()), "Range: bytes=5-9\r\n");
    client.ask(&format!("HEAD {}", bucket.layer_path()), "User-Agent: crane\r\n");
    let log = program.written();
    let [whole, part, head] = log.lines().collect::<Vec<_>>().try_into().unwrap();
    let path = bucket.layer_path();
    assert!(whole.contains(&format!(" 127.0.0.1 \"GET {path}\" 200 100000 ")), "{whole}");
    assert!(part.contains(&format!(" 127.0.0.1 \"GET {path}\" 206 5 ")), "{part}");
    assert!(head.contains(&format!(" 127.0.0.1 \"HEAD {path}\" 200 0 ")), "{head}");
    assert!(part.ends_with("us - -") && head.ends_with("us \"crane\" -"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn http_2_has_its_lines() {
    let mut program = serve(&["--access-log=json"]);
    let io = TokioIo::new(tokio::net::TcpStream::connect(program.address).await.unwrap());
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    let request = Request::builder().method(Method::GET).uri("http://registry.test/v2/a/tags/list?n=1");
    let request = request.header("user-agent", "h2").body(Empty::<bytes::Bytes>::new()).unwrap();
    assert_eq!(sender.send_request(request).await.unwrap().status(), 302);
    drop(sender);
    assert_eq!(
        lines(&program.written()),
        [
            json!({"client": "127.0.0.1", "method": "GET", "path": "/v2/a/tags/list", "status": 302, "bytes": 0, "user_agent": "h2"})
        ]
    );
}

#[test]
fn one_in_so_many_is_told() {
    let mut program = serve(&["--access-log", "text", "--access-log-sample", "10"]);
    let mut client = Client::connect(program.address);
    for nth in 0..100 {
        // A connection is on one core. Half of them are hyper's.
        let path = if nth < 50 { "/v2/" } else { "/nothing" };
        client.ask(&format!("GET {path}"), "");
    }
    let log = program.written();
    assert_eq!(
        (log.matches("\"GET /v2/\"").count(), log.matches("\"GET /nothing\"").count()),
        (5, 5),
        "{log}"
    );
    let (code, _, told) = run(&[], &[&CDN[..], &["--access-log-sample", "0"]].concat());
    assert_eq!(code, Some(2));
    assert!(told.contains("`access-log-sample` is zero"), "{told}");
}

#[test]
fn nobody_writes_a_line_of_somebody_elses() {
    for format in ["text", "json"] {
        let mut program = serve(&["--access-log", format]);
        let mut sent = 0;
        for path in
            ["/v2/\"", "/\\\" 200", "/\u{1b}[2J", "/%0d%0aGET", "/\u{85}\u{2028}", "/a\rb", "/'\"}{", "/v2/"]
        {
            for agent in [
                &b"\" 200 0 1us \"x\" -"[..],
                b"\x1b[2J\x9b2J",
                b"a\r\n\tfolded",
                b"\xff\xfe\xe2\x80\xa8",
                b"a\tb\\",
                b"\"}\\",
            ] {
                let mut client = Client::connect(program.address);
                let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
                let request = [head.as_bytes(), b"User-Agent: ", agent, b"\r\n\r\n"].concat();
                client.stream().write_all(&request).unwrap();
                let answer = client.rest();
                // hyper refuses some of them by itself, before there is a request; these have no line.
                sent += usize::from(!answer.starts_with(b"HTTP/1.1 400"));
            }
        }
        assert!(sent > 10, "{sent}");
        let log = program.written();
        assert!(log.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n')), "{log:?}");
        assert_eq!(log.lines().count(), sent, "{log}");
        if format == "json" {
            assert_eq!(lines(&log).len(), sent);
        } else {
            // Of the quotes that none escaped, four are ours.
            for line in log.lines() {
                let bare = line.replace("\\\\", "").replace("\\\"", "");
                assert_eq!(bare.matches('"').count(), 4, "{line}");
            }
        }
    }
}

#[test]
fn the_client_is_whom_trusted_proxies_name() {
    let file = File::new("cdn = 'https://cdn.test'\naccess-log = 'json'\ntrusted-proxies = ['127.0.0.0/8']");
    let mut program = file.serve();
    let mut client = Client::connect(program.address);
    for path in ["/v2/", "/nothing"] {
        client.ask(&format!("GET {path}"), "X-Forwarded-For: 10.0.0.1, 192.0.2.7\r\n");
    }
    let log = lines(&program.written());
    assert_eq!(log.iter().map(|line| &line["client"]).collect::<Vec<_>>(), ["192.0.2.7"; 2]);
}

#[test]
fn who_does_not_read_the_log_holds_nobody_up() {
    const REQUESTS: usize = 30_000;
    let mut program = serve(&["--access-log", "text", "--admin", ANY]);
    let mut client = Client::connect(program.address);
    let hundred = "GET /v2/acme/app/manifests/1.2 HTTP/1.1\r\nHost: x\r\n\r\n".repeat(100);
    // Nobody reads, and all are answered.
    for _ in 0..REQUESTS / 100 {
        client.send(&hundred);
        for _ in 0..100 {
            assert_eq!(client.head().status, 302);
        }
    }
    let admin = program.admin();
    let dropped = value(&scrape(admin), "access_log_lines_total{result=dropped}");
    assert!(dropped > 0.0 && dropped < REQUESTS as f64, "{dropped}");
    let reader = thread::spawn(program.output());
    becomes(admin, "access_log_lines_total{result=written}", REQUESTS as f64 - dropped);
    program.signal("TERM");
    assert!(program.ended().success());
    let log = reader.join().unwrap();
    assert_eq!(log.lines().count() as f64, REQUESTS as f64 - dropped);
}

#[test]
fn a_log_that_nobody_reads_does_not_hold_the_end_up() {
    let mut program = serve(&["--access-log", "text"]);
    let mut client = Client::connect(program.address);
    let hundred = "GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n".repeat(100);
    for _ in 0..200 {
        client.send(&hundred);
        for _ in 0..100 {
            let mut answer = client.head();
            client.body(&mut answer);
        }
    }
    program.signal("TERM");
    assert_eq!(program.ended().code(), Some(0));
}

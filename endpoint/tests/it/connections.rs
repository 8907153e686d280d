//! HTTP/1.1 as clients, and strangers, speak it.

use endpoint::settings::Given;

use crate::rig::Running;
use crate::rig::client::{Client, ask};

#[test]
fn a_connection_is_kept_for_the_next_request() {
    let server = Running::start(Given::default());
    let mut client = Client::connect(server.address);
    for _ in 0..3 {
        assert_eq!(client.ask("GET /v2/", "").status, 200);
        let redirect = client.ask("GET /v2/acme/app/tags/list?n=5", "");
        assert_eq!(redirect.status, 302);
        assert_eq!(
            redirect.header("location"),
            "https://cdn.test/docker/registry/v2/repositories/acme/app/_manifests/tags.json"
        );
        assert_eq!(redirect.header("content-length"), "0");
    }
    assert_eq!(client.ask("GET /v2/", "Connection: close\r\n").header("connection"), "close");
    assert_eq!(client.rest(), b"");
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = Running::start(Given::default());
    let mut client = Client::connect(server.address);
    let line = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    client
        .send(&[line("/v1/_ping"), line("/nothing"), line("/v2/app/manifests/a"), line("/healthz")].concat());
    let statuses = [(); 4].map(|()| {
        let mut answer = client.head();
        client.body(&mut answer);
        answer.status
    });
    assert_eq!(statuses, [200, 404, 302, 200]);
}

#[test]
fn an_answer_to_head_has_no_body() {
    let server = Running::start(Given::default());
    let mut client = Client::connect(server.address);
    // A body would be taken for the beginning of the next answer.
    for (path, status, length) in
        [("/v2/", 200, "2"), ("/nothing", 404, "10"), ("/v2/app/tags/list", 302, "0")]
    {
        let head = client.ask(&format!("HEAD {path}"), "");
        assert_eq!((head.status, head.header("content-length")), (status, length), "{path}");
    }
}

#[test]
fn other_methods_are_refused_in_words_that_clients_read() {
    let server = Running::start(Given::default());
    let push = ask(server.address, "POST /v2/acme/app/blobs/uploads/", "Content-Length: 0\r\n");
    assert_eq!((push.status, push.header("allow")), (405, "GET, HEAD"));
    assert_eq!(push.header("content-type"), "application/json");
    assert!(push.text().starts_with(r#"{"errors":[{"code":"UNSUPPORTED","#), "{}", push.text());
    assert_eq!(ask(server.address, "OPTIONS *", "").status, 405);
    assert_eq!(ask(server.address, "CONNECT evil.test:443", "").status, 405);
}

#[test]
fn the_target_may_be_a_whole_url() {
    // RFC 9112 §3.2.2: a server must accept the absolute form. Whose host it names makes no difference.
    let server = Running::start(Given::default());
    assert_eq!(ask(server.address, "GET http://evil.test/v2/", "").status, 200);
    let redirect = ask(server.address, "GET http://evil.test/v2/app/tags/list", "");
    assert!(redirect.header("location").starts_with("https://cdn.test/docker/"), "{redirect:?}");
}

#[test]
fn a_body_is_never_waited_for() {
    let server = Running::start(Given::default());
    // Announced and never sent; the answer comes all the same, and the connection is given up.
    for request in ["GET /v2/", "PUT /v2/app/manifests/a"] {
        let mut client = Client::connect(server.address);
        let answer = client.ask(request, "Content-Length: 1000000000000\r\n");
        assert_eq!(answer.status, if request.starts_with("GET") { 200 } else { 405 });
        assert_eq!(client.rest(), b"");
    }
    // One that came along with the request does no harm.
    let mut client = Client::connect(server.address);
    client.send("GET /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
    let mut answer = client.head();
    client.body(&mut answer);
    assert_eq!(answer.status, 200);
    assert_eq!(client.ask("GET /healthz", "").text(), "ok\n");
}

#[test]
fn hostile_requests_are_refused() {
    let server = Running::start(Given::default());
    let long = "a".repeat(9 * 1024);
    let longer = "a".repeat(100 * 1024);
    for (target, status) in [
        ("/v2/../../etc/passwd", 404),
        ("/v2/a/%2e%2e/tags/list", 404),
        ("/v2/a%2fb/tags/list", 404),
        ("/v2/a/manifests/x%0d%0aSet-Cookie:%20a=b", 404),
        ("/v2/a/manifests/x\u{1}y", 400),
        ("/v2/a/manifests/x y", 400),
        (&format!("/v2/{long}/tags/list"), 414),
        (&format!("/v2/{longer}/tags/list"), 414),
        ("/v2/app/tags/list#fragment", 302),
    ] {
        let answer = ask(server.address, &format!("GET {target}"), "");
        let shown: String = target.chars().take(60).collect();
        assert_eq!(answer.status, status, "{shown}");
        assert_eq!(answer.header("set-cookie"), "");
    }
}

//! Requests in shapes that two programs in a row may understand differently: each is answered once, or refused, and what
//! is hidden in one is never answered as another.

use std::io::Write;
use std::net::Shutdown;
use std::thread;
use std::time::Duration;

use endpoint::settings::Given;

use crate::rig::Running;
use crate::rig::client::Client;

/// What somebody hides in a body; its answer is like no other.
const HIDDEN: &str = "GET /v2/hidden/tags/list HTTP/1.1\r\nHost: x\r\n\r\n";

/// The statuses of all answers to these bytes, sent behind a request that leaves the connection in the plain lane, or
/// behind one that hands it to hyper.
fn statuses(server: &Running, bytes: &[u8], by_hyper: bool) -> Vec<u16> {
    let mut client = Client::connect(server.address);
    let before = client.ask(if by_hyper { "GET /nothing" } else { "GET /v2/" }, "");
    assert_eq!(before.status, if by_hyper { 404 } else { 200 });
    // It may close before it has read everything.
    let _ = client.stream().write_all(bytes);
    let answers = String::from_utf8(client.rest()).unwrap();
    assert!(!answers.contains("hidden"), "{answers}");
    answers.split("HTTP/1.1 ").skip(1).map(|answer| answer[..3].parse().unwrap()).collect()
}

/// Each of these bytes has these answers, by both ways. All at the same time, since what is left open ends by its time.
fn assert_all(cases: &[(String, &[u16])]) {
    let idle_timeout = Some(Duration::from_secs(2));
    let server = &Running::start(Given { idle_timeout, ..Given::default() });
    let found: Vec<_> = thread::scope(|scope| {
        let asked: Vec<_> = cases
            .iter()
            .flat_map(|(bytes, expected)| [false, true].map(|by_hyper| (bytes, *expected, by_hyper)))
            .map(|(bytes, expected, by_hyper)| {
                let asked = scope.spawn(move || statuses(server, bytes.as_bytes(), by_hyper));
                (bytes, expected, by_hyper, asked)
            })
            .collect();
        asked.into_iter().map(|(bytes, expected, by, asked)| (bytes, expected, by, asked.join())).collect()
    });
    let wrong: Vec<_> = found
        .iter()
        .filter(|(_, expected, _, found)| !matches!(found, Ok(found) if found == expected))
        .map(|(bytes, expected, by_hyper, found)| {
            let shown: String = bytes.chars().take(120).collect();
            format!("{shown:?} (by hyper: {by_hyper}): {expected:?} {found:?}")
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A GET of `/v2/` with these header lines, and what comes behind it.
fn get(lines: &str, behind: &str) -> String {
    format!("GET /v2/ HTTP/1.1\r\nHost: x\r\n{lines}\r\n{behind}")
}

#[test]
fn a_body_hides_no_request() {
    let length = HIDDEN.len();
    let chunk = format!("{length:x}\r\n{HIDDEN}\r\n0\r\n\r\n");
    let in_chunk = format!("{length:x};a=\"{HIDDEN}\"\r\n{HIDDEN}\r\n0\r\n\r\n");
    assert_all(&[
        // The body is what its length says.
        (get(&format!("Content-Length: {length}\r\n"), HIDDEN), &[200][..]),
        (get("Transfer-Encoding: chunked\r\n", &chunk), &[200]),
        // A proxy that believes the other header passes all of this on as one request.
        (
            get(
                &format!("Content-Length: {}\r\nTransfer-Encoding: chunked\r\n", length + 5),
                &format!("0\r\n\r\n{HIDDEN}"),
            ),
            &[200],
        ),
        (
            get(
                &format!("Transfer-Encoding: chunked\r\nContent-Length: {}\r\n", length + 5),
                &format!("0\r\n\r\n{HIDDEN}"),
            ),
            &[200],
        ),
        (get("Transfer-Encoding: chunked\r\n", &format!("0\r\n\r\n{HIDDEN}")), &[200]),
        (get("Transfer-Encoding: chunked\r\n", &in_chunk), &[200]),
        (get("Transfer-Encoding: chunked\r\n", &format!("0;x\r\n\r\n{HIDDEN}")), &[200]),
        (get("Transfer-Encoding: chunked\r\n", &format!("0x0\r\n\r\n{HIDDEN}")), &[200]),
        (get("Transfer-Encoding: chunked\r\n", &format!("-1\r\n\r\n{HIDDEN}")), &[200]),
        // Which of two lengths?
        (get(&format!("Content-Length: 0\r\nContent-Length: {length}\r\n"), HIDDEN), &[400]),
        (get(&format!("Content-Length: {length}\r\nContent-Length: 0\r\n"), HIDDEN), &[400]),
        (get(&format!("Content-Length: 0, {length}\r\n"), HIDDEN), &[400]),
        (get(&format!("Content-Length: +{length}\r\n"), HIDDEN), &[400]),
        (get(&format!("Content-Length: -{length}\r\n"), HIDDEN), &[400]),
        (get("Content-Length: 99999999999999999999999999\r\n", HIDDEN), &[400]),
        (get("Content-Length:\r\n", HIDDEN), &[400]),
        // No encoding that we know, or not at its end.
        (get("Transfer-Encoding: chunked, gzip\r\n", HIDDEN), &[400]),
        (get("Transfer-Encoding: xchunked\r\n", HIDDEN), &[400]),
        (get("Transfer-Encoding: identity\r\n", HIDDEN), &[400]),
        ("GET /v2/ HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned() + HIDDEN, &[400]),
    ]);
}

#[test]
fn a_head_is_one_head() {
    let many = "X: y\r\n".repeat(200);
    let huge = format!("X: {}\r\n", "y".repeat(1 << 20));
    let cases = [
        // Line folding, space before the colon, a name or a value with what does not belong there.
        (get("X: y\r\n Content-Length: 9\r\n", ""), &[400][..]),
        (get(" X: y\r\n", ""), &[400]),
        (get("Content-Length : 0\r\n", ""), &[400]),
        (get("Transfer-Encoding\t: chunked\r\n", ""), &[400]),
        (get("X\0: y\r\n", ""), &[400]),
        (get("X: y\0\r\n", ""), &[400]),
        (get("X: y\rZ: y\r\n", ""), &[400]),
        (get("no colon\r\n", ""), &[400]),
        (get(": y\r\n", ""), &[400]),
        // Lines that end in a bare LF, RFC 9112 §2.2.
        ("GET /v2/ HTTP/1.1\nHost: x\n\n".to_owned(), &[200]),
        // Whose is it?
        (get("Host: y\r\n", ""), &[400]),
        (get("host: x\r\n", ""), &[400]),
        ("GET http://y/v2/ HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), &[200]),
        // More than a client has to say.
        (get(&many, ""), &[431]),
        (get(&huge, ""), &[431]),
        // What is no HTTP/1.
        ("GET /v2/\r\n\r\n".to_owned(), &[400]),
        ("GET  /v2/ HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), &[400]),
        ("GET /v2/ HTTP/1.1 \r\nHost: x\r\n\r\n".to_owned(), &[400]),
        ("GET /v2/ HTTP/1.2\r\nHost: x\r\n\r\n".to_owned(), &[400]),
        ("G\0T /v2/ HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), &[400]),
    ]
    // What is refused is the end, whatever follows.
    .map(|(bytes, expected)| if expected == [200] { (bytes, expected) } else { (bytes + HIDDEN, expected) });
    assert_all(&cases);
}

#[test]
fn a_side_that_is_closed_does_not_lose_its_answers() {
    let server = Running::start(Given::default());
    let mut client = Client::connect(server.address);
    client.send(&get("", &get("", "")));
    client.stream().shutdown(Shutdown::Write).unwrap();
    let answers = String::from_utf8(client.rest()).unwrap();
    assert_eq!(answers.matches("HTTP/1.1 200 OK\r\n").count(), 2);
    // Nor is what it did not finish taken for whole.
    let mut client = Client::connect(server.address);
    client.send("GET /v2/ HTTP/1.1\r\nHost: x\r\n");
    client.stream().shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.rest(), b"");
}

//! The proxy does what it says: each harm as a client's socket feels it.

use std::io::{ErrorKind, Read, Result, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::place::Place;
use crate::rig::faulty::{Blow, Fault, Line, Proxy, Span};

/// Sends a request on a connection of its own; gives what came back, and how it ended.
fn ask(proxy: &Proxy, request: &str) -> (String, Result<usize>) {
    let mut stream = TcpStream::connect(proxy.url().strip_prefix("http://").unwrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let ended = stream.read_to_end(&mut answer);
    (String::from_utf8(answer).unwrap(), ended)
}

/// An object that is not there: the store's own answer, which says so in some 200 bytes.
const GET: &str = "GET /harmed/object HTTP/1.1\r\nHost: store\r\nConnection: close\r\n\r\n";

fn struck(place: &Place, fault: Fault) -> (String, Result<usize>) {
    let proxy = place.behind(Some(Blow { fault, at: 2, span: Span::Once }));
    let whole = ask(&proxy, GET).0;
    assert!(whole.starts_with("HTTP/1.1 404"), "{whole}");
    let request = if fault == Fault::ResetWithin {
        "PUT /harmed/object HTTP/1.1\r\nHost: store\r\nContent-Length: 4\r\n\r\nhalf"
    } else {
        GET
    };
    let answer = ask(&proxy, request);
    assert!(ask(&proxy, GET).0.starts_with("HTTP/1.1 404"), "the third passes");
    let seen = proxy.seen();
    assert_eq!((seen.requests.len(), seen.strayed), (3, None));
    let Line { method, target, has_body } = seen.struck.unwrap();
    assert_eq!((method.as_str(), &*target), (request.split(' ').next().unwrap(), "/harmed/object"));
    assert_eq!(has_body, fault == Fault::ResetWithin);
    answer
}

#[test]
fn does_each_harm() {
    let place = Place::bucket("harmed");
    for fault in [Fault::ResetBefore, Fault::ResetWithin, Fault::ResetAfter] {
        let (answer, ended) = struck(&place, fault);
        assert_eq!((&*answer, ended.unwrap_err().kind()), ("", ErrorKind::ConnectionReset), "{fault}");
    }
    for (fault, status, code) in
        [(Fault::InternalError, "500", "InternalError"), (Fault::SlowDown, "503", "SlowDown")]
    {
        let (answer, ended) = struck(&place, fault);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")) && answer.contains(code), "{answer}");
        ended.unwrap();
    }
    let (answer, ended) = struck(&place, Fault::Hang);
    assert_eq!((&*answer, ended.unwrap_err().kind()), ("", ErrorKind::WouldBlock));

    let (answer, ended) = struck(&place, Fault::Truncated);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let said = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    assert!(head.starts_with("HTTP/1.1 404") && !body.is_empty(), "{answer}");
    assert_eq!(said.parse::<usize>().unwrap() / 2, body.len());
    ended.unwrap();
}

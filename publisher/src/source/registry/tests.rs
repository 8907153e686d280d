//! What registries say that are out of order, each by a small server of these tests' own.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use contract::digest::{Algorithm, Digest};
use contract::name::{Tag, TagOrDigest};

use super::{Access, Address, Registries, Remote};

/// A registry that answers each path so: with a status, headers and a body. `{here}` in headers is its own URL.
fn answering(answer: impl Fn(&str) -> (u16, String, String) + Send + 'static) -> Remote {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let here = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            let (status, headers, body) = answer(&asked(&stream));
            let headers = headers.replace("{here}", &format!("http://{here}"));
            let head = format!(
                "HTTP/1.1 {status} ?\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n",
                body.len()
            );
            (&stream).write_all(&[head.as_bytes(), body.as_bytes()].concat()).unwrap();
        }
    });
    let address = Address::parse(&format!("docker://{here}/acme/app")).unwrap();
    Registries::open(Access::default(), 1).unwrap().remote(&address).unwrap()
}

/// The path of a request.
fn asked(stream: &TcpStream) -> String {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let path = lines.next().unwrap_or_default().split(' ').nth(1).unwrap_or_default().to_owned();
    lines.take_while(|line| !line.is_empty()).for_each(drop);
    path
}

#[tokio::test]
async fn a_token_service_that_is_not_there_says_nothing_of_images() {
    for status in [400, 404, 405, 501] {
        let remote = answering(move |path| match path.starts_with("/token") {
            true => (status, String::new(), String::new()),
            false => (401, "WWW-Authenticate: Bearer realm=\"{here}/token\"\r\n".to_owned(), String::new()),
        });
        let digest = Digest::of(Algorithm::Sha256, b"");
        let root = remote.root(&TagOrDigest::Tag(Tag::latest())).await;
        assert!(root.is_err_and(|error| error.to_string().contains("reading docker://")), "{status}");
        assert!(remote.digest(&Tag::latest()).await.is_err(), "{status}");
        assert!(
            remote.tags().await.is_err_and(|error| error.to_string().contains("the tag list")),
            "{status}"
        );
        assert!(remote.referrers(&digest).await.is_err(), "{status}");
    }
}

#[tokio::test]
async fn a_list_that_never_ends_is_given_up() {
    let remote = answering(|path| {
        let page: usize = path.rsplit('=').next().unwrap().parse().unwrap();
        let next = format!("Link: </v2/acme/app/tags/list?n={}>; rel=next\r\n", page + 1);
        (200, next, format!("{}{{\"tags\":[]}}", " ".repeat(8 << 20)))
    });
    let error = remote.tags().await.unwrap_err();
    let why = std::error::Error::source(&error).unwrap().to_string();
    assert!(why.starts_with("it has more than"), "{why}");
}

//! HTTP/2 without TLS, by prior knowledge: what a proxy before us may speak.

use std::time::Duration;

use endpoint::settings::Given;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::rig::bucket::Bucket;
use crate::rig::{DEADLINE, Running};

type Sender = http2::SendRequest<Empty<bytes::Bytes>>;

async fn connect(server: &Running) -> Sender {
    let io = TokioIo::new(TcpStream::connect(server.address).await.unwrap());
    let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    sender
}

/// Status, content-length, and the length of the body that came.
async fn ask(sender: &mut Sender, method: Method, path: &str) -> (StatusCode, String, usize) {
    let uri = format!("http://registry.test{path}");
    let request = Request::builder().method(method).uri(uri).body(Empty::new()).unwrap();
    let response = sender.send_request(request).await.unwrap();
    let length =
        response.headers().get("content-length").map_or("", |value| value.to_str().unwrap()).to_owned();
    let status = response.status();
    (status, length, response.into_body().collect().await.unwrap().to_bytes().len())
}

#[tokio::test(flavor = "multi_thread")]
async fn many_requests_share_a_connection() {
    let server = Running::start(Given::default());
    let sender = connect(&server).await;
    let asked: Vec<_> = (0..200)
        .map(|number| {
            let mut sender = sender.clone();
            tokio::spawn(async move {
                ask(&mut sender, Method::GET, &format!("/v2/app/manifests/{number}")).await
            })
        })
        .collect();
    for answer in asked {
        assert_eq!(answer.await.unwrap(), (StatusCode::FOUND, "0".to_owned(), 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn head_and_refusals_are_those_of_http_1() {
    let server = Running::start(Given::default());
    let mut sender = connect(&server).await;
    let long = format!("/v2/{}/tags/list", "a".repeat(9 * 1024));
    for (method, path, status, length, body) in [
        (Method::GET, "/v2/", StatusCode::OK, "2", 2),
        (Method::HEAD, "/v2/", StatusCode::OK, "2", 0),
        (Method::HEAD, "/nothing", StatusCode::NOT_FOUND, "10", 0),
        (Method::PUT, "/x", StatusCode::METHOD_NOT_ALLOWED, "19", 19),
        (Method::GET, &long, StatusCode::URI_TOO_LONG, "14", 14),
    ] {
        let answer = ask(&mut sender, method.clone(), path).await;
        assert_eq!(answer, (status, length.to_owned(), body), "{method} {path:.40}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_is_served_too() {
    let bucket = Bucket::with_layer(3 << 20);
    let server = Running::start(bucket.given());
    let mut sender = connect(&server).await;
    let layer = bucket.layer_path();
    let length = (3 << 20).to_string();
    assert_eq!(ask(&mut sender, Method::GET, &layer).await, (StatusCode::OK, length.clone(), 3 << 20));
    assert_eq!(ask(&mut sender, Method::HEAD, &layer).await, (StatusCode::OK, length, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_does_not_hold_the_server() {
    let server = Running::start(Given { drain: Some(Duration::from_secs(3600)), ..Given::default() });
    let mut sender = connect(&server).await;
    assert_eq!(ask(&mut sender, Method::GET, "/v2/").await.0, StatusCode::OK);
    let stopped = tokio::task::spawn_blocking(|| drop(server));
    tokio::time::timeout(DEADLINE, stopped).await.unwrap().unwrap();
    assert!(sender.ready().await.is_err());
}

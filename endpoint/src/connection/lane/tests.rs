//! What the lane answers, and that nobody can tell by an answer who gave it.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufWriter, DuplexStream, duplex};
use tokio::{runtime, time};

use super::super::compared::comparable;
use super::super::{Role, Server};
use super::*;
use crate::settings::{Given, RouteGiven, resolve};

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const BLOB: &str =
    "/v2/acme/app/blobs/sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn live() -> Live {
    let moved = RouteGiven {
        prefix: "moved".to_owned(),
        registry: Some("https://registry.test".to_owned()),
        ..RouteGiven::default()
    };
    let given = Given { cdn: Some("https://cdn.test".to_owned()), route: vec![moved], ..Given::default() };
    Live::from(resolve(given, None, Given::default()).unwrap())
}

/// What the lane makes of these bytes, as text.
fn lane(input: &str) -> (String, Option<Left>) {
    let mut output = Vec::new();
    let left = answers(
        input.as_bytes(),
        PEER,
        &live().view(),
        (&Pulse::default(), &Witness::default()),
        &mut output,
    );
    (comparable(&output), left)
}

/// All that a client reads, by the lane first or by hyper alone.
fn served(input: &[u8], by_lane: bool) -> String {
    let runtime = runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        // Room for all of it, so that nobody waits for the other.
        let (mut client, socket) = duplex(1 << 20);
        client.write_all(input).await.unwrap();
        let server = Arc::new(Server::new(live(), Arc::default(), Role::Public));
        let pulse = Arc::new(Pulse::default());
        if by_lane {
            tokio::spawn(server.talk(Lane::new(socket, PEER), PEER, Arc::clone(&pulse)));
        } else {
            tokio::spawn(server.by_hyper(Bytes::new(), Box::new(socket), PEER, Arc::clone(&pulse)));
        }
        // The clock leaps here as soon as the server waits for more.
        time::sleep(Duration::from_secs(1)).await;
        pulse.tell(Told::Cut);
        let mut answers = Vec::new();
        // hyper resets where it has not read everything, which is the end as well.
        let _ = client.read_to_end(&mut answers).await;
        comparable(&answers)
    })
}

#[test]
fn a_plain_request_is_answered_here_and_as_hyper_would() {
    for (request, status) in [
        (format!("GET {BLOB} HTTP/1.1\r\nHost: x\r\n\r\n"), "302 Found"),
        (format!("HEAD {BLOB}?ns=docker.io HTTP/1.1\r\nHost: x\r\n\r\n"), "302 Found"),
        ("GET /v2/ HTTP/1.1\r\nHost: x\r\nUser-Agent: docker/28.0\r\n\r\n".to_owned(), "200 OK"),
        ("HEAD /v2/ HTTP/1.1\r\nHost: x\r\nconnection: Keep-Alive\r\n\r\n".to_owned(), "200 OK"),
        ("GET /v1/_ping HTTP/1.1\r\nHost: x\r\nAuthorization: Token \r\n\r\n".to_owned(), "200 OK"),
        ("GET /healthz HTTP/1.1\r\n\r\n".to_owned(), "200 OK"),
        ("GET /v2/moved/app/tags/list?n=5&ns=a HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), "302 Found"),
        ("\r\nGET /v2/a/manifests/1.2 HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), "302 Found"),
    ] {
        let (answer, left) = lane(&request);
        assert_eq!(left, None, "{request}");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\n")), "{request}{answer}");
        assert_eq!(answer, served(request.as_bytes(), false), "{request}");
    }
    let last = "GET /v2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let (answer, left) = lane(last);
    assert_eq!(left, Some(Left::Over));
    assert_eq!(answer, served(last.as_bytes(), false));
}

#[test]
fn the_rest_is_left_to_hyper_from_its_first_byte() {
    let many = format!("GET /v2/ HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(40));
    for request in [
        "G",
        "GET /v2/ HTTP/1.1\r\nHost: x\r\n",
        "GET /v2/ HTTP/1.0\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "PUT /v2/ HTTP/1.1\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\n\r\n",
        "GET http://x/v2/ HTTP/1.1\r\n\r\n",
        "GET /v2/a/tags/list#f HTTP/1.1\r\n\r\n",
        "GET /v2/a/tags/list?a#f HTTP/1.1\r\n\r\n",
        "GET /v2/a/tags/list?<> HTTP/1.1\r\n\r\n",
        "GET /nothing HTTP/1.1\r\n\r\n",
        "GET /v2/A/tags/list HTTP/1.1\r\n\r\n",
        "GET /v2/ HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
        "GET /v2/ HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n",
        "GET /v2/ HTTP/1.1\r\nExpect: 100-continue\r\n\r\n",
        "GET /v2/ HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
        "GET /v2/ HTTP/1.1\r\nUPGRADE: websocket\r\n\r\n",
        "GET /v2/ HTTP/1.1\r\nConnection: close, x\r\n\r\n",
        "GET /v2/ HTTP/1.1\r\nbad header: x\r\n\r\n",
        "GET /v2/ HTTP/1.1\r\nHost: x\r\nhost: x\r\n\r\n",
        "\u{1}\u{2}\u{3}",
        &many,
    ] {
        let (answer, left) = lane(request);
        assert_eq!(left, Some(Left::Odd(Bytes::copy_from_slice(request.as_bytes()))), "{request}");
        assert_eq!(answer, "", "{request}");
    }
}

#[test]
fn what_does_not_fit_is_answered_all_the_same() {
    let huge = format!("GET /v2/ HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(INPUT_SIZE));
    let answer = served([&huge, "GET /healthz HTTP/1.1\r\n\r\n"].concat().as_bytes(), true);
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 2);
}

#[test]
fn what_comes_together_is_answered_in_order() {
    let plain = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    let odd = "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n";
    let (answer, left) = lane(&[plain, plain, odd, plain].concat());
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 2);
    assert_eq!(left, Some(Left::Odd(Bytes::from([odd, plain].concat()))));
    let all = served([plain, odd, plain].concat().as_bytes(), true);
    let statuses: Vec<&str> = all.lines().filter(|line| line.starts_with("HTTP/1.1 ")).collect();
    assert_eq!(statuses, ["HTTP/1.1 200 OK", "HTTP/1.1 404 Not Found", "HTTP/1.1 200 OK"]);
}

#[tokio::test(start_paused = true)]
async fn what_keeps_bytes_back_is_flushed_before_more_is_read() {
    let (mut client, socket) = duplex(1 << 10);
    let server = Arc::new(Server::new(live(), Arc::default(), Role::Public));
    tokio::spawn(server.talk(Lane::new(BufWriter::new(socket), PEER), PEER, Arc::default()));
    for _ in 0..2 {
        client.write_all(b"GET /v2/ HTTP/1.1\r\n\r\n").await.unwrap();
        let mut begin = [0; 15];
        // The clock leaps to the end of it as soon as both wait for each other.
        let answered = time::timeout(Duration::from_secs(1), client.read_exact(&mut begin)).await;
        answered.expect("the answer is kept back").unwrap();
        assert_eq!(&begin, b"HTTP/1.1 200 OK");
        let mut rest = [0; 1 << 10];
        assert!(client.read(&mut rest).await.unwrap() > 0);
    }
}

#[test]
fn who_began_with_http_1_goes_on_with_it() {
    let input = ["GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"].concat();
    let answer = served(input.as_bytes(), true);
    assert!(answer.ends_with("{}"), "{answer}");
    assert_eq!(answer, served(input.as_bytes(), false));
}

/// A lane whose client takes a few bytes at a time, with an answer under way.
async fn slow() -> (DuplexStream, Arc<Pulse>, tokio::task::JoinHandle<()>) {
    let (mut client, socket) = duplex(64);
    let pulse = Arc::new(Pulse::default());
    let server = Arc::new(Server::new(live(), Arc::default(), Role::Public));
    let talk = server.talk(Lane::new(socket, PEER), PEER, Arc::clone(&pulse));
    let served = tokio::spawn(async { drop(talk.await) });
    client.write_all(b"GET /v2/ HTTP/1.1\r\n\r\n").await.unwrap();
    time::sleep(Duration::from_secs(1)).await;
    (client, pulse, served)
}

#[tokio::test(start_paused = true)]
async fn who_takes_an_answer_slowly_moves_and_is_let_finish() {
    let (mut client, pulse, served) = slow().await;
    assert!(pulse.was_asked() && pulse.take_moved());
    let mut begin = [0; 64];
    client.read_exact(&mut begin).await.unwrap();
    time::sleep(Duration::from_secs(1)).await;
    assert!(pulse.take_moved());
    pulse.tell(Told::Finish);
    time::sleep(Duration::from_secs(1)).await;
    assert!(!served.is_finished());
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).await.unwrap();
    assert!(rest.ends_with(b"\r\n\r\n{}"));
}

#[tokio::test(start_paused = true)]
async fn who_takes_nothing_of_an_answer_is_cut_off() {
    let (mut client, pulse, served) = slow().await;
    pulse.tell(Told::Finish);
    time::sleep(Duration::from_secs(1)).await;
    assert!(!served.is_finished());
    pulse.tell(Told::Cut);
    served.await.unwrap();
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest.len(), 64);
}

/// Bytes as clients, and strangers, put them together. Each head has an end: when hyper refuses one that has none
/// depends on how it came, all at once or behind another.
fn bytes() -> impl Strategy<Value = String> {
    let request = (
        prop_oneof![8 => Just("GET"), 2 => Just("HEAD"), 1 => Just("POST"), 1 => Just("get"), 1 => Just("")],
        prop_oneof![
            4 => Just(BLOB.to_owned()),
            4 => Just("/v2/".to_owned()),
            2 => Just("/v2/moved/app/tags/list?n=1".to_owned()),
            1 => Just("*".to_owned()),
            1 => Just("http://x/healthz".to_owned()),
            3 => "/(v2/[a-cA%#?<>\"`\\\\ é]{0,6}/)?(manifests/|tags/list|healthz)[ -~]{0,4}",
        ],
        prop_oneof![12 => Just(" HTTP/1.1"), 1 => Just(" HTTP/1.0"), 1 => Just(" HTTP/2.0"), 1 => Just("")],
        proptest::collection::vec(
            prop_oneof![
                4 => Just("Host: x"),
                2 => Just("Connection: keep-alive"),
                1 => Just("Connection: close"),
                1 => Just("connection: close, te"),
                1 => Just("Content-Length: 3"),
                1 => Just("Content-Length: 0"),
                1 => Just("Transfer-Encoding: chunked"),
                1 => Just("Expect: 100-continue"),
                1 => Just("Upgrade: h2c"),
                1 => Just("no colon"),
                1 => Just("a b: c"),
                1 => Just("X:\ty\u{7f}"),
                1 => Just(" folded: y"),
            ],
            0..4,
        ),
        prop_oneof![12 => Just("\r\n"), 1 => Just("\n")],
        prop_oneof![8 => Just(""), 1 => Just("abc"), 1 => Just("0\r\n\r\n"), 1 => Just("\r\n")],
    );
    let request = request.prop_map(|(method, target, version, headers, end, body)| {
        let lines: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
        format!("{method} {target}{version}\r\n{lines}{end}{body}")
    });
    proptest::collection::vec(request, 1..4).prop_map(|requests| requests.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Whatever is sent, a client reads the same as if there were no lane.
    #[test]
    fn nobody_can_tell_the_lane_from_hyper(input in bytes()) {
        prop_assert_eq!(served(input.as_bytes(), true), served(input.as_bytes(), false));
    }
}

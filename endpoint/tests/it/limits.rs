//! What one client may take: time, connections, descriptors.

use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

use endpoint::settings::Given;

use crate::rig::bucket::Bucket;
use crate::rig::client::{Client, ask};
use crate::rig::program::Program;
use crate::rig::{DEADLINE, Running};

const SHORT: Option<Duration> = Some(Duration::from_millis(200));
/// Long enough for a request to be answered on the busiest machine.
const LONGER: Option<Duration> = Some(Duration::from_secs(2));
/// More than the kernel holds between two sockets.
const BIG: usize = 16 << 20;

fn hasty() -> Given {
    Given { header_timeout: SHORT, ..Given::default() }
}

#[test]
fn who_says_nothing_is_sent_away() {
    let server = Running::start(hasty());
    assert_eq!(Client::connect(server.address).rest(), b"");
}

#[test]
fn who_does_not_end_what_it_says_is_sent_away() {
    let server = Running::start(hasty());
    // The second might become HTTP/1.1 or 2; the third speaks 2 and asks for nothing.
    for beginning in ["GET /v2/ HTTP/1.1\r\nHost:", "PRI * HTTP/2.0\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
    {
        let mut client = Client::connect(server.address);
        client.send(beginning);
        let rest = client.rest();
        assert!(!rest.starts_with(b"HTTP/1.1 2"), "{beginning:?}");
    }
}

/// Sends a header that has no end, letter by letter, until the server has had enough.
fn drip(client: &Client) {
    let mut stream = client.stream();
    let begin = std::time::Instant::now();
    while begin.elapsed() < DEADLINE {
        if stream.write_all(b"x").is_err() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("a header without end was read for {DEADLINE:?}");
}

#[test]
fn letters_one_by_one_do_not_buy_time() {
    let server = Running::start(hasty());
    let mut client = Client::connect(server.address);
    client.send("GET /v2/ HTTP/1.1\r\nX: ");
    drip(&client);
    // Nor with the second request of a connection, when the idle time counts.
    let server = Running::start(Given { idle_timeout: SHORT, ..Given::default() });
    let mut client = Client::connect(server.address);
    assert_eq!(client.ask("GET /v2/", "").status, 200);
    client.send("GET /v2/ HTTP/1.1\r\nX: ");
    drip(&client);
}

#[test]
fn an_idle_connection_is_closed() {
    let server = Running::start(Given { idle_timeout: SHORT, ..Given::default() });
    let mut client = Client::connect(server.address);
    assert_eq!(client.ask("GET /v2/", "").status, 200);
    assert_eq!(client.rest(), b"");
}

#[test]
fn who_does_not_read_its_answer_is_cut_off() {
    let bucket = Bucket::with_layer(BIG);
    let server = Running::start(Given { idle_timeout: LONGER, max_connections: Some(1), ..bucket.given() });
    let mut stalled = Client::connect(server.address);
    stalled.send(&format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", bucket.layer_path()));
    assert_eq!(stalled.head().status, 200);
    // There is room for one connection, so this is answered when the other is gone.
    assert_eq!(ask(server.address, "GET /v2/", "").status, 200);
    assert!(stalled.rest().len() < bucket.layer.len());
}

#[test]
fn a_connection_lives_for_its_time_and_ends_between_answers() {
    let server = Running::start(Given { total_timeout: SHORT, ..Given::default() });
    let mut client = Client::connect(server.address);
    let begin = std::time::Instant::now();
    loop {
        assert!(begin.elapsed() < DEADLINE, "it never ends");
        let mut stream = client.stream();
        let sent = stream.write_all(b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n");
        // Closed while it waited for this request, which then was never answered.
        if sent.is_err() || matches!(stream.peek(&mut [0]), Ok(0) | Err(_)) {
            break;
        }
        let mut answer = client.head();
        client.body(&mut answer);
        assert_eq!(answer.text(), "{}");
    }
}

#[test]
fn the_answer_under_way_outlives_its_connections_time() {
    let bucket = Bucket::with_layer(BIG);
    let server = Running::start(Given { total_timeout: LONGER, ..bucket.given() });
    let mut client = Client::connect(server.address);
    client.send(&format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", bucket.layer_path()));
    let mut answer = client.head();
    std::thread::sleep(Duration::from_secs(3));
    client.body(&mut answer);
    assert!(answer.body == bucket.layer);
    assert_eq!(client.rest(), b"");
}

#[test]
fn one_connection_too_many_waits() {
    let server = Running::start(Given { max_connections: Some(2), ..Given::default() });
    let first = Client::connect(server.address);
    let mut second = Client::connect(server.address);
    assert_eq!(second.ask("GET /v2/", "").status, 200);
    let mut third = Client::connect(server.address);
    third.send("GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_waiting(&third);
    drop(first);
    assert_eq!(third.head().status, 200);
}

/// Nothing comes for half a second.
fn assert_waiting(client: &Client) {
    client.stream().set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let early = client.stream().read(&mut [0]).map_err(|error| error.kind());
    assert!(matches!(early, Err(ErrorKind::WouldBlock | ErrorKind::TimedOut)), "{early:?}");
    client.stream().set_read_timeout(Some(DEADLINE)).unwrap();
}

#[test]
fn the_limit_is_that_of_all_cores_together() {
    let program = Program::start(
        &[],
        &["--cdn", "https://cdn.test", "--listen", "127.0.0.1:0", "--max-connections", "2"],
    );
    let mut crowd = [(); 2].map(|()| Client::connect(program.address));
    for client in &mut crowd {
        assert_eq!(client.ask("GET /v2/", "").status, 200);
    }
    // So many that some wait at each core.
    let mut late = [(); 4].map(|()| Client::connect(program.address));
    for client in &mut late {
        client.send("GET /v2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    }
    late.iter().for_each(assert_waiting);
    drop(crowd);
    for client in &mut late {
        assert_eq!(client.head().status, 200);
    }
}

#[test]
fn running_out_of_descriptors_is_survived() {
    let program =
        Program::start_with_descriptors(24, &["--cdn", "https://cdn.test", "--listen", "127.0.0.1:0"]);
    let crowd: Vec<_> = (0..40).map(|_| Client::connect(program.address)).collect();
    let mut late = Client::connect(program.address);
    late.send("GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n");
    drop(crowd);
    assert_eq!(late.head().status, 200);
    assert_eq!(ask(program.address, "GET /v2/", "").status, 200);
}

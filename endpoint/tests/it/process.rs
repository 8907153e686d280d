//! Stopping: SIGTERM and SIGINT, and what becomes of answers under way.

use std::net::TcpStream;
use std::time::Instant;

use crate::rig::DEADLINE;
use crate::rig::bucket::Bucket;
use crate::rig::client::Client;
use crate::rig::program::Program;

/// More than the kernel holds between two sockets.
const BIG: usize = 16 << 20;
const LISTEN: [&str; 2] = ["--listen", "127.0.0.1:0"];

fn serve(bucket: &Bucket, more: &[&str]) -> Program {
    let directory = ["--directory", bucket.path().to_str().unwrap()];
    Program::start(&[], &[&LISTEN, &directory, more].concat())
}

/// A download that has begun and needs the client to read on.
fn begin(program: &Program, bucket: &Bucket) -> Client {
    let mut client = Client::connect(program.address);
    client.send(&format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", bucket.layer_path()));
    client
}

#[test]
fn a_download_under_way_is_finished() {
    let bucket = Bucket::with_layer(BIG);
    for signal in ["TERM", "INT"] {
        let mut program = serve(&bucket, &[]);
        let mut client = begin(&program, &bucket);
        let mut answer = client.head();
        program.signal(signal);
        let told = Instant::now();
        while TcpStream::connect(program.address).is_ok() {
            assert!(told.elapsed() < DEADLINE, "still accepting after SIG{signal}");
        }
        client.body(&mut answer);
        assert!(answer.body == bucket.layer, "SIG{signal} cut the download");
        assert_eq!(program.ended().code(), Some(0));
    }
}

#[test]
fn a_stalled_download_does_not_hold_it_for_ever() {
    let bucket = Bucket::with_layer(BIG);
    let mut program = serve(&bucket, &["--drain", "200ms"]);
    let mut client = begin(&program, &bucket);
    client.head();
    program.signal("TERM");
    assert_eq!(program.ended().code(), Some(0));
    assert!(client.rest().len() < bucket.layer.len());
}

#[test]
fn idle_connections_do_not_hold_it() {
    let mut program =
        Program::start(&[], &[&LISTEN[..], &["--cdn", "https://cdn.test", "--drain", "1h"]].concat());
    let mut idle = Client::connect(program.address);
    assert_eq!(idle.ask("GET /v2/", "").status, 200);
    let silent = Client::connect(program.address);
    program.signal("TERM");
    assert_eq!(program.ended().code(), Some(0));
    drop(silent);
}

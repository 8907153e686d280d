//! Ctrl-C in the middle: the publisher stops at once, says so, and what was visible stays.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use crate::rig::archive::Archive;
use crate::rig::layout::tar;
use crate::rig::ours::publisher_command;
use crate::rig::process::{must, wait};
use crate::rig::store::{Store, bucket_argument};

fn archive() -> Vec<u8> {
    Archive::default().image(&["acme/app:1.2"], &[tar(&[("a", &[7; 100_000])])]).to_tar()
}

fn start(source: &str, store: &str) -> Child {
    let mut command = publisher_command();
    command.args(["publish", source, "acme/app:1.2", "--to", store]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Sends what Ctrl-C sends, and checks how the publisher takes it.
#[track_caller]
fn interrupt(child: Child) {
    must(Command::new("kill").args(["-INT", &child.id().to_string()]));
    let run = wait(child);
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""), "{}", run.stderr);
    assert!(run.stderr.contains("interrupted"), "{}", run.stderr);
}

#[test]
fn while_it_reads_standard_input() {
    let store = Store::directory();
    let mut child = start("-", &store.argument());
    let bytes = archive();
    // The pipe holds less than this: once it is written, the publisher has begun to read.
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&bytes[..bytes.len() - 10_000]).unwrap();
    interrupt(child);
    assert!(store.visible().is_empty(), "{:?}", store.visible());
    drop(stdin);
}

#[test]
fn while_it_waits_for_the_store() {
    let place = tempfile::tempdir().unwrap();
    let source = place.path().join("saved.tar");
    fs::write(&source, archive()).unwrap();
    // Accepts a request and never answers it.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let child = start(source.to_str().unwrap(), &bucket_argument(&url, "bucket"));
    let _request = silent.accept().unwrap();
    interrupt(child);
}

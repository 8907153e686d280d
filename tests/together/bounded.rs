//! What a publication costs: memory that no layers make larger, room on a disk for packed layers alone, and as few
//! requests as README promises.

use std::fs::File;
use std::io::Read;
use std::process::Command;

use serde_json::Value;

use crate::rig::archive::Archive;
use crate::rig::layout::{Layer, Layout, OCI_LAYER_GZIP, sha256, tar};
use crate::rig::ours::{publisher_fed, publisher_measured};
use crate::rig::process::{Component, must};
use crate::rig::random::Random;
use crate::rig::store::Store;

/// Of the layers, in MiB: one that is large, and more than are sent at the same time.
const LAYERS: [u64; 6] = [100, 30, 30, 30, 30, 30];
/// What README promises, in MB.
const MEMORY_MAX: u64 = 100;
/// Of a publication that finds everything there, as bench/README.md lists them.
const AGAIN: u64 = 13;
/// The same with `--no-v1`: a v1 tag of an earlier image must not be left.
const AGAIN_WITHOUT_V1: u64 = 11;
/// The same under a name that v1 cannot have.
const AGAIN_NOT_IN_V1: u64 = 9;

/// A layer that is packed already: nobody looks inside it.
fn large(size: u64) -> Layer {
    let mut bytes = Vec::new();
    File::open("/dev/urandom").unwrap().take(size << 20).read_to_end(&mut bytes).unwrap();
    Layer { media: OCI_LAYER_GZIP, diff_id: sha256(b"a tar"), bytes }
}

/// Publishes and gives the result, with the peak of resident memory in MB.
fn publish(store: &Store, source: &str, named: &[&str]) -> (Value, u64) {
    let store = store.argument();
    let arguments = [&["publish", source, "--to", &store, "--format", "json"], named].concat();
    let (run, peak) = publisher_measured(&arguments);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    (serde_json::from_str(&run.stdout).unwrap(), peak)
}

#[test]
fn large_layers_take_no_more_memory_and_what_is_there_few_requests() {
    let place = tempfile::tempdir().unwrap();
    let mut layout = Layout::default();
    let image = layout.image("linux/amd64", &LAYERS.map(large));
    layout.list(&image, "1.2");
    layout.write_dir(place.path());
    drop(layout);
    let (store, source) = (Store::bucket(), place.path().to_str().unwrap());

    for (named, expected) in [
        (&["acme/app:1.2"][..], AGAIN),
        (&["acme/other:1.2", "--no-v1"], AGAIN_WITHOUT_V1),
        (&["acme/team/app:1.2"], AGAIN_NOT_IN_V1),
    ] {
        let (first, peak) = publish(&store, source, named);
        assert!(peak < MEMORY_MAX, "{peak} MB for {named:?}: {first}");
        let objects = store.objects();
        let (again, _) = publish(&store, source, named);
        assert_eq!((&again["requests"], &again["bytesSent"]), (&expected.into(), &0.into()), "{again}");
        assert_eq!(again["requestsRepeated"], 0, "{again}");
        assert_eq!(store.objects(), objects);
    }
}

#[test]
fn an_archive_that_comes_by_needs_room_for_its_packed_layers_alone() {
    let place = tempfile::tempdir().unwrap();
    let layers = [1, 2].map(|seed| {
        let noise = Random::seeded(seed).bytes(1 << 20);
        tar(&[("noise", &noise), ("zeros", &vec![0; 80 << 20])])
    });
    let archive = place.path().join("saved.tar");
    std::fs::write(&archive, Archive::default().image(&["acme/app:1.2"], &layers).to_tar()).unwrap();
    drop(layers);
    let disk = Component::place("room");
    let room = disk.dir().join("room");
    std::fs::create_dir(&room).unwrap();
    must(Command::new("mount").args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"]).arg(&room));
    let store = Store::directory();
    let arguments = ["publish", "-", "acme/app:1.2", "--to", &store.argument()];
    let (run, peak) = publisher_fed(&arguments, File::open(&archive).unwrap(), &room);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(peak < MEMORY_MAX, "{peak} MB");
    assert_eq!(run.stdout, Store::directory().publish(&archive, &["acme/app:1.2"]));
}

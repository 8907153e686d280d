//! What a publication costs: memory that no layers make larger, and as few requests as README promises.

use std::fs::File;
use std::io::Read;

use serde_json::Value;

use crate::rig::layout::{Layer, Layout, OCI_LAYER_GZIP, sha256};
use crate::rig::ours::publisher_measured;
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

//! kill -9 in the middle: whatever tag is visible resolves fully, and running again completes.

use std::fs;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::pull::digest_of;
use crate::rig::layout::{Layer, Layout};
use crate::rig::ours::publisher_command;
use crate::rig::random::Random;
use crate::rig::store::Store;
use crate::visible::look;

/// Kills per store: a sample in every run, the whole campaign with `tests/run --long`.
fn rounds() -> u64 {
    if std::env::var_os("TESTS_LONG").is_some() { 200 } else { 12 }
}

#[test]
fn killed_publisher_leaves_whole_images_in_a_bucket() {
    campaign(&Store::bucket(), 0xb0c_4e7);
}

#[test]
fn killed_publisher_leaves_whole_images_in_a_directory() {
    campaign(&Store::directory(), 0xd12_ec7);
}

fn campaign(store: &Store, seed: u64) {
    let mut random = Random::seeded(seed);
    let (place, endpoint) = (tempfile::tempdir().unwrap(), store.endpoint());
    let source = place.path().join("layout.tar");
    fs::write(&source, image(&mut random)).unwrap();
    let start = Instant::now();
    let mut visible = digest_of(&store.publish(&source, &["acme/app:1.2"]), "acme/app:1.2");
    let whole_run = start.elapsed();

    let mut killed = 0;
    for round in 0..rounds() {
        let what = format!("seed {seed:#x}, round {round}");
        fs::write(&source, image(&mut random)).unwrap();
        let moment = whole_run.mul_f64((random.next() % 1000) as f64 / 1000.0);
        killed += u64::from(kill_after(store, &source, moment));
        let after_kill = look(&endpoint, &what).assert_there(&what).to_owned();

        let completed = digest_of(&store.publish(&source, &["acme/app:1.2"]), "acme/app:1.2");
        assert!([&visible, &completed].contains(&&after_kill), "{what}: the tag named a third image");
        assert_eq!(look(&endpoint, &what).assert_agrees(&what), completed, "{what}");
        visible = completed;
    }
    assert!(killed > 0, "seed {seed:#x}: every run was over before it was killed");
}

/// A layout whose layers no round before had. They are packed already: the time of a run goes into writing.
fn image(random: &mut Random) -> Vec<u8> {
    let mut layout = Layout::default();
    let layers: Vec<_> = (0..4).map(|_| Layer::gzip(&[("noise", &random.bytes(1 << 19))])).collect();
    let image = layout.image("linux/amd64", &layers);
    layout.list(&image, "1.2");
    layout.to_tar()
}

/// Starts to publish and kills after `moment`; whether there was still something to kill.
fn kill_after(store: &Store, source: &std::path::Path, moment: Duration) -> bool {
    let mut command = publisher_command();
    command.arg("publish").arg(source).args(["acme/app:1.2", "--to", &store.argument()]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    sleep(moment);
    child.kill().unwrap();
    child.wait().unwrap().code().is_none()
}

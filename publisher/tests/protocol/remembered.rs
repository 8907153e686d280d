//! Layers that were compressed once: they are not read again, and what is remembered of them never makes an image wrong.

use std::io::Read;
use std::path::Path;

use bytes::Bytes;
use contract::descriptor::Descriptor;
use contract::digest::{Algorithm, Digest};
use contract::key::Key;
use contract::packed::Packed;
use publisher::ahead::Ahead;
use publisher::apply::Apply;
use publisher::grace::Grace;
use publisher::immutable::Immutable;
use publisher::plan::{Plan, Wish};
use publisher::progress::Silent;
use publisher::publish::{prepare, publish};
use publisher::remembered::recall;
use publisher::source::registry::Access;
use publisher::source::{self, Compress, ManifestType, Opened, SourceError, Wanted};
use publisher::store::memory::Memory;
use publisher::store::{Document, Store, When};
use publisher::v1_chain::{self, V1};
use publisher::verify::{Verify, Wrong, forget, mend};
use serde_json::json;
use tempfile::NamedTempFile;

use crate::faulty::{Fault, Faulty};
use crate::{PLATFORM, derive, memory, targets, visible};

const HOW: Packed = Packed::Gzip(2);
const REFERENCES: &[&str] = &["acme/app:1"];

/// A layer of one file.
fn layer(text: &str) -> Vec<u8> {
    tar_of(&[("file", text.repeat(1000).as_bytes())])
}

fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        tar.append_data(&mut header, name, *bytes).unwrap();
    }
    tar.into_inner().unwrap()
}

/// What `docker save` wrote before 25; `held` are the layers in it, where they are not those that the config names.
fn archive(layers: &[Vec<u8>], held: &[Vec<u8>]) -> NamedTempFile {
    let diff_ids: Vec<Digest> = layers.iter().map(|layer| Digest::of(Algorithm::Sha256, layer)).collect();
    let config =
        json!({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids}});
    let names: Vec<String> = (0..held.len()).map(|n| format!("{n}/layer.tar")).collect();
    let manifest =
        json!([{"Config": "config.json", "RepoTags": ["acme/app:1"], "Layers": names}]).to_string();
    let mut files = vec![("manifest.json", manifest.as_bytes())];
    let config = config.to_string();
    files.push(("config.json", config.as_bytes()));
    files.extend(names.iter().map(String::as_str).zip(held.iter().map(Vec::as_slice)));
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), tar_of(&files)).unwrap();
    file
}

fn layers() -> Vec<Vec<u8>> {
    vec![layer("base"), layer("top")]
}

/// The same archive with other bytes behind the first block of each layer.
fn damaged() -> NamedTempFile {
    let mut held = layers();
    held.iter_mut().for_each(|layer| layer[512] ^= 1);
    archive(&layers(), &held)
}

async fn open(store: &dyn Store, path: &Path, verify: bool) -> Result<Opened, SourceError> {
    let ahead = Ahead::new(store, Some(4));
    let references: Vec<_> = REFERENCES.iter().map(|text| text.parse().unwrap()).collect();
    let wanted = Wanted {
        image: None,
        references: &references,
        manifest_type: ManifestType::Docker,
        compress: Compress::default(),
        to: &ahead,
        verify,
        strict: false,
        access: Access::default(),
    };
    let mut opened = source::open(path.to_str().unwrap(), &wanted, &()).await?;
    opened.image.sent = ahead.sent();
    Ok(opened)
}

/// Whether it could be written.
async fn write(store: &dyn Store, opened: &Opened) -> Option<Plan> {
    let chain = v1_chain::of(&opened.image, PLATFORM, V1::Gzip).unwrap();
    let (targets, immutable) = (targets(REFERENCES), Immutable::default());
    let (image, grace) = (&opened.image, Grace::default());
    let wish = Wish { image, targets: &targets, v1: &chain, immutable: &immutable, grace };
    let plan = prepare(derive(store), &wish, 4).await.ok()?;
    let apply = Apply { from: &*opened.from, derive: derive(store), jobs: 4, progress: &Silent };
    publish(apply, &wish, &plan).await.ok()?;
    Some(plan)
}

async fn run(store: &dyn Store, archive: &NamedTempFile) -> Option<Plan> {
    write(store, &open(store, archive.path(), false).await.ok()?).await
}

/// The keys of what is remembered of the layers above.
fn keys() -> Vec<Key> {
    layers().iter().map(|layer| Key::Diff(Digest::of(Algorithm::Sha256, layer), HOW)).collect()
}

/// All that is remembered leads to a blob.
async fn leads_somewhere(store: &Memory) {
    for path in store.objects().keys() {
        if let Some(Key::Diff(diff_id, packed)) = Key::parse(path) {
            assert!(recall(store, &diff_id, packed).await.unwrap().is_some(), "{path}");
        }
    }
}

async fn published() -> Memory {
    let store = Memory::new(60);
    run(&store, &archive(&layers(), &layers())).await.unwrap();
    store
}

#[tokio::test]
async fn a_layer_that_is_known_is_not_read() {
    let store = published().await;
    let before = store.objects();
    assert!(keys().iter().all(|key| before.contains_key(&key.path())));
    let plan = run(&store, &damaged()).await.unwrap();
    assert!(plan.phases.is_empty(), "{plan}");
    assert_eq!(store.objects(), before);
    assert!(open(&store, archive(&layers(), &layers()).path(), true).await.is_ok());
    let error = open(&store, damaged().path(), true).await.err().unwrap();
    assert!(matches!(error, SourceError::Layer { .. }), "{error}");
    assert!(open(&*memory(), damaged().path(), false).await.is_err(), "where nothing is known, it is read");
}

/// An archive that can be read only once, with layers that do not wait in memory.
fn streamed() -> (NamedTempFile, Vec<u8>) {
    let large = |text: &str| tar_of(&[("file", text.repeat(40_000).as_bytes())]);
    let layers = [large("base"), large("top")];
    let plain = std::fs::read(archive(&layers, &layers).path()).unwrap();
    let mut gzip = Vec::new();
    flate2::read::GzEncoder::new(plain.as_slice(), flate2::Compression::fast())
        .read_to_end(&mut gzip)
        .unwrap();
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &gzip).unwrap();
    (file, gzip)
}

/// Whether there is nothing but contents that nothing names; how many.
fn nameless(store: &Memory) -> Option<usize> {
    let paths = store.objects();
    let all = paths.keys().all(|path| matches!(Key::parse(path), Some(Key::Blob(_))));
    all.then_some(paths.len())
}

#[tokio::test]
async fn a_stream_is_sent_while_it_is_read_and_names_nothing_before_its_end() {
    let (file, gzip) = streamed();
    let store = Memory::new(60);
    let opened = open(&store, file.path(), false).await.unwrap();
    assert_eq!((nameless(&store), opened.image.sent.len()), (Some(2), 2));
    write(&store, &opened).await.unwrap();
    let right = store.objects();
    let again = open(&store, file.path(), false).await.unwrap();
    assert!(again.image.sent.is_empty() && write(&store, &again).await.unwrap().phases.is_empty());
    assert_eq!(store.objects(), right);

    // It breaks off, or the store does.
    let short = NamedTempFile::new().unwrap();
    std::fs::write(short.path(), &gzip[..gzip.len() - 20]).unwrap();
    let store = Memory::new(60);
    assert!(open(&store, short.path(), false).await.is_err());
    assert!(nameless(&store).is_some());
    run(&store, &file).await.unwrap();
    assert_eq!(store.objects(), right);
    for (fault, n) in [Fault::Before, Fault::After].into_iter().flat_map(|fault| [(fault, 0), (fault, 1)]) {
        let store = Memory::new(60);
        let failed = open(&Faulty::after(n, fault, &store), file.path(), false).await.err().unwrap();
        assert!(matches!(failed, SourceError::Send(_)), "{failed}");
        assert!(nameless(&store).is_some());
        run(&store, &file).await.unwrap();
        assert_eq!(store.objects(), right);
    }
}

#[tokio::test]
async fn what_is_remembered_wrongly_costs_time_alone() {
    let right = published().await.objects();
    let whole = archive(&layers(), &layers());
    let descriptor = |digest, size| {
        let blob = Descriptor::new("a/b".into(), digest, size);
        Bytes::from(serde_json::to_vec(&blob).unwrap())
    };
    for key in keys() {
        let blob: Descriptor = serde_json::from_slice(&right[&key.path()].1).unwrap();
        for wrong in [
            Bytes::from_static(b"{"),
            Bytes::new(),
            descriptor(Digest::of(Algorithm::Sha256, b"nowhere"), blob.size),
            descriptor(blob.digest, blob.size + 1),
        ] {
            for store in [memory(), published().await.into()] {
                store.write(&key, &Document::new(wrong.clone()), When::Always).await.unwrap();
                run(&*store, &whole).await.unwrap();
                assert_eq!(store.objects(), right, "{key} was {wrong:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_blob_that_goes_away_meanwhile_is_made_once_more() {
    let store = published().await;
    let right = store.objects();
    let opened = open(&store, archive(&layers(), &layers()).path(), false).await.unwrap();
    for key in right.keys().filter_map(|path| Key::parse(path)) {
        if !matches!(key, Key::Diff(..)) {
            store.delete(&key).await.unwrap();
        }
    }
    write(&store, &opened).await.unwrap();
    assert_eq!(store.objects(), right);
}

#[tokio::test]
async fn dying_twice_anywhere_leaves_nothing_wrong() {
    let right = published().await.objects();
    let whole = archive(&layers(), &layers());
    for fault in [Fault::Before, Fault::After] {
        for first in 0.. {
            let mut died = false;
            for second in [0, 1, 3, 8] {
                let store = Memory::new(60);
                let faulty = Faulty::after(first, fault, &store);
                assert_eq!(run(&faulty, &whole).await.is_none(), faulty.failed(), "{first}");
                died = faulty.failed();
                leads_somewhere(&store).await;
                let faulty = Faulty::after(second, fault, &store);
                run(&faulty, &whole).await;
                leads_somewhere(&store).await;
                visible::is_whole(&store).await;
                run(&store, &whole).await.unwrap();
                assert_eq!(store.objects(), right, "{fault:?} at {first}, then at {second}");
            }
            if !died {
                assert!(first > 20, "{first} writes");
                break;
            }
        }
    }
}

#[tokio::test]
async fn publishers_of_the_same_layers_do_not_disturb_each_other() {
    let right = published().await.objects();
    let whole = archive(&layers(), &layers());
    for _ in 0..10 {
        let store = memory();
        let (one, other) = tokio::join!(run(&*store, &whole), run(&*store, &whole));
        assert!(one.is_some() && other.is_some());
        assert_eq!(store.objects(), right);
    }
}

#[tokio::test]
async fn a_hint_that_leads_nowhere_is_noticed_and_removed() {
    let store = published().await;
    let right = store.objects();
    let verify = async || {
        Verify { derive: derive(&store), jobs: 4, deep: true, changing_ttl: 60, remembered: None }
            .run(None)
            .await
    };
    assert_eq!(verify().await.unwrap().findings, []);
    let stray = Key::Diff(Digest::of(Algorithm::Sha256, b"lost"), HOW);
    let leads_to = Descriptor::new("a/b".into(), Digest::of(Algorithm::Sha256, b"gone"), 7);
    let document = Document::new(serde_json::to_vec(&leads_to).unwrap());
    store.write(&stray, &document, When::Always).await.unwrap();
    let found = verify().await.unwrap();
    assert_eq!((found.problems(), found.findings.len()), (0, 1));
    assert_eq!(found.findings[0].key, stray);
    assert!(matches!(found.findings[0].wrong, Wrong::Disagrees(_)));
    assert_eq!(mend(derive(&store), &found.findings).await.unwrap(), 1);
    assert_eq!(store.objects(), right);
}

#[tokio::test]
async fn a_hint_whose_blob_holds_another_layer_is_found_by_reading_and_removed() {
    let store = published().await;
    let right = store.objects();
    let verify = async |deep| {
        let verify = Verify { derive: derive(&store), jobs: 4, deep, changing_ttl: 60, remembered: None };
        verify.run(None).await.unwrap()
    };
    let read = verify(true).await.read;
    // It leads to what another layer became.
    let stray = Key::Diff(Digest::of(Algorithm::Sha256, b"lost"), HOW);
    let leads_to = store.read(&keys()[0]).await.unwrap().unwrap().bytes;
    store.write(&stray, &Document::new(leads_to), When::Always).await.unwrap();
    assert_eq!(verify(false).await.findings, []);
    let mut found = verify(true).await;
    assert_eq!((found.problems(), found.findings.len()), (0, 1));
    assert_eq!(found.findings[0].key, stray);
    assert_eq!(forget(derive(&store), &mut found).await.unwrap(), 1);
    assert_eq!((found.findings, store.objects()), (Vec::new(), right));

    // What is read for the hints' sake is not read once more.
    for key in keys() {
        store.delete(&key).await.unwrap();
    }
    assert_eq!(verify(true).await.read, read);
}

//! What only a directory does.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use contract::descriptor::Descriptor;
use contract::digest::{Algorithm, Digest};
use futures_util::{StreamExt, stream};

use super::super::Kind;
use super::*;
use crate::content::{Chunks, Open};

async fn store() -> (tempfile::TempDir, Directory) {
    let folder = tempfile::tempdir().unwrap();
    let store = Directory::create(folder.path().join("new/bucket")).await.unwrap();
    (folder, store)
}

fn link(tag: &str) -> Key {
    Key::TagLink("acme/app".parse().unwrap(), tag.parse().unwrap())
}

fn path(store: &Directory, key: &Key) -> PathBuf {
    store.root.path().join(key.path())
}

fn staged(store: &Directory) -> usize {
    let folder = path(store, &Key::Staged(0)).parent().map(PathBuf::from).unwrap();
    fs::read_dir(folder).map_or(0, Iterator::count)
}

#[tokio::test]
async fn files_are_as_readable_as_the_umask_lets_them_be() {
    let (folder, store) = store().await;
    store.write(&link("1"), &Document::new("a"), When::Always).await.unwrap();
    let plain = folder.path().join("plain");
    File::create(&plain).unwrap();
    let mode = |path: PathBuf| fs::metadata(path).unwrap().mode();
    assert_eq!(mode(path(&store, &link("1"))), mode(plain));
    assert_eq!(staged(&store), 0);
}

#[tokio::test]
async fn a_copy_is_a_link_and_may_be_made_again() {
    let (_folder, store) = store().await;
    let (blob, layer) =
        (Key::Blob(Digest::of(Algorithm::Sha256, b"a")), Key::V1Layer(contract::v1::Id([7; 32])));
    store.write(&blob, &Document::new("a"), When::Always).await.unwrap();
    for _ in 0..2 {
        store.copy(&blob, &layer).await.unwrap();
        assert_eq!(fs::metadata(path(&store, &layer)).unwrap().nlink(), 2);
        assert_eq!(staged(&store), 0);
    }
    let missing = Key::Blob(Digest::of(Algorithm::Sha256, b"b"));
    assert_eq!(store.copy(&missing, &layer).await.unwrap_err().kind, Kind::Missing);
}

#[tokio::test]
async fn the_last_file_takes_its_folders_away_but_not_the_root() {
    let (_folder, store) = store().await;
    for tag in ["1", "2"] {
        store.write(&link(tag), &Document::new("a"), When::Always).await.unwrap();
    }
    store.delete(&link("1")).await.unwrap();
    assert!(!path(&store, &link("1")).ancestors().nth(2).unwrap().exists());
    assert!(path(&store, &link("2")).exists());
    store.delete(&link("2")).await.unwrap();
    assert!(!store.root.path().join("docker").exists() && store.root.path().exists());
}

#[tokio::test]
async fn writers_and_deletions_do_not_take_each_others_folders_away() {
    let (_folder, store) = store().await;
    let keys = [link("1"), link("2")];
    let work = |key: Key| {
        let store = Directory { root: Arc::clone(&store.root) };
        tokio::spawn(async move {
            for _ in 0..50 {
                store.write(&key, &Document::new("a"), When::Always).await?;
                store.delete(&key).await?;
            }
            Ok::<_, StoreError>(())
        })
    };
    for done in keys.map(work) {
        done.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_directory_that_is_not_there_is_no_store() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    assert_eq!(Directory::open(&missing).await.unwrap_err().kind, Kind::NoStore);
    let store = Directory::create(&missing).await.unwrap();
    fs::remove_dir(&missing).unwrap();
    let error = store.write(&Key::Catalog, &Document::new("a"), When::Always).await.unwrap_err();
    assert_eq!(error.kind, Kind::NoStore);
    assert!(!missing.exists());
}

#[tokio::test]
async fn a_file_in_the_way_is_named() {
    let (folder, store) = store().await;
    let file = folder.path().join("file");
    fs::write(&file, "a").unwrap();
    fs::write(store.root.path().join("docker"), "a").unwrap();
    let errors = [
        (Directory::open(&file).await.unwrap_err(), "/file`"),
        (Directory::create(file.join("below")).await.unwrap_err(), "/file`"),
        (store.write(&Key::Catalog, &Document::new("a"), When::Always).await.unwrap_err(), "/docker`"),
        (store.read(&Key::Catalog).await.unwrap_err(), "/docker`"),
    ];
    for (error, named) in errors {
        let said = error.source.unwrap().to_string();
        assert!(said.contains(named) && said.ends_with("is a file where a folder must be"), "{said}");
    }
}

/// Content of two chunks that waits for ever before the second.
struct Endless;

#[async_trait]
impl Open for Endless {
    async fn open(&self, _: &Descriptor) -> io::Result<Option<Chunks>> {
        let first = stream::iter([Ok(Bytes::from_static(b"a")), Ok(Bytes::from_static(b"b"))]);
        Ok(Some(first.chain(stream::pending()).boxed()))
    }
}

#[tokio::test]
async fn a_folder_that_was_made_for_nothing_goes() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("some/folder");
    let store = Directory::create(&path).await.unwrap();
    store.now().await.unwrap();
    store.close().await.unwrap();
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);

    // What somebody else has put there stays, and so does what was there before.
    let store = Directory::create(&path).await.unwrap();
    fs::write(path.join("notes"), "").unwrap();
    store.close().await.unwrap();
    assert!(path.join("notes").exists());
    fs::remove_file(path.join("notes")).unwrap();
    Directory::create(&path).await.unwrap().close().await.unwrap();
    assert!(path.exists());
    let store = Directory::create(path.join("more")).await.unwrap();
    store.write(&Key::Catalog, &Document::new("{}"), When::Always).await.unwrap();
    store.close().await.unwrap();
    assert!(store.read(&Key::Catalog).await.unwrap().is_some());
}

#[tokio::test]
async fn closing_removes_what_was_begun_here_or_left_long_ago() {
    let (_folder, store) = store().await;
    let age = |number, age: Duration| {
        let file = path(&store, &Key::Staged(number));
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        File::create(&file).unwrap().set_modified(SystemTime::now() - age).unwrap();
    };
    age(1, Duration::from_secs(25 * 3600));
    age(2, Duration::from_secs(23 * 3600));
    let descriptor = Descriptor::new("a/b".into(), Digest::of(Algorithm::Sha256, b"abc"), 3);
    let content = Content { descriptor: &descriptor, from: &Endless, passed: &|_| () };
    let key = Key::Blob(descriptor.digest);
    let sending = store.send(&key, &content);
    let begun = async {
        while staged(&store) < 3 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = sending => panic!("it cannot end"),
        () = begun => {}
    }
    store.close().await.unwrap();
    assert_eq!(staged(&store), 1);
    assert!(path(&store, &Key::Staged(2)).exists() && !path(&store, &key).exists());
}

/// Holds `abc`, and a file that may hold it too.
struct Filed(Arc<File>);

#[async_trait]
impl Open for Filed {
    async fn open(&self, _: &Descriptor) -> io::Result<Option<Chunks>> {
        Ok(Some(stream::iter([Ok(Bytes::from_static(b"abc"))]).boxed()))
    }

    fn file(&self, _: &Descriptor) -> Option<Arc<File>> {
        Some(Arc::clone(&self.0))
    }
}

#[tokio::test]
async fn a_file_without_a_name_becomes_the_object_and_any_other_is_copied() {
    let (_folder, store) = store().await;
    let folder = store.folder().await.unwrap().unwrap();
    store.write(&link("1"), &Document::new("a"), When::Always).await.unwrap();
    let mode = fs::metadata(path(&store, &link("1"))).unwrap().mode();
    let nameless = |bytes: &[u8]| {
        let mut file = tempfile::tempfile_in(&folder).unwrap();
        io::Write::write_all(&mut file, bytes).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        file
    };
    let mut named = tempfile::NamedTempFile::new_in(&folder).unwrap();
    io::Write::write_all(&mut named, b"abc").unwrap();
    let elsewhere = File::open("/dev/null").unwrap();
    for (file, is_taken_over) in [
        (nameless(b"abc"), cfg!(target_os = "linux")),
        (nameless(b"abcd"), false),
        (named.reopen().unwrap(), false),
        (elsewhere, false),
    ] {
        let (before, file) = (file.metadata().unwrap(), Arc::new(file));
        let descriptor = Descriptor::new("a/b".into(), Digest::of(Algorithm::Sha256, b"abc"), 3);
        let content = Content { descriptor: &descriptor, from: &Filed(file), passed: &|_| () };
        let key = Key::Blob(descriptor.digest);
        store.send(&key, &content).await.unwrap();
        let found = fs::metadata(path(&store, &key)).unwrap();
        assert_eq!(found.ino() == before.ino() && found.dev() == before.dev(), is_taken_over);
        assert_eq!(fs::read(path(&store, &key)).unwrap(), b"abc");
        assert_eq!((found.mode(), found.nlink()), (mode, 1));
        assert!(found.modified().unwrap() > SystemTime::UNIX_EPOCH);
        store.delete(&key).await.unwrap();
    }
    drop(named);
    assert_eq!(staged(&store), 0);
}

//! What comes by once is kept as a scan of the whole file would find it.

use std::io::Seek;
use std::sync::atomic::{AtomicU64, Ordering};

use super::super::compression::Compress;
use super::super::layer::Layer;
use super::super::work;
use super::*;

/// Bytes that compress little, and are not the same twice.
fn noise(seed: u64, size: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    std::iter::repeat_with(|| random.u8(..)).take(size).collect()
}

fn tar_of(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, content) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, *content).unwrap();
    }
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    tar.append_link(&mut header, "link", "plain").unwrap();
    tar.into_inner().unwrap()
}

fn gzip_of(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

/// Takes it, and tells how much of it was read.
async fn read_all(from: impl Read + Send + 'static) -> (Result<Members, ArchiveError>, u64) {
    let read = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    struct Told(std::sync::Arc<std::sync::atomic::AtomicU64>);
    impl super::super::Told for Told {
        fn progress(&self, _: &str, done: u64, _: Option<u64>) {
            self.0.store(done, std::sync::atomic::Ordering::Relaxed);
        }
    }
    let taken = work::run("", None, &Told(read.clone()), move |tell| {
        take("x.tar", from, &Packer::new(Compress::default(), None), tell, &|_| ())
    })
    .await
    .unwrap();
    (taken, read.load(std::sync::atomic::Ordering::Relaxed))
}

async fn taken(bytes: Vec<u8>) -> Result<Members, ArchiveError> {
    read_all(Cursor::new(bytes)).await.0
}

fn scanned(bytes: &[u8]) -> Members {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    Members::scan("x.tar", file).unwrap()
}

async fn packed(place: Place) -> Layer {
    // Of the diff id nothing is known here but what the wrong one's error tells.
    work::run("", None, &(), move |tell| {
        let wrong = contract::digest::Digest::of(Algorithm::Sha256, b"");
        let packer = Packer::new(Compress::default(), None);
        let Err(LayerError::Differs { found, .. }) = packer.pack(&place, &wrong, tell) else { panic!() };
        packer.pack(&place, &found, tell).unwrap()
    })
    .await
    .unwrap()
}

/// Counts what was read of it.
struct Seen(Cursor<Vec<u8>>, Arc<AtomicU64>);

impl Read for Seen {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.0.read(buffer)?;
        self.1.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

#[tokio::test]
async fn layers_are_given_away_as_soon_as_they_are_packed() {
    let plain = tar_of(&[("a", &noise(1, 2 << 20))]);
    let gzipped = gzip_of(&tar_of(&[("a", &noise(2, 1 << 20))]));
    let members: [(&str, &[u8]); 4] =
        [("plain", &plain), ("gzipped", &gzipped), ("xz", b"\xfd7zXZ\0"), ("other", &noise(3, 4 << 20))];
    let archive = tar_of(&members);
    let total = archive.len() as u64;
    let (taken, given) = work::run("", None, &(), move |tell| {
        let (read, given) = (Arc::<AtomicU64>::default(), RefCell::new(Vec::new()));
        let packed = |layer| given.borrow_mut().push((layer, read.load(Ordering::Relaxed)));
        let from = Seen(Cursor::new(archive), Arc::clone(&read));
        let packer = Packer::new(Compress::default(), None);
        let taken = take("x.tar", from, &packer, tell, &packed).unwrap();
        (taken, given.into_inner())
    })
    .await
    .unwrap();
    assert_eq!(given.len(), 2, "what is no layer, and what waits in memory, is not sent");
    for ((layer, read), name) in given.iter().zip(["plain", "gzipped"]) {
        assert!(*read < total - (2 << 20), "{name} was given away after {read} bytes of {total}");
        let published = packed(taken.find(name).unwrap().unwrap()).await;
        assert_eq!((layer.digest, layer.packing), (published.digest, published.packing), "{name}");
        let bytes = layer.place.read().await.unwrap();
        assert_eq!(layer.digest, contract::digest::Digest::of(Algorithm::Sha256, &bytes), "{name}");
    }
}

#[tokio::test]
async fn members_are_those_of_a_scan_and_layers_are_packed_alike() {
    let plain = tar_of(&[("a", &noise(1, 200_000)), ("b", &vec![7; 3 << 20])]);
    let (gzipped, other) = (gzip_of(&plain), noise(2, 100_000));
    let small = tar_of(&[("a", b"small")]);
    let members: [(&str, &[u8]); 7] = [
        ("plain", &plain),
        ("gzipped", &gzipped),
        ("other", &other),
        ("small", &small),
        ("empty", b""),
        ("twice", &other),
        ("twice", b"{}"),
    ];
    let archive = tar_of(&members);
    let scanned = scanned(&archive);
    for archive in [archive.clone(), gzip_of(&archive), zstd::encode_all(&*archive, 1).unwrap()] {
        let taken = taken(archive).await.unwrap();
        assert!(taken.find("none").unwrap().is_none());
        for name in ["plain", "gzipped", "other", "small", "empty", "twice", "link"] {
            let [ours, theirs] = [&taken, &scanned].map(|members| members.find(name).unwrap().unwrap());
            assert_eq!(ours.size(), theirs.size(), "{name}");
            assert!(ours.read().await.unwrap() == theirs.read().await.unwrap(), "{name}");
            // Again, as after a failed upload.
            assert!(ours.read().await.unwrap() == theirs.read().await.unwrap(), "{name}");
        }
        for name in ["plain", "gzipped", "small", "link"] {
            let [ours, theirs] = [&taken, &scanned].map(|members| members.find(name).unwrap().unwrap());
            assert_eq!(packed(ours).await.digest, packed(theirs).await.digest, "{name}");
        }
    }
}

#[tokio::test]
async fn cut_anywhere_it_is_truncated() {
    let archive = tar_of(&[("a", b"{}"), ("layer", &tar_of(&[("x", &noise(1, 70_000))])), ("b", b"{}")]);
    // Half of the end mark may be missing.
    for cut in (1..archive.len() - 1024).step_by(500) {
        let error = taken(archive[..cut].to_vec()).await.unwrap_err();
        let short = cut < 512 && matches!(error, ArchiveError::NotAnArchive(_));
        assert!(short || matches!(error, ArchiveError::Truncated(_)), "{cut}: {error}");
    }
    let gzipped = gzip_of(&archive);
    for cut in [gzipped.len() / 2, gzipped.len() - 1] {
        let error = taken(gzipped[..cut].to_vec()).await.unwrap_err();
        assert!(matches!(error, ArchiveError::Truncated(_)), "{cut}: {error}");
    }
    let mut wrong = gzipped;
    let checksum = wrong.len() - 8;
    wrong[checksum] ^= 1;
    assert!(matches!(taken(wrong).await.unwrap_err(), ArchiveError::Damaged { .. }));
}

#[tokio::test]
async fn who_writes_can_write_to_the_end() {
    let mut archive = tar_of(&[("a", b"{}")]);
    archive.extend(vec![0; 3 << 20]);
    let size = archive.len() as u64;
    let (taken, read) = read_all(Cursor::new(archive)).await;
    assert!(taken.is_ok());
    assert_eq!(read, size);
}

#[tokio::test]
async fn headers_without_end_are_not_read() {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::GNULongName);
    header.set_path("././@LongLink").unwrap();
    header.set_size(1 << 40);
    header.set_cksum();
    let endless = Cursor::new(header.as_bytes().to_vec()).chain(io::repeat(b'n'));
    let (taken, read) = read_all(endless).await;
    assert!(matches!(taken, Err(ArchiveError::Damaged { .. })));
    assert!(read < 4 * HEADERS_MAX, "{read}");
}

#[tokio::test]
async fn many_small_members_do_not_fill_the_memory() {
    let content = noise(3, SMALL as usize);
    let names: Vec<String> = (0..MEMORY_MAX / SMALL + 20).map(|n| n.to_string()).collect();
    let members: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &*content)).collect();
    let taken = taken(tar_of(&members)).await.unwrap();
    let mut in_memory = 0;
    for name in &names {
        let place = taken.find(name).unwrap().unwrap();
        assert!(place.read().await.unwrap() == content);
        in_memory += if matches!(place, Place::Memory(_)) { place.size() } else { 0 };
    }
    assert_eq!(in_memory, MEMORY_MAX);
}

struct Breaks;

impl Read for Breaks {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("broken off"))
    }
}

#[tokio::test]
async fn who_breaks_off_is_to_blame_and_not_the_archive() {
    let archive = tar_of(&[("layer", &tar_of(&[("x", &noise(1, 70_000))]))]);
    for cut in [0, 100, 700, 50_000, archive.len()] {
        let from = Cursor::new(archive[..cut].to_vec()).chain(Breaks);
        let error = read_all(from).await.0.unwrap_err();
        assert!(
            matches!(&error, ArchiveError::Read { source, .. } if source.to_string() == "broken off"),
            "{cut}: {error}"
        );
    }
}

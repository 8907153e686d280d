//! The same layer gives the same bytes on any number of cores, and clients read them.

use contract::digest::{Algorithm, Digest, Hasher};

use super::super::packing::Packing;
use super::*;

/// Some of it repeats, some does not; it ends within a block.
fn layer() -> Vec<u8> {
    let mut state = 1_u32;
    let mut noise = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state
    };
    let word = |n: u32| n.to_be_bytes();
    (0..(9 << 18) + 7)
        .flat_map(|n| if n & 64 == 0 { word(noise()) } else { word(0x6c61_7965 + (noise() & 3)) })
        .collect()
}

fn packed(blocks: &Blocks, packed: Packed, plain: &[u8]) -> Vec<u8> {
    let (mut seen, mut out) = (Hasher::new(Algorithm::Sha256), Vec::new());
    let see = |bytes: &[u8]| {
        seen.update(bytes);
        Ok(())
    };
    let keep = |bytes: &[u8]| {
        out.extend_from_slice(bytes);
        Ok(())
    };
    blocks.run(packed, plain, see, keep).unwrap();
    assert_eq!(seen.finish().0, Digest::of(Algorithm::Sha256, plain));
    out
}

/// Changing one of these changes what archives that were published before become.
const GOLDEN: [(Packed, &str); 4] = [
    (Packed::Gzip(1), "sha256:6d363785adf21ea921ae13baa0d510854d1de4650da6d8721889205208a3f22b"),
    (Packed::Gzip(2), "sha256:1fd0045cb891e49768eafeb1846a33a7f90d9dfd3967821b7e52b0c59f08d5a7"),
    (Packed::Gzip(12), "sha256:8cefbea20a681bb4f8771f1a18eea8fbf5eb7e3dc0335c08df972020b55d341d"),
    (Packed::Zstd(3), "sha256:c9041093b73478eaec9014d5f87be3c65d56db67030bc75e3dba05e785fa7374"),
];

#[test]
fn the_digest_does_not_depend_on_the_machine() {
    let plain = layer();
    for workers in [1, 2, 7] {
        let found = GOLDEN.map(|(how, _)| {
            let out = packed(&Blocks::start(how, workers, 1), how, &plain);
            assert!(out.len() < plain.len() * 3 / 4, "{how}: {}", out.len());
            let mut again = Vec::new();
            Packing::from(how).open(&out[..]).unwrap().unwrap().read_to_end(&mut again).unwrap();
            assert!(again == plain, "{how}");
            (how, Digest::of(Algorithm::Sha256, &out).to_string())
        });
        assert_eq!(found, GOLDEN.map(|(how, digest)| (how, digest.to_owned())), "on {workers} cores");
    }
}

#[test]
fn layers_share_the_buffers_and_give_them_back() {
    let plain = layer();
    let how = Packed::Gzip(1);
    let blocks = Blocks::start(how, 2, 1);
    let alone = packed(&blocks, how, &plain);
    thread::scope(|scope| {
        let all: Vec<_> = (0..8).map(|_| scope.spawn(|| packed(&blocks, how, &plain))).collect();
        assert!(all.into_iter().all(|one| one.join().unwrap() == alone));
    });
    let failed = blocks.run(how, &plain[..], |_| Ok(()), |_| Err(LayerError::Empty));
    assert!(matches!(failed, Err(LayerError::Empty)));
    assert!(packed(&blocks, how, &plain) == alone, "after a failure");
    assert_eq!(blocks.vacant.lock().len(), 4);
}

#[test]
fn where_nobody_compresses_who_waits_is_told() {
    let blocks = Blocks::start(Packed::Gzip(2), 0, 1);
    let failed = blocks.run(Packed::Gzip(2), &b"x"[..], |_| Ok(()), |_| Ok(()));
    assert!(matches!(failed, Err(LayerError::Compress(_))));
}

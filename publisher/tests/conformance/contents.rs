//! Content that is sent: all of it and the right one, or nothing.

use contract::descriptor::Descriptor;
use contract::key::Key;
use futures_util::TryStreamExt;
use publisher::content::ContentError;
use publisher::store::{SendError, Store};

use crate::given::{End, Given, blob, descriptor, noise};
use crate::subject::Subject;

/// More than S3 gets in one request.
const IN_PARTS: usize = 9 << 20;

pub(crate) async fn content_of_any_size_arrives(Subject { store, sibling, .. }: &Subject) {
    for (size, chunk) in
        [(0, 1), (1, 1), (100_000, 4096), (8 << 20, 1 << 20), ((8 << 20) + 1, 1_000_003), (20 << 20, 1 << 20)]
    {
        let bytes = noise(size);
        let key = blob(&bytes);
        // Again, as after an interrupted run.
        for _ in 0..2 {
            Given { bytes: bytes.clone(), chunk, end: End::Good }.send(&**store, &key).await;
        }
        assert_eq!(sibling.size(&key).await.unwrap(), Some(size as u64));
        assert!(sibling.read(&key).await.unwrap().unwrap().bytes == bytes, "{size} bytes");
    }
}

pub(crate) async fn content_is_read_from_any_byte_on(Subject { store, sibling, .. }: &Subject) {
    let bytes = noise(IN_PARTS);
    Given::new(bytes.clone()).send(&**store, &blob(&bytes)).await;
    for from in [0, 1, 5 << 20, IN_PARTS - 1] {
        let chunks = sibling.open(&blob(&bytes), from as u64).await.unwrap().unwrap();
        let read = chunks.try_fold(Vec::new(), |mut all, chunk| async move {
            all.extend_from_slice(&chunk);
            Ok(all)
        });
        assert!(read.await.unwrap() == bytes[from..], "from byte {from} on");
    }
}

/// Sends in vain, and looks whether anything can be seen of it.
async fn send_in_vain(store: &dyn Store, key: &Key, given: &Given, expected: &Descriptor) -> ContentError {
    let before = store.read(key).await.unwrap();
    let error = match given.send_as(store, key, expected).await {
        Err(SendError::Content(error)) => error,
        other => panic!("{other:?}"),
    };
    assert_eq!(store.read(key).await.unwrap(), before);
    store.close().await.unwrap();
    assert_eq!(store.read(key).await.unwrap(), before);
    error
}

pub(crate) async fn wrong_content_is_never_visible(Subject { store, .. }: &Subject) {
    for size in [0, 100, IN_PARTS] {
        let right = noise(size);
        let flipped =
            right.iter().enumerate().map(|(at, byte)| byte ^ u8::from(at + 1 == size)).collect::<Vec<_>>();
        let longer = [&right[..], b"0"].concat();
        let shorter = right[..size.saturating_sub(1)].to_vec();
        for wrong in [flipped, longer, shorter] {
            if wrong == right {
                continue;
            }
            let error =
                send_in_vain(&**store, &blob(&right), &Given::new(wrong.into()), &descriptor(&right)).await;
            assert!(matches!(error, ContentError::Mismatch { .. }), "{error}");
            assert_eq!(store.size(&blob(&right)).await.unwrap(), None);
        }
    }
}

pub(crate) async fn a_failing_source_leaves_what_was_there(Subject { store, .. }: &Subject) {
    for size in [100, IN_PARTS] {
        let bytes = noise(size);
        let torn = Given { bytes: bytes.slice(..size - 1), chunk: 1 << 20, end: End::Error };
        for _ in 0..2 {
            let error = send_in_vain(&**store, &blob(&bytes), &torn, &descriptor(&bytes)).await;
            assert!(matches!(error, ContentError::Read { .. }), "{error}");
            // There the second time.
            Given::new(bytes.clone()).send(&**store, &blob(&bytes)).await;
        }
    }
}

pub(crate) async fn a_dropped_sending_leaves_nothing(Subject { store, .. }: &Subject) {
    let (small, large) = (noise(100), noise(IN_PARTS));
    for bytes in [small, large] {
        let endless = Given { bytes: bytes.slice(..bytes.len() - 1), chunk: 1 << 20, end: End::Never };
        let (key, expected) = (blob(&bytes), descriptor(&bytes));
        let sending = endless.send_as(&**store, &key, &expected);
        let waiting = tokio::time::timeout(std::time::Duration::from_millis(500), sending);
        assert!(waiting.await.is_err());
        store.close().await.unwrap();
        assert_eq!(store.size(&key).await.unwrap(), None);
    }
}

//! Writing, reading, deleting, copying.

use bytes::Bytes;
use contract::key::Key;
use contract::media::MediaType;
use publisher::store::{Document, Headers, Kind, Sent, When};

use crate::given::{Given, blob, layer, noise, tag_link};
use crate::subject::{CHANGING_TTL, Subject};

pub(crate) async fn what_was_written_is_read(Subject { store, sibling, .. }: &Subject) {
    let key = tag_link("acme/app", "1.2");
    for bytes in ["first", "", "second, which is longer"] {
        store.write(&key, &Document::new(bytes), When::Always).await.unwrap();
        assert_eq!(sibling.read(&key).await.unwrap().unwrap().bytes, bytes);
        assert_eq!(sibling.size(&key).await.unwrap(), Some(bytes.len() as u64));
    }
}

pub(crate) async fn what_was_written_later_is_not_older(Subject { store, .. }: &Subject) {
    let mut times = Vec::new();
    for (tag, bytes) in [("1", "first"), ("2", "second"), ("1", "third")] {
        let key = tag_link("acme/app", tag);
        store.write(&key, &Document::new(bytes), When::Always).await.unwrap();
        times.push(store.read(&key).await.unwrap().unwrap().modified);
    }
    assert!(times.is_sorted(), "{times:?}");
    assert!(times.iter().all(|time| time.is_some()), "{times:?}");
    // A store that counts from another beginning would make everything old.
    let year = std::time::Duration::from_secs(365 * 24 * 3600);
    let about_now = |time: std::time::SystemTime| time.elapsed().is_ok_and(|age| age < year);
    assert!(times.into_iter().flatten().all(|time| about_now(time - std::time::Duration::from_secs(3600))));
}

pub(crate) async fn what_is_missing_is_none(Subject { store, .. }: &Subject) {
    for key in [Key::Catalog, Key::Probe, blob(b""), tag_link("acme/app", "1")] {
        assert_eq!(store.read(&key).await.unwrap(), None);
        assert_eq!(store.size(&key).await.unwrap(), None);
        assert_eq!(store.look(&key).await.unwrap(), None);
        assert!(store.open(&key, 0).await.unwrap().is_none());
    }
}

pub(crate) async fn each_object_has_its_headers(subject: &Subject) {
    let Subject { store, headers, .. } = subject;
    let index = MediaType::from(MediaType::OCI_INDEX);
    let view = Key::TagView("acme/app".parse().unwrap(), "1".parse().unwrap());
    store.write(&view, &Document::view("{}".into(), index), When::Always).await.unwrap();
    let (small, large) = (noise(100), noise(9 << 20));
    for bytes in [&small, &large] {
        Given::new(bytes.clone()).send(&**store, &blob(bytes)).await;
    }
    store.copy(&blob(&small), &layer(1)).await.unwrap();
    let immutable = "public, max-age=31536000, immutable, no-transform".to_owned();
    let changing = format!("public, max-age={CHANGING_TTL}, must-revalidate, no-transform");
    for (key, content_type, cache_control) in [
        (view, MediaType::OCI_INDEX, &changing),
        (blob(&small), "application/octet-stream", &immutable),
        (blob(&large), "application/octet-stream", &immutable),
        (layer(1), "application/octet-stream", &immutable),
    ] {
        let expected =
            Headers { content_type: content_type.to_owned(), cache_control: cache_control.clone() };
        let found = headers(&key).await;
        // A directory keeps none; every other store keeps them all.
        assert!(found.as_ref().is_none_or(|found| *found == expected), "{key}: {found:?}");
        assert_eq!(found.is_none(), store.name().starts_with('/'));
        let looked = store.look(&key).await.unwrap().unwrap();
        assert_eq!(Some(looked.size), store.size(&key).await.unwrap());
        let sent = found.map(|Headers { content_type, cache_control }| Sent {
            content_type: Some(content_type),
            cache_control: Some(cache_control),
            content_encoding: None,
            // The store's own.
            etag: looked.headers.as_ref().and_then(|sent| sent.etag.clone()),
        });
        assert_eq!(looked.headers, sent, "{key}");
        let again = store.look(&key).await.unwrap();
        assert_eq!(again.and_then(|again| again.headers), sent, "{key}");
    }
}

pub(crate) async fn deleting_twice_is_no_error(Subject { store, .. }: &Subject) {
    let [stays, goes] = ["1", "2"].map(|tag| tag_link("acme/app", tag));
    for key in [&stays, &goes] {
        store.write(key, &Document::new("a"), When::Always).await.unwrap();
    }
    for _ in 0..2 {
        store.delete(&goes).await.unwrap();
        assert_eq!(store.read(&goes).await.unwrap(), None);
    }
    assert_eq!(store.size(&stays).await.unwrap(), Some(1));
}

pub(crate) async fn a_copy_is_equal(Subject { store, .. }: &Subject) {
    let large = noise(20 << 20);
    let from = blob(&large);
    Given::new(large.clone()).send(&**store, &from).await;
    store.write(&layer(1), &Document::new("in the way"), When::Always).await.unwrap();
    for to in [layer(1), layer(2)] {
        store.copy(&from, &to).await.unwrap();
        assert!(store.read(&to).await.unwrap().unwrap().bytes == large);
    }
    // Neither is the other one's.
    store.delete(&from).await.unwrap();
    store.write(&layer(2), &Document::new(Bytes::new()), When::Always).await.unwrap();
    assert!(store.read(&layer(1)).await.unwrap().unwrap().bytes == large);
    assert_eq!(store.copy(&from, &layer(3)).await.unwrap_err().kind, Kind::Missing);
    assert_eq!(store.size(&layer(3)).await.unwrap(), None);
}

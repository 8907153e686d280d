//! What only Swift has: logins, tokens, large objects, pages, and conditions that do not hold at the same moment.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use contract::descriptor::Descriptor;
use contract::key::{Key, Prefix};
use futures_util::future::{join_all, try_join_all};
use publisher::content::{Chunks, Content, ContentError, Open};
use publisher::store::swift::{Swift, SwiftLocation};
use publisher::store::{Document, Headers, Kind, SendError, Store, StoreError, Version, When};
use reqwest::{Method, StatusCode};

use crate::given::{End, Given, blob, descriptor, layer, noise, tag_link};
use crate::subject::{CHANGING_TTL, Subject};
use crate::swift_front::{Fault, Front};
use crate::swift_server::{Cluster, GUEST, HASTE, OWNER, User, cluster, http, login, small_cluster};

pub(crate) async fn subject(cluster: &'static Cluster) -> Subject {
    let location = cluster.fresh().await;
    let (store, sibling) = (cluster.store(&location), cluster.store(&location));
    let headers = move |key: &Key| {
        let path = format!("{}/{}/{key}", location.container, location.prefix);
        async move {
            // As the public sees it.
            let head = http().head(cluster.url(&path)).send().await.unwrap().error_for_status().unwrap();
            let text = |name: &str| head.headers()[name].to_str().unwrap().to_owned();
            Some(Headers { content_type: text("content-type"), cache_control: text("cache-control") })
        }
    };
    Subject::new(store, sibling, move |key| Box::pin(headers(key)))
}

/// Each way of asking the store something.
async fn errors(store: &dyn Store) -> Vec<StoreError> {
    let mut errors = vec![
        store.read(&Key::Catalog).await.unwrap_err(),
        store.size(&Key::Catalog).await.unwrap_err(),
        store.list(&Prefix::Repositories).await.unwrap_err(),
        store.write(&Key::Catalog, &Document::new("a"), When::Always).await.unwrap_err(),
        store.write(&Key::Catalog, &Document::new("a"), When::Absent).await.unwrap_err(),
    ];
    for size in [100, 9 << 20] {
        let bytes = noise(size);
        let send = Given::new(bytes.clone()).send_as(store, &blob(&bytes), &descriptor(&bytes)).await;
        let Err(SendError::Store(send)) = send else { panic!("{send:?}") };
        errors.push(send);
    }
    errors
}

pub(crate) async fn assert_kind(store: &Swift, user: User, kind: Kind, said: &str) {
    for error in errors(store).await {
        let source = error.source.as_ref().unwrap().to_string();
        assert_eq!(error.kind, kind, "{error}: {source}");
        assert!(source.contains(said) && !source.contains('<'), "{error}: {source}");
        assert!(!format!("{error:?} {store:?}").contains(user.1), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_told_by_their_meaning() {
    for cluster in [cluster(), small_cluster()] {
        let location = cluster.fresh().await;
        assert_kind(&cluster.store_of(&location, GUEST), GUEST, Kind::Denied, "403 Forbidden").await;
        let wrong = User(OWNER.0, "wrong key");
        assert_kind(&cluster.store_of(&location, wrong), wrong, Kind::Credentials, "401 Unauthorized").await;
        let missing = SwiftLocation { container: "missing".into(), ..location };
        assert_kind(&cluster.store(&missing), OWNER, Kind::NoStore, "no container `missing`").await;
    }
}

#[tokio::test]
async fn where_nobody_listens_nothing_can_be_reached() {
    let login = login(&[("ST_AUTH", "http://127.0.0.1:1/auth"), ("ST_USER", "u"), ("ST_KEY", "hidden key")]);
    let store = Swift::new("container".parse().unwrap(), login, 7).unwrap().with_patience(HASTE);
    assert_kind(&store, User("u", "hidden key"), Kind::Unavailable, "http://127.0.0.1:1: ").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_that_is_used_up_is_a_full_store() {
    let location = cluster().fresh().await;
    let quota = [("x-container-meta-quota-bytes", "10")];
    assert!(cluster().ask(Method::POST, &location.container, &quota).await.status().is_success());
    let store = cluster().store(&location);
    for size in [100, 9 << 20] {
        let bytes = noise(size);
        let sent = Given::new(bytes.clone()).send_as(&store, &blob(&bytes), &descriptor(&bytes)).await;
        let Err(SendError::Store(error)) = sent else { panic!("{sent:?}") };
        assert_eq!(error.kind, Kind::Full, "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn conditions_hold_among_those_who_come_one_after_another() {
    let store = Arc::new(cluster().store(&cluster().fresh().await));
    assert!(!store.compares().await.unwrap());
    let write = async |bytes: &'static str, when: When| {
        store.write(&Key::Catalog, &Document::new(bytes), when).await.map_err(|error| error.kind)
    };
    assert_eq!(write("0", When::Unchanged(Version("0".into()))).await, Err(Kind::Conflict));
    assert_eq!(write("1", When::Absent).await, Ok(()));
    assert_eq!(write("2", When::Absent).await, Err(Kind::Conflict));
    let first = store.read(&Key::Catalog).await.unwrap().unwrap();
    assert_eq!(first.bytes, "1");
    assert_eq!(write("3", When::Unchanged(first.version.clone())).await, Ok(()));
    assert_eq!(write("4", When::Unchanged(first.version)).await, Err(Kind::Conflict));
    assert_eq!(store.read(&Key::Catalog).await.unwrap().unwrap().bytes, "3");

    // At the same moment several may win; what stands is whole, and a winner's.
    let creators = (0..8).map(|number| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let text = number.to_string().repeat(1000);
            let written = store.write(&layer(1), &Document::new(text.clone()), When::Absent).await;
            written.is_ok().then_some(text)
        })
    });
    let winners: Vec<_> = join_all(creators).await.into_iter().filter_map(|winner| winner.unwrap()).collect();
    let last = store.read(&layer(1)).await.unwrap().unwrap();
    assert!(winners.iter().any(|winner| last.bytes == *winner), "{} winners", winners.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_several_pages_is_complete() {
    let store = cluster().store(&cluster().fresh().await);
    let link = Document::new("a");
    // Two full pages, and one that is not.
    let keys: Vec<Key> = (0..250).map(|number| tag_link("acme/app", &number.to_string())).collect();
    for keys in keys.chunks(25) {
        try_join_all(keys.iter().map(|key| store.write(key, &link, When::Always))).await.unwrap();
    }
    let mut listed = store.list(&Prefix::Repositories).await.unwrap();
    listed.sort();
    listed.dedup();
    assert_eq!(listed.len(), keys.len());
}

/// What is streamed: in one upload, and in segments.
fn streamed() -> [(&'static Cluster, usize); 2] {
    [(cluster(), 9 << 20), (small_cluster(), 5 << 19)]
}

/// A source whose bytes are others when they are read again.
struct Changing {
    first: Given,
    then: Given,
    opened: AtomicU32,
}

#[async_trait]
impl Open for Changing {
    async fn open(&self, descriptor: &Descriptor) -> io::Result<Option<Chunks>> {
        let first = self.opened.fetch_add(1, Ordering::Relaxed) == 0;
        if first { self.first.open(descriptor).await } else { self.then.open(descriptor).await }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_whose_content_breaks_off_is_never_stored() {
    let given = |bytes: &[u8], end| Given { bytes: bytes.to_vec().into(), chunk: 1 << 20, end };
    for (cluster, size) in streamed() {
        let right = noise(size);
        let flipped = [&right[..size - 1], &[!right[size - 1]]].concat();
        let location = cluster.fresh().await;
        let store = cluster.store(&location);
        for then in [
            given(&flipped, End::Good),
            given(&right[..right.len() - 1], End::Good),
            given(&right[..right.len() / 2], End::Error),
        ] {
            let from = Changing { first: given(&right, End::Good), then, opened: AtomicU32::new(0) };
            let content = Content { descriptor: &descriptor(&right), from: &from, passed: &|_| () };
            let sent = store.send(&blob(&right), &content).await;
            let broken = matches!(
                sent,
                Err(SendError::Content(ContentError::Mismatch { .. } | ContentError::Read { .. }))
            );
            assert!(broken, "{sent:?}");
            assert_eq!(from.opened.load(Ordering::Relaxed), 2);
            assert_eq!(store.size(&blob(&right)).await.unwrap(), None);
            assert_eq!(cluster.segments(&location).await, 0);
        }
        let listed = cluster.ask(Method::GET, &location.container, &[]).await;
        assert_eq!(listed.text().await.unwrap(), "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_object_owns_its_segments() {
    let location = small_cluster().fresh().await;
    let store = small_cluster().store(&location);
    let bytes = noise((3 << 20) + 1);
    let key = blob(&bytes);
    Given::new(bytes.clone()).send(&store, &key).await;
    assert_eq!(small_cluster().segments(&location).await, 4);

    // As public as the container.
    let public =
        http().get(small_cluster().url(&format!("{}/{}/{key}", location.container, location.prefix)));
    let public = public.send().await.unwrap();
    assert_eq!(public.status(), StatusCode::OK);
    assert!(public.bytes().await.unwrap() == bytes);

    store.copy(&key, &layer(1)).await.unwrap();
    assert_eq!(small_cluster().segments(&location).await, 8);
    store.delete(&key).await.unwrap();
    assert_eq!(small_cluster().segments(&location).await, 4);
    assert!(store.read(&layer(1)).await.unwrap().unwrap().bytes == bytes);
    store.delete(&layer(1)).await.unwrap();
    assert_eq!(small_cluster().segments(&location).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_removes_the_segments_of_what_was_dropped() {
    let location = small_cluster().fresh().await;
    let store = small_cluster().store(&location);
    let bytes = noise(9 << 20);
    let given = |end| Given { bytes: bytes.clone(), chunk: 1 << 20, end };
    let half = Given { bytes: bytes.slice(..5 << 20), ..given(End::Never) };
    let endless = Changing { first: given(End::Good), then: half, opened: AtomicU32::new(0) };
    let (key, expected) = (blob(&bytes), descriptor(&bytes));
    let content = Content { descriptor: &expected, from: &endless, passed: &|_| () };
    let sending = store.send(&key, &content);
    let begun = async { while small_cluster().segments(&location).await == 0 {} };
    tokio::select! {
        _ = sending => panic!("it cannot end"),
        () = begun => {}
    }
    store.close().await.unwrap();
    assert_eq!(small_cluster().segments(&location).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn segments_of_the_dead_go_after_a_time_and_those_of_large_objects_stay() {
    let location = small_cluster().fresh().await;
    let store = small_cluster().store(&location);
    let (whole, torn) = (noise(3 << 20), noise(9 << 20));
    Given::new(whole.clone()).send(&store, &blob(&whole)).await;
    let given = |end| Given { bytes: torn.clone(), chunk: 1 << 20, end };
    let half = Given { bytes: torn.slice(..5 << 20), ..given(End::Never) };
    let endless = Changing { first: given(End::Good), then: half, opened: AtomicU32::new(0) };
    let (key, expected) = (blob(&torn), descriptor(&torn));
    let content = Content { descriptor: &expected, from: &endless, passed: &|_| () };
    tokio::select! {
        _ = store.send(&key, &content) => panic!("it cannot end"),
        () = async { while small_cluster().segments(&location).await < 4 {} } => {}
    }
    let next = small_cluster().store(&location);
    assert_eq!(next.tidy(Duration::from_secs(3600), 16).await.unwrap(), 0);
    assert!(small_cluster().segments(&location).await > 3);
    assert_eq!(next.tidy(Duration::ZERO, 16).await.unwrap(), 1);
    assert_eq!(small_cluster().segments(&location).await, 3);
    assert!(next.read(&blob(&whole)).await.unwrap().unwrap().bytes == whole);
}

/// A store behind a bad network; the login is not.
fn through(front: &Front, cluster: &'static Cluster, location: &SwiftLocation) -> Swift {
    let account = format!("http://127.0.0.1:{}/v1/AUTH_test", front.port);
    let url = cluster.auth_url();
    let login =
        login(&[("ST_AUTH", &url), ("ST_USER", OWNER.0), ("ST_KEY", OWNER.1), ("OS_STORAGE_URL", &account)]);
    Swift::new(location.clone(), login, CHANGING_TTL).unwrap().with_patience(HASTE)
}

#[tokio::test(flavor = "multi_thread")]
async fn small_requests_survive_a_bad_network() {
    let location = cluster().fresh().await;
    let front = Front::before(cluster().port).await;
    let store = through(&front, cluster(), &location);
    for (number, fault) in [Fault::Busy, Fault::Cut(0), Fault::Cut(50), Fault::Deaf].into_iter().enumerate() {
        let key = tag_link("acme/app", &number.to_string());
        for when in [When::Absent, When::Always] {
            front.next(&[fault; 2]);
            // Met by its own object, where an answer was lost, it knows it.
            store
                .write(&key, &Document::new("a"), when)
                .await
                .unwrap_or_else(|error| panic!("{fault:?}: {error:?}"));
            assert_eq!(front.left(), 0);
        }
        front.next(&[fault; 2]);
        assert_eq!(store.read(&key).await.unwrap().unwrap().bytes, "a");
        front.next(&[fault; 2]);
        store.copy(&key, &Key::Catalog).await.unwrap();
        front.next(&[fault; 2]);
        store.delete(&key).await.unwrap();
        assert_eq!(front.left(), 0);
        assert_eq!(store.size(&key).await.unwrap(), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn content_survives_a_bad_network() {
    for (cluster, size) in streamed() {
        let location = cluster.fresh().await;
        let front = Front::before(cluster.port).await;
        let store = through(&front, cluster, &location);
        let faults = [
            Fault::Busy,
            Fault::Cut(0),
            Fault::Cut(100_000),
            Fault::Deaf,
            Fault::Flip(100_000),
            Fault::Cut(900_000),
        ];
        for (number, fault) in faults.into_iter().enumerate() {
            let bytes = noise(size + number);
            front.next(&[fault; 2]);
            // All bytes pass by once, however often they are sent.
            Given::new(bytes.clone()).send(&store, &blob(&bytes)).await;
            assert_eq!(front.left(), 0, "{fault:?}");
            assert!(store.read(&blob(&bytes)).await.unwrap().unwrap().bytes == bytes, "{fault:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_never_passes_is_given_up_and_leaves_nothing() {
    for (fault, kind) in [(Fault::Flip(100_000), Kind::Other), (Fault::Cut(100_000), Kind::Unavailable)] {
        for (cluster, size) in streamed() {
            let location = cluster.fresh().await;
            let front = Front::before(cluster.port).await;
            let store = through(&front, cluster, &location);
            let bytes = noise(size);
            // Asks what the cluster takes.
            Given::new(noise(10)).send(&store, &layer(1)).await;
            front.next(&[fault; 100]);
            let sent = Given::new(bytes.clone()).send_as(&store, &blob(&bytes), &descriptor(&bytes)).await;
            let Err(SendError::Store(error)) = sent else { panic!("{sent:?}") };
            assert_eq!(error.kind, kind, "{error:?}");
            front.next(&[]);
            store.close().await.unwrap();
            assert_eq!(store.size(&blob(&bytes)).await.unwrap(), None);
            assert_eq!(cluster.segments(&location).await, 0);
        }
    }
}

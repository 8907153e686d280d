//! What a real Keystone gives to those who log in, and takes away.

use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use contract::descriptor::Descriptor;
use contract::key::Key;
use futures_util::StreamExt;
use publisher::content::{Chunks, Content, Open};
use publisher::store::swift::{Swift, SwiftLocation};
use publisher::store::{Document, Kind, Store, When};

use crate::given::{Given, blob, descriptor, noise};
use crate::swift::assert_kind;
use crate::swift_front::{Fault, Front};
use crate::swift_keystone::{PASSWORD, Tap, behind, keystone};
use crate::swift_server::{User, cluster};

const REGION: (&str, &str) = ("OS_REGION_NAME", "Two");
const TESTER: User = User("tester", "testing");

async fn assert_works(store: &Swift) {
    store.write(&Key::Catalog, &Document::new("a"), When::Always).await.unwrap();
    assert_eq!(store.read(&Key::Catalog).await.unwrap().unwrap().bytes, "a");
}

/// The password's variables, of which these are others.
fn but(others: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    let kept = PASSWORD.into_iter().filter(|(name, _)| others.iter().all(|(other, _)| other != name));
    kept.chain([REGION]).chain(others.iter().copied()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_and_an_application_credential_log_in() {
    let location = keystone().fresh("logins").await;
    let port = keystone().port;
    assert_works(&behind(port, &location, &but(&[]))).await;

    let id = keystone().application("application secret").await;
    let application = |secret| {
        let id = ("OS_APPLICATION_CREDENTIAL_ID", id.as_str());
        behind(port, &location, &[REGION, id, ("OS_APPLICATION_CREDENTIAL_SECRET", secret)])
    };
    assert_works(&application("application secret")).await;
    let wrong = User("", "wrong secret");
    assert_kind(&application(wrong.1), wrong, Kind::Credentials, "401 Unauthorized").await;
    let named = but(&[
        ("OS_APPLICATION_CREDENTIAL_NAME", "publisher"),
        ("OS_APPLICATION_CREDENTIAL_SECRET", "application secret"),
    ]);
    assert_works(&behind(port, &location, &named)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_known_or_may_not_is_told_so() {
    let location = keystone().fresh("refusals").await;
    let guest = [("OS_USERNAME", "guest"), ("OS_PASSWORD", "guesting")];
    for (others, secret, kind, said) in [
        (&[("OS_PASSWORD", "wrong password")][..], "wrong password", Kind::Credentials, "401 Unauthorized"),
        (&[("OS_PROJECT_NAME", "elsewhere")], "testing", Kind::Credentials, "401 Unauthorized"),
        (&[("OS_USER_DOMAIN_NAME", "elsewhere")], "testing", Kind::Credentials, "401 Unauthorized"),
        (&guest, "guesting", Kind::Denied, "403 Forbidden"),
    ] {
        let store = behind(keystone().port, &location, &but(others));
        assert_kind(&store, User("", secret), kind, said).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalog_tells_the_account_by_region_and_interface() {
    let location = keystone().fresh("regions").await;
    let store = |wanted: &[(&str, &str)]| behind(keystone().port, &location, &[&PASSWORD, wanted].concat());
    let (one, internal) = (("OS_REGION_NAME", "One"), ("OS_INTERFACE", "internal"));
    assert_works(&store(&[REGION])).await;
    assert_works(&store(&[one, internal])).await;
    // Where nobody listens.
    assert_kind(&store(&[one]), TESTER, Kind::Unavailable, "http://127.0.0.1:1: ").await;
    assert_kind(&store(&[REGION, internal]), TESTER, Kind::Unavailable, "http://127.0.0.1:2: ").await;
    let several = "object stores in One, Two: set OS_REGION_NAME";
    assert_kind(&store(&[]), TESTER, Kind::Other, several).await;
    let none = "no public object store in region Three; it has some in One, Two";
    assert_kind(&store(&[("OS_REGION_NAME", "Three")]), TESTER, Kind::Other, none).await;
}

/// A source in whose middle the token is revoked.
struct Revoking<'a> {
    given: Given,
    tap: &'a Arc<Tap>,
}

#[async_trait]
impl Open for Revoking<'_> {
    async fn open(&self, descriptor: &Descriptor) -> io::Result<Option<Chunks>> {
        let tap = Arc::clone(self.tap);
        let chunks = self.given.open(descriptor).await?.unwrap().enumerate();
        let chunks = chunks.then(move |(number, chunk)| {
            let tap = Arc::clone(&tap);
            async move {
                if number == 5 && tap.tokens().len() == 1 {
                    tap.revoke().await;
                }
                chunk
            }
        });
        Ok(Some(chunks.boxed()))
    }
}

async fn tapped(location: &SwiftLocation) -> (Arc<Tap>, Swift) {
    let tap = Tap::before(keystone().port).await;
    let store = behind(tap.port, location, &but(&[]));
    assert_works(&store).await;
    assert_eq!(tap.tokens().len(), 1);
    (tap.into(), store)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_revoked_is_renewed() {
    let location = keystone().fresh("revocations").await;
    let (tap, store) = tapped(&location).await;
    tap.revoke().await;
    assert_works(&store).await;
    assert_eq!(tap.tokens().len(), 2);
    tap.revoke().await;
    let bytes = noise(9 << 20);
    Given::new(bytes.clone()).send(&store, &blob(&bytes)).await;
    assert_eq!(tap.tokens().len(), 3);

    let (tap, store) = tapped(&location).await;
    let bytes = noise((9 << 20) + 1);
    let source = Revoking { given: Given::new(bytes.clone()), tap: &tap };
    let expected = descriptor(&bytes);
    let content = Content { descriptor: &expected, from: &source, passed: &|_| () };
    store.send(&blob(&bytes), &content).await.unwrap();
    assert_eq!(tap.tokens().len(), 2);
    assert!(store.read(&blob(&bytes)).await.unwrap().unwrap().bytes == bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_never_takes_the_token_is_given_up() {
    let location = cluster().fresh().await;
    // It has users of its own.
    let account = cluster().url("");
    let variables = [&PASSWORD[..], &[("OS_STORAGE_URL", &*account)]].concat();
    let store = behind(keystone().port, &location, &variables);
    assert_kind(&store, TESTER, Kind::Credentials, "401 Unauthorized").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_survives_a_bad_network() {
    let location = keystone().fresh("faults").await;
    for fault in [Fault::Busy, Fault::Cut(0), Fault::Cut(50), Fault::Deaf] {
        let front = Front::before(keystone().port).await;
        let store = behind(front.port, &location, &but(&[]));
        front.next(&[fault; 2]);
        assert_works(&store).await;
        assert_eq!(front.left(), 0, "{fault:?}");
    }
}

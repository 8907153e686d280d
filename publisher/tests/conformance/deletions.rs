//! Deleting in bulk over a bad network: what was asked for is gone when it is said to be, and a failure says that it is not.

use contract::key::{Key, Prefix};
use futures_util::future::try_join_all;
use publisher::store::s3::S3Location;
use publisher::store::swift::Swift;
use publisher::store::{Document, Kind, Store, When};

use crate::given::tag_link;
use crate::seaweed::{Identity, seaweed};
use crate::subject::{CHANGING_TTL, fresh, s3};
use crate::swift_front::{Fault, Front};
use crate::swift_server::{HASTE, OWNER, cluster, login};

async fn all_go_or_it_is_said(store: &dyn Store, behind: &dyn Store, front: &Front) {
    let keys: Vec<Key> = (0..30).map(|number| tag_link("acme/app", &number.to_string())).collect();
    let link = Document::new("a");
    let left = async || behind.list(&Prefix::Repositories).await.unwrap().len();
    for fault in [Fault::Busy, Fault::Cut(0), Fault::Cut(900), Fault::Deaf] {
        try_join_all(keys.iter().map(|key| behind.write(key, &link, When::Always))).await.unwrap();
        front.next(&[fault; 2]);
        store.delete_many(&keys).await.unwrap_or_else(|error| panic!("{fault:?}: {error:?}"));
        assert_eq!((front.left(), left().await), (0, 0), "{fault:?}");
    }
    try_join_all(keys.iter().map(|key| behind.write(key, &link, When::Always))).await.unwrap();
    front.next(&[Fault::Busy; 100]);
    let error = store.delete_many(&keys).await.unwrap_err();
    assert_eq!(error.kind, Kind::Unavailable);
    assert_eq!((error.action.as_str(), left().await), ("deleting 30 objects", keys.len()));
    // Some of them were gone when it failed.
    behind.delete_many(&keys[..7]).await.unwrap();
    front.next(&[]);
    store.delete_many(&keys).await.unwrap();
    assert_eq!(left().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn from_seaweedfs_all_go_or_it_is_said() {
    let location = fresh();
    let front = Front::before(seaweed().endpoint.rsplit_once(':').unwrap().1.parse().unwrap()).await;
    let endpoint = Some(format!("http://127.0.0.1:{}", front.port));
    let store = s3(&S3Location { endpoint, ..location.clone() }, Identity::RIG).await;
    all_go_or_it_is_said(&store, &s3(&location, Identity::RIG).await, &front).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn from_swift_all_go_or_it_is_said() {
    let location = cluster().fresh().await;
    let front = Front::before(cluster().port).await;
    let (account, url) = (format!("http://127.0.0.1:{}/v1/AUTH_test", front.port), cluster().auth_url());
    let variables =
        [("ST_AUTH", &*url), ("ST_USER", OWNER.0), ("ST_KEY", OWNER.1), ("OS_STORAGE_URL", &account)];
    let store = Swift::new(location.clone(), login(&variables), CHANGING_TTL).unwrap().with_patience(HASTE);
    // Asks what the cluster takes at once.
    store.delete_many(&[Key::Catalog]).await.unwrap();
    all_go_or_it_is_said(&store, &cluster().store(&location), &front).await;
}

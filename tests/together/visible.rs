//! What clients see of acme/app:1.2 through the endpoint, each by its own way and down to the last byte.

use crate::old_docker::OldDocker;
use crate::rig::http::{self, Answer};
use crate::rig::layout::sha256;
use crate::rig::ours::Endpoint;

/// The two ways of old Docker to find a tag: in the list of all tags, and by itself.
const CLIENTS: [OldDocker; 2] = [OldDocker::V1_0, OldDocker::V1_9];

/// What was there to be seen. Whatever one of these names was fetched, and is what its digest says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// By the tag, as clients of today ask.
    pub(crate) image: Option<Image>,
    /// Whether the tag list names it.
    pub(crate) listed: bool,
    /// The layers' digests, as each of [`CLIENTS`] pulls them, where it finds the tag.
    pub(crate) v1: Vec<Option<Vec<String>>>,
}

/// An image as v2 shows it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Image {
    /// Of its manifest.
    pub(crate) digest: String,
    /// Their digests, base first.
    pub(crate) layers: Vec<String>,
}

/// Looks by all ways; `what` is said where something visible does not resolve.
#[track_caller]
pub(crate) fn look(endpoint: &Endpoint, what: &str) -> Seen {
    // The list first: a name that is there already is one that can be pulled.
    let listed = listed(endpoint, what);
    let v1 = CLIENTS.into_iter().map(|client| by_v1(endpoint, client, what)).collect();
    let image = by_v2(endpoint, what);
    assert!(!listed || image.is_some(), "{what}: the tag list names a tag that is not there");
    Seen { image, listed, v1 }
}

impl Seen {
    /// The digest of a tag that must be there for every client, though not for all with the same image.
    #[track_caller]
    pub(crate) fn assert_there(&self, what: &str) -> &str {
        assert!(self.listed && self.v1.iter().all(Option::is_some), "{what}: {self:?}");
        let image = self.image.as_ref().unwrap_or_else(|| panic!("{what}: nothing by the tag"));
        &image.digest
    }

    /// The digest of a tag that must show every client the same image.
    #[track_caller]
    pub(crate) fn assert_agrees(&self, what: &str) -> &str {
        let image = self.image.as_ref().unwrap_or_else(|| panic!("{what}: nothing by the tag"));
        assert!(self.listed, "{what}: the tag list lacks the tag");
        for (client, layers) in CLIENTS.iter().zip(&self.v1) {
            assert_eq!(layers.as_ref(), Some(&image.layers), "{what}: {client:?}");
        }
        &image.digest
    }
}

#[track_caller]
fn by_v2(endpoint: &Endpoint, what: &str) -> Option<Image> {
    let get = |rest: &str| http::get(&endpoint.url(&format!("/v2/acme/app/{rest}")));
    let manifest = get("manifests/1.2");
    if !is_there(&manifest, what) {
        return None;
    }
    let document = manifest.json();
    let digest_of = |blob: &serde_json::Value| blob["digest"].as_str().unwrap().to_owned();
    let layers: Vec<String> = document["layers"].as_array().unwrap().iter().map(digest_of).collect();
    for digest in layers.iter().chain([&digest_of(&document["config"])]) {
        let answer = get(&format!("blobs/{digest}"));
        assert_eq!((answer.status, &sha256(&answer.body)), (200, digest), "{what}: a blob");
    }
    let digest = sha256(&manifest.body);
    for rest in [format!("manifests/{digest}"), format!("referrers/{digest}")] {
        assert_eq!(get(&rest).status, 200, "{what}: {rest}");
    }
    Some(Image { digest, layers })
}

#[track_caller]
fn listed(endpoint: &Endpoint, what: &str) -> bool {
    let list = http::get(&endpoint.url("/v2/acme/app/tags/list"));
    let there = is_there(&list, what);
    // A list that is there names the tag, the only one, or it has been removed, which nobody does here.
    assert!(!there || list.json()["tags"] == serde_json::json!(["1.2"]), "{what}: {}", list.text());
    there
}

#[track_caller]
fn by_v1(endpoint: &Endpoint, client: OldDocker, what: &str) -> Option<Vec<String>> {
    let get = |rest: &str| http::get(&endpoint.url(&format!("/v1/repositories/acme/app/{rest}")));
    let tag_is_there = if client == OldDocker::V1_9 {
        is_there(&get("tags/1.2"), what)
    } else {
        let tags = get("tags");
        is_there(&tags, what) && tags.json().get("1.2").is_some()
    };
    // Its tag is written before the list of images; where that is absent, it says that there is no such image.
    let images_are_there = client != OldDocker::V1_9 || is_there(&get("images"), what);
    if !tag_is_there || !images_are_there {
        return None;
    }
    let pulled = client.pull(&endpoint.host, "acme/app", "1.2");
    let pulled = pulled.unwrap_or_else(|error| panic!("{what}: {client:?}: {error}"));
    Some(pulled.iter().map(|pulled| sha256(&pulled.layer)).collect())
}

#[track_caller]
fn is_there(answer: &Answer, what: &str) -> bool {
    assert!(matches!(answer.status, 200 | 404), "{what}: {} {}", answer.status, answer.text());
    answer.status == 200
}

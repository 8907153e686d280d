//! What the clients ask for, and what is the right answer to each.

use bytes::Bytes;
use contract::key::Key;
use contract::listing::{Listing, TagList};
use contract::name::{Repository, Tag};
use contract::v1;
use ureq::http::{HeaderMap, Method};

use super::{COLOURS, TTLS};
use crate::rig::layout::sha256;
use crate::rig::store::Store;

/// A question.
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) path: String,
    right: Right,
    /// What is refused, which costs a connection its plain lane.
    pub(crate) odd: bool,
}

/// What answers it, by the settings in force.
enum Right {
    /// The endpoint itself.
    Says(u16, &'static str),
    /// A redirect to this object at one of the bases.
    Leads([Key; 2]),
    /// The endpoint, with this document.
    Sends([Bytes; 2]),
}

/// Where the question for a blob is among [`asks`].
pub(crate) const BLOB: usize = 1;

/// What came.
pub(crate) struct Came {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Everything that can be asked for. `serve` says that the endpoint sends documents itself.
pub(crate) fn asks(store: &Store, serve: bool) -> Vec<Ask> {
    let keys: Vec<Key> = store.objects().keys().filter_map(|path| Key::parse(path)).collect();
    let of = |is: fn(&Key) -> bool| keys.iter().find(|key| is(key)).unwrap().clone();
    let (blob, layer) = (of(|key| matches!(key, Key::Blob(_))), of(|key| matches!(key, Key::V1Layer(_))));
    let (Key::Blob(digest), Key::V1Layer(id)) = (&blob, &layer) else { unreachable!("they were looked for") };
    let tag: Tag = "1.2".parse().unwrap();
    let names = COLOURS.map(|colour| format!("{colour}/app").parse::<Repository>().unwrap());
    let documents: [(&str, [Key; 2]); 4] = [
        ("/v2/acme/app/manifests/1.2", names.clone().map(|name| Key::TagView(name, tag.clone()))),
        ("/v2/acme/app/tags/list", names.clone().map(Key::TagList)),
        (
            "/v1/repositories/acme/app/images",
            names.map(|name| Key::V1Images(v1::Repository::of(&name).unwrap())),
        ),
        ("/v2/_catalog", [Key::Catalog, Key::Catalog]),
    ];
    let same = |key: &Key| Right::Leads([key.clone(), key.clone()]);
    let mut asks = vec![
        Ask::new(Method::GET, "/v2/", Right::Says(200, "{}")),
        Ask::new(Method::GET, &format!("/v2/acme/app/blobs/{digest}"), same(&blob)),
        Ask::new(Method::HEAD, &format!("/v2/acme/app/blobs/{digest}"), same(&blob)),
        Ask::new(Method::GET, &format!("/v1/images/{id}/layer"), same(&layer)),
    ];
    asks.extend(documents.map(|(path, keys)| {
        let right =
            if serve { Right::Sends(keys.map(|key| sent(store, &key, &tag))) } else { Right::Leads(keys) };
        Ask::new(Method::GET, path, right)
    }));
    let odd = [
        (Method::GET, "/nothing", 404, "not found\n"),
        (Method::GET, "/v2/acme/app/manifests/no:tag", 404, "MANIFEST_UNKNOWN"),
        (Method::POST, "/v2/acme/app/blobs/uploads/", 405, "UNSUPPORTED"),
    ];
    let odd = odd.map(|(method, path, status, says)| Ask::new(method, path, Right::Says(status, says)));
    asks.extend(odd.map(|ask| Ask { odd: true, ..ask }));
    asks
}

/// A document as it is sent: a tag list under the name that it was asked for.
fn sent(store: &Store, key: &Key, tag: &Tag) -> Bytes {
    if let Key::TagList(_) = key {
        let name = "acme/app".parse().unwrap();
        return TagList { name, tags: [tag.clone()].into() }.to_bytes().into();
    }
    store.read(&key.path()).into()
}

impl Ask {
    fn new(method: Method, path: &str, right: Right) -> Self {
        Self { method, path: path.to_owned(), right, odd: false }
    }

    /// What is wrong with an answer, where one of two settings is known to be in force, or one of the bases to be
    /// the first that is up.
    pub(crate) fn wrong(
        &self,
        came: &Came,
        bases: &[String; 2],
        settings: Option<usize>,
        base: Option<usize>,
    ) -> Option<String> {
        let header =
            |name: &str| came.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let is = |known: Option<usize>, nth: usize| known.is_none_or(|known| known == nth);
        let right = match &self.right {
            Right::Says(status, says) => {
                came.status == *status && String::from_utf8_lossy(&came.body).contains(says)
            }
            Right::Leads(keys) => {
                let caching = header("cache-control");
                let mut ways = (0..2).flat_map(|nth| [(nth, 0), (nth, 1)]);
                let led = ways.any(|(nth, at)| {
                    is(settings, nth)
                        && is(base, at)
                        && caching == format!("public, max-age={}", TTLS[nth])
                        && header("location") == format!("{}/{}", bases[at], keys[nth])
                });
                led && came.status == 302 && came.body.is_empty() && header("content-length") == "0"
            }
            Right::Sends(documents) => {
                let sent = (0..2).any(|nth| is(settings, nth) && documents[nth] == came.body);
                let digest = header("docker-content-digest");
                sent && came.status == 200
                    && (digest.is_empty() || digest == sha256(&came.body))
                    && self.path.contains("/manifests/") != digest.is_empty()
            }
        };
        (!right).then(|| {
            let Came { status, headers, body } = came;
            let body = String::from_utf8_lossy(body);
            format!(
                "{} {} by settings {settings:?} and base {base:?}: {status} {headers:?} {body}",
                self.method, self.path
            )
        })
    }
}

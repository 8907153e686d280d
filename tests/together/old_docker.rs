//! A client of these tests' own that walks a v1 pull as Docker 1.0, 1.5 and 1.9 do over plain http.
//! It is not Docker: it sends what they were seen to send, in their order, and needs what they need.

use ureq::http::Method;

use crate::rig::http::{Answer, absolute, send};

/// Whose sequence to walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum OldDocker {
    /// `_ping`, then the whole tag list; HEAD of each layer before its GET.
    V1_0,
    /// `/v2/` first, and v1 where that does not say `registry/2.0`.
    V1_5,
    /// As 1.5, but asks for one tag, and never for `_ping`.
    V1_9,
}

/// All of them.
pub(crate) const EVERY: [OldDocker; 3] = [OldDocker::V1_0, OldDocker::V1_5, OldDocker::V1_9];

/// A layer as it arrived.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Pulled {
    pub(crate) id: String,
    pub(crate) json: serde_json::Value,
    pub(crate) layer: Vec<u8>,
}

impl OldDocker {
    /// Pulls `repository`, of one or two segments, and gives its layers, base first.
    pub(crate) fn pull(self, host: &str, repository: &str, tag: &str) -> Result<Vec<Pulled>, String> {
        let base = format!("http://{host}");
        if self >= Self::V1_5 {
            let version = self.fetch(&Method::GET, &format!("{base}/v2/"))?;
            if version.header("docker-distribution-api-version").contains("registry/2.0") {
                return Err("/v2/ claims registry/2.0: this client would go on with v2".to_owned());
            }
        }
        if self < Self::V1_9 {
            self.fetch(&Method::GET, &format!("{base}/v1/_ping"))?;
        }
        let repositories = format!("{base}/v1/repositories");
        self.images(&format!("{repositories}/{repository}/images"))?;
        // Only the first request says one segment; the client itself adds `library/` to the others.
        let long =
            if repository.contains('/') { repository.to_owned() } else { format!("library/{repository}") };
        let id = self.tag(&format!("{repositories}/{long}/tags"), tag)?;

        let ancestry = self.fetch(&Method::GET, &format!("{base}/v1/images/{id}/ancestry"))?;
        let ancestry: Vec<String> =
            serde_json::from_slice(&ancestry.body).map_err(|error| error.to_string())?;
        if ancestry.first() != Some(&id) {
            return Err(format!("the ancestry of {id} begins with another: {ancestry:?}"));
        }
        ancestry.iter().rev().map(|id| self.layer(&base, id)).collect()
    }

    /// The list of images: ids of 64 hexadecimal digits.
    fn images(self, url: &str) -> Result<(), String> {
        #[derive(serde::Deserialize)]
        struct Image {
            id: String,
        }
        let answer = self.fetch(&Method::GET, url)?;
        let images: Vec<Image> = serde_json::from_slice(&answer.body).map_err(|error| error.to_string())?;
        images.iter().try_for_each(|image| check_id(&image.id))
    }

    /// The image id that a tag names.
    fn tag(self, url: &str, tag: &str) -> Result<String, String> {
        let id = if self == Self::V1_9 {
            let answer = self.fetch(&Method::GET, &format!("{url}/{tag}"))?;
            serde_json::from_slice(&answer.body).map_err(|error| error.to_string())?
        } else {
            let answer = self.fetch(&Method::GET, url)?;
            let tags: std::collections::BTreeMap<String, String> =
                serde_json::from_slice(&answer.body).map_err(|error| error.to_string())?;
            tags.get(tag).cloned().ok_or_else(|| format!("tag {tag} is not in {tags:?}"))?
        };
        check_id(&id)?;
        Ok(id)
    }

    fn layer(self, base: &str, id: &str) -> Result<Pulled, String> {
        check_id(id)?;
        let json = self.fetch(&Method::GET, &format!("{base}/v1/images/{id}/json"))?.json();
        let url = format!("{base}/v1/images/{id}/layer");
        if self == Self::V1_0 {
            self.fetch(&Method::HEAD, &url)?;
        }
        let layer = self.fetch(&Method::GET, &url)?.body;
        Ok(Pulled { id: id.to_owned(), json, layer })
    }

    /// Sends a request as this client does, follows the redirects that it follows, and wants a 200.
    fn fetch(self, method: &Method, url: &str) -> Result<Answer, String> {
        // Up to 1.6 a token header is sent although no token was ever given; only to the registry itself.
        let token: &[_] = if self < Self::V1_9 { &[("Authorization", "Token ")] } else { &[] };
        let mut at = url.to_owned();
        for hop in 0..10 {
            let headers = if hop == 0 { token } else { &[] };
            let answer = send(method, &at, headers).map_err(|error| format!("{method} {at}: {error}"))?;
            match answer.status {
                200 => return Ok(answer),
                // 308 is newer than these clients.
                301 | 302 | 303 | 307 => at = absolute(&at, answer.header("location")),
                status => return Err(format!("{method} {url} ends with {status} at {at}")),
            }
        }
        Err(format!("{method} {url} goes round in circles"))
    }
}

fn check_id(id: &str) -> Result<(), String> {
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if id.len() == 64 && id.bytes().all(hex) { Ok(()) } else { Err(format!("{id:?} is no v1 image id")) }
}

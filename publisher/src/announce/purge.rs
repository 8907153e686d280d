//! How CDNs are told to forget: requests in the words of each. Pure.

use std::collections::BTreeSet;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use contract::key::Key;
use serde_json::json;
use url::Url;

use super::{Request, Secret, Stamp};

/// Cloudflare takes so many URLs at once ("Purge by single-file", the least of all plans).
const CLOUDFLARE_MOST: usize = 30;
/// CloudFront takes so many paths at once.
const CLOUDFRONT_MOST: usize = 3000;

/// A CDN before the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purge {
    /// Where it serves the store: what the endpoint calls `--cdn`.
    pub base: Url,
    /// How it is told.
    pub by: By,
    /// The command fails where this cannot be told.
    pub required: bool,
}

/// Whose words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// An invalidation, signed with the credentials that AWS's own programs use.
    CloudFront {
        /// Of CloudFront, or of who records it.
        api: Url,
        /// Its id.
        distribution: String,
    },
    /// Each URL.
    Fastly {
        /// Of Fastly, or of who records it.
        api: Url,
        /// `Fastly-Key`.
        token: Secret,
    },
    /// URLs by the zone.
    Cloudflare {
        /// Of Cloudflare, or of who records it.
        api: Url,
        /// Its id.
        zone: String,
        /// Bearer.
        token: Secret,
    },
    /// Each URL by a method of its own, as Varnish, nginx and Squid have it.
    Method {
        /// `PURGE` or `BAN`.
        method: &'static str,
        /// Bearer, where one is wanted.
        token: Option<Secret>,
    },
}

impl Purge {
    /// What is sent so that these are forgotten. Those to CloudFront are not yet [`signed`].
    pub fn requests(&self, keys: &BTreeSet<Key>, stamp: &Stamp) -> Vec<Request> {
        let base = self.base.as_str().trim_end_matches('/');
        let urls: Vec<Url> =
            keys.iter().filter_map(|key| Url::parse(&format!("{base}/{key}")).ok()).collect();
        match &self.by {
            By::CloudFront { api, distribution } => urls
                .chunks(CLOUDFRONT_MOST)
                .enumerate()
                .map(|(nth, urls)| invalidation(api, distribution, urls, &format!("{}-{nth}", stamp.id)))
                .collect(),
            By::Fastly { api, token } => urls.iter().map(|url| fastly(api, token, url)).collect(),
            By::Cloudflare { api, zone, token } => {
                urls.chunks(CLOUDFLARE_MOST).map(|urls| cloudflare(api, zone, token, urls)).collect()
            }
            By::Method { method, token } => urls
                .into_iter()
                .map(|url| Request { method, url, headers: bearer(token.as_ref()), body: Vec::new() })
                .collect(),
        }
    }
}

fn bearer(token: Option<&Secret>) -> Vec<(&'static str, String)> {
    token.map(|token| ("authorization", format!("Bearer {}", token.0))).into_iter().collect()
}

/// A path below an API's own.
fn below(api: &Url, path: &str) -> Url {
    let mut url = api.clone();
    url.set_path(&format!("{}{path}", api.path().trim_end_matches('/')));
    url
}

/// [CreateInvalidation](https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_CreateInvalidation.html).
fn invalidation(api: &Url, distribution: &str, urls: &[Url], reference: &str) -> Request {
    // Of what XML wants escaped, a URL's path can hold this alone.
    let item = |url: &Url| format!("<Path>{}</Path>", url.path().replace('&', "&amp;"));
    let items: String = urls.iter().map(item).collect();
    let body = format!(
        "<InvalidationBatch xmlns=\"http://cloudfront.amazonaws.com/doc/2020-05-31/\">\
         <CallerReference>{reference}</CallerReference>\
         <Paths><Quantity>{}</Quantity><Items>{items}</Items></Paths></InvalidationBatch>",
        urls.len()
    );
    Request {
        method: "POST",
        url: below(api, &format!("/2020-05-31/distribution/{distribution}/invalidation")),
        headers: vec![("content-type", "application/xml".to_owned())],
        body: body.into_bytes(),
    }
}

/// [Purge a URL](https://www.fastly.com/documentation/reference/api/purging/#purge-single-url).
fn fastly(api: &Url, token: &Secret, url: &Url) -> Request {
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    Request {
        method: "POST",
        url: below(api, &format!("/purge/{host}{port}{}", url.path())),
        headers: vec![("fastly-key", token.0.clone()), ("accept", "application/json".to_owned())],
        body: Vec::new(),
    }
}

/// [Purge by URL](https://developers.cloudflare.com/api/resources/cache/methods/purge/).
fn cloudflare(api: &Url, zone: &str, token: &Secret, urls: &[Url]) -> Request {
    let mut headers = bearer(Some(token));
    headers.push(("content-type", "application/json".to_owned()));
    Request {
        method: "POST",
        url: below(api, &format!("/client/v4/zones/{zone}/purge_cache")),
        headers,
        body: json!({ "files": urls.iter().map(Url::as_str).collect::<Vec<_>>() }).to_string().into_bytes(),
    }
}

/// Signs a request to CloudFront, which is one service for all regions and signs for `us-east-1`.
pub fn signed(mut request: Request, who: &Credentials, time: SystemTime) -> Option<Request> {
    let identity = who.clone().into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name("cloudfront")
        .time(time)
        .settings(SigningSettings::default())
        .build()
        .ok()?;
    let headers = request.headers.iter().map(|(name, value)| (*name, value.as_str()));
    let body = SignableBody::Bytes(&request.body);
    let signable = SignableRequest::new(request.method, request.url.as_str(), headers, body).ok()?;
    let (instructions, _) = sign(signable, &params.into()).ok()?.into_parts();
    let (more, _) = instructions.into_parts();
    request.headers.extend(more.iter().map(|header| (header.name(), header.value().to_owned())));
    Some(request)
}

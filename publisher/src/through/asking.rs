//! Asks as clients do: anonymously, one redirect after the other, each of them seen.

use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use contract::media::MediaType;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, HeaderMap, HeaderValue, LOCATION, RANGE};
use reqwest::{Method, Response};
use tokio::sync::Semaphore;
use url::Url;

use super::exchange::{Answer, Exchange, Hop, How, Lost};
use crate::anonymous::Anonymous;
use crate::store::DOCUMENT_MAX;

/// How many redirects clients written in Go follow.
const HOPS_MAX: usize = 10;

/// Someone who asks a registry.
#[derive(Debug)]
pub(super) struct Asking {
    http: Anonymous,
    registry: Url,
    timeout: Duration,
    /// So many requests at the same time.
    turns: Semaphore,
    sent: AtomicU64,
}

impl Asking {
    pub(super) fn new(
        registry: Url,
        timeout: Duration,
        jobs: usize,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let (http, turns) = (Anonymous::new()?, Semaphore::new(jobs));
        Ok(Self { http, registry, timeout, turns, sent: AtomicU64::new(0) })
    }

    /// How many requests were sent, redirects followed included.
    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// One exchange; the time is for all of it.
    pub(super) async fn ask(&self, path: &str, how: How) -> Exchange {
        let _turn = self.turns.acquire().await;
        let mut url = self.registry.clone();
        url.set_path(path);
        let mut hops = Vec::new();
        let end = tokio::time::timeout(self.timeout, self.follow(&url, how, &mut hops)).await;
        let late = || format!("no answer within {}", humantime::format_duration(self.timeout));
        let end = end.unwrap_or_else(|_| Err(Lost::Failed(late())));
        Exchange { how, url, hops, end }
    }

    async fn follow(&self, first: &Url, how: How, hops: &mut Vec<Hop>) -> Result<Answer, Lost> {
        let mut url = first.clone();
        loop {
            self.sent.fetch_add(1, Ordering::Relaxed);
            let request = self.http.request(method(how), url.clone()).headers(headers(how));
            let response = request.send().await.map_err(failed)?;
            let status = response.status().as_u16();
            if !matches!(status, 301 | 302 | 303 | 307 | 308) {
                return answer(response, how).await;
            }
            let location = response.headers().get(LOCATION).map(HeaderValue::as_bytes);
            let location = String::from_utf8_lossy(location.unwrap_or_default()).into_owned();
            let to = url.join(&location).ok().filter(|to| !location.is_empty() && is_http(to));
            let Some(to) = to else { return Err(Lost::Nowhere(location)) };
            if hops.len() == HOPS_MAX {
                return Err(Lost::Endless);
            }
            hops.push(Hop { status, to: to.clone() });
            url = to;
        }
    }
}

fn is_http(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
}

fn method(how: How) -> Method {
    if how == How::Head { Method::HEAD } else { Method::GET }
}

fn headers(how: How) -> HeaderMap {
    // What containerd says of every object.
    let accept = [
        MediaType::DOCKER_MANIFEST,
        MediaType::DOCKER_LIST,
        MediaType::OCI_MANIFEST,
        MediaType::OCI_INDEX,
        "*/*",
    ];
    let encoding = match how {
        How::Get | How::Begin(_) => "gzip",
        How::Plain | How::Head | How::Part(..) => "identity",
    };
    let mut headers = HeaderMap::new();
    headers.extend(accept.join(", ").parse().ok().map(|value| (ACCEPT, value)));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(encoding));
    if let How::Part(first, last) = how {
        headers.extend(format!("bytes={first}-{last}").parse().ok().map(|value| (RANGE, value)));
    }
    headers
}

async fn answer(mut response: Response, how: How) -> Result<Answer, Lost> {
    let most = match how {
        How::Begin(most) => most,
        // One more than was asked for, so that it is seen when more comes.
        How::Part(first, last) => usize::try_from(last - first + 2).unwrap_or(usize::MAX),
        How::Get | How::Plain | How::Head => usize::try_from(DOCUMENT_MAX).unwrap_or(usize::MAX),
    };
    let (status, headers) = (response.status().as_u16(), std::mem::take(response.headers_mut()));
    let mut body = BytesMut::new();
    while body.len() < most
        && let Some(chunk) = response.chunk().await.map_err(failed)?
    {
        body.extend_from_slice(&chunk);
    }
    body.truncate(most);
    Ok(Answer { status, headers, body: body.freeze() })
}

/// The last cause says it best: the others say that a request was sent.
fn failed(error: reqwest::Error) -> Lost {
    let error = error.without_url();
    let mut cause: &dyn Error = &error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    Lost::Failed(cause.to_string())
}

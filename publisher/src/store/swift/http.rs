//! Requests: the client, one exchange, and when it is repeated.

use std::path::Path;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::HeaderMap;
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Method, Response};
use url::Url;

use super::super::{DOCUMENT_MAX, Kind};
use super::errors::Failure;

/// Until a connection stands.
const CONNECT: Duration = Duration::from_secs(5);
/// For one attempt of a request that moves little.
pub(super) const ATTEMPT: Duration = Duration::from_secs(60);
/// For one attempt of a request that lets the cluster move content: a copy, a list of segments to be checked.
pub(super) const ATTEMPT_CONTENT: Duration = Duration::from_secs(600);
/// The longest that a server's `Retry-After` is honoured.
const AFTER_MAX: Duration = Duration::from_secs(60);
/// The longest pause of our own between two attempts.
const PAUSE_MAX: Duration = Duration::from_secs(20);

/// A client that trusts the machine's roots, or Mozilla's where the machine has none: an empty container image around
/// a static binary. Follows no redirect: the token is for the cluster alone.
pub(super) fn client(authorities: Option<&Path>) -> Result<Client, ClientError> {
    let native = rustls_native_certs::load_native_certs().certs;
    let mut roots = native.iter().filter_map(|der| Certificate::from_der(der).ok()).collect::<Vec<_>>();
    if roots.is_empty() {
        let bundled = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
        roots.extend(bundled.filter_map(|der| Certificate::from_der(der).ok()));
    }
    if let Some(path) = authorities {
        let name = path.display().to_string();
        let pem = std::fs::read(path).map_err(|source| ClientError::Read { name: name.clone(), source })?;
        let more = Certificate::from_pem_bundle(&pem).map_err(|source| ClientError::Pem { name, source })?;
        roots.extend(more);
    }
    let agent = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));
    let client = Client::builder().user_agent(agent).redirect(Policy::none()).connect_timeout(CONNECT);
    client.tls_certs_only(roots).build().map_err(ClientError::Build)
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    #[error("OS_CACERT names {name}, which cannot be read")]
    Read { name: String, source: std::io::Error },
    #[error("OS_CACERT names {name}, which holds no PEM certificates")]
    Pem { name: String, source: reqwest::Error },
    #[error("the HTTP client cannot be made")]
    Build(#[source] reqwest::Error),
}

/// A request that can be sent again.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// Of one attempt.
    pub(super) timeout: Duration,
}

impl Call {
    pub(super) fn new(method: Method) -> Self {
        Self { method, headers: HeaderMap::new(), body: Bytes::new(), timeout: ATTEMPT }
    }
}

/// A success, and its whole document.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    /// A header's text, `None` where there is none.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// One attempt. `more` are headers that belong to this attempt alone, such as a token.
pub(super) async fn exchange(
    http: &Client,
    url: &Url,
    call: &Call,
    more: HeaderMap,
) -> Result<Answer, Failure> {
    let request = http.request(call.method.clone(), url.clone()).timeout(call.timeout);
    let request = request.headers(call.headers.clone()).headers(more);
    // An empty PUT needs a length, too.
    let request = match call.method {
        Method::GET | Method::HEAD | Method::DELETE => request,
        _ => request.header(reqwest::header::CONTENT_LENGTH, call.body.len()).body(call.body.clone()),
    };
    answer(url, request.send().await).await
}

/// What came of a request: a success, or why not.
pub(super) async fn answer(url: &Url, sent: reqwest::Result<Response>) -> Result<Answer, Failure> {
    let unreachable = |error: reqwest::Error| {
        let failure = Failure::from(error);
        Failure { said: format!("{}: {}", url.origin().ascii_serialization(), failure.said), ..failure }
    };
    let mut response = sent.map_err(unreachable)?;
    let (status, headers) = (response.status(), response.headers().clone());
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        body.extend_from_slice(&chunk);
        if body.len() as u64 > DOCUMENT_MAX {
            return Err(Failure::new(Kind::Other, format!("a document has at most {DOCUMENT_MAX} bytes")));
        }
    }
    if status.is_success() {
        return Ok(Answer { headers, body: body.freeze() });
    }
    Err(Failure::answered(status, &headers, &body))
}

/// How often and how soon what failed is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// How often a request is tried, all in all.
    pub attempts: u32,
    /// The longest pause before the second attempt; each further one may be twice as long. Each is a random part of
    /// it, so that those who were refused together do not come back together.
    pub pause: Duration,
}

impl Default for Patience {
    /// Five times, within some ten seconds.
    fn default() -> Self {
        Self { attempts: 5, pause: Duration::from_secs(1) }
    }
}

/// The attempts at one thing.
pub(super) struct Tries {
    patience: Patience,
    made: u32,
    doubt: bool,
}

impl Tries {
    pub(super) fn new(patience: Patience) -> Self {
        Self { patience, made: 0, doubt: false }
    }

    /// Waits until the next attempt is due, or gives the failure back where there is none.
    pub(super) async fn after(&mut self, failure: Failure) -> Result<(), Failure> {
        let failure = Failure { doubt: self.doubt, ..failure };
        self.made += 1;
        if !failure.passes || self.made >= self.patience.attempts {
            return Err(failure);
        }
        self.doubt |= failure.leaves_doubt();
        let most = self.patience.pause.saturating_mul(1 << (self.made - 1).min(16)).min(PAUSE_MAX);
        let pause = most.mul_f64(fastrand::f64());
        let wanted = failure.after.unwrap_or_default().min(AFTER_MAX);
        tokio::time::sleep(pause.max(wanted)).await;
        Ok(())
    }
}

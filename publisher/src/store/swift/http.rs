//! Requests: the client, and one exchange.

use std::path::Path;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::HeaderMap;
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, ClientBuilder, Method, Response};
use url::Url;

use super::super::Patience;
use super::super::failure::Failure;
use super::super::{DOCUMENT_MAX, Kind};
use super::errors::answered;
use crate::anonymous::Certs;

/// Until a connection stands.
const CONNECT: Duration = Duration::from_secs(5);
/// A client that trusts the machine's roots, or Mozilla's where the machine has none: an empty container image around
/// a static binary. Follows no redirect: the token is for the cluster alone.
pub(super) fn client(authorities: Option<&Path>) -> Result<Client, ClientError> {
    built(builder(), roots(authorities)?)
}

/// The same, and one that no proxy is between.
pub(super) fn clients(authorities: Option<&Path>, certs: &Certs) -> Result<(Client, Client), ClientError> {
    let roots = [roots(authorities)?, certs.authorities.clone()].concat();
    let known = |builder| certs.identity.iter().cloned().fold(builder, ClientBuilder::identity);
    Ok((built(known(builder()), roots.clone())?, built(known(builder().no_proxy()), roots)?))
}

fn builder() -> ClientBuilder {
    let agent = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));
    Client::builder().user_agent(agent).redirect(Policy::none()).connect_timeout(CONNECT)
}

fn built(builder: ClientBuilder, roots: Vec<Certificate>) -> Result<Client, ClientError> {
    builder.tls_certs_only(roots).build().map_err(ClientError::Build)
}

fn roots(authorities: Option<&Path>) -> Result<Vec<Certificate>, ClientError> {
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
    Ok(roots)
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
    /// Whether the cluster moves content for it.
    pub(super) moves: bool,
}

impl Call {
    /// How long one attempt may take.
    fn timeout(&self, patience: &Patience) -> Duration {
        if self.moves { patience.moving() } else { patience.carrying(self.body.len() as u64) }
    }

    pub(super) fn new(method: Method) -> Self {
        Self { method, headers: HeaderMap::new(), body: Bytes::new(), moves: false }
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
    patience: &Patience,
    url: &Url,
    call: &Call,
    more: HeaderMap,
) -> Result<Answer, Failure> {
    let request = http.request(call.method.clone(), url.clone()).timeout(call.timeout(patience));
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
    Err(answered(status, &headers, &body))
}

//! Fetches one document from an origin: bounded in time and size, over a connection that is kept for the next.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH, USER_AGENT,
};
use http::uri::InvalidUri;
use http::{HeaderValue, Method, Response, StatusCode, Uri};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use rustls::pki_types::CertificateDer;
use tokio::sync::Semaphore;
use tokio::time;
use tokio_rustls::TlsConnector;

use crate::dial::{Connection, DialError, connector, request};
use crate::settings::Served;

/// Why a document cannot be fetched.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("it is not there within {}", humantime::format_duration(*.0))]
    Slow(Duration),
    #[error("its origin cannot be spoken with")]
    Dial(#[from] DialError),
    #[error("its origin answers {0}")]
    Status(StatusCode),
    #[error("it has no URL")]
    Url(#[source] InvalidUri),
    #[error("it breaks off")]
    Short(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("it is larger than {0} bytes")]
    Large(u64),
    #[error("it comes with a Content-Encoding, which breaks its digest; turn compression off there")]
    Encoded,
}

impl FetchError {
    /// Whether it may be otherwise in a while, without anybody doing anything.
    pub(super) fn is_down(&self) -> bool {
        match self {
            Self::Slow(_) | Self::Dial(_) | Self::Short(_) => true,
            Self::Status(status) => status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS,
            Self::Url(_) | Self::Large(_) | Self::Encoded => false,
        }
    }
}

/// What an origin said.
#[derive(Debug)]
pub(super) enum Fetched {
    Document {
        body: Bytes,
        content_type: Option<HeaderValue>,
        /// Its entity tag.
        version: Option<HeaderValue>,
    },
    /// It is still that version.
    Unchanged,
    /// It is not there, or not for us: buckets that may not be listed say 403 for what is not there.
    Missing,
}

/// Fetches at a time: each may hold a document of the largest size.
const AT_A_TIME: usize = 32;

/// Connections kept for each host.
const IDLE: usize = 8;

/// Fetches from any origin.
pub(super) struct Fetcher {
    timeout: Duration,
    authorities: Vec<CertificateDer<'static>>,
    /// Only who has an https origin pays for reading the roots of trust.
    tls: OnceLock<TlsConnector>,
    room: Semaphore,
    /// Connections without a question, by scheme and host.
    idle: Mutex<HashMap<String, Vec<Connection>>>,
}

impl Fetcher {
    pub(super) fn new(settings: &Served) -> Self {
        Self {
            timeout: settings.timeout,
            authorities: settings.authorities.clone(),
            tls: OnceLock::new(),
            room: Semaphore::new(AT_A_TIME),
            idle: Mutex::default(),
        }
    }

    /// The document, unless it is still of the version that is `held`.
    pub(super) async fn get(
        &self,
        url: &Uri,
        held: Option<&HeaderValue>,
        limit: u64,
    ) -> Result<Fetched, FetchError> {
        self.in_time(async {
            let (answer, connection) = self.ask(Method::GET, url, held).await?;
            let fetched = match answer.status() {
                StatusCode::OK => document(answer, limit).await?,
                StatusCode::NOT_MODIFIED if held.is_some() => Fetched::Unchanged,
                StatusCode::NOT_FOUND | StatusCode::FORBIDDEN | StatusCode::GONE => {
                    // What is said about it is a page of no great length, or not worth the wait.
                    if Limited::new(answer, 64 * 1024).collect().await.is_err() {
                        return Ok(Fetched::Missing);
                    }
                    Fetched::Missing
                }
                status => return Err(FetchError::Status(status)),
            };
            self.keep(url, connection).await;
            Ok(fetched)
        })
        .await
    }

    /// How long an object is, where it is there and that is told.
    pub(super) async fn length(&self, url: &Uri) -> Result<Option<u64>, FetchError> {
        self.in_time(async {
            let (answer, connection) = self.ask(Method::HEAD, url, None).await?;
            let length =
                answer.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
            let length = match answer.status() {
                StatusCode::OK => length,
                StatusCode::NOT_FOUND | StatusCode::FORBIDDEN | StatusCode::GONE => None,
                status => return Err(FetchError::Status(status)),
            };
            self.keep(url, connection).await;
            Ok(length)
        })
        .await
    }

    async fn in_time<T>(&self, work: impl Future<Output = Result<T, FetchError>>) -> Result<T, FetchError> {
        let with_room = async {
            // Never closed.
            let _room = self.room.acquire().await;
            work.await
        };
        time::timeout(self.timeout, with_room).await.unwrap_or(Err(FetchError::Slow(self.timeout)))
    }

    async fn ask(
        &self,
        method: Method,
        url: &Uri,
        held: Option<&HeaderValue>,
    ) -> Result<(Response<Incoming>, Connection), FetchError> {
        let question = || {
            let mut question = request(method.clone(), url);
            let headers = question.headers_mut();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
            headers.insert(USER_AGENT, HeaderValue::from_static("registry-endpoint"));
            if let Some(held) = held {
                headers.insert(IF_NONE_MATCH, held.clone());
            }
            question
        };
        while let Some(mut connection) = self.kept(url) {
            // One that was kept may have been closed at this very moment.
            if let Ok(answer) = connection.send(question()).await {
                return Ok((answer, connection));
            }
        }
        let tls = self.tls.get_or_init(|| connector(&self.authorities));
        let mut connection = Connection::to(url, tls).await?;
        let answer = connection.send(question()).await.map_err(DialError::Unclear)?;
        Ok((answer, connection))
    }

    fn kept(&self, url: &Uri) -> Option<Connection> {
        let mut idle = self.idle();
        let connections = idle.get_mut(&host(url))?;
        connections.retain(|connection| !connection.is_closed());
        connections.pop()
    }

    async fn keep(&self, url: &Uri, mut connection: Connection) {
        if !connection.is_reusable().await {
            return;
        }
        let mut idle = self.idle();
        let connections = idle.entry(host(url)).or_default();
        if connections.len() < IDLE {
            connections.push(connection);
        }
    }

    fn idle(&self) -> MutexGuard<'_, HashMap<String, Vec<Connection>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Only origins of the settings come here, so there are never many.
fn host(url: &Uri) -> String {
    let authority = url.authority().map_or("", |authority| authority.as_str());
    format!("{}://{authority}", url.scheme_str().unwrap_or_default())
}

async fn document(mut answer: Response<Incoming>, limit: u64) -> Result<Fetched, FetchError> {
    let headers = answer.headers_mut();
    if headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return Err(FetchError::Encoded);
    }
    let (content_type, version) = (headers.remove(CONTENT_TYPE), headers.remove(ETAG));
    let body = answer.into_body();
    if body.size_hint().lower() > limit {
        return Err(FetchError::Large(limit));
    }
    let body = Limited::new(body, limit as usize).collect().await;
    let body = body.map_err(|error| match error.is::<LengthLimitError>() {
        true => FetchError::Large(limit),
        false => FetchError::Short(error),
    })?;
    let body = body.to_bytes();
    Ok(Fetched::Document { body, content_type, version })
}

impl fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetcher").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

//! Requests to one registry: who we are, where it sends us, how often and how soon it is asked again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use contract::name::Repository;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue, LOCATION, RANGE};
use reqwest::{Method, Response, StatusCode};
use tokio::time::timeout;
use url::Url;

use super::address::{AddressError, Host, Plain};
use super::answer::{self, late, refused, whole};
use super::credentials::Keyring;
use super::login::Login;
use super::pace::{self, Pace, WAIT_MAX};
use crate::anonymous::Anonymous;
use crate::store::failure::Failure;
use crate::store::requests::Requests;
use crate::store::{Kind, Patience};

/// A registry sends to its storage, that perhaps to a nearer one.
const HOPS_MAX: usize = 5;

/// One registry.
pub(super) struct Client {
    pub(super) host: Host,
    pub(super) requests: Requests,
    /// How many bytes of bodies it has sent.
    pub(super) read: AtomicU64,
    base: Url,
    plain: bool,
    http: Anonymous,
    login: Login,
    pace: Pace,
}

/// A request.
pub(super) struct Ask<'a> {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) repository: &'a Repository,
    pub(super) accept: Option<&'static str>,
    /// From which byte on.
    pub(super) from: u64,
}

impl Client {
    /// For this host.
    pub(super) fn new(
        host: Host,
        may_be_plain: Plain,
        http: Anonymous,
        keyring: Arc<Keyring>,
        patience: Patience,
    ) -> Result<Self, AddressError> {
        let plain = may_be_plain.is_asked(&host);
        let (base, login) = (host.base(plain)?, Login::new(host.clone(), may_be_plain, keyring));
        let (requests, read, pace) = (Requests::new(patience), AtomicU64::new(0), Pace::default());
        Ok(Self { host, base, plain, http, login, requests, read, pace })
    }

    /// The URL of a path, or of a link in one of its answers; `None` where that leads to somebody else.
    pub(super) fn url(&self, path: &str) -> Option<Url> {
        self.base.join(path).ok().filter(|url| self.is_ours(url))
    }

    fn is_ours(&self, url: &Url) -> bool {
        url.origin() == self.base.origin()
    }

    /// A success whose body has not been read.
    pub(super) async fn begun(&self, ask: &Ask<'_>) -> Result<Response, Failure> {
        self.requests.answer(|| self.attempt(ask)).await
    }

    /// A success with its whole body. One that breaks off is asked for again.
    pub(super) async fn document(&self, ask: &Ask<'_>, max: u64) -> Result<(HeaderMap, Bytes), Failure> {
        let attempt = || async {
            let mut response = self.attempt(ask).await?;
            let headers = std::mem::take(response.headers_mut());
            let body = whole(response, max, self.patience()).await?;
            self.read.fetch_add(body.len() as u64, Ordering::Relaxed);
            Ok((headers, body))
        };
        self.requests.answer(attempt).await
    }

    fn patience(&self) -> Duration {
        self.requests.patience.request
    }

    async fn attempt(&self, ask: &Ask<'_>) -> Result<Response, Failure> {
        self.pace.wait().await.map_err(answer::too_long)?;
        let held = self.login.held(ask.repository).await;
        let mut response = self.follow(ask, held.as_deref()).await?;
        if response.status() == StatusCode::UNAUTHORIZED && self.is_ours(response.url()) {
            let headers = response.headers();
            let renewed =
                self.login.renew(&self.http, ask.repository, headers, held.as_ref(), self.patience()).await?;
            response = self.follow(ask, Some(&renewed)).await?;
        }
        if response.status().is_success() {
            return Ok(response);
        }
        let failure = refused(response, self.patience()).await;
        // All that is asked of the registry waits, not only this request.
        failure.after.iter().for_each(|after| self.pace.quiet(*after));
        Err(failure)
    }

    /// Goes where the registry sends us. Who we are is told to nobody else
    /// (distribution spec, "Redirects": clients must not forward it to another host).
    async fn follow(&self, ask: &Ask<'_>, authorization: Option<&HeaderValue>) -> Result<Response, Failure> {
        let mut url = ask.url.clone();
        for _ in 0..=HOPS_MAX {
            let mut request = self.http.request(ask.method.clone(), url.clone());
            if let Some(value) = authorization.filter(|_| self.is_ours(&url)) {
                request = request.header(AUTHORIZATION, value);
            }
            if let Some(accept) = ask.accept {
                request = request.header(ACCEPT, accept);
            }
            if ask.from > 0 {
                request = request.header(RANGE, format!("bytes={}-", ask.from));
            }
            let sent = timeout(self.patience(), request.send()).await.map_err(|_| at(&url, late()))?;
            let response = sent.map_err(|error| at(&url, error.into()))?;
            if self.is_ours(&url) {
                let spent = pace::wanted(response.headers(), false, SystemTime::now());
                spent.filter(|time| *time <= WAIT_MAX).iter().for_each(|time| self.pace.quiet(*time));
            }
            match self.next(&url, &response)? {
                Some(next) => url = next,
                None => return Ok(response),
            }
        }
        Err(Failure::new(Kind::Other, format!("it sends on more than {HOPS_MAX} times")))
    }

    /// Where an answer sends; `None` where it is the one.
    fn next(&self, url: &Url, response: &Response) -> Result<Option<Url>, Failure> {
        if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
            return Ok(None);
        }
        let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
        let next = location.and_then(|location| url.join(location).ok());
        match next.as_ref().map(Url::scheme) {
            Some("https") => Ok(next),
            Some("http") if self.plain => Ok(next),
            Some("http") => Err(at(url, Failure::new(Kind::Other, "it sends to a place without TLS"))),
            _ => Err(at(url, Failure::new(Kind::Other, "it sends on, and does not say where"))),
        }
    }
}

/// A failure with whose it is. The rest of the URL is left out: it may be signed.
fn at(url: &Url, failure: Failure) -> Failure {
    Failure { said: format!("{}: {}", url.origin().ascii_serialization(), failure.said), ..failure }
}

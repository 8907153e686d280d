//! Blobs, read as they come: one that breaks off goes on where it was, by a range.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use contract::descriptor::Descriptor;
use contract::name::Repository;
use futures_util::StreamExt;
use futures_util::stream;
use reqwest::header::CONTENT_RANGE;
use reqwest::{Method, Response, StatusCode};
use tokio::time::{sleep, timeout};

use super::answer::late;
use super::client::{Ask, Client};
use super::error::RegistryError;
use crate::content::Chunks;
use crate::store::Kind;
use crate::store::failure::Failure;

/// How much must have come before a further break is the first one again.
const PROGRESS: u64 = 1 << 20;

/// A blob of a repository.
#[derive(Clone)]
pub(super) struct Blob {
    pub(super) client: Arc<Client>,
    pub(super) repository: Repository,
    pub(super) descriptor: Descriptor,
}

/// A blob on its way.
struct Coming {
    blob: Blob,
    response: Response,
    /// How many bytes came out.
    at: u64,
    /// How many are to be passed over: the server ignored the range.
    over: u64,
    /// How often it broke off, and where the first of these breaks was.
    breaks: u32,
    broke_at: u64,
}

impl Blob {
    /// Its bytes; `None` where the registry does not have it.
    pub(super) async fn open(self) -> io::Result<Option<Chunks>> {
        match self.ask(Method::GET, 0).await {
            Ok(response) => {
                let coming = Coming { blob: self, response, at: 0, over: 0, breaks: 0, broke_at: 0 };
                Ok(Some(stream::unfold(Some(coming), next).boxed()))
            }
            Err(failure) if failure.kind == Kind::Missing => Ok(None),
            Err(failure) => Err(self.failed(failure)),
        }
    }

    /// Its size, as the registry says; `None` where it does not have it.
    pub(super) async fn size(&self) -> io::Result<Option<u64>> {
        match self.ask(Method::HEAD, 0).await {
            Ok(_) => Ok(Some(self.descriptor.size)),
            Err(failure) if failure.kind == Kind::Missing => Ok(None),
            Err(failure) => Err(self.failed(failure)),
        }
    }

    async fn ask(&self, method: Method, from: u64) -> Result<Response, Failure> {
        let path = format!("v2/{}/blobs/{}", self.repository, self.descriptor.digest);
        let url = self.client.url(&path).ok_or_else(|| Failure::new(Kind::Other, "its URL is not valid"))?;
        self.client.begun(&Ask { method, url, repository: &self.repository, accept: None, from }).await
    }

    fn failed(&self, failure: Failure) -> io::Error {
        let action = format!("reading the blob {}", self.descriptor.digest);
        io::Error::other(RegistryError::failed(self.client.host.as_str(), action, failure))
    }
}

/// The next chunk, and what follows it.
async fn next(coming: Option<Coming>) -> Option<(io::Result<Bytes>, Option<Coming>)> {
    let mut coming = coming?;
    match coming.chunk().await {
        Ok(Some(chunk)) => Some((Ok(chunk), Some(coming))),
        Ok(None) => None,
        Err(failure) => Some((Err(coming.blob.failed(failure)), None)),
    }
}

impl Coming {
    async fn chunk(&mut self) -> Result<Option<Bytes>, Failure> {
        let size = self.blob.descriptor.size;
        loop {
            let patience = self.blob.client.requests.patience.request;
            let why = match timeout(patience, self.response.chunk()).await {
                Ok(Ok(Some(chunk))) => match self.past(chunk) {
                    chunk if chunk.is_empty() => continue,
                    chunk => return Ok(Some(chunk)),
                },
                // What ends in a mess behind its last byte is whole all the same; who reads compares digests.
                _ if self.at >= size => return Ok(None),
                Ok(Ok(None)) => {
                    Failure::new(Kind::Unavailable, format!("it ended after {} of {size} bytes", self.at))
                }
                Ok(Err(error)) => error.into(),
                Err(_) => late(),
            };
            self.again(why).await?;
        }
    }

    /// What is new of a chunk.
    fn past(&mut self, mut chunk: Bytes) -> Bytes {
        self.blob.client.read.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        let over = usize::try_from(self.over).unwrap_or(usize::MAX).min(chunk.len());
        let new = chunk.split_off(over);
        self.over -= over as u64;
        self.at += new.len() as u64;
        new
    }

    /// Asks for the rest.
    async fn again(&mut self, why: Failure) -> Result<(), Failure> {
        if self.at >= self.broke_at + PROGRESS {
            self.breaks = 0;
        }
        if self.breaks == 0 {
            self.broke_at = self.at;
        }
        self.breaks += 1;
        let patience = &self.blob.client.requests.patience;
        if self.breaks >= patience.attempts {
            return Err(why);
        }
        tracing::info!(digest = %self.blob.descriptor.digest, at = self.at, said = why.said, "a blob goes on where it broke off");
        sleep(patience.pause_after(self.breaks)).await;
        self.response = self.blob.ask(Method::GET, self.at).await?;
        self.over = match self.response.status() {
            StatusCode::PARTIAL_CONTENT if begins(&self.response) == Some(self.at) => 0,
            StatusCode::PARTIAL_CONTENT => {
                return Err(Failure::new(Kind::Other, "it sent another range than was asked for"));
            }
            _ => self.at,
        };
        Ok(())
    }
}

/// Where the range of an answer begins: `bytes 5-9/10` (RFC 9110 §14.4).
fn begins(response: &Response) -> Option<u64> {
    let range = response.headers().get(CONTENT_RANGE)?.to_str().ok()?;
    range.trim().strip_prefix("bytes")?.trim_start().split_once('-')?.0.parse().ok()
}

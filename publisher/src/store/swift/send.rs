//! Content of any size. What fits in memory is one PUT; larger content is streamed, in one PUT or in segments.

use std::io;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use contract::key::Key;
use futures_util::future::{Either, select};
use futures_util::stream;
use reqwest::Body;
use reqwest::header::{CONTENT_LENGTH, ETAG, HeaderMap};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::super::failure::{Failure, Trouble};
use super::super::passed::Passed;
use super::super::{Kind, headers};
use super::feed::{Feed, Piece, pieces};
use super::http::answer;
use super::session::Session;
use super::write::hex_header;
use super::{Swift, stored};
use crate::content::{Content, ContentError};

/// Content up to this size is held in memory, and opened once.
const IN_MEMORY: u64 = 8 << 20;

impl Swift {
    pub(super) async fn send_content(&self, key: &Key, content: &Content<'_>) -> Result<(), Trouble> {
        let headers = stored(&headers(key, None, self.changing_ttl))?;
        let (info, size) = (self.info().await?, content.descriptor.size);
        if size <= IN_MEMORY.min(info.object_max) {
            let bytes = content.open().await?.whole().await?;
            return Ok(self.put(key, bytes, headers).await?);
        }
        let piece = info.piece(size)?;
        let pieces = pieces(content, piece).await?;
        let passed = Passed::new(content.passed);
        let pass = |bytes| passed.pass(bytes);
        let source = Source { content: Content { passed: &pass, ..*content }, passed: &passed };
        match pieces.as_slice() {
            [whole] => self.send_piece(&self.path(key), &headers, whole, &source, &mut None).await,
            pieces => self.send_segments(key, headers, pieces, &source).await,
        }
    }

    /// Sends one piece until it has arrived. `feed` is where the piece before it left the content, and is left where
    /// this one ends.
    pub(super) async fn send_piece<'a>(
        &self,
        path: &str,
        headers: &HeaderMap,
        piece: &Piece,
        source: &'a Source<'a>,
        feed: &mut Option<Feed<'a>>,
    ) -> Result<(), Trouble> {
        let mut tries = self.requests.tries();
        loop {
            let mut current = match feed.take() {
                Some(current) if current.at == piece.from => current,
                Some(_) | None => source.open_at(piece.from).await?,
            };
            let session = self.session(None).await?;
            let passed = self.requests.pass().await;
            let sent = self.stream(&session, path, headers, piece, &mut current).await;
            passed.heard(matches!(&sent, Err(Trouble::Store(failure)) if failure.slow_down));
            let failure = match sent {
                Ok(()) => {
                    *feed = Some(current);
                    return Ok(());
                }
                Err(Trouble::Store(failure)) => failure,
                Err(trouble) => return Err(trouble),
            };
            let failure = self.no_container(failure);
            // A cluster that refuses a token may close the connection on who still sends: its answer is lost, and
            // asking for something small tells.
            if failure.status == 401 || failure.status == 0 {
                self.look_at_container().await?;
            }
            let passes = failure.passes || failure.status == 401;
            tries.after(Failure { passes, ..failure }).await?;
        }
    }

    /// One PUT whose length and MD5 are told before its first byte. Where the content breaks off, the connection is
    /// closed before that length is reached, and the cluster keeps nothing of it.
    async fn stream(
        &self,
        session: &Session,
        path: &str,
        headers: &HeaderMap,
        piece: &Piece,
        feed: &mut Feed<'_>,
    ) -> Result<(), Trouble> {
        let (chunks, received) = mpsc::channel::<io::Result<Bytes>>(1);
        let body =
            stream::unfold(received, |mut received| async { Some((received.recv().await?, received)) });
        let url = session.url(path, "");
        let request = self.http.put(url.clone()).headers(headers.clone()).headers(session.header());
        let request = request.header(CONTENT_LENGTH, piece.size).header(ETAG, hex_header(&piece.md5));
        let answering = pin!(request.body(Body::wrap_stream(body)).send());
        let stall = self.requests.patience.request;
        let feeding = pin!(give(feed, piece.from + piece.size, chunks, stall));
        let late = |_| Failure::new(Kind::Unavailable, "it did not answer in time");
        match select(feeding, answering).await {
            Either::Left((Ok(()), answering)) => {
                let answered = timeout(stall, answering).await.map_err(late)?;
                timeout(stall, answer(&url, answered)).await.map_err(late)??;
                Ok(())
            }
            Either::Left((Err(trouble), _)) => Err(trouble),
            Either::Right((answered, _)) => {
                timeout(stall, answer(&url, answered)).await.map_err(late)??;
                Err(Failure::new(Kind::Unavailable, "it answered before it had all of the content").into())
            }
        }
    }
}

/// Gives chunks away up to the byte number `end`. None may take longer than `stall` to be taken.
async fn give(
    feed: &mut Feed<'_>,
    end: u64,
    chunks: mpsc::Sender<io::Result<Bytes>>,
    stall: Duration,
) -> Result<(), Trouble> {
    loop {
        let chunk = match feed.next(end).await {
            Ok(Some(chunk)) => chunk,
            Ok(None) => return Ok(()),
            Err(error) => {
                // So that the body ends as a broken one, whoever looks first.
                let _ = chunks.try_send(Err(io::Error::other("the content broke off")));
                return Err(error.into());
            }
        };
        match timeout(stall, chunks.send(Ok(chunk))).await {
            Ok(Ok(())) => {}
            // Nobody takes it: the answer, or why there is none, is about to come.
            Ok(Err(_)) => {
                tokio::time::sleep(stall).await;
                return Err(Failure::new(Kind::Unavailable, "it did not answer in time").into());
            }
            Err(_) => {
                let said = format!("it took nothing for {stall:?}");
                return Err(Failure::new(Kind::Unavailable, said).into());
            }
        }
    }
}

/// Where content is opened anew.
pub(super) struct Source<'a> {
    content: Content<'a>,
    passed: &'a Passed<'a>,
}

impl<'a> Source<'a> {
    async fn open_at(&'a self, at: u64) -> Result<Feed<'a>, ContentError> {
        self.passed.begin();
        let mut feed = Feed::new(self.content.open().await?);
        feed.skip_to(at).await?;
        Ok(feed)
    }
}

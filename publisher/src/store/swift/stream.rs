//! Objects of any size, read as they come.

use std::io;

use contract::key::Key;
use futures_util::stream::{StreamExt, TryStreamExt};
use reqwest::header::{HeaderMap, HeaderValue, RANGE};
use tokio::time::timeout;

use super::super::Kind;
use super::super::failure::Failure;
use super::Swift;
use super::errors::answered;
use crate::content::Chunks;

impl Swift {
    /// The bytes of an object from this one on; `None` where there is no object. Its end is not waited for here: each
    /// chunk may take as long as a request.
    pub(super) async fn get_from(&self, key: &Key, from: u64) -> Result<Option<Chunks>, Failure> {
        // It also renews a token that is no longer taken.
        if self.head(key).await?.is_none() {
            return Ok(None);
        }
        let mut range = HeaderMap::new();
        if from > 0 {
            let value = HeaderValue::from_str(&format!("bytes={from}-"));
            range.insert(RANGE, value.map_err(|_| Failure::new(Kind::Other, "a range fits no header"))?);
        }
        let stall = self.requests.patience.request;
        let ask = || async {
            let session = self.session(None).await?;
            let request = self.http.get(session.url(&self.path(key), ""));
            let sent = request.headers(session.header()).headers(range.clone()).send();
            let late = |_| Failure::new(Kind::Unavailable, "it did not answer in time");
            let response = timeout(stall, sent).await.map_err(late)??;
            if !response.status().is_success() {
                return Err(answered(response.status(), response.headers(), b""));
            }
            Ok(response)
        };
        let response = self.requests.answer(ask).await?;
        let chunks = response.bytes_stream().map_err(|error| io::Error::other(error.without_url()));
        let chunks = Box::pin(chunks);
        Ok(Some(
            futures_util::stream::unfold(chunks, move |mut chunks| async move {
                match timeout(stall, chunks.next()).await {
                    Ok(chunk) => Some((chunk?, chunks)),
                    Err(late) => Some((Err(late.into()), chunks)),
                }
            })
            .boxed(),
        ))
    }
}

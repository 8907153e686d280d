//! The way on to the store: a request is sent as it came, on a connection of its own.

use std::io;
use std::time::Duration;

use futures_util::stream::{StreamExt, once};
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::header::{CONNECTION, TRANSFER_ENCODING};
use hyper::{Request, Response, Uri};
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::TokioExecutor;

/// A body that is there as a whole.
pub(super) type Document = Full<Bytes>;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error("the publisher went away")]
    Publisher(#[source] hyper::Error),
    #[error("the store did not answer")]
    Store(#[from] Error),
    #[error("the store's answer broke off")]
    Answer(#[source] hyper::Error),
}

/// Has the request carried out; gives the whole answer.
pub(super) async fn ask(store: &str, request: Request<Incoming>) -> Result<Response<Bytes>, Broken> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(Broken::Publisher)?.to_bytes();
    let body = Full::new(body).map_err(|never| match never {});
    let answer = send(store, Request::from_parts(head, body.boxed())).await?;
    let (mut head, body) = answer.into_parts();
    let body = body.collect().await.map_err(Broken::Answer)?.to_bytes();
    // They are about the connection to the store; the answer goes on by another.
    head.headers.remove(CONNECTION);
    head.headers.remove(TRANSFER_ENCODING);
    Ok(Response::from_parts(head, body))
}

/// Lets the store hear half of the request's body, and breaks off.
pub(super) async fn begin(store: &str, request: Request<Incoming>) {
    let (head, mut body) = request.into_parts();
    let half = body.size_hint().lower() / 2;
    let mut heard = Vec::new();
    while (heard.len() as u64) < half
        && let Some(Ok(frame)) = body.frame().await
    {
        heard.extend_from_slice(&frame.into_data().unwrap_or_default());
    }
    heard.truncate(usize::try_from(half).unwrap());
    let break_off = async {
        // Until what was heard has gone out: hyper drops the rest of what it holds when a body fails.
        tokio::time::sleep(Duration::from_millis(20)).await;
        Err(io::Error::other("broken off"))
    };
    let heard = once(async { Ok(Frame::data(Bytes::from(heard))) });
    let body = BodyExt::boxed(StreamBody::new(Box::pin(heard.chain(once(break_off)))));
    let _ = send(store, Request::from_parts(head, body)).await;
}

/// Signatures are over the method, the path, the host and some of the headers: only the way there is another.
async fn send(
    store: &str,
    mut request: Request<BoxBody<Bytes, io::Error>>,
) -> Result<Response<Incoming>, Error> {
    *request.uri_mut() = format!("{store}{}", request.uri()).parse::<Uri>().unwrap();
    // None is kept: one that the store has closed meanwhile would be a fault that nobody asked for.
    let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http();
    client.request(request).await
}

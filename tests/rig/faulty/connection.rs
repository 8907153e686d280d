//! One connection of the publisher: its requests, and how it ends.

use std::error::Error;
use std::fmt::Write;
use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};
use hyper::header::CONTENT_LENGTH;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::store::{Broken, Document, ask, begin};
use super::{Fault, State};

/// How a connection ends before its time.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("reset")]
    Reset,
    /// After these bytes.
    #[error("closed")]
    Torn(Vec<u8>),
}

/// Serves until the publisher is done, or a fault ends it.
pub(super) async fn serve(stream: TcpStream, state: Arc<State>) {
    let end: Arc<OnceLock<End>> = Arc::default();
    let told = Arc::clone(&end);
    let service = service_fn(move |request| -> Answering {
        let (state, told) = (Arc::clone(&state), Arc::clone(&told));
        Box::pin(async move {
            let answered = answer(&state, request).await;
            answered.map_err(|end| {
                let _ = told.set(end);
                "the connection is to end"
            })
        })
    });
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let _ = poll_fn(|context| connection.poll_without_shutdown(context)).await;
    let mut stream = connection.into_parts().io.into_inner();
    match end.get() {
        // Closing then sends RST.
        Some(End::Reset) => stream.set_zero_linger().unwrap(),
        Some(End::Torn(bytes)) => _ = stream.write_all(bytes).await,
        None => {}
    }
}

type Answering = Pin<Box<dyn Future<Output = Result<Response<Document>, &'static str>> + Send>>;

async fn answer(state: &State, request: Request<Incoming>) -> Result<Response<Document>, End> {
    let fault = state.arrived(&request);
    let method = request.method().clone();
    match fault {
        None => Ok(carried_out(state, request).await?.map(Document::new)),
        Some(Fault::ResetBefore) => Err(End::Reset),
        Some(Fault::ResetWithin) => {
            begin(&state.store, request).await;
            Err(End::Reset)
        }
        Some(Fault::ResetAfter) => {
            carried_out(state, request).await?;
            Err(End::Reset)
        }
        Some(fault @ (Fault::InternalError | Fault::SlowDown)) => {
            let _ = request.into_body().collect().await;
            Ok(state.dialect.refuses(fault))
        }
        Some(Fault::Hang) => pending().await,
        Some(Fault::Truncated) => Err(End::Torn(torn(&method, &carried_out(state, request).await?))),
    }
}

async fn carried_out(state: &State, request: Request<Incoming>) -> Result<Response<Bytes>, End> {
    ask(&state.store, request).await.map_err(|broken| {
        if !matches!(broken, Broken::Publisher(_)) {
            let cause = broken.source().map(ToString::to_string).unwrap_or_default();
            state.lock(|seen| seen.strayed = Some(format!("{broken}: {cause}")));
        }
        End::Reset
    })
}

/// An answer that breaks off: its body is shorter than it says, or where it can have none, its head ends early.
fn torn(method: &Method, answer: &Response<Bytes>) -> Vec<u8> {
    let (status, body) = (answer.status(), answer.body());
    let mut head = format!("HTTP/1.1 {status}\r\n");
    let rest = answer.headers().iter().filter(|(name, _)| *name != CONTENT_LENGTH);
    for (name, value) in rest {
        write!(head, "{name}: {}\r\n", value.to_str().unwrap()).unwrap();
    }
    if *method == Method::HEAD || status.as_u16() == 204 || status.as_u16() == 304 {
        head.truncate(head.len() - 1);
        return head.into_bytes();
    }
    write!(head, "{CONTENT_LENGTH}: {}\r\n\r\n", body.len().max(1)).unwrap();
    [head.as_bytes(), &body[..body.len() / 2]].concat()
}

//! Clients that each keep one connection, ask, look at the answer, and ask again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use ureq::http::Request;

use super::asks::{Ask, Came};
use super::known::Turn;
use crate::rig::random::Random;

/// What all of them know.
pub(crate) struct Crowd {
    /// Of the endpoint.
    pub(crate) host: String,
    pub(crate) asks: Vec<Ask>,
    pub(crate) bases: [String; 2],
    /// Which settings are in force.
    pub(crate) settings: Turn,
    /// Which base is the first that is up.
    pub(crate) base: Turn,
    /// Whether they are to end.
    pub(crate) over: AtomicBool,
}

/// No client waits longer for an answer: that is a hang, on however slow a machine.
const HANG: Duration = Duration::from_secs(120);

/// Connects all of them, a few at a time, since a kernel has so many waiting connections at most.
pub(crate) async fn connect(crowd: &Arc<Crowd>, count: u64) -> JoinSet<Result<u64, String>> {
    let mut clients = JoinSet::new();
    for nth in 0..count {
        let stream =
            TcpStream::connect(&crowd.host).await.unwrap_or_else(|error| panic!("connection {nth}: {error}"));
        let (asks, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        // Its end is seen by who asks.
        tokio::spawn(connection);
        let client = client(nth, asks, Arc::clone(crowd));
        clients.spawn(async move { client.await.map_err(|wrong| format!("connection {nth}: {wrong}")) });
    }
    clients
}

/// Asks until it is over; gives how often, or what was wrong. It never connects again.
async fn client(
    nth: u64,
    mut connection: SendRequest<Empty<Bytes>>,
    crowd: Arc<Crowd>,
) -> Result<u64, String> {
    let mut random = Random::seeded(nth);
    let mut count = 0;
    // Half of them ask nothing that is refused, and so stay in the plain lane, where documents are not served.
    let mine: Vec<&Ask> = crowd.asks.iter().filter(|ask| nth.is_multiple_of(2) || !ask.odd).collect();
    while !crowd.over.load(Ordering::Relaxed) {
        let ask = mine[(random.next() % mine.len() as u64) as usize];
        let (settings, base) = (crowd.settings.now(), crowd.base.now());
        let told = || format!("{} {}, after {count} answers", ask.method, ask.path);
        let came = timeout(HANG, answer(ask, &mut connection, &crowd.host)).await;
        let came = came.map_err(|_| format!("no answer to {}", told()))?;
        let came = came.map_err(|error| format!("cut off at {}: {error}", told()))?;
        let settings = settings.held_until(crowd.settings.now());
        let base = base.held_until(crowd.base.now());
        if let Some(wrong) = ask.wrong(&came, &crowd.bases, settings, base) {
            return Err(wrong);
        }
        count += 1;
        // Half a second in the mean: the machine is for other tests, too.
        sleep(Duration::from_millis(random.next() % 1000)).await;
    }
    Ok(count)
}

async fn answer(
    ask: &Ask,
    connection: &mut SendRequest<Empty<Bytes>>,
    host: &str,
) -> Result<Came, hyper::Error> {
    connection.ready().await?;
    let request = Request::builder().method(&ask.method).uri(&ask.path).header("host", host);
    let response = connection.send_request(request.body(Empty::new()).unwrap()).await?;
    let (head, body) = response.into_parts();
    let body = body.collect().await?.to_bytes();
    Ok(Came { status: head.status.as_u16(), headers: head.headers, body })
}

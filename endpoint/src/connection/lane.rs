//! The plain lane: a connection for as long as its client asks as nearly all do, whole GETs and HEADs of something that
//! has an address. These are answered from the socket's bytes to the socket's bytes, with nothing kept in between.
//!
//! Whatever is out of the ordinary is not judged here but left to hyper, from its first byte: a request in pieces, another
//! method or protocol, a body, a path that is refused, an object or a document to be sent. So there is one place that
//! says how a request is refused, and this one is short enough to be read.

use std::cell::Cell;
use std::mem;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use http::Method;
use tokio::io::ReadBuf;
use tracing::{Level, debug, enabled};

use super::pulse::{Pulse, Told};
use super::watched::Socket;
use crate::client::{self, client};
use crate::live::{Live, View};
use crate::respond::outline;
use crate::route::{Answer, Asked, Reply, decide};
use crate::sight::{Asker, Exchange, TRACEPARENT, Trace, USER_AGENT, Witness, span};

mod plain;
mod wire;

use plain::Plain;

/// A connection in the plain lane.
pub(crate) struct Lane<S> {
    stream: S,
    peer: IpAddr,
    /// What the client has not taken yet of its answers.
    unsent: Vec<u8>,
    /// Whether something was written since it was last flushed, which TLS needs.
    unflushed: bool,
    /// Why nothing more is to be read.
    left: Option<Left>,
}

/// Why a connection leaves the lane.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// It is over.
    Over,
    /// It goes on with these bytes, which are for somebody else.
    Odd(Bytes),
}

/// Where a thread reads requests and writes answers. One for all of its connections, since nothing stays there from one
/// poll to the next: a connection that waits costs no buffer.
struct Desk {
    input: Box<[u8]>,
    output: Vec<u8>,
}

/// As much as is read at once; a request that does not fit is in pieces.
const INPUT_SIZE: usize = 16 * 1024;

thread_local! {
    static DESK: Cell<Option<Desk>> = const { Cell::new(None) };
}

impl<S: Socket> Lane<S> {
    pub(super) fn new(stream: S, peer: IpAddr) -> Self {
        Self { stream, peer, unsent: Vec::new(), unflushed: false, left: None }
    }

    /// Has it leave in this way, at the next poll.
    pub(super) fn leave(&mut self, left: Left) {
        self.left = Some(left);
    }

    pub(super) fn into_stream(self) -> S {
        self.stream
    }

    /// Answers until the connection leaves.
    pub(super) fn poll(
        &mut self,
        context: &mut Context<'_>,
        live: &Live,
        pulse: &Pulse,
        witness: &Witness,
    ) -> Poll<Left> {
        let mut desk = DESK
            .take()
            .unwrap_or_else(|| Desk { input: vec![0; INPUT_SIZE].into_boxed_slice(), output: Vec::new() });
        let polled = self.go_on(context, live, (pulse, witness), &mut desk);
        desk.output.clear();
        // After many requests at once.
        desk.output.shrink_to(INPUT_SIZE);
        DESK.set(Some(desk));
        polled
    }

    fn go_on(
        &mut self,
        context: &mut Context<'_>,
        live: &Live,
        (pulse, witness): (&Pulse, &Witness),
        desk: &mut Desk,
    ) -> Poll<Left> {
        loop {
            let told = pulse.told();
            while !self.unsent.is_empty() {
                if told == Some(Told::Cut) {
                    return Poll::Ready(Left::Over);
                }
                let sent = Pin::new(&mut self.stream).poll_write(context, &self.unsent);
                let Ok(count @ 1..) = ready!(sent) else { return Poll::Ready(Left::Over) };
                pulse.moved();
                witness.sent(count);
                self.unsent.drain(..count);
            }
            if self.unflushed {
                if told == Some(Told::Cut) {
                    return Poll::Ready(Left::Over);
                }
                let Ok(()) = ready!(Pin::new(&mut self.stream).poll_flush(context)) else {
                    return Poll::Ready(Left::Over);
                };
                self.unflushed = false;
            }
            if let Some(left) = self.left.take() {
                return Poll::Ready(left);
            }
            // Between two answers.
            if told.is_some() {
                return Poll::Ready(Left::Over);
            }
            let mut buffer = ReadBuf::new(&mut desk.input);
            match ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {}
                Ok(()) | Err(_) => return Poll::Ready(Left::Over),
            }
            desk.output.clear();
            let told = (pulse, witness);
            self.left = answers(buffer.filled(), self.peer, &live.view(), told, &mut desk.output);
            // What the client sent and is not read when a socket is closed takes the answer with it, RFC 9112 §9.6.
            let is_last = self.left == Some(Left::Over) && buffer.remaining() > 0;
            self.begin_to_send(context, told, &desk.output, is_last);
        }
    }

    /// Most answers are taken at once, and then nothing is kept.
    fn begin_to_send(
        &mut self,
        context: &mut Context<'_>,
        (pulse, witness): (&Pulse, &Witness),
        output: &[u8],
        is_last: bool,
    ) {
        if output.is_empty() {
            return;
        }
        self.unflushed = true;
        let stream = Pin::new(&mut self.stream);
        let sent = if is_last {
            stream.poll_write_last(context, output)
        } else {
            stream.poll_write(context, output)
        };
        match sent {
            Poll::Ready(Ok(count)) => {
                pulse.moved();
                witness.sent(count);
                self.unsent.extend_from_slice(&output[count..]);
            }
            Poll::Ready(Err(_)) => self.left = Some(Left::Over),
            Poll::Pending => self.unsent.extend_from_slice(output),
        }
    }
}

/// Writes the answers to all requests in `input` into `output`, in their order. Pure but for the clock, the pulse, the
/// witness and the log.
fn answers(
    input: &[u8],
    peer: IpAddr,
    view: &View,
    (pulse, witness): (&Pulse, &Witness),
    output: &mut Vec<u8>,
) -> Option<Left> {
    let date = wire::date();
    let mut clock = Instant::now();
    let mut rest = input;
    while !rest.is_empty() {
        let Some((length, close)) = answer(rest, peer, view, (&date, &mut clock), witness, output) else {
            return Some(Left::Odd(Bytes::copy_from_slice(rest)));
        };
        pulse.asked();
        if close {
            return Some(Left::Over);
        }
        rest = &rest[length..];
    }
    None
}

/// Writes the answer to the first request; tells its length, and whether it is the last. `None` where it is not for us.
fn answer(
    input: &[u8],
    peer: IpAddr,
    view: &View,
    (date, clock): (&wire::Date, &mut Instant),
    witness: &Witness,
    output: &mut Vec<u8>,
) -> Option<(usize, bool)> {
    plain::read(input, |plain, headers| {
        let Plain { ref method, path, query, close, length } = plain;
        let settings = &view.settings;
        let values = |name: &'static str| {
            let lines = headers.iter().filter(move |line| line.name.eq_ignore_ascii_case(name));
            lines.map(|line| line.value)
        };
        let address = || client(peer, values(client::header(&settings.proxies)), &settings.proxies);
        let client = settings.by_client.then(address);
        let reply = match decide(&Asked { method, path, query, client }, settings, &view.health) {
            Answer::Reply(reply) => reply,
            Answer::Object(..) | Answer::Document(_) => return None,
        };
        match reply {
            // The grammar has read the whole path, so hyper would have taken it too.
            Reply::Ping
            | Reply::Version
            | Reply::Healthy
            | Reply::Redirect(_)
            | Reply::RedirectOfClient(_) => {}
            Reply::Unknown(_)
            | Reply::MethodNotAllowed(_)
            | Reply::TooLong
            | Reply::BadPage
            | Reply::OriginDown(_)
            | Reply::OriginWrong(_)
            | Reply::Failed => return None,
        }
        let outline = outline(&reply, settings);
        if enabled!(Level::DEBUG) {
            let span = span(Trace::of(values(TRACEPARENT)));
            span.in_scope(|| debug!(%method, path, status = outline.status.as_u16()));
        }
        wire::write(&outline, method, close, date, output);
        let begun = mem::replace(clock, Instant::now());
        let bytes = if method == Method::HEAD { 0 } else { outline.body.len() as u64 };
        let exchange = Exchange { method, path, status: outline.status, bytes, took: *clock - begun };
        witness.answered(&exchange, || Asker {
            client: client.unwrap_or_else(address),
            agent: values(USER_AGENT).next(),
            trace: Trace::of(values(TRACEPARENT)),
        });
        Some((length, close))
    })
}

#[cfg(test)]
mod tests;

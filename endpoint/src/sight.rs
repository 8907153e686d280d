//! What can be seen from outside: each accept loop counts and logs by a `Witness` of its own, and nobody adds up until
//! somebody asks.

use std::io::{self, Write};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{Method, StatusCode};

use crate::settings::AccessLog;

mod access;
mod kind;
mod line;
mod metrics;
mod tally;
mod trace;

use access::Queue;
use kind::Kind;
pub(crate) use metrics::{CONTENT_TYPE, text};
use tally::Tally;
pub(crate) use trace::{TRACEPARENT, Trace, span};

/// The header in which a client says what it is.
pub(crate) const USER_AGENT: &str = "user-agent";

/// What is counted and logged of a process. It outlives the settings in force.
#[derive(Debug)]
pub struct Sight {
    /// One of each accept loop.
    tallies: Mutex<Vec<Arc<Tally>>>,
    /// Settings loaded, and settings refused, since the start.
    loads: [AtomicU64; 2],
    stopping: AtomicBool,
    access: Option<Queue>,
}

/// Who counts and logs for one accept loop. Nobody else writes to what it counts, so that no addition ever waits for
/// another core.
#[derive(Debug, Default)]
pub(crate) struct Witness {
    tally: Arc<Tally>,
    access: Option<Queue>,
    /// Requests that the sample is taken of.
    asked: AtomicU64,
}

/// A connection as long as it is open.
#[derive(Debug)]
pub(crate) struct Open(Arc<Tally>);

/// One request and its answer.
#[derive(Debug)]
pub(crate) struct Exchange<'r> {
    pub(crate) method: &'r Method,
    pub(crate) path: &'r str,
    pub(crate) status: StatusCode,
    /// Of the body that is sent, as it is announced.
    pub(crate) bytes: u64,
    /// From the request's last byte read until the answer was ready to be sent.
    pub(crate) took: Duration,
}

/// Who asked, which only a log wants to know.
#[derive(Debug)]
pub(crate) struct Asker<'r> {
    pub(crate) client: IpAddr,
    pub(crate) agent: Option<&'r [u8]>,
    pub(crate) trace: Option<Trace<'r>>,
}

impl Sight {
    pub(crate) fn new(access: Option<AccessLog>) -> Self {
        Self {
            tallies: Mutex::default(),
            loads: Default::default(),
            stopping: AtomicBool::new(false),
            access: access.map(Queue::new),
        }
    }

    /// Has the lines of requests written there, by a thread of their own, if there are to be any.
    pub fn write(&self, output: impl Write + Send + 'static) -> io::Result<()> {
        self.access.as_ref().map_or(Ok(()), |access| access.write(output))
    }

    /// Waits until all lines are written, but not long: nobody may be taking them.
    pub fn finish(&self) {
        if let Some(access) = &self.access {
            access.finish();
        }
    }

    /// For one more accept loop.
    pub(crate) fn witness(&self) -> Witness {
        let tally = Arc::<Tally>::default();
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&tally));
        Witness { tally, access: self.access.clone(), asked: AtomicU64::new(0) }
    }

    /// Settings were loaded, or refused.
    pub(crate) fn loaded(&self, good: bool) {
        self.loads[usize::from(!good)].fetch_add(1, Ordering::Relaxed);
    }

    /// No connection is accepted from here on.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }
}

impl Witness {
    /// A request was answered. Who asked is found out only for a line in the log.
    pub(crate) fn answered<'r>(&self, exchange: &Exchange<'_>, asker: impl FnOnce() -> Asker<'r>) {
        self.tally.answered(Kind::of(exchange.path), exchange.status, exchange.took);
        if let Some(access) = &self.access
            && self.is_next(access.sample())
        {
            access.put(exchange, &asker());
        }
    }

    /// What could not be read as a request was refused. Nobody knows what it asked for.
    pub(crate) fn unread(&self, status: StatusCode) {
        self.tally.answered(Kind::Other, status, Duration::ZERO);
    }

    /// So many bytes went to a client.
    pub(crate) fn sent(&self, bytes: usize) {
        self.tally.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// A connection was accepted.
    pub(crate) fn open(&self) -> Open {
        self.tally.accepted.fetch_add(1, Ordering::Relaxed);
        Open(Arc::clone(&self.tally))
    }

    /// The system gave us no connection, though somebody wanted one.
    pub(crate) fn refused(&self) {
        self.tally.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection is cut off because nothing moved for too long, perhaps without ever having asked.
    pub(crate) fn cut(&self, was_asked: bool) {
        let counter = if was_asked { &self.tally.idle } else { &self.tally.silent };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn is_next(&self, sample: u64) -> bool {
        sample == 1 || self.asked.fetch_add(1, Ordering::Relaxed).is_multiple_of(sample)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

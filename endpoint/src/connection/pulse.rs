//! What a connection and the one who watches over it tell each other: that it moves, and that it is to end.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::task::{Context, Poll, Waker};

/// Whether a connection did something that counts, and whether it was told to end.
///
/// A request counts, and a byte that the client took of an answer. A byte that it sent does not: else one that sends a
/// header letter by letter would stay for ever. Telling it costs one store, and neither a look at the clock nor a timer:
/// whoever watches has both, for all connections at once.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    asked: AtomicBool,
    moved: AtomicBool,
    told: AtomicU8,
    waker: OnceLock<Waker>,
}

/// How a connection is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Told {
    /// After the answer under way.
    Finish,
    /// At once.
    Cut,
}

impl Pulse {
    /// A request has arrived.
    pub(crate) fn asked(&self) {
        self.asked.store(true, Ordering::Relaxed);
        self.moved();
    }

    /// The client took some of an answer.
    pub(crate) fn moved(&self) {
        self.moved.store(true, Ordering::Relaxed);
    }

    /// Whether there ever was a request.
    pub(crate) fn was_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// Whether it moved since this was last asked.
    pub(crate) fn take_moved(&self) -> bool {
        // Without a read that locks the bus: what is lost between the two is found at the next look.
        let moved = self.moved.load(Ordering::Relaxed);
        if moved {
            self.moved.store(false, Ordering::Relaxed);
        }
        moved
    }

    /// Ends the connection. Who was told to finish may still be told to cut, not the other way round. Returns whether it
    /// is news.
    pub(crate) fn tell(&self, told: Told) -> bool {
        let code = told as u8 + 1;
        let is_news = self.told.fetch_max(code, Ordering::SeqCst) < code;
        if is_news && let Some(waker) = self.waker.get() {
            waker.wake_by_ref();
        }
        is_news
    }

    /// What it was told.
    pub(crate) fn told(&self) -> Option<Told> {
        match self.told.load(Ordering::SeqCst) {
            0 => None,
            1 => Some(Told::Finish),
            _ => Some(Told::Cut),
        }
    }

    /// The outcome of `future`, unless it is told to end before.
    pub(super) async fn until_told<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let mut future = pin!(future);
        poll_fn(|context| {
            self.wakes(context);
            match future.as_mut().poll(context) {
                Poll::Ready(done) => Poll::Ready(Some(done)),
                Poll::Pending if self.told().is_some() => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    /// Has the task of this context woken when it is told something. A connection is one task from beginning to end,
    /// and a task's waker stays the same: so only the first is kept.
    pub(super) fn wakes(&self, context: &Context<'_>) {
        self.waker.get_or_init(|| context.waker().clone());
    }
}

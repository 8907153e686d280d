//! Long work off the async threads, which tells how far it is.

use std::io;

use tokio::sync::{mpsc, oneshot};

use super::Told;

/// What one piece of work tells through.
pub(super) struct Tell {
    done: Option<mpsc::UnboundedSender<u64>>,
}

impl Tell {
    /// Work that nobody waits for.
    pub(super) const fn nobody() -> Self {
        Self { done: None }
    }

    /// So many bytes are done.
    ///
    /// # Errors
    /// When nobody waits for the work any longer.
    pub(super) fn done(&self, bytes: u64) -> io::Result<()> {
        let sent = self.done.as_ref().map_or(Ok(()), |done| done.send(bytes));
        sent.map_err(|_| io::Error::other("nobody waits for this any longer"))
    }
}

/// Runs work on a thread where it may block, and passes on what it tells. Ends early when the future is dropped.
///
/// A thread of its own: the end of the runtime would wait for one of its own, which may wait for standard input.
pub(super) async fn run<T: Send + 'static>(
    what: &str,
    total: Option<u64>,
    told: &dyn Told,
    work: impl FnOnce(&Tell) -> T + Send + 'static,
) -> io::Result<T> {
    told.progress(what, 0, total);
    let (done, mut tells) = mpsc::unbounded_channel();
    let (give, result) = oneshot::channel();
    std::thread::Builder::new()
        .name("source".into())
        .spawn(move || give.send(work(&Tell { done: Some(done) })).ok())?;
    while let Some(done) = tells.recv().await {
        // None at all was told above.
        if done > 0 {
            told.progress(what, done, total);
        }
    }
    result.await.map_err(io::Error::other)
}

//! Whether anything moves on a connection: the clock by which silent, idle and stalled ones are closed.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{self, Instant};

use crate::settings::Limits;

/// When a connection last did something that counts.
///
/// A request counts, and a byte that the client took of an answer. A byte that it sent does not: else one that sends a
/// header letter by letter would stay for ever. hyper's own timeouts know neither a client that is silent from the
/// start (what it speaks is not yet known) nor one that does not read its answer, and cost a timer for each request.
pub(super) struct Pulse {
    born: Instant,
    asked: AtomicBool,
    /// Milliseconds from `born`.
    last: AtomicU64,
}

impl Pulse {
    pub(super) fn new() -> Self {
        Self { born: Instant::now(), asked: AtomicBool::new(false), last: AtomicU64::new(0) }
    }

    /// A request has arrived.
    pub(super) fn asked(&self) {
        self.asked.store(true, Ordering::Relaxed);
        self.moved();
    }

    fn moved(&self) {
        self.last.store(self.born.elapsed().as_millis() as u64, Ordering::Relaxed);
    }

    /// Resolves when the client has been quiet for longer than the limits allow. May be asked for again.
    pub(super) async fn stops(&self, limits: &Limits) {
        loop {
            let deadline = self.deadline(limits);
            if deadline <= Instant::now() {
                return;
            }
            time::sleep_until(deadline).await;
        }
    }

    fn deadline(&self, limits: &Limits) -> Instant {
        if self.asked.load(Ordering::Relaxed) {
            self.born + Duration::from_millis(self.last.load(Ordering::Relaxed)) + limits.idle
        } else {
            self.born + limits.header
        }
    }
}

/// A socket that tells its [`Pulse`] of every byte that the client takes.
pub(super) struct Watched {
    stream: TcpStream,
    pulse: Arc<Pulse>,
}

impl Watched {
    pub(super) fn new(stream: TcpStream, pulse: Arc<Pulse>) -> Self {
        Self { stream, pulse }
    }

    fn wrote(&self, result: io::Result<usize>) -> Poll<io::Result<usize>> {
        if matches!(result, Ok(count) if count > 0) {
            self.pulse.moved();
        }
        Poll::Ready(result)
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = ready!(Pin::new(&mut self.stream).poll_write(context, bytes));
        self.wrote(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = ready!(Pin::new(&mut self.stream).poll_write_vectored(context, buffers));
        self.wrote(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream as Client;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    fn limits() -> Limits {
        let [header, idle, total] = [10, 60, 600].map(Duration::from_secs);
        Limits { connections: 1, header, idle, total, drain: total }
    }

    /// How many seconds from now until the connection is given up. The clock leaps.
    async fn patience(pulse: &Pulse) -> u64 {
        let now = Instant::now();
        pulse.stops(&limits()).await;
        now.elapsed().as_secs()
    }

    async fn pass(seconds: u64) {
        time::sleep(Duration::from_secs(seconds)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_request_has_its_own_time() {
        let pulse = Pulse::new();
        pass(3).await;
        assert_eq!(patience(&pulse).await, 7);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_and_what_is_written_begin_the_idle_time_anew() {
        let pulse = Pulse::new();
        pass(5).await;
        pulse.asked();
        pass(50).await;
        pulse.moved();
        pass(50).await;
        assert_eq!(patience(&pulse).await, 10);
    }

    #[tokio::test(start_paused = true)]
    async fn what_moves_in_the_meantime_counts() {
        let pulse = Pulse::new();
        pulse.asked();
        let (begin, limits) = (Instant::now(), limits());
        tokio::join!(pulse.stops(&limits), async {
            pass(59).await;
            pulse.moved();
        });
        assert_eq!(begin.elapsed().as_secs(), 119);
    }

    #[tokio::test]
    async fn bytes_to_the_client_move_it_and_bytes_from_it_do_not() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = Client::connect(listener.local_addr().unwrap()).unwrap();
        let pulse = Arc::new(Pulse::new());
        let mut socket = Watched::new(listener.accept().await.unwrap().0, Arc::clone(&pulse));
        time::sleep(Duration::from_millis(5)).await;
        io::Write::write_all(&mut client, b"a").unwrap();
        socket.read_u8().await.unwrap();
        assert_eq!(pulse.last.load(Ordering::Relaxed), 0);
        socket.write_all(b"b").await.unwrap();
        let first = pulse.last.load(Ordering::Relaxed);
        assert!(first >= 5);
        time::sleep(Duration::from_millis(5)).await;
        assert_eq!(socket.write_vectored(&[io::IoSlice::new(b"c")]).await.unwrap(), 1);
        assert!(pulse.last.load(Ordering::Relaxed) > first);
    }
}

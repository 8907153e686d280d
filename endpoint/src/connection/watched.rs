//! A socket of which the beginning has been read already, and which tells of every byte that the client takes.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::pulse::Pulse;
use crate::sight::Witness;

/// What a connection may be made of: TCP, or TLS on it.
pub(crate) trait Socket: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// As [`AsyncWrite::poll_write`], where the socket is to be closed once all of this is taken.
    fn poll_write_last(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write(context, bytes)
    }
}

impl Socket for TcpStream {}

impl Socket for TlsStream<TcpStream> {}

#[cfg(any(fuzzing, test))]
impl Socket for tokio::io::DuplexStream {}

#[cfg(test)]
impl Socket for tokio::io::BufWriter<tokio::io::DuplexStream> {}

/// A socket that tells its [`Pulse`] of what is written. Of any kind, so that there is one hyper for all of them: it is
/// the largest part of the program.
pub(super) struct Watched {
    /// What was read of it, and is to be read again.
    begun: Bytes,
    stream: Box<dyn Socket>,
    pulse: Arc<Pulse>,
    witness: Arc<Witness>,
}

impl Watched {
    pub(super) fn new(
        begun: Bytes,
        stream: Box<dyn Socket>,
        pulse: Arc<Pulse>,
        witness: Arc<Witness>,
    ) -> Self {
        Self { begun, stream, pulse, witness }
    }

    fn wrote(&self, result: io::Result<usize>) -> Poll<io::Result<usize>> {
        if let Ok(count @ 1..) = result {
            self.pulse.moved();
            self.witness.sent(count);
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
        if self.begun.is_empty() {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        }
        let length = self.begun.len().min(buffer.remaining());
        buffer.put_slice(&self.begun[..length]);
        self.begun.advance(length);
        Poll::Ready(Ok(()))
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
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn bytes_to_the_client_move_it_and_bytes_from_it_do_not() {
        let (mut client, socket) = duplex(64);
        let pulse = Arc::new(Pulse::default());
        let mut socket = Watched::new(Bytes::new(), Box::new(socket), Arc::clone(&pulse), Arc::default());
        client.write_all(b"a").await.unwrap();
        socket.read_u8().await.unwrap();
        assert!(!pulse.take_moved());
        socket.write_all(b"b").await.unwrap();
        assert!(pulse.take_moved());
        assert!(!pulse.take_moved());
        assert_eq!(socket.write_vectored(&[io::IoSlice::new(b"c")]).await.unwrap(), 1);
        assert!(pulse.take_moved());
        assert!(!pulse.was_asked());
    }

    #[tokio::test]
    async fn what_was_read_before_is_read_first() {
        let (mut client, socket) = duplex(64);
        let mut socket =
            Watched::new(Bytes::from_static(b"GET "), Box::new(socket), Arc::default(), Arc::default());
        client.write_all(b"/v2/").await.unwrap();
        let mut three = [0; 3];
        socket.read_exact(&mut three).await.unwrap();
        let mut rest = [0; 5];
        socket.read_exact(&mut rest).await.unwrap();
        assert_eq!((&three, &rest), (b"GET", b" /v2/"));
    }
}

//! A TCP socket that was just accepted.
//!
//! The request is often there when the connection is. It is then read and answered before the runtime hears of the socket,
//! and where it is the only one, the runtime never does: nothing is registered, waited for and taken off again.

use std::io::{self, IoSlice, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::{mem, net};

use rustix::net::{SendFlags, send};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::watched::Socket;

/// In one packet with the end of the connection, which comes next, where the system knows how.
#[cfg(target_os = "linux")]
const LAST: SendFlags = SendFlags::MORE.union(SendFlags::NOSIGNAL);
#[cfg(not(target_os = "linux"))]
const LAST: SendFlags = SendFlags::empty();

/// A TCP socket, which the runtime knows from the first time on that it has to be waited for.
pub(crate) struct Fresh {
    state: State,
    was_read: bool,
}

enum State {
    /// It does not block.
    Unknown(net::TcpStream),
    Known(TcpStream),
    /// The runtime has no room for it.
    Lost,
}

impl Fresh {
    /// The socket must not block.
    pub(crate) fn new(socket: net::TcpStream) -> Self {
        Self { state: State::Unknown(socket), was_read: false }
    }

    /// As the runtime knows it.
    pub(super) fn known(mut self) -> io::Result<TcpStream> {
        self.know()?;
        match self.state {
            State::Known(socket) => Ok(socket),
            State::Unknown(_) | State::Lost => Err(lost()),
        }
    }

    fn know(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        if let State::Unknown(_) = self.state
            && let State::Unknown(socket) = mem::replace(&mut self.state, State::Lost)
        {
            self.state = State::Known(TcpStream::from_std(socket)?);
        }
        match &mut self.state {
            State::Known(socket) => Ok(Pin::new(socket)),
            State::Unknown(_) | State::Lost => Err(lost()),
        }
    }

    /// What `write` does with the socket, unless it has to be waited for.
    fn at_once(&self, write: impl Fn(&net::TcpStream) -> io::Result<usize>) -> Option<io::Result<usize>> {
        let State::Unknown(socket) = &self.state else { return None };
        Some(write(socket)).filter(|wrote| !would_block(wrote))
    }
}

fn lost() -> io::Error {
    io::ErrorKind::NotConnected.into()
}

fn would_block<T>(result: &io::Result<T>) -> bool {
    result.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

impl AsyncRead for Fresh {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let fresh = &mut *self;
        match &mut fresh.state {
            State::Known(socket) => return Pin::new(socket).poll_read(context, buffer),
            // Once: from then on the runtime sees to it that others have their turn.
            State::Unknown(socket) if !mem::replace(&mut fresh.was_read, true) => {
                let read = socket.read(buffer.initialize_unfilled());
                if !would_block(&read) {
                    buffer.advance(read?);
                    return Poll::Ready(Ok(()));
                }
            }
            State::Unknown(_) | State::Lost => {}
        }
        fresh.know()?.poll_read(context, buffer)
    }
}

impl AsyncWrite for Fresh {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let State::Known(socket) = &mut self.state {
            return Pin::new(socket).poll_write(context, bytes);
        }
        match self.at_once(|mut socket| socket.write(bytes)) {
            Some(wrote) => Poll::Ready(wrote),
            None => self.know()?.poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.know()?.poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // TCP keeps nothing back.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.know()?.poll_shutdown(context))?;
        Poll::Ready(Ok(()))
    }
}

impl Socket for Fresh {
    fn poll_write_last(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.at_once(|socket| Ok(send(socket, bytes, LAST)?)) {
            Some(wrote) => Poll::Ready(wrote),
            None => self.as_mut().poll_write(context, bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::task::Waker;
    use std::thread;
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    fn pair() -> (net::TcpStream, Fresh) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (socket, _) = listener.accept().unwrap();
        socket.set_nonblocking(true).unwrap();
        (client, Fresh::new(socket))
    }

    /// Without a runtime: were it told of the socket, this would panic.
    #[test]
    fn what_is_there_is_read_and_answered_without_the_runtime() {
        let (mut client, mut fresh) = pair();
        client.write_all(b"GET").unwrap();
        while is_empty(&fresh) {
            thread::yield_now();
        }
        let context = &mut Context::from_waker(Waker::noop());
        let mut bytes = [0; 8];
        let mut buffer = ReadBuf::new(&mut bytes);
        assert!(matches!(Pin::new(&mut fresh).poll_read(context, &mut buffer), Poll::Ready(Ok(()))));
        assert_eq!(buffer.filled(), b"GET");
        assert!(matches!(Pin::new(&mut fresh).poll_write(context, b"on"), Poll::Ready(Ok(2))));
        assert!(matches!(Pin::new(&mut fresh).poll_write_last(context, b"ce"), Poll::Ready(Ok(2))));
        drop(fresh);
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).unwrap();
        assert_eq!(answer, b"once");
    }

    fn is_empty(fresh: &Fresh) -> bool {
        let State::Unknown(socket) = &fresh.state else { return false };
        would_block(&socket.peek(&mut [0]))
    }

    #[tokio::test]
    async fn what_is_to_come_is_waited_for() {
        let (client, mut fresh) = pair();
        let told = thread::spawn(move || {
            let mut client = client;
            for part in [b"one", b"two"] {
                thread::sleep(Duration::from_millis(20));
                client.write_all(part).unwrap();
            }
            let mut answer = Vec::new();
            client.read_to_end(&mut answer).unwrap();
            answer
        });
        let mut both = [0; 6];
        fresh.read_exact(&mut both).await.unwrap();
        assert_eq!(&both, b"onetwo");
        fresh.write_all(b"answer").await.unwrap();
        fresh.shutdown().await.unwrap();
        assert_eq!(told.join().unwrap(), b"answer");
    }
}

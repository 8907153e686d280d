//! A bad network before a cluster: connections that break, answers that are lost, bytes that change on their way.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What befalls a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// An answer of 503 to whatever comes.
    Busy,
    /// It breaks after so many bytes of the client's.
    Cut(usize),
    /// The request is carried out, and its answer is lost.
    Deaf,
    /// This byte of the client's arrives as another; after the answer it breaks.
    Flip(usize),
}

/// Between a client and a cluster. Connections are good, but for those that were told to be otherwise.
pub(crate) struct Front {
    pub(crate) port: u16,
    faults: Arc<Mutex<VecDeque<Fault>>>,
    connections: Arc<Mutex<Vec<JoinHandle<io::Result<()>>>>>,
}

impl Front {
    pub(crate) async fn before(cluster: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let front = Self { port, faults: Arc::default(), connections: Arc::default() };
        let (faults, connections) = (Arc::clone(&front.faults), Arc::clone(&front.connections));
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let fault = faults.lock().unwrap().pop_front();
                connections.lock().unwrap().push(tokio::spawn(serve(client, cluster, fault)));
            }
        });
        front
    }

    /// Ends all connections; these faults befall the next ones.
    pub(crate) fn next(&self, faults: &[Fault]) {
        *self.faults.lock().unwrap() = faults.iter().copied().collect();
        self.connections.lock().unwrap().drain(..).for_each(|connection| connection.abort());
    }

    /// How many faults did not come to pass.
    pub(crate) fn left(&self) -> usize {
        self.faults.lock().unwrap().len()
    }
}

async fn serve(mut client: TcpStream, cluster: u16, fault: Option<Fault>) -> io::Result<()> {
    let mut server = TcpStream::connect(("127.0.0.1", cluster)).await?;
    match fault {
        None => {
            copy_bidirectional(&mut client, &mut server).await?;
        }
        Some(Fault::Busy) => {
            client.read_u8().await?;
            let answer = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            client.write_all(answer.as_bytes()).await?;
            client.shutdown().await?;
            // Closing before all was read would reset the connection, and with it the answer.
            tokio::io::copy(&mut client, &mut tokio::io::sink()).await?;
        }
        Some(Fault::Cut(bytes)) => {
            let (mut from_client, mut to_client) = client.split();
            let (mut from_server, mut to_server) = server.split();
            let mut some = (&mut from_client).take(bytes as u64);
            tokio::select! {
                copied = tokio::io::copy(&mut some, &mut to_server) => { copied?; }
                copied = tokio::io::copy(&mut from_server, &mut to_client) => { copied?; }
            }
        }
        Some(Fault::Deaf) => {
            let (mut from_client, _to_client) = client.split();
            let (mut from_server, mut to_server) = server.split();
            tokio::select! {
                copied = tokio::io::copy(&mut from_client, &mut to_server) => { copied?; }
                answered = from_server.read_u8() => { answered?; }
            }
        }
        Some(Fault::Flip(at)) => flip(client, server, at).await?,
    }
    Ok(())
}

async fn flip(mut client: TcpStream, mut server: TcpStream, at: usize) -> io::Result<()> {
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let forth = async {
        tokio::io::copy(&mut (&mut from_client).take(at as u64), &mut to_server).await?;
        let byte = from_client.read_u8().await?;
        to_server.write_u8(!byte).await?;
        tokio::io::copy(&mut from_client, &mut to_server).await?;
        std::future::pending().await
    };
    // One answer, so that the next request comes by another connection.
    let back = async {
        let mut answer = [0; 4096];
        let length = from_server.read(&mut answer).await?;
        to_client.write_all(&answer[..length]).await
    };
    tokio::select! {
        broken = forth => broken,
        answered = back => answered,
    }
}

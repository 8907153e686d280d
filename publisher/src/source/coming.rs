//! Content that comes in chunks, read on a thread that may block.

use std::io::{self, BufRead, Cursor, Read};

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use tokio::sync::mpsc;

use super::packing::{MAGIC, Packing, fill};
use super::work::{self, Tell};

/// How many chunks wait to be read.
const WAITING: usize = 4;

/// Works on what comes, which is packed in this way by its first bytes. What went wrong with the chunks is what reading
/// them says.
pub(super) async fn run<T: Send + 'static>(
    mut chunks: BoxStream<'_, io::Result<Bytes>>,
    work: impl FnOnce(Packing, &mut (dyn BufRead + Send), &Tell) -> T + Send + 'static,
) -> io::Result<T> {
    let (give, take) = mpsc::channel(WAITING);
    let pass_on = async move {
        while let Some(chunk) = chunks.next().await {
            // Who takes nothing more has ended, and says how.
            if give.send(chunk).await.is_err() {
                break;
            }
        }
    };
    let working = work::run("", None, &(), move |tell| {
        let mut coming = Coming { chunks: take, chunk: Bytes::new() };
        let mut first = [0; MAGIC];
        let n = fill(&mut coming, &mut first)?;
        let mut whole = Cursor::new(first).take(n as u64).chain(coming);
        Ok(work(Packing::of(&first[..n]), &mut whole, tell))
    });
    let ((), worked) = tokio::join!(pass_on, working);
    worked.flatten()
}

struct Coming {
    chunks: mpsc::Receiver<io::Result<Bytes>>,
    chunk: Bytes,
}

impl BufRead for Coming {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.chunk.is_empty() {
            match self.chunks.blocking_recv() {
                Some(chunk) => self.chunk = chunk?,
                None => break,
            }
        }
        Ok(&self.chunk)
    }

    fn consume(&mut self, read: usize) {
        let _ = self.chunk.split_to(read);
    }
}

impl Read for Coming {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.fill_buf()?.read(buffer)?;
        self.consume(n);
        Ok(n)
    }
}

//! Compresses on all cores, in bounded memory: a layer is cut into blocks, and each becomes a gzip member or a zstd frame.
//!
//! Both formats are series of such parts ([RFC 1952, section 2.2](https://www.rfc-editor.org/rfc/rfc1952#section-2.2),
//! [RFC 8878, section 3](https://www.rfc-editor.org/rfc/rfc8878#section-3)); layers of eStargz and zstd:chunked are made
//! of them, too. Where a layer is cut depends on nothing but the layer, so that its digest does not depend on the machine.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use contract::packed::Packed;

use super::layer::LayerError;
use super::packing::fill;

mod compressor;

use compressor::Compressor;

/// More cores than one thread can read and hash for, which the memory for blocks would grow with.
const WORKERS_MAX: usize = 16;

/// Threads that compress blocks, of several layers at the same time.
#[derive(Debug)]
pub(super) struct Blocks {
    jobs: Sender<Job>,
    vacant: Arc<Vacant>,
}

/// A block to compress, and who waits for it.
struct Job {
    block: Block,
    done: SyncSender<io::Result<Block>>,
}

/// A piece of a layer, plain or packed.
struct Block {
    buffer: Vec<u8>,
    /// How much of it is filled.
    filled: usize,
    vacant: Arc<Vacant>,
}

/// Buffers that nobody uses, and how many more may be made: what bounds the memory.
#[derive(Debug)]
struct Vacant {
    buffers: Mutex<Vec<Vec<u8>>>,
    given_back: Condvar,
}

/// How many threads compress on this machine.
pub(super) fn workers() -> usize {
    thread::available_parallelism().map_or(1, Into::into).min(WORKERS_MAX)
}

impl Blocks {
    /// Starts so many threads, for so many layers at the same time. They end when this is dropped.
    pub(super) fn start(packed: Packed, workers: usize, layers: usize) -> Self {
        let (jobs, waiting) = mpsc::channel();
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..workers {
            let waiting = Arc::clone(&waiting);
            // Where none can be started, nobody receives, and who sends is told.
            let _ = thread::Builder::new().name("compress".into()).spawn(move || work(packed, &waiting));
        }
        // One in work for each thread, one that is read for each layer, and one that waits.
        let buffers = vec![Vec::new(); workers + layers + 1];
        Self { jobs, vacant: Arc::new(Vacant { buffers: Mutex::new(buffers), given_back: Condvar::new() }) }
    }

    /// Compresses a whole layer: `seen` gets it plain and in order, `packed` what it became.
    pub(super) fn run(
        &self,
        packed: Packed,
        mut plain: impl Read,
        mut seen: impl FnMut(&[u8]) -> Result<(), LayerError>,
        mut out: impl FnMut(&[u8]) -> Result<(), LayerError>,
    ) -> Result<(), LayerError> {
        let size = compressor::block_size(packed);
        let mut under_way = VecDeque::new();
        let mut is_end = false;
        while !is_end || !under_way.is_empty() {
            let vacant = if is_end { None } else { self.vacant.take(under_way.is_empty()) };
            let Some(mut buffer) = vacant else {
                under_way.pop_front().map_or(Ok(()), |done| pass_on(&done, &mut out))?;
                continue;
            };
            buffer.resize(size.max(buffer.len()), 0);
            let mut block = Block { buffer, filled: 0, vacant: Arc::clone(&self.vacant) };
            block.filled = fill(&mut plain, &mut block.buffer[..size]).map_err(LayerError::Read)?;
            is_end = block.filled < size;
            if block.filled > 0 {
                seen(&block.buffer[..block.filled])?;
                under_way.push_back(self.hand_over(block)?);
            }
        }
        Ok(())
    }

    fn hand_over(&self, block: Block) -> Result<Receiver<io::Result<Block>>, LayerError> {
        let (done, result) = mpsc::sync_channel(1);
        let sent = self.jobs.send(Job { block, done });
        sent.map_err(|_| LayerError::Compress(io::Error::other("no thread can be started")))?;
        Ok(result)
    }
}

fn pass_on(
    done: &Receiver<io::Result<Block>>,
    out: &mut impl FnMut(&[u8]) -> Result<(), LayerError>,
) -> Result<(), LayerError> {
    let block = done.recv().map_err(io::Error::other).flatten().map_err(LayerError::Compress)?;
    out(&block.buffer[..block.filled])
}

/// Until nobody can send a job any longer.
fn work(packed: Packed, waiting: &Mutex<Receiver<Job>>) {
    let (mut compressor, mut buffer) = (Compressor::new(packed), Vec::new());
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
    while let Ok(Job { mut block, done }) = next() {
        let compressed = compressor.as_mut().map_err(|e| io::Error::new(e.kind(), e.to_string()));
        let compressed = compressed.and_then(|it| it.compress(&block.buffer[..block.filled], &mut buffer));
        // Who does not wait any longer has failed meanwhile.
        let _ = done.send(compressed.map(|size| {
            // What was plain is where the next block is packed to.
            std::mem::swap(&mut block.buffer, &mut buffer);
            block.filled = size;
            block
        }));
    }
}

impl Vacant {
    /// A buffer, when there is one; `None` where there is none, and nobody wants to wait.
    fn take(&self, wait: bool) -> Option<Vec<u8>> {
        let mut buffers = self.lock();
        while wait && buffers.is_empty() {
            buffers = self.given_back.wait(buffers).unwrap_or_else(PoisonError::into_inner);
        }
        buffers.pop()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.buffers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        self.vacant.lock().push(std::mem::take(&mut self.buffer));
        self.vacant.given_back.notify_one();
    }
}

#[cfg(test)]
mod tests;

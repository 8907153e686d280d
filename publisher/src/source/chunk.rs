//! What is read at once, in buffers that are used again: given back to the allocator by other threads than those that asked
//! for them, buffers of this size would pile up in each thread's part of the heap.

use std::io::{self, Read};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::packing::fill;

/// Size of a chunk in bytes.
pub(super) const SIZE: usize = 256 << 10;

/// Buffers that nobody uses: no more than were ever in use at the same time.
static VACANT: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// Bytes that were read, for as long as somebody holds them.
pub(super) struct Chunk {
    buffer: Vec<u8>,
    filled: usize,
}

impl Chunk {
    /// The next bytes; fewer than [`SIZE`] at the end alone, none after it. Blocks.
    pub(super) fn fill(from: &mut impl Read) -> io::Result<Self> {
        let buffer = vacant().pop().unwrap_or_else(|| vec![0; SIZE]);
        let mut chunk = Self { buffer, filled: 0 };
        chunk.filled = fill(from, &mut chunk.buffer)?;
        Ok(chunk)
    }
}

impl AsRef<[u8]> for Chunk {
    fn as_ref(&self) -> &[u8] {
        &self.buffer[..self.filled]
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        vacant().push(std::mem::take(&mut self.buffer));
    }
}

fn vacant() -> MutexGuard<'static, Vec<Vec<u8>>> {
    VACANT.lock().unwrap_or_else(PoisonError::into_inner)
}

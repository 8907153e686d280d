//! How much content is in memory: rooms of one size that all contents under way share, and that are used again. Given
//! back to the allocator and asked for anew, buffers of this size would pile up.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The rooms.
#[derive(Debug)]
pub(super) struct Rooms {
    size: u64,
    count: u32,
    vacant: Arc<Semaphore>,
    /// The buffers of rooms that were left.
    buffers: Mutex<Vec<Vec<u8>>>,
}

/// A room, or several where one is too small, for as long as somebody holds what is in it.
pub(super) struct Room {
    pub(super) buffer: Vec<u8>,
    rooms: Arc<Rooms>,
    /// Nobody closes the semaphore.
    _stay: Option<OwnedSemaphorePermit>,
}

impl Rooms {
    /// As many rooms of `size` bytes as `memory` holds, one at least.
    pub(super) fn new(size: u64, memory: u64) -> Arc<Self> {
        let count = u32::try_from(memory / size.max(1)).unwrap_or(u32::MAX).clamp(1, 1 << 16);
        let vacant = Arc::new(Semaphore::new(count as usize));
        Arc::new(Self { size, count, vacant, buffers: Mutex::default() })
    }

    /// Waits for room for so many bytes. What is larger than all rooms has them all.
    pub(super) async fn enter(self: &Arc<Self>, bytes: usize) -> Room {
        let rooms = (bytes as u64).div_ceil(self.size.max(1)).min(u64::from(self.count));
        let rooms = u32::try_from(rooms).unwrap_or(self.count).max(1);
        let stay = Arc::clone(&self.vacant).acquire_many_owned(rooms).await.ok();
        let mut buffer = self.buffers().pop().unwrap_or_default();
        buffer.reserve_exact(bytes);
        Room { buffer, rooms: Arc::clone(self), _stay: stay }
    }

    fn buffers(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.buffers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    /// What is in the room, which is left when the last one lets go of it.
    pub(super) fn into_bytes(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Room {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut buffer = std::mem::take(&mut self.buffer);
        // A larger one is not worth keeping: its like is rare.
        if buffer.capacity() as u64 <= self.rooms.size {
            buffer.clear();
            self.rooms.buffers().push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_room_is_free_when_the_last_holder_lets_go() {
        let rooms = Rooms::new(4, 10);
        assert_eq!(rooms.vacant.available_permits(), 2);
        let mut room = rooms.enter(4).await;
        room.buffer.extend_from_slice(b"abcd");
        let place = room.buffer.as_ptr();
        let bytes = room.into_bytes();
        let again = bytes.clone();
        drop(bytes);
        assert_eq!((rooms.vacant.available_permits(), &again[..]), (1, &b"abcd"[..]));
        drop(again);
        assert_eq!(rooms.vacant.available_permits(), 2);
        assert_eq!(rooms.enter(3).await.buffer.as_ptr(), place);
    }

    #[tokio::test]
    async fn what_is_larger_than_all_rooms_has_them_all() {
        let rooms = Rooms::new(4, 10);
        let room = rooms.enter(100).await;
        assert_eq!(rooms.vacant.available_permits(), 0);
        drop(room);
        assert!(rooms.buffers().is_empty());
        assert_eq!(rooms.vacant.available_permits(), 2);
    }
}

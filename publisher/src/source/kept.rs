//! Where a packed layer is until it is sent: small ones in memory, others in files without names.

use std::io::{self, Seek, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use tempfile::{SpooledData, SpooledTempFile};

use super::place::Place;

/// Most bytes that are kept in memory, of one layer and of all of them: a file without a name is in the page cache as well,
/// and not in our memory.
const MEMORY_MAX: u64 = 1 << 20;

/// How much memory small layers have taken.
#[derive(Debug, Default)]
pub(super) struct Taken(AtomicU64);

/// A layer that is being written.
pub(super) struct Keeping(SpooledTempFile);

impl Keeping {
    /// In this folder, or where temporary files are.
    pub(super) fn new(folder: Option<&Path>) -> Self {
        let memory = MEMORY_MAX as usize;
        Self(
            folder.map_or_else(
                || SpooledTempFile::new(memory),
                |folder| SpooledTempFile::new_in(memory, folder),
            ),
        )
    }

    /// Where it is.
    pub(super) fn finish(mut self, taken: &Taken) -> io::Result<Place> {
        if !self.0.is_rolled() && !taken.take(self.0.stream_position()?) {
            self.0.roll()?;
        }
        match self.0.into_inner() {
            SpooledData::InMemory(bytes) => Ok(Place::Memory(bytes.into_inner().into_boxed_slice().into())),
            SpooledData::OnDisk(file) => Place::whole(file),
        }
    }
}

impl Write for Keeping {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Taken {
    fn take(&self, bytes: u64) -> bool {
        let fits = |taken: u64| taken.checked_add(bytes).filter(|all| *all <= MEMORY_MAX);
        self.0.try_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_holds_small_layers_and_no_more_than_it_may() {
        let taken = Taken::default();
        let keep = |size: u64| {
            let mut keeping = Keeping::new(None);
            (0..size).step_by(1 << 16).for_each(|_| keeping.write_all(&[7; 1 << 16]).unwrap());
            let place = keeping.finish(&taken).unwrap();
            let mut bytes = Vec::new();
            io::Read::read_to_end(&mut place.reader().unwrap(), &mut bytes).unwrap();
            assert!(
                bytes.len() as u64 == size.next_multiple_of(1 << 16) && bytes.iter().all(|byte| *byte == 7)
            );
            matches!(place, Place::Memory(_))
        };
        assert!(!keep(MEMORY_MAX + 1), "too large by itself");
        assert!(keep(MEMORY_MAX / 2) && keep(MEMORY_MAX / 2));
        assert!(!keep(1), "no more room");
    }
}

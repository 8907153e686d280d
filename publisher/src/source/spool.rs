//! What cannot be read by position (a pipe, a compressed archive) goes once through a temporary file without a name.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, Write};

use super::archive::ArchiveError;
use super::packing::{MAGIC, Packing, fill};
use super::place::CHUNK;
use super::work::Tell;

/// Copies all of it, decompressed. Blocks.
pub(super) fn spool(name: &str, from: impl Read + Send, tell: &Tell) -> Result<File, ArchiveError> {
    let mut from = BufReader::with_capacity(CHUNK, Counted { from, tell, read: 0 });
    let mut first = [0; MAGIC];
    let named = || name.to_owned();
    let n = fill(&mut from, &mut first).map_err(|source| ArchiveError::Read { name: named(), source })?;
    if n == 0 {
        return Err(ArchiveError::Empty(named()));
    }
    let packing = Packing::of(&first[..n]);
    let opened = packing
        .open(io::Cursor::new(&first[..n]).chain(from))
        .map_err(|source| ArchiveError::Damaged { name: named(), source })?;
    let Some(mut opened) = opened else {
        return Err(ArchiveError::Compressed { name: named(), program: packing.program() });
    };
    let mut file = tempfile::tempfile().map_err(ArchiveError::Temporary)?;
    let mut buffer = vec![0; CHUNK];
    loop {
        match fill(&mut opened, &mut buffer) {
            Ok(0) => break,
            Ok(n) => file.write_all(&buffer[..n]).map_err(ArchiveError::Temporary)?,
            Err(e) if packing == Packing::Plain => {
                return Err(ArchiveError::Read { name: named(), source: e });
            }
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(ArchiveError::Truncated(named()));
            }
            Err(source) => return Err(ArchiveError::Damaged { name: named(), source }),
        }
    }
    file.rewind().map_err(ArchiveError::Temporary)?;
    Ok(file)
}

/// Tells how much was read.
struct Counted<'a, R> {
    from: R,
    tell: &'a Tell,
    read: u64,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.from.read(buffer)?;
        self.read += n as u64;
        self.tell.done(self.read)?;
        Ok(n)
    }
}

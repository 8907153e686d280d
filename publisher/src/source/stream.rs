//! An archive that can be read only once: a pipe, a daemon's answer, a compressed file. It is never on disk as a whole:
//! each member is kept as what it is published as, packed while it comes by.
//!
//! All writers of docker archives put `manifest.json` and most configs behind the layers, so nothing tells which layers
//! are wanted, and by which digest a packed one is stored, before the layer is over. Therefore packed layers wait in a
//! temporary file without a name, and small members in memory. Whoever wants to send a layer meanwhile is told of it as
//! soon as it is packed.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Cursor, Read, Write};
use std::os::unix::fs::FileExt;
use std::rc::Rc;
use std::sync::Arc;

use contract::digest::{Algorithm, Hasher};
use tar::{Archive, Entry};

use super::archive::{ArchiveError, HEADERS_MAX, Members, look_at, read};
use super::layer::{Compressed, Layer, LayerError, Packer};
use super::packing::{MAGIC, Packing, begins_tar, fill};
use super::place::{CHUNK, Packed, Place};
use super::work::Tell;

/// Members up to this many bytes wait in memory,
const SMALL: u64 = 64 << 10;
/// and no more than this together.
const MEMORY_MAX: u64 = 16 << 20;

/// Reads all of it, and gives away each layer that is packed. Blocks.
pub(super) fn take(
    name: &str,
    from: impl Read + Send,
    packer: &Packer,
    tell: &Tell,
    packed: &dyn Fn(Layer),
) -> Result<Members, ArchiveError> {
    let (packing, mut opened) = open(name, Counted { from, tell, read: 0 })?;
    let broken = |source: io::Error| match (packing, source.kind()) {
        (Packing::Plain, _) => ArchiveError::Read { name: name.to_owned(), source },
        (_, io::ErrorKind::UnexpectedEof) => ArchiveError::Truncated(name.to_owned()),
        _ => ArchiveError::Damaged { name: name.to_owned(), source },
    };
    let mut first = [0; 512];
    let n = fill(&mut opened, &mut first).map_err(broken)?;
    let state = Rc::new(State::default());
    let mut archive =
        Archive::new(Tap { from: Cursor::new(&first[..n]).chain(opened), state: state.clone() });
    let mut members = Members::none(name);
    let kept = Kept { packer, packed, in_memory: 0, file: None, at: 0 };
    let listed = list(name, &mut archive, kept, &state, &mut members);
    if let Some(error) = state.failed.take() {
        return Err(broken(error));
    }
    // As in a scan: a tar without the mark of its end is not whole.
    if state.ran_out.get() || listed.is_err() {
        look_at(name, &first[..n])?;
    }
    if state.ran_out.get() {
        return Err(ArchiveError::Truncated(name.to_owned()));
    }
    listed?;
    // Who writes into a pipe wants to write all of it; and a compressed file has its checksum at its end.
    state.in_member.set(true);
    match (io::copy(&mut archive.into_inner(), &mut io::sink()), state.failed.take()) {
        (Ok(_), _) => Ok(members),
        (Err(error), failed) => Err(broken(failed.unwrap_or(error))),
    }
}

/// What a compression holds.
fn open<'a>(
    name: &str,
    from: impl Read + Send + 'a,
) -> Result<(Packing, Box<dyn Read + Send + 'a>), ArchiveError> {
    let named = || name.to_owned();
    let mut from = BufReader::with_capacity(CHUNK, from);
    let mut first = [0; MAGIC];
    let n = fill(&mut from, &mut first).map_err(|source| ArchiveError::Read { name: named(), source })?;
    if n == 0 {
        return Err(ArchiveError::Empty(named()));
    }
    let packing = Packing::of(&first[..n]);
    let opened = packing
        .open(Cursor::new(first).take(n as u64).chain(from))
        .map_err(|source| ArchiveError::Damaged { name: named(), source })?;
    let compressed = || ArchiveError::Compressed { name: named(), program: packing.program() };
    Ok((packing, opened.ok_or_else(compressed)?))
}

fn list<R: Read>(
    name: &str,
    archive: &mut Archive<Tap<R>>,
    mut kept: Kept<'_>,
    state: &State,
    members: &mut Members,
) -> Result<(), ArchiveError> {
    let fail = |source| ArchiveError::Damaged { name: name.to_owned(), source };
    for entry in archive.entries().map_err(fail)? {
        let mut entry = entry.map_err(fail)?;
        let found = read(name, &mut entry)?;
        state.in_member.set(true);
        if let Some((path, member)) = found {
            members.add(path, member, || kept.keep(name, &mut entry))?;
        }
        io::copy(&mut entry, &mut io::sink()).map_err(fail)?;
        state.in_member.set(false);
        state.headers.set(0);
    }
    Ok(())
}

/// Where members wait.
struct Kept<'a> {
    packer: &'a Packer,
    /// Told of layers that may be sent.
    packed: &'a dyn Fn(Layer),
    in_memory: u64,
    /// One for all: there may be more members than a process may have open files.
    file: Option<Arc<File>>,
    /// Its end.
    at: u64,
}

impl Kept<'_> {
    /// Reads a member to its end. That it ends too soon is seen by [`Tap`].
    fn keep<R: Read>(&mut self, name: &str, entry: &mut Entry<'_, R>) -> Result<Place, ArchiveError> {
        let fail = |source| ArchiveError::Read { name: name.to_owned(), source };
        let size = entry.size();
        if size <= SMALL && self.in_memory + size <= MEMORY_MAX {
            let mut bytes = Vec::with_capacity(size as usize);
            entry.read_to_end(&mut bytes).map_err(fail)?;
            self.in_memory += size;
            return Ok(Place::Memory(bytes.into()));
        }
        let mut first = [0; 512];
        let n = fill(entry, &mut first).map_err(fail)?;
        let whole = Cursor::new(&first[..n]).chain(entry);
        let kept = match Packing::of(&first[..n]) {
            Packing::Plain if self.packer.packed().is_some() && begins_tar(&first[..n]) => self.pack(whole),
            packing => self.copy(whole, packing),
        };
        kept.map_err(|error| match error {
            LayerError::Temporary(source) => ArchiveError::Temporary(source),
            LayerError::Read(source) => fail(source),
            error @ (LayerError::Empty
            | LayerError::NotALayer
            | LayerError::Differs { .. }
            | LayerError::Staged { .. }
            | LayerError::Compress(_)) => fail(io::Error::other(error)),
        })
    }

    /// A layer most likely; where it is wanted plain, it can be unpacked.
    fn pack(&mut self, plain: impl Read) -> Result<Place, LayerError> {
        // The algorithm of all diff ids that there are.
        let packed = self.packer.compress(plain, Algorithm::Sha256, self.end()?, |_| Ok(()))?;
        let Compressed { found, size, digest, to } = packed;
        let layer = self.packer.layer(digest, self.ends(to));
        (self.packed)(layer.clone());
        Ok(Place::Packed(Arc::new(Packed { plain: found, size, layer })))
    }

    /// What is packed already stays as it is: most likely a layer that is published so.
    fn copy(&mut self, mut from: impl Read, packing: Packing) -> Result<Place, LayerError> {
        let mut hasher = Hasher::new(Algorithm::Sha256);
        let mut to = BufWriter::with_capacity(CHUNK, self.end()?);
        let mut buffer = vec![0; CHUNK];
        loop {
            match fill(&mut from, &mut buffer).map_err(LayerError::Read)? {
                0 => break,
                n => {
                    hasher.update(&buffer[..n]);
                    to.write_all(&buffer[..n]).map_err(LayerError::Temporary)?;
                }
            }
        }
        let to = to.into_inner().map_err(|error| LayerError::Temporary(error.into_error()))?;
        let place = self.ends(to);
        if packing != Packing::Plain && self.packer.keeps(packing) {
            let (digest, _) = hasher.finish();
            (self.packed)(Layer { packing, digest, place: place.clone(), packed: None });
        }
        Ok(place)
    }

    fn end(&mut self) -> Result<End, LayerError> {
        let file = match &self.file {
            Some(file) => file.clone(),
            None => {
                let file = Arc::new(tempfile::tempfile().map_err(LayerError::Temporary)?);
                self.file.insert(file).clone()
            }
        };
        Ok(End { file, at: self.at })
    }

    fn ends(&mut self, end: End) -> Place {
        let (offset, size) = (self.at, end.at - self.at);
        self.at = end.at;
        Place::Slice { file: end.file, offset, size }
    }
}

/// Writes at the end of a file.
struct End {
    file: Arc<File>,
    at: u64,
}

impl Write for End {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.file.write_at(bytes, self.at)?;
        self.at += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What was seen of a tar on its way.
#[derive(Default)]
struct State {
    /// It ended where more was expected.
    ran_out: Cell<bool>,
    /// Whether a member's content is being read, or headers.
    in_member: Cell<bool>,
    /// Bytes of headers since the last member.
    headers: Cell<u64>,
    /// What the tar's reader wraps and others misread.
    failed: RefCell<Option<io::Error>>,
}

struct Tap<R> {
    from: R,
    state: Rc<State>,
}

impl<R: Read> Read for Tap<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let state = &self.state;
        if !state.in_member.get() && state.headers.get() > HEADERS_MAX {
            return Err(io::Error::other("a member's name and attributes are too long"));
        }
        match self.from.read(buffer) {
            Ok(n) => {
                state.headers.set(state.headers.get() + n as u64);
                if n == 0 && !buffer.is_empty() {
                    state.ran_out.set(true);
                }
                Ok(n)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                state.failed.replace(Some(error));
                Err(io::Error::other("the archive cannot be read"))
            }
        }
    }
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

#[cfg(test)]
mod tests;

//! The files of a source by name: a directory's, or an archive's.

use std::fs::File;
use std::io::{self, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use contract::descriptor::Descriptor;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::mpsc;

use super::archive::{ArchiveError, Members, inside};
use super::argument::Where;
use super::layer::{Layer, Packer};
use super::layers::UNDER_WAY;
use super::packing::{MAGIC, Packing, fill};
use super::place::{Place, off};
use super::{Destination, SourceError, Told, daemon, stream, work};
use crate::content::{Chunks, Open};

/// A source's files.
#[derive(Debug)]
pub(super) struct Tree {
    /// How it is called in messages.
    pub name: String,
    /// What packs its layers.
    pub packer: Arc<Packer>,
    files: Files,
    /// How many bytes were read of it.
    read: Arc<AtomicU64>,
    /// It came by as a whole, and that is counted.
    streamed: bool,
}

#[derive(Debug)]
enum Files {
    Folder(PathBuf),
    Archive(Members),
}

impl Tree {
    /// Opens it, wherever it is.
    pub(super) async fn open(
        place: &Where,
        packer: Arc<Packer>,
        to: &dyn Destination,
        told: &dyn Told,
    ) -> Result<Self, SourceError> {
        let how = Streaming { packer: &packer, to, told };
        let read = Arc::<AtomicU64>::default();
        let (name, members) = match place {
            Where::Path(path) => return Self::of_path(path, &how).await,
            Where::Input => {
                let name = "standard input".to_owned();
                (name.clone(), how.scan(name, None, &read, || Ok(io::stdin())).await?)
            }
            Where::Daemon(image) => {
                let name = format!("the Docker daemon's {image}");
                let export = daemon::export(image).await?;
                (name.clone(), how.scan(name, None, &read, || Ok(export)).await?)
            }
        };
        Ok(Self { name, packer, files: Files::Archive(members), read, streamed: true })
    }

    async fn of_path(path: &Path, how: &Streaming<'_>) -> Result<Self, SourceError> {
        let packer = Arc::clone(how.packer);
        let (name, read) = (path.display().to_string(), Arc::<AtomicU64>::default());
        let fail = |source| ArchiveError::Read { name: name.clone(), source };
        let kind = tokio::fs::metadata(path).await.map_err(fail)?;
        if kind.is_dir() {
            let files = Files::Folder(path.to_owned());
            return Ok(Self { name, packer, files, read, streamed: false });
        }
        let opened = path.to_owned();
        let plain = if kind.is_file() { off(move || plain(&opened)).await.map_err(fail)? } else { None };
        let streamed = plain.is_none();
        let files = if let Some(file) = plain {
            let name = name.clone();
            off(move || Ok(Members::scan(&name, file))).await.map_err(fail)??
        } else {
            let (size, opened) = (kind.is_file().then_some(kind.len()), path.to_owned());
            how.scan(name.clone(), size, &read, move || File::open(opened)).await?
        };
        Ok(Self { name, packer, files: Files::Archive(files), read, streamed })
    }

    /// How many bytes were read so far: of what came by, all of it; else of members.
    pub(super) fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Counts what is read of a member.
    pub(super) fn counter(&self) -> impl Fn(u64) + Send + Sync + 'static {
        let read = (!self.streamed).then(|| Arc::clone(&self.read));
        move |bytes| {
            if let Some(read) = &read {
                read.fetch_add(bytes, Ordering::Relaxed);
            }
        }
    }

    /// The file of this name; `None` where there is none.
    pub(super) async fn find(&self, member: &str) -> Result<Option<Place>, ArchiveError> {
        let name = || self.name.clone();
        let escapes = || ArchiveError::Escapes { name: name(), member: member.into(), path: member.into() };
        let clean = inside("", member).ok_or_else(escapes)?;
        let folder = match &self.files {
            Files::Archive(members) => return members.find(&clean),
            Files::Folder(folder) => folder,
        };
        let path = folder.join(clean);
        match tokio::fs::metadata(&path).await {
            Ok(found) => Ok(found.is_file().then(|| Place::File { path, size: found.len() })),
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            Err(source) => Err(ArchiveError::Read { name: path.display().to_string(), source }),
        }
    }

    /// A whole small file; `None` where there is none.
    pub(super) async fn document(&self, member: &str, max: u64) -> Result<Option<Bytes>, SourceError> {
        let Some(place) = self.find(member).await? else { return Ok(None) };
        if place.size() > max {
            let (name, member) = (self.name.clone(), member.to_owned());
            return Err(SourceError::TooLarge { name, member, size: place.size(), max });
        }
        let read = place.read().await;
        self.counter()(place.size());
        Ok(Some(
            read.map_err(|source| ArchiveError::Read { name: format!("{member} of {}", self.name), source })?,
        ))
    }
}

/// The file, where it can be read by position as it is. Blocks for one small read.
fn plain(path: &Path) -> io::Result<Option<File>> {
    let mut file = File::open(path)?;
    let mut first = [0; MAGIC];
    let n = fill(&mut file, &mut first)?;
    file.rewind()?;
    Ok((Packing::of(&first[..n]) == Packing::Plain).then_some(file))
}

/// A layer in a file that others are in, too, and that is still written to: no store can take that over.
struct Piece<'a>(&'a Place);

#[async_trait]
impl Open for Piece<'_> {
    async fn open(&self, _: &Descriptor) -> io::Result<Option<Chunks>> {
        self.0.chunks().await.map(Some)
    }
}

/// Sends layers as they come, several at the same time.
async fn send_all(
    mut packed: mpsc::UnboundedReceiver<Layer>,
    to: &dyn Destination,
) -> Result<(), SourceError> {
    let (mut sending, mut is_end) = (FuturesUnordered::new(), false);
    while !is_end || !sending.is_empty() {
        tokio::select! {
            layer = packed.recv(), if !is_end && sending.len() < UNDER_WAY => match layer {
                Some(layer) => sending.push(send(layer, to)),
                None => is_end = true,
            },
            Some(sent) = sending.next() => sent?,
        }
    }
    Ok(())
}

async fn send(layer: Layer, to: &dyn Destination) -> Result<(), SourceError> {
    Ok(to.packed(&layer.descriptor(), &Piece(&layer.place)).await?)
}

/// With what a stream is read.
struct Streaming<'a> {
    packer: &'a Arc<Packer>,
    to: &'a dyn Destination,
    told: &'a dyn Told,
}

impl Streaming<'_> {
    /// Reads a stream to its end, and meanwhile sends what is packed of it: nothing names it yet, so that it is in
    /// nobody's way if the rest never comes. Opening a pipe can take as long as reading it.
    async fn scan<R: io::Read + Send>(
        &self,
        name: String,
        size: Option<u64>,
        read: &Arc<AtomicU64>,
        open: impl FnOnce() -> io::Result<R> + Send + 'static,
    ) -> Result<Members, SourceError> {
        let what = format!("reading {name}");
        let called = name.clone();
        let fail = move |source| ArchiveError::Read { name: called.clone(), source };
        let failed = fail.clone();
        let (read, packer) = (Arc::clone(read), Arc::clone(self.packer));
        let (give, packed) = mpsc::unbounded_channel();
        let work = move |tell: &work::Tell| {
            let from = Counted { from: open().map_err(failed)?, read };
            // Who takes no more layers has failed, and tells why.
            stream::take(&name, from, &packer, tell, &|layer| _ = give.send(layer))
        };
        let reading = async { Ok(work::run(&what, size, self.told, work).await.map_err(fail)??) };
        Ok(futures_util::future::try_join(reading, send_all(packed, self.to)).await?.0)
    }
}

/// Counts what is read.
struct Counted<R> {
    from: R,
    read: Arc<AtomicU64>,
}

impl<R: io::Read> io::Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.from.read(buffer)?;
        self.read.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

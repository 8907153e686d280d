//! The files of a source by name: a directory's, or an archive's.

use std::fs::File;
use std::io::{self, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use super::archive::{ArchiveError, Members, inside};
use super::argument::Where;
use super::layer::Packer;
use super::packing::{MAGIC, Packing, fill};
use super::place::{Place, off};
use super::{SourceError, Told, daemon, stream, work};

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
        told: &dyn Told,
    ) -> Result<Self, SourceError> {
        let read = Arc::<AtomicU64>::default();
        let (name, members) = match place {
            Where::Path(path) => return Ok(Self::of_path(path, packer, told).await?),
            Where::Input => {
                let name = "standard input".to_owned();
                (name.clone(), scan(name, None, &read, || Ok(io::stdin()), &packer, told).await?)
            }
            Where::Daemon(image) => {
                let name = format!("the Docker daemon's {image}");
                let export = daemon::export(image).await?;
                (name.clone(), scan(name, None, &read, || Ok(export), &packer, told).await?)
            }
        };
        Ok(Self { name, packer, files: Files::Archive(members), read, streamed: true })
    }

    async fn of_path(path: &Path, packer: Arc<Packer>, told: &dyn Told) -> Result<Self, ArchiveError> {
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
            scan(name.clone(), size, &read, move || File::open(opened), &packer, told).await?
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

/// Opening a pipe can take as long as reading it.
async fn scan<R: io::Read + Send>(
    name: String,
    size: Option<u64>,
    read: &Arc<AtomicU64>,
    open: impl FnOnce() -> io::Result<R> + Send + 'static,
    packer: &Arc<Packer>,
    told: &dyn Told,
) -> Result<Members, ArchiveError> {
    let what = format!("reading {name}");
    let called = name.clone();
    let fail = move |source| ArchiveError::Read { name: called.clone(), source };
    let failed = fail.clone();
    let (read, packer) = (Arc::clone(read), Arc::clone(packer));
    let work = move |tell: &work::Tell| {
        let from = Counted { from: open().map_err(failed)?, read };
        stream::take(&name, from, &packer, tell)
    };
    work::run(&what, size, told, work).await.map_err(fail)?
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

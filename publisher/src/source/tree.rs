//! The files of a source by name: a directory's, or an archive's.

use std::fs::File;
use std::io::{self, Seek};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::archive::{ArchiveError, Members, inside};
use super::argument::Where;
use super::packing::{MAGIC, Packing, fill};
use super::place::{Place, off};
use super::{SourceError, Told, daemon, stream, work};

/// A source's files.
#[derive(Debug)]
pub(super) struct Tree {
    /// How it is called in messages.
    pub name: String,
    files: Files,
}

#[derive(Debug)]
enum Files {
    Folder(PathBuf),
    Archive(Members),
}

impl Tree {
    /// Opens it, wherever it is.
    pub(super) async fn open(place: &Where, told: &dyn Told) -> Result<Self, SourceError> {
        let (name, members) = match place {
            Where::Path(path) => return Ok(Self::of_path(path, told).await?),
            Where::Input => {
                let name = "standard input".to_owned();
                (name.clone(), scan(name, None, || Ok(io::stdin()), told).await?)
            }
            Where::Daemon(image) => {
                let name = format!("the Docker daemon's {image}");
                let export = daemon::export(image).await?;
                (name.clone(), scan(name, None, || Ok(export), told).await?)
            }
        };
        Ok(Self { name, files: Files::Archive(members) })
    }

    async fn of_path(path: &Path, told: &dyn Told) -> Result<Self, ArchiveError> {
        let name = path.display().to_string();
        let fail = |source| ArchiveError::Read { name: name.clone(), source };
        let kind = tokio::fs::metadata(path).await.map_err(fail)?;
        if kind.is_dir() {
            return Ok(Self { files: Files::Folder(path.to_owned()), name });
        }
        let opened = path.to_owned();
        let plain = if kind.is_file() { off(move || plain(&opened)).await.map_err(fail)? } else { None };
        let files = if let Some(file) = plain {
            let name = name.clone();
            off(move || Ok(Members::scan(&name, file))).await.map_err(fail)??
        } else {
            let (size, opened) = (kind.is_file().then_some(kind.len()), path.to_owned());
            scan(name.clone(), size, move || File::open(opened), told).await?
        };
        Ok(Self { name, files: Files::Archive(files) })
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
    open: impl FnOnce() -> io::Result<R> + Send + 'static,
    told: &dyn Told,
) -> Result<Members, ArchiveError> {
    let what = format!("reading {name}");
    let called = name.clone();
    let fail = move |source| ArchiveError::Read { name: called.clone(), source };
    let failed = fail.clone();
    let work = move |tell: &work::Tell| stream::take(&name, open().map_err(failed)?, tell);
    work::run(&what, size, told, work).await.map_err(fail)?
}

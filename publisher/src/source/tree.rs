//! The files of a source by name: a directory's, or an archive's.

use std::fs::File;
use std::io::{self, Seek};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::archive::{ArchiveError, Members, inside};
use super::packing::{MAGIC, Packing, fill};
use super::place::{Place, off};
use super::spool::spool;
use super::{SourceError, Told, work};

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
    /// Opens a path, or standard input.
    pub(super) async fn open(path: Option<&Path>, told: &dyn Told) -> Result<Self, ArchiveError> {
        let Some(path) = path else {
            let name = "standard input".to_owned();
            let files = Files::Archive(scan(name.clone(), None, || Ok(io::stdin()), told).await?);
            return Ok(Self { name, files });
        };
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
    let work = move |tell: &work::Tell| Members::scan(&name, spool(&name, open().map_err(failed)?, tell)?);
    work::run(&what, size, told, work).await.map_err(fail)?
}

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
            let files = Files::Archive(scan(name.clone(), None, io::stdin(), told).await?);
            return Ok(Self { name, files });
        };
        let name = path.display().to_string();
        let fail = |source| ArchiveError::Read { name: name.clone(), source };
        let kind = tokio::fs::metadata(path).await.map_err(fail)?;
        if kind.is_dir() {
            return Ok(Self { files: Files::Folder(path.to_owned()), name });
        }
        let opened = path.to_owned();
        let mut file = off(move || File::open(opened)).await.map_err(fail)?;
        let files = if kind.is_file() && is_plain(&mut file).map_err(fail)? {
            let name = name.clone();
            off(move || Ok(Members::scan(&name, file))).await.map_err(fail)??
        } else {
            scan(name.clone(), kind.is_file().then_some(kind.len()), file, told).await?
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

/// Whether it can be read by position as it is. Blocks for one small read of a regular file.
fn is_plain(file: &mut File) -> io::Result<bool> {
    let mut first = [0; MAGIC];
    let n = fill(file, &mut first)?;
    file.rewind()?;
    Ok(Packing::of(&first[..n]) == Packing::Plain)
}

async fn scan(
    name: String,
    size: Option<u64>,
    from: impl io::Read + Send + 'static,
    told: &dyn Told,
) -> Result<Members, ArchiveError> {
    let what = format!("reading {name}");
    let lost = {
        let name = name.clone();
        move |source| ArchiveError::Read { name, source }
    };
    work::run(&what, size, told, move |tell| Members::scan(&name, spool(&name, from, tell)?))
        .await
        .map_err(lost)?
}

//! A tar's table of contents, by one scan of its headers; members are then read by position, and never unpacked.
//! What can be read only once is `stream.rs`.

use std::cell::Cell;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::rc::Rc;
use std::sync::Arc;

use tar::{Archive, Entry, EntryType};

use super::packing::begins_tar;
use super::place::Place;

/// Most members that are listed. The largest real archives have some hundred thousand blobs.
pub(super) const MEMBERS_MAX: usize = 1_000_000;
/// Most bytes of headers in front of one member: long names and pax records.
pub(super) const HEADERS_MAX: u64 = 1 << 20;
/// Most links that are followed from one name.
const LINKS_MAX: usize = 16;

/// Why something cannot be read as an archive. Each names the file.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// No byte at all.
    #[error("{0} is empty")]
    Empty(String),
    /// Not a tar.
    #[error("{0} is not a tar archive")]
    NotAnArchive(String),
    /// It ends before a tar's end.
    #[error("{0} is truncated: it ends in the middle of the archive")]
    Truncated(String),
    /// It begins as an archive and goes on as none.
    #[error("{name} is damaged")]
    Damaged {
        /// Of the file.
        name: String,
        /// What is wrong.
        #[source]
        source: io::Error,
    },
    /// Compressed, but not by gzip or zstd.
    #[error("{name} is compressed with {program}, which is not supported")]
    Compressed {
        /// Of the file.
        name: String,
        /// What compressed it.
        program: &'static str,
    },
    /// A member with holes.
    #[error("the member `{member}` of {name} is a sparse file, which is not supported")]
    Sparse {
        /// Of the file.
        name: String,
        /// Of the member.
        member: String,
    },
    /// A name that leads out of the archive.
    #[error("the member `{member}` of {name} leads out of the archive: {path}")]
    Escapes {
        /// Of the file.
        name: String,
        /// Of the member.
        member: String,
        /// Its name, or what it links to.
        path: String,
    },
    /// A link to itself.
    #[error("the member `{member}` of {name} is a link that leads round in a circle")]
    Circle {
        /// Of the file.
        name: String,
        /// Of the member.
        member: String,
    },
    /// See `MEMBERS_MAX`.
    #[error("{0} has more than {MEMBERS_MAX} members")]
    TooMany(String),
    /// The operating system does not give its bytes.
    #[error("cannot read {name}")]
    Read {
        /// Of the file.
        name: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// What has to be kept for a while does not fit, for instance.
    #[error("cannot write a temporary file in {}", std::env::temp_dir().display())]
    Temporary(#[source] io::Error),
}

impl ArchiveError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Truncated(_) | Self::Damaged { .. } | Self::Empty(_) => Some("save the image again".into()),
            Self::NotAnArchive(_) => {
                Some("a source is what `docker save`, `podman save` or `skopeo copy` write".into())
            }
            Self::Compressed { program, .. } => {
                Some(format!("decompress it on the way: {program} -dc FILE | registry-publisher publish - …"))
            }
            Self::Sparse { .. } => Some("pack it without `tar --sparse`".into()),
            Self::Temporary(_) => Some("TMPDIR names another directory for temporary files".into()),
            Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => Some(
                "a source is a file or a folder, `-` for standard input, docker-daemon:IMAGE or, in a registry, \
                 docker://HOST/REPOSITORY:TAG"
                    .into(),
            ),
            Self::Escapes { .. } | Self::Circle { .. } | Self::TooMany(_) | Self::Read { .. } => None,
        }
    }
}

/// The members of a tar that matter: files, and links to them.
#[derive(Debug)]
pub(super) struct Members {
    name: String,
    members: HashMap<String, Member>,
}

#[derive(Debug)]
enum Member {
    File(Place),
    Link(String),
}

/// What an entry of a tar is.
pub(super) enum Found {
    /// Its content is what counts.
    File,
    /// It stands for the member of this clean name.
    Link(String),
}

impl Members {
    /// Scans a tar. Blocks.
    pub(super) fn scan(name: &str, file: File) -> Result<Self, ArchiveError> {
        let file = Arc::new(file);
        let headers = Headers { file: &file, ran_out: Rc::default(), since_seek: 0 };
        let ran_out = headers.ran_out.clone();
        let mut members = Self::none(name);
        let scanned = list(name, headers, &file, &mut members);
        // The end of a tar is marked (pax, "ustar Interchange Format"): without the mark, members may be missing.
        if ran_out.get() || scanned.is_err() {
            look_at_beginning(name, &file)?;
        }
        if ran_out.get() {
            return Err(ArchiveError::Truncated(name.to_owned()));
        }
        scanned?;
        Ok(members)
    }

    /// Of an archive that is still to be read.
    pub(super) fn none(name: &str) -> Self {
        Self { name: name.to_owned(), members: HashMap::new() }
    }

    /// Another member. As unpacking does it: the last one of a name is the one.
    pub(super) fn add(
        &mut self,
        path: String,
        member: Found,
        place: impl FnOnce() -> Result<Place, ArchiveError>,
    ) -> Result<(), ArchiveError> {
        let member = match member {
            Found::File => Member::File(place()?),
            Found::Link(target) => Member::Link(target),
        };
        self.members.insert(path, member);
        if self.members.len() > MEMBERS_MAX {
            return Err(ArchiveError::TooMany(self.name.clone()));
        }
        Ok(())
    }

    /// Where a member's bytes are, by a name that [`inside`] gave; `None` where there is no such member, or a link to none.
    pub(super) fn find(&self, member: &str) -> Result<Option<Place>, ArchiveError> {
        let mut at = member;
        for _ in 0..=LINKS_MAX {
            match self.members.get(at) {
                None => return Ok(None),
                Some(Member::File(place)) => return Ok(Some(place.clone())),
                Some(Member::Link(target)) => at = target,
            }
        }
        Err(ArchiveError::Circle { name: self.name.clone(), member: member.to_owned() })
    }
}

/// What is wrong with a file that is not a whole tar, by its first block.
fn look_at_beginning(name: &str, mut file: &File) -> Result<(), ArchiveError> {
    let fail = |source| ArchiveError::Read { name: name.to_owned(), source };
    let mut first = [0; 512];
    file.rewind().map_err(fail)?;
    let n = super::packing::fill(&mut file, &mut first).map_err(fail)?;
    look_at(name, &first[..n])
}

/// The same of a first block that was read already.
pub(super) fn look_at(name: &str, first: &[u8]) -> Result<(), ArchiveError> {
    match first {
        [] => Err(ArchiveError::Empty(name.to_owned())),
        first if !begins_tar(first) => Err(ArchiveError::NotAnArchive(name.to_owned())),
        _ => Ok(()),
    }
}

fn list(
    name: &str,
    headers: Headers<'_>,
    file: &Arc<File>,
    members: &mut Members,
) -> Result<(), ArchiveError> {
    let fail = |source| ArchiveError::Damaged { name: name.to_owned(), source };
    let mut archive = Archive::new(headers);
    for entry in archive.entries_with_seek().map_err(fail)? {
        let mut entry = entry.map_err(fail)?;
        if let Some((path, member)) = read(name, &mut entry)? {
            let (offset, size) = (entry.raw_file_position(), entry.size());
            members.add(path, member, || Ok(Place::Slice { file: file.clone(), offset, size }))?;
        }
    }
    Ok(())
}

/// The clean name of an entry, and what it is; `None` for what does not matter here.
pub(super) fn read<R: Read>(
    name: &str,
    entry: &mut Entry<'_, R>,
) -> Result<Option<(String, Found)>, ArchiveError> {
    let fail = |source| ArchiveError::Damaged { name: name.to_owned(), source };
    let member = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
    let escapes = |path: &str| ArchiveError::Escapes {
        name: name.to_owned(),
        member: member.clone(),
        path: path.to_owned(),
    };
    let path = inside("", &member).ok_or_else(|| escapes(&member))?;
    let kind = entry.header().entry_type();
    let target = match entry.link_name_bytes() {
        Some(target) if kind.is_symlink() || kind.is_hard_link() => {
            String::from_utf8_lossy(&target).into_owned()
        }
        _ => String::new(),
    };
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    Ok(match kind {
        EntryType::GNUSparse => return Err(ArchiveError::Sparse { name: name.to_owned(), member }),
        EntryType::Symlink => Some(Found::Link(inside(folder, &target).ok_or_else(|| escapes(&target))?)),
        EntryType::Link => Some(Found::Link(inside("", &target).ok_or_else(|| escapes(&target))?)),
        EntryType::Regular | EntryType::Continuous => {
            if is_pax_sparse(entry).map_err(fail)? {
                return Err(ArchiveError::Sparse { name: name.to_owned(), member });
            }
            Some(Found::File)
        }
        _ => None,
    }
    .map(|found| (path, found)))
}

/// GNU tar's other way to write holes (GNU tar, "Storing Sparse Files").
fn is_pax_sparse<R: Read>(entry: &mut Entry<'_, R>) -> io::Result<bool> {
    let Some(records) = entry.pax_extensions()? else { return Ok(false) };
    for record in records {
        if record?.key_bytes().starts_with(b"GNU.sparse.") {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A path as seen from a folder, without `.` and `..`; `None` where it leads out of the archive.
pub(super) fn inside(folder: &str, path: &str) -> Option<String> {
    if path.starts_with('/') || path.contains('\0') {
        return None;
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Reads headers only, and notes when the file ended where one was expected.
struct Headers<'a> {
    file: &'a File,
    ran_out: Rc<Cell<bool>>,
    since_seek: u64,
}

impl Read for Headers<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.since_seek > HEADERS_MAX {
            return Err(io::Error::other("a member's name and attributes are too long"));
        }
        let n = self.file.read(buffer)?;
        self.since_seek += n as u64;
        if n == 0 && !buffer.is_empty() {
            self.ran_out.set(true);
        }
        Ok(n)
    }
}

impl Seek for Headers<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.since_seek = 0;
        self.file.seek(to)
    }
}

#[cfg(test)]
mod tests;

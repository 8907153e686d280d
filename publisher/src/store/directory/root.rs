//! The blocking work in a store's root folder.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use contract::key::Key;

use super::super::{DOCUMENT_MAX, Version, When};
use super::adopted;
use super::errors::Failure;
use super::staged::{Numbers, Staged};

mod listing;

/// Nobody writes at one file for so long: a staged file of this age was left by a run that died.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);

/// How often a file is placed anew when deletions take its folders away meanwhile.
const TRIES: u32 = 100;

/// The folder of a store.
#[derive(Debug)]
pub(super) struct Root {
    path: PathBuf,
    numbers: Numbers,
    /// Folders that were made for it, the innermost first.
    made: Mutex<Vec<PathBuf>>,
}

impl Root {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, numbers: Numbers::default(), made: Mutex::default() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn open(&self) -> Result<(), Failure> {
        match fs::metadata(&self.path) {
            Ok(found) if found.is_dir() => Ok(()),
            Ok(_) => Err(Failure::NotAFolder(self.path.clone())),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(Failure::NoRoot),
            Err(error) => Err(explained(error, &self.path)),
        }
    }

    pub(super) fn create(&self) -> Result<(), Failure> {
        make_folder(&self.path)
    }

    /// The same for what is about to be written: where nothing is, the folder goes again.
    pub(super) fn create_for_content(&self) -> Result<(), Failure> {
        let absent = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
        let made = self.path.ancestors().take_while(absent).map(Path::to_owned).collect();
        *self.made.lock().unwrap_or_else(PoisonError::into_inner) = made;
        self.create()
    }

    /// Takes the folders away that were made, as far as nothing is in them.
    fn vacate(&self) {
        let made = std::mem::take(&mut *self.made.lock().unwrap_or_else(PoisonError::into_inner));
        if made.is_empty() {
            return;
        }
        let staged = self.at(&Key::Staged(0));
        let inside = staged.ancestors().skip(1).take_while(|folder| *folder != self.path);
        for folder in inside.chain(made.iter().map(PathBuf::as_path)) {
            // Whatever keeps one, it is none of ours.
            if fs::remove_dir(folder).is_err_and(|error| error.kind() != ErrorKind::NotFound) {
                break;
            }
        }
    }

    fn at(&self, key: &Key) -> PathBuf {
        self.path.join(key.path())
    }

    pub(super) fn size(&self, key: &Key) -> Result<Option<u64>, Failure> {
        let path = self.at(key);
        match fs::metadata(&path) {
            Ok(found) if found.is_file() => Ok(Some(found.len())),
            Ok(_) => Err(Failure::NotAFile(path)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(explained(error, &path)),
        }
    }

    /// Size, and the time of the last change.
    pub(super) fn look(&self, key: &Key) -> Result<Option<(u64, SystemTime)>, Failure> {
        let path = self.at(key);
        match fs::metadata(&path) {
            Ok(found) if found.is_file() => Ok(Some((found.len(), found.modified()?))),
            Ok(_) => Err(Failure::NotAFile(path)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(explained(error, &path)),
        }
    }

    /// What the file system's clock says, which is another machine's where it is one of a network. Who may not write
    /// there only looks: for that, our own is good enough.
    pub(super) fn now(&self) -> Result<SystemTime, Failure> {
        let asked = || {
            let mut staged = self.stage()?;
            staged.append(b"now")?;
            Ok(fs::metadata(&staged.path)?.modified()?)
        };
        match asked() {
            Err(Failure::Io(error))
                if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) =>
            {
                Ok(SystemTime::now())
            }
            asked => asked,
        }
    }

    pub(super) fn refresh(&self, key: &Key) -> Result<(), Failure> {
        let now = self.now()?;
        let Some(file) = self.file(key, 0)? else { return Err(Failure::Missing) };
        match file.set_modified(now) {
            // Whoever may write there may put a copy of its own into the place of another user's file, not date that.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                let mut staged = self.stage()?;
                staged.append_file(&self.at(key))?;
                self.place(staged, key, &When::Always)
            }
            dated => Ok(dated?),
        }
    }

    /// The file of a key, to be read from this byte on.
    pub(super) fn file(&self, key: &Key, from: u64) -> Result<Option<File>, Failure> {
        let path = self.at(key);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(explained(error, &path)),
        };
        if !file.metadata()?.is_file() {
            return Err(Failure::NotAFile(path));
        }
        file.seek(SeekFrom::Start(from))?;
        Ok(Some(file))
    }

    /// What is in the file of a key, and when it was written.
    pub(super) fn read(&self, key: &Key) -> Result<Option<(Vec<u8>, SystemTime)>, Failure> {
        let Some(file) = self.file(key, 0)? else { return Ok(None) };
        let (found, path) = (file.metadata()?, self.at(key));
        if found.len() > DOCUMENT_MAX {
            return Err(Failure::Large { path, size: found.len() });
        }
        let mut bytes = Vec::with_capacity(usize::try_from(found.len()).unwrap_or(0));
        file.take(DOCUMENT_MAX).read_to_end(&mut bytes)?;
        Ok(Some((bytes, found.modified()?)))
    }

    /// An empty staged file.
    pub(super) fn stage(&self) -> Result<Staged<'_>, Failure> {
        self.staged(|path| File::create_new(path).map(Some))
    }

    /// Where staged files are.
    pub(super) fn folder(&self) -> Result<PathBuf, Failure> {
        let any = self.at(&Key::Staged(0));
        self.make_parent(&any)?;
        Ok(any.parent().unwrap_or(&self.path).to_owned())
    }

    /// Makes a file without a name the object of a key. No where that cannot be, and nothing was done.
    pub(super) fn adopt(&self, file: &File, size: u64, key: &Key) -> Result<bool, Failure> {
        let found = file.metadata()?;
        // One that has a name, somebody may write to.
        if found.nlink() > 0 || found.len() != size {
            return Ok(false);
        }
        let like = fs::metadata(&self.stage()?.path)?;
        let name = |path: &Path| {
            let same = file.try_clone()?;
            adopted::name(file, path)?;
            Ok(Some(same))
        };
        let Ok(staged) = self.staged(name) else { return Ok(false) };
        // Temporary files are their owner's alone, and who collects garbage goes by their time.
        file.set_permissions(like.permissions())?;
        file.set_modified(like.modified()?)?;
        self.place(staged, key, &When::Always)?;
        Ok(true)
    }

    fn staged(&self, make: impl Fn(&Path) -> io::Result<Option<File>>) -> Result<Staged<'_>, Failure> {
        for _ in 0..TRIES {
            let number = self.numbers.draw();
            let path = self.at(&Key::Staged(number));
            let failed = match make(&path) {
                Ok(file) => return Ok(Staged { numbers: &self.numbers, number, path, file }),
                Err(failed) => failed,
            };
            self.numbers.forget(number);
            match failed.kind() {
                ErrorKind::AlreadyExists => {}
                ErrorKind::NotFound => self.make_parent(&path)?,
                _ => return Err(explained(failed, &path)),
            }
        }
        Err(io::Error::from(ErrorKind::NotFound).into())
    }

    /// Makes a staged file the object of a key, when the condition holds.
    pub(super) fn place(&self, staged: Staged<'_>, key: &Key, when: &When) -> Result<(), Failure> {
        staged.flush()?;
        let path = self.at(key);
        // Unconditional writes of what changes wait for the lock too: one between a sibling's comparison and its
        // rename would be lost.
        let _lock = self.lock_for(key, when)?;
        self.check(key, when)?;
        for _ in 0..TRIES {
            self.make_parent(&path)?;
            match fs::rename(&staged.path, &path) {
                Ok(()) => {
                    flush_parent(&path)?;
                    return Ok(());
                }
                // A deletion took the empty folder away, or `close` the staged file.
                Err(error) if error.kind() == ErrorKind::NotFound && staged.path.exists() => {}
                Err(error) if error.kind() == ErrorKind::IsADirectory => return Err(Failure::NotAFile(path)),
                Err(error) => return Err(explained(error, &path)),
            }
        }
        Err(io::Error::from(ErrorKind::NotFound).into())
    }

    fn lock_for(&self, key: &Key, when: &When) -> Result<Option<File>, Failure> {
        if key.is_immutable() && *when == When::Always {
            return Ok(None);
        }
        let path = self.at(&Key::Lock);
        self.make_parent(&path)?;
        // Open for writing, since NFS makes a lock on a range of bytes of it, which asks for that.
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(|error| explained(error, &path))?;
        file.lock()?;
        Ok(Some(file))
    }

    fn check(&self, key: &Key, when: &When) -> Result<(), Failure> {
        let holds = match when {
            When::Always => true,
            When::Absent => self.size(key)?.is_none(),
            When::Unchanged(version) => {
                self.read(key)?.is_some_and(|(bytes, _)| Version::of(&bytes) == *version)
            }
        };
        if holds { Ok(()) } else { Err(Failure::Conflict) }
    }

    /// A hard link where the file system makes one, else a copy.
    pub(super) fn copy(&self, from: &Key, to: &Key) -> Result<(), Failure> {
        let source = self.at(from);
        if self.size(from)?.is_none() {
            return Err(Failure::Missing);
        }
        // One file under two names has one time: whoever copies it has just written it.
        let now = self.now()?;
        let link = |path: &Path| {
            fs::hard_link(&source, path)?;
            let dated = File::open(path).and_then(|file| file.set_modified(now));
            dated.map(|()| None).inspect_err(|_| _ = fs::remove_file(path))
        };
        let staged = match self.staged(link) {
            Ok(staged) => staged,
            // Another device, too many links, links to others' files forbidden: a copy can be had all the same.
            Err(_) => {
                let mut staged = self.stage()?;
                staged.append_file(&source)?;
                staged
            }
        };
        self.place(staged, to, &When::Always)
    }

    pub(super) fn delete(&self, key: &Key) -> Result<(), Failure> {
        let path = self.at(key);
        let _lock = self.lock_for(key, &When::Always)?;
        match fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(explained(error, &path)),
        }
        flush_parent(&path)?;
        // `distribution` takes a tag's empty folder for a tag.
        let above = path.ancestors().skip(1).take_while(|folder| *folder != self.path);
        for folder in above {
            if fs::remove_dir(folder).is_err() {
                break;
            }
        }
        Ok(())
    }

    /// Removes this run's staged files, and those that dead runs left; the folder too, where nothing came into it.
    pub(super) fn sweep(&self) -> Result<(), Failure> {
        let swept = self.sweep_staged();
        self.vacate();
        swept
    }

    fn sweep_staged(&self) -> Result<(), Failure> {
        for number in self.numbers.drawn() {
            match fs::remove_file(self.at(&Key::Staged(number))) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
                Ok(()) | Err(_) => self.numbers.forget(number),
            }
        }
        let any = self.at(&Key::Staged(0));
        let Some(Ok(entries)) = any.parent().map(fs::read_dir) else { return Ok(()) };
        for entry in entries.flatten() {
            let age = entry.metadata().and_then(|found| found.modified()).map(|time| time.elapsed());
            // A sibling may sweep as well, or the file be another user's: nothing of ours depends on it.
            if matches!(age, Ok(Ok(age)) if age > STALE) {
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(())
    }

    /// Makes the folders above an object, but never the root: one that went away is not made again.
    fn make_parent(&self, path: &Path) -> Result<(), Failure> {
        match path.parent() {
            Some(folder) if !folder.is_dir() => {
                self.open()?;
                make_folder(folder)
            }
            _ => Ok(()),
        }
    }
}

/// Makes a folder and those above it, each flushed into the one above: a crash loses no object that was reported
/// written.
fn make_folder(folder: &Path) -> Result<(), Failure> {
    if folder.is_dir() || folder.as_os_str().is_empty() {
        return Ok(());
    }
    if let Some(above) = folder.parent() {
        make_folder(above)?;
    }
    match fs::create_dir(folder) {
        Ok(()) => Ok(flush_parent(folder)?),
        // A sibling was faster.
        Err(error) if error.kind() == ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        // A sibling's deletion was faster: whoever needs the folder tries again.
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(explained(error, folder)),
    }
}

/// Names the file that stands where a folder must be: the operating system names none.
fn explained(error: io::Error, path: &Path) -> Failure {
    if !matches!(error.kind(), ErrorKind::NotADirectory | ErrorKind::AlreadyExists) {
        return error.into();
    }
    match path.ancestors().find(|above| above.is_file()) {
        Some(file) => Failure::NotAFolder(file.to_owned()),
        None => error.into(),
    }
}

fn flush_parent(path: &Path) -> io::Result<()> {
    let Some(folder) = path.parent() else { return Ok(()) };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        // Emptied and taken away by a deletion; or a file system that has no flushing of folders.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidInput) => Ok(()),
        other => other,
    }
}

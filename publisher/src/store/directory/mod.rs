//! A store in a directory: objects are files at their keys' paths.
//!
//! Whatever is written is staged beside the objects, flushed, renamed, and the folder flushed too: readers and a crash
//! see the old file or the new one. Conditions hold under a lock on a file (`flock`), so they hold between programs.
//! A directory cannot hold headers: who serves it derives them from the keys.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use contract::key::{Key, Prefix};
use futures_util::stream::{self, StreamExt};
use tokio::fs::File;
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::{Document, Found, Listed, Looked, Pages, SendError, Store, StoreError, Version, When};
use crate::content::{Chunks, Content};
use errors::Failure;
use root::Root;

mod adopted;
mod errors;
mod ground;
mod root;
mod staged;

/// How many chunks of content wait for the disk: what bounds memory.
const CHUNKS_WAITING: usize = 4;
/// How much is read at once, in bytes.
const CHUNK: usize = 256 << 10;
/// How many objects are in a page of a list.
const PAGE: usize = 1000;

/// A store in a directory.
#[derive(Debug)]
pub struct Directory {
    root: Arc<Root>,
}

impl Directory {
    /// Opens one that is there.
    ///
    /// # Errors
    /// [`Kind::NoStore`](super::Kind::NoStore) when there is nothing.
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let this = Self { root: Arc::new(Root::new(path.into())) };
        this.run(|| "opening it".to_owned(), Root::open).await?;
        Ok(this)
    }

    /// Opens one, and makes it where nothing is. A folder that was made and got nothing goes when the store is closed.
    pub async fn create(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let this = Self { root: Arc::new(Root::new(path.into())) };
        this.run(|| "creating it".to_owned(), Root::create_for_content).await?;
        Ok(this)
    }

    /// Does blocking work where it hinders nobody.
    async fn run<T: Send + 'static>(
        &self,
        action: impl FnOnce() -> String,
        work: impl FnOnce(&Root) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let root = Arc::clone(&self.root);
        let done = spawn_blocking(move || work(&root)).await;
        let done = done.unwrap_or_else(|join| Err(io::Error::other(join).into()));
        done.map_err(|failure| failure.of(self.name(), action()))
    }
}

#[async_trait]
impl Store for Directory {
    fn name(&self) -> String {
        self.root.path().display().to_string()
    }

    async fn compares(&self) -> Result<bool, StoreError> {
        Ok(true)
    }

    async fn size(&self, key: &Key) -> Result<Option<u64>, StoreError> {
        let wanted = key.clone();
        self.run(|| format!("looking for {key}"), move |root| root.size(&wanted)).await
    }

    async fn look(&self, key: &Key) -> Result<Option<Looked>, StoreError> {
        let wanted = key.clone();
        let found = self.run(|| format!("looking for {key}"), move |root| root.look(&wanted)).await?;
        Ok(found.map(|(size, modified)| Looked { size, modified, headers: None }))
    }

    async fn now(&self) -> Result<SystemTime, StoreError> {
        self.run(|| "asking for its time".to_owned(), Root::now).await
    }

    async fn open(&self, key: &Key, from: u64) -> Result<Option<Chunks>, StoreError> {
        let wanted = key.clone();
        let file = self.run(|| format!("opening {key}"), move |root| root.file(&wanted, from)).await?;
        Ok(file.map(|file| chunks(File::from_std(file))))
    }

    async fn read(&self, key: &Key) -> Result<Option<Found>, StoreError> {
        let wanted = key.clone();
        let read = self.run(|| format!("reading {key}"), move |root| root.read(&wanted)).await?;
        Ok(read.map(|(bytes, modified)| Found {
            version: Version::of(&bytes),
            bytes: bytes.into(),
            modified: Some(modified),
            headers: None,
        }))
    }

    async fn write(&self, key: &Key, document: &Document, when: When) -> Result<(), StoreError> {
        let (wanted, bytes) = (key.clone(), document.bytes.clone());
        let work = move |root: &Root| {
            let mut staged = root.stage()?;
            staged.append(&bytes)?;
            root.place(staged, &wanted, &when)
        };
        self.run(|| format!("writing {key}"), work).await
    }

    async fn folder(&self) -> Result<Option<PathBuf>, StoreError> {
        self.run(|| "making a folder for staged files".to_owned(), |root| root.folder().map(Some)).await
    }

    async fn send(&self, key: &Key, content: &Content<'_>) -> Result<(), SendError> {
        if let Some(file) = content.from.file(content.descriptor) {
            let (wanted, size) = (key.clone(), content.descriptor.size);
            let adopt = move |root: &Root| root.adopt(&file, size, &wanted);
            if self.run(|| format!("writing {key}"), adopt).await? {
                (content.passed)(size);
                return Ok(());
            }
        }
        let mut verified = content.open().await?;
        let (chunks, received) = mpsc::channel(CHUNKS_WAITING);
        let reading = async move {
            loop {
                let chunk = verified.next().await?;
                let last = chunk.is_none();
                // A writer that is gone has failed, and says itself why.
                if chunks.send(chunk).await.is_err() || last {
                    return Ok::<_, SendError>(());
                }
            }
        };
        let wanted = key.clone();
        let work = move |root: &Root| receive(root, &wanted, received);
        let writing = self.run(|| format!("writing {key}"), work);
        let (read, written) = futures_util::future::join(reading, writing).await;
        read?;
        Ok(written?)
    }

    async fn copy(&self, from: &Key, to: &Key) -> Result<(), StoreError> {
        let (source, target) = (from.clone(), to.clone());
        self.run(|| format!("copying {from} to {to}"), move |root| root.copy(&source, &target)).await
    }

    async fn refresh(&self, key: &Key) -> Result<(), StoreError> {
        let wanted = key.clone();
        self.run(|| format!("refreshing {key}"), move |root| root.refresh(&wanted)).await
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        let wanted = key.clone();
        self.run(|| format!("deleting {key}"), move |root| root.delete(&wanted)).await
    }

    async fn delete_many(&self, keys: &[Key]) -> Result<(), StoreError> {
        let wanted = keys.to_vec();
        let delete = move |root: &Root| wanted.iter().try_for_each(|key| root.delete(key));
        self.run(|| format!("deleting {} objects", keys.len()), delete).await
    }

    async fn list(&self, prefix: &Prefix) -> Result<Vec<Key>, StoreError> {
        let path = prefix.path();
        let list = move |root: &Root| {
            let mut keys = Vec::new();
            root.walk(&path, &mut |key, _| {
                keys.push(key);
                Ok(true)
            })?;
            Ok(keys)
        };
        self.run(|| format!("listing {}", prefix.path()), list).await
    }

    fn pages(&self, prefix: &Prefix) -> Pages<'_> {
        let (path, (to, pages)) = (prefix.path(), mpsc::channel(CHUNKS_WAITING));
        let action = format!("listing {path}");
        let listing = self.run(move || action, move |root| paged(root, &path, &to));
        // The walk fills pages while it is waited for; its own failure comes last.
        let pages = stream::unfold(pages, |mut pages| async { Some((Ok(pages.recv().await?), pages)) });
        let end = stream::once(listing).filter_map(|walked| async { walked.err().map(Err) });
        stream::select(pages, end).boxed()
    }

    async fn folders(&self, prefix: &Prefix) -> Result<BTreeSet<String>, StoreError> {
        let path = prefix.path();
        self.run(|| format!("listing {}", prefix.path()), move |root| root.folders(&path)).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.run(|| "removing staged files".to_owned(), Root::sweep).await
    }
}

fn chunks(file: File) -> Chunks {
    let read = |mut file: File| async {
        let mut chunk = BytesMut::with_capacity(CHUNK);
        Ok::<_, io::Error>(match file.read_buf(&mut chunk).await? {
            0 => None,
            _ => Some((chunk.freeze(), file)),
        })
    };
    stream::try_unfold(file, read).boxed()
}

/// Writes chunks until the one that is `None`: only then was the content right. Without it, nothing is placed.
fn receive(root: &Root, key: &Key, mut chunks: mpsc::Receiver<Option<Bytes>>) -> Result<(), Failure> {
    let mut staged = root.stage()?;
    while let Some(chunk) = chunks.blocking_recv() {
        match chunk {
            Some(chunk) => staged.append(&chunk)?,
            None => return root.place(staged, key, &When::Always),
        }
    }
    Ok(())
}

/// Gives away the objects below a folder, until nobody takes them any longer.
fn paged(root: &Root, path: &str, to: &mpsc::Sender<Vec<Listed>>) -> Result<(), Failure> {
    let mut page = Vec::with_capacity(PAGE);
    root.walk(path, &mut |key, found| {
        // Deleted since its folder was read.
        let Ok(found) = found.metadata() else { return Ok(true) };
        page.push(Listed { key, size: found.len(), modified: found.modified()? });
        Ok(page.len() < PAGE
            || to.blocking_send(std::mem::replace(&mut page, Vec::with_capacity(PAGE))).is_ok())
    })?;
    // Who listens no longer wants no last page.
    let _ = to.blocking_send(page);
    Ok(())
}

#[cfg(test)]
mod tests;

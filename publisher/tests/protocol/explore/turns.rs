//! A store whose every operation waits for its turn. Whoever hands out the turns decides what is carried out next, and
//! knows all that the caller ever learns of the store.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use contract::digest::{Algorithm, Digest};
use contract::key::{Key, Prefix};
use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt};
use publisher::content::Content;
use publisher::store::memory::Memory;
use publisher::store::{Document, Found, Kind, Listed, Looked, Pages, SendError, Store, StoreError, When};
use tokio::sync::oneshot;

/// What the store does with a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Conditions {
    /// Compares and swaps.
    Atomic,
    /// Looks, then writes, as Swift: another operation may come in between.
    LookFirst,
    /// Looks where nothing may be, and overwrites what was read whatever is there, as S3 without `If-Match`.
    Overwrite,
    /// As [`Self::LookFirst`], and says that it compares: what a probe is there to find out.
    Lying,
}

/// One operation, with all that it is told.
#[derive(Debug, Clone)]
pub(super) enum Operation {
    Size(Key),
    Look(Key),
    Now,
    Read(Key),
    Refresh(Key),
    Pages(Prefix),
    /// A removal that takes effect by this tick at the latest, or not at all.
    Remove(Key, u32),
    Write(Key, Document, When),
    Copy(Key, Key),
    Delete(Key),
    List(Prefix),
    Folders(Prefix),
    /// A sleep of a minute or more: where time is counted, until this tick; else in the name of which others are trusted
    /// to have got on.
    Rest(Option<u32>),
}

/// Half of the time that a collector may wait between a look and a removal.
pub(crate) const TICK: Duration = Duration::from_secs(30);

/// What a clock shows at a tick.
pub(crate) fn at(tick: u32) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000) + TICK * tick
}

/// And back.
pub(crate) fn tick(time: SystemTime) -> u32 {
    let since = time.duration_since(at(0)).expect("no clock goes back");
    u32::try_from(since.as_secs() / TICK.as_secs()).unwrap()
}

/// What the caller learns.
#[derive(Debug, Clone)]
pub(super) enum Outcome {
    Size(Option<u64>),
    Looked(Option<Looked>),
    Now(u32),
    Listed(Vec<Listed>),
    Read(Option<Found>),
    Keys(Vec<Key>),
    Folders(BTreeSet<String>),
    Done,
    Refused(Kind),
}

impl Operation {
    /// Whether its outcome or its effect depends on what is at a key.
    pub(super) fn concerns(&self, key: &Key, path: &str) -> bool {
        match self {
            Self::Size(own)
            | Self::Look(own)
            | Self::Read(own)
            | Self::Refresh(own)
            | Self::Remove(own, _)
            | Self::Write(own, ..)
            | Self::Delete(own) => own == key,
            Self::Copy(from, to) => [from, to].contains(&key),
            Self::List(prefix) | Self::Pages(prefix) | Self::Folders(prefix) => {
                path.starts_with(&prefix.path())
            }
            Self::Rest(_) | Self::Now => false,
        }
    }

    /// Whether it leaves the store as it is, always.
    pub(super) fn only_looks(&self) -> bool {
        matches!(
            self,
            Self::Size(_)
                | Self::Look(_)
                | Self::Now
                | Self::Read(_)
                | Self::List(_)
                | Self::Pages(_)
                | Self::Folders(_)
                | Self::Rest(_)
        )
    }

    /// Whether it leaves something that is as old as the moment.
    pub(super) fn dates(&self) -> bool {
        matches!(self, Self::Write(..) | Self::Copy(..) | Self::Refresh(_))
    }

    /// Carries it out at once.
    pub(super) fn carry_out(&self, store: &Memory) -> Outcome {
        let outcome = async {
            Ok(match self {
                Self::Size(key) => Outcome::Size(store.size(key).await?),
                Self::Look(key) => Outcome::Looked(store.look(key).await?),
                Self::Now => Outcome::Now(tick(store.now().await?)),
                Self::Pages(prefix) => {
                    Outcome::Listed(store.pages(prefix).next().await.transpose()?.unwrap_or_default())
                }
                Self::Refresh(key) => {
                    store.refresh(key).await?;
                    Outcome::Done
                }
                Self::Read(key) => Outcome::Read(store.read(key).await?),
                Self::List(prefix) => Outcome::Keys(store.list(prefix).await?),
                Self::Folders(prefix) => Outcome::Folders(store.folders(prefix).await?),
                Self::Write(key, document, when) => {
                    store.write(key, document, when.clone()).await?;
                    Outcome::Done
                }
                Self::Copy(from, to) => {
                    store.copy(from, to).await?;
                    Outcome::Done
                }
                Self::Delete(key) | Self::Remove(key, _) => {
                    store.delete(key).await?;
                    Outcome::Done
                }
                Self::Rest(_) => Outcome::Done,
            })
        };
        let outcome = outcome.now_or_never().expect("memory is never waited for");
        outcome.unwrap_or_else(|error: StoreError| Outcome::Refused(error.kind))
    }
}

/// Complete: operations of the same text are the same.
impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size(key) => write!(f, "size {key}"),
            Self::Look(key) => write!(f, "look {key}"),
            Self::Now => f.write_str("now"),
            Self::Refresh(key) => write!(f, "refresh {key}"),
            Self::Pages(prefix) => write!(f, "pages {}", prefix.path()),
            Self::Remove(key, by) => write!(f, "remove {key} by {by}"),
            Self::Read(key) => write!(f, "read {key}"),
            Self::Write(key, document, when) => {
                write!(f, "write {key} ")?;
                match str::from_utf8(&document.bytes) {
                    Ok(text) if text.len() < 200 => write!(f, "{text:?}")?,
                    _ => write!(f, "{}", Digest::of(Algorithm::Sha256, &document.bytes))?,
                }
                match when {
                    When::Always => {}
                    When::Absent => write!(f, " if absent")?,
                    When::Unchanged(version) => write!(f, " if {}", version.0)?,
                }
                document.media_type.iter().try_for_each(|it| write!(f, " as {}", it.as_str()))
            }
            Self::Copy(from, to) => write!(f, "copy {from} to {to}"),
            Self::Delete(key) => write!(f, "delete {key}"),
            Self::List(prefix) => write!(f, "list {}", prefix.path()),
            Self::Folders(prefix) => write!(f, "folders {}", prefix.path()),
            Self::Rest(None) => f.write_str("rest"),
            Self::Rest(Some(until)) => write!(f, "rest until {until}"),
        }
    }
}

/// Complete: outcomes of the same text are the same.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size(size) => write!(f, "size {size:?}"),
            Self::Looked(looked) => write!(f, "looked {looked:?}"),
            Self::Now(tick) => write!(f, "now {tick}"),
            Self::Listed(listed) => write!(f, "{listed:?}"),
            Self::Read(None) => f.write_str("nothing to read"),
            Self::Read(Some(found)) => write!(f, "{}", found.version.0),
            Self::Keys(keys) => write!(f, "{} keys", keys.len())
                .and_then(|()| keys.iter().try_for_each(|key| write!(f, " {key}"))),
            Self::Folders(folders) => write!(f, "folders {folders:?}"),
            Self::Done => f.write_str("done"),
            Self::Refused(kind) => write!(f, "{kind:?}"),
        }
    }
}

/// An operation that waits, and where its outcome is told.
pub(super) type Waiting = (Operation, oneshot::Sender<Outcome>);

/// The store.
#[derive(Debug)]
pub(crate) struct Turns {
    conditions: Conditions,
    /// Whether time is counted. Where it is not, it stands still, and nobody collects.
    timed: bool,
    /// What the clock said last.
    told: AtomicU32,
    /// How many ticks a sleep of a minute takes.
    patience: AtomicU32,
    /// Which of the programs works with it.
    number: u64,
    waiting: Mutex<Vec<Waiting>>,
    note: Mutex<Option<String>>,
}

impl Turns {
    pub(super) fn new(conditions: Conditions, timed: bool, number: u64) -> Self {
        let (told, waiting, note) = Default::default();
        Self { conditions, timed, told, patience: AtomicU32::new(2), number, waiting, note }
    }

    /// From here on, no sleep takes any time.
    pub(crate) fn hurry(&self) {
        self.patience.store(0, Ordering::SeqCst);
    }

    /// Differs between the programs.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// A sleep of as long as a collector may wait between a look and a removal.
    pub(super) fn rest(&self) -> Operation {
        Operation::Rest(
            self.timed.then(|| self.told.load(Ordering::SeqCst) + self.patience.load(Ordering::SeqCst)),
        )
    }

    /// The caller remembers this from here on, and no outcome from before. It has no other step under way.
    pub(crate) fn note(&self, what: String) {
        *self.note.lock().unwrap_or_else(PoisonError::into_inner) = Some(what);
    }

    /// What was noted since the last call.
    pub(super) fn take_note(&self) -> Option<String> {
        self.note.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Those that have come since the last call.
    pub(super) fn take(&self) -> Vec<Waiting> {
        std::mem::take(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn turn(&self, operation: Operation) -> Result<Outcome, StoreError> {
        let (teller, told) = oneshot::channel();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push((operation, teller));
        match told.await.expect("who hands out the turns outlives the caller") {
            Outcome::Refused(kind) => Err(refused(kind)),
            outcome => Ok(outcome),
        }
    }
}

fn refused(kind: Kind) -> StoreError {
    StoreError { kind, store: "model".into(), action: "an operation".into(), source: None }
}

#[async_trait]
impl Store for Turns {
    fn name(&self) -> String {
        "model".into()
    }

    async fn compares(&self) -> Result<bool, StoreError> {
        Ok(matches!(self.conditions, Conditions::Atomic | Conditions::Lying))
    }

    async fn size(&self, key: &Key) -> Result<Option<u64>, StoreError> {
        let Outcome::Size(size) = self.turn(Operation::Size(key.clone())).await? else { unreachable!() };
        Ok(size)
    }

    async fn look(&self, key: &Key) -> Result<Option<Looked>, StoreError> {
        let Outcome::Looked(looked) = self.turn(Operation::Look(key.clone())).await? else { unreachable!() };
        Ok(looked)
    }

    async fn now(&self) -> Result<SystemTime, StoreError> {
        if !self.timed {
            return Ok(at(0));
        }
        let Outcome::Now(tick) = self.turn(Operation::Now).await? else { unreachable!() };
        self.told.store(tick, Ordering::SeqCst);
        Ok(at(tick))
    }

    async fn read(&self, key: &Key) -> Result<Option<Found>, StoreError> {
        if !self.timed && *key == Key::Collector {
            return Ok(None);
        }
        let Outcome::Read(found) = self.turn(Operation::Read(key.clone())).await? else { unreachable!() };
        Ok(found)
    }

    async fn write(&self, key: &Key, document: &Document, when: When) -> Result<(), StoreError> {
        let write = |when| self.turn(Operation::Write(key.clone(), document.clone(), when));
        if self.conditions == Conditions::Atomic {
            return write(when).await.map(drop);
        }
        let holds = match &when {
            When::Always => true,
            When::Absent => self.size(key).await?.is_none(),
            When::Unchanged(_) if self.conditions == Conditions::Overwrite => true,
            When::Unchanged(version) => self.read(key).await?.is_some_and(|found| found.version == *version),
        };
        if !holds {
            return Err(refused(Kind::Conflict));
        }
        write(When::Always).await.map(drop)
    }

    async fn send(&self, key: &Key, content: &Content<'_>) -> Result<(), SendError> {
        let whole = Document::new(content.open().await?.whole().await?);
        Ok(self.write(key, &whole, When::Always).await?)
    }

    async fn copy(&self, from: &Key, to: &Key) -> Result<(), StoreError> {
        self.turn(Operation::Copy(from.clone(), to.clone())).await.map(drop)
    }

    async fn refresh(&self, key: &Key) -> Result<(), StoreError> {
        self.turn(Operation::Refresh(key.clone())).await.map(drop)
    }

    async fn delete_many(&self, keys: &[Key]) -> Result<(), StoreError> {
        let by = self.told.load(Ordering::SeqCst) + 1;
        for key in keys {
            self.turn(Operation::Remove(key.clone(), by)).await?;
        }
        Ok(())
    }

    fn pages(&self, prefix: &Prefix) -> Pages<'_> {
        let prefix = prefix.clone();
        let page = async move {
            let Outcome::Listed(listed) = self.turn(Operation::Pages(prefix)).await? else { unreachable!() };
            Ok(listed)
        };
        stream::once(page).boxed()
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        self.turn(Operation::Delete(key.clone())).await.map(drop)
    }

    async fn list(&self, prefix: &Prefix) -> Result<Vec<Key>, StoreError> {
        let Outcome::Keys(keys) = self.turn(Operation::List(prefix.clone())).await? else { unreachable!() };
        Ok(keys)
    }

    async fn folders(&self, prefix: &Prefix) -> Result<BTreeSet<String>, StoreError> {
        let asked = self.turn(Operation::Folders(prefix.clone())).await?;
        let Outcome::Folders(folders) = asked else { unreachable!() };
        Ok(folders)
    }

    async fn close(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

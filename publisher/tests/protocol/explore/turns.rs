//! A store whose every operation waits for its turn. Whoever hands out the turns decides what is carried out next, and
//! knows all that the caller ever learns of the store.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use contract::digest::{Algorithm, Digest};
use contract::key::{Key, Prefix};
use futures_util::FutureExt;
use publisher::content::Content;
use publisher::store::memory::Memory;
use publisher::store::{Document, Found, Kind, SendError, Store, StoreError, When};
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
    Read(Key),
    Write(Key, Document, When),
    Copy(Key, Key),
    Delete(Key),
    List(Prefix),
    /// A sleep of a minute or more, in the name of which others are trusted to have got on.
    Rest,
}

/// What the caller learns.
#[derive(Debug, Clone)]
pub(super) enum Outcome {
    Size(Option<u64>),
    Read(Option<Found>),
    Keys(Vec<Key>),
    Done,
    Refused(Kind),
}

impl Operation {
    /// Whether its outcome or its effect depends on what is at a key.
    pub(super) fn concerns(&self, key: &Key, path: &str) -> bool {
        match self {
            Self::Size(own) | Self::Read(own) | Self::Write(own, ..) | Self::Delete(own) => own == key,
            Self::Copy(from, to) => [from, to].contains(&key),
            Self::List(prefix) => path.starts_with(&prefix.path()),
            Self::Rest => false,
        }
    }

    /// Whether it leaves the store as it is, always.
    pub(super) fn only_looks(&self) -> bool {
        matches!(self, Self::Size(_) | Self::Read(_) | Self::List(_) | Self::Rest)
    }

    /// Carries it out at once.
    pub(super) fn carry_out(&self, store: &Memory) -> Outcome {
        let outcome = async {
            Ok(match self {
                Self::Size(key) => Outcome::Size(store.size(key).await?),
                Self::Read(key) => Outcome::Read(store.read(key).await?),
                Self::List(prefix) => Outcome::Keys(store.list(prefix).await?),
                Self::Write(key, document, when) => {
                    store.write(key, document, when.clone()).await?;
                    Outcome::Done
                }
                Self::Copy(from, to) => {
                    store.copy(from, to).await?;
                    Outcome::Done
                }
                Self::Delete(key) => {
                    store.delete(key).await?;
                    Outcome::Done
                }
                Self::Rest => Outcome::Done,
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
            Self::Rest => f.write_str("rest"),
        }
    }
}

/// Complete: outcomes of the same text are the same.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size(size) => write!(f, "size {size:?}"),
            Self::Read(None) => f.write_str("nothing to read"),
            Self::Read(Some(found)) => write!(f, "{}", found.version.0),
            Self::Keys(keys) => write!(f, "{} keys", keys.len())
                .and_then(|()| keys.iter().try_for_each(|key| write!(f, " {key}"))),
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
    waiting: Mutex<Vec<Waiting>>,
    note: Mutex<Option<String>>,
}

impl Turns {
    pub(super) fn new(conditions: Conditions) -> Self {
        Self { conditions, waiting: Mutex::default(), note: Mutex::default() }
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

    async fn read(&self, key: &Key) -> Result<Option<Found>, StoreError> {
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

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        self.turn(Operation::Delete(key.clone())).await.map(drop)
    }

    async fn list(&self, prefix: &Prefix) -> Result<Vec<Key>, StoreError> {
        let Outcome::Keys(keys) = self.turn(Operation::List(prefix.clone())).await? else { unreachable!() };
        Ok(keys)
    }

    async fn close(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

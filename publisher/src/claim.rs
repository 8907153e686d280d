//! The commit of a tag that must not be moved: its link is written only where there is none.

use std::time::Duration;

use contract::digest::Digest;
use contract::key::Key;
use contract::name::{Repository, Tag};

use crate::apply::PublishError;
use crate::derive::Derive;
use crate::immutable::{Refusal, Why};
use crate::store::{Document, Kind, StoreError, When};

/// How often a link is tried that others remove meanwhile.
const TRIES: u32 = 10;
/// Where the store does not compare: how long the write of another publisher may take to be seen.
const LOOK_AGAIN: Duration = Duration::from_millis(300);

/// A tag that is to point to a digest, and nowhere else ever.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claim<'a> {
    pub(crate) repository: &'a Repository,
    pub(crate) tag: &'a Tag,
    pub(crate) digest: &'a Digest,
    pub(crate) why: &'a Why,
}

impl Claim<'_> {
    /// Writes the link where there is none. The link decides, not the answer: of a lost answer's second try, the store
    /// says that somebody was faster, and it was us.
    ///
    /// Where the store does not compare, two publishers that both saw no link have both written: each looks again after
    /// a while, and only the one whose link stands has won. One that wrote later than that is not seen.
    pub(crate) async fn run(self, derive: Derive<'_>) -> Result<(), PublishError> {
        let store = derive.store;
        let link = Key::TagLink(self.repository.clone(), self.tag.clone());
        for _ in 0..TRIES {
            let written = match store.write(&link, &Document::link(self.digest), When::Absent).await {
                Err(error) if error.kind == Kind::Conflict => false,
                written => written.map(|()| true)?,
            };
            if written {
                if store.compares().await? {
                    return Ok(());
                }
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            if store.read(&link).await?.is_some() || written {
                return self.check(derive).await;
            }
        }
        let action = format!("claiming {link}, which others keep removing");
        Err(StoreError { kind: Kind::Conflict, store: store.name(), action, source: None }.into())
    }

    /// Refuses where the link is another's. Where it is gone, somebody has removed it since.
    pub(crate) async fn check(self, derive: Derive<'_>) -> Result<(), PublishError> {
        let link = Key::TagLink(self.repository.clone(), self.tag.clone());
        let there = derive.target(&link).await?;
        if there == Some(*self.digest) || derive.store.size(&link).await?.is_none() {
            return Ok(());
        }
        let (repository, tag) = (self.repository.clone(), self.tag.clone());
        Err(Refusal { repository, tag, there, why: self.why.clone() }.into())
    }
}

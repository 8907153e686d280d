//! Where a tag has pointed: its history links, by when they were written. A link is written again each time the tag
//! moves to its digest, so that its time is that of the last such move.

use std::collections::BTreeMap;
use std::time::SystemTime;

use contract::digest::Digest;
use contract::key::{Key, Prefix};
use contract::name::{Repository, Tag};
use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::derive::Derive;
use crate::look::{self, Node};
use crate::store::StoreError;

/// One of the manifests that a tag has pointed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// Which.
    pub digest: Digest,
    /// When the tag was last moved there; `None` where the store does not tell.
    pub moved: Option<SystemTime>,
    /// Whether the tag points there.
    pub is_current: bool,
    /// What is there; `None` where the repository has no such manifest any longer.
    pub image: Option<Node>,
}

/// Why no manifest of a history can be picked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// The tag never pointed elsewhere.
    #[error("it has pointed to nothing else")]
    Nothing,
    /// Of several, nobody knows which was the last.
    #[error("the store does not tell which of {} it pointed to last", list(.0))]
    Unclear(Vec<Digest>),
    /// It is there no longer.
    #[error("{0}, where it pointed, is gone")]
    Gone(Digest),
    /// Text that begins none of its digests.
    #[error("it has never pointed to `{0}`")]
    Never(String),
    /// Text that begins several of its digests.
    #[error("`{text}` could be each of {}", list(.digests))]
    Ambiguous {
        /// As typed.
        text: String,
        /// Those that begin so.
        digests: Vec<Digest>,
    },
}

impl HistoryError {
    /// What the user can do about it.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Nothing => None,
            Self::Unclear(_) | Self::Gone(_) | Self::Never(_) | Self::Ambiguous { .. } => Some(
                "`history` shows all that it has pointed to: name one, as in `rollback acme/app:1.2 sha256:…`",
            ),
        }
    }
}

fn list(digests: &[Digest]) -> String {
    digests.iter().map(Digest::to_string).collect::<Vec<_>>().join(", ")
}

/// What a tag points to and has pointed to, the latest first; nothing where there is no such tag.
pub async fn of(
    derive: Derive<'_>,
    name: &Repository,
    tag: &Tag,
    jobs: usize,
) -> Result<Vec<Past>, StoreError> {
    let link = Key::TagLink(name.clone(), tag.clone());
    let mut moved: BTreeMap<Digest, Option<SystemTime>> = BTreeMap::new();
    let current = derive.dated(&link).await?;
    moved.extend(current);
    let links = derive.store.list(&Prefix::TagHistory(name.clone(), tag.clone())).await?;
    let read = links.iter().map(|link| derive.dated(link));
    let found: Vec<_> = stream::iter(read).buffer_unordered(jobs).try_collect().await?;
    for (digest, time) in found.into_iter().flatten() {
        // Of the two links of where it points, the tag's own is written last.
        moved.entry(digest).or_insert(time);
    }
    let current = current.map(|(digest, _)| digest);
    let each = moved.into_iter().map(|(digest, moved)| async move {
        let linked = derive.store.size(&Key::RevisionLink(name.clone(), digest)).await?.is_some();
        let image = if linked { look::node(derive, &digest, None).await? } else { None };
        Ok::<_, StoreError>(Past { digest, moved, is_current: current == Some(digest), image })
    });
    let mut all: Vec<Past> = stream::iter(each).buffered(jobs).try_collect().await?;
    all.sort_by_key(|past| std::cmp::Reverse((past.is_current, past.moved)));
    Ok(all)
}

/// Where the tag pointed before it was moved to where it is.
pub fn previous(history: &[Past]) -> Result<&Past, HistoryError> {
    let others = || history.iter().filter(|past| !past.is_current);
    let last = others().map(|past| past.moved).max().ok_or(HistoryError::Nothing)?;
    // S3 tells whole seconds: two moves within one cannot be told apart.
    let latest: Vec<&Past> = others().filter(|past| past.moved == last).collect();
    match latest[..] {
        [only] if last.is_some() || others().count() == 1 => Ok(only),
        _ => Err(HistoryError::Unclear(latest.into_iter().map(|past| past.digest).collect())),
    }
}

/// The one whose digest begins so, with the algorithm or without.
pub fn named<'a>(history: &'a [Past], text: &str) -> Result<&'a Past, HistoryError> {
    let begins = |past: &&Past| {
        past.digest.to_string().starts_with(text) || past.digest.hex().to_string().starts_with(text)
    };
    let meant: Vec<&Past> = history.iter().filter(begins).collect();
    match meant[..] {
        [only] => Ok(only),
        [] => Err(HistoryError::Never(text.to_owned())),
        _ => {
            let digests = meant.into_iter().map(|past| past.digest).collect();
            Err(HistoryError::Ambiguous { text: text.to_owned(), digests })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use contract::digest::Algorithm;

    use super::*;

    fn digest(text: &str) -> Digest {
        Digest::of(Algorithm::Sha256, text.as_bytes())
    }

    /// Digests of texts with the seconds at which the tag came there; the tag points to the first.
    fn history(of: &[(&str, Option<u64>)]) -> Vec<Past> {
        let past = |(nth, (text, at)): (usize, &(&str, Option<u64>))| Past {
            digest: digest(text),
            moved: at.map(|at| SystemTime::UNIX_EPOCH + Duration::from_secs(at)),
            is_current: nth == 0,
            image: None,
        };
        of.iter().enumerate().map(past).collect()
    }

    #[test]
    fn the_previous_one_is_the_last_of_the_others() {
        for (of, expected) in [
            (&[][..], Err(HistoryError::Nothing)),
            (&[("now", Some(9))], Err(HistoryError::Nothing)),
            (&[("now", Some(9)), ("a", Some(1))], Ok(digest("a"))),
            (&[("now", Some(9)), ("a", Some(1)), ("b", Some(2))], Ok(digest("b"))),
            (&[("now", Some(1)), ("a", Some(3)), ("b", Some(2))], Ok(digest("a"))),
            (&[("now", None), ("a", None)], Ok(digest("a"))),
            (
                &[("now", Some(9)), ("a", Some(2)), ("b", Some(2)), ("c", Some(1))],
                Err(HistoryError::Unclear(vec![digest("a"), digest("b")])),
            ),
            (
                &[("now", None), ("a", None), ("b", None)],
                Err(HistoryError::Unclear(vec![digest("a"), digest("b")])),
            ),
        ] {
            assert_eq!(previous(&history(of)).map(|past| past.digest), expected, "{of:?}");
        }
    }

    #[test]
    fn a_digest_may_be_cut_short() {
        let history = history(&[("now", None), ("a", None)]);
        let whole = digest("a").to_string();
        for text in [&whole[..], &whole[..19], &whole[7..19]] {
            assert_eq!(named(&history, text).map(|past| past.digest), Ok(digest("a")), "{text}");
        }
        assert!(matches!(named(&history, "sha256:"), Err(HistoryError::Ambiguous { .. })));
        assert_eq!(named(&history, "sha512:"), Err(HistoryError::Never("sha512:".into())));
    }
}

//! Segments of runs that died: no large object lists them, and nobody will.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use contract::key::{Key, Prefix};
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::super::failure::Failure;
use super::Swift;
use super::objects::{SINGLY, Written};

/// The segments of one upload.
#[derive(Default)]
struct Upload {
    segments: Vec<Key>,
    last: Written,
}

impl Swift {
    /// Removes the segments of uploads that ended longer than `grace` ago and that their object does not list; returns
    /// how many uploads that were, of `most` that it looks at. The cluster's clock is not asked: grace is hours.
    pub(super) async fn remove_stale(&self, grace: Duration, most: usize) -> Result<usize, Failure> {
        let before = SystemTime::now().checked_sub(grace).unwrap_or(SystemTime::UNIX_EPOCH);
        let mut old: Vec<_> = self.uploads_in_segments().await?.into_iter().collect();
        old.retain(|(_, upload)| upload.last < written(before));
        fastrand::shuffle(&mut old);
        let each = old.into_iter().take(most).map(|((of, _), upload)| async move {
            let listed = self.own_segments(&of).await?;
            let paths: Vec<String> = upload.segments.iter().map(|key| self.path(key)).collect();
            let is_dead = !paths.iter().any(|path| listed.contains(path));
            if is_dead {
                self.delete_paths(&paths).await?;
            }
            Ok(usize::from(is_dead))
        });
        let ended = stream::iter(each).buffer_unordered(SINGLY);
        ended.try_fold(0, |all, one| async move { Ok(all + one) }).await
    }

    async fn uploads_in_segments(&self) -> Result<BTreeMap<(Key, u64), Upload>, Failure> {
        let mut uploads = BTreeMap::<_, Upload>::new();
        for (key, written) in self.list_below(&self.location.below(&Prefix::Segments.path())).await? {
            if let Key::Segment { of, upload, .. } = &key {
                let upload = uploads.entry((of.as_ref().clone(), *upload)).or_default();
                upload.last = written.max(std::mem::take(&mut upload.last));
                upload.segments.push(key);
            }
        }
        Ok(uploads)
    }
}

/// A time as the cluster lists it.
fn written(time: SystemTime) -> Written {
    humantime::format_rfc3339_micros(time).to_string().trim_end_matches('Z').to_owned()
}

/// And back.
pub(super) fn time(written: &Written) -> Option<SystemTime> {
    humantime::parse_rfc3339_weak(&format!("{written}Z")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_the_cluster_lists_them() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_micros(1_700_000_000_000_001);
        assert_eq!(written(time), "2023-11-14T22:13:20.000001");
        assert_eq!(super::time(&written(time)), Some(time));
        assert_eq!(super::time(&"2023-11-14T22:13:20".into()), Some(time - Duration::from_micros(1)));
    }
}

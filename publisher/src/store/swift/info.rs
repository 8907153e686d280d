//! What the cluster takes, as [it tells itself](https://docs.openstack.org/swift/latest/api/discoverability.html).

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde::Deserialize;

use super::super::Kind;
use super::super::failure::Failure;
use super::Swift;
use super::http::{Call, exchange};

/// Where the cluster tells nothing: what Swift takes unless it is told otherwise, rounded down.
const OBJECT_MAX: u64 = 5_000_000_000;
/// The same, of segments in a large object.
const SEGMENTS_MAX: u64 = 1000;
/// Smaller than clusters take, so that an interruption costs less.
const SEGMENT: u64 = 1 << 30;

/// What the cluster takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Info {
    /// The largest object that is not a list of others, in bytes.
    pub(super) object_max: u64,
    /// How many segments a large object may have; `None` where there are no large objects.
    pub(super) segments_max: Option<u64>,
    /// How many objects one request may delete; `None` where each needs its own.
    pub(super) deletes_max: Option<usize>,
}

#[derive(Deserialize)]
struct Told {
    swift: ToldOfSwift,
    slo: Option<ToldOfLarge>,
    bulk_delete: Option<ToldOfBulk>,
}

#[derive(Deserialize)]
struct ToldOfSwift {
    max_file_size: Option<u64>,
}

#[derive(Deserialize)]
struct ToldOfLarge {
    max_manifest_segments: Option<u64>,
}

#[derive(Deserialize)]
struct ToldOfBulk {
    max_deletes_per_request: Option<usize>,
}

impl Info {
    /// From the cluster's document. A cluster that tells nothing that can be read is taken for an ordinary one.
    fn of(document: &[u8]) -> Self {
        let Ok(told) = serde_json::from_slice::<Told>(document) else {
            return Self { object_max: OBJECT_MAX, segments_max: Some(SEGMENTS_MAX), deletes_max: None };
        };
        Self {
            object_max: told.swift.max_file_size.unwrap_or(OBJECT_MAX).max(1),
            segments_max: told.slo.map(|slo| slo.max_manifest_segments.unwrap_or(SEGMENTS_MAX)),
            deletes_max: told
                .bulk_delete
                .and_then(|bulk| bulk.max_deletes_per_request)
                .filter(|&most| most > 0),
        }
    }

    /// The size of the pieces in which content of this size is uploaded; its own size where one piece does.
    pub(super) fn piece(&self, size: u64) -> Result<u64, Failure> {
        if size <= self.object_max {
            return Ok(size);
        }
        let most = self.object_max;
        let Some(segments_max) = self.segments_max else {
            let said =
                format!("{size} bytes are more than the cluster takes ({most}), and it has no large objects");
            return Err(Failure::new(Kind::Other, said));
        };
        let piece = size.div_ceil(segments_max.max(1)).max(SEGMENT.min(most));
        if piece > most {
            let said =
                format!("{size} bytes are more than the cluster takes: {segments_max} segments of {most}");
            return Err(Failure::new(Kind::Other, said));
        }
        Ok(piece)
    }
}

impl Swift {
    /// What the cluster takes, asked once.
    pub(super) async fn info(&self) -> Result<&Info, Failure> {
        self.info.get_or_try_init(|| self.ask_info()).await
    }

    async fn ask_info(&self) -> Result<Info, Failure> {
        let url = self.session(None).await?.info_url();
        let call = Call::new(Method::GET);
        // It is public, where it is at all.
        let ask = || exchange(&self.http, &self.requests.patience, &url, &call, HeaderMap::new());
        match self.requests.answer(ask).await {
            Ok(answer) => Ok(Info::of(&answer.body)),
            Err(failure) if failure.passes => Err(failure),
            Err(_) => Ok(Info::of(b"")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn what_is_told_is_read_and_what_is_not_is_ordinary() {
        let told = br#"{"swift": {"max_file_size": 7, "version": "2"}, "slo": {"max_manifest_segments": 3},
                        "bulk_delete": {"max_deletes_per_request": 100}}"#;
        let info = Info { object_max: 7, segments_max: Some(3), deletes_max: Some(100) };
        assert_eq!(Info::of(told), info);
        let info = Info { object_max: OBJECT_MAX, segments_max: None, deletes_max: None };
        assert_eq!(Info::of(br#"{"swift": {}}"#), info);
        let info = Info { object_max: OBJECT_MAX, segments_max: Some(SEGMENTS_MAX), deletes_max: None };
        assert_eq!(Info::of(b"<html>"), info);
    }

    #[test]
    fn content_is_uploaded_in_pieces_that_the_cluster_takes() {
        let info = Info { object_max: 5 * GIB, segments_max: Some(1000), deletes_max: None };
        for (size, piece) in [(0, 0), (5 * GIB, 5 * GIB), (5 * GIB + 1, GIB), (2000 * GIB, 2 * GIB)] {
            assert_eq!(info.piece(size).unwrap(), piece, "{size}");
        }
        assert_eq!(info.piece(5001 * GIB).unwrap_err().kind, Kind::Other);
        let small = Info { object_max: 10, ..info.clone() };
        assert_eq!(small.piece(11).unwrap(), 10);
        let none = Info { segments_max: None, ..info };
        assert_eq!(none.piece(6 * GIB).unwrap_err().kind, Kind::Other);
    }
}

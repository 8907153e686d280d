//! What kind of thing a request asks for, by its path alone. Pure.

use memchr::memrchr;

use crate::settings::OBJECTS;

/// What kind of thing a request asks for, whether or not there can be such a thing: a manifest of a name that is none is
/// a manifest that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Version,
    Manifest,
    Blob,
    TagList,
    Referrers,
    Catalog,
    Ping,
    V1,
    Search,
    Object,
    Health,
    Other,
}

impl Kind {
    pub(super) const ALL: [Self; 12] = [
        Self::Version,
        Self::Manifest,
        Self::Blob,
        Self::TagList,
        Self::Referrers,
        Self::Catalog,
        Self::Ping,
        Self::V1,
        Self::Search,
        Self::Object,
        Self::Health,
        Self::Other,
    ];

    /// By the words that tell the API's paths apart; `contract::api` has read the path already, or refused it, and is not
    /// asked to read it again for this.
    pub(super) fn of(path: &str) -> Self {
        if let Some(rest) = path.strip_prefix("/v2/") {
            return v2(rest);
        }
        match path {
            "/v2" => Self::Version,
            "/v1/_ping" | "/_ping" => Self::Ping,
            "/v1/search" => Self::Search,
            "/healthz" => Self::Health,
            _ if path.starts_with("/v1/") => Self::V1,
            _ if path.starts_with(OBJECTS) => Self::Object,
            _ => Self::Other,
        }
    }

    /// In metrics.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Version => "version",
            Self::Manifest => "manifest",
            Self::Blob => "blob",
            Self::TagList => "tags",
            Self::Referrers => "referrers",
            Self::Catalog => "catalog",
            Self::Ping => "ping",
            Self::V1 => "v1",
            Self::Search => "search",
            Self::Object => "object",
            Self::Health => "health",
            Self::Other => "other",
        }
    }
}

fn v2(rest: &str) -> Kind {
    match rest {
        "" => return Kind::Version,
        "_catalog" => return Kind::Catalog,
        _ => {}
    }
    // The name comes first and may hold any of these words.
    // The last but one segment, by memchr: every request pays it.
    let bytes = rest.as_bytes();
    let segment = memrchr(b'/', bytes).map(|end| {
        let begin = memrchr(b'/', &bytes[..end]).map_or(0, |slash| slash + 1);
        &rest[begin..end]
    });
    match segment {
        Some("blobs") => Kind::Blob,
        Some("manifests") => Kind::Manifest,
        Some("tags") => Kind::TagList,
        Some("referrers") => Kind::Referrers,
        Some(_) | None => Kind::Other,
    }
}

#[cfg(test)]
mod tests {
    use contract::api::Request;

    use super::*;

    #[test]
    fn paths_are_told_apart() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for (path, kind) in [
            ("/v2/", "version"),
            ("/v2", "version"),
            ("/v2/_catalog", "catalog"),
            ("/v2/acme/app/manifests/1.2", "manifest"),
            ("/v2/tags/blobs/manifests/1.2", "manifest"),
            (&format!("/v2/a/manifests/{digest}"), "manifest"),
            (&format!("/v2/a/blobs/{digest}"), "blob"),
            (&format!("/v2/a/referrers/{digest}"), "referrers"),
            ("/v2/a/tags/list", "tags"),
            ("/v1/_ping", "ping"),
            ("/_ping", "ping"),
            ("/v1/repositories/a/b/tags", "v1"),
        ] {
            assert_eq!(Kind::of(path).as_str(), kind, "{path}");
            assert!(!matches!(Request::parse(path), Request::Unknown(_)), "{path}");
        }
        for (path, kind) in [
            ("/v2/A/manifests/1.2", "manifest"),
            ("/v2/a/uploads/", "other"),
            ("/v2/x", "other"),
            ("/v1/search", "search"),
            ("/objects/a", "object"),
            ("/healthz", "health"),
            ("/metrics", "other"),
            ("", "other"),
            ("*", "other"),
        ] {
            assert_eq!(Kind::of(path).as_str(), kind, "{path}");
        }
    }

    #[test]
    fn each_kind_has_its_place() {
        for (nth, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, nth);
        }
    }
}

//! Descriptors: how one document names another, by type, digest and size.
//!
//! Follows the OCI image spec's [descriptor.md](https://github.com/opencontainers/image-spec/blob/main/descriptor.md).

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer, Serialize};

use crate::digest::Digest;
use crate::media::MediaType;

/// A descriptor, in the fields that anybody here asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What the content is.
    pub media_type: MediaType,
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes; no more than an `i64` holds, where it was read.
    #[serde(deserialize_with = "int64")]
    pub size: u64,
    /// Where else it can be had. Layers that may not be in a registry ("foreign") have some.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// For whom, in an image index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// What kind of artifact, in a referrers list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<MediaType>,
    /// Free text by key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// What the image spec says a size is, and what clients read it into: with more, they could read nothing of the document.
fn int64<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    let size = u64::deserialize(from)?;
    match i64::try_from(size) {
        Ok(_) => Ok(size),
        Err(_) => Err(D::Error::invalid_value(Unexpected::Unsigned(size), &"a size below 2^63")),
    }
}

impl Descriptor {
    /// One with the three fields that every descriptor has.
    pub fn new(media_type: MediaType, digest: Digest, size: u64) -> Self {
        let annotations = BTreeMap::new();
        Self { media_type, digest, size, urls: Vec::new(), platform: None, artifact_type: None, annotations }
    }

    /// Whether a registry may lack it: such content has its own place to be fetched from
    /// ([layer.md, "Non-Distributable Layers"](https://github.com/opencontainers/image-spec/blob/main/layer.md#non-distributable-layers)).
    pub fn may_be_absent(&self) -> bool {
        self.media_type.is_foreign() && !self.urls.is_empty()
    }
}

/// The platform of an index's entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// As Go's `GOARCH`.
    pub architecture: String,
    /// As Go's `GOOS`.
    pub os: String,
    /// The CPU's variant: `v8`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Of Windows.
    #[serde(default, rename = "os.version", skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
}

impl Platform {
    /// Whether this is the platform that somebody wrote as `os/architecture` or `os/architecture/variant`.
    /// Without a variant, every variant matches.
    pub fn is(&self, wanted: &str) -> bool {
        let mut parts = wanted.splitn(3, '/');
        parts.next() == Some(&self.os)
            && parts.next() == Some(&self.architecture)
            && parts.next().is_none_or(|variant| self.variant.as_deref() == Some(variant))
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.iter().try_for_each(|variant| write!(f, "/{variant}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_match_with_and_without_variant() {
        let arm = Platform {
            architecture: "arm64".into(),
            os: "linux".into(),
            variant: Some("v8".into()),
            os_version: None,
        };
        assert_eq!(arm.to_string(), "linux/arm64/v8");
        for (wanted, is) in [
            ("linux/arm64", true),
            ("linux/arm64/v8", true),
            ("linux/arm64/v7", false),
            ("linux/amd64", false),
            ("", false),
        ] {
            assert_eq!(arm.is(wanted), is, "{wanted}");
        }
    }

    #[test]
    fn a_size_is_one_that_clients_can_read() {
        let read = |size: &str| {
            let text = format!(r#"{{"mediaType":"m","size":{size},"digest":"sha256:{}"}}"#, "0".repeat(64));
            serde_json::from_str::<Descriptor>(&text).map(|descriptor| descriptor.size)
        };
        assert_eq!(read("9223372036854775807").ok(), u64::try_from(i64::MAX).ok());
        let refused = read("9223372036854775808").unwrap_err().to_string();
        assert!(refused.contains("a size below 2^63"), "{refused}");
        for size in ["-1", "18446744073709551616", "1.5", "\"1\"", "null"] {
            assert!(read(size).is_err(), "{size}");
        }
    }

    #[test]
    fn a_foreign_layer_needs_a_place_of_its_own_to_be_absent() {
        let text = |urls: &str| {
            format!(
                r#"{{"mediaType":"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip","size":1,{urls}
                "digest":"sha256:{}"}}"#,
                "0".repeat(64)
            )
        };
        let with: Descriptor = serde_json::from_str(&text(r#""urls":["https://example.com/l"],"#)).unwrap();
        let without: Descriptor = serde_json::from_str(&text("")).unwrap();
        assert!(with.may_be_absent() && !without.may_be_absent());
    }
}

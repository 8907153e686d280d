//! What is found to be wrong, in words, and what to do about it.

use std::fmt;

use contract::key::Key;
use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

/// Something that is wrong with an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Which.
    pub key: Key,
    /// What.
    pub wrong: Wrong,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Wrong {
    /// Something that is there needs it.
    #[error("is not there, and {0} needs it")]
    Missing(String),
    /// A length that is not its descriptor's.
    #[error("has {found} bytes instead of {expected}")]
    Size {
        /// In the store.
        found: u64,
        /// By its descriptor.
        expected: u64,
    },
    /// Content whose digest is another.
    #[error("holds other bytes than its name says")]
    Damaged,
    /// A link that names no digest, or another than its own.
    #[error("does not hold the digest that it should")]
    NoDigest,
    /// What is linked as a manifest, and is none.
    #[error("is no manifest that clients of today read")]
    Unreadable,
    /// A view or a list of something else than there is.
    #[error("does not agree with {0}")]
    Disagrees(&'static str),
    /// A view whose link is gone.
    #[error("is there without its link")]
    Unlinked,
    /// Clients refuse a manifest of another type.
    #[error("is sent with the Content-Type {}, not {expected}", quoted(.found.as_ref()))]
    ContentType {
        /// As the store sends it.
        found: Option<String>,
        /// By its key.
        expected: String,
    },
    /// Whoever decodes it gets other bytes.
    #[error("is sent with the Content-Encoding `{0}`, which changes its digest")]
    ContentEncoding(String),
    /// Caches keep it too long, or not at all.
    #[error("is sent with the Cache-Control {}, not `{expected}`", quoted(.found.as_ref()))]
    CacheControl {
        /// As the store sends it.
        found: Option<String>,
        /// By its key.
        expected: String,
    },
}

fn quoted(value: Option<&String>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| format!("`{value}`"))
}

impl Finding {
    /// Whether no pull fails by it.
    pub fn is_notice(&self) -> bool {
        match &self.wrong {
            // A hint for publishers.
            _ if matches!(self.key, Key::Diff(..)) => true,
            Wrong::CacheControl { .. } => true,
            // Of manifests clients want the type; other documents they know by their path.
            Wrong::ContentType { .. } => !matches!(self.key, Key::DigestView(..) | Key::TagView(..)),
            Wrong::Missing(_)
            | Wrong::Size { .. }
            | Wrong::Damaged
            | Wrong::NoDigest
            | Wrong::Unreadable
            | Wrong::Disagrees(_)
            | Wrong::Unlinked
            | Wrong::ContentEncoding(_) => false,
        }
    }

    /// What to do about it.
    pub fn fix(&self) -> &'static str {
        let headers = matches!(
            self.wrong,
            Wrong::ContentType { .. } | Wrong::ContentEncoding(_) | Wrong::CacheControl { .. }
        );
        match &self.key {
            Key::Diff(..) => "`verify --repair` removes it, and who publishes the layer again compresses it",
            key if key.is_derived() => "`verify --repair` makes it anew",
            _ if headers => "copy the object onto itself with the right headers",
            Key::TagLink(..) => "publish the tag again, or remove it",
            Key::V1Json(_) | Key::V1Ancestry(_) | Key::V1Layer(_) => {
                "delete the image's v1 ancestry and publish it again"
            }
            _ => "remove the manifests that need it, and publish them again",
        }
    }
}

/// One line.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.key, self.wrong, self.fix())
    }
}

impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Finding", 4)?;
        fields.serialize_field("object", &self.key.path())?;
        fields.serialize_field("wrong", &self.wrong.to_string())?;
        fields.serialize_field("notice", &self.is_notice())?;
        fields.serialize_field("fix", self.fix())?;
        fields.end()
    }
}

/// What was looked at, and what is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Repositories with a manifest.
    pub repositories: usize,
    /// Manifests that clients can read.
    pub manifests: usize,
    /// Contents that were looked at, each once.
    pub contents: usize,
    /// Bytes of them that were read.
    pub read: u64,
    /// How many of them an earlier run had read.
    pub read_before: usize,
    /// In the order of keys.
    pub findings: Vec<Finding>,
}

impl Summary {
    /// How many findings are more than a notice.
    pub fn problems(&self) -> usize {
        self.findings.iter().filter(|finding| !finding.is_notice()).count()
    }
}

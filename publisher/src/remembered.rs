//! The memory of compressed layers: which blob a plain layer became. A hint: one that is wrong or missing costs time.

use contract::descriptor::Descriptor;
use contract::digest::Digest;
use contract::key::Key;
use contract::media::MediaType;
use contract::packed::Packed;

use crate::store::{Document, Store, StoreError};

/// A layer that was compressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compressed {
    /// Of the plain layer.
    pub diff_id: Digest,
    /// How.
    pub packed: Packed,
    /// What it became.
    pub blob: Digest,
    /// Of the blob, in bytes.
    pub size: u64,
}

impl Compressed {
    /// Where it is remembered.
    pub fn key(&self) -> Key {
        Key::Diff(self.diff_id, self.packed)
    }

    /// What is remembered: the blob's descriptor.
    pub fn document(&self) -> Document {
        let media_type = match self.packed {
            Packed::Gzip(_) => MediaType::OCI_LAYER_GZIP,
            Packed::Zstd(_) => MediaType::OCI_LAYER_ZSTD,
        };
        let blob = Descriptor::new(media_type.into(), self.blob, self.size);
        // A descriptor of three plain fields is always JSON.
        Document::new(serde_json::to_vec(&blob).unwrap_or_default())
    }
}

/// The blob that a layer became, where it is there in its full size.
pub async fn recall(
    store: &dyn Store,
    diff_id: &Digest,
    packed: Packed,
) -> Result<Option<Descriptor>, StoreError> {
    let Some(found) = store.read(&Key::Diff(*diff_id, packed)).await? else { return Ok(None) };
    let Ok(blob) = serde_json::from_slice::<Descriptor>(&found.bytes) else { return Ok(None) };
    let there = store.size(&Key::Blob(blob.digest)).await?;
    Ok((there == Some(blob.size)).then_some(blob))
}

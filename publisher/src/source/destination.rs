//! Where layers go, as far as a source has to know: what became of a layer before, and who takes one that is packed.

use std::path::PathBuf;

use async_trait::async_trait;
use contract::descriptor::Descriptor;
use contract::digest::Digest;
use contract::packed::Packed;

use crate::content::Open;
use crate::store::SendError;

/// Asked and told while layers are packed.
#[async_trait]
pub trait Destination: Send + Sync {
    /// The blob that a plain layer became before, if it is still there. Then the layer is not packed.
    async fn known(&self, diff_id: &Digest, packed: Packed) -> Option<Descriptor> {
        let _ = (diff_id, packed);
        None
    }

    /// Where layers are best written to until they are sent; `None` where all places are the same.
    async fn folder(&self) -> Option<PathBuf> {
        None
    }

    /// A layer is packed. It may be sent while others are not yet.
    async fn packed(&self, layer: &Descriptor, from: &dyn Open) -> Result<(), SendError> {
        let _ = (layer, from);
        Ok(())
    }
}

/// Knows nothing, and takes nothing before its time.
impl Destination for () {}

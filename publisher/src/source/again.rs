//! A layer whose blob the store has already: packed once more only where that one goes away meanwhile.

use std::io;
use std::sync::Arc;

use contract::digest::Digest;

use super::layer::Packer;
use super::place::{Place, Reader};
use super::work::Tell;

#[derive(Debug)]
pub(super) struct Again {
    /// What it is made of.
    pub plain: Place,
    pub diff_id: Digest,
    pub packer: Arc<Packer>,
    /// What it became before.
    pub digest: Digest,
    pub size: u64,
}

impl Again {
    /// Blocks for as long as packing takes.
    pub(super) fn reader(&self) -> io::Result<Reader> {
        let layer =
            self.packer.pack(&self.plain, &self.diff_id, &Tell::nobody()).map_err(io::Error::other)?;
        if layer.digest != self.digest {
            // By another release's compressor, for instance.
            return Err(io::Error::other(
                "the store lost its blob meanwhile, and it is packed otherwise here: run it again",
            ));
        }
        layer.place.reader()
    }
}

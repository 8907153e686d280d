//! An image that is shown, with what it has to do with others.

use std::collections::BTreeMap;

use contract::descriptor::Descriptor;
use contract::digest::Digest;
use contract::name::Reference;

use crate::look::Node;

/// An image that was looked at.
#[derive(Debug, Clone, Copy)]
pub struct Inspected<'a> {
    /// By which name.
    pub reference: &'a Reference,
    /// What is there.
    pub node: &'a Node,
    /// In how many other repositories its blobs are.
    pub shared: &'a BTreeMap<Digest, usize>,
    /// What refers to it: signatures and the like.
    pub referrers: &'a [Descriptor],
}

impl Inspected<'_> {
    /// The bytes of its blobs that other repositories have, too.
    pub fn shared_size(&self) -> u64 {
        let blobs = self.node.all().into_iter().flat_map(|node| &node.blobs);
        let sizes: BTreeMap<Digest, u64> = blobs.map(|blob| (blob.digest, blob.size)).collect();
        let shared = sizes.into_iter().filter(|(digest, _)| self.shared.contains_key(digest));
        shared.map(|(_, size)| size).sum()
    }
}

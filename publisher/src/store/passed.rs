//! How far content has passed by, told once however often it is read.

use std::sync::atomic::{AtomicU64, Ordering};

/// Content that may be read again, for who is told how many bytes passed by.
pub(super) struct Passed<'a> {
    told: &'a (dyn Fn(u64) + Send + Sync),
    at: AtomicU64,
    most: AtomicU64,
}

impl<'a> Passed<'a> {
    pub(super) fn new(told: &'a (dyn Fn(u64) + Send + Sync)) -> Self {
        Self { told, at: AtomicU64::new(0), most: AtomicU64::new(0) }
    }

    pub(super) fn begin(&self) {
        self.at.store(0, Ordering::Relaxed);
    }

    pub(super) fn pass(&self, bytes: u64) {
        let at = self.at.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let before = self.most.fetch_max(at, Ordering::Relaxed);
        if at > before {
            (self.told)(at - before);
        }
    }
}

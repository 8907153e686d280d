//! A directory: whoever serves it decides who reads it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::super::ground::{Grant, Ground};
use super::super::{Kind, StoreError};
use super::Directory;
use super::root::Root;

impl Directory {
    /// One that need not be there.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { root: Arc::new(Root::new(path.into())) }
    }
}

#[async_trait]
impl Ground for Directory {
    async fn exists(&self) -> Result<bool, StoreError> {
        match self.run(|| "looking for it".to_owned(), Root::open).await {
            Err(error) if error.kind == Kind::NoStore => Ok(false),
            opened => opened.map(|()| true),
        }
    }

    async fn create(&self) -> Result<(), StoreError> {
        self.run(|| "creating it".to_owned(), Root::create).await
    }

    async fn wanted(&self, _exists: bool) -> Result<Option<Grant>, StoreError> {
        Ok(None)
    }

    async fn grant(&self, _grant: &Grant) -> Result<(), StoreError> {
        Ok(())
    }

    /// Staged files of a run that died are removed by the next one.
    async fn abort_unfinished(&self, _after: Duration) -> Result<(), StoreError> {
        Ok(())
    }

    async fn public_url(&self) -> Result<Option<String>, StoreError> {
        Ok(None)
    }
}

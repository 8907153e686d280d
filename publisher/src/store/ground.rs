//! What a store stands in: the bucket, container or directory itself, and who may read it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use contract::settings::StoreSettings;

use super::directory::Directory;
use super::s3::S3;
use super::swift::Swift;
use super::{Location, Options, Store, StoreError};

/// A store with the bucket, container or directory that it stands in. Nothing here takes away what others have set, and everything can be done again.
#[async_trait]
pub trait Ground: Store {
    /// Whether there is a bucket, container or directory.
    async fn exists(&self) -> Result<bool, StoreError>;

    /// Makes it.
    async fn create(&self) -> Result<(), StoreError>;

    /// What has to be granted so that everybody can read the objects that clients ask for: one text with what others
    /// have granted. `None` where that is granted already, or where it is not the store's to grant.
    ///
    /// # Errors
    /// When what is granted cannot be read, or cannot be kept as it is. Then nothing must be granted.
    async fn wanted(&self, exists: bool) -> Result<Option<Grant>, StoreError>;

    /// Grants it, which only an anonymous request proves.
    async fn grant(&self, grant: &Grant) -> Result<(), StoreError>;

    /// Lets the store abort uploads that nobody has finished for so long.
    async fn abort_unfinished(&self, after: Duration) -> Result<(), StoreError>;

    /// Where the store itself shows its objects to everybody; `None` where it does not.
    async fn public_url(&self) -> Result<Option<String>, StoreError>;
}

/// A grant in the store's own language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// What it is there: `bucket policy`.
    pub what: &'static str,
    /// The whole of it.
    pub text: String,
}

/// The store at a location, which need not be there.
///
/// # Errors
/// Settings that are missing or wrong.
pub async fn ground(location: &Location, options: &Options<'_>) -> Result<Arc<dyn Ground>, StoreError> {
    let objects = (options.objects)(&StoreSettings::default());
    Ok(match location {
        Location::Directory(path) => Arc::new(Directory::at(path)),
        Location::S3(location) => {
            let store = S3::connect(location.clone(), objects.changing_ttl).await?;
            Arc::new(store.with_patience(options.patience).with_manner(objects.manner))
        }
        Location::Swift(location) => {
            Arc::new(Swift::connect(location.clone(), objects.changing_ttl)?.with_patience(options.patience))
        }
    })
}

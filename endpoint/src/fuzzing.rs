//! What fuzz targets reach of the private parts. Only there with `--cfg fuzzing`, which `cargo fuzz` sets.

use contract::key::Key;

pub use crate::connection::compared::comparable;
pub use crate::connection::fuzzing::{introduction, served};
use crate::documents;

/// A page of a list.
#[derive(Debug)]
pub struct Page {
    /// What is sent.
    pub body: Vec<u8>,
    /// Where the next page is.
    pub link: Option<String>,
}

/// The page of a list that a query asks for; `None` where it is refused.
pub fn page(key: &Key, list: &[u8], query: &str) -> Option<Page> {
    documents::page(key, list, query, false).map(|(body, link)| Page { body, link })
}

/// What a search in a catalog finds; `None` where it is refused.
pub fn search(catalog: &[u8], query: &str) -> Option<Vec<u8>> {
    documents::page(&Key::Catalog, catalog, query, true).map(|(body, _)| body)
}

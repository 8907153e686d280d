//! A registry as a source: `docker://host/repository:tag`.
//!
//! The client is reqwest with what this program needs of the distribution spec around it: documents are bounded and
//! checked, blobs go on where they broke off, and one rule says what is sent again, for sources and stores.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Opened, SourceError, Told, Wanted};
use crate::anonymous::Anonymous;
use crate::image::Image;
use crate::store::Patience;
use address::Plain;
use client::Client;
use credentials::Keyring;

mod address;
mod answer;
mod blob;
mod certs;
mod challenge;
mod client;
mod credentials;
mod error;
mod link;
mod login;
mod pace;
mod remote;
mod token;

pub(crate) use address::PREFIX;
pub use address::{Address, AddressError, Host};
pub use certs::CertsError;
pub use credentials::{CredentialsError, PASSWORD, USERNAME};
pub use error::{RegistryError, Said};
pub use remote::Remote;

/// How registries are asked.
#[derive(Debug, Clone, Copy, Default)]
pub struct Access<'a> {
    /// How long, and how often.
    pub patience: Patience,
    /// Which ones are asked without TLS, beside this machine.
    pub insecure: &'a [Host],
    /// A folder of certificates for all of them, in the place of those that hosts have in `certs.d`.
    pub cert_dir: Option<&'a Path>,
}

/// All registries that are sources of one run.
pub struct Registries<'a> {
    access: Access<'a>,
    http: Anonymous,
    keyring: Arc<Keyring>,
    clients: Mutex<HashMap<Host, Arc<Client>>>,
}

impl<'a> Registries<'a> {
    /// Reads what the environment says of credentials, for so many registries.
    pub fn open(access: Access<'a>, registries: usize) -> Result<Self, RegistryError> {
        let keyring = Keyring::open(&|name| std::env::var_os(name), access.patience.request)?;
        if registries > 1 && keyring.is_for_one() {
            return Err(CredentialsError::ManyHosts.into());
        }
        let http = Anonymous::new().map_err(RegistryError::Client)?;
        Ok(Self { access, http, keyring: Arc::new(keyring), clients: Mutex::default() })
    }

    /// The repository at an address. Nothing is asked yet.
    pub fn remote(&self, address: &Address) -> Result<Remote, RegistryError> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let host = &address.host;
        let client = match clients.get(host) {
            Some(known) => Arc::clone(known),
            None => {
                let folder = match self.access.cert_dir {
                    Some(folder) => Some(folder.to_owned()),
                    None => certs::folder(host, std::env::home_dir().as_deref()),
                };
                let certified = folder.is_some().then(|| host.clone());
                let plain = Plain { hosts: self.access.insecure.to_vec(), certified };
                let folder = folder.filter(|_| !plain.is_asked(host));
                let (http, keyring) = (self.http(folder.as_deref())?, Arc::clone(&self.keyring));
                let client = Arc::new(Client::new(host.clone(), plain, http, keyring, self.access.patience)?);
                clients.insert(host.clone(), Arc::clone(&client));
                client
            }
        };
        Ok(Remote::new(client, address.repository.clone()))
    }

    /// Who knows the certificates of a folder.
    fn http(&self, folder: Option<&Path>) -> Result<Anonymous, RegistryError> {
        match folder {
            Some(folder) => Anonymous::knowing(&certs::read(folder)?).map_err(RegistryError::Client),
            None => Ok(self.http.clone()),
        }
    }
}

/// Opens the image at an address.
pub(super) async fn open(text: &str, wanted: &Wanted<'_>, told: &dyn Told) -> Result<Opened, SourceError> {
    let address = Address::parse(text).map_err(RegistryError::from)?;
    if let Some(image) = wanted.image {
        return Err(SourceError::TwoImages { image: image.to_owned(), suffix: address.to_string() });
    }
    let remote = Registries::open(wanted.access, 1)?.remote(&address)?;
    let what = address.wanted();
    told.progress(&format!("reading the manifests of {}", remote.named(&what)), 0, None);
    let root = remote.root(&what).await?.ok_or_else(|| RegistryError::Absent(remote.named(&what)))?;
    let image = Image::load(&remote, root, wanted.strict).await;
    let image = image.map_err(|source| SourceError::Image { name: address.to_string(), source })?;
    Ok(Opened { from: Box::new(remote), image })
}

#[cfg(test)]
mod tests;

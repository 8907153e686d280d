//! Whom certificates of a registry are trusted by, and who we are by TLS: the folders of Docker and of Podman.
//!
//! A folder of a host holds authorities (`*.crt`), and a certificate of ours (`*.cert`) with its key (`*.key`)
//! ([containers-certs.d(5)](https://github.com/containers/image/blob/main/docs/containers-certs.d.5.md)).

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use reqwest::{Certificate, Identity};

use super::address::Host;
use crate::anonymous::Certs;

/// Where folders of hosts are: the first one that a host has is the one.
const PLACES: [&str; 2] = ["/etc/containers/certs.d", "/etc/docker/certs.d"];
/// In the user's home, and before those.
const OF_USER: &str = ".config/containers/certs.d";

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertsError {
    /// It, or a file in it.
    #[error("{path} cannot be read")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A file that is no PEM, or not of what it should be.
    #[error("{path} holds no {what} in PEM")]
    Pem {
        /// Which.
        path: PathBuf,
        /// What it is for, by its name.
        what: &'static str,
        /// What is wrong, where there is something.
        #[source]
        source: Option<reqwest::Error>,
    },
    /// One of two files that go together.
    #[error("{there} is there without {lacks}")]
    Half {
        /// Which one is there.
        there: PathBuf,
        /// Which one is not.
        lacks: PathBuf,
    },
    /// Nobody could tell which one a registry wants.
    #[error("{0} holds more than one `*.cert`")]
    Several(PathBuf),
}

/// The folder of a host, where there is one; `home` is the user's.
pub(super) fn folder(host: &Host, home: Option<&Path>) -> Option<PathBuf> {
    // A folder's own names for itself and the one above are no hosts.
    let name = Some(host.as_str()).filter(|name| name.chars().any(|c| c != '.'))?;
    let of_user = home.map(|home| home.join(OF_USER));
    let places = of_user.into_iter().chain(PLACES.map(PathBuf::from));
    places.map(|place| place.join(name)).find(|folder| folder.is_dir())
}

/// Reads a folder.
pub(super) fn read(folder: &Path) -> Result<Certs, CertsError> {
    let failed = |source| CertsError::Read { path: folder.to_owned(), source };
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>).map_err(failed)?;
    let mut files: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
    files.sort();
    let mut certs = Certs::default();
    for path in files {
        match path.extension().and_then(OsStr::to_str) {
            Some("crt") => {
                let wrong = |source| pem(&path, "certificates", source);
                let found = Certificate::from_pem_bundle(&bytes(&path)?);
                let found = found.map_err(|source| wrong(Some(source)))?;
                if found.is_empty() {
                    return Err(wrong(None));
                }
                certs.authorities.extend(found);
            }
            Some("cert") => {
                let key = beside(&path, "key")?;
                let both = [bytes(&path)?, b"\n".to_vec(), bytes(&key)?].concat();
                let identity = Identity::from_pem(&both);
                let identity =
                    identity.map_err(|source| pem(&path, "certificate with its key", Some(source)))?;
                if certs.identity.replace(identity).is_some() {
                    return Err(CertsError::Several(folder.to_owned()));
                }
            }
            Some("key") => _ = beside(&path, "cert")?,
            _ => {}
        }
    }
    Ok(certs)
}

fn bytes(path: &Path) -> Result<Vec<u8>, CertsError> {
    fs::read(path).map_err(|source| CertsError::Read { path: path.to_owned(), source })
}

fn pem(path: &Path, what: &'static str, source: Option<reqwest::Error>) -> CertsError {
    CertsError::Pem { path: path.to_owned(), what, source }
}

/// The file that goes with this one.
fn beside(path: &Path, extension: &str) -> Result<PathBuf, CertsError> {
    let other = path.with_extension(extension);
    if other.is_file() { Ok(other) } else { Err(CertsError::Half { there: path.to_owned(), lacks: other }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_folder_is_found_by_the_hosts_name() {
        let home = tempfile::tempdir().unwrap();
        let of = |host: &str| folder(&Host::parse(host).unwrap(), Some(home.path()));
        assert_eq!(of("certs.invalid:5000"), None);
        let made = home.path().join(OF_USER).join("certs.invalid:5000");
        fs::create_dir_all(&made).unwrap();
        assert_eq!((of("certs.invalid:5000"), of("certs.invalid")), (Some(made), None));
        assert_eq!(Host::parse("..").ok().and_then(|host| folder(&host, Some(home.path()))), None);
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        for (files, said) in [
            (&[("ca.crt", "no PEM")][..], "ca.crt holds no certificates"),
            (&[("ca.crt", "-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n")], ""),
            (&[("client.cert", "")], "client.cert is there without"),
            (&[("client.key", "")], "client.key is there without"),
            (&[("client.cert", "x"), ("client.key", "y")], "client.cert holds no certificate with its key"),
            (&[("notes.txt", "whatever")], ""),
        ] {
            let folder = tempfile::tempdir().unwrap();
            files.iter().for_each(|(name, text)| fs::write(folder.path().join(name), text).unwrap());
            let read = read(folder.path()).map(|certs| certs.authorities.len());
            match read {
                Ok(_) => assert_eq!(said, "", "{files:?}"),
                Err(error) => assert!(!said.is_empty() && error.to_string().contains(said), "{error}"),
            }
        }
        let absent = read(Path::new("/nonexistent/certs.d"));
        assert!(matches!(absent, Err(CertsError::Read { .. })));
    }
}

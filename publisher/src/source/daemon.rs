//! The Docker daemon: one of its images, streamed as the archive that `docker save` writes
//! ([API, "Export an image"](https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Image/operation/ImageGet)).

use std::error::Error;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Identity, Response, StatusCode};
use serde::Deserialize;
use tokio::runtime::Handle;

use self::host::{Host, host};

mod host;

/// A daemon is near. How long it takes to pack an image before its first byte is another matter.
const CONNECT: Duration = Duration::from_secs(10);
/// Most of what is read of an answer that is no image.
const ANSWER_MAX: usize = 1 << 20;

/// Why the daemon's image cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// `DOCKER_HOST` names what we cannot speak with.
    #[error("DOCKER_HOST is `{host}`, which cannot be used")]
    Host {
        /// As it was set.
        host: String,
        /// What helps.
        hint: &'static str,
    },
    /// Not what an image can be called.
    #[error("`{0}` is not the name of an image")]
    Name(String),
    /// One of `ca.pem`, `cert.pem` and `key.pem`.
    #[error("the certificate {} for the Docker daemon cannot be read", .path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// These do not make a TLS client.
    #[error("the certificates in {} cannot be used for the Docker daemon", .folder.display())]
    Certificates {
        /// Where they are.
        folder: PathBuf,
        /// Why not.
        #[source]
        source: reqwest::Error,
    },
    /// Its socket belongs to others.
    #[error("the Docker daemon's socket {host} may not be used")]
    Denied {
        /// Which.
        host: String,
        /// The system's word.
        #[source]
        source: reqwest::Error,
    },
    /// Nobody there, or no HTTP.
    #[error("no Docker daemon answers at {host}")]
    Unreachable {
        /// Where.
        host: String,
        /// Why not.
        #[source]
        source: reqwest::Error,
    },
    /// It knows no such image.
    #[error("the Docker daemon at {host} has no image `{name}`")]
    NoImage {
        /// Which daemon.
        host: String,
        /// Which image.
        name: String,
    },
    /// It refuses, or fails.
    #[error("the Docker daemon at {host} answered {status}: {said}")]
    Answered {
        /// Which daemon.
        host: String,
        /// The status code.
        status: u16,
        /// Its message.
        said: String,
    },
}

impl DaemonError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Host { hint, .. } => (*hint).to_owned(),
            Self::Name(_) => "write docker-daemon:NAME[:TAG] or docker-daemon:ID, as `docker images` shows them".into(),
            Self::Read { .. } | Self::Certificates { .. } => {
                "DOCKER_CERT_PATH names the folder of ca.pem, cert.pem and key.pem".into()
            }
            Self::Denied { .. } => {
                "be a member of the group `docker` (or root): sudo usermod --append --groups docker \"$USER\", and log in again"
                    .into()
            }
            Self::Unreachable { .. } => {
                "start it, or say where it is: DOCKER_HOST=unix:///path/to/docker.sock or tcp://host:port".into()
            }
            Self::NoImage { .. } => "`docker images` shows what it has; without a tag, `latest` is meant".into(),
            Self::Answered { .. } => return None,
        })
    }
}

/// Asks for an image; the archive comes while it is read.
pub(super) async fn export(name: &str) -> Result<Export, DaemonError> {
    if !is_name(name) {
        return Err(DaemonError::Name(name.to_owned()));
    }
    let host = host(|name| std::env::var(name).ok(), Path::exists)?;
    Daemon { client: client(&host).await?, host }.export(name).await
}

/// Whether it can be a name, an id or a digest, and be written into a URL's path as it is.
fn is_name(name: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || "._-:@".contains(c);
    name.split('/').all(|part| !matches!(part, "" | "." | "..") && part.chars().all(good))
}

async fn client(host: &Host) -> Result<Client, DaemonError> {
    // A proxy is for the world outside.
    let client = Client::builder().no_proxy().redirect(Policy::none()).connect_timeout(CONNECT);
    let (client, folder) = match host {
        Host::Socket(path) => (client.unix_socket(path.as_path()).tls_certs_only([]), None),
        Host::Tcp { certificates: None, .. } => (client.tls_certs_only([]), None),
        Host::Tcp { certificates: Some(folder), .. } => (client, Some(folder.clone())),
    };
    let fail = |source| DaemonError::Certificates { folder: folder.clone().unwrap_or_default(), source };
    let Some(folder) = &folder else { return client.build().map_err(fail) };
    let authorities = Certificate::from_pem_bundle(&read(folder.join("ca.pem")).await?).map_err(fail)?;
    let mut own = read(folder.join("cert.pem")).await?;
    own.extend(read(folder.join("key.pem")).await?);
    let client = client.https_only(true).tls_certs_only(authorities);
    client.identity(Identity::from_pem(&own).map_err(fail)?).build().map_err(fail)
}

async fn read(path: PathBuf) -> Result<Vec<u8>, DaemonError> {
    tokio::fs::read(&path).await.map_err(|source| DaemonError::Read { path, source })
}

struct Daemon {
    client: Client,
    host: Host,
}

/// What the daemon says of an image.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    id: String,
}

/// What it says of a failure.
#[derive(Deserialize)]
struct Refusal {
    message: String,
}

impl Daemon {
    async fn export(&self, name: &str) -> Result<Export, DaemonError> {
        let inspected = whole(self.get(name, "json").await?).await.map_err(|e| self.failed(e))?;
        let nonsense = |_| DaemonError::Answered {
            host: self.host.to_string(),
            status: StatusCode::OK.as_u16(),
            said: "not as a Docker daemon does".into(),
        };
        let Inspected { id } = serde_json::from_slice(&inspected).map_err(nonsense)?;
        if !is_name(&id) {
            return Err(DaemonError::Name(id));
        }
        // By its id: a name without a tag stands for all tags here, and may be moved meanwhile.
        let response = self.get(&id, "get").await?;
        Ok(Export { runtime: Handle::current(), response, chunk: Bytes::new() })
    }

    /// Without a version in the path the daemon speaks its own.
    async fn get(&self, name: &str, what: &str) -> Result<Response, DaemonError> {
        let base = match &self.host {
            Host::Socket(_) => "http://docker".to_owned(),
            Host::Tcp { address, certificates: None } => format!("http://{address}"),
            Host::Tcp { address, certificates: Some(_) } => format!("https://{address}"),
        };
        let sent = self.client.get(format!("{base}/images/{name}/{what}")).send().await;
        let response = sent.map_err(|error| self.failed(error))?;
        let (host, status) = (self.host.to_string(), response.status());
        match status {
            StatusCode::OK => Ok(response),
            StatusCode::NOT_FOUND => Err(DaemonError::NoImage { host, name: name.to_owned() }),
            status => {
                let body = whole(response).await.unwrap_or_default();
                let refusal = serde_json::from_slice(&body).map(|Refusal { message }| message);
                let said = refusal.unwrap_or_else(|_| String::from_utf8_lossy(&body).trim().to_owned());
                Err(DaemonError::Answered { host, status: status.as_u16(), said })
            }
        }
    }

    fn failed(&self, error: reqwest::Error) -> DaemonError {
        let (host, source) = (self.host.to_string(), error.without_url());
        let mut cause = source.source();
        while let Some(error) = cause {
            let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
            if kind == Some(io::ErrorKind::PermissionDenied) {
                return DaemonError::Denied { host, source };
            }
            cause = error.source();
        }
        DaemonError::Unreachable { host, source }
    }
}

async fn whole(mut response: Response) -> Result<Vec<u8>, reqwest::Error> {
    let mut all = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        all.extend_from_slice(&chunk);
        if all.len() > ANSWER_MAX {
            break;
        }
    }
    Ok(all)
}

/// The archive on its way.
pub(super) struct Export {
    runtime: Handle,
    response: Response,
    chunk: Bytes,
}

/// On a thread of its own, which may block.
impl Read for Export {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            let next = self.runtime.block_on(self.response.chunk());
            match next.map_err(|error| io::Error::other(error.without_url()))? {
                Some(chunk) => self.chunk = chunk,
                None => return Ok(0),
            }
        }
        let n = buffer.len().min(self.chunk.len());
        buffer[..n].copy_from_slice(&self.chunk.split_to(n));
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::is_name;

    #[test]
    fn what_can_be_an_images_name_and_nothing_that_changes_the_url() {
        for name in
            ["app", "acme/app:1.2", "localhost:5000/a_b/c:1", "sha256:abc", "a@sha256:abc", "4e5021d210f6"]
        {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "a//b", "../containers", "a/./b", "a?b", "a#b", "a b", "a%2fb", "/a", "a/"] {
            assert!(!is_name(name), "{name}");
        }
    }
}

//! Where the Docker daemon is, by the variables that Docker's own client reads
//! ([docker(1), "Environment variables"](https://docs.docker.com/reference/cli/docker/#environment-variables)).

use std::fmt;
use std::path::{Path, PathBuf};

use super::DaemonError;

const SOCKET: &str = "/var/run/docker.sock";
const PORT: u16 = 2375;
const PORT_TLS: u16 = 2376;

/// A daemon's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Host {
    Socket(PathBuf),
    Tcp {
        /// `name:port`
        address: String,
        /// The folder of `ca.pem`, `cert.pem` and `key.pem`; without one it is plain.
        certificates: Option<PathBuf>,
    },
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp { address, .. } => write!(f, "tcp://{address}"),
        }
    }
}

/// Reads the variables; `exists` tells whether a path does. Pure.
pub(super) fn host(
    variable: impl Fn(&str) -> Option<String>,
    exists: impl Fn(&Path) -> bool,
) -> Result<Host, DaemonError> {
    let variable = |name| variable(name).filter(|value| !value.is_empty());
    let Some(said) = variable("DOCKER_HOST") else {
        // Where `dockerd-rootless.sh` listens.
        let rootless = variable("XDG_RUNTIME_DIR").map(|folder| Path::new(&folder).join("docker.sock"));
        let system = PathBuf::from(SOCKET);
        let rootless = rootless.filter(|socket| !exists(&system) && exists(socket));
        return Ok(Host::Socket(rootless.unwrap_or(system)));
    };
    let refused = |hint| DaemonError::Host { host: said.clone(), hint };
    match said.split_once("://") {
        Some(("unix", path)) if path.starts_with('/') => Ok(Host::Socket(path.into())),
        Some(("tcp", address)) => {
            // As Docker's client: who says so verifies, and shows a certificate.
            let verify = variable("DOCKER_TLS_VERIFY").is_some();
            let home = || Some(Path::new(&variable("HOME")?).join(".docker"));
            let folder = variable("DOCKER_CERT_PATH").map(PathBuf::from).or_else(home);
            let certificates = folder.filter(|_| verify);
            if verify && certificates.is_none() {
                return Err(refused("DOCKER_CERT_PATH names the folder of its certificates"));
            }
            let port = if verify { PORT_TLS } else { PORT };
            let address = with_port(address, port).ok_or_else(|| refused("write tcp://HOST:PORT"))?;
            Ok(Host::Tcp { address, certificates })
        }
        Some(("ssh", _)) => Err(refused(
            "let Docker's own client ask: docker save IMAGE | registry-publisher publish - …, or forward the socket: \
             ssh -L /tmp/docker.sock:/var/run/docker.sock HOST, and DOCKER_HOST=unix:///tmp/docker.sock",
        )),
        _ => Err(refused("it is unix:///path/to/docker.sock or tcp://host:port")),
    }
}

/// Anything more than a host and a port is refused: it would end in the URL of requests.
fn with_port(address: &str, port: u16) -> Option<String> {
    let address = address.strip_suffix('/').unwrap_or(address);
    let url = url::Url::parse(&format!("http://{address}")).ok()?;
    let host = url.host_str().filter(|_| !address.contains(['/', '?', '#', '@']))?;
    // 80 is what the scheme stands for, and then left out of the URL.
    let said = url.port().or(address.ends_with(":80").then_some(80));
    Some(format!("{host}:{}", said.unwrap_or(port)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)], existing: &[&str]) -> Result<Host, DaemonError> {
        let variable = |name: &str| Some(variables.iter().find(|(n, _)| *n == name)?.1.to_owned());
        host(variable, |path| existing.iter().any(|existing| path == Path::new(existing)))
    }

    #[test]
    fn the_daemon_is_where_dockers_own_client_looks() {
        let rootless = "/run/user/7/docker.sock";
        for (variables, existing, expected) in [
            (&[][..], &[][..], "unix:///var/run/docker.sock"),
            (&[("DOCKER_HOST", "")], &[], "unix:///var/run/docker.sock"),
            (&[("XDG_RUNTIME_DIR", "/run/user/7")], &[rootless], "unix:///run/user/7/docker.sock"),
            (&[("XDG_RUNTIME_DIR", "/run/user/7")], &[rootless, SOCKET], "unix:///var/run/docker.sock"),
            (&[("XDG_RUNTIME_DIR", "/run/user/7")], &[], "unix:///var/run/docker.sock"),
            (&[("DOCKER_HOST", "unix:///a/b.sock")], &[SOCKET], "unix:///a/b.sock"),
            (&[("DOCKER_HOST", "tcp://build")], &[], "tcp://build:2375"),
            (&[("DOCKER_HOST", "tcp://build:80/")], &[], "tcp://build:80"),
            (&[("DOCKER_HOST", "tcp://[::1]:2375")], &[], "tcp://[::1]:2375"),
        ] {
            assert_eq!(read(variables, existing).unwrap().to_string(), expected, "{variables:?}");
        }
    }

    #[test]
    fn certificates_are_used_where_somebody_says_so() {
        let host = ("DOCKER_HOST", "tcp://build");
        let folder = ("DOCKER_CERT_PATH", "/certs");
        let (verify, home) = (("DOCKER_TLS_VERIFY", "1"), ("HOME", "/root"));
        for (variables, port, certificates) in [
            (&[host, folder][..], 2375, None),
            (&[host, folder, verify], 2376, Some("/certs")),
            (&[host, home, verify], 2376, Some("/root/.docker")),
        ] {
            let expected =
                Host::Tcp { address: format!("build:{port}"), certificates: certificates.map(PathBuf::from) };
            assert_eq!(read(variables, &[]).unwrap(), expected);
        }
        assert!(read(&[host, verify], &[]).unwrap_err().hint().unwrap().contains("DOCKER_CERT_PATH"));
    }

    #[test]
    fn other_ways_to_a_daemon_are_refused_with_a_way_out() {
        for host in [
            "ssh://me@build",
            "npipe:////./pipe/docker_engine",
            "build:2375",
            "unix://docker.sock",
            "tcp://a/b",
            "tcp://",
        ] {
            let refused = read(&[("DOCKER_HOST", host)], &[]).unwrap_err();
            assert!(refused.to_string().contains(host) && refused.hint().is_some(), "{host}");
        }
    }
}

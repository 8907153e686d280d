//! Connections to a base, in plain or by TLS: for those who watch it and those who fetch from it.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::header::HOST;
use http::uri::Scheme;
use http::{HeaderValue, Method, Request, Response, Uri};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, InvalidDnsNameError, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;

/// Why a base cannot be spoken with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    #[error("it has no host")]
    NoHost,
    #[error("its host cannot be in a certificate")]
    Name(#[source] InvalidDnsNameError),
    #[error("it cannot be connected to")]
    Unreachable(#[source] io::Error),
    #[error("TLS does not come about")]
    Insecure(#[source] io::Error),
    #[error("it does not answer as HTTP does")]
    Unclear(#[source] hyper::Error),
}

/// One connection that speaks HTTP/1.1, which ends when this is dropped.
pub(crate) struct Connection {
    sender: http1::SendRequest<Empty<Bytes>>,
    _driven: AbortOnDropHandle<()>,
}

impl Connection {
    /// To the host of this URL.
    pub(crate) async fn to(url: &Uri, tls: &TlsConnector) -> Result<Self, DialError> {
        let host = url.host().ok_or(DialError::NoHost)?;
        let is_https = url.scheme() == Some(&Scheme::HTTPS);
        let port = url.port_u16().unwrap_or(if is_https { 443 } else { 80 });
        let bare = host.trim_matches(['[', ']']);
        let stream = TcpStream::connect((bare, port)).await.map_err(DialError::Unreachable)?;
        if !is_https {
            return Self::over(stream).await;
        }
        let name = ServerName::try_from(bare.to_owned()).map_err(DialError::Name)?;
        Self::over(tls.connect(name, stream).await.map_err(DialError::Insecure)?).await
    }

    async fn over(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Result<Self, DialError> {
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(DialError::Unclear)?;
        // How it ends is told to whoever waits for an answer.
        let driven = tokio::spawn(async move { drop(connection.await) });
        Ok(Self { sender, _driven: AbortOnDropHandle::new(driven) })
    }

    /// Sends a request and waits for the head of its answer.
    pub(crate) async fn send(&mut self, request: Request<Empty<Bytes>>) -> hyper::Result<Response<Incoming>> {
        self.sender.send_request(request).await
    }

    /// Waits until the answer before is over; tells whether another can be asked for.
    pub(crate) async fn is_reusable(&mut self) -> bool {
        self.sender.ready().await.is_ok()
    }

    /// Whether the other side has left.
    pub(crate) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }
}

/// Trusts the bundled roots, since an empty container has none, and `more`.
pub(crate) fn connector(more: &[CertificateDer<'static>]) -> TlsConnector {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    roots.add_parsable_certificates(more.iter().cloned());
    // The provider is named, since there may be another one in the same program.
    let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has what every version of TLS needs")
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(tls))
}

/// A request for this URL, to be sent to its host.
pub(crate) fn request(method: Method, url: &Uri) -> Request<Empty<Bytes>> {
    let mut request = Request::new(Empty::new());
    *request.method_mut() = method;
    if let Some(path) = url.path_and_query() {
        *request.uri_mut() = Uri::from(path.clone());
    }
    if let Some(host) = url.authority().and_then(|host| HeaderValue::try_from(host.as_str()).ok()) {
        request.headers_mut().insert(HOST, host);
    }
    request
}

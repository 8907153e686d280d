//! A pull as clients do it: manifests by tag and digest, then every config and layer, each through one redirect, each
//! digest verified.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use contract::digest::{Digest, Hasher};
use contract::manifest::{MANIFEST_MAX, Manifest};
use contract::name::Reference;
use ureq::http::Response;
use ureq::{Agent, Body};

use crate::Outcome;

/// What came over the wire.
#[derive(Debug, Default)]
pub(crate) struct Pulled {
    manifests: usize,
    blobs: usize,
    bytes: u64,
}

impl fmt::Display for Pulled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { manifests, blobs, bytes } = self;
        write!(
            f,
            "{manifests} manifests and {blobs} blobs, {bytes} bytes, each by one redirect, every digest right"
        )
    }
}

/// Pulls everything that a reference names.
pub(crate) fn pull(address: SocketAddr, reference: &str) -> Outcome<Pulled> {
    let Reference { repository, tag, .. } = reference.parse()?;
    let tag = tag.map_or_else(|| "latest".to_owned(), |tag| tag.to_string());
    let mut pulled = Pulled::default();
    get(&format!("http://{address}/v2/"), 0)?;
    let mut queue = vec![(tag, None)];
    while let Some((name, expected)) = queue.pop() {
        let url = format!("http://{address}/v2/{repository}/manifests/{name}");
        let bytes = get(&url, 1)?.body_mut().with_config().limit(MANIFEST_MAX).read_to_vec()?;
        if let Some(expected) = expected {
            right(expected, Digest::of(expected.algorithm(), &bytes))?;
        }
        pulled.manifests += 1;
        pulled.bytes += bytes.len() as u64;
        for child in Manifest::parse(&bytes, None)?.children() {
            if child.media_type.is_manifest() {
                queue.push((child.digest.to_string(), Some(child.digest)));
            } else {
                pulled.bytes +=
                    blob(&format!("http://{address}/v2/{repository}/blobs/{}", child.digest), child.digest)?;
                pulled.blobs += 1;
            }
        }
    }
    Ok(pulled)
}

fn blob(url: &str, expected: Digest) -> Outcome<u64> {
    let mut hasher = Hasher::new(expected.algorithm());
    let mut body = get(url, 1)?.into_body().into_reader();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match io::Read::read(&mut body, &mut buffer)? {
            0 => break,
            read => hasher.update(&buffer[..read]),
        }
    }
    let (found, size) = hasher.finish();
    right(expected, found)?;
    Ok(size)
}

fn right(expected: Digest, found: Digest) -> Outcome<()> {
    if expected == found { Ok(()) } else { Err(format!("{found} came where {expected} was named").into()) }
}

/// A request that takes exactly so many redirects.
fn get(url: &str, hops: u32) -> Outcome<Response<Body>> {
    let agent: Agent =
        Agent::config_builder().max_redirects(hops).proxy(None).save_redirect_history(true).build().into();
    let response = agent.get(url).call()?;
    let taken = ureq::ResponseExt::get_redirect_history(&response)
        .map_or(0, |history| history.len().saturating_sub(1));
    if taken == hops as usize {
        Ok(response)
    } else {
        Err(format!("{url} took {taken} redirects, not {hops}").into())
    }
}

//! What fuzz targets reach of a connection.

use std::net::{IpAddr, Ipv4Addr};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::task::{Context, Wake, Waker};

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::runtime;

use super::lane::Lane;
use super::{Role, Server, introduction};
use crate::live::Live;
use crate::settings::{Given, RouteGiven, resolve};

/// Whom a PROXY header names, and how long it is; `None` where there is more to come.
#[expect(clippy::result_unit_err, reason = "whether it is refused is all that counts")]
pub fn introduction(bytes: &[u8]) -> Result<Option<(Option<IpAddr>, usize)>, ()> {
    introduction::parse(bytes).map_err(drop)
}

/// All that a client reads who sends this and waits, by the plain lane first or by hyper alone.
pub fn served(input: &[u8], by_lane: bool) -> Vec<u8> {
    static SERVER: LazyLock<Arc<Server>> =
        LazyLock::new(|| Arc::new(Server::new(live(), Arc::default(), Role::Public)));
    let runtime =
        runtime::Builder::new_current_thread().build().expect("it has no driver that could be missing");
    // Room for all of it, so that nobody waits for the other.
    let (mut client, socket) = duplex(1 << 20);
    let mut answers = Vec::new();
    if runtime.block_on(client.write_all(input)).is_err() {
        return answers;
    }
    let (server, peer, pulse) = (Arc::clone(&SERVER), IpAddr::V4(Ipv4Addr::LOCALHOST), Arc::default());
    let entered = runtime.enter();
    if by_lane {
        until_it_waits(server.talk(Lane::new(socket, peer), peer, pulse));
    } else {
        until_it_waits(server.by_hyper(Bytes::new(), Box::new(socket), peer, pulse));
    }
    drop(entered);
    // Where the server has not read everything, the end may be an error.
    let _ = runtime.block_on(client.read_to_end(&mut answers));
    answers
}

/// Runs what needs no clock until it is over, or waits for somebody else; and ends it.
fn until_it_waits(future: impl Future) {
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    let woken = Arc::new(Woken(AtomicBool::new(true)));
    let waker = Waker::from(Arc::clone(&woken));
    let mut future = pin!(future);
    while woken.0.swap(false, Ordering::Relaxed)
        && future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending()
    {}
}

fn live() -> Live {
    let moved = RouteGiven {
        prefix: "moved".to_owned(),
        registry: Some("https://registry.test".to_owned()),
        ..RouteGiven::default()
    };
    let given = Given { cdn: Some("https://cdn.test".to_owned()), route: vec![moved], ..Given::default() };
    Live::from(resolve(given, None, Given::default()).expect("it can be served with"))
}

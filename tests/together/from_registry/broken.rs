//! Registries and networks that fail: whatever happens to one request, the image comes whole.

use std::thread;

use super::{Images, assert_served, filled, publishing};
use crate::rig::faulty::{Blow, Dialect, Fault, Proxy, Span};
use crate::rig::process::run;
use crate::rig::store::Store;

#[test]
fn each_request_may_fail_once() {
    let mut images = Images::new();
    let (_folder, registry) = filled(&mut images);
    let url = format!("http://{}", registry.host);
    let trial = |blow: Option<Blow>| {
        let (proxy, store) = (Proxy::start(&url, Dialect::Registry, blow), Store::directory());
        let source = format!("{}/acme/app:index", proxy.url().strip_prefix("http://").unwrap());
        let mut command = publishing(&source, "acme/mine:1", &store);
        // Only of use to who is not answered at all: a slow machine is no fault.
        if blow.is_some_and(|blow| blow.fault == Fault::Hang) {
            command.args(["--request-timeout", "10s"]);
        }
        let run = run(&mut command);
        assert_eq!(run.code, Some(0), "{blow:?}\n{}", run.stderr);
        assert_served(&store.endpoint(), &images, "1", &images.index);
        let seen = proxy.seen();
        assert_eq!(seen.strayed, None);
        seen
    };
    // Root, two manifests, three layers and two configs, each asked for once.
    let requests = trial(None).requests;
    assert_eq!(requests.len(), 8, "{requests:?}");
    let faults = [Fault::ResetAfter, Fault::InternalError, Fault::SlowDown, Fault::Hang, Fault::Truncated];
    thread::scope(|scope| {
        for fault in faults {
            let trial = &trial;
            scope.spawn(move || {
                for at in [1, 2, 8] {
                    let seen = trial(Some(Blow { fault, at, span: Span::Once }));
                    let struck = seen.struck.unwrap();
                    let again = seen.requests.iter().filter(|line| **line == struck).count();
                    assert_eq!((seen.requests.len(), again), (9, 2), "{fault} {struck:?}");
                    // A layer goes on where it broke off; documents are read anew.
                    let resumed = fault == Fault::Truncated && at == 8;
                    assert_eq!(
                        seen.ranges.len(),
                        usize::from(resumed),
                        "{fault} {struck:?} {:?}",
                        seen.ranges
                    );
                }
            });
        }
    });
}

#[test]
fn one_that_fails_for_good_is_given_up() {
    let mut images = Images::new();
    let (_folder, registry) = filled(&mut images);
    let blow = Blow { fault: Fault::SlowDown, at: 3, span: Span::Onward };
    let proxy = Proxy::start(&format!("http://{}", registry.host), Dialect::Registry, Some(blow));
    let source = format!("{}/acme/app:index", proxy.url().strip_prefix("http://").unwrap());
    let store = Store::directory();
    let run = run(publishing(&source, "acme/mine:1", &store).args(["--deadline", "4s"]));
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    // It wants to be left alone for a second each time.
    assert!(proxy.seen().requests.len() <= 8, "{:?}", proxy.seen().requests);
    assert!(store.visible().is_empty());
}

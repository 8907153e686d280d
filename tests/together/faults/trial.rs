//! One publication with one fault, and a look at what came of it.

use std::fmt;
use std::process::{Command, Stdio};
use std::thread::{scope, sleep};
use std::time::Duration;

use super::case::{Case, Source};
use crate::place::Place;
use crate::rig::faulty::{Blow, Fault, Line, Proxy, Span};
use crate::rig::ours::Endpoint;
use crate::rig::process::{Run, wait};
use crate::visible::{Seen, look};

/// What is to be done, and where.
pub(super) struct Trial<'a> {
    pub(super) case: &'a Case,
    pub(super) place: &'a Place,
    pub(super) blow: Blow,
    /// In the bucket or container; nothing is there before.
    pub(super) prefix: String,
}

/// How it ended well.
pub(super) struct Ended {
    pub(super) outcome: Outcome,
    /// Whether something half uploaded is left, which the store's grace is for.
    pub(super) left: bool,
}

/// Whose work it was that the image is there.
pub(super) enum Outcome {
    /// The run that was struck did its work.
    Recovered,
    /// It failed, and running again did its work.
    Completed,
    /// Nothing was struck: it was over before, or the deadline came before.
    Missed,
}

/// The requests of a publication that nothing happens to.
pub(super) fn requests(case: &Case, place: &Place) -> Vec<Line> {
    let blow = Blow { fault: Fault::ResetBefore, at: usize::MAX, span: Span::Once };
    let prefix = format!("counted-{}", case.name.replace(' ', "-"));
    let trial = Trial { case, place, blow, prefix };
    trial.prepare();
    let proxy = place.behind(None);
    trial.must(&case.then, proxy.url());
    trial.seen(&proxy).0
}

impl Trial<'_> {
    /// Carries it out.
    pub(super) fn run(&self) -> Ended {
        self.prepare();
        let endpoint = self.place.endpoint(&self.prefix);
        let proxy = self.place.behind(Some(self.blow));
        let run = self.watched(&endpoint, || self.publish(&self.case.then, proxy.url()));
        let (_, struck) = self.seen(&proxy);
        drop(proxy);
        let what = match &struck {
            Some(line) => format!("{self} ({} {})\n{}", line.method, line.target, run.stderr),
            None => format!("{self}, which struck nothing\n{}", run.stderr),
        };
        let leftovers = self.place.leftovers(&self.prefix);
        let left = !leftovers.is_empty();
        assert!(!left || self.may_leave(struck.as_ref()), "{what}: left {leftovers:?}");
        let mut seen = look(&endpoint, &what);
        self.assert_sound(&seen, &what);
        let mut outcome = Outcome::Recovered;
        if run.code != Some(0) {
            let says = run.stderr.lines().any(|line| line.starts_with("error: "));
            assert!(run.code == Some(1) && says, "{what}: {:?}", run.code);
            self.must(&self.case.then, &self.place.origin());
            seen = look(&endpoint, &what);
            outcome = Outcome::Completed;
        }
        if struck.is_none() {
            assert!(run.code == Some(0) || self.blow.span != Span::Once, "{what}");
            outcome = Outcome::Missed;
        }
        assert_eq!(seen.assert_agrees(&what), self.case.then.digest, "{what}");
        Ended { outcome, left }
    }

    /// Who can no longer reach the store cannot tidy up there. And Swift's segments stay while nobody knows whether the
    /// manifest that names them was written: without them, it would stand at its key and be broken.
    fn may_leave(&self, struck: Option<&Line>) -> bool {
        let names = struck.is_some_and(|line| line.target.ends_with("?multipart-manifest=put"));
        self.blow.span == Span::Onward || self.blow.span == Span::Same && names
    }

    fn prepare(&self) {
        if let Some(before) = &self.case.before {
            self.must(before, &self.place.origin());
        }
    }

    fn publish(&self, source: &Source, origin: &str) -> Run {
        let mut command = self.place.publishes(&source.path, "acme/app:1.2", &self.prefix, origin);
        if origin != self.place.origin() {
            self.hurry(&mut command);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        wait(command.spawn().unwrap())
    }

    /// So that neither silence nor what lasts takes the time that it takes with users.
    fn hurry(&self, command: &mut Command) {
        if self.blow.fault == Fault::Hang {
            command.env("REGISTRY_PUBLISHER_REQUEST_TIMEOUT", "500ms");
        }
        if self.blow.span != Span::Once {
            command.env("REGISTRY_PUBLISHER_DEADLINE", "5s");
        }
    }

    /// Publishes by way of the server at `origin`, which must succeed.
    pub(super) fn must(&self, source: &Source, origin: &str) {
        let run = self.publish(source, origin);
        assert_eq!(run.code, Some(0), "{self}, without a fault\n{}", run.stderr);
    }

    /// Where a tag is moved, it is looked at all the while.
    fn watched(&self, endpoint: &Endpoint, work: impl FnOnce() -> Run + Send) -> Run {
        scope(|scope| {
            let work = scope.spawn(work);
            while self.case.before.is_some() && !work.is_finished() {
                let what = format!("{self}, meanwhile");
                self.assert_sound(&look(endpoint, &what), &what);
                sleep(Duration::from_millis(200));
            }
            work.join().unwrap()
        })
    }

    /// Nothing else came to be visible, and what was visible is so still.
    fn assert_sound(&self, seen: &Seen, what: &str) {
        if self.case.before.is_some() {
            seen.assert_there(what);
        }
        if let Some(image) = &seen.image {
            let mut known = [&self.case.then].into_iter().chain(&self.case.before);
            assert!(known.any(|source| source.digest == image.digest), "{what}: {seen:?}");
        }
    }

    fn seen(&self, proxy: &Proxy) -> (Vec<Line>, Option<Line>) {
        let seen = proxy.seen();
        assert_eq!(seen.strayed, None, "{self}: the proxy failed");
        (seen.requests, seen.struck)
    }
}

impl fmt::Display for Trial<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Blow { fault, at, span } = self.blow;
        write!(f, "{}, {}: {fault} request {at}, {span:?}", self.place, self.case.name)
    }
}

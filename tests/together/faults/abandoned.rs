//! A network that goes away in the middle of an upload, so that not even the abort arrives: running again completes, and
//! after the store's grace it ends what was left.

use crate::place::Place;
use crate::rig::faulty::{Blow, Fault, Span};
use crate::rig::seaweed::seaweed;

use super::case::Case;
use super::trial::{Trial, requests};

#[test]
fn uploads_are_ended_by_the_next_run() {
    let folder = tempfile::tempdir().unwrap();
    let (bucket, prefix) = ("abandoned", "prefix");
    let place = Place::bucket(bucket);
    let cases = Case::all(folder.path(), place.large());
    let case = cases.iter().find(|case| case.name == "large layer").unwrap();
    let last_part = requests(case, &place).iter().rposition(|line| line.target.contains("partNumber="));
    let at = last_part.unwrap() + 1;
    let blow = Blow { fault: Fault::ResetBefore, at, span: Span::Onward };
    let trial = Trial { case, place: &place, blow, prefix: prefix.to_owned() };
    assert!(trial.run().left, "{trial}");
    // The grace is a day: the run that completed the work has left the upload to it.
    assert_eq!(place.leftovers(prefix).len(), 1);

    let settings = format!("{prefix}/static-registry/settings.json");
    seaweed().put(bucket, &settings, br#"{"grace":"1s"}"#);
    trial.must(&case.then, &place.origin());
    assert_eq!(place.leftovers(prefix), [""; 0]);
}

//! For every n: the n-th write fails. What is visible is whole, the old image or the new one, and running again
//! completes.

use publisher::store::Store;
use publisher::store::directory::Directory;

use crate::faulty::{Fault, Faulty};
use crate::sample::Sample;
use crate::{memory, run, visible};

/// What stood in the store before, and what is published over it.
struct Case {
    name: &'static str,
    before: Vec<(Sample, &'static [&'static str])>,
    then: (Sample, &'static [&'static str]),
}

fn cases() -> Vec<Case> {
    let subject = Sample::image("subject");
    vec![
        Case {
            name: "first image",
            before: vec![],
            then: (Sample::image("one"), &["acme/app:1", "acme/app:latest"]),
        },
        Case {
            name: "two repositories",
            before: vec![],
            then: (Sample::image("one"), &["acme/app:1", "a/b/c:1"]),
        },
        Case { name: "index", before: vec![], then: (Sample::index("one"), &["app:1"]) },
        Case { name: "sha512", before: vec![], then: (Sample::sha512("one"), &["app:1"]) },
        Case {
            name: "retag",
            before: vec![(Sample::image("one"), &["acme/app:1"])],
            then: (Sample::image("two"), &["acme/app:1"]),
        },
        Case {
            name: "retag to one that v1 cannot hold",
            before: vec![(Sample::image("one"), &["acme/app:1"])],
            then: (Sample::zstd("two"), &["acme/app:1"]),
        },
        Case {
            name: "retag to one that v1 has gzip of",
            before: vec![(Sample::image("one"), &["acme/app:1"])],
            then: (Sample::zstd_of(&["base", "two"]), &["acme/app:1"]),
        },
        Case {
            name: "again",
            before: vec![(Sample::image("one"), &["acme/app:1"])],
            then: (Sample::image("one"), &["acme/app:1"]),
        },
        Case {
            name: "second tag",
            before: vec![(Sample::image("one"), &["acme/app:1"])],
            then: (Sample::image("one"), &["acme/app:2"]),
        },
        Case {
            name: "described",
            before: vec![(Sample::described("one", "Says one"), &["acme/app:1"])],
            then: (Sample::described("two", "Says two"), &["acme/app:1", "acme/other:1"]),
        },
        Case {
            name: "referrer",
            before: vec![(subject.clone(), &["acme/app:1"])],
            then: (Sample::referrer(&subject, "signed"), &["acme/app"]),
        },
    ]
}

async fn prepared(case: &Case, store: &dyn Store) {
    for (sample, references) in &case.before {
        run(store, sample, references).await.unwrap();
    }
}

/// Fails the n-th write of a fresh store, for every n, until nothing fails any longer. Returns how many there were.
async fn fail_each<S: Store>(case: &Case, fault: Fault, fresh: impl AsyncFn(usize) -> S) -> usize {
    for n in 0.. {
        let store = fresh(n).await;
        prepared(case, &store).await;
        let faulty = Faulty::after(n, fault, &store);
        let done = run(&faulty, &case.then.0, case.then.1).await;
        assert_eq!(done.is_err(), faulty.failed(), "{}: write {n}", case.name);
        visible::is_whole(&store).await;
        run(&store, &case.then.0, case.then.1).await.unwrap();
        visible::agrees(&store).await;
        if done.is_ok() {
            return n;
        }
    }
    unreachable!("the loop ends when nothing fails")
}

#[tokio::test]
async fn every_write_in_memory() {
    for case in cases() {
        let undisturbed = memory();
        prepared(&case, &*undisturbed).await;
        run(&*undisturbed, &case.then.0, case.then.1).await.unwrap();
        for fault in [Fault::Before, Fault::After] {
            let writes = fail_each(&case, fault, async |_| memory().as_ref().clone()).await;
            assert!(writes >= usize::from(case.name != "again"), "{}: {writes} writes", case.name);
        }
    }
}

#[tokio::test]
async fn what_is_completed_equals_what_was_never_interrupted() {
    for case in cases() {
        let undisturbed = memory();
        prepared(&case, &*undisturbed).await;
        run(&*undisturbed, &case.then.0, case.then.1).await.unwrap();
        for n in 0..200 {
            let store = memory();
            prepared(&case, &*store).await;
            let faulty = Faulty::after(n, Fault::Before, &*store);
            let done = run(&faulty, &case.then.0, case.then.1).await;
            run(&*store, &case.then.0, case.then.1).await.unwrap();
            assert_eq!(store.objects(), undisturbed.objects(), "{}: write {n}", case.name);
            if done.is_ok() {
                break;
            }
        }
    }
}

#[tokio::test]
async fn every_write_in_a_directory() {
    for case in cases().into_iter().filter(|case| {
        ["first image", "retag to one that v1 cannot hold", "retag to one that v1 has gzip of"]
            .contains(&case.name)
    }) {
        let folder = tempfile::tempdir().unwrap();
        let fresh = async |n: usize| Directory::create(folder.path().join(n.to_string())).await.unwrap();
        assert!(fail_each(&case, Fault::Before, fresh).await > 5, "{}", case.name);
    }
}

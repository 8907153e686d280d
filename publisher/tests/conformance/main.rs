//! One suite against every store: what `Store` promises, and that S3, Swift and directories keep it alike.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may")]

mod ages;
mod collected;
mod conditions;
mod contents;
mod deletions;
mod given;
mod keystone;
mod listing;
mod objects;
mod opening;
mod s3;
#[allow(dead_code, reason = "the protocol's tests make others of them")]
#[path = "../protocol/sample.rs"]
mod sample;
mod seaweed;
mod subject;
mod swift;
mod swift_front;
mod swift_keystone;
mod swift_server;
#[allow(dead_code, reason = "the protocol's tests look at more")]
#[path = "../protocol/visible.rs"]
mod visible;

use collected::derive;

/// The tests of the suite, for one store.
macro_rules! suite {
    ($store:ident, $($room:ident::$test:ident)*) => {
        mod $store {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $test() {
                    crate::$room::$test(&crate::subject::$store().await).await;
                }
            )*
        }
    };
}

/// The second list is for stores whose conditions are atomic; for the others, tests of their own show what holds.
macro_rules! for_every_store {
    ({ $($tests:tt)* } and_where_it_compares { $($comparing:tt)* }) => {
        suite!(memory, $($tests)* $($comparing)*);
        suite!(directory, $($tests)* $($comparing)*);
        suite!(seaweedfs, $($tests)* $($comparing)*);
        suite!(swift_at_once, $($tests)*);
        suite!(swift_in_segments, $($tests)*);
    };
}

for_every_store! {
    {
        objects::what_was_written_is_read
        objects::what_was_written_later_is_not_older
        objects::what_is_missing_is_none
        objects::each_object_has_its_headers
        objects::deleting_twice_is_no_error
        objects::a_copy_is_equal
        contents::content_of_any_size_arrives
        contents::content_is_read_from_any_byte_on
        contents::wrong_content_is_never_visible
        contents::a_failing_source_leaves_what_was_there
        contents::a_dropped_sending_leaves_nothing
        listing::exactly_the_keys_below_a_prefix_are_listed
        listing::a_tree_is_gone_through_folder_by_folder
        listing::folders_are_listed_however_many_there_are
        ages::lists_tell_sizes_and_times
        ages::what_is_refreshed_or_copied_is_young_and_else_the_same
        ages::many_are_deleted_together
    } and_where_it_compares {
        conditions::a_write_happens_when_its_condition_holds
        conditions::of_racing_creators_one_wins
        conditions::racing_changes_are_not_lost
    }
}

//! Several things at the same time.

use futures_util::future::BoxFuture;
use futures_util::stream;
use futures_util::{FutureExt, StreamExt, TryStreamExt};

/// Does all, at most so many at once, and gives what each gives, in no order; the first failure ends it.
///
/// Each is made only when its turn comes. Boxed: of a future that holds a stream made by a closure over references, the
/// compiler cannot tell that it is `Send` ([rust#64552](https://github.com/rust-lang/rust/issues/64552)), and then nobody
/// can spawn it.
pub(crate) fn at_once<'a, T, E, F>(
    jobs: usize,
    all: impl Iterator<Item = F> + Send + 'a,
) -> BoxFuture<'a, Result<Vec<T>, E>>
where
    T: Send + 'a,
    E: Send + 'a,
    F: Future<Output = Result<T, E>> + Send + 'a,
{
    stream::iter(all).map(FutureExt::boxed).buffer_unordered(jobs).try_collect().boxed()
}

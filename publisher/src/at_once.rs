//! Several things at the same time.

use futures_util::future::BoxFuture;
use futures_util::stream;
use futures_util::{FutureExt, StreamExt, TryStreamExt};

/// Does all, at most so many at once, and gives what each gives, in no order; the first failure ends it.
///
/// Boxed: of a future that holds a stream made by a closure over references, the compiler cannot tell that it is `Send`
/// ([rust#64552](https://github.com/rust-lang/rust/issues/64552)), and then nobody can spawn it.
pub(crate) fn at_once<'a, T, E, F>(
    jobs: usize,
    all: impl Iterator<Item = F>,
) -> BoxFuture<'a, Result<Vec<T>, E>>
where
    T: Send + 'a,
    E: Send + 'a,
    F: Future<Output = Result<T, E>> + Send + 'a,
{
    let all: Vec<BoxFuture<'a, _>> = all.map(FutureExt::boxed).collect();
    stream::iter(all).buffer_unordered(jobs).try_collect().boxed()
}

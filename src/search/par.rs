//! Work spread over threads.

use rayon::prelude::*;

/// Maps `items`, results in their order; `init` makes what a thread keeps between items.
pub fn map<T, S, R>(
    items: Vec<T>,
    init: impl Fn() -> S + Sync + Send,
    work: impl Fn(&mut S, T) -> R + Sync + Send,
) -> Vec<R>
where
    T: Send,
    R: Send,
{
    items.into_par_iter().map_init(init, work).collect()
}

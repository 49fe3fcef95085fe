//! Helpers: a pool.

use engine::Pool;

pub(super) fn pool(workers: usize) -> Pool {
    Pool::builder().threads(workers).build().unwrap()
}

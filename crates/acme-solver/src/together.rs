//! The same for several things, at the same time.

use std::panic;
use std::thread;

/// Does something for each item, for a few at the same time, and returns what came of each.
pub(crate) fn each<T: Sync, R: Send>(items: &[T], act: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let mut outcomes = Vec::with_capacity(items.len());
    for items in items.chunks(WIDTH) {
        thread::scope(|scope| {
            let threads: Vec<_> = items.iter().map(|item| scope.spawn(|| act(item))).collect();
            let join = |thread: thread::ScopedJoinHandle<'_, R>| {
                thread.join().unwrap_or_else(|panic| panic::resume_unwind(panic))
            };
            outcomes.extend(threads.into_iter().map(join));
        });
    }
    outcomes
}

/// Threads at a time.
const WIDTH: usize = 16;

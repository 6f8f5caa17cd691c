//! The same for several things, at the same time.

use std::iter;
use std::panic;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Does something for each item, for a few at the same time, and returns what came of each.
///
/// Where no thread can be had, those that are there do the work.
pub(crate) fn each<T: Sync, R: Send>(items: &[T], act: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let take = || {
        let index = next.fetch_add(1, Ordering::Relaxed);
        items.get(index).map(|item| (index, act(item)))
    };
    let work = || iter::from_fn(take).collect::<Vec<_>>();
    let mut done = thread::scope(|scope| {
        let spawn = |_| thread::Builder::new().name("acme-solver".into()).spawn_scoped(scope, work).ok();
        let helpers: Vec<_> = (1..items.len().min(WIDTH)).map_while(spawn).collect();
        let mut done = work();
        for helper in helpers {
            done.extend(helper.join().unwrap_or_else(|payload| panic::resume_unwind(payload)));
        }
        done
    });
    done.sort_unstable_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, outcome)| outcome).collect()
}

/// Threads at a time.
const WIDTH: usize = 16;

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn outcomes_are_in_the_order_of_the_items() {
        let items: Vec<usize> = (0..100).collect();
        let doubled: Vec<usize> = items.iter().map(|item| 2 * item).collect();
        assert_eq!(each(&items, |item| 2 * item), doubled);
        assert!(each(&[], |item: &usize| *item).is_empty());
    }

    #[test]
    fn as_many_as_there_are_threads_go_on_at_once() {
        // None of them gets past it alone.
        let all = Barrier::new(WIDTH);
        assert_eq!(each(&[(); WIDTH], |()| all.wait()).len(), WIDTH);
    }
}

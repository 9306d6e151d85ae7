//! Work that is done ahead by threads, and taken in order.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// What threads and their taker share.
struct State<T> {
    next: usize,
    taken: usize,
    ready: BTreeMap<usize, T>,
    stopped: bool,
}

/// Runs `work` on `0..count` by threads, at most `ahead` results before they are taken, and gives them to
/// `take` one by one in order, until that breaks.
pub(crate) fn in_order<T: Send, E>(
    count: usize,
    threads: usize,
    ahead: usize,
    work: impl Fn(usize) -> T + Sync,
    mut take: impl FnMut(T) -> Result<ControlFlow<()>, E>,
) -> Result<(), E> {
    let state = Mutex::new(State { next: 0, taken: 0, ready: BTreeMap::new(), stopped: false });
    let changed = Condvar::new();
    let lock = || state.lock().unwrap_or_else(PoisonError::into_inner);
    let wait = |guard| changed.wait(guard).unwrap_or_else(PoisonError::into_inner);
    // A panic on either side must not leave the other one waiting.
    struct Stop<F: Fn()>(F);
    impl<F: Fn()> Drop for Stop<F> {
        fn drop(&mut self) {
            (self.0)();
        }
    }
    let stop = || {
        lock().stopped = true;
        changed.notify_all();
    };
    let worker = || {
        let give_up = || {
            if thread::panicking() {
                stop();
            }
        };
        let _watch = Stop(give_up);
        loop {
            let mut guard: MutexGuard<'_, State<T>> = lock();
            while !guard.stopped && guard.next < count && guard.next >= guard.taken + ahead {
                guard = wait(guard);
            }
            if guard.stopped || guard.next >= count {
                return;
            }
            let number = guard.next;
            guard.next += 1;
            drop(guard);
            let result = work(number);
            lock().ready.insert(number, result);
            changed.notify_all();
        }
    };
    thread::scope(|scope| {
        for _ in 0..threads.clamp(1, count.max(1)) {
            scope.spawn(worker);
        }
        let _stop = Stop(stop);
        for number in 0..count {
            let mut guard = lock();
            let result = loop {
                if let Some(result) = guard.ready.remove(&number) {
                    break result;
                }
                if guard.stopped {
                    return Ok(());
                }
                guard = wait(guard);
            };
            guard.taken = number + 1;
            drop(guard);
            changed.notify_all();
            if take(result)?.is_break() {
                break;
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    #[test]
    fn results_come_in_order_and_not_too_far_ahead() {
        let (done, mut taken) = (AtomicUsize::new(0), Vec::new());
        let work = |number: usize| {
            thread::sleep(Duration::from_millis(if number.is_multiple_of(5) { 5 } else { 0 }));
            done.fetch_add(1, Ordering::SeqCst);
            number
        };
        let finished: Result<(), ()> = in_order(50, 3, 4, work, |number| {
            assert!(done.load(Ordering::SeqCst) <= number + 1 + 4);
            taken.push(number);
            Ok(ControlFlow::Continue(()))
        });
        assert_eq!((finished, taken), (Ok(()), (0..50).collect()));
    }

    #[test]
    fn stops_when_told_to() {
        let stop_at =
            |number: usize| Ok::<_, ()>(if number == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) });
        assert_eq!(in_order(1000, 2, 4, |number| number, stop_at), Ok(()));
        assert_eq!(
            in_order(
                1000,
                2,
                4,
                |number| number,
                |number| if number == 3 { Err(3) } else { stop_at(number).map_err(|()| 0) }
            ),
            Err(3)
        );
        assert_eq!(in_order(0, 2, 4, |number| number, stop_at), Ok(()));
    }

    #[test]
    #[should_panic(expected = "a scoped thread panicked")]
    fn a_panic_is_passed_on() {
        let _ = in_order(10, 2, 4, |number| assert!(number < 5), |()| Ok::<_, ()>(ControlFlow::Continue(())));
    }
}

//! Work that is done ahead by threads, and taken in order.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// What threads and their taker share.
struct State<T> {
    next: usize,
    taken: usize,
    ready: BTreeMap<usize, T>,
    stopped: bool,
}

/// Runs `work` on `0..count` by threads, at most `ahead` results before they are taken, and gives them to
/// `take` one by one in order, until that breaks. While it waits for the next one it is asked with `None` every so often.
pub(crate) fn in_order<T: Send, E>(
    count: usize,
    threads: usize,
    ahead: usize,
    patience: Duration,
    work: impl Fn(usize) -> T + Sync,
    mut take: impl FnMut(Option<T>) -> Result<ControlFlow<()>, E>,
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
                let (waited, timeout) = changed.wait_timeout(guard, patience).unwrap_or_else(PoisonError::into_inner);
                guard = waited;
                if timeout.timed_out() {
                    drop(guard);
                    if take(None)?.is_break() {
                        return Ok(());
                    }
                    guard = lock();
                }
            };
            guard.taken = number + 1;
            drop(guard);
            changed.notify_all();
            if take(Some(result))?.is_break() {
                break;
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const PATIENCE: Duration = Duration::from_millis(20);

    #[test]
    fn results_come_in_order_and_not_too_far_ahead() {
        let (done, mut taken) = (AtomicUsize::new(0), Vec::new());
        let work = |number: usize| {
            thread::sleep(Duration::from_millis(if number.is_multiple_of(5) { 5 } else { 0 }));
            done.fetch_add(1, Ordering::SeqCst);
            number
        };
        let finished: Result<(), ()> = in_order(50, 3, 4, PATIENCE, work, |number| {
            let Some(number) = number else { return Ok(ControlFlow::Continue(())) };
            assert!(done.load(Ordering::SeqCst) <= number + 1 + 4);
            taken.push(number);
            Ok(ControlFlow::Continue(()))
        });
        assert_eq!((finished, taken), (Ok(()), (0..50).collect()));
    }

    #[test]
    fn stops_when_told_to() {
        let stop_at = |number: Option<usize>| {
            Ok::<_, ()>(if number == Some(3) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        };
        assert_eq!(in_order(1000, 2, 4, PATIENCE, |number| number, stop_at), Ok(()));
        assert_eq!(
            in_order(
                1000,
                2,
                4,
                PATIENCE,
                |number| number,
                |number| if number == Some(3) { Err(3) } else { stop_at(number).map_err(|()| 0) }
            ),
            Err(3)
        );
        assert_eq!(in_order(0, 2, 4, PATIENCE, |number| number, stop_at), Ok(()));
    }

    #[test]
    fn stops_while_it_waits() {
        let is_over = std::sync::atomic::AtomicBool::new(false);
        let work = |_| {
            while !is_over.load(Ordering::SeqCst) {
                thread::sleep(Duration::from_millis(1));
            }
        };
        let mut told = 0;
        let take = |result: Option<()>| {
            assert!(result.is_none());
            told += 1;
            is_over.store(true, Ordering::SeqCst);
            Ok::<_, ()>(ControlFlow::Break(()))
        };
        assert_eq!(in_order(9, 2, 4, PATIENCE, work, take), Ok(()));
        assert_eq!(told, 1);
    }

    #[test]
    #[should_panic(expected = "a scoped thread panicked")]
    fn a_panic_is_passed_on() {
        let _ = in_order(10, 2, 4, PATIENCE, |number| assert!(number < 5), |_| Ok::<_, ()>(ControlFlow::Continue(())));
    }
}

//! Who is normalised together.

use std::cell::RefCell;
use std::fmt::Debug;
use std::sync::Arc;

/// Devices whose clips are normalised together; each of them runs the same network at the same time.
pub trait NormGroup: Debug + Send + Sync {
    /// Replaces numbers by their sums over the group. All members that take part give equally many, in the same order:
    /// some in the forward pass, and some in the backward pass that follows.
    fn sum(&self, values: &mut [f32]);
}

thread_local! {
    static GROUP: RefCell<Option<Arc<dyn NormGroup>>> = const { RefCell::new(None) };
}

/// Runs a forward pass of this thread whose batch norms take the statistics of a group. The backward pass then
/// does so, too, wherever it is run.
pub fn with_norm_group<T>(group: Arc<dyn NormGroup>, forward: impl FnOnce() -> T) -> T {
    struct Restore(Option<Arc<dyn NormGroup>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            GROUP.with_borrow_mut(|group| *group = self.0.take());
        }
    }
    let _restore = Restore(GROUP.with_borrow_mut(|current| current.replace(group)));
    forward()
}

/// The group of the forward pass that runs.
pub(crate) fn norm_group() -> Option<Arc<dyn NormGroup>> {
    GROUP.with_borrow(Clone::clone)
}

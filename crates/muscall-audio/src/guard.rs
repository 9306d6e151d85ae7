//! A panic of somebody else's reader becomes an error that names the file.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::Once;
use std::thread;

use crate::AudioError;

thread_local! {
    /// Whether this thread is within a guarded call.
    static GUARDED: Cell<bool> = const { Cell::new(false) };
    /// Where the last guarded call panicked.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs foreign code that may panic on what a file holds, such as a decoder.
///
/// `doing` completes "the reader panicked while", for instance "decoding". What the call was working on must not be
/// used after an error, except to drop it. A program built with `panic = "abort"` still ends.
///
/// # Errors
/// [`AudioError::ReaderPanicked`] with the path and what the panic said.
pub fn guarded<T>(path: &Path, doing: &'static str, call: impl FnOnce() -> T) -> Result<T, AudioError> {
    install_hook();
    let outer = GUARDED.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(call));
    GUARDED.set(outer);
    result.map_err(|payload| {
        let mut reason = said(&*payload).to_owned();
        if let Ok(Some(place)) = PLACE.try_with(RefCell::take) {
            reason.push_str(&format!(" at {place}"));
        }
        AudioError::ReaderPanicked { path: path.to_owned(), doing, reason }
    })
}

/// Keeps guarded panics off the terminal, where "thread panicked" beside the error would look like a fault of the
/// program, and remembers where they happened.
///
/// A hook is global, so this one does as little as it can: it is installed once, by the first guarded call, and hands
/// every panic of other code, on any thread, to the hook that was there before. Nothing is swapped in and out around
/// calls, which would lose the messages of other threads. A program that installs a hook of its own afterwards gets
/// guarded panics, too, and may print them; they are errors all the same.
fn install_hook() {
    static INSTALLED: Once = Once::new();
    // While a thread unwinds, the hook may not be changed.
    if INSTALLED.is_completed() || thread::panicking() {
        return;
    }
    INSTALLED.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            // A thread that ends has no flag left, and is in no guarded call.
            if GUARDED.try_with(Cell::get).unwrap_or(false) {
                let place = panic.location().map(|at| format!("{}:{}", short(at.file()), at.line()));
                let _ = PLACE.try_with(|last| last.replace(place));
            } else {
                others(panic);
            }
        }));
    });
}

/// A source file from its crate's directory on, without the registry's path on the machine that compiled it.
fn short(file: &str) -> &str {
    let crate_dir = file.rfind("/src/").map_or(0, |src| file[..src].rfind('/').map_or(0, |slash| slash + 1));
    &file[crate_dir..]
}

fn said(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or(payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no reason given")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_that_names_the_file() {
        let path = Path::new("music/a.ogg");
        assert_eq!(guarded(path, "decoding", || 7).unwrap(), 7);
        let zero = std::hint::black_box(0);
        let error = guarded(path, "decoding", || [1, 2][zero + 2]).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("music/a.ogg: the reader panicked while decoding"), "{text}");
        assert!(text.contains("index out of bounds") && text.contains("muscall-audio/src/guard.rs:"), "{text}");
        let error = guarded(path, "decoding", || panic::panic_any(5)).unwrap_err();
        assert!(error.to_string().contains("no reason given"), "{error}");
    }

    #[test]
    fn an_inner_call_ends_no_outer_guard() {
        let inner = || guarded(Path::new("inner"), "decoding", || panic!("one")).unwrap_err();
        let error = guarded(Path::new("outer"), "opening the file", || {
            assert!(inner().to_string().contains("one"));
            assert!(GUARDED.get());
            panic!("two")
        });
        assert!(error.map(|(): ()| ()).unwrap_err().to_string().contains("two"));
        assert!(!GUARDED.get());
    }

    #[test]
    fn places_are_named_from_the_crate_on() {
        let registry = "/home/u/.cargo/registry/src/index.crates.io-1/symphonia-format-ogg-0.6.1/src/page.rs";
        assert_eq!(short(registry), "symphonia-format-ogg-0.6.1/src/page.rs");
        assert_eq!(short("src/page.rs"), "src/page.rs");
    }
}

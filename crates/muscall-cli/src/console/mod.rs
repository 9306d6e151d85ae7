//! The terminal: the model and the device as arguments, progress bars, tables, splits, playlists, an exit code.

mod answer;
mod bundle;
mod columns;
mod count;
mod device;
mod evaluation;
mod exit;
mod indexing;
mod lines;
mod out;
mod playlist;
mod progress;
mod split;
mod tables;
mod training;

pub use answer::{clock, warning};
pub use bundle::{BundleArgument, load};
pub use columns::ColumnsArgument;
pub use count::count;
pub use device::DeviceArgument;
pub use evaluation::{evaluate, read_split, scale_words};
pub use exit::{exit, with_causes};
pub use indexing::IndexConsole;
pub use lines::{lines, queries};
pub use out::say;
pub use playlist::write_playlist;
pub use progress::{Progress, working};
pub use split::SplitName;
pub use tables::{columns, report_table, table};
pub use training::TrainingConsole;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use muscall::train::benchmark::{Benchmark, benchmarks};

/// The public data set of a name.
///
/// # Errors
/// With the known names, if it is none of them.
pub fn benchmark(name: &str) -> Result<Box<dyn Benchmark>, String> {
    let all = benchmarks();
    let names: Vec<_> = all.iter().map(|benchmark| benchmark.name()).collect();
    let message = format!("no data set is called {name}; the known ones are {}", names.join(", "));
    all.into_iter().find(|benchmark| benchmark.name() == name).ok_or(message)
}

/// What a Ctrl-C does now: a process may have one handler, and first hear and then serve.
type OnStop = Box<dyn FnMut() + Send>;

static ON_STOP: Mutex<Option<OnStop>> = Mutex::new(None);

/// From now on Ctrl-C and SIGTERM do this, and no longer what they did before.
pub(crate) fn on_stop(action: impl FnMut() + Send + 'static) -> Result<(), ctrlc::Error> {
    let is_first = ON_STOP.lock().unwrap_or_else(PoisonError::into_inner).replace(Box::new(action)).is_none();
    if is_first {
        ctrlc::set_handler(|| {
            if let Some(action) = ON_STOP.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
                action();
            }
        })?;
    }
    Ok(())
}

/// Becomes true with Ctrl-C; a second one does not wait for anything.
pub(crate) fn stop_on_ctrl_c() -> Result<Arc<AtomicBool>, ctrlc::Error> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = stop.clone();
    on_stop(move || {
        if flag.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
    })?;
    Ok(stop)
}

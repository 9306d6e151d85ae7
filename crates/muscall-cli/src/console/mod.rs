//! The terminal: the model and the device as arguments, progress bars, tables, splits, playlists, an exit code.

mod bundle;
mod device;
mod evaluation;
mod exit;
mod indexing;
mod lines;
mod playlist;
mod progress;
mod split;
mod tables;
mod training;

pub use bundle::{BundleArgument, load};
pub use device::DeviceArgument;
pub use evaluation::{evaluate, read_split, scale_words};
pub use exit::{exit, with_causes};
pub use indexing::IndexConsole;
pub use lines::{lines, queries};
pub use playlist::write_playlist;
pub use progress::{Progress, working};
pub use split::SplitName;
pub use tables::{columns, report_table, table};
pub use training::TrainingConsole;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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

/// Becomes true with Ctrl-C; a second one does not wait for anything.
pub(crate) fn stop_on_ctrl_c() -> Result<Arc<AtomicBool>, ctrlc::Error> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = stop.clone();
    ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
    })?;
    Ok(stop)
}

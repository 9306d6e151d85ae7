//! Measures what several devices or machines exchange in a training step.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::error::Error;
use std::process::ExitCode;
use std::thread;
use std::time::Instant;

use clap::Parser;
use muscall::TrainError;
use muscall::train::distributed::{Communicator, Threads, world};
use muscall_cli::console;

/// Exchanges as many numbers as a training step does, between threads or, under mpirun, between processes.
#[derive(Parser)]
#[command(version, after_help = "Example: cargo run --release --example exchange -- --ranks 2 --parameters 40000000")]
struct Arguments {
    /// Number of threads, if there is one process.
    #[arg(long, default_value_t = 2)]
    ranks: usize,
    /// Number of parameters whose gradients are added up.
    #[arg(long, default_value_t = 40_000_000)]
    parameters: usize,
    /// Tracks per batch, each with one caption.
    #[arg(long, default_value_t = 256)]
    batch: usize,
    /// Dimensions of an embedding.
    #[arg(long, default_value_t = 512)]
    dim: usize,
    /// Number of steps; their median is printed, and the fastest in brackets.
    #[arg(long, default_value_t = 9)]
    steps: usize,
}

fn main() -> ExitCode {
    console::exit(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let world = world()?;
    if world.size() > 1 {
        report(arguments, "processes", &*world)?;
        return Ok(());
    }
    thread::scope(|scope| {
        let members = Threads::group(arguments.ranks).into_iter();
        let ranks: Vec<_> = members.map(|rank| scope.spawn(move || report(arguments, "threads", &rank))).collect();
        ranks.into_iter().try_for_each(|rank| rank.join().expect("a rank does not panic"))
    })?;
    Ok(())
}

fn report(arguments: &Arguments, kind: &str, ranks: &dyn Communicator) -> Result<(), TrainError> {
    let embeddings = vec![0.5; 2 * arguments.batch.div_ceil(ranks.size()) * arguments.dim];
    let mut gradients = vec![0.5; arguments.parameters];
    let gathered = times(arguments.steps, ranks, || ranks.all_gather(&embeddings).map(|_| ()))?;
    let reduced = times(arguments.steps, ranks, || ranks.all_reduce(&mut gradients))?;
    let told = times(arguments.steps, ranks, || ranks.barrier())?;
    if ranks.rank() == 0 {
        println!(
            "{} {kind}: embeddings {:.2} ({:.2}) ms, gradients {:.0} ({:.0}) ms, a message {:.3} ({:.3}) ms",
            ranks.size(),
            gathered[0],
            gathered[1],
            reduced[0],
            reduced[1],
            told[0],
            told[1]
        );
    }
    Ok(())
}

/// Milliseconds of an exchange that all ranks begin at once: the median, and the fastest.
fn times(
    steps: usize,
    ranks: &dyn Communicator,
    mut exchange: impl FnMut() -> Result<(), TrainError>,
) -> Result<[f64; 2], TrainError> {
    exchange()?;
    let mut times = Vec::with_capacity(steps);
    for _ in 0..steps.max(1) {
        ranks.barrier()?;
        let start = Instant::now();
        exchange()?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    Ok([times[times.len() / 2], times[0]])
}

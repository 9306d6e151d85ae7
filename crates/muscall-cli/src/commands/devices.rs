//! `muscall devices`: what can compute.

use clap::Args;
use muscall::device::{DeviceChoice, devices};
use muscall_kernels::Level;
use serde_json::json;

use crate::Failed;
use crate::console::say;

/// List what this program can compute on, by the names that --device takes.
#[derive(Debug, Args)]
#[command(after_help = "Example: muscall devices")]
pub(super) struct Arguments {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failed> {
    let found = devices();
    let described = |choice: DeviceChoice, description: &str| match choice {
        DeviceChoice::Cpu => format!("{description}, {}", processor()),
        _ => description.to_owned(),
    };
    if arguments.json {
        let all: Vec<_> = found
            .iter()
            .map(|one| json!({ "device": one.choice.to_string(), "description": described(one.choice, &one.description) }))
            .collect();
        say(serde_json::to_string_pretty(&all)?);
        return Ok(());
    }
    for one in &found {
        say(format!("{:<10}{}", one.choice.to_string(), described(one.choice, &one.description)));
    }
    for (is_built, feature, what) in
        [(cfg!(feature = "cuda"), "cuda", "NVIDIA GPUs"), (cfg!(feature = "wgpu"), "wgpu", "other GPUs")]
    {
        if !is_built {
            eprintln!("{what}: this program was built without them; build it with --features {feature}");
        }
    }
    Ok(())
}

/// The instructions and threads of the CPU.
pub(super) fn processor() -> String {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{}, {threads} threads", Level::best())
}

//! How a program ends.

use std::error::Error;
use std::iter::successors;
use std::process::ExitCode;

/// Prints an error with its causes; exit code 2.
pub fn exit(result: Result<(), Box<dyn Error>>) -> ExitCode {
    let Err(error) = result else {
        return ExitCode::SUCCESS;
    };
    eprintln!("error: {}", with_causes(error.as_ref()));
    ExitCode::from(2)
}

/// An error, and those of its causes that its own words leave out, a line each.
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut causes: Vec<String> =
        successors(error.source(), |&cause| cause.source()).map(|cause| cause.to_string().trim().to_owned()).collect();
    causes.retain(|cause| !cause.is_empty());
    // Whoever tells a deeper cause has left out those above it on purpose.
    let told = causes.iter().rposition(|cause| text.contains(cause)).map_or(0, |last| last + 1);
    for cause in &causes[told..] {
        if !text.contains(cause) {
            text = format!("{}\n  cause: {cause}", text.trim_end());
        }
    }
    text
}

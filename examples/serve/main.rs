//! A page and an API that search an index of music.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod answers;
mod api;
mod audio;
#[path = "../console/mod.rs"]
mod console;
mod failure;
mod guard;
mod page;
mod range;
mod shared;
mod wav;

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use clap::Parser;
use muscall::library::Library;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use shared::Shared;

/// Requests are some hundred bytes.
const BODY_LIMIT: usize = 64 << 10;
/// How long streams may go on after Ctrl-C.
const PATIENCE: Duration = Duration::from_secs(2);

/// Searches an index of music from a browser: by words, by more or less of a track, showing the moments that
/// fit. Nothing leaves this computer; tracks that another program adds to the index are found at once.
#[derive(Parser)]
#[command(
    version,
    after_help = "Example: cargo run --release --example serve -- --bundle runs/quickstart --index music.index"
)]
struct Arguments {
    #[command(flatten)]
    bundle: console::BundleArgument,
    /// An index that was made with it.
    #[arg(long)]
    index: PathBuf,
    /// The graph of the index (see `index --graph`): nearly exact answers from millions of segments in a millisecond.
    #[cfg(feature = "ann")]
    #[arg(long)]
    graph: Option<PathBuf>,
    /// The port; 0 picks a free port.
    #[arg(long, default_value_t = 7878)]
    port: u16,
    /// The address to listen on. Any other than the default lets others in: whoever can reach it can
    /// search and hear everything that is indexed.
    #[arg(long)]
    host: Option<IpAddr>,
    #[command(flatten)]
    device: console::DeviceArgument,
}

fn main() -> ExitCode {
    console::exit(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let library = Library::new(arguments.bundle.load(&arguments.device.open()?)?, &arguments.index)?;
    #[cfg(feature = "ann")]
    let library = match &arguments.graph {
        Some(graph) => library.with_graph(graph)?,
        None => library,
    };
    let index = library.index();
    println!("{} tracks, {} moments", index.len(), index.segments_len());
    let host = arguments.host.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    if !host.is_loopback() {
        eprintln!("warning: on {host}, everybody in the network can search and hear these tracks");
    }
    let shared = Arc::new(Shared::new(library, host.is_loopback()));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(shared, SocketAddr::new(host, arguments.port)))?;
    // A search that still runs is not waited for.
    runtime.shutdown_background();
    Ok(())
}

async fn serve(shared: Arc<Shared>, address: SocketAddr) -> Result<(), Box<dyn Error>> {
    let listener =
        TcpListener::bind(address).await.map_err(|error| format!("{address}: {error}; try another --port"))?;
    let app = Router::new()
        .merge(page::routes())
        .merge(api::routes())
        .merge(audio::routes())
        .fallback(failure::not_found)
        .method_not_allowed_fallback(failure::wrong_method)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(from_fn_with_state(shared.clone(), guard::guard))
        .with_state(shared);
    let asked = Arc::new(Notify::new());
    let stop = asked.clone();
    ctrlc::set_handler(move || {
        stop.notify_one();
        // A paused player may keep its stream for hours.
        std::thread::sleep(PATIENCE);
        std::process::exit(0);
    })?;
    // From here on it may be stopped, and the socket already takes connections.
    println!("Listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app).with_graceful_shutdown(async move { asked.notified().await }).await?;
    Ok(())
}

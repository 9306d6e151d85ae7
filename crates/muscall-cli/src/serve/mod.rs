//! A page and an API that search an index of music.

mod answers;
mod api;
mod audio;
mod failure;
mod guard;
mod page;
mod range;
mod shared;
mod wav;

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use muscall::library::Library;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use self::shared::Shared;
use crate::console;

/// Requests are some hundred bytes.
const BODY_LIMIT: usize = 64 << 10;
/// How long streams may go on after Ctrl-C.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where a page is served.
#[derive(Debug, Clone, clap::Args)]
pub struct Address {
    /// The port; 0 picks a free port.
    #[arg(long, allow_negative_numbers = true, default_value_t = 7878)]
    port: u16,
    /// The address to listen on. Any other than the default lets others in: whoever can reach it can
    /// search and hear everything that is indexed.
    #[arg(long)]
    host: Option<IpAddr>,
    /// The name by which browsers reach this page through a proxy, such as music.example.org; may be given several times.
    /// The proxy passes the name on as `Host`, serves the page at `/`, and says who may come in.
    #[arg(long = "public-host", value_name = "NAME", value_parser = host_name)]
    public_hosts: Vec<String>,
}

/// A name as it stands in `Host`, without a port.
fn host_name(name: &str) -> Result<String, &'static str> {
    let is_name = !name.is_empty() && !name.contains([':', '/', '@', '[', ']']) && !name.contains(char::is_whitespace);
    match is_name || name.starts_with('[') && name.ends_with(']') {
        true => Ok(name.to_owned()),
        false => Err("give a name alone, such as music.example.org, without scheme or port"),
    }
}

impl Address {
    /// The names that are accepted as `Host`; any of them where others are let in by address.
    fn accepted(&self, host: IpAddr) -> Option<Vec<String>> {
        let own = ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned);
        let is_guarded = host.is_loopback() || !self.public_hosts.is_empty();
        is_guarded.then(|| own.into_iter().chain(self.public_hosts.iter().cloned()).collect())
    }
}

/// Answers requests for a library until Ctrl-C, and says where on standard output.
///
/// # Errors
/// If the address is taken, or this computer has none like it.
pub fn serve(library: Library, address: &Address) -> Result<(), Box<dyn Error>> {
    let index = library.index();
    println!("{}, {}", console::count(index.len(), "track"), console::count(index.segments_len(), "moment"));
    let host = address.host.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    if !host.is_loopback() {
        eprintln!("warning: on {host}, everybody in the network can search and hear these tracks");
    }
    let shared = Arc::new(Shared::new(library, address.accepted(host)));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(answer(shared, SocketAddr::new(host, address.port)))?;
    // A search that still runs is not waited for.
    runtime.shutdown_background();
    Ok(())
}

async fn answer(shared: Arc<Shared>, address: SocketAddr) -> Result<(), Box<dyn Error>> {
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
    console::on_stop(move || {
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

// The hub's routes on a loopback port, with what may go wrong on the way.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::json;
use sha2::{Digest, Sha256};

pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// What the server has and does; changed while it runs.
#[derive(Default)]
pub struct Hub {
    /// Files of the model `org/clap`.
    pub files: BTreeMap<String, Vec<u8>>,
    /// How often the body of a file still ends early, and after how many bytes.
    pub cuts: usize,
    pub cut_after: usize,
    /// How many requests are still answered with 503.
    pub busy: usize,
    /// Whether bodies are changed behind the checksum's back.
    pub garbled: bool,
    /// Whether ranges are ignored, as some proxies do.
    pub without_ranges: bool,
    /// The token that is wanted.
    pub token: Option<String>,
    /// Method, path, and the first byte that was asked for.
    pub requests: Vec<(String, String, Option<usize>)>,
}

/// A running server; it goes on until the process ends.
pub struct Server {
    pub address: String,
    pub hub: Arc<Mutex<Hub>>,
}

impl Server {
    pub fn start(files: BTreeMap<String, Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let hub = Arc::new(Mutex::new(Hub { files, ..Hub::default() }));
        let (own, shared) = (address.clone(), Arc::clone(&hub));
        thread::spawn(move || {
            for stream in listener.incoming() {
                // A client that hangs up is no failure of the server.
                let _ = answer(stream.unwrap(), &own, &shared);
            }
        });
        Self { address, hub }
    }

    pub fn set(&self, change: impl FnOnce(&mut Hub)) {
        change(&mut self.hub.lock().unwrap());
    }

    /// How the bodies of a file were asked for: from which byte on.
    pub fn bodies(&self, file: &str) -> Vec<Option<usize>> {
        let hub = self.hub.lock().unwrap();
        let wanted =
            hub.requests.iter().filter(|(method, path, _)| method == "GET" && path == &format!("/blobs/{file}"));
        wanted.map(|(_, _, from)| *from).collect()
    }
}

/// As large files are named by the hub.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// As git names small ones, nearly.
fn etag(name: &str, bytes: &[u8]) -> String {
    let whole = sha256(bytes);
    if name.ends_with(".json") || name.ends_with(".txt") { whole[..40].to_owned() } else { whole }
}

fn answer(mut stream: TcpStream, own: &str, hub: &Mutex<Hub>) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    let mut headers = Vec::new();
    for line in lines {
        match line? {
            line if line.is_empty() => break,
            line => headers.push(line.to_lowercase()),
        }
    }
    let mut words = request.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let header = |name: &str| headers.iter().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let from = header("range:").and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
    let mut hub = hub.lock().unwrap();
    hub.requests.push((method.clone(), path.clone(), from));
    let mut send = |status: &str, headers: &str, body: &[u8]| {
        let length = if headers.contains("Content-Length") {
            String::new()
        } else {
            format!("Content-Length: {}\r\n", body.len())
        };
        write!(stream, "HTTP/1.1 {status}\r\n{headers}{length}Connection: close\r\n\r\n")?;
        if method == "GET" { stream.write_all(body) } else { Ok(()) }
    };
    if hub.busy > 0 {
        hub.busy -= 1;
        return send("503 Service Unavailable", "", b"");
    }
    let allowed = hub.token.as_ref().is_none_or(|token| header("authorization:") == Some(&format!("bearer {token}")));
    if let Some(name) = path.strip_prefix("/blobs/") {
        let Some(file) = hub.files.get(name) else { return send("404 Not Found", "", b"") };
        let mut body = file.clone();
        if hub.garbled {
            body[file.len() / 2] ^= 1;
        }
        let from = from.filter(|_| !hub.without_ranges);
        if from.is_some_and(|from| from >= body.len()) {
            return send("416 Range Not Satisfiable", "", b"");
        }
        let rest = &body[from.unwrap_or(0)..];
        let mut headers = format!("Content-Length: {}\r\n", rest.len());
        if let Some(from) = from {
            headers += &format!("Content-Range: bytes {from}-{}/{}\r\n", body.len() - 1, body.len());
        }
        let status = if from.is_some() { "206 Partial Content" } else { "200 OK" };
        let end = if hub.cuts > 0 { rest.len().min(hub.cut_after) } else { rest.len() };
        hub.cuts = hub.cuts.saturating_sub(1);
        return send(status, &headers, &rest[..end]);
    }
    if !allowed {
        return send("401 Unauthorized", "", b"");
    }
    if path == "/api/models/org/clap/revision/main" {
        let siblings: Vec<_> = hub.files.keys().map(|name| json!({ "rfilename": name })).collect();
        let info = json!({ "sha": COMMIT, "siblings": siblings, "id": "org/clap" });
        return send("200 OK", "", info.to_string().as_bytes());
    }
    let name = path.strip_prefix(&format!("/org/clap/resolve/{COMMIT}/"));
    let Some((name, file)) = name.and_then(|name| Some((name, hub.files.get(name)?))) else {
        return send("404 Not Found", "", b"");
    };
    let etag = etag(name, file);
    if etag.len() == 64 {
        // Large files lie with another server.
        let headers = format!(
            "X-Linked-Etag: \"{etag}\"\r\nX-Linked-Size: {}\r\nX-Repo-Commit: {COMMIT}\r\nLocation: {own}/blobs/{name}\r\n",
            file.len()
        );
        send("302 Found", &headers, b"elsewhere")
    } else {
        send("200 OK", &format!("ETag: \"{etag}\"\r\n"), file)
    }
}

//! Requests to the hub, tried again while what goes wrong may pass.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use muscall_files::FileError;
use ureq::config::RedirectAuthHeaders;
use ureq::http::Response;
use ureq::{Agent, Body};

use super::cache::{HubCache, home};
use super::error::HubError;

const ENDPOINT: &str = "https://huggingface.co";
/// How often in a row something that may pass may go wrong.
const TRIES: u32 = 5;
/// Before the second try; it doubles from one to the next.
const PAUSE: Duration = Duration::from_secs(1);
/// Without a byte.
const SILENCE: Duration = Duration::from_secs(60);
/// Redirections within the hub before a file is found.
const REDIRECTIONS: usize = 5;

/// The hub, or a mirror of it.
#[derive(Debug, Clone)]
pub struct Hub {
    pub(super) endpoint: String,
    token: Option<String>,
    pub(super) cache: HubCache,
    agent: Agent,
    pause: Duration,
}

/// Why one try failed.
pub(super) enum Failure {
    /// It may work next time.
    Passing(String),
    Lasting(HubError),
}

impl From<HubError> for Failure {
    fn from(error: HubError) -> Self {
        Self::Lasting(error)
    }
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        Self::Lasting(error.into())
    }
}

impl Hub {
    /// What the environment says: the server from `HF_ENDPOINT`, the token from `HF_TOKEN` or the file that
    /// `huggingface-cli login` writes, the cache as [`HubCache::from_env`], a proxy from `HTTPS_PROXY`.
    ///
    /// # Errors
    /// [`HubError::NoCache`] without a home.
    pub fn from_env() -> Result<Self, HubError> {
        let cache = HubCache::from_env().ok_or(HubError::NoCache)?;
        let text = |name: &str| env::var(name).ok().filter(|value| !value.trim().is_empty());
        let file = text("HF_TOKEN_PATH").map(PathBuf::from).or_else(|| {
            Some(home(|name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from))?.join("token"))
        });
        let token = text("HF_TOKEN").or_else(|| fs::read_to_string(file?).ok());
        Ok(Self::new(&text("HF_ENDPOINT").unwrap_or_else(|| ENDPOINT.to_owned()), cache).with_token(token))
    }

    /// A server, such as `https://huggingface.co`, and the cache that it fills.
    pub fn new(endpoint: &str, cache: HubCache) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            // A token is for the hub, not for the servers that it sends to.
            .redirect_auth_headers(RedirectAuthHeaders::SameHost)
            .timeout_connect(Some(SILENCE))
            .timeout_recv_response(Some(SILENCE))
            .timeout_per_read(Some(SILENCE))
            .user_agent(concat!("muscall/", env!("CARGO_PKG_VERSION")));
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        Self { endpoint, token: None, cache, agent: config.build().new_agent(), pause: PAUSE }
    }

    /// Replaces the token.
    #[must_use]
    pub fn with_token(mut self, token: Option<String>) -> Self {
        self.token = token.map(|token| token.trim().to_owned()).filter(|token| !token.is_empty());
        self
    }

    /// Replaces the pause before the second try, which doubles from one to the next.
    #[must_use]
    pub fn with_pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// The address of a file.
    pub(super) fn url(&self, name: &str, commit: &str, file: &str) -> String {
        format!("{}/{name}/resolve/{commit}/{file}", self.endpoint)
    }

    /// What the hub itself says of a file, before it sends to the server that has it.
    pub(super) fn head(&self, url: &str) -> Result<Response<Body>, Failure> {
        let mut at = url.to_owned();
        for _ in 0..REDIRECTIONS {
            let mut request = self.agent.head(&at).config().max_redirects(0).build();
            if let Some(token) = self.token.as_ref().filter(|_| origin(&at) == origin(&self.endpoint)) {
                request = request.header("Authorization", format!("Bearer {token}"));
            }
            let response = request.call().map_err(passing)?;
            let is_known = !response.status().is_redirection() || response.headers().contains_key("X-Linked-Etag");
            match response.headers().get("Location").and_then(|to| to.to_str().ok()).filter(|_| !is_known) {
                Some(to) if to.starts_with('/') => at = format!("{}{to}", origin(&at)),
                Some(to) => at = to.to_owned(),
                None => return Ok(response),
            }
        }
        let found = "one redirection after another".to_owned();
        Err(HubError::Answer { url: url.to_owned(), found, expected: "a file" }.into())
    }

    /// The body, from a byte on if that is said.
    pub(super) fn get(&self, url: &str, from: Option<u64>) -> Result<Response<Body>, Failure> {
        let mut request = self.agent.get(url);
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        if let Some(from) = from {
            request = request.header("Range", format!("bytes={from}-"));
        }
        request.call().map_err(passing)
    }

    /// Whether the server gives what was asked for.
    pub(super) fn check(&self, response: &Response<Body>, url: &str, name: &str) -> Result<(), Failure> {
        let (status, url) = (response.status().as_u16(), url.to_owned());
        match status {
            200..=399 => Ok(()),
            401 | 403 => Err(HubError::NeedsToken { url, name: name.to_owned(), status }.into()),
            408 | 429 | 500.. => Err(Failure::Passing(format!("the server answers {status}"))),
            _ => Err(HubError::Answer { url, found: format!("the status {status}"), expected: "a file" }.into()),
        }
    }

    /// A pause as before the second try.
    pub(super) fn rest(&self) {
        thread::sleep(self.pause);
    }

    /// Tries again, each time later, while what goes wrong may pass. `attempt` is over when it has a result.
    pub(super) fn patiently<T>(
        &self,
        url: &str,
        attempt: &mut dyn FnMut() -> Result<T, Failure>,
    ) -> Result<T, HubError> {
        let mut tries = 1;
        loop {
            match attempt() {
                Ok(result) => return Ok(result),
                Err(Failure::Lasting(error)) => return Err(error),
                Err(Failure::Passing(reason)) if tries == TRIES => {
                    return Err(HubError::Unreachable { url: url.to_owned(), reason, tries });
                }
                Err(Failure::Passing(_)) => thread::sleep(self.pause * (1 << (tries - 1))),
            }
            tries += 1;
        }
    }
}

/// Scheme and host.
fn origin(endpoint: &str) -> &str {
    let host = endpoint.find("://").map_or(0, |at| at + 3);
    let end = endpoint[host..].find('/').map_or(endpoint.len(), |at| host + at);
    &endpoint[..end]
}

fn passing(error: ureq::Error) -> Failure {
    Failure::Passing(error.to_string())
}

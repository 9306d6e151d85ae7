//! Which commit of a model is the newest, and what it has.

use serde::Deserialize;

use super::cache::{MAIN, is_hub_name, is_plain};
use super::client::{Failure, Hub};
use super::download::Revision;
use super::error::HubError;

impl Hub {
    /// The newest commit of a model, and its files.
    ///
    /// # Errors
    /// [`HubError::NoModel`], [`HubError::NeedsToken`], [`HubError::Unreachable`], or [`HubError::Answer`] if the server
    /// is not a hub.
    pub fn newest(&self, name: &str) -> Result<Revision<'_>, HubError> {
        #[derive(Deserialize)]
        struct Info {
            sha: String,
            siblings: Vec<Sibling>,
        }
        #[derive(Deserialize)]
        struct Sibling {
            rfilename: String,
        }
        let url = format!("{}/api/models/{name}/revision/{MAIN}", self.endpoint);
        if !is_hub_name(name) {
            return Err(HubError::NoModel { url, name: name.to_owned() });
        }
        let text = self.patiently(&url, &mut || {
            let mut response = self.get(&url, None)?;
            if response.status() == 404 {
                return Err(HubError::NoModel { url: url.clone(), name: name.to_owned() }.into());
            }
            self.check(&response, &url, name)?;
            response.body_mut().read_to_string().map_err(|error| Failure::Passing(error.to_string()))
        })?;
        let answer = |found: String| HubError::Answer { url: url.clone(), found, expected: "a commit and its files" };
        let info: Info = serde_json::from_str(&text).map_err(|error| answer(error.to_string()))?;
        if !is_plain(&info.sha) {
            return Err(answer(format!("the commit `{}`", info.sha)));
        }
        let files = info.siblings.into_iter().map(|sibling| sibling.rfilename).collect();
        Ok(Revision::new(self, name, info.sha, files))
    }
}

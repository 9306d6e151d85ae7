//! Files of a model into the cache: whole, checked, and gone on with where they broke off.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use muscall_files::{FileError, replace_bytes, sync_folder};
use sha2::{Digest, Sha256};
use ureq::Body;
use ureq::http::Response;

use super::Progress;
use super::cache::{MAIN, is_plain};
use super::client::{Failure, Hub};
use super::error::HubError;

const BUFFER: usize = 1 << 18;

/// One commit of a model.
#[derive(Debug)]
pub struct Revision<'a> {
    hub: &'a Hub,
    name: String,
    commit: String,
    files: Vec<String>,
}

/// What the hub says of a file.
struct Described {
    /// The name of its blob: the SHA-256 of a large file.
    etag: String,
    size: u64,
}

impl<'a> Revision<'a> {
    pub(super) fn new(hub: &'a Hub, name: &str, commit: String, files: Vec<String>) -> Self {
        Self { hub, name: name.to_owned(), commit, files }
    }

    /// Whether the model has this file.
    pub fn has(&self, file: &str) -> bool {
        self.files.iter().any(|own| own == file)
    }

    /// The error of a file that the model lacks.
    pub fn lacks(&self, file: &str, expected: &'static str) -> HubError {
        let url = self.hub.url(&self.name, &self.commit, file);
        HubError::NoFile { url, name: self.name.clone(), file: file.to_owned(), expected }
    }

    /// The path of a file in the cache, into which it is downloaded if it is not there. What an earlier try left is gone
    /// on with.
    ///
    /// # Errors
    /// [`HubError`]; a file whose checksum is wrong is removed, what is merely incomplete stays for the next try.
    pub fn fetch(&self, file: &str, progress: &mut dyn FnMut(Progress<'_>)) -> Result<PathBuf, HubError> {
        if !file.split('/').all(is_plain) {
            return Err(self.lacks(file, "a name that stays in the model's folder"));
        }
        let model = self.hub.cache.model(&self.name);
        let path = model.join("snapshots").join(&self.commit).join(file);
        if path.exists() {
            return Ok(path);
        }
        let url = self.hub.url(&self.name, &self.commit, file);
        let described = self.hub.patiently(&url, &mut || self.describe(&url, file))?;
        let blobs = model.join("blobs");
        fs::create_dir_all(&blobs).map_err(FileError::writing(&blobs))?;
        let blob = blobs.join(&described.etag);
        if !blob.exists() {
            self.download(&url, file, &described, &blob, progress)?;
        }
        link(&blob, &path, file.split('/').count() + 1)?;
        Ok(path)
    }

    /// Makes this commit the one that the cache has of the model, when all files are there: the folder with them.
    ///
    /// # Errors
    /// [`HubError::Io`] with the file.
    pub fn keep(self) -> Result<PathBuf, HubError> {
        let model = self.hub.cache.model(&self.name);
        let refs = model.join("refs");
        fs::create_dir_all(&refs).map_err(FileError::writing(&refs))?;
        replace_bytes(&refs.join(MAIN), &self.commit)?;
        Ok(model.join("snapshots").join(self.commit))
    }

    fn describe(&self, url: &str, file: &str) -> Result<Described, Failure> {
        let response = self.hub.head(url)?;
        if response.status() == 404 {
            return Err(self.lacks(file, "a file that the model lists").into());
        }
        self.hub.check(&response, url, &self.name)?;
        let header = |names: [&str; 2]| names.iter().find_map(|name| response.headers().get(*name)?.to_str().ok());
        let etag = header(["X-Linked-Etag", "ETag"]).unwrap_or_default();
        let etag = etag.trim_start_matches("W/").trim_matches('"');
        let size = header(["X-Linked-Size", "Content-Length"]).and_then(|size| size.parse().ok());
        match size {
            Some(size) if is_plain(etag) => Ok(Described { etag: etag.to_owned(), size }),
            _ => {
                let found = format!("the ETag `{etag}` and no size, or no name of a file");
                Err(HubError::Answer { url: url.to_owned(), found, expected: "the ETag and the size of a file" }.into())
            }
        }
    }

    fn download(
        &self,
        url: &str,
        file: &str,
        described: &Described,
        blob: &Path,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<(), HubError> {
        // The name that the hub's own programs give it.
        let part = blob.with_file_name(format!("{}.incomplete", described.etag));
        let io = FileError::writing(&part);
        let mut open = OpenOptions::new();
        let mut out = open.read(true).write(true).create(true).truncate(false).open(&part).map_err(io)?;
        // Another program may be at it; when it has finished, the blob is there.
        out.lock().map_err(io)?;
        if blob.exists() {
            return Ok(());
        }
        self.hub.patiently(url, &mut || loop {
            let before = out.metadata().map_err(io)?.len();
            match self.go_on(url, file, described.size, (&mut out, &part), progress) {
                // A line that breaks again and again but gives something each time is good enough.
                Err(Failure::Passing(_)) if out.metadata().map_err(io)?.len() > before => self.hub.rest(),
                result => return result,
            }
        })?;
        out.sync_all().map_err(io)?;
        if let Some(expected) = sha256(&described.etag) {
            let found = hash(&mut out).map_err(FileError::reading(&part))?;
            if found != expected {
                fs::remove_file(&part).map_err(io)?;
                return Err(HubError::Checksum {
                    url: url.to_owned(),
                    path: part,
                    found,
                    expected: expected.to_owned(),
                });
            }
        }
        fs::rename(&part, blob).map_err(FileError::writing(blob))?;
        Ok(sync_folder(blob.parent().unwrap_or(blob)).map_err(FileError::writing(blob))?)
    }

    /// The rest of a file behind what is there.
    fn go_on(
        &self,
        url: &str,
        file: &str,
        size: u64,
        (out, part): (&mut File, &Path),
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<(), Failure> {
        let io = FileError::writing(part);
        let mut done = out.metadata().map_err(io)?.len();
        if done > size {
            done = 0;
        }
        progress(Progress { file, done, size });
        if done == size && size > 0 {
            return Ok(());
        }
        let mut response = self.hub.get(url, (done > 0).then_some(done))?;
        if response.status() == 404 {
            return Err(self.lacks(file, "a file that the model lists").into());
        }
        if response.status() != 416 {
            self.hub.check(&response, url, &self.name)?;
        }
        if !goes_on(&response, done) {
            done = 0;
        }
        out.set_len(done).and_then(|()| out.seek(SeekFrom::Start(done))).map_err(io)?;
        if response.status() == 416 {
            return Err(Failure::Passing("the server has no such part of the file".to_owned()));
        }
        let mut body = response.body_mut().as_reader();
        let mut buffer = vec![0; BUFFER];
        while done < size {
            let most = usize::try_from(size - done).unwrap_or(BUFFER).min(BUFFER);
            let count = body.read(&mut buffer[..most]).map_err(|error| Failure::Passing(error.to_string()))?;
            if count == 0 {
                return Err(Failure::Passing(format!("the connection ended after {done} of {size} bytes")));
            }
            out.write_all(&buffer[..count]).map_err(io)?;
            done += count as u64;
            progress(Progress { file, done, size });
        }
        Ok(())
    }
}

/// Whether a body starts at this byte, and not at the first.
fn goes_on(response: &Response<Body>, from: u64) -> bool {
    let range = response.headers().get("Content-Range").and_then(|range| range.to_str().ok());
    let start = range.and_then(|range| range.strip_prefix("bytes ")?.split_once('-')?.0.trim().parse::<u64>().ok());
    response.status() == 206 && start == Some(from)
}

/// The SHA-256 that an ETag is, if it is one: small files have another hash.
fn sha256(etag: &str) -> Option<&str> {
    (etag.len() == 64 && etag.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(etag)
}

fn hash(file: &mut File) -> std::io::Result<String> {
    file.seek(SeekFrom::Start(0))?;
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; BUFFER]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            count => hash.update(&buffer[..count]),
        }
    }
}

/// Makes `path`, which is so many folders below the model's, lead to a blob.
fn link(blob: &Path, path: &Path, depth: usize) -> Result<(), HubError> {
    let io = FileError::writing(path);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(io)?;
    }
    // One that leads nowhere.
    if path.symlink_metadata().is_ok() {
        fs::remove_file(path).map_err(io)?;
    }
    #[cfg(unix)]
    {
        let up: PathBuf = std::iter::repeat_n("..", depth).collect();
        let to = up.join("blobs").join(blob.file_name().unwrap_or_default());
        std::os::unix::fs::symlink(to, path).map_err(io)?;
    }
    #[cfg(not(unix))]
    {
        let _ = depth;
        fs::hard_link(blob, path).or_else(|_| fs::copy(blob, path).map(drop)).map_err(io)?;
    }
    Ok(())
}

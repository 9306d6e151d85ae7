//! The index that is kept for a folder of music.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use directories::ProjectDirs;
use muscall::Muscall;
use muscall::indexing::{Indexer, Scope};
use xxhash_rust::xxh3::xxh3_128;

use muscall_cli::console::IndexConsole;
use muscall_cli::{Source, open_index};

/// Where the index of this music is, brought up to date. It lies in the folder `index/` of the bundle, or of the user's
/// data directory for the model in the box.
pub fn kept_index(model: &Muscall, bundle: Option<&Path>, music: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let source = Source::read(music)?;
    let path = place(bundle, music)?;
    let mut writer = open_index(&path, model)?;
    let mut console = IndexConsole::new()?;
    let scope = match source.scope {
        // The index is of this manifest alone: what is not in it any more is gone.
        Scope::Items => Scope::All.but(&source.unreadable),
        folder => folder,
    };
    Indexer::default().run(model, &mut writer, source.items, &scope, |event| console.listen(&event))?;
    console.finish();
    source.unreadable.iter().for_each(|file| eprintln!("left out: {}: {}", file.path, file.reason));
    Ok(path)
}

fn place(bundle: Option<&Path>, music: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let music = fs::canonicalize(music).map_err(|error| format!("{}: {error}", music.display()))?;
    let folder = match bundle {
        Some(bundle) => bundle.join("index"),
        None => {
            let places = ProjectDirs::from("", "", "muscall").ok_or("this user has no home folder: give --bundle")?;
            places.data_dir().join("index")
        }
    };
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    // Paths may be longer than names of files.
    let name: String = music.file_name().unwrap_or_default().to_string_lossy().chars().take(40).collect();
    let path = xxh3_128(music.as_os_str().as_encoded_bytes());
    Ok(folder.join(format!("{name}-{path:032x}.index")))
}

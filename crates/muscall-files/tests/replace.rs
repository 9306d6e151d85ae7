//! Files that are replaced: whole, under no name of a user's, and with nothing left beside them.

#![allow(clippy::unwrap_used, missing_docs)]

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::time::{Duration, SystemTime};

use muscall_files::{Access, FileError, replace, replace_bytes, write};

fn names(folder: &Path) -> Vec<OsString> {
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names
}

fn folder_with(name: &str, content: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    (folder, path)
}

#[test]
fn a_writer_that_fails_or_panics_leaves_the_old_file_and_nothing_else() {
    let (folder, path) = folder_with("table.csv", "old");
    let failing = |new: &Path| -> Result<(), FileError> {
        fs::write(new, "half of").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        Err(FileError::reading(Path::new("source.csv"))(std::io::ErrorKind::UnexpectedEof.into()))
    };
    let error = replace(&path, failing).unwrap_err();
    assert_eq!((error.path.as_path(), error.access), (Path::new("source.csv"), Access::Read));
    let panicking = || replace(&path, |_| -> Result<(), FileError> { panic!("as a test does") });
    std::panic::catch_unwind(panicking).unwrap_err();
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    assert_eq!(names(folder.path()), ["table.csv"]);
    replace(&path, |new| fs::write(new, "new").map_err(FileError::writing(&path))).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    assert_eq!(names(folder.path()), ["table.csv"]);
}

#[test]
fn what_dead_programs_left_is_removed_when_it_is_old_and_nothing_else_is() {
    let (folder, path) = folder_with("table.csv", "old");
    let leave = |name: &str, hours: u64| {
        let path = folder.path().join(name);
        let file = File::create_new(&path).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(3600 * hours)).unwrap();
    };
    leave(".muscall-new-7-1", 2);
    leave(".muscall-new-7-2", 0);
    leave("weights.new", 100);
    leave(".muscall-new-notes.txt", 100);
    fs::create_dir(folder.path().join(".muscall-new-7-3")).unwrap();
    replace_bytes(&path, "new").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    let expected = [".muscall-new-7-2", ".muscall-new-7-3", ".muscall-new-notes.txt", "table.csv", "weights.new"];
    assert_eq!(names(folder.path()), expected);
}

#[test]
fn of_writers_at_once_each_succeeds_and_one_is_read_as_a_whole() {
    let (folder, path) = folder_with("weights.bin", "");
    let contents: Vec<Vec<u8>> = (0..4_u8).map(|writer| vec![writer; 100_000 + 1000 * usize::from(writer)]).collect();
    let (start, path, all) = (&Barrier::new(contents.len()), &path, &contents);
    std::thread::scope(|scope| {
        for content in &contents {
            scope.spawn(move || {
                start.wait();
                for _ in 0..10 {
                    replace_bytes(path, content).unwrap();
                    let found = fs::read(path).unwrap();
                    assert!(all.contains(&found), "{} bytes", found.len());
                }
            });
        }
    });
    assert_eq!(names(folder.path()), ["weights.bin"]);
}

#[test]
fn a_file_that_is_open_keeps_its_content() {
    use std::io::Read;
    let (_folder, path) = folder_with("music.index", "a long old content");
    let mut open = File::open(&path).unwrap();
    replace_bytes(&path, "new").unwrap();
    let mut found = String::new();
    open.read_to_string(&mut found).unwrap();
    assert_eq!(found, "a long old content");
}

#[test]
fn errors_name_the_file_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("none/table.csv");
    let taken = folder.path().join("taken");
    fs::create_dir(&taken).unwrap();
    for path in [&nowhere, &taken] {
        for error in [replace_bytes(path, "").unwrap_err(), write(path, "").unwrap_err()] {
            let text = error.to_string();
            assert!(text.starts_with(&format!("{}: cannot be written: ", path.display())), "{text}");
            assert!(text.ends_with("; check the path, its permissions and the space on the disk"), "{text}");
        }
    }
    assert!(replace_bytes(Path::new(".."), "").is_err());
    assert_eq!(names(folder.path()), ["taken"]);
}

#[test]
fn a_bare_name_is_of_the_current_folder() {
    let name = Path::new("muscall-files-bare-name.txt");
    replace_bytes(name, "here").unwrap();
    let found = fs::read_to_string(std::env::current_dir().unwrap().join(name));
    fs::remove_file(name).unwrap();
    assert_eq!(found.unwrap(), "here");
}

#[test]
fn the_longest_name_that_a_folder_takes_is_taken() {
    let (folder, path) = folder_with(&"n".repeat(255), "old");
    replace_bytes(&path, "new").unwrap();
    assert_eq!((fs::read_to_string(&path).unwrap(), names(folder.path()).len()), ("new".to_owned(), 1));
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};

    use super::*;

    #[test]
    fn permissions_are_those_of_any_file_that_is_made() {
        let (folder, path) = folder_with("private", "old");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        replace_bytes(&path, "new").unwrap();
        write(&folder.path().join("written"), "new").unwrap();
        fs::write(folder.path().join("ordinary"), "").unwrap();
        let mode = |name: &str| fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!([mode("private"), mode("written")], [mode("ordinary"); 2]);
    }

    #[test]
    fn a_link_is_replaced_or_followed() {
        let (folder, path) = folder_with("real.txt", "old");
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("links")).unwrap();
        symlink("../real.txt", at("links/first")).unwrap();
        symlink("first", at("links/second")).unwrap();
        symlink("../unborn.txt", at("links/dangling")).unwrap();
        let is_link = |name: &str| fs::symlink_metadata(at(name)).unwrap().is_symlink();
        write(&at("links/second"), "followed").unwrap();
        write(&at("links/dangling"), "born").unwrap();
        assert!(is_link("links/first") && is_link("links/second") && is_link("links/dangling"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "followed");
        assert_eq!(fs::read_to_string(at("unborn.txt")).unwrap(), "born");
        replace_bytes(&at("links/second"), "replaced").unwrap();
        assert!(is_link("links/first") && !is_link("links/second"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "followed");
        assert_eq!(fs::read_to_string(at("links/second")).unwrap(), "replaced");
        symlink("circle", at("links/circle")).unwrap();
        assert!(write(&at("links/circle"), "").unwrap_err().to_string().contains("circle"));
    }

    #[test]
    fn a_device_is_written_to_and_stays() {
        let (before, _) = (fs::metadata("/dev/null").unwrap(), write(Path::new("/dev/null"), "gone").unwrap());
        let after = fs::metadata("/dev/null").unwrap();
        assert!(after.file_type().is_char_device());
        assert_eq!(before.ino(), after.ino());
    }
}

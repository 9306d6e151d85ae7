//! Which shards a path stands for.

use std::path::{Path, PathBuf};

use super::address::{is_foreign, is_in_bucket};
use super::archives::Archives;
use super::tar_name::{is_shard, is_tar};
use crate::DataError;

/// More shards than anybody has.
const MOST: usize = 100_000;
/// Between several patterns, as WebDataset has it.
const AND: &str = "::";

/// The shards that a path names: `music.tar`, `music-{000..127}.tar`, `{a,b}/music.tar`, or several of these with `::` between
/// them; any of them may be an address in a bucket, and all below such an address are found in `archives`. None if it names
/// something else.
///
/// # Errors
/// [`DataError::Shards`] for a pattern that is none, [`DataError::Address`] for an address that is not read, and if a bucket
/// cannot be listed or has no shards there.
pub(crate) fn named(path: &Path, archives: &Archives) -> Result<Option<Vec<PathBuf>>, DataError> {
    if is_foreign(path) {
        return Err(DataError::Address { path: path.to_owned() });
    }
    if is_in_bucket(path) && is_folder(path) {
        let shards = archives.below(path)?;
        return if shards.is_empty() { Err(DataError::NoShards { path: path.to_owned() }) } else { Ok(Some(shards)) };
    }
    let Some(text) = path.to_str().filter(|text| is_tar(text) && !path.is_dir()) else { return Ok(None) };
    if path.exists() {
        return Ok(Some(vec![path.to_owned()]));
    }
    let mut shards = Vec::new();
    for pattern in text.split(AND) {
        let wrong = |found: String| DataError::Shards { path: path.to_owned(), found };
        if !is_tar(pattern) {
            return Err(wrong(format!("`{pattern}`, which is no .tar")));
        }
        if is_foreign(Path::new(pattern)) {
            return Err(DataError::Address { path: pattern.into() });
        }
        let room = MOST - shards.len();
        shards.extend(expand(pattern, room).map_err(wrong)?.into_iter().map(PathBuf::from));
    }
    Ok(Some(shards))
}

/// Whether shards are looked for in what a path names, rather than named by it: a folder, or an address of no tar file.
pub(crate) fn is_folder(path: &Path) -> bool {
    match path.to_str().filter(|_| is_in_bucket(path)) {
        Some(address) => address.ends_with('/') || !is_tar(address),
        None => path.is_dir(),
    }
}

/// The shards of a folder, by name: those in it, or in its folders.
pub(crate) fn in_folder(folder: &Path) -> Vec<PathBuf> {
    let entries = |folder: &Path| -> Vec<PathBuf> {
        let entries = folder.read_dir().into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        paths.sort_unstable();
        paths
    };
    let own = entries(folder);
    let inner = own.iter().filter(|path| path.is_dir()).flat_map(|inner| entries(inner));
    own.iter().cloned().chain(inner).filter(|path| is_shard(path) && path.is_file()).collect()
}

/// A pattern without its braces, or what is wrong with it.
fn expand(pattern: &str, room: usize) -> Result<Vec<String>, String> {
    let Some((before, rest)) = pattern.split_once('{') else {
        return if room > 0 { Ok(vec![pattern.to_owned()]) } else { Err(format!("more than {MOST} shards")) };
    };
    let (inside, behind) =
        rest.split_once('}').ok_or_else(|| format!("`{pattern}`, in which a brace is not closed"))?;
    let choices = match inside.split_once("..") {
        Some((first, last)) => {
            range(first, last).ok_or_else(|| format!("`{{{inside}}}`, which is no range of numbers"))?
        }
        None => inside.split(',').map(str::to_owned).collect(),
    };
    let ends = expand(behind, room)?;
    if choices.len().checked_mul(ends.len()).is_none_or(|count| count > room) {
        return Err(format!("more than {MOST} shards"));
    }
    Ok(choices.iter().flat_map(|choice| ends.iter().map(move |end| format!("{before}{choice}{end}"))).collect())
}

/// Numbers from the first to the last, as long as these are written if one of them begins with a zero.
fn range(first: &str, last: &str) -> Option<Vec<String>> {
    let (from, to) = (first.parse::<u64>().ok()?, last.parse::<u64>().ok()?);
    let is_padded = [first, last].iter().any(|number| number.len() > 1 && number.starts_with('0'));
    let width = if is_padded { first.len().max(last.len()) } else { 0 };
    if from > to || to - from >= MOST as u64 {
        return None;
    }
    Some((from..=to).map(|number| format!("{number:0width$}")).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn names(pattern: &str) -> Vec<String> {
        let shards = named(Path::new(pattern), &Archives::default()).unwrap().unwrap();
        shards.iter().map(|path| path.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn braces_stand_for_numbers_and_names() {
        assert_eq!(names("a/m-{08..11}.tar"), ["a/m-08.tar", "a/m-09.tar", "a/m-10.tar", "a/m-11.tar"]);
        assert_eq!(names("m{9..11}.tar"), ["m9.tar", "m10.tar", "m11.tar"]);
        assert_eq!(names("{x,y}/{0..1}.tar"), ["x/0.tar", "x/1.tar", "y/0.tar", "y/1.tar"]);
        assert_eq!(names("a.tar::b{1,22}.tar"), ["a.tar", "b1.tar", "b22.tar"]);
        assert_eq!(
            names("s3://music/m-{8..9}.tar::s3://more/x.tar"),
            ["s3://music/m-8.tar", "s3://music/m-9.tar", "s3://more/x.tar"]
        );
        assert_eq!(named(Path::new("music.jsonl"), &Archives::default()).unwrap(), None);
    }

    #[test]
    fn what_is_no_pattern_is_told() {
        for (pattern, word) in [
            ("m{0..4.tar", "not closed"),
            ("m{b..a}.tar", "no range"),
            ("m{4..1}.tar", "no range"),
            ("m{0..99999999999}.tar", "no range"),
            ("{0..999}{0..999}.tar", "more than 100000"),
            ("a.zip::b.tar", "`a.zip`"),
            ("https://example.org/m-{0..4}.tar", "s3://"),
            ("pipe:aws s3 cp s3://music/m.tar -", "s3://"),
        ] {
            let error = named(Path::new(pattern), &Archives::default()).unwrap_err().to_string();
            assert!(error.contains(word) && error.starts_with(pattern), "{pattern}: {error}");
        }
    }

    #[test]
    fn a_folder_has_its_shards_and_those_of_its_folders() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("train")).unwrap();
        for name in ["b.tar", "a.TAR", "train/0.tar", ".hidden.tar", "notes.txt"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        let found = in_folder(dir.path());
        let found: Vec<_> = found.iter().map(|path| path.strip_prefix(dir.path()).unwrap().to_str().unwrap()).collect();
        assert_eq!(found, ["a.TAR", "b.tar", "train/0.tar"]);
    }
}

//! What may be meant by a path at which there is nothing.

use std::fs;
use std::path::Path;

use unicode_normalization::UnicodeNormalization;

/// Names of a folder that are compared at most.
const NAMES: usize = 2000;

/// A remedy for a path at which there is nothing, if one suggests itself.
pub(crate) fn remedy(path: &Path) -> Option<String> {
    let text = path.to_str()?;
    let bytes = text.rsplit('/').next()?.as_bytes();
    let is_of_a_drive = matches!(bytes, [letter, b':', b'\\' | b'/', ..] if letter.is_ascii_alphabetic());
    if cfg!(not(windows)) && is_of_a_drive {
        return Some("it is a path of Windows: write that of this machine".to_owned());
    }
    if cfg!(not(windows)) && text.contains('\\') {
        return Some("folders are separated by / here, not by \\".to_owned());
    }
    let name = path.file_name()?.to_str()?;
    let form = |name: &str| name.nfc().collect::<String>();
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    let names = fs::read_dir(folder).ok()?.flatten().take(NAMES);
    let names: Vec<String> = names.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    if names.iter().any(|other| other == name) {
        return Some("it is a link to something that is not there".to_owned());
    }
    let is_same = |other: &&String| !(other.is_ascii() && name.is_ascii()) && form(other) == form(name);
    if names.iter().any(|other| is_same(&other)) {
        let remedy = "a file beside it has that name with its accents written another way (NFC and NFD of Unicode): rename \
                      it, or copy its name from the folder";
        return Some(remedy.to_owned());
    }
    let lower = name.to_lowercase();
    let alike = names.iter().find(|other| other.to_lowercase() == lower)?;
    Some(format!("there is `{alike}`, with other capitals"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_nearly_right_are_told() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("Fu\u{308}r Elise.mp3"), "").unwrap();
        let told = |name: &str| remedy(&dir.path().join(name)).unwrap_or_default();
        assert!(told("F\u{fc}r Elise.mp3").contains("NFC"));
        assert!(told("fu\u{308}r elise.MP3").contains("`Fu\u{308}r Elise.mp3`"));
        assert_eq!(told("other.mp3"), "");
        assert_eq!(told("none/other.mp3"), "");
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("nowhere", dir.path().join("link.mp3")).unwrap();
            assert!(told("link.mp3").contains("a link to something"));
        }
        #[cfg(not(windows))]
        {
            assert!(told("music\\a.mp3").contains("separated by /"));
            assert!(told("C:\\music\\a.mp3").contains("of Windows"));
            assert!(remedy(Path::new("d:\\a.mp3")).unwrap().contains("of Windows"));
        }
    }
}

//! What the name of a file says about it.

use std::path::Path;

/// Extensions of files that are read, in lower case.
const AUDIO: [&str; 24] = [
    "mp3", "mpga", "flac", "fla", "ogg", "oga", "opus", "webm", "mka", "wav", "wave", "aif", "aiff", "aifc", "au",
    "snd", "caf", "w64", "m4a", "m4b", "m4r", "mp4", "aac", "npy",
];
/// Extensions of music in formats that are not read, and their names.
const FOREIGN: [(&str, &str); 35] = [
    ("aa", "Audible"),
    ("aax", "Audible"),
    ("ac3", "Dolby Digital"),
    ("amr", "AMR"),
    ("ape", "Monkey's Audio"),
    ("asf", "Windows Media"),
    ("dff", "DSD"),
    ("dsf", "DSD"),
    ("dts", "DTS"),
    ("eac3", "Dolby Digital Plus"),
    ("gsm", "GSM"),
    ("it", "Impulse Tracker"),
    ("kar", MIDI),
    ("m4p", "protected AAC"),
    ("mid", MIDI),
    ("midi", MIDI),
    ("mlp", "Meridian Lossless Packing"),
    ("mod", "a tracker's module"),
    ("mp2", "MPEG layer 2"),
    ("mpc", "Musepack"),
    ("ofr", "OptimFROG"),
    ("ofs", "OptimFROG"),
    ("ra", "RealAudio"),
    ("rm", "RealMedia"),
    ("rmi", MIDI),
    ("s3m", "Scream Tracker"),
    ("shn", "Shorten"),
    ("spx", "Speex"),
    ("tak", "TAK"),
    ("thd", "Dolby TrueHD"),
    ("tta", "True Audio"),
    ("voc", "Creative Voice"),
    ("wma", "Windows Media Audio"),
    ("wv", "WavPack"),
    ("xm", "FastTracker"),
];
const MIDI: &str = "MIDI (notes without sound)";

/// Extensions of what is commonly beside music and is none; these files are not opened.
const OTHER: [&str; 93] = [
    "7z",
    "accurip",
    "apk",
    "ass",
    "avi",
    "avif",
    "bak",
    "bat",
    "bin",
    "bmp",
    "bz2",
    "c",
    "cfg",
    "conf",
    "cpp",
    "crdownload",
    "css",
    "csv",
    "db",
    "dll",
    "dmg",
    "doc",
    "docx",
    "eps",
    "epub",
    "exe",
    "ffp",
    "flv",
    "gif",
    "gz",
    "h",
    "heic",
    "htm",
    "html",
    "ico",
    "ini",
    "iso",
    "jar",
    "jpeg",
    "jpg",
    "js",
    "json",
    "jsonl",
    "lnk",
    "log",
    "lrc",
    "lua",
    "m3u",
    "m3u8",
    "md",
    "md5",
    "mpeg",
    "mpg",
    "nfo",
    "odt",
    "part",
    "pdf",
    "php",
    "pls",
    "png",
    "ppt",
    "pptx",
    "ps1",
    "psd",
    "py",
    "rar",
    "rs",
    "rtf",
    "sfv",
    "sh",
    "so",
    "sqlite",
    "srt",
    "svg",
    "tar",
    "tif",
    "tiff",
    "tmp",
    "toml",
    "torrent",
    "ts",
    "tsv",
    "txt",
    "url",
    "vtt",
    "webp",
    "wmv",
    "wpl",
    "xls",
    "xlsx",
    "xml",
    "yaml",
    "zip",
];

/// What the extension of a file promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    /// Audio in a format that is read.
    Audio,
    /// Music in a format that is not read, and its name.
    Foreign(&'static str),
    /// No music.
    Other,
    /// Nothing.
    Unknown,
}

impl Named {
    pub(super) fn of(path: &Path) -> Self {
        let extension = path.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase);
        let Some(extension) = extension.as_deref() else { return Self::Unknown };
        if AUDIO.contains(&extension) {
            Self::Audio
        } else if let Ok(place) = FOREIGN.binary_search_by_key(&extension, |(known, _)| known) {
            Self::Foreign(FOREIGN[place].1)
        } else if OTHER.binary_search(&extension).is_ok() {
            Self::Other
        } else {
            Self::Unknown
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sorted_and_do_not_overlap() {
        assert!(FOREIGN.is_sorted_by(|(a, _), (b, _)| a < b) && OTHER.is_sorted_by(|a, b| a < b));
        let foreign = FOREIGN.map(|(extension, _)| extension);
        assert!(AUDIO.iter().chain(&foreign).all(|extension| !OTHER.contains(extension)));
        assert!(AUDIO.iter().all(|extension| !foreign.contains(extension)));
    }

    #[test]
    fn case_does_not_matter() {
        let named = |name: &str| Named::of(Path::new(name));
        assert_eq!([named("a.MP3"), named("b.x.Flac"), named("c.JPG")], [Named::Audio, Named::Audio, Named::Other]);
        assert_eq!(named("a.WMA"), Named::Foreign("Windows Media Audio"));
        assert_eq!([named("a.mov"), named("mp3"), named(".flac")], [Named::Unknown; 3]);
    }
}

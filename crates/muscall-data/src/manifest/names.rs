//! What the columns of manifests are called.

/// The audio file, in the order of preference.
pub(crate) const AUDIO: [&str; 10] = [
    "audio",
    "audio_path",
    "file",
    "file_name",
    "path",
    "filepath",
    "file_path",
    "filename",
    "audio_filepath",
    "audio_file",
];
/// The id.
pub(super) const ID: [&str; 2] = ["id", "audio_id"];
/// The captions: all of the first two, or else the first of the others that is there. Tables of open_clip call them
/// `title`, which is that of the music in other tables.
pub(super) const CAPTION: [&str; 2] = ["captions", "caption"];
pub(super) const OTHER_CAPTION: [&str; 3] = ["text", "description", "prompt"];
const OPEN_CLIP: (&str, &str) = ("filepath", "title");

/// Whether a column is one of several captions, `caption_1` and so on. Data sets also have `caption_id`,
/// `caption_source` and the like.
pub(super) fn is_numbered_caption(name: &str) -> bool {
    name.strip_prefix("caption_").is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

/// The caption's name among these, where none is that of a caption.
pub(super) fn other_caption<'a>(names: impl Fn(&str) -> bool + 'a) -> Option<&'static str> {
    let (file, title) = OPEN_CLIP;
    let open_clip = (names(file) && names(title)).then_some(title);
    OTHER_CAPTION.into_iter().find(|name| names(name)).or(open_clip)
}

//! Public data sets whose columns have names of their own, or say something else than they do elsewhere.
//!
//! Each rule is bound to several columns that together only that data set has. `docs/DATASETS.md` says where they were
//! looked up.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::columns::Columns;
use super::names;

/// Captions of LP-MusicCaps. Its authors advise against `caption_attribute_prediction`.
const LP_MUSIC_CAPS: [&str; 4] = ["caption_ground_truth", "caption_writing", "caption_summary", "caption_paraphrase"];
/// MusicBench calls audio and caption so.
const MUSIC_BENCH: (&str, &str) = ("location", "main_caption");
/// What WavCaps has for the audio in each row.
const WAV_CAPS_AUDIO: &str = "wav_path";
/// Columns of Song Describer.
const SONG_DESCRIBER: [&str; 4] = ["caption_id", "track_id", "is_valid_subset", "duration"];
/// Where copies of Song Describer keep their files: its own two recipes for unpacking them differ.
const SONG_DESCRIBER_FOLDERS: [&str; 3] = ["audio", "audio/audio", ""];
/// Captions of Clotho lie beside the folders with the audio.
const CLOTHO: (&str, &str) = ("clotho_captions_", ".csv");

/// Columns that tell a data set that cannot be read as it is, and what helps.
const REMEDIES: [(&[&str], &str); 10] = [
    (
        &["fname", "ytid", "caption_writing"],
        "this is LP-MusicCaps-MC, which names clips of YouTube and no files: write the file of each clip in a column `audio`, and \
         take out `start_s` and `end_s` if the files are the clips",
    ),
    (
        &["ytid", "caption", "aspect_list"],
        "this is MusicCaps, which names recordings of YouTube and no files: `muscall benchmark --name musiccaps` reads a folder with \
         the table and files called by `ytid`; elsewhere write the file of each row in a column `audio`, and take out `start_s` and \
         `end_s` if the files are cut clips",
    ),
    (
        &["audiocap_id", "youtube_id"],
        "this is AudioCaps, which names recordings of YouTube and no files: write the file of each row in a column `audio`, and take \
         out `start_time` if the files are cut clips",
    ),
    (
        &["location", "caption", "test_set"],
        "this is MidiCaps, which names MIDI files: render them (the example `render_midi` does) and read the folder with `muscall \
         benchmark --name midicaps`, or write the rendered file of each row under `audio`",
    ),
    (
        &["album", "artist", "set", "track"],
        "this is `tracks.csv` of FMA, which has three lines of names, genres and no captions: docs/DATASETS.md shows how a table with \
         `audio` is made of it",
    ),
    (
        &["clip_id", "mp3_path"],
        "this is MagnaTagATune, which has tags and no captions: `muscall benchmark --name magnatagatune` reads its folder",
    ),
    (
        &["track_id", "artist_id", "album_id", "path", "tags"],
        "this is MTG-Jamendo, which has tags and no captions: `muscall benchmark --name jamendo` reads its folder; the example \
         `sentences` makes captions of a table of tags",
    ),
    (
        &["keywords", "sound_link", "start_end_samples"],
        "this is Clotho's metadata: its captions are in `clotho_captions_development.csv` and the like",
    ),
    (
        &["ytid", "positive_labels"],
        "this is AudioSet, which names recordings of YouTube and labels, no files and no captions: write a table with `audio` and \
         `caption` of the clips that you have",
    ),
    (
        &["id", "caption", "start_time", "end_time"],
        "if these are the captions of JamendoMaxCaps, whose audio is in Parquet: write the file of each row under `audio`; otherwise \
         name what holds the file with `--audio-column`",
    ),
];

/// The names of a data set's columns, if it is one that has its own and nobody asked for others.
pub(super) fn columns(asked: &Columns, has: impl Fn(&str) -> bool) -> Option<Columns> {
    let captions: Vec<&str> = match has("caption") || has("captions") {
        true => Vec::new(),
        false if has(LP_MUSIC_CAPS[1]) && has(LP_MUSIC_CAPS[2]) && has(LP_MUSIC_CAPS[3]) => {
            LP_MUSIC_CAPS.into_iter().filter(|name| has(name)).collect()
        }
        false if has(MUSIC_BENCH.0) && has(MUSIC_BENCH.1) => vec![MUSIC_BENCH.1],
        false => Vec::new(),
    };
    let is_bench = has(MUSIC_BENCH.0) && has(MUSIC_BENCH.1) && !names::AUDIO.into_iter().any(&has);
    let (own_audio, own_captions) =
        (is_bench && !asked.names_audio(), !captions.is_empty() && asked.captions().is_empty());
    if !own_audio && !own_captions {
        return None;
    }
    let mut columns = asked.clone();
    if own_audio {
        columns = columns.with_audio(MUSIC_BENCH.0);
    }
    if own_captions {
        columns = columns.with_captions(captions);
    }
    Some(columns)
}

/// What helps who has no `key`, if the columns are those of a data set that cannot be read as it is.
pub(super) fn remedy(names: &[&str]) -> Option<&'static str> {
    let has = |name: &&str| names.contains(name);
    // AudioSet's names are in the third of three lines that start so.
    let is_audio_set = names.iter().any(|name| name.starts_with("# segments csv") || *name == "# ytid");
    let audio_set = |own: &&[&str]| is_audio_set && own.contains(&"positive_labels");
    REMEDIES.iter().find(|(own, _)| own.iter().all(has) || audio_set(own)).map(|(_, remedy)| *remedy)
}

/// Gives a row of WavCaps its file: `<id>.flac`, as its archives have them. Rows say `wav_path` there, and the ids from
/// AudioSet end in `.wav`.
pub(super) fn name_wav_caps_file(row: &mut Map<String, Value>) {
    let is_named = row.get("audio").is_some_and(|audio| !audio.is_null() && audio.as_str() != Some(WAV_CAPS_AUDIO));
    let id = match row.get("id") {
        Some(Value::String(id)) if !id.is_empty() => id.clone(),
        Some(Value::Number(id)) => id.to_string(),
        _ => return,
    };
    if !is_named {
        row.insert("audio".to_owned(), format!("{}.flac", id.strip_suffix(".wav").unwrap_or(&id)).into());
    }
}

/// Whether columns are those of Song Describer, whose `duration` is that of the whole track and not of its file.
pub(super) fn is_song_describer(has: impl Fn(&str) -> bool) -> bool {
    SONG_DESCRIBER.into_iter().all(has)
}

/// The file of a track of Song Describer, as its folder and the table's name of it: the table has that of the whole
/// track, `74/1004074.mp3`, and the archive two minutes of it, `74/1004074.2min.mp3`. Without either, where the second
/// should be.
pub(crate) fn song_describer_file(root: &Path, name: &str) -> PathBuf {
    let names = [Path::new(name).with_extension("2min.mp3"), name.into()];
    let places =
        SONG_DESCRIBER_FOLDERS.iter().flat_map(|folder| names.iter().map(move |name| Path::new(folder).join(name)));
    let mut places = places.map(|place| root.join(place));
    places.find(|place| place.exists()).unwrap_or_else(|| root.join(SONG_DESCRIBER_FOLDERS[0]).join(&names[0]))
}

/// The folder with the audio of captions of Clotho, which is called after the part: `development` beside
/// `clotho_captions_development.csv`.
pub(super) fn clotho_folder(file: &Path) -> Option<PathBuf> {
    let part = file.file_name()?.to_str()?.strip_prefix(CLOTHO.0)?.strip_suffix(CLOTHO.1)?;
    let folder = file.parent()?.join(part);
    (!part.is_empty() && folder.is_dir()).then_some(folder)
}

//! Miniatures of public data sets as manifests, with the names of columns and the quirks of the published files.
#![allow(missing_docs, clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

use muscall_data::benchmark::{Benchmark, MusicCaps, SongDescriber, Task};
use muscall_data::{Columns, DataError, Manifest, Split};
use tempfile::TempDir;

/// Files of a data set, with what stands in them.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

/// Files as they are named below the folder, and captions.
fn rows(folder: &Path, name: &str, columns: &Columns) -> Vec<(String, Vec<String>)> {
    let manifest = Manifest::read_with(&folder.join(name), Split::Train, columns).unwrap();
    let name = |path: &PathBuf| path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
    manifest.rows.iter().map(|row| (name(&row.audio), row.captions.clone())).collect()
}

fn expected(rows: &[(&str, &[&str])]) -> Vec<(String, Vec<String>)> {
    let row = |(audio, captions): &(&str, &[&str])| {
        ((*audio).to_owned(), captions.iter().map(|caption| (*caption).to_owned()).collect())
    };
    rows.iter().map(row).collect()
}

/// What is said of a table, which must hold each of these words.
fn refused(name: &str, text: &str, words: &[&str]) {
    let dir = folder(&[(name, text)]);
    let error = Manifest::read(&dir.path().join(name), Split::Train).unwrap_err().to_string();
    for word in words {
        assert!(error.contains(word), "no {word:?} in: {error}");
    }
}

/// Every row says `wav_path` for its audio; ids from AudioSet end in `.wav`, and the archives hold `.flac`.
#[test]
fn wavcaps() {
    let dir = folder(&[
        (
            "sb_final.json",
            r#"{"num_captions_per_audio": 1, "data": [{"title": "Airplane Landing Airport", "description": "Large commercial airplane.", "author": "D", "href": "2219-Airplane.html", "caption": "An airplane is landing.", "id": "2219", "duration": 14.1424375, "audio": "wav_path", "download_link": "http://soundbible.com/grab.php?id=2219&type=wav"}, {"caption": "Someone is ringing a bell.", "id": 2218, "duration": 1.5698125}]}"#,
        ),
        (
            "as_final.json",
            r#"{"num_captions_per_audio": 1, "data": [{"id": "Yb0RFKhbpFJA.wav", "caption": "Wind and a man speaking.", "audio": "wav_path", "duration": 10.0}]}"#,
        ),
        (
            "val.json",
            r#"{"num_captions_per_audio": 5, "data": [{"caption_1": "A duck", "caption_2": "Ducks", "caption_3": "", "caption_4": null, "caption_5": "Birds", "wav": "w", "audio": "waveforms/YvfY.wav", "duration": 10, "id": "YvfY.wav"}]}"#,
        ),
    ]);
    let columns = Columns::new();
    let two: &[(&str, &[&str])] =
        &[("2219.flac", &["An airplane is landing."]), ("2218.flac", &["Someone is ringing a bell."])];
    assert_eq!(rows(dir.path(), "sb_final.json", &columns), expected(two));
    let manifest = Manifest::read(&dir.path().join("sb_final.json"), Split::Train).unwrap();
    assert_eq!((manifest.rows[0].id.as_str(), manifest.rows[1].id.as_str()), ("2219", "2218"));
    assert_eq!(manifest.rows[1].length.unwrap().as_secs_f64(), 1.5698125);
    let one: &[(&str, &[&str])] = &[("Yb0RFKhbpFJA.flac", &["Wind and a man speaking."])];
    assert_eq!(rows(dir.path(), "as_final.json", &columns), expected(one));
    // Lists for training of the same authors name files, and have several captions for each.
    let five: &[(&str, &[&str])] = &[("waveforms/YvfY.wav", &["A duck", "Ducks", "Birds"])];
    assert_eq!(rows(dir.path(), "val.json", &columns), expected(five));
    // Elsewhere an id is no name of a file.
    refused("m.json", r#"{"data": [{"id": "1", "caption": "x"}]}"#, &["no `audio`", "--audio-column"]);
}

/// Exported from Parquet with pandas: an index without a name, lists in NumPy's form, empty cells for NaN.
#[test]
fn lp_musiccaps() {
    let header = ",track_id,title,artist_name,release,tag_top50,tag_top188,caption_writing,caption_summary,caption_paraphrase,caption_attribute_prediction,pseudo_attribute,path";
    let table = format!(
        "{header}\r\n0,831,By Mourning,Utopia Banished,Night,['metal'],['metal' 'loud'],\"Powerful, raw metal.\",\"An intense\r\nsong\",,With heavy riffs.,['dark'],d/by_mourning-88-117.mp3\r\n"
    );
    let json = r#"{"track_id": "TRB", "title": "Crushing", "year": 2000, "tag": ["metalcore"], "caption_writing": "Catchy hooks.", "caption_summary": "Metal blends.", "caption_paraphrase": null, "caption_attribute_prediction": "High energy.", "path": "8/1/8134074.clip.mp3"}"#;
    let dir = folder(&[("mtt.csv", &table), ("msd.jsonl", json)]);
    let mtt: &[(&str, &[&str])] = &[("d/by_mourning-88-117.mp3", &["Powerful, raw metal.", "An intense\r\nsong"])];
    assert_eq!(rows(dir.path(), "mtt.csv", &Columns::new()), expected(mtt));
    let msd: &[(&str, &[&str])] = &[("8/1/8134074.clip.mp3", &["Catchy hooks.", "Metal blends."])];
    assert_eq!(rows(dir.path(), "msd.jsonl", &Columns::new()), expected(msd));
    // Who asks for a column gets that one.
    let columns = Columns::new().with_captions(["caption_attribute_prediction"]);
    let asked: &[(&str, &[&str])] = &[("8/1/8134074.clip.mp3", &["High energy."])];
    assert_eq!(rows(dir.path(), "msd.jsonl", &columns), expected(asked));
    let row = r#"{"fname": "[4q6e_ZDFOZI]-[30-40]", "ytid": "4q6e_ZDFOZI", "aspect_list": ["jingle"], "caption_ground_truth": "A jingle.", "caption_writing": "a", "caption_summary": "b", "caption_paraphrase": "c", "start_s": 30, "end_s": 40}"#;
    refused("mc.jsonl", row, &["row 1", "no `audio`", "LP-MusicCaps-MC", "column `audio`", "`start_s`"]);
}

/// Objects per line in a file that is called `.json`.
#[test]
fn musicbench() {
    let row = |location: &str, main: &str| {
        format!(
            r#"{{"dataset": "MusicBench", "location": "{location}", "main_caption": "{main}", "alt_caption": "Other words", "prompt_aug": "", "bpm": 120.0, "key": ["C", "major"], "keyprob": [0.8], "is_audioset_eval_mcaps": false}}"#
        )
    };
    let lines = [row("data_aug2/-0SdAVK79lg_1.wav", "A slow song"), row("data/x.wav", "Fast, \\\"loud\\\"")];
    let dir = folder(&[("MusicBench_train.json", &format!("\u{feff}{}\n\n", lines.join("\n")))]);
    let two: &[(&str, &[&str])] =
        &[("data_aug2/-0SdAVK79lg_1.wav", &["A slow song"]), ("data/x.wav", &["Fast, \"loud\""])];
    assert_eq!(rows(dir.path(), "MusicBench_train.json", &Columns::new()), expected(two));
    let columns = Columns::new().with_captions(["main_caption", "alt_caption"]);
    let found = rows(dir.path(), "MusicBench_train.json", &columns);
    assert_eq!(found[0].1, ["A slow song", "Other words"]);
    // Whoever added names of files means these.
    let own = row("data/x.wav", "Fast").replace("\"location\"", "\"audio\": \"own.wav\", \"location\"");
    let dir_of_own = folder(&[("m.jsonl", &own)]);
    assert_eq!(rows(dir_of_own.path(), "m.jsonl", &Columns::new()), expected(&[("own.wav", &["Fast"])]));
    // A damaged line is one row.
    let path = dir.path().join("MusicBench_train.json");
    fs::write(&path, format!("{}\n{{\"location\": NaN}}\n{}\n", lines[0], lines[1])).unwrap();
    let examined = Manifest::examine(&path).unwrap();
    assert_eq!((examined.splits[0].manifest.rows.len(), examined.errors.len()), (2, 1));
    assert_eq!(examined.errors[0].row(), Some(2));
}

/// Captions lie beside the folder with the audio; quotes and doubled quotes as published.
#[test]
fn clotho() {
    let captions = "file_name,caption_1,caption_2,caption_3,caption_4,caption_5\r\nFR.CTC.08.CoyuyoS.001.wav,A static chattering,\"Loud squealing follows, repeating\",c,d,\"e \"\"f\"\"\"\r\n";
    let metadata =
        "file_name,keywords,sound_id,sound_link,start_end_samples,manufacturer,license\na.wav,x;y,1,l,\"[0, 1]\",m,c\n";
    let dir = folder(&[
        ("clotho_captions_development.csv", captions),
        ("development/FR.CTC.08.CoyuyoS.001.wav", ""),
        ("clotho_captions_validation.csv", captions),
        ("clotho_metadata_development.csv", metadata),
    ]);
    let five: &[&str] = &["A static chattering", "Loud squealing follows, repeating", "c", "d", "e \"f\""];
    let columns = Columns::new();
    let found = rows(dir.path(), "clotho_captions_development.csv", &columns);
    assert_eq!(found, expected(&[("development/FR.CTC.08.CoyuyoS.001.wav", five)]));
    // Without that folder, as everywhere.
    let found = rows(dir.path(), "clotho_captions_validation.csv", &columns);
    assert_eq!(found, expected(&[("FR.CTC.08.CoyuyoS.001.wav", five)]));
    refused("m.csv", metadata, &["no `caption`", "clotho_captions_development.csv"]);
}

/// The table has names and lengths of whole tracks, the archive two minutes of each.
#[test]
fn song_describer() {
    let table = "caption_id,track_id,caption,is_valid_subset,familiarity,artist_id,album_id,path,duration\n859,1004034,\"A groove, \"\"retro\"\"\",True,0,368880,118196,34/1004034.mp3,202.5\n990,1004034,Acid,,1,368880,118196,34/1004034.mp3,202.5\n991,1007274,Calm sitar,True,1,429137,118548,74/1007274.mp3,140.2\n";
    let captions: &[&str] = &["A groove, \"retro\"", "Acid"];
    for below in ["audio", "audio/audio", "."] {
        let file = format!("{below}/34/1004034.2min.mp3");
        let dir = folder(&[("song_describer.csv", table), (&file, "sound")]);
        let manifest = Manifest::read(&dir.path().join("song_describer.csv"), Split::Test).unwrap();
        assert_eq!(manifest.rows.len(), 2, "{below}");
        let first = &manifest.rows[0];
        assert_eq!((first.audio.clone(), first.length), (dir.path().join(&file), None), "{below}");
        assert_eq!(first.captions, captions);
        // What is not there is named where it belongs.
        assert!(manifest.rows[1].audio.ends_with("audio/74/1007274.2min.mp3"), "{:?}", manifest.rows[1].audio);
        let data = SongDescriber.read(dir.path(), Split::Test).unwrap();
        assert_eq!((data.found(), data.missing.len()), (1, 1), "{below}");
    }
}

/// Its mirror on the hub, as the script of `docs/DATASETS.md` writes it.
#[test]
fn song_describer_in_lines() {
    let row = r#"{"caption_id": 859, "track_id": 1004034, "caption": "A groove", "is_valid_subset": true, "familiarity": 0, "artist_id": 1, "album_id": 2, "duration": 202.5, "audio": "63cc02dd7282f7943924.mp3"}"#;
    let dir = folder(&[("metadata.jsonl", row)]);
    let manifest = Manifest::read(dir.path(), Split::Test).unwrap();
    assert!(manifest.rows[0].audio.ends_with("63cc02dd7282f7943924.mp3"));
    assert_eq!(manifest.rows[0].length, None);
}

/// Recordings of YouTube, and no files.
#[test]
fn data_sets_without_audio_say_what_helps() {
    refused(
        "train.csv",
        "audiocap_id,youtube_id,start_time,caption\n91139,r1nicOVtvkQ,130,A woman talks nearby as water pours\n",
        &["row 1", "no `audio`", "`youtube_id`", "AudioCaps", "`start_time`"],
    );
    refused(
        "musiccaps-public.csv",
        "ytid,start_s,end_s,audioset_positive_labels,aspect_list,caption,author_id,is_balanced_subset,is_audioset_eval\n-0Gj8-vB1q4,30,40,\"/m/0140xf\",\"['a', 'b']\",\"Two\nlines\",4,False,True\n",
        &["no `audio`", "MusicCaps", "muscall benchmark --name musiccaps"],
    );
    let audio_set = "# Segments csv created Sun Mar  5 10:54:31 2017\n# num_ytids=20371, num_segs=20371, num_unique_labels=527, num_positive_labels=51804\n# YTID, start_seconds, end_seconds, positive_labels\n--4gqARaEJE, 0.000, 10.000, \"/m/068hy,/m/07q6cd_\"\n";
    refused("eval_segments.csv", audio_set, &["no `audio`", "AudioSet", "no captions"]);
    let third = audio_set.lines().skip(2).collect::<Vec<_>>().join("\n");
    refused("cut.csv", &third, &["AudioSet"]);
    let captions = r#"{"id": "1001", "caption": "A calm piece", "start_time": 0.0, "end_time": 30.0}"#;
    refused("final_caption30sec.jsonl", captions, &["JamendoMaxCaps", "Parquet", "--audio-column"]);
    let midi = r#"{"location": "lmd_full/1/a.mid", "caption": "A synth", "genre": ["pop"], "test_set": false}"#;
    refused("train.json", &format!("{midi}\n{midi}\n"), &["row 1", "MidiCaps", "muscall benchmark --name midicaps"]);
}

/// Tags and no captions.
#[test]
fn data_sets_without_captions_say_what_helps() {
    refused(
        "tracks.csv",
        ",album,album,artist,set,set,track,track\n,comments,title,name,split,subset,genre_top,title\ntrack_id,,,,,,,\n2,0,AWOL,AWOL,training,small,Hip-Hop,Food\n",
        &["FMA", "three lines", "DATASETS.md"],
    );
    refused(
        "autotagging.tsv",
        "TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS\ntrack_0000214\tartist_000014\talbum_000031\t14/214.mp3\t124.6\tgenre---punkrock\n",
        &["no `caption`", "MTG-Jamendo", "muscall benchmark --name jamendo"],
    );
    let tags: Vec<String> = (0..188).map(|tag| format!("\"tag {tag}\"")).collect();
    let header = format!("\"clip_id\"\t{}\t\"mp3_path\"\n", tags.join("\t"));
    refused("annotations_final.csv", &header, &["no `audio`", "MagnaTagATune"]);
    // The whole of such a header helps nobody.
    let error = Manifest::read(&folder(&[("a.tsv", &header)]).path().join("a.tsv"), Split::Train).unwrap_err();
    assert!(!error.to_string().contains("tag 100"), "{error}");
}

#[test]
fn other_columns_can_be_named() {
    refused("m.csv", "clip,words\na.wav,slow\n", &["no `audio`", "`clip`, `words`", "`--audio-column`"]);
    refused("m.csv", "file,words\na.wav,slow\n", &["no `caption`", "`--caption-column`"]);
    refused("m.jsonl", r#"{"file": "a.wav", "words": "slow"}"#, &["no `caption`", "`--caption-column`"]);
    let dir = folder(&[("m.csv", "clip,words\na.wav,slow\n"), ("m.jsonl", r#"{"clip": "a.wav", "words": null}"#)]);
    let columns = Columns::new().with_audio("clips").with_captions(["words"]);
    let error = Manifest::read_with(&dir.path().join("m.csv"), Split::Train, &columns).unwrap_err();
    assert!(error.to_string().contains("no `clips`"), "{error}");
    // A column that is there, and empty, is not a missing one.
    let columns = columns.with_audio("clip");
    let error = Manifest::read_with(&dir.path().join("m.jsonl"), Split::Train, &columns).unwrap_err();
    assert!(matches!(error, DataError::WrongType { .. } | DataError::EmptyCaption { .. }), "{error}");
}

/// As the hub of Hugging Face has most mirrors.
#[test]
fn parquet_is_named() {
    let dir = folder(&[("data/train-00001-of-00002.parquet", "PAR1"), ("data/train-00000-of-00002.parquet", "PAR1")]);
    for path in [dir.path().to_owned(), dir.path().join("data"), dir.path().join("data/train-00000-of-00002.parquet")] {
        let error = Manifest::read(&path, Split::Train).unwrap_err();
        assert!(matches!(error, DataError::Parquet { .. }), "{error}");
        assert!(error.to_string().contains("train-00000") && error.to_string().contains(".jsonl"), "{error}");
    }
}

/// Clips that the scripts of LP-MusicCaps have cut.
#[test]
fn musiccaps_in_brackets() {
    let table = "ytid,start_s,end_s,audioset_positive_labels,aspect_list,caption,author_id,is_balanced_subset,is_audioset_eval\n-0Gj8-vB1q4,30,40,/m/0140xf,\"['a']\",A ballad,4,False,True\n";
    let dir = folder(&[("musiccaps-public.csv", table), ("wav/[-0Gj8-vB1q4]-[30-40].wav", "sound")]);
    let data = MusicCaps.read(dir.path(), Split::Test).unwrap();
    let Task::Retrieval(manifest) = &data.task else { panic!("{:?}", data.task) };
    assert_eq!((manifest.rows[0].id.as_str(), data.missing.len()), ("-0Gj8-vB1q4", 0));
}

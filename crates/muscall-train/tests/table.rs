//! A table with many mistakes, each of which is told with its row and a remedy; and one without any.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../../muscall-data/tests/wav/mod.rs"]
mod wav;

use std::fs;
use std::path::Path;

use muscall_audio::ClipConfig;
use muscall_model::ClipTokenizer;
use muscall_train::Manifest;
use muscall_train::doctor::{check_clips, check_rows, check_words};
use wav::write_wav;

const RATE: usize = 16_000;

/// Two seconds of a tone of its own.
fn tone(number: usize) -> impl Iterator<Item = i16> {
    (0..2 * RATE).map(move |i| ((i as f64 * (0.02 + 0.001 * number as f64)).sin() * 9000.0) as i16)
}

/// Everything that `check` says of a table, as lines that start with the row.
fn findings(path: &Path) -> Vec<String> {
    let examined = Manifest::examine(path).unwrap();
    let mut lines: Vec<String> = examined.errors.iter().map(|error| error.to_string()).collect();
    lines.extend(examined.hints.iter().map(|hint| hint.to_string()));
    let tokenizer = ClipTokenizer::new().unwrap();
    for split in &examined.splits {
        let rows = check_rows(split, Some(&tokenizer), true);
        lines.extend(rows.iter().map(|finding| format!("row {}: {}", finding.row, finding.fault)));
        lines.extend(check_words(&split.manifest).iter().map(|diagnosis| diagnosis.to_string()));
        let checked = check_clips(&split.manifest, &ClipConfig::new(RATE as u32, 2 * RATE), |_| {});
        let number = |row: usize| split.numbers.get(row)[0];
        lines.extend(checked.repaired.iter().map(|(row, ..)| format!("row {}: damaged", number(*row))));
        lines.extend(checked.unreadable.iter().map(|(row, error)| format!("row {}: {error}", number(*row))));
        lines.extend(checked.diagnoses.iter().map(|diagnosis| diagnosis.to_string()));
    }
    lines
}

#[test]
fn fifteen_mistakes_are_named_in_one_run() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    for number in 0..12 {
        write_wav(&at(&format!("{number}.wav")), tone(number));
    }
    fs::copy(at("0.wav"), at("copy.wav")).unwrap();
    let whole = fs::read(at("1.wav")).unwrap();
    fs::write(at("half.wav"), &whole[..whole.len() / 2]).unwrap();
    write_wav(&at("silent.wav"), std::iter::repeat_n(0_i16, 2 * RATE));
    write_wav(&at("late.wav"), std::iter::repeat_n(0_i16, 3 * RATE).chain(tone(20)));
    fs::write(at("text.mp3"), "these are words").unwrap();
    let long = "slow piano with a soft pad ".repeat(20);
    let rows = [
        ("0.wav,slow piano in an empty hall".to_owned(), ""),
        (",no file".into(), "row 3: `audio` is an empty cell"),
        ("2.wav,".into(), "row 4: `caption` is empty"),
        ("3.wav,NaN".into(), "row 5: the caption \"NaN\" is a placeholder"),
        ("4.wav,4.wav".into(), "row 6: the caption \"4.wav\" is the name of a file"),
        ("5.wav,Slow  piano in an empty hall".into(), "row 7: row 2 has the same caption"),
        (format!("6.wav,{long}"), "row 8: the caption exceeds the 77 tokens"),
        ("copy.wav,fast drums".into(), "row 9: row 2 has the same audio"),
        ("half.wav,a guitar".into(), "row 10: damaged"),
        ("silent.wav,quiet music".into(), "silent.wav); remove them"),
        ("late.wav,a slow start".into(), "late.wav: 3.0 s); cut it off"),
        ("text.mp3,a flute".into(), "text.mp3"),
        ("absent.wav,a violin".into(), "absent.wav"),
        ("https://example.org/a.mp3,an organ".into(), "row 15: `audio` is https://example.org/a.mp3"),
        ("7.wav,a horn,and more".into(), "row 16: `row` is 3 cells"),
        ("sub\\8.wav,an oboe".into(), "not by \\"),
    ];
    let mut table = "audio,caption\n".to_owned();
    rows.iter().for_each(|(row, _)| table += &format!("{row}\n"));
    fs::write(at("table.csv"), table).unwrap();
    let found = findings(&at("table.csv"));
    for (row, said) in rows.iter().filter(|(_, said)| !said.is_empty()) {
        assert!(found.iter().any(|line| line.contains(said)), "{row}: {said}\n{}", found.join("\n"));
    }
    assert_eq!(found.len(), 15, "{}", found.join("\n"));
}

#[test]
fn each_caption_of_a_track_has_its_row() {
    let dir = tempfile::tempdir().unwrap();
    write_wav(&dir.path().join("rain.wav"), tone(0));
    let path = dir.path().join("m.csv");
    fs::write(&path, "id,audio,caption\n1,rain.wav,rain\n1,rain.wav,rain falls\n1,rain.wav,n/a\n").unwrap();
    let found = findings(&path);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("row 4: the caption \"n/a\""), "{found:?}");
}

#[test]
fn a_row_that_is_there_twice_is_told_once() {
    let dir = tempfile::tempdir().unwrap();
    write_wav(&dir.path().join("rain.wav"), tone(0));
    write_wav(&dir.path().join("wind.wav"), tone(1));
    let path = dir.path().join("m.csv");
    let said = |table: &str| {
        fs::write(&path, table).unwrap();
        findings(&path)
    };
    let twice = "has the same audio and the same caption";
    // One track, two captions of which are the same.
    let found = said("audio,caption\nrain.wav,rain falls\nrain.wav,drops\nwind.wav,wind\nrain.wav,Rain  falls\n");
    assert_eq!(found, [format!("row 5: row 2 {twice} \"Rain  falls\"; remove one of the two")]);
    // Two tracks, which share their audio as well.
    let found = said("id,audio,caption\n1,rain.wav,rain falls\n2,wind.wav,wind\n3,rain.wav,rain falls\n");
    assert!(found.len() == 1 && found[0].starts_with(&format!("row 4: row 2 {twice}")), "{found:?}");
    let split = &Manifest::examine(&path).unwrap().splits[0];
    assert!(check_rows(split, None, false)[0].fault.harms());
    // Parts of a file are audio of their own, and so is another file with the same caption.
    let parts = "audio,start,end,caption\nrain.wav,0,1,rain\nrain.wav,1,2,rain\nwind.wav,0,1,rain\n";
    let found = said(parts);
    assert!(found.len() == 2 && found.iter().all(|line| line.contains("row 2 has the same caption")), "{found:?}");
    let found = said(&format!("{parts}wind.wav,0,1,rain\n"));
    assert!(found.len() == 3 && found[2].starts_with(&format!("row 5: row 4 {twice}")), "{found:?}");
    // Splits are apart.
    let found = said("audio,split,caption\nrain.wav,train,rain\nrain.wav,val,rain\n");
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn languages_and_labels_are_looked_at_as_a_whole() {
    let dir = tempfile::tempdir().unwrap();
    let table = |rows: &[&str]| {
        let path = dir.path().join("m.csv");
        let rows = rows.iter().enumerate().map(|(i, row)| format!("{i}.wav,{row}\n")).collect::<String>();
        fs::write(&path, format!("audio,label,caption\n{rows}")).unwrap();
        let found = check_words(&Manifest::examine(&path).unwrap().splits[0].manifest);
        found.iter().map(|diagnosis| diagnosis.to_string()).collect::<Vec<_>>().join("\n")
    };
    let english = "rock,a fast song with loud guitars and a singer who shouts over them in the chorus";
    let german = "jazz,ein ruhiges Klavierstück mit weichen Streichern und einer Sängerin die sehr leise von der Liebe und vom Meer singt";
    assert_eq!(table(&[english]), "");
    let found = table(&[english, german, german, german]);
    assert!(found.contains("German") && found.contains("translate"), "{found}");
    let found = table(&[english, english]);
    assert!(found.contains("all 2 labels are \"rock\""), "{found}");
}

#[test]
fn a_clean_table_of_a_thousand_rows_has_no_findings() {
    let dir = tempfile::tempdir().unwrap();
    let mut table = "audio,label,caption\n".to_owned();
    let (moods, instruments) = (["calm", "bright", "dark", "tense", "warm"], ["piano", "guitar", "flute", "organ"]);
    for number in 0..1000 {
        write_wav(&dir.path().join(format!("{number}.wav")), tone(number).take(RATE));
        let (mood, instrument) = (moods[number % 5], instruments[number / 5 % 4]);
        table += &format!(
            "{number}.wav,{instrument},A {mood} piece for {instrument} at {} beats per minute that was played on evening number {number}\n",
            60 + number % 90
        );
    }
    fs::write(dir.path().join("table.csv"), table).unwrap();
    let found = findings(&dir.path().join("table.csv"));
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#!/usr/bin/env bash
# symphonia 0.6.1 (crates.io) gives no standard tag for a frame of ID3v2.4 with several values (`TCON` with "Rock" and "Shoegaze", which
# section 4.2 of ID3v2.4.0-frames allows): the raw list is there, and who asks for the genre finds none. With one value the same frame is a
# standard genre. The title of a Matroska segment, where ffmpeg and mkvmerge put that of the music, isn't told at all. mutagen 1.47.0 and
# ffprobe 5.1 tell all of them.
#
# Needs cargo, lame, ffmpeg, python3 with venv from the distribution; installs symphonia and mutagen into a temporary folder.
# Exits 1 if one of these is a standard tag now, or the frame with one value is none.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check mutagen==1.47.0
ffmpeg -v error -f lavfi -i "sine=440:d=1" tone.wav
for name in one two; do lame --quiet -b 128 tone.wav $name.mp3; done
ffmpeg -v error -i tone.wav -c:a libvorbis -metadata title=Night title.mka
venv/bin/python - <<'PYTHON'
from mutagen.id3 import ID3, TCON

for name, values in (("one", ["Rock"]), ("two", ["Rock", "Shoegaze"])):
    tags = ID3()
    tags.add(TCON(encoding=3, text=values))
    tags.save(name + ".mp3", v2_version=4)
    assert ID3(name + ".mp3")["TCON"].text == values
PYTHON
[[ $(ffprobe -v error -show_entries format_tags=title -of csv=p=0 title.mka) == Night ]]
mkdir -p src
cat >Cargo.toml <<'TOML'
[package]
name = "probe"
version = "0.0.0"
edition = "2024"

[dependencies]
symphonia = { version = "=0.6.1", default-features = false, features = ["all-meta", "mkv", "mp3", "vorbis"] }
TOML
cat >src/main.rs <<'RUST'
use std::fs::File;

use symphonia::core::formats::probe::Hint;
use symphonia::core::io::MediaSourceStream;

/// The values of a file's standard tags.
fn told(name: &str) -> Vec<String> {
    let source = MediaSourceStream::new(Box::new(File::open(name).unwrap()), Default::default());
    let probe = symphonia::default::get_probe();
    let mut reader = probe.probe(&Hint::new(), source, Default::default(), Default::default()).unwrap();
    let mut values = Vec::new();
    let mut metadata = reader.metadata();
    loop {
        let tags = metadata.current().into_iter().flat_map(|revision| &revision.media.tags);
        values.extend(tags.filter_map(|tag| Some(format!("{:?}", tag.std.as_ref()?))));
        if metadata.pop().is_none() {
            return values;
        }
    }
}

fn main() {
    let [one, two, title] = ["one.mp3", "two.mp3", "title.mka"].map(told);
    println!("one value: {one:?}, two values: {two:?}, title of Matroska: {title:?}");
    let holds = one.iter().any(|tag| tag.contains("Rock"))
        && !two.iter().any(|tag| tag.contains("Rock"))
        && !title.iter().any(|tag| tag.contains("Night"));
    std::process::exit(i32::from(!holds));
}
RUST
cargo run --quiet --release

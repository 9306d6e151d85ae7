#!/usr/bin/env bash
# lofty 0.25.5 (crates.io) finds no tags in an mp3 whose ID3v2.3 tag has an extended header: that header's size is a plain 32-bit number
# without itself in version 2.3 (ID3v2.3.0, section 3.2), and a number of 7-bit bytes with itself in 2.4; the former is read as the latter, and
# the frames behind it are not found. Without the extended header the same frames are read. mutagen 1.47.0 and ffmpeg 5.1 read both.
#
# Needs cargo, lame, ffmpeg, python3 with venv from the distribution; installs lofty and mutagen into a temporary folder.
# Exits 1 if lofty reads the title behind the extended header, or mutagen does not.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check mutagen==1.47.0
ffmpeg -v error -f lavfi -i "sine=440:d=1" tone.wav
lame --quiet -b 128 tone.wav bare.mp3
venv/bin/python - <<'PYTHON'
import struct
from mutagen.id3 import ID3

frame = b"TIT2" + struct.pack(">IH", 6, 0) + b"\0Title"
extended = struct.pack(">IHI", 6, 0, 0)  # its size without itself, no flags, no padding
sound = open("bare.mp3", "rb").read()
for name, flags, body in (("plain", 0, frame), ("extended", 0x40, extended + frame)):
    size = len(body)
    sizes = bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0))
    open(name + ".mp3", "wb").write(b"ID3\3\0" + bytes([flags]) + sizes + body + sound)
    assert ID3(name + ".mp3")["TIT2"].text == ["Title"], name
print("mutagen reads both")
PYTHON
for name in plain extended; do
  [[ $(ffprobe -v error -show_entries format_tags=title -of csv=p=0 $name.mp3) == Title ]]
done
mkdir -p src
cat >Cargo.toml <<'TOML'
[package]
name = "probe"
version = "0.0.0"
edition = "2024"

[dependencies]
lofty = "=0.25.5"
TOML
cat >src/main.rs <<'RUST'
use lofty::file::TaggedFileExt;
use lofty::tag::Accessor;

fn main() {
    let title = |name: &str| {
        let file = lofty::read_from_path(name).ok()?;
        file.tags().iter().find_map(|tag| tag.title().map(|title| title.into_owned()))
    };
    let (plain, extended) = (title("plain.mp3"), title("extended.mp3"));
    println!("lofty: {plain:?} without an extended header, {extended:?} with one");
    std::process::exit(i32::from(plain.as_deref() != Some("Title") || extended.is_some()));
}
RUST
cargo run --quiet --release

#!/usr/bin/env bash
# lofty 0.25.5 (tags of audio files, crates.io) does not compile with `default-features = false`: two types that a branch for builds
# without the feature id3v2_compression_support uses (Id3v2Error, Id3v2ErrorKind in id3/v2/frame/read.rs) are not imported there.
# With its default feature, which adds flate2 with miniz_oxide in Rust, it compiles. Seen with rustc 1.95.
#
# Needs cargo. Exits 1 once it compiles, or when the default no longer does.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir src
echo 'fn main() {}' >src/main.rs
manifest() {
  printf '[package]\nname = "probe"\nversion = "0.0.0"\nedition = "2024"\n\n[dependencies]\nlofty = { version = "=0.25.5"%s }\n' "$1" >Cargo.toml
}
manifest ''
cargo check --quiet
manifest ', default-features = false'
if cargo check --quiet 2>errors; then
  echo "it compiles without its default feature now" >&2
  exit 1
fi
grep -q Id3v2ErrorKind errors
echo "as described"

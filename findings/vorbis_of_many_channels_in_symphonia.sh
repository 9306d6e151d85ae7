#!/usr/bin/env bash
# symphonia-codec-vorbis 0.6.1 (crates.io) decodes Ogg Vorbis of one and two channels as libvorbis does, and of eight channels to another
# sound: samples are 0.1 and more of full scale from those of ffmpeg 5.1 and of oggdec (libvorbis 1.3.7), which agree with each other.
# Two things in its source are at odds with the specification of Vorbis I (section 4.3.5, and 8.6.2): channel couplings are undone from the
# first to the last, where the specification goes from the last to the first; and the classes of a residue run over into the next
# channel where a channel's partitions are no multiple of the classwords.
#
# Needs cargo, ffmpeg and vorbis-tools (oggdec) from the distribution; installs the crate into a temporary folder.
# Exits 1 if eight channels come within 0.001 of ffmpeg, or two do not.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
for channels in 2 8; do
  voices=$(seq 1 "$channels" | sed 's|.*|0.2*sin(2*PI*(110+70*&)*t)*(1+0.5*sin(2*PI*&*t))|' | paste -sd'|')
  ffmpeg -v error -f lavfi -i "aevalsrc='$voices':s=48000:d=2" -c:a libvorbis -q:a 5 "$channels.ogg"
  ffmpeg -v error -i "$channels.ogg" -f f32le "$channels.f32"
  oggdec --quiet --raw --bits 16 --output "$channels.s16" "$channels.ogg"
done
mkdir -p src
cat >Cargo.toml <<'TOML'
[package]
name = "probe"
version = "0.0.0"
edition = "2024"

[dependencies]
symphonia = { version = "=0.6.1", default-features = false, features = ["ogg", "vorbis"] }
TOML
cat >src/main.rs <<'RUST'
use std::fs::{self, File};

use symphonia::core::codecs::audio::AudioDecoderOptions;
use symphonia::core::formats::TrackType;
use symphonia::core::formats::probe::Hint;
use symphonia::core::io::MediaSourceStream;

/// The mean of the channels, since programs differ in their order.
fn mean(samples: &[f32], channels: usize) -> Vec<f32> {
    samples.chunks_exact(channels).map(|frame| frame.iter().sum::<f32>() / channels as f32).collect()
}

fn decode(channels: usize) -> Vec<f32> {
    let file = File::open(format!("{channels}.ogg")).unwrap();
    let source = MediaSourceStream::new(Box::new(file), Default::default());
    let probe = symphonia::default::get_probe();
    let mut reader = probe.probe(&Hint::new(), source, Default::default(), Default::default()).unwrap();
    let track = reader.default_track(TrackType::Audio).unwrap();
    let parameters = track.codec_params.as_ref().unwrap().audio().unwrap().clone();
    let codecs = symphonia::default::get_codecs();
    let mut decoder = codecs.make_audio_decoder(&parameters, &AudioDecoderOptions::default()).unwrap();
    let (mut all, mut block) = (Vec::new(), Vec::<f32>::new());
    while let Ok(Some(packet)) = reader.next_packet() {
        decoder.decode(&packet).unwrap().copy_to_vec_interleaved(&mut block);
        all.extend(mean(&block, channels));
    }
    all
}

fn main() {
    let difference = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    let mut found = Vec::new();
    for channels in [2, 8] {
        let bytes = fs::read(format!("{channels}.f32")).unwrap();
        let ffmpeg: Vec<f32> = bytes.chunks_exact(4).map(|x| f32::from_le_bytes(x.try_into().unwrap())).collect();
        let bytes = fs::read(format!("{channels}.s16")).unwrap();
        let oggdec: Vec<f32> =
            bytes.chunks_exact(2).map(|x| f32::from(i16::from_le_bytes(x.try_into().unwrap())) / 32768.0).collect();
        let [ffmpeg, oggdec] = [ffmpeg, oggdec].map(|samples| mean(&samples, channels));
        let (own, others) = (difference(&decode(channels), &ffmpeg), difference(&ffmpeg, &oggdec));
        println!("{channels} channels: symphonia is {own:.5} from ffmpeg, oggdec {others:.5}");
        found.push((own, others));
    }
    let holds = found[0].0 < 1e-3 && found[1].0 > 1e-3 && found.iter().all(|(_, others)| *others < 1e-3);
    std::process::exit(i32::from(!holds));
}
RUST
cargo run --quiet --release

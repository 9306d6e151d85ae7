#!/usr/bin/env bash
# opus-decoder 0.1.1 (crates.io), a decoder of Opus in safe Rust, takes more than twenty times as long as ropus 0.12.18 for the same
# packets, with equal sound: on one thread of an Intel Xeon, release build, 60 s of stereo at 96 kbit/s took 29 s (2 times real time)
# and 0.2 s (some 280 times). Both are right: against opusdec 0.2 (libopus 1.3.1) the error is 70 dB and more below the music.
# A program that is to read music wants the second; the first is fine for a call that runs in real time.
#
# Needs cargo, sox and opus-tools (opusenc, opusdec) from the distribution; installs the crates into a temporary folder.
# Exits 1 if the ratio falls below 20, or one of them is not within 40 dB of opusdec.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
# Chords that change, with a little noise: what an encoder meets in music.
sox -R -n -r 48000 -c 2 -b 16 tone.wav synth 20 pluck 220 pluck 331 synth 20 sine mix 442-880 vol 0.5 repeat 2
opusenc --quiet --bitrate 96 tone.wav tone.opus
opusdec --quiet --float --rate 48000 tone.opus reference.wav
mkdir -p src
cat >Cargo.toml <<'TOML'
[package]
name = "probe"
version = "0.0.0"
edition = "2024"

[dependencies]
opus-decoder = "=0.1.1"
ropus = "=0.12.18"
symphonia = { version = "=0.6.1", default-features = false, features = ["ogg"] }
TOML
cat >src/main.rs <<'RUST'
use std::{fs, fs::File, time::Instant};

use symphonia::core::formats::probe::Hint;
use symphonia::core::io::MediaSourceStream;

fn main() {
    let source = MediaSourceStream::new(Box::new(File::open("tone.opus").unwrap()), Default::default());
    let probe = symphonia::default::get_probe();
    let mut reader = probe.probe(&Hint::new(), source, Default::default(), Default::default()).unwrap();
    let mut packets = Vec::new();
    while let Ok(Some(packet)) = reader.next_packet() {
        packets.push(packet.data);
    }
    let bytes = fs::read("reference.wav").unwrap();
    let data = bytes.windows(4).position(|four| four == b"data").unwrap() + 8;
    let reference: Vec<f32> = bytes[data..].chunks_exact(4).map(|x| f32::from_le_bytes(x.try_into().unwrap())).collect();
    let mut first = opus_decoder::OpusDecoder::new(48_000, 2).unwrap();
    let mut second = ropus::Decoder::new(48_000, ropus::Channels::Stereo).unwrap();
    let mut pcm = vec![0_f32; 5760 * 2];
    let mut seconds = Vec::new();
    for which in 0..2 {
        let (started, mut sound) = (Instant::now(), Vec::new());
        for packet in &packets {
            let frames = match which {
                0 => first.decode_float(packet, &mut pcm, false).unwrap(),
                _ => second.decode_float(packet, &mut pcm, ropus::DecodeMode::Normal).unwrap(),
            };
            sound.extend_from_slice(&pcm[..2 * frames]);
        }
        seconds.push(started.elapsed().as_secs_f64());
        // opusdec leaves the encoder's 312 frames out.
        let pairs = || reference.iter().zip(&sound[2 * 312..]).map(|(&a, &b)| (f64::from(a), f64::from(b)));
        let (signal, error) = pairs().fold((0.0, 0.0), |(s, e), (a, b)| (s + a * a, e + (a - b) * (a - b)));
        let below_db = 10.0 * (signal / error).log10();
        println!("{}: {:.2} s, error {below_db:.0} dB below the sound", ["opus-decoder", "ropus"][which], seconds[which]);
        assert!(below_db > 40.0);
    }
    let ratio = seconds[0] / seconds[1];
    println!("{ratio:.0} times as long");
    assert!(ratio > 20.0);
}
RUST
cargo run --release --quiet

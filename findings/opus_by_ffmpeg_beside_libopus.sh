#!/usr/bin/env bash
# ffmpeg 5.1's own decoder of Opus (`-c:a opus`, its default) differs from libopus 1.3.1 (`-c:a libopus`, and opusdec 0.2) where the
# stream is coded as speech or hybrid: at 24 kbit/s single samples are 0.05 and more of full scale apart, while for music at 128 kbit/s (CELT)
# both agree to 0.001. So a test that takes ffmpeg's default output for the truth fails a decoder that agrees with the reference.
#
# Needs ffmpeg with libopus, and opus-tools, from the distribution, and python3. Exits 1 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
# A voice: a buzz through formants that move, with pauses.
ffmpeg -v error -f lavfi -i "aevalsrc='0.4*(sin(2*PI*120*t)+0.6*sin(2*PI*240*t)+0.5*sin(2*PI*720*t)*sin(2*PI*3*t)+0.3*sin(2*PI*2400*t)*sin(2*PI*2*t))*(0.5+0.5*sin(2*PI*1.3*t))':s=48000:d=6" voice.wav
opusenc --quiet --speech --bitrate 24 voice.wav speech.opus
opusenc --quiet --music --bitrate 128 voice.wav music.opus
for kind in speech music; do
  ffmpeg -v error -c:a opus -i $kind.opus -ac 1 -ar 48000 -f f32le $kind.ffmpeg
  ffmpeg -v error -c:a libopus -i $kind.opus -ac 1 -ar 48000 -f f32le $kind.libopus
done
python3 - <<'PYTHON'
import array
import sys

found = {}
for kind in ("speech", "music"):
    sides = [array.array("f", open(f"{kind}.{side}", "rb").read()) for side in ("ffmpeg", "libopus")]
    found[kind] = max(abs(a - b) for a, b in zip(*sides))
    print(f"{kind}: at most {found[kind]:.5f} apart")
sys.exit(not (found["speech"] > 0.02 and found["music"] < 0.001))
PYTHON

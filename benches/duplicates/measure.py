#!/usr/bin/env python3
"""How many true copies `muscall duplicates` finds, and how many groups are wrong.

    python3 benches/duplicates/measure.py MUSIC [--muscall PROGRAM] [--files 240] [--copies 60]

Takes files of a folder of music, encodes some of them again in seven ways (mp3 at 64 and 320 kbit/s, Vorbis at 64, Opus at 48, cut by
half a second, 12 dB quieter, at half the rate), adds twenty different pieces for one made instrument, indexes all of it into a
library of its own, and compares the groups with what was made. Needs ffmpeg and numpy.
"""

import argparse
import json
import os
import pathlib
import random
import subprocess
import tempfile
import wave

import numpy as np

WAYS = [
    (".mp3", ["-b:a", "64k"]),
    (".mp3", ["-b:a", "320k"]),
    (".ogg", ["-c:a", "libvorbis", "-b:a", "64k"]),
    (".opus", ["-c:a", "libopus", "-b:a", "48k", "-ar", "48000"]),
    (".flac", ["-ss", "0.5"]),
    (".wav", ["-af", "volume=-12dB"]),
    (".wav", ["-ar", "22050"]),
]
RATE = 16_000


def piece(path: pathlib.Path, seed: int) -> None:
    """Thirty seconds of other notes each, for the same instrument."""
    draw = np.random.default_rng(seed)
    sound = np.zeros(30 * RATE)
    at = 0.0
    while at < 29.5:
        length = draw.choice([0.25, 0.375, 0.5, 0.75])
        pitch = 220 * 2 ** (draw.choice([0, 2, 4, 5, 7, 9, 11, 12]) / 12)
        time = np.arange(int(min(2 * length, 30 - at) * RATE)) / RATE
        note = sum(np.sin(2 * np.pi * k * pitch * time) / k**1.5 for k in range(1, 7)) * np.exp(-3 * time)
        start = int(at * RATE)
        sound[start : start + len(note)] += note[: len(sound) - start]
        at += length
    samples = np.int16(sound / np.abs(sound).max() * 20_000)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(samples.tobytes())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("music", type=pathlib.Path)
    parser.add_argument("--muscall", default="muscall")
    parser.add_argument("--files", type=int, default=240)
    parser.add_argument("--copies", type=int, default=60)
    arguments = parser.parse_args()
    kinds = {".wav", ".flac", ".mp3", ".ogg", ".m4a", ".opus"}
    found = sorted(path for path in arguments.music.rglob("*") if path.suffix in kinds)
    random.Random(1).shuffle(found)
    found = found[: arguments.files]
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        (root / "music").mkdir()
        for i, path in enumerate(found):
            os.symlink(path.resolve(), root / "music" / f"{i:03}_own{path.suffix}")
        for i in range(min(arguments.copies, len(found))):
            suffix, options = WAYS[i % len(WAYS)]
            copy = root / "music" / f"{i:03}_copy{suffix}"
            subprocess.run(["ffmpeg", "-loglevel", "error", "-i", found[i], *options, copy], check=True)
        for i in range(20):
            piece(root / "music" / f"piece{i:02}_own.wav", i)
        places = {"XDG_DATA_HOME": folder + "/data", "XDG_CONFIG_HOME": folder + "/config"}

        def muscall(*words: str) -> str:
            run = subprocess.run([arguments.muscall, *words], env={**os.environ, **places}, capture_output=True, text=True)
            if run.returncode > 1:
                raise SystemExit(run.stderr)
            return run.stdout

        print(muscall("index", str(root / "music")).strip())
        groups = json.loads(muscall("duplicates", "--as-is", "--json"))["groups"]
    names = [{pathlib.Path(copy["path"]).name.split("_")[0] for copy in group} for group in groups]
    right = sum(len(name) == 1 for name in names)
    wrong = [sorted(name) for name in names if len(name) > 1]
    made = min(arguments.copies, len(found))
    print(f"{made} copies: {right} found, {len(groups)} groups, of which {len(wrong)} join what is different: {wrong}")
    print(f"precision {right / max(len(groups), 1):.3f}, recall {right / made:.3f}")


if __name__ == "__main__":
    main()

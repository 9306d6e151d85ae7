#!/usr/bin/env python3
"""How many true copies `muscall duplicates` finds, and how many groups are wrong.

    python3 benches/duplicates/measure.py MUSIC [MUSIC …] [--muscall PROGRAM] [--files 240] [--copies 60] [--seeds 1,2,3]
    python3 benches/duplicates/measure.py MUSIC --half first      (the music that limits are chosen on)
    python3 benches/duplicates/measure.py MUSIC --half second     (other music, for the figures)

For each seed, takes files of folders of music (the same music in two places of one name, such as a MIDI file by two SoundFonts,
counts as different), cuts some of them to 10 to 60 s, encodes some of them again in fifteen ways, adds twenty different pieces for one
made instrument, indexes all of it into a library of its own, and compares the groups with what was made. `muscall` runs on
`--threads` cores. Needs ffmpeg and numpy.
"""

import argparse
import collections
import hashlib
import json
import os
import pathlib
import random
import subprocess
import tempfile
import time
import wave

import numpy as np

OPUS = ["-c:a", "libopus", "-ar", "48000", "-b:a"]
WAYS = {
    "mp3 64": (".mp3", ["-b:a", "64k"]),
    "mp3 128": (".mp3", ["-b:a", "128k"]),
    "mp3 320": (".mp3", ["-b:a", "320k"]),
    "Vorbis 64": (".ogg", ["-c:a", "libvorbis", "-b:a", "64k"]),
    "Opus 48": (".opus", [*OPUS, "48k"]),
    "AAC 96": (".m4a", ["-c:a", "aac", "-b:a", "96k"]),
    "cut by 0.5 s": (".flac", ["-ss", "0.5"]),
    "cut by 0.5 s, mp3 96": (".mp3", ["-ss", "0.5", "-b:a", "96k"]),
    "-12 dB": (".wav", ["-af", "volume=-12dB"]),
    "22.05 kHz": (".wav", ["-ar", "22050"]),
    "mono": (".flac", ["-ac", "1"]),
    "0.9 s of silence in front": (".flac", ["-af", "adelay=900:all=1"]),
    "0.4 s of silence in front, Opus 64": (".opus", ["-af", "adelay=400:all=1", *OPUS, "64k"]),
    "mp3 64 twice": (".mp3", ["-b:a", "64k"]),
    "Opus 24": (".opus", [*OPUS, "24k"]),
}
RATE = 16_000
KINDS = {".wav", ".flac", ".mp3", ".ogg", ".m4a", ".opus"}


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


def encode(source: pathlib.Path, target: pathlib.Path, options: list[str]) -> None:
    subprocess.run(["ffmpeg", "-nostdin", "-loglevel", "error", "-i", source, *options, target], check=True)


def half(path: pathlib.Path) -> str:
    """By the name, so that renderings of one piece are in the same half."""
    return "first" if hashlib.sha256(path.stem.encode()).digest()[0] % 2 == 0 else "second"


def make(music: pathlib.Path, found: list[pathlib.Path], copies: int, draw: random.Random) -> list[str]:
    """Fills a folder, and says in which way each copy was made."""
    made = []
    for i, path in enumerate(found):
        own = music / f"{i:03}_own{path.suffix}"
        length = draw.choice([None, 10, 12, 15, 20, 45, 60])
        if length is None or path.suffix == ".opus":
            os.symlink(path.resolve(), own)
        else:
            own = own.with_suffix(".flac")
            encode(path, own, ["-t", str(length)])
        if i < copies:
            way = list(WAYS)[i % len(WAYS)]
            suffix, options = WAYS[way]
            copy = music / f"{i:03}_copy{suffix}"
            if way.endswith("twice"):
                encode(own, music / "once.mp3", options)
                encode(music / "once.mp3", copy, options)
                (music / "once.mp3").unlink()
            else:
                encode(own, copy, options)
            made.append(way)
    for i in range(20):
        piece(music / f"piece{i:02}_own.wav", i)
    return made


def measure(arguments: argparse.Namespace, found: list[pathlib.Path], seed: int) -> tuple[int, int, int]:
    """Copies that were made, found, and wrong groups."""
    draw = random.Random(seed)
    draw.shuffle(found)
    found = found[: arguments.files]
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        (root / "music").mkdir()
        made = make(root / "music", found, arguments.copies, draw)
        places = {"XDG_DATA_HOME": folder + "/data", "XDG_CONFIG_HOME": folder + "/config"}
        places["RAYON_NUM_THREADS"] = str(arguments.threads)

        def muscall(*words: str) -> str:
            run = subprocess.run([arguments.muscall, *words], env={**os.environ, **places}, capture_output=True, text=True)
            if run.returncode > 1:
                raise SystemExit(run.stderr)
            return run.stdout

        print(f"seed {seed}:", muscall("index", str(root / "music")).strip())
        start = time.monotonic()
        groups = json.loads(muscall("duplicates", "--as-is", "--json", *arguments.more))["groups"]
        took = time.monotonic() - start
    names = [{pathlib.Path(copy["path"]).name.split("_")[0] for copy in group} for group in groups]
    wrong = [sorted(name) for name in names if len(name) > 1]
    right = {name for group in names if len(group) == 1 for name in group}
    missed = collections.Counter(way for i, way in enumerate(made) if f"{i:03}" not in right)
    print(f"  {len(made)} copies: {len(made) - missed.total()} found, {len(wrong)} groups join what is different; {took:.1f} s")
    for name in wrong:
        print("  wrong:", *(f"{part} ({found[int(part)]})" if part.isdigit() else part for part in name))
    if missed:
        print("  missed:", ", ".join(f"{count} × {way}" for way, count in missed.most_common()))
    return len(made), len(made) - missed.total(), len(wrong)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("music", type=pathlib.Path, nargs="+")
    parser.add_argument("--muscall", default="muscall")
    parser.add_argument("--files", type=int, default=240)
    parser.add_argument("--copies", type=int, default=60)
    parser.add_argument("--seeds", default="1")
    parser.add_argument("--half", choices=["first", "second"], help="only files whose names hash to this half")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--more", nargs="*", default=[], help="words for `muscall duplicates`, such as --more=--vectors-only")
    arguments = parser.parse_args()
    found = sorted(path for folder in arguments.music for path in folder.rglob("*") if path.suffix in KINDS)
    found = [path for path in found if arguments.half in (None, half(path))]
    sums = [measure(arguments, found.copy(), int(seed)) for seed in arguments.seeds.split(",")]
    made, right, wrong = (sum(column) for column in zip(*sums))
    print(f"together: {right} of {made} found, {wrong} groups wrong")
    print(f"precision {right / max(right + wrong, 1):.3f}, recall {right / max(made, 1):.3f}")


if __name__ == "__main__":
    main()

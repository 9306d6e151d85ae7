#!/usr/bin/env python3
"""Two builds of `index` over the same music, in turn: tracks per minute and the most memory that either held.

    python3 benches/index/compare.py MUSIC --old target-old/index BUNDLE --new target-new/index BUNDLE [--runs 3]

MUSIC is a folder with music of any kind. 24 MP3 and 24 FLAC files of four minutes (--each) are cut from it with ffmpeg, each
from other music, into a folder that is kept (--files). Each run indexes them from nothing, with as many threads as there
are cores; the builds take turns, and medians are printed. The hop of windows is the bundle's: `segment_hop_s` under `model` in
its config.json. --hours 10 indexes one MP3 of so many hours instead, by the new build alone.
"""

import argparse
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

SECONDS = 240


def make(music: pathlib.Path, files: pathlib.Path, each: int) -> None:
    files.mkdir(parents=True, exist_ok=True)
    wanted = [files / f"{i:02}.{kind}" for i in range(each) for kind in ("mp3", "flac")]
    if all(path.exists() for path in wanted):
        return
    found = sorted(p for p in music.rglob("*") if p.suffix.lower() in (".ogg", ".mp3", ".flac", ".wav", ".m4a"))
    pieces, have, at = [], [], 0
    for path in found:
        probe = ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", str(path)]
        seconds = float(subprocess.run(probe, capture_output=True, text=True).stdout or 0)
        have.append(path)
        at += seconds
        if at >= SECONDS:
            pieces.append(have)
            have, at = [], 0
        if len(pieces) == len(wanted):
            break
    if len(pieces) < len(wanted):
        sys.exit(f"{music}: {len(pieces)} times four minutes of music, expected {len(wanted)}")
    for path, parts in zip(wanted, pieces):
        inputs = [argument for part in parts for argument in ("-i", str(part))]
        mixed = "".join(f"[{i}:a:0]aresample=44100,aformat=channel_layouts=stereo[a{i}];" for i in range(len(parts)))
        mixed += "".join(f"[a{i}]" for i in range(len(parts))) + f"concat=n={len(parts)}:v=0:a=1[a]"
        kind = ["-b:a", "192k"] if path.suffix == ".mp3" else ["-sample_fmt", "s16"]
        subprocess.run(["ffmpeg", "-v", "error", "-y", *inputs, "-filter_complex", mixed, "-map", "[a]", "-t", str(SECONDS),
                        *kind, str(path)], check=True)


def make_long(files: pathlib.Path, hours: int) -> pathlib.Path:
    """An MP3 of two of the files, mono and at 64 kbit/s: the second one stands at the beginning of the last hour."""
    folder = files.with_name(f"{files.name}-{hours}-hours")
    folder.mkdir(exist_ok=True)
    if not (folder / "long.mp3").exists():
        for name, source in (("a", "00.mp3"), ("b", "01.flac")):
            mono = ["-ac", "1", "-b:a", "64k", f"{files}.{name}.mp3"]
            subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", str(files / source), *mono], check=True)
        count = hours * 3600 // SECONDS
        pieces = ["b" if i == (hours - 1) * 3600 // SECONDS else "a" for i in range(count)]
        listed = pathlib.Path(f"{files}.list")
        listed.write_text("".join(f"file '{files}.{name}.mp3'\n" for name in pieces))
        joined = ["-f", "concat", "-safe", "0", "-i", str(listed), "-c", "copy", str(folder / "long.mp3")]
        subprocess.run(["ffmpeg", "-v", "error", "-y", *joined], check=True)
    return folder


def run(program: str, bundle: str, files: pathlib.Path) -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as folder:
        command = [program, str(files), "--bundle", bundle, "--index", f"{folder}/music.index"]
        start = time.perf_counter()
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        _, errors = child.communicate()
        seconds = time.perf_counter() - start
        if child.returncode != 0:
            sys.exit(errors)
    return seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e3


def peak(program: str, bundle: str, files: pathlib.Path) -> float:
    """Megabytes, of one run by itself."""
    command = [sys.executable, __file__, str(files), "--one", program, bundle]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("music", type=pathlib.Path)
    parser.add_argument("--old", nargs=2, metavar=("PROGRAM", "BUNDLE"))
    parser.add_argument("--new", nargs=2, metavar=("PROGRAM", "BUNDLE"))
    parser.add_argument("--files", type=pathlib.Path, default=pathlib.Path(tempfile.gettempdir()) / "muscall-four-minutes")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--each", type=int, default=24, help="files of each kind")
    parser.add_argument("--hours", type=int)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(run(*arguments.one, arguments.music)[1])
        return
    make(arguments.music, arguments.files, arguments.each)
    if arguments.hours:
        files = make_long(arguments.files, arguments.hours)
        print(f"{run(*arguments.new, files)[0]:.0f} s, {peak(*arguments.new, files):.0f} MB at most")
        return
    files = arguments.files
    if len(list(files.iterdir())) != 2 * arguments.each:
        sys.exit(f"{files}: expected {2 * arguments.each} files; give another folder by --files")
    seconds = {"old": [], "new": []}
    for turn in range(arguments.runs):
        for name in ("old", "new") if turn % 2 == 0 else ("new", "old"):
            seconds[name].append(run(*getattr(arguments, name), files)[0])
    rates = {name: 2 * arguments.each * 60 / statistics.median(times) for name, times in seconds.items()}
    for name, times in seconds.items():
        spread = ", ".join(f"{time:.1f}" for time in times)
        megabytes = peak(*getattr(arguments, name), files)
        print(f"{name}: {rates[name]:.1f} tracks per minute ({spread} s), {megabytes:.0f} MB at most")
    print(f"new / old: {rates['new'] / rates['old']:.2f}")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Fetch the music that the model in the box hears: MUSIC/<package>/<file> of 23 Debian packages.

    python3 fetch.py MUSIC [--packages naev-data,zaz-data] [--work DIR] [--keep]

Reads catalog.csv beside this script: which file of which version of which package, with its SHA-256. Each package is
downloaded with `apt-get download`, unpacked with `dpkg-deb -x`, its archives that hide music are opened, and the files
of the catalogue are copied; everything else is deleted. Files that are there with the right hash are left alone, so
that a second call goes on where the first was ended. Needs Debian (or Ubuntu with Debian's archive): apt-get, dpkg-deb;
3.3 GB are downloaded; 1.5 GB of music stay. A version that the archive no longer has is on
https://snapshot.debian.org; put the .deb into --work and call again.

Opus and video, which the program doesn't read, are written as FLAC at 16 kHz, mono, beside the file (`track.opus` ->
`track.opus.flac`, by ffmpeg); the manifests name that file.

`--record` fills in hashes and lengths that the table lacks (that is how it was made).
"""

import argparse
import csv
import hashlib
import pathlib
import shutil
import subprocess
import sys
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
COLUMNS = [
    "file", "package", "version", "path", "licence", "title", "artist", "genre_tag", "culture",
    "sha256", "seconds", "use", "reason",
]


def read_catalog(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write_catalog(path, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def seconds(path):
    """Length by the header, or by ffprobe where libsndfile doesn't read the file (video, MP3 without a frame count)."""
    import soundfile

    try:
        info = soundfile.info(str(path))
        return info.frames / info.samplerate
    except soundfile.LibsndfileError:
        command = ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", str(path)]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def debian_file(package, version, work):
    """The .deb in `work`, downloaded if need be. Epochs are written %3a by apt."""
    name = f"{package}_{version.replace(':', '%3a')}_*.deb"
    if not list(work.glob(name)):
        subprocess.run(["apt-get", "download", "-q", f"{package}={version}"], cwd=work, check=True)
    return next(iter(work.glob(name)))


def member(root, path):
    """A file of the unpacked package: `usr/a.ogg`, or `usr/a.zip!inside/b.ogg` for one in an archive."""
    outer, _, inner = path.partition("!")
    if not inner:
        return (root / outer).open("rb")
    return zipfile.ZipFile(root / outer).open(inner)


def heard(file):
    """The file that the program reads: `file` itself, or what `decode` makes of it."""
    return file + ".flac" if file.endswith((".opus", ".video.ogg")) else file


def decode(music, file):
    target = music / heard(file)
    if target == music / file or target.exists():
        return
    unfinished = target.with_suffix(".unfinished")
    command = ["ffmpeg", "-v", "error", "-y", "-i", str(music / file), "-vn", "-map_metadata", "-1"]
    command += ["-ac", "1", "-ar", "16000", "-sample_fmt", "s16", "-f", "flac", str(unfinished)]
    subprocess.run(command, check=True)
    unfinished.replace(target)


def fetch(package, rows, music, work, keep):
    version = rows[0]["version"]
    deb = debian_file(package, version, work)
    root = work / f"unpacked-{package}"
    shutil.rmtree(root, ignore_errors=True)
    subprocess.run(["dpkg-deb", "-x", str(deb), str(root)], check=True)
    target = music / package
    target.mkdir(parents=True, exist_ok=True)
    for row in rows:
        unfinished = target / ".unfinished"
        with member(root, row["path"]) as source, unfinished.open("wb") as file:
            shutil.copyfileobj(source, file)
        if row["sha256"] and sha256(unfinished) != row["sha256"]:
            sys.exit(f"{row['file']}: not the file of the catalogue; is the package version {version}?")
        unfinished.replace(music / row["file"])
    for text in (root / "usr/share/doc").glob("*/copyright"):
        shutil.copy(text, target / f"copyright-{text.parent.name}.txt")
    shutil.rmtree(root)
    if not keep:
        deb.unlink()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("music", type=pathlib.Path)
    parser.add_argument("--catalog", type=pathlib.Path, default=HERE / "catalog.csv")
    parser.add_argument("--packages", default="", help="only these, separated by commas")
    parser.add_argument("--work", type=pathlib.Path, help="downloads (default: MUSIC/.deb)")
    parser.add_argument("--keep", action="store_true", help="keep the .deb files")
    parser.add_argument("--record", action="store_true", help="write missing hashes and lengths into the catalogue")
    arguments = parser.parse_args()

    music = arguments.music.resolve()
    work = (arguments.work or music / ".deb").resolve()
    work.mkdir(parents=True, exist_ok=True)
    rows = read_catalog(arguments.catalog)
    packages = {}
    for row in rows:
        packages.setdefault(row["package"], []).append(row)
    wanted = arguments.packages.split(",") if arguments.packages else list(packages)
    for package in wanted:
        files = packages[package]
        there = all(
            (music / row["file"]).is_file() and (not row["sha256"] or sha256(music / row["file"]) == row["sha256"])
            for row in files
        )
        if not there:
            fetch(package, files, music, work, arguments.keep)
        for row in files:
            decode(music, row["file"])
        print(f"{package}: {len(files)} files", file=sys.stderr, flush=True)
        if arguments.record:
            for row in files:
                row["sha256"] = row["sha256"] or sha256(music / row["file"])
                row["seconds"] = row["seconds"] or f"{seconds(music / row['file']):.2f}"
            write_catalog(arguments.catalog, rows)


if __name__ == "__main__":
    main()

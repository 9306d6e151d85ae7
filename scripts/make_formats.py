#!/usr/bin/env python3
"""Makes a folder of small audio files of every kind that the installed tools write, and says what each of them holds.

    scripts/make_formats.py FOLDER            all of them, some 200 files, with whole references
    scripts/make_formats.py --small FOLDER    the few that are committed, with windows of their references

`MUSCALL_FORMATS=FOLDER cargo test -p muscall-audio --test formats` compares the status tables in the README of
muscall-audio with these files; with `MUSCALL_UPDATE=1` it writes them.

Needs ffmpeg and ffprobe; what flac, lame, oggenc, opusenc, sox, wavpack and mkvpropedit write is left out where they are not installed. Python's
libraries are put into a virtual environment that goes when the script ends. FOLDER must be empty or new.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

PINNED = ["mutagen==1.47.0", "numpy==2.2.6", "soundfile==0.13.1"]
SECONDS, TAGGED_SECONDS = 1.2, 0.5
# Of the files that are committed, in either folder.
SMALL_SECONDS = 0.24


def in_environment():
    """Runs this script again where its libraries are."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = f"{folder}/bin/python"
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PINNED], check=True)
        environment = {**os.environ, "MUSCALL_FORMATS_IN_VENV": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run([python, __file__, *sys.argv[1:]], env=environment).returncode


def make(folder, small):
    from formats import fixtures, kinds, references, tagged

    (folder / "reference").mkdir(parents=True)
    files, unmade = [], []
    kept = ("file", "codec", "container", "variant", "lossless", "names")
    for one in kinds.all_kinds() + tagged.all_cases():
        if small and not one["small"]:
            continue
        is_tagged = "system" in one
        # Tags need little sound.
        seconds = SMALL_SECONDS if one["small"] else TAGGED_SECONDS if is_tagged else SECONDS
        error = (tagged if is_tagged else kinds).write(one, folder, seconds)
        if error:
            unmade.append({"codec": one["codec"], "container": one["container"], "reason": error})
            continue
        # Where a copy is cut depends on its packets.
        original = None if one["cut"] else seconds * (2 if one["twice"] else 1)
        file = {**{field: one[field] for field in kept}, "original_s": original}
        files.append({**file, "tags": tagged.read(one, folder / one["file"])} if is_tagged else file)
    files += fixtures.beside(folder)
    for file in files:
        file.update(references.describe(folder, file["file"], small))
    manifest = {"is_whole": not small, "made_by": references.versions(), "files": files, "unmade": unmade}
    (folder / "manifest.json").write_text(lines(manifest))
    print(f"{len(files)} files, {len(unmade)} could not be made")
    for one in unmade:
        print(f"  {one['codec']} in {one['container']}: {one['reason']}")


def lines(manifest):
    """JSON with a line for each file."""
    head = {key: value for key, value in manifest.items() if key != "files"}
    files = ",\n".join(json.dumps(file, ensure_ascii=False) for file in manifest["files"])
    return json.dumps(head, ensure_ascii=False)[:-1] + ', "files": [\n' + files + "\n]}\n"


def main():
    arguments = sys.argv[1:]
    small = "--small" in arguments
    folders = [argument for argument in arguments if argument != "--small"]
    if len(folders) != 1 or folders[0].startswith("-"):
        sys.exit(__doc__)
    folder = Path(folders[0])
    if folder.exists() and any(folder.iterdir()):
        sys.exit(f"{folder}: holds files already; give an empty or a new folder")
    if "MUSCALL_FORMATS_IN_VENV" not in os.environ:
        sys.exit(in_environment())
    sys.dont_write_bytecode = True
    make(folder, small)


if __name__ == "__main__":
    main()

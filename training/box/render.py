#!/usr/bin/env python3
"""Which clip of the MIDI corpus is rendered with which SoundFont: lists for the example `render_midi`, and the manifest.

    python3 render.py CORPUS FONTS RENDER manifest_rendered.csv.gz
    for font in compact fluid musescore opl3 timgm6mb; do
        render_midi RENDER/$font/list.jsonl --soundfont "$(cat RENDER/$font/soundfont)"; done

CORPUS holds manifest.jsonl.gz and midi/*.zip. FONTS holds the SoundFonts by the names of FONTS below: from the Debian
packages fluid-soundfont-gm, musescore-general-soundfont-lossless, opl3-soundfont and timgm6mb-soundfont (`apt-get download`,
`dpkg-deb -x`), and compact.sf2 of the corpus. MIDI files are unpacked into RENDER/<font>/<source>/, audio goes to
RENDER/<font>/rendered/<source>/<id>.wav: 16 bits, mono, 16 kHz, 0.96 MB for a clip of 30 s.

Clips of the validation and test galleries: compact alone; clips of these splits outside the galleries aren't rendered.
Training clips: 40 % compact, the rest spread over the other fonts, by a hash of the id, so that a clip keeps its font.
Clips of leave_out.csv aren't rendered, those of the galleries are (`use` is `out`), for figures on the whole gallery.
`use` is `out` too for training clips of the source m21 (terms may restrict commercial use; compact, for an ablation)
and for the font whose licence leaves the status of what is rendered open (soundfonts.csv).
"""

import argparse
import csv
import gzip
import hashlib
import io
import json
import os
import pathlib
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
FONTS = {
    "compact": "compact.sf2",
    "fluid": "FluidR3_GM.sf2",
    "musescore": "MuseScore_General_Full.sf2",
    "opl3": "OPL-3_FM_128M.sf2",
    "timgm6mb": "TimGM6mb.sf2",
}
# Shares of training clips, in hundredths.
SHARES = {"compact": 40, "fluid": 22, "musescore": 22, "opl3": 16}
# So many hundredths of the training clips are rendered with this font besides, and are `out`: its licence (GPL-2)
# leaves open what is rendered with it.
OPEN_LICENCE, OPEN_SHARE = "timgm6mb", 8
COLUMNS = ["id", "file", "caption_1", "caption_2", "caption_3", "font", "group", "source", "split", "use"]


def place(name):
    """0 to 99, by a hash."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % 100


def font_of(row):
    """By the hash of the id; m21, validation and test have the corpus's own font."""
    if row["split"] != "train" or row["source"] == "m21":
        return "compact"
    at = place(row["id"])
    for font, share in SHARES.items():
        if at < share:
            return font
        at -= share
    raise AssertionError("shares are hundredths")


def renders(row, left_out):
    """(font, use) of each rendering of a clip."""
    gallery = bool(row["gallery"])
    left_out = row["id"] in left_out["id"] or row["group"] in left_out["group"]
    if not gallery and (row["split"] != "train" or left_out):
        return []
    if left_out or (row["source"] == "m21" and not gallery):
        return [(font_of(row), "out")]
    use = {"train": "train", "val": "validation", "test": "test"}[row["split"]]
    more = use == "train" and place("open " + row["id"]) < OPEN_SHARE
    return [(font_of(row), use)] + ([(OPEN_LICENCE, "out")] if more else [])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("corpus", "fonts", "render", "manifest"):
        parser.add_argument(name, type=pathlib.Path)
    arguments = parser.parse_args()

    left_out = {"id": set(), "group": set()}
    with (HERE / "leave_out.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            left_out[row["kind"]].add(row["name"])
    archives = {}
    lists = {font: [] for font in FONTS}
    table = []
    with gzip.open(arguments.corpus / "manifest.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    for row in rows:
        if row["archive"] not in archives:
            archives[row["archive"]] = zipfile.ZipFile(arguments.corpus / row["archive"])
        archive = archives[row["archive"]]
        for font, use in renders(row, left_out):
            midi = arguments.render / font / row["midi"]
            if not midi.exists():
                midi.parent.mkdir(parents=True, exist_ok=True)
                midi.write_bytes(archive.read(row["midi"]))
            lists[font].append((row["split"] != "train", use != "out", row["midi"]))
            split = {"val": "validation"}.get(row["split"], row["split"])
            captions = {f"caption_{number}": caption for number, caption in enumerate(row["captions"], 1)}
            table.append({
                "id": row["id"] if font != OPEN_LICENCE else f"{row['id']}.{font}",
                "file": f"{font}/rendered/{os.path.splitext(row['midi'])[0]}.wav",
                **captions, "font": font, "group": row["group"], "source": row["source"], "split": split, "use": use,
            })
    for font, clips in lists.items():
        folder = arguments.render / font
        folder.mkdir(parents=True, exist_ok=True)
        # Galleries first, then what is in the shipped run, then the rest.
        clips.sort(key=lambda clip: (not clip[0], not clip[1], clip[2]))
        with (folder / "list.jsonl").open("w", encoding="utf-8") as file:
            for _, _, midi in clips:
                file.write(json.dumps({"location": midi}) + "\n")
        (folder / "soundfont").write_text(str((arguments.fonts / FONTS[font]).resolve()) + "\n")
        print(f"{font}: {len(clips)} clips, {len(clips) * 0.96 / 1024:.2f} GB")
    with arguments.manifest.open("wb") as raw, gzip.GzipFile("", "wb", mtime=0, fileobj=raw) as packed:
        with io.TextIOWrapper(packed, "utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(table)


if __name__ == "__main__":
    main()

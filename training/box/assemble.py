#!/usr/bin/env python3
"""The manifest of a training: rows of produced music with captions, and rendered clips.

    python3 assemble.py produced.jsonl manifest_rendered.csv.gz --renders RENDER [--scenes scenes.csv] \
        --out manifest.jsonl [--with-out]

produced.jsonl is what the example `sentences` made of tags.csv.gz with `--audio FOLDER`. Splits are those of
catalog.csv. Rows that are out are left out (`--with-out` takes them, for an ablation). Rows name their `source`, `produced` or `rendered`. Paths are relative to the manifest.

With --scenes, training windows of produced music get one more caption, one of the track's scenes by a hash: what the title and the game
say, not what plays, so that words for scenes occur in training.
"""

import argparse
import csv
import gzip
import hashlib
import json
import os
import pathlib

from fetch import HERE, heard, read_catalog


def one_of(captions: list[str], name: str) -> list[str]:
    """One of them, the same for the same name; none of none."""
    place = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    return [captions[place % len(captions)]] if captions else []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("produced", type=pathlib.Path)
    parser.add_argument("rendered", type=pathlib.Path)
    parser.add_argument("--renders", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--scenes", type=pathlib.Path)
    parser.add_argument("--with-out", action="store_true")
    arguments = parser.parse_args()
    rows, missing = [], 0
    uses = {row["file"]: row["use"] for row in read_catalog(HERE / "catalog.csv")}
    scenes = {}
    if arguments.scenes:
        with open(arguments.scenes, newline="", encoding="utf-8") as table:
            scenes = {row["file"]: row["captions"].split(";") for row in csv.DictReader(table)}
    with open(arguments.produced, encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            music, name = row["audio"].split("/", 1)
            use = uses[name]
            if use == "out" and not arguments.with_out:
                continue
            split = {"validation": "val", "out": "train"}.get(use, use)
            if split == "train":
                row["captions"] += one_of(scenes.get(name, []), f"{name} {row['start_s']}")
            rows.append({**row, "audio": f"{music}/{heard(name)}", "split": split, "source": "produced"})
    folder = os.path.relpath(arguments.renders, arguments.out.resolve().parent)
    with gzip.open(arguments.rendered, "rt", encoding="utf-8", newline="") as table:
        for row in csv.DictReader(table):
            if row["use"] == "out" and not arguments.with_out:
                continue
            if not (arguments.renders / row["file"]).exists():
                missing += 1
                continue
            captions = [row[name] for name in ("caption_1", "caption_2", "caption_3") if row[name]]
            rows.append({
                "id": row["id"], "audio": f"{folder}/{row['file']}", "captions": captions, "source": "rendered",
                "split": {"validation": "val"}.get(row["split"], row["split"]),
            })
    with open(arguments.out, "w", encoding="utf-8") as out:
        out.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    counts = {}
    for row in rows:
        key = (row["split"], row["source"])
        counts[key] = counts.get(key, 0) + 1
    print(", ".join(f"{split} {source}: {count}" for (split, source), count in sorted(counts.items())))
    if missing:
        print(f"{missing} clips are not rendered yet")


if __name__ == "__main__":
    main()

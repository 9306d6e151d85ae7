#!/usr/bin/env python3
"""A smaller manifest for the ablations: some rendered clips, all produced windows, and one world's part of the validation.

    python3 subset.py manifest.jsonl --rendered 1200 [--font compact] [--no-produced] --validation rendered --out small.jsonl

Rendered training clips are taken in the order of a hash of their names. `--font` takes clips of one SoundFont only, by the
folder that they were rendered into; `--no-produced` leaves produced music out. Rows of the test are left out, so that no
choice sees them; of the validation, those whose source is `--validation` stay.
"""

import argparse
import hashlib
import json
import pathlib


def place(row: dict) -> bytes:
    """Where a row comes in the order of the hash."""
    return hashlib.sha256(row["audio"].encode()).digest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=pathlib.Path)
    parser.add_argument("--rendered", type=int, required=True)
    parser.add_argument("--font")
    parser.add_argument("--no-produced", action="store_true")
    parser.add_argument("--validation", choices=["produced", "rendered"], required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    with open(arguments.manifest, encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    train = [row for row in rows if row["split"] == "train"]
    rendered = sorted((row for row in train if row["source"] == "rendered"), key=place)
    if arguments.font:
        rendered = [row for row in rendered if f"/{arguments.font}/" in row["audio"]]
    if len(rendered) < arguments.rendered:
        parser.error(f"{arguments.rendered} rendered clips were asked for, and {len(rendered)} are there")
    produced = [] if arguments.no_produced else [row for row in train if row["source"] == "produced"]
    kept = produced + rendered[: arguments.rendered]
    kept += [row for row in rows if row["split"] == "val" and row["source"] == arguments.validation]
    # Paths of audio are relative to the manifest, which need not lie beside the one that was read.
    base = arguments.manifest.resolve().parent
    with open(arguments.out, "w", encoding="utf-8") as out:
        out.writelines(json.dumps({**row, "audio": str(base / row["audio"])}, ensure_ascii=False) + "\n" for row in kept)
    print(f"{arguments.out}: {len(kept)} rows")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""The windows of the fetched music as a manifest without captions: `python3 windows.py tags.csv.gz manifest_real.csv.gz`.

One row per window of tags.csv.gz (10 s, none that is silent). `file` lies below MUSIC as fetch.py leaves it; `split` and
`use` are those of catalog.csv: music that is `out` keeps a split of `train`, so that an ablation can add it. The captions
come from tags.csv.gz, catalog.csv and genres.csv by templates.toml.
"""

import csv
import gzip
import io
import pathlib
import sys

from fetch import HERE, heard, read_catalog

WINDOW_S = 10


def main(tags, manifest):
    catalog = {row["file"]: row for row in read_catalog(HERE / "catalog.csv")}
    with manifest.open("wb") as raw, gzip.GzipFile("", "wb", mtime=0, fileobj=raw) as packed:
        with io.TextIOWrapper(packed, "utf-8", newline="") as out, gzip.open(tags, "rt", newline="") as file:
            table = csv.writer(out, lineterminator="\n")
            table.writerow(["file", "start_s", "end_s", "package", "split", "use"])
            for window in csv.DictReader(file):
                row = catalog[window["file"]]
                start = int(window["start_s"])
                split = "train" if row["use"] == "out" else row["use"]
                table.writerow([heard(row["file"]), start, start + WINDOW_S, row["package"], split, row["use"]])


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))

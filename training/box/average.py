#!/usr/bin/env python3
"""Weights between those of two bundles: `python3 average.py FIRST SECOND PART OUT`.

OUT is the second bundle with `(1 - PART) * first + PART * second` for every floating-point number, as in Wortsman et al. 2022,
"Robust fine-tuning of zero-shot models": between a model and what further training made of it.
"""

import json
import pathlib
import shutil
import struct
import sys

import numpy as np


def main(first, second, part, out):
    shutil.copytree(second, out, ignore=shutil.ignore_patterns("checkpoints", "tensorboard", "*.csv", "log.jsonl", "scores.json"))
    tensors = []
    for bundle in (first, second):
        data = (bundle / "weights.safetensors").read_bytes()
        (length,) = struct.unpack("<Q", data[:8])
        tensors.append((json.loads(data[8 : 8 + length]), data[8 + length :]))
    (others, other), (header, own) = tensors
    new = bytearray(own)
    for name, tensor in header.items():
        if name == "__metadata__" or tensor["dtype"] != "F32":
            continue
        (start, end), (other_start, other_end) = tensor["data_offsets"], others[name]["data_offsets"]
        mine, theirs = np.frombuffer(own[start:end], "<f4"), np.frombuffer(other[other_start:other_end], "<f4")
        new[start:end] = ((1 - part) * theirs.astype(np.float64) + part * mine).astype("<f4").tobytes()
    # Hashes and the mean of captions are of the second bundle; without them both are computed when it is read.
    header.get("__metadata__", {}).pop("muscall_space", None)
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    (out / "weights.safetensors").write_bytes(struct.pack("<Q", len(head)) + head + new)


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), float(sys.argv[3]), pathlib.Path(sys.argv[4]))

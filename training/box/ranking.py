#!/usr/bin/env python3
"""How tracks should be ranked by the scores of their windows, and whether queries keep what all captions share.

    index --bundle BUNDLE --index val.index FOLDER            # links to the tracks of the validation
    export --index val.index --npy val.npy
    python3 ranking.py --words                                > words.txt
    embed --bundle BUNDLE --out words.safetensors --texts words.txt SOME.ogg
    python3 ranking.py val.npy words.safetensors
    embed --bundle BUNDLE --out captions.safetensors --texts captions.txt CLIPS      # three captions per clip, in order
    python3 ranking.py --captions captions.safetensors words.safetensors

A query is one of the taggers' tags; a track is right if its windows have the tag with a confidence of 0.2 on average
(tags.csv.gz). Tags that fewer than one or more than 20 tracks have are left out. Printed for each rule: mean average
precision, and how often the first track is right, with 95 % intervals over tags. `--captions` prints R@10 of long captions.
"""

import csv
import gzip
import json
import pathlib
import struct
import sys

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
TAGS = """guitar classical slow techno strings drums electronic rock piano ambient fast beat violin vocals synth indian
harpsichord loud quiet flute pop soft choir metal dance harp cello jazz folk blues funk chillout mellow sad happy punk country
acoustic experimental 80s""".split() + ["new age", "heavy metal"]
MOODS = "a calm|an energetic|a sad|a happy|a dark|a dreamy|an aggressive|a slow".split("|")
GENRES = "rock pop jazz classical electronic,hip hop,folk country metal blues ambient reggae Latin soundtrack"
SOUNDS = """solo piano|acoustic guitar|distorted electric guitars|a string orchestra|a brass band|heavy drums|a deep bass line|a female
singer|a male choir|a synthesizer|a flute melody|an organ"""
CONFIDENT, MOST = 0.2, 20


def descriptions():
    """Of all sorts of music: their mean is the centre of text (`Muscall::text_centre`)."""
    genres = [genre for part in GENRES.split(",") for genre in ([part] if part == "hip hop" else part.split())]
    sounds = [" ".join(sound.split()) for sound in SOUNDS.split("|")]
    return [f"{mood} {genre} track" for mood in MOODS for genre in genres] + [f"music with {sound}" for sound in sounds]


def tensor(path, name):
    data = pathlib.Path(path).read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])[name]
    start, end = header["data_offsets"]
    return np.frombuffer(data[8 + length + start : 8 + length + end], np.float32).reshape(header["shape"])


def confidences():
    """By file and start, what the taggers hear."""
    found = {}
    with gzip.open(HERE / "tags.csv.gz", "rt", newline="") as table:
        for row in csv.DictReader(table):
            heard = {}
            for part in ";".join([row["mtt"], row["msd"]]).split(";"):
                if part:
                    tag, confidence = part.rsplit(":", 1)
                    heard[tag.lower()] = max(heard.get(tag.lower(), 0), float(confidence))
            found.setdefault(row["file"], []).append(heard)
    return found


def interval(values):
    drawn = np.random.default_rng(0).integers(0, len(values), (10_000, len(values)))
    low, high = np.quantile(np.asarray(values)[drawn].mean(1), [0.025, 0.975])
    return f"{np.mean(values):.3f} [{low:.3f}, {high:.3f}]"


def without(text, direction):
    """What is left of text without its part along a direction, unit norm."""
    rest = text - (text @ direction)[:, None] * direction
    return rest / np.linalg.norm(rest, axis=1, keepdims=True)


def captions(pairs, words):
    audio, text, centre = tensor(pairs, "audio"), tensor(pairs, "text"), tensor(words, "text")[len(TAGS) :].mean(0)
    own = np.repeat(np.arange(len(audio)), len(text) // len(audio))
    rest = without(text, centre / np.linalg.norm(centre))
    for name, queries in (("as they are", text), ("without what captions share", rest), ("their mean subtracted", text - centre)):
        scores = queries @ audio.T
        ranks = (scores > scores[np.arange(len(scores)), own][:, None]).sum(1) + 1
        print(f"{len(audio)} clips, captions {name}: R@10 {(ranks <= 10).mean():.3f}")


def main(npy, words):
    heard, vectors = confidences(), np.load(npy)
    with open(str(npy).removesuffix(".npy") + ".ids.csv", newline="") as table:
        paths = ["/".join(row["path"].split("/")[-2:]) for row in csv.DictReader(table)]
    files = sorted(file for file in set(paths) if file in heard)
    rows = {file: np.flatnonzero(np.array(paths) == file) for file in files}
    text = tensor(words, "text")
    centre, text = text[len(TAGS) :].mean(0), text[: len(TAGS)]
    truth = np.array([[np.mean([window.get(tag, 0) for window in heard[file]]) >= CONFIDENT for tag in TAGS] for file in files])
    taken = [tag for tag in range(len(TAGS)) if 1 <= truth[:, tag].sum() <= MOST]
    print(f"{len(files)} tracks, {len(taken)} tags, of which a track has {truth[:, taken].mean():.3f} on average")
    whole = np.array([vectors[rows[file]].mean(0) for file in files])
    whole /= np.linalg.norm(whole, axis=1, keepdims=True)
    rest = without(text, centre / np.linalg.norm(centre))
    for name, queries in (("as they are", text), ("without what captions share", rest)):
        moments = np.array([(vectors[rows[file]] @ queries.T).max(0) for file in files])
        for weight in (0, 0.25, 0.5, 0.75, 1):
            scores = (1 - weight) * moments + weight * (whole @ queries.T)
            precisions, firsts = [], []
            for tag in taken:
                right = truth[np.argsort(-scores[:, tag], kind="stable"), tag]
                precisions.append((np.cumsum(right) / np.arange(1, len(right) + 1))[right].mean())
                firsts.append(float(right[0]))
            print(f"{name:27} track weight {weight:4}: average precision {interval(precisions)}, first right {interval(firsts)}")


if __name__ == "__main__":
    if sys.argv[1:] == ["--words"]:
        print("\n".join(TAGS + descriptions()))
    elif len(sys.argv) == 4 and sys.argv[1] == "--captions":
        captions(*sys.argv[2:])
    elif len(sys.argv) == 3:
        main(*sys.argv[1:])
    else:
        sys.exit(__doc__)

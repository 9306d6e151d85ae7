#!/usr/bin/env python3
"""The same clips at other levels: `python3 loudness.py manifest.jsonl 400 OUT`.

Takes the first so many rendered clips of the test (16-bit WAV), and writes them 20 dB quieter, and 10 dB louder and clipped, with
three manifests, 0.jsonl, -20.jsonl and 10.jsonl, whose split is `test`. `evaluate --data OUT/-20.jsonl --split test` then tells
what the level costs.
"""

import array
import json
import pathlib
import sys
import wave

LEVELS_DB = (0, -20, 10)
LARGEST = 32767


def main(manifest, count, out):
    rows = [json.loads(line) for line in manifest.read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if row["split"] == "test" and row["source"] == "rendered"][:count]
    for level in LEVELS_DB:
        gain = 10 ** (level / 20)
        folder = out / f"{level} dB"
        folder.mkdir(parents=True, exist_ok=True)
        lines = []
        for number, row in enumerate(rows):
            with wave.open(str(manifest.parent / row["audio"])) as clip:
                parameters, samples = clip.getparams(), array.array("h", clip.readframes(clip.getnframes()))
            changed = array.array("h", (max(-LARGEST - 1, min(LARGEST, round(gain * sample))) for sample in samples))
            file = folder / f"{number:04}.wav"
            with wave.open(str(file), "wb") as clip:
                clip.setparams(parameters)
                clip.writeframes(changed.tobytes())
            lines.append(json.dumps({**row, "audio": f"{folder.name}/{file.name}"}) + "\n")
        (out / f"{level}.jsonl").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]), int(sys.argv[2]), pathlib.Path(sys.argv[3]))

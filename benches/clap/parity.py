#!/usr/bin/env python3
"""What transformers' ClapModel makes of an exported folder, beside the vectors of the bundle that it was exported from.

  parity.py BUNDLE [--export EXPORT] [--embed EMBED] [--import-clap IMPORT_CLAP]

Exports the bundle (`export --bundle BUNDLE --as transformers`), reads the folder with ClapModel and ClapFeatureExtractor in
float32, gives both sides the same samples and captions, and prints the largest 1 - cos and the largest norm of the
difference of unit vectors. Then imports the exported folder again and compares all files. Exits with 1 if a difference is
above 1e-5 or a file is another one. Needs torch, transformers, tokenizers, safetensors, soundfile, numpy.
"""
import argparse, filecmp, os, subprocess, sys, tempfile

import numpy as np
import soundfile
import torch
from safetensors.numpy import load_file
from tokenizers import Tokenizer
from transformers import ClapFeatureExtractor, ClapModel

CAPTIONS = ["guitar", "Rain", "calm solo piano", "fast electronic dance music with a strong beat",
            "an orchestra plays a heroic march", "Distorted electric guitars and drums, recorded live in 1974",
            "a chiptune melody from a video game", "jazz trio: piano, double bass and brushed drums in a small club, late at night"]
RATE, CONTEXT, TOLERANCE = 48_000, 77, 1e-5


def clips():
    """Chords, a sweep and noise; whole windows, and one of 3 s, which is repeated."""
    rng = np.random.default_rng(7)
    for seconds, base in [(10, 110.0), (10, 261.6), (10, 523.3), (3, 330.0)]:
        t = np.arange(seconds * RATE) / RATE
        tones = sum(np.sin(2 * np.pi * base * ratio * t) / (n + 2) for n, ratio in enumerate((1, 1.25, 1.5, 2, 3)))
        sweep = np.sin(2 * np.pi * (200 * t + 300 * t * t))
        x = 0.3 * tones * (1 + np.sin(3 * t)) + 0.1 * sweep + 0.05 * rng.standard_normal(len(t))
        yield (np.clip(x / np.abs(x).max() * 0.9, -1, 1) * 32767).astype(np.int16)


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}: {done.stderr}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bundle")
    for program in ("export", "embed", "import_clap"):
        parser.add_argument("--" + program.replace("_", "-"), default=f"target/release/examples/{program}")
    args = parser.parse_args()
    torch.set_num_threads(os.cpu_count())
    with tempfile.TemporaryDirectory() as folder:
        exported, again, ours = (os.path.join(folder, name) for name in ("exported", "again", "ours.safetensors"))
        run(args.export, "--bundle", args.bundle, "--as", "transformers", exported)
        paths, samples = [], list(clips())
        for n, clip in enumerate(samples):
            paths.append(os.path.join(folder, f"{n}.wav"))
            soundfile.write(paths[-1], clip, RATE, subtype="PCM_16")
        texts = os.path.join(folder, "texts")
        open(texts, "w").write("\n".join(CAPTIONS) + "\n")
        run(args.embed, "--bundle", args.bundle, "--out", ours, "--texts", texts, "--device", "cpu", *paths)
        ours = load_file(ours)

        model = ClapModel.from_pretrained(exported, dtype=torch.float32).eval()
        extractor = ClapFeatureExtractor.from_pretrained(exported)
        tokenizer = Tokenizer.from_file(os.path.join(exported, "tokenizer.json"))
        tokenizer.enable_truncation(CONTEXT)
        theirs = {"audio": [], "text": []}
        with torch.no_grad():
            for clip in samples:
                mel = extractor([clip.astype(np.float32) / 32768], sampling_rate=RATE, return_tensors="pt")
                theirs["audio"].append(model.get_audio_features(input_features=mel["input_features"]))
            for caption in CAPTIONS:
                ids = torch.tensor([tokenizer.encode(caption).ids])
                theirs["text"].append(model.get_text_features(input_ids=ids, attention_mask=torch.ones_like(ids)))
        worst = 0.0
        for side, vectors in theirs.items():
            vectors = torch.cat([getattr(v, "pooler_output", v) for v in vectors]).double().numpy()
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            own = ours[side].astype(np.float64)
            difference = np.linalg.norm(own - vectors, axis=1).max()
            cosine = (own * vectors).sum(1) / np.linalg.norm(own, axis=1)
            worst = max(worst, difference)
            print(f"{side}: {len(own)} vectors, largest 1 - cos {abs(1 - cosine).max():.1e}, largest difference {difference:.1e}")
        run(args.import_clap, exported, "--out", again, "--device", "cpu")
        names = sorted(set(os.listdir(again)) | {"config.json", "weights.safetensors", "tokenizer.json"})
        other = [name for name in names if not filecmp.cmp(os.path.join(args.bundle, name), os.path.join(again, name), shallow=False)]
        print(f"imported again: {', '.join(names)}: " + (f"{other} differ" if other else "equal"))
    sys.exit(1 if worst > TOLERANCE or other else 0)


main()

#!/usr/bin/env python3
"""How far LAION-CLAP's vectors of files at other rates are from those of the same files resampled by soxr HQ.

    cargo build --release --example embed --example import_clap
    pip install numpy safetensors soundfile soxr
    python3 benches/resampling/compare.py --model tests/golden/clap/hf

Ten seconds of each clip of the demo become float32 WAV files of each rate, mono and stereo. One minus the cosine between the
vector of such a file and that of its mean over the channels, brought to 48 kHz by soxr: worst and median, and the same for
bundles that were imported before there was a choice of kernels.
"""
import argparse, glob, json, os, shutil, subprocess, tempfile

import numpy as np
import soundfile
import soxr
from safetensors.numpy import load_file

RATES = [22_050, 44_100, 96_000]


def clip(path, seconds=10):
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    start = max(0, len(samples) // 2 - seconds * rate // 2)
    return samples[start : start + seconds * rate], rate


def write(path, samples, rate):
    soundfile.write(path, samples.astype(np.float32), rate, subtype="FLOAT")


def make(folder, clips):
    """The names of the files and of what each is compared with."""
    files, references = [], []
    for number, path in enumerate(clips):
        samples, own = clip(path)
        for rate in RATES:
            stereo = samples if rate == own else soxr.resample(samples, own, rate, quality="VHQ")
            if stereo.shape[1] == 1:
                # Another phase on the right, so that the mean is no copy of a channel.
                stereo = np.concatenate([stereo, 0.7 * np.roll(stereo, rate // 100, axis=0)], axis=1)
            for channels, x in [(1, stereo[:, :1]), (2, stereo[:, :2])]:
                name = f"{folder}/{number:03}.{rate}.{channels}"
                write(name + ".wav", x, rate)
                write(name + ".soxr.wav", soxr.resample(x.mean(axis=1), rate, 48_000, quality="HQ"), 48_000)
                files.append((rate, channels, name + ".wav"))
                references.append(name + ".soxr.wav")
    return files, references


def embed(binary, bundle, paths, folder):
    out = f"{folder}/vectors.safetensors"
    subprocess.run([binary, "--bundle", bundle, "--out", out, *paths], check=True, stdout=subprocess.DEVNULL)
    vectors = load_file(out)["audio"].astype(np.float64)
    # Their norm is one to a rounding of float32, which would be the largest difference.
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="a folder of LAION-CLAP in the hub's layout")
    parser.add_argument("--clips", default="demo/audio/*.ogg")
    parser.add_argument("--every", type=int, default=1, help="take every n-th clip only")
    parser.add_argument("--examples", default="target/release/examples")
    arguments = parser.parse_args()
    clips = sorted(glob.glob(arguments.clips))[:: arguments.every]
    with tempfile.TemporaryDirectory() as folder:
        bundle, old = f"{folder}/bundle", f"{folder}/old"
        subprocess.run([f"{arguments.examples}/import_clap", arguments.model, "--out", bundle], check=True)
        shutil.copytree(bundle, old)
        config = json.load(open(f"{old}/config.json"))
        del config["model"]["log_mel"]["resampling"]
        config["frontend_fingerprint"] = "be0564486602122f"
        json.dump(config, open(f"{old}/config.json", "w"))
        files, references = make(folder, clips)
        vectors = lambda bundle, paths: embed(f"{arguments.examples}/embed", bundle, paths, folder)
        expected = vectors(bundle, references)
        print("| rate | channels | kernel | worst | median |\n|---|---|---|---|---|")
        for kernel, which in [("high_quality", bundle), ("torchaudio", old)]:
            off = 1 - (vectors(which, [path for *_, path in files]) * expected).sum(axis=1)
            for rate in RATES:
                for channels in (1, 2):
                    rows = [i for i, file in enumerate(files) if file[:2] == (rate, channels)]
                    print(f"| {rate} | {channels} | {kernel} | {off[rows].max():.1e} | {np.median(off[rows]):.1e} |")
    print(f"{len(clips)} clips")


if __name__ == "__main__":
    main()

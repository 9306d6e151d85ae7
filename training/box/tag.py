#!/usr/bin/env python3
"""Tags of real music: musicnn's two taggers over windows of 10 s, with torch alone (no TensorFlow).

    pip download --no-deps musicnn==0.1.0 && unzip musicnn-0.1.0-py3-none-any.whl 'musicnn/*' -d WEIGHTS
    nice python3 tag.py MUSIC WEIGHTS/musicnn tags.csv.gz --work DIR [--bfloat16]

musicnn (Pons and Serra, ISC licence, https://github.com/jordipons/musicnn) carries a network trained on MagnaTagATune and
one trained on the Million Song Dataset, 50 tags each. A window's confidence is the mean over three patches of 3 s
spread over it. Windows start every 10 s; those that are shorter, or quieter than -60 dBFS, are left out.

tags.csv.gz: `file` (as in catalog.csv), `start_s`, `mtt` and `msd`: the tags of confidence 0.1 or more, most confident
first, as `name:confidence` separated by `;`. One small table per track is kept in --work, so that it can be stopped
and started again. --bfloat16 is two to five times as fast on CPUs with AMX (how the committed table was made: 0.1 s for a
window and tagger on one thread); confidences differ by 0.002 at most where it was compared.
"""

import argparse
import ast
import csv
import gzip
import hashlib
import io
import pathlib
import re
import struct
import subprocess
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

HERE = pathlib.Path(__file__).resolve().parent
RATE, FFT, HOP, MELS = 16_000, 512, 256, 96
PATCH = 187  # frames of one prediction: 3 s
WINDOW_S = 10
WINDOW = WINDOW_S * RATE // HOP  # 625 frames
STARTS = (0, 219, 438)  # of the patches in a window
QUIET_DB = -60.0
CONFIDENT = 0.1


# Checkpoints: a TensorFlow bundle is a LevelDB table (.index) of where each tensor lies in .data.


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at, value, shift = at + 1, value | (byte & 127) << shift, shift + 7
        if byte < 128:
            return value, at


def block(data, offset, size):
    """Keys and values of one table block: keys share prefixes with the key before."""
    if data[offset + size] != 0:
        raise ValueError("compressed block")
    data = data[offset : offset + size]
    end = len(data) - 4 - 4 * struct.unpack("<I", data[-4:])[0]
    at, key, entries = 0, b"", []
    while at < end:
        shared, at = varint(data, at)
        fresh, at = varint(data, at)
        length, at = varint(data, at)
        key = key[:shared] + data[at : at + fresh]
        entries.append((key, data[at + fresh : at + fresh + length]))
        at += fresh + length
    return entries


def message(data):
    """Fields of a protocol buffer: number -> values."""
    at, fields = 0, {}
    while at < len(data):
        tag, at = varint(data, at)
        kind = tag & 7
        if kind == 0:
            value, at = varint(data, at)
        else:
            length = {1: 8, 5: 4}.get(kind)
            if length is None:
                length, at = varint(data, at)
            value = data[at : at + length]
            at += length
        fields.setdefault(tag >> 3, []).append(value)
    return fields


def checkpoint(folder):
    """The float32 tensors of `folder`, without the optimizer's."""
    table = (folder / ".index").read_bytes()
    data = (folder / ".data-00000-of-00001").read_bytes()
    footer, at = table[-48:], 0
    _, at = varint(footer, at)
    _, at = varint(footer, at)
    offset, at = varint(footer, at)
    size, at = varint(footer, at)
    tensors = {}
    for _, handle in block(table, offset, size):
        offset, at = varint(handle, 0)
        size, at = varint(handle, at)
        for key, value in block(table, offset, size):
            entry = message(value)
            name = key.decode()
            if name == "" or "Adam" in name or entry.get(1) != [1]:
                continue
            shape = [message(dim).get(1, [0])[0] for dim in message(entry.get(2, [b""])[0]).get(2, [])]
            start = entry.get(4, [0])[0]
            values = np.frombuffer(data[start : start + entry[5][0]], np.float32)
            tensors[name] = torch.tensor(values.reshape(shape))
    return tensors


class Tagger:
    """musicnn: filters over frequency and over time, three convolutions, mean and maximum over time, two layers."""

    def __init__(self, folder, labels, dtype):
        self.weights = checkpoint(folder)
        self.labels = labels
        self.dtype = dtype
        self.timbral = [self.toeplitz(layer) for layer in (0, 1)]

    def layer(self, name, index):
        return name if index == 0 else f"{name}_{index}"

    def norm(self, index):
        """Batch normalisation as scale and shift."""
        name = self.layer("batch_normalization", index)
        value = {key: self.weights[f"{name}/{key}"] for key in ("gamma", "beta", "moving_mean", "moving_variance")}
        scale = value["gamma"] / torch.sqrt(value["moving_variance"] + 1e-3)
        return scale, value["beta"] - value["moving_mean"] * scale

    def conv(self, index):
        name = self.layer("conv2d", index)
        return self.weights[f"{name}/kernel"], self.weights[f"{name}/bias"]

    def product(self, x, matrix):
        return x.to(self.dtype) @ matrix.to(self.dtype)

    def toeplitz(self, index):
        """A filter of 7 frames x `high` bands at all its places on the 96 bands, as one matrix [7 * 96, places * filters].
        Where the normalisation after it turns the sign, the filter is turned, so that its maximum is what is wanted."""
        kernel, _ = self.conv(index)  # [7, high, 1, filters]
        kernel = kernel[:, :, 0] * torch.sign(self.norm(index + 1)[0])
        frames, high, filters = kernel.shape
        places = MELS - high + 1
        matrix = torch.zeros(frames, MELS, places, filters)
        for place in range(places):
            matrix[:, place : place + high, place] = kernel
        return matrix.reshape(frames * MELS, places * filters).to(self.dtype).contiguous(), places

    def frames(self, x, before, after):
        """`[batch, time, n]` -> `[batch, time, (before + 1 + after) * n]`: each frame with its neighbours."""
        padded = F.pad(x, (0, 0, before, after))
        return padded.unfold(1, before + 1 + after, 1).transpose(2, 3).flatten(2)

    @torch.no_grad()
    def __call__(self, x):
        """Log-mel patches `[batch, 187, 96]` -> confidences `[batch, 50]`."""
        scale, shift = self.norm(0)
        x = x * scale + shift
        features = []
        neighbours = self.frames(x.to(self.dtype), 3, 3)
        for index, (matrix, places) in enumerate(self.timbral):
            scale, shift = self.norm(index + 1)
            peak = (neighbours @ matrix).unflatten(2, (places, -1)).amax(2).float()
            features.append(F.relu(peak * torch.sign(scale) + self.conv(index)[1]) * scale + shift)
        for index in (2, 3, 4):
            kernel, bias = self.conv(index)  # [long, 1, 1, filters]
            scale, shift = self.norm(index + 1)
            long = kernel.shape[0]
            padded = F.pad(x, (0, 0, (long - 1) // 2, long // 2))
            out = self.product(padded.to(self.dtype).unfold(1, long, 1).contiguous(), kernel[:, 0, 0] * torch.sign(scale))
            peak = out.amax(2).float()
            features.append(F.relu(peak * torch.sign(scale) + bias) * scale + shift)
        features = torch.cat(features, 2)  # [batch, time, 561]
        stages = [features]
        for index in (5, 6, 7):
            kernel, bias = self.conv(index)  # [7, n, 1, 64]
            scale, shift = self.norm(index + 1)
            out = self.product(self.frames(stages[-1].to(self.dtype), 3, 3), kernel[:, :, 0].flatten(0, 1)).float()
            out = F.relu(out + bias) * scale + shift
            stages.append(out + stages[-1] if index > 5 else out)
        stages = torch.cat(stages, 2)
        pooled = torch.stack([stages.amax(1), stages.mean(1)], 2).flatten(1)
        scale, shift = self.norm(9)
        hidden = F.relu((pooled * scale + shift) @ self.weights["dense/kernel"] + self.weights["dense/bias"])
        scale, shift = self.norm(10)
        return torch.sigmoid((hidden * scale + shift) @ self.weights["dense_1/kernel"] + self.weights["dense_1/bias"])


def samples(path):
    """Mono at 16 kHz; by ffmpeg where libsndfile doesn't read the file."""
    import soundfile
    import soxr

    try:
        audio, rate = soundfile.read(str(path), dtype="float32", always_2d=True)
    except soundfile.LibsndfileError:
        command = ["ffmpeg", "-v", "error", "-i", str(path), "-vn", "-ac", "1", "-ar", str(RATE), "-f", "f32le", "-"]
        return np.frombuffer(subprocess.run(command, check=True, capture_output=True).stdout, np.float32)
    audio = audio.mean(1)
    return audio if rate == RATE else soxr.resample(audio, rate, RATE)


def mel_filters():
    """Slaney's mel scale, triangles of area 1, as in librosa: `[96, 257]`."""

    def to_mel(hertz):
        hertz = np.asarray(hertz, float)
        return np.where(hertz < 1000, hertz * 3 / 200, 15 + 27 * np.log(np.maximum(hertz, 1e-9) / 1000) / np.log(6.4))

    def to_hertz(mel):
        return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp(np.log(6.4) * (mel - 15) / 27))

    edges = to_hertz(np.linspace(to_mel(0), to_mel(RATE / 2), MELS + 2))
    bins = np.linspace(0, RATE / 2, FFT // 2 + 1)
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    filters = np.maximum(0, np.minimum(rising, falling)) * (2 / (edges[2:] - edges[:-2]))[:, None]
    return torch.tensor(filters, dtype=torch.float32)


def log_mel(audio, filters):
    """`[frames, 96]`."""
    spectrum = torch.stft(torch.tensor(audio), FFT, HOP, window=torch.hann_window(FFT), return_complex=True)
    power = spectrum.real**2 + spectrum.imag**2
    return torch.log10(10_000 * (filters @ power).T + 1)


def confident(values, labels):
    order = np.argsort(-values, kind="stable")
    return ";".join(f"{labels[i]}:{values[i]:.2f}" for i in order if values[i] >= CONFIDENT)


def rows_of(file, path, taggers, filters):
    audio = samples(path)
    mel = log_mel(audio, filters)
    rows = []
    for index in range(len(audio) // (WINDOW_S * RATE)):
        window = audio[index * WINDOW_S * RATE : (index + 1) * WINDOW_S * RATE]
        if np.sqrt(np.mean(window.astype(np.float64) ** 2)) < 10 ** (QUIET_DB / 20):
            continue
        start = index * WINDOW
        patches = torch.stack([mel[start + at : start + at + PATCH] for at in STARTS])
        row = {"file": file, "start_s": index * WINDOW_S}
        for name, tagger in taggers.items():
            row[name] = confident(tagger(patches).mean(0).numpy(), tagger.labels)
        rows.append(row)
    return rows


def write(file, rows):
    table = csv.DictWriter(file, ["file", "start_s", "mtt", "msd"], lineterminator="\n")
    table.writeheader()
    table.writerows(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("music", type=pathlib.Path)
    parser.add_argument("musicnn", type=pathlib.Path, help="the folder musicnn/ of the wheel")
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--work", type=pathlib.Path, required=True, help="one table per track, to go on from")
    parser.add_argument("--catalog", type=pathlib.Path, default=HERE / "catalog.csv")
    parser.add_argument("--bfloat16", action="store_true")
    arguments = parser.parse_args()

    torch.set_num_threads(1)
    text = (arguments.musicnn / "configuration.py").read_text()
    dtype = torch.bfloat16 if arguments.bfloat16 else torch.float32
    taggers = {}
    for name in ("MTT", "MSD"):
        labels = ast.literal_eval(re.search(rf"{name}_LABELS = (\[.*?\])", text, re.S).group(1))
        taggers[name.lower()] = Tagger(arguments.musicnn / f"{name}_musicnn", labels, dtype)
    filters = mel_filters()
    arguments.work.mkdir(parents=True, exist_ok=True)
    with arguments.catalog.open(newline="", encoding="utf-8") as file:
        files = [row["file"] for row in csv.DictReader(file)]
    everything, began = [], time.time()
    for number, file in enumerate(files, 1):
        part = arguments.work / (hashlib.sha256(file.encode()).hexdigest()[:16] + ".csv")
        if not part.exists():
            if not (arguments.music / file).exists():
                print(f"{file}: not there", file=sys.stderr)
                continue
            buffer = io.StringIO(newline="")
            write(buffer, rows_of(file, arguments.music / file, taggers, filters))
            unfinished = part.with_suffix(".unfinished")
            unfinished.write_text(buffer.getvalue(), newline="")
            unfinished.replace(part)
        with part.open(newline="") as table:
            everything += csv.DictReader(table)
        print(f"{number} of {len(files)}, {time.time() - began:.0f} s: {file}", file=sys.stderr, flush=True)
    with arguments.out.open("wb") as raw, gzip.GzipFile("", "wb", mtime=0, fileobj=raw) as packed:
        with io.TextIOWrapper(packed, "utf-8", newline="") as file:
            write(file, everything)


if __name__ == "__main__":
    main()

"""What other programs find in a file: ffmpeg, and libsndfile where it reads the format."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import mutagen
import numpy as np
import soundfile

WINDOW = 128


def describe(folder, name, small):
    """Rate, channels, length and references of a file."""
    path = folder / name
    found = {"sample_rate": None, "channels": None, "references": []}
    decoded = {}
    for by, decode in (("ffmpeg", by_ffmpeg), ("libsndfile", by_libsndfile), ("libopus", by_libopus), ("flac", by_flac)):
        one = decode(path) if len(decoded) < 2 else None
        if one is None:
            continue
        rate, samples = one
        if found["sample_rate"] is None:
            found.update(sample_rate=rate, channels=samples.shape[1], duration_s=round(len(samples) / rate, 6))
        if rate == found["sample_rate"]:
            decoded[by] = mono(samples)
    for by, samples in decoded.items():
        found["references"].append(keep(folder, name, by, samples, windows(samples, decoded.values()) if small else None))
    return found


def windows(samples, references):
    """The first frames, the last ones, and where two references differ most."""
    frames = min(len(reference) for reference in references)
    starts = [0, max(len(samples) - WINDOW, 0)]
    if len(references) == 2:
        first, second = (reference[:frames] for reference in references)
        starts.append(max(min(int(np.argmax(np.abs(first - second))), frames - WINDOW), 0))
    return [[start, min(WINDOW, len(samples))] for start in starts]


def by_ffmpeg(path, decoder=()):
    probed = subprocess.run(
        ["ffprobe", "-v", "error", "-select_streams", "a:0", "-show_entries", "stream=sample_rate,channels,codec_name", "-of", "json", path],
        capture_output=True,
        check=False,
    )
    streams = json.loads(probed.stdout or "{}").get("streams", [])
    if not streams:
        return None
    if decoder and streams[0]["codec_name"] != "opus":
        return None
    rate, channels = int(streams[0]["sample_rate"]), int(streams[0]["channels"])
    # Rate and channels are given, since a chained stream or a wrong guess would change them on the way.
    decoded = subprocess.run(
        ["ffmpeg", "-v", "error", *decoder, "-i", path, "-map", "0:a:0", "-ar", str(rate), "-ac", str(channels), "-f", "f32le", "-"],
        capture_output=True,
        check=False,
    )
    samples = np.frombuffer(decoded.stdout[: len(decoded.stdout) // (4 * channels) * 4 * channels], "<f4")
    return (rate, samples.reshape(-1, channels)) if len(samples) else None


def by_libopus(path):
    """ffmpeg's own decoder of Opus rounds speech otherwise than the one by the makers of the format."""
    return by_ffmpeg(path, ("-c:a", "libopus"))


def by_libsndfile(path):
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError):
        return None
    return (rate, samples) if len(samples) else None


def by_flac(path):
    """For what the others do not read: 32 bits."""
    if path.suffix != ".flac":
        return None
    command = ["flac", "--totally-silent", "-d", "-c", "--force-raw-format", "--endian=little", "--sign=signed", path]
    if by_ffmpeg(path) or not shutil.which("flac"):
        return None
    header = path.read_bytes()[:42]
    # Of STREAMINFO: 20 bits of the rate, 3 of the channels, 5 of the width.
    fields = int.from_bytes(header[18:26], "big")
    rate, channels, width = fields >> 44, (fields >> 41 & 7) + 1, (fields >> 36 & 31) + 1
    decoded = subprocess.run(command, capture_output=True, check=False).stdout
    if width != 32 or not decoded:
        return None
    return rate, (np.frombuffer(decoded, "<i4").astype(np.float32) / np.float32(2**31)).reshape(-1, channels)


def mono(samples):
    """The mean of the channels, in the order and precision of muscall."""
    mean = samples[:, 0].astype(np.float32).copy()
    for channel in range(1, samples.shape[1]):
        mean += samples[:, channel]
    return mean * np.float32(1.0 / samples.shape[1])


def keep(folder, name, by, samples, windows):
    """Writes a reference to a file of its own, or windows of it behind those of others."""
    file = "reference/windows.f32" if windows else f"reference/{Path(name).name}.{by}.f32"
    windows = windows or [[0, len(samples)]]
    with open(folder / file, "ab") as kept:
        offset = kept.tell() // 4
        for start, length in windows:
            kept.write(samples[start : start + length].astype("<f4").tobytes())
    return {"by": by, "file": file, "offset": offset, "frames": len(samples), "windows": windows}


def versions():
    """The programs, as the README names them."""

    def first_line(command):
        if not shutil.which(command[0]):
            return ""
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        return (run.stdout + run.stderr).split("\n")[0]

    def number(text):
        found = re.search(r"\d+(\.\d+)+", text)
        return found[0] if found else "?"

    tools = {
        "ffmpeg": ["ffmpeg", "-version"],
        "flac": ["flac", "--version"],
        "lame": ["lame", "--version"],
        "oggenc": ["oggenc", "--version"],
        "opusenc": ["opusenc", "--version"],
        "wavpack": ["wavpack", "--version"],
        "sox": ["sox", "--version"],
        "mkvpropedit": ["mkvpropedit", "--version"],
    }
    lines = {name: first_line(command) for name, command in tools.items()}
    found = {name: number(line.replace("64bits", "")) for name, line in lines.items() if line}
    found["libsndfile"] = number(soundfile.__libsndfile_version__)
    found["mutagen"] = mutagen.version_string
    return found

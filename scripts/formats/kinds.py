"""Every codec in every container, and the commands that write them."""

import shlex
import subprocess
import tempfile
import wave
from pathlib import Path

from . import compressed, music, pcm


def all_kinds():
    """One dictionary per file."""
    kinds = pcm.kinds() + compressed.kinds()
    names = [kind["file"] for kind in kinds]
    assert len(names) == len(set(names)), sorted(name for name in names if names.count(name) > 1)
    return kinds


def write(kind, folder, seconds):
    """Makes a file; gives the reason if its encoder is not there or refuses."""
    path = folder / kind["file"]
    sound = music.music(kind["rate"], kind["channels"], seconds, kind["width"])
    with tempfile.TemporaryDirectory() as rooms:
        source = Path(rooms) / "source.wav"
        _write_wav(source, sound, kind["rate"], kind["width"])
        error = _run(kind, sound, source, Path(rooms) / path.name if kind["cut"] else path)
        if kind["cut"] and not error:
            error = _cut(Path(rooms) / path.name, path)
    if error or not path.exists() or path.stat().st_size == 0:
        path.unlink(missing_ok=True)
        return error or "nothing was written"
    if kind["twice"]:
        # Another stream behind the first, as radio stations chain them.
        path.write_bytes(path.read_bytes() * 2)
    return None


def _run(kind, sound, source, path):
    tool, options = kind["tool"], shlex.split(kind["options"])
    given = None
    if tool == "ffmpeg":
        raw = ["-f", "s32le", "-ar", str(kind["rate"]), "-ac", str(kind["channels"]), "-i", "-"]
        exact = ["-fflags", "+bitexact", "-flags:a", "+bitexact"]
        command = ["ffmpeg", "-v", "error", "-y", *raw, *exact, *options, str(path)]
        given = sound.tobytes()
    elif tool == "lame":
        command = ["lame", "--quiet", *options, str(source), str(path)]
    elif tool == "flac":
        command = ["flac", "--totally-silent", *options, "-o", str(path), str(source)]
    elif tool == "opusenc":
        command = ["opusenc", "--quiet", "--serial", "7", *options, str(source), str(path)]
    elif tool == "oggenc":
        command = ["oggenc", "--quiet", "--serial", "7", *options, "-o", str(path), str(source)]
    elif tool == "wavpack":
        command = ["wavpack", "-q", "-y", *options, str(source), "-o", str(path)]
    else:
        command = ["sox", "-D", str(source), *options, str(path)]
    try:
        run = subprocess.run(command, input=given, capture_output=True, check=False, timeout=60)
    except FileNotFoundError:
        return f"{command[0]} is not installed"
    lines = run.stderr.decode(errors="replace").strip().split("\n")
    return (lines[0] or f"{command[0]} failed") if run.returncode else None


def _cut(whole, path):
    command = ["ffmpeg", "-v", "error", "-y", "-ss", "0.33", "-i", str(whole), "-c", "copy", "-fflags", "+bitexact", str(path)]
    run = subprocess.run(command, capture_output=True, check=False)
    return run.stderr.decode(errors="replace").split("\n")[0] if run.returncode else None


def _write_wav(path, sound, rate, width):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(sound.shape[1])
        file.setsampwidth(width // 8)
        file.setframerate(rate)
        whole = sound.copy().view("u1").reshape(-1, 4)
        file.writeframes(whole[:, 4 - width // 8 :].tobytes())

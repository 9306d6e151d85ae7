"""The files of tests/fixtures, which lie beside the folder of small ones, and are copied into that of all."""

import shutil
from pathlib import Path

FIXTURES = Path(__file__).parents[2] / "crates/muscall-audio/tests/fixtures"


def _file(name, codec, container, seconds, lossless=False):
    return {
        "file": f"../{name}",
        "codec": codec,
        "container": container,
        "variant": f"fixture {name}",
        "lossless": lossless,
        "names": [codec],
        "original_s": seconds,
    }


COMMITTED = [
    _file("sound.wav", "PCM", "WAV", 0.4, True),
    _file("sound.aiff", "PCM", "AIFF", 0.4, True),
    _file("sound.mp3", "MP3", "MPEG", 1.2),
    _file("no_tag.mp3", "MP3", "MPEG", 1.2),
    _file("sound.flac", "FLAC", "FLAC", 0.7, True),
    _file("sound.ogg", "Vorbis", "Ogg", 1.2),
    _file("sound.mka", "Vorbis", "Matroska", 1.2),
    _file("sound.opus", "Opus", "Ogg", 1.2),
    _file("sound.webm", "Opus", "WebM", 1.2),
    _file("opus.mp4", "Opus", "MP4", 1.2),
    _file("sound.m4a", "AAC-LC", "MP4", 1.2),
    _file("aac.mka", "AAC-LC", "Matroska", 1.2),
    _file("alac.m4a", "ALAC", "MP4", 0.5, True),
]


def beside(folder):
    """The committed files as they lie beside a folder, or copied into it where they do not."""
    if folder.resolve().parent == FIXTURES.resolve():
        return COMMITTED
    for file in COMMITTED:
        name = Path(file["file"]).name
        shutil.copy(FIXTURES / name, folder / f"fixture-{name}")
    return [{**file, "file": f"fixture-{Path(file['file']).name}"} for file in COMMITTED]

"""Files with tags of every system, and what mutagen finds in them; ffprobe where mutagen can't read the container."""

import json
import re
import shlex
import subprocess
import tempfile
from pathlib import Path

import mutagen
from mutagen import aiff, apev2, id3, mp4, wave

from . import kinds
from .kind import kind

PLAIN = {"title": ["Night Train"], "artist": ["Ann Example"], "album": ["Rails"], "composer": ["Jo Maker"],
         "date": ["1997-05-12"], "genre": ["Jazz"], "track": ["3/12"]}
SEVERAL = {"title": ["Ænima 音楽 🎵"], "artist": ["Ann Example", "Bjørn Ωmega"], "album": ["Größe"], "composer": ["Jo Maker", "Di Other"],
           "date": ["2003"], "genre": ["Jazz", "Bossa Nova"], "track": ["7"]}
OTHER = {"title": ["Old"], "artist": ["Nobody"], "album": ["Older"], "date": ["1950"], "genre": ["Blues"], "track": ["9"]}
ID3_FRAMES = {"title": "TIT2", "artist": "TPE1", "album": "TALB", "composer": "TCOM", "date": "TDRC", "genre": "TCON", "track": "TRCK"}
APE_KEYS = {"title": "Title", "artist": "Artist", "album": "Album", "composer": "Composer", "date": "Year", "genre": "Genre", "track": "Track"}
VORBIS_KEYS = {"title": "title", "artist": "artist", "album": "album", "composer": "composer", "date": "date", "genre": "genre", "track": "tracknumber"}
MP4_KEYS = {"title": "\xa9nam", "artist": "\xa9ART", "album": "\xa9alb", "composer": "\xa9wrt", "date": "\xa9day", "genre": "\xa9gen"}
ASF_KEYS = {"title": "Title", "artist": "Author", "album": "WM/AlbumTitle", "composer": "WM/Composer", "date": "WM/Year", "genre": "WM/Genre", "track": "WM/TrackNumber"}

MP3 = ("MP3", "MPEG", "mp3", "-c:a libmp3lame -b:a 32k -id3v2_version 0")


def all_cases():
    made = []

    def case(base, system, label, tag, by="mutagen", small=False, more="", names=None):
        codec, container, extension, options = base
        made.append({**kind(codec, container, extension, f"{system} {label}", f"{options} {more}", rate=16000 if codec == "Opus" else 22050,
                            channels=1, lossless=codec in ("FLAC", "ALAC", "PCM", "WavPack"), small=small, names=names),
                     "system": system, "label": label, "tag": tag, "by": by})

    case(MP3, "ID3v1", "alone", lambda path: _id3v1(path, {**PLAIN, "track": ["3"]}), small=True)
    case(MP3, "ID3v2.2", "plain", lambda path: _id3v22(path, PLAIN), small=True)
    for version in (3, 4):
        for label, values in (("plain", PLAIN), ("several values", SEVERAL)):
            for name, encoding in (("", 3), (" in UTF-16", 1)):
                if version == 3 and not name:
                    name, encoding = " in Latin 1", 0
                if encoding == 0 and values is SEVERAL:
                    continue
                case(MP3, f"ID3v2.{version}", label + name, lambda path, v=version, e=encoding, t=values: _id3(path, t, v, e), small=label == "plain")
    genres = {"number": "17", "number in brackets": "(17)", "number and name": "(17)Hard rock", "two numbers": "(17)(8)", "remix": "(RX)", "slash": "Jazz/Funk", "unknown number": "(230)", "name in brackets": "((Odd)"}
    for label, genre in genres.items():
        for version in (3, 4):
            case(MP3, f"ID3v2.{version}", f"genre as {label}", lambda path, v=version, g=genre: _id3(path, {**PLAIN, "genre": [g]}, v, 1))
    case(MP3, "ID3v2.4", "unsynchronised", lambda path: _by_hand(path, PLAIN, 4, unsynchronised=True))
    case(MP3, "ID3v2.3", "unsynchronised", lambda path: _by_hand(path, {**PLAIN, "date": ["1997"]}, 3, unsynchronised=True))
    case(MP3, "ID3v2.3", "with an extended header", lambda path: _by_hand(path, {**PLAIN, "date": ["1997"]}, 3, extended=bytes(10)))
    case(MP3, "ID3v2.4", "one frame for each value", lambda path: _by_hand(path, SEVERAL, 4, one_by_one=True))
    case(MP3, "ID3v2.4", "with a picture", lambda path: _with_picture(path, PLAIN))
    case(MP3, "ID3v2.4", "track 03", lambda path: _id3(path, {**PLAIN, "track": ["03"]}, 4, 3))
    case(MP3, "ID3v2.4", "with empty values", lambda path: _id3(path, {**PLAIN, "title": ["Night Train\0"], "artist": ["Ann Example", ""]}, 4, 1))
    case(MP3, "APEv2", "plain", lambda path: _ape(path, PLAIN), by="apev2", small=True)
    case(MP3, "APEv2", "several values", lambda path: _ape(path, SEVERAL), by="apev2")
    case(MP3, "APEv2 beside ID3v1", "which says otherwise", lambda path: (_id3v1(path, OTHER), _ape(path, PLAIN)), by="apev2")
    case(MP3, "ID3v2.4 beside APEv2 and ID3v1", "which say otherwise", lambda path: (_id3v1(path, OTHER), _ape(path, OTHER), _id3(path, PLAIN, 4, 3, v1=1)))
    case(MP3, "ID3v2.3", "by ffmpeg", None, more=f"-id3v2_version 3 {_metadata(PLAIN)}")
    case(MP3, "ID3v2.4", "by ffmpeg", None, more=f"-id3v2_version 4 {_metadata(PLAIN)}")
    for codec, container, extension, options, system in (
        ("FLAC", "FLAC", "flac", "-c:a flac", "Vorbis comments"),
        ("FLAC", "Ogg", "oga", "-c:a flac", "Vorbis comments"),
        ("Vorbis", "Ogg", "ogg", "-c:a libvorbis", "Vorbis comments"),
        ("Opus", "Ogg", "opus", "-c:a libopus -b:a 24k", "Vorbis comments"),
        ("Speex", "Ogg", "spx", "-c:a libspeex -ar 16000", "Vorbis comments"),
    ):
        base = (codec, container, extension, options)
        case(base, system, "plain", lambda path: _comments(path, PLAIN), small=codec != "Speex")
        case(base, system, "several values", lambda path: _comments(path, SEVERAL))
        case(base, system, "by ffmpeg", None, more=_metadata(PLAIN))
    flac = ("FLAC", "FLAC", "flac", "-c:a flac")
    case(flac, "Vorbis comments", "YEAR and capitals", lambda path: _comments(path, {"TITLE": ["Night Train"], "YEAR": ["1997"], "Genre": ["Jazz"]}, raw=True))
    case(flac, "Vorbis comments", "two dates and track 03", lambda path: _comments(path, {**PLAIN, "track": ["03"], "date": ["1997-05-12", "2001"]}))
    case(flac, "Vorbis comments", "behind ID3v2", lambda path: (_comments(path, PLAIN), _id3(path, OTHER, 4, 3)))
    m4a = ("AAC-LC", "MP4", "m4a", "-c:a aac -b:a 32k")
    for base in (m4a, ("ALAC", "MP4", "m4a", "-c:a alac")):
        case(base, "MP4 atoms", "plain", lambda path: _mp4(path, PLAIN), small=base is m4a, names=["AAC", "ALAC"])
        case(base, "MP4 atoms", "several values", lambda path: _mp4(path, SEVERAL), names=["AAC", "ALAC"])
        case(base, "MP4 atoms", "by ffmpeg", None, more=_metadata(PLAIN), names=["AAC", "ALAC"])
    case(m4a, "MP4 atoms", "genre as number", _gnre, names=["AAC"])
    wav, aifc = ("PCM", "WAV", "wav", "-c:a pcm_s16le"), ("PCM", "AIFF", "aiff", "-c:a pcm_s16be")
    case(wav, "ID3v2.4", "in a chunk", lambda path: _chunk(wave.WAVE(path), PLAIN), small=True)
    case(wav, "ID3v2.4", "in a chunk several values", lambda path: _chunk(wave.WAVE(path), SEVERAL))
    case(wav, "ID3v2.3", "in a chunk", lambda path: _chunk(wave.WAVE(path), PLAIN, 3))
    case(wav, "RIFF INFO", "by ffmpeg", None, by="ffprobe", more=_metadata(PLAIN), small=True)
    case(aifc, "ID3v2.4", "in a chunk", lambda path: _chunk(aiff.AIFF(path), PLAIN), small=True)
    case(aifc, "ID3v2.4", "in a chunk several values", lambda path: _chunk(aiff.AIFF(path), SEVERAL))
    case(aifc, "ID3v2.4", "by ffmpeg", None, more=f"-write_id3v2 1 {_metadata(PLAIN)}")
    case(aifc, "AIFF text chunks", "by ffmpeg", None, by="ffprobe", more=_metadata(PLAIN))
    for codec, container, extension, options in (("Vorbis", "WebM", "webm", "-c:a libvorbis"), ("Opus", "WebM", "webm", "-c:a libopus -b:a 24k"),
                                                 ("FLAC", "Matroska", "mka", "-c:a flac"), ("AAC-LC", "Matroska", "mka", "-c:a aac -b:a 32k")):
        case((codec, container, extension, options), "Matroska tags", "by ffmpeg", None, by="ffprobe", more=_metadata(PLAIN), small=codec == "Opus")
    case(("FLAC", "Matroska", "mka", "-c:a flac"), "Matroska tags", "with targets by mkvpropedit", _targets, by="what was written")
    case(("AAC-LC", "MOV", "mov", "-c:a aac -b:a 32k"), "QuickTime atoms", "by ffmpeg", None, by="ffprobe", more=_metadata(PLAIN))
    case(("AAC-LC", "ADTS", "aac", "-c:a aac -b:a 32k"), "ID3v2.4", "in front", lambda path: _id3(path, PLAIN, 4, 3), by="id3")
    case(("AAC-LC", "ADTS", "aac", "-c:a aac -b:a 32k"), "APEv2", "plain", lambda path: _ape(path, PLAIN), by="apev2")
    case(("WavPack", "WavPack", "wv", "-c:a wavpack"), "APEv2", "plain", lambda path: _ape(path, PLAIN))
    case(("WMA 2", "ASF", "wma", "-c:a wmav2"), "ASF", "by ffmpeg", None, more=_metadata(PLAIN), names=["Windows Media", "WMA"])
    return made


def write(case, folder, seconds):
    error = kinds.write(case, folder, seconds)
    if error is None and case["tag"]:
        try:
            case["tag"](str(folder / case["file"]))
        except FileNotFoundError as missing:
            (folder / case["file"]).unlink()
            return f"{missing.filename} is not installed"
    return error


def read(case, path):
    """What the reference finds."""
    if case["by"] == "ffprobe":
        values = _by_ffprobe(path)
    elif case["by"] == "what was written":
        values = PLAIN
    else:
        # A system by its name where mutagen takes the file for another one.
        readers = {"mutagen": lambda path: mutagen.File(path).tags, "apev2": apev2.APEv2, "id3": id3.ID3}
        values = _by_mutagen(readers[case["by"]](path))
    by = case["by"] if case["by"] in ("ffprobe", "what was written") else "mutagen"
    return {"system": case["system"], "label": case["label"], "by": by, "values": {key: found for key, found in values.items() if found}}


def _by_mutagen(tags):
    def texts(key):
        found = tags.get(key) if key in tags else None
        return [str(value) for value in found] if found else []

    if isinstance(tags, id3.ID3):
        values = {key: [str(text) for frame in tags.getall(frame) for text in (frame.genres if key == "genre" else frame.text)]
                  for key, frame in ID3_FRAMES.items()}
    elif isinstance(tags, apev2.APEv2):
        values = {key: texts(name) for key, name in APE_KEYS.items()}
    elif isinstance(tags, mp4.MP4Tags):
        values = {key: texts(name) for key, name in MP4_KEYS.items()}
        values["track"] = [str(number) for number, _ in tags.get("trkn", [])]
    elif type(tags).__name__ == "ASFTags":
        values = {key: texts(name) for key, name in ASF_KEYS.items()}
    else:
        values = {key: texts(name) for key, name in VORBIS_KEYS.items()}
        values["date"] = values["date"] or texts("year")
    return values


def _by_ffprobe(path):
    probed = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "format_tags:stream_tags", "-of", "json", path], capture_output=True, check=True)
    probed = json.loads(probed.stdout)
    found = {}
    for one in [probed.get("format", {}), *probed.get("streams", [])]:
        for key, value in one.get("tags", {}).items():
            found.setdefault(key.lower(), [value])
    found["artist"] = found.get("artist") or found.get("author")
    return {key: found.get(key) for key in ID3_FRAMES}


def _metadata(values):
    return " ".join(f"-metadata {key}={shlex.quote(value)}" for key, (value, *_) in values.items())


def _id3_tags(values, encoding):
    tags = id3.ID3()
    for key, texts in values.items():
        tags.add(getattr(id3, ID3_FRAMES[key])(encoding=encoding, text=texts))
    return tags


def _id3(path, values, version, encoding, v1=0):
    tags = _id3_tags(values, encoding)
    if version == 3:
        genres = tags["TCON"]
        tags.update_to_v23()
        # It would have been written in another way.
        tags.setall("TCON", [genres] if len(genres.text) == 1 else tags.getall("TCON"))
    tags.save(path, v2_version=version, v1=v1)


def _id3v1(path, values):
    _id3_tags(values, 0).save(path, v1=2)
    id3.delete(path, delete_v1=False, delete_v2=True)


def _id3v22(path, values):
    names = {"title": "TT2", "artist": "TP1", "album": "TAL", "composer": "TCM", "date": "TYE", "genre": "TCO", "track": "TRK"}
    frames = b""
    for key, (text, *_) in values.items():
        text = b"\0" + (text[:4] if key == "date" else text).encode("latin-1")
        frames += names[key].encode() + len(text).to_bytes(3, "big") + text
    size = bytes(len(frames) >> shift & 0x7F for shift in (21, 14, 7, 0))
    path = Path(path)
    path.write_bytes(b"ID3\x02\0\0" + size + frames + path.read_bytes())


def _ape(path, values):
    tags = apev2.APEv2()
    for key, texts in values.items():
        tags[APE_KEYS[key]] = texts
    tags.save(path)


def _comments(path, values, raw=False):
    file = mutagen.File(path)
    file.tags.clear()
    for key, texts in values.items():
        file.tags[key if raw else VORBIS_KEYS[key]] = texts
    file.save()


def _mp4(path, values):
    file = mp4.MP4(path)
    for key, name in MP4_KEYS.items():
        file[name] = values[key]
    number, _, count = values["track"][0].partition("/")
    file["trkn"] = [(int(number), int(count or 0))]
    file.save()


def _targets(path):
    """Tags of an album (50) and of a track (30), which ffprobe mixes."""
    album = {"TITLE": "Rails", "ARTIST": "Various", "DATE_RELEASED": "1997-05-12", "TOTAL_PARTS": "12"}
    track = {"TITLE": "Night Train", "ARTIST": "Ann Example", "COMPOSER": "Jo Maker", "GENRE": "Jazz", "PART_NUMBER": "3"}
    text = "<Tags>"
    for target, tags in ((50, album), (30, track)):
        simple = "".join(f"<Simple><Name>{name}</Name><String>{value}</String></Simple>" for name, value in tags.items())
        text += f"<Tag><Targets><TargetTypeValue>{target}</TargetTypeValue></Targets>{simple}</Tag>"
    with tempfile.NamedTemporaryFile("w", suffix=".xml") as file:
        file.write(text + "</Tags>")
        file.flush()
        edit = ["--edit", "info", "--set", "title=Another title"]
        subprocess.run(["mkvpropedit", "--quiet", path, "--tags", f"global:{file.name}", *edit], check=True)


def _gnre(path):
    """A genre as iTunes wrote it: its number and 1."""
    _mp4(path, {**PLAIN, "genre": ["XX"]})
    bytes_ = Path(path).read_bytes()
    text, number = b"\xa9gen\0\0\0\x12data\0\0\0\x01\0\0\0\0XX", b"gnre\0\0\0\x12data\0\0\0\0\0\0\0\0\0\x09"
    assert bytes_.count(text) == 1
    Path(path).write_bytes(bytes_.replace(text, number))


def _by_hand(path, values, version, unsynchronised=False, extended=b"", one_by_one=False):
    """A tag with what mutagen does not write."""
    names = {**ID3_FRAMES, "date": "TDRC" if version == 4 else "TYER"}
    coding, mark = ("utf-8", b"\3") if version == 4 else ("utf-16", b"\1")

    def size(count):
        return bytes(count >> shift & 0x7F for shift in (21, 14, 7, 0)) if version == 4 else count.to_bytes(4, "big")

    def frame(key, text):
        content = mark + text.encode(coding)
        return names[key].encode() + size(len(content)) + bytes(2) + content

    # What looks like the start of music, which is what unsynchronising hides.
    frames = b"PRIV" + size(8) + bytes(2) + b"me\0\xff\xfb\xe0\xff\x00"
    for key, texts in values.items():
        frames += b"".join(frame(key, text) for text in (texts if one_by_one else texts[:1]))
    if extended:
        frames = (6).to_bytes(4, "big") + extended[:6] + frames
    flags = 0x40 if extended else 0
    if unsynchronised:
        flags |= 0x80
        frames = re.sub(rb"\xff(?=[\xe0-\xff\x00])", b"\xff\0", frames)
    path = Path(path)
    whole = bytes(len(frames) >> shift & 0x7F for shift in (21, 14, 7, 0))
    path.write_bytes(b"ID3" + bytes([version, 0, flags]) + whole + frames + path.read_bytes())


def _with_picture(path, values):
    tags = _id3_tags(values, 3)
    tags.add(id3.APIC(encoding=3, mime="image/png", type=3, desc="", data=bytes(range(256)) * 800))
    tags.save(path, v1=0)


def _chunk(file, values, version=4):
    file.add_tags()
    for frame in _id3_tags(values, 3).values():
        file.tags.add(frame)
    if version == 3:
        file.tags.update_to_v23()
    file.save(v2_version=version)

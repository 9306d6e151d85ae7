"""Samples as they are, and what telephones made of them."""

from .kind import kind

# Width of the samples that are given to the encoder, and its name in ffmpeg.
LITTLE = {"u8": (16, "pcm_u8"), "s16": (16, "pcm_s16le"), "s24": (24, "pcm_s24le"), "s32": (32, "pcm_s32le"),
          "f32": (24, "pcm_f32le"), "f64": (32, "pcm_f64le")}
BIG = {"s8": (16, "pcm_s8"), "s16": (16, "pcm_s16be"), "s24": (24, "pcm_s24be"), "s32": (32, "pcm_s32be"),
       "f32": (24, "pcm_f32be"), "f64": (32, "pcm_f64be")}
LAWS = {"A-law": (16, "pcm_alaw"), "mu-law": (16, "pcm_mulaw")}


def kinds():
    return _wav() + _aiff() + _others() + _adpcm()


def _plain(container, extension, samples, more="", small=(), rate=44100, names=None):
    made = []
    for name, (width, encoder) in samples.items():
        codec, label = (name, "stereo") if "law" in name else ("PCM", name)
        is_small = name in small
        made.append(kind(codec, container, extension, label, f"-c:a {encoder} {more}", width=width, lossless=True,
                         rate=8000 if is_small else rate, small=is_small, names=names))
    return made


def _wav():
    made = _plain("WAV", "wav", {**LITTLE, **LAWS}, small=("u8", "s16", "s24", "s32", "f32", "f64", "A-law", "mu-law"))
    for rate, channels in ((8000, 1), (11025, 1), (16000, 2), (22050, 1), (48000, 2), (96000, 2), (192000, 2), (44100, 6), (48000, 8)):
        label = f"{rate} Hz {channels} ch"
        made.append(kind("PCM", "WAV", "wav", f"s16 {label}", "-c:a pcm_s16le", rate=rate, channels=channels, lossless=True))
    for rate, channels in ((96000, 6), (192000, 2)):
        label = f"{rate} Hz {channels} ch"
        made.append(kind("PCM", "WAV", "wav", f"s24 {label}", "-c:a pcm_s24le", rate=rate, channels=channels, width=24, lossless=True))
    made.append(kind("PCM", "WAV", "wav", "f32 6 ch", "-c:a pcm_f32le", channels=6, width=24, lossless=True))
    made.append(kind("PCM", "WAV", "wav", "s16 by sox", "", tool="sox", lossless=True))
    made.append(kind("PCM", "RF64", "wav", "s16", "-c:a pcm_s16le -rf64 always", lossless=True, names=["RF64"]))
    made.append(kind("PCM", "RF64", "wav", "s24", "-c:a pcm_s24le -rf64 always", width=24, lossless=True, names=["RF64"]))
    made.append(kind("PCM", "RF64", "wav", "f32", "-c:a pcm_f32le -rf64 always", width=24, lossless=True, names=["RF64"]))
    w64 = {name: LITTLE[name] for name in ("s16", "s24", "f32")}
    return made + _plain("Wave64", "w64", w64, names=["Wave64", "W64"], small=("s16",))


def _aiff():
    integers = {name: BIG[name] for name in ("s8", "s16", "s24", "s32")}
    made = _plain("AIFF", "aiff", integers, small=("s24",))
    made.append(kind("PCM", "AIFF", "aiff", "s16 by sox", "", tool="sox", lossless=True))
    made.append(kind("PCM", "AIFF", "aiff", "s24 96000 Hz 6 ch", "-c:a pcm_s24be", rate=96000, channels=6, width=24, lossless=True))
    aifc = {"s16 little-endian": (16, "pcm_s16le"), "f32": BIG["f32"], "f64": BIG["f64"], **LAWS}
    return made + _plain("AIFC", "aifc", aifc, more="-f aiff", small=("f32",))


def _others():
    made = _plain("AU", "au", {**BIG, **LAWS}, names=["Sun's audio", "AU"], small=("s16",))
    caf = {**BIG, "s16 little-endian": (16, "pcm_s16le"), **LAWS}
    made += _plain("CAF", "caf", caf, names=["Core Audio", "CAF"], small=("s16",))
    made += _plain("MOV", "mov", {name: LITTLE[name] for name in ("s16", "s24", "s32", "f32", "f64")})
    made += _plain("Matroska", "mka", {name: LITTLE[name] for name in ("u8", "s16", "s24", "s32", "f32", "f64")}, small=("s16",))
    made += _plain("Matroska", "mka", {"s16 big-endian": (16, "pcm_s16be")})
    made += _plain("AVI", "avi", {"s16": (16, "pcm_s16le")}, names=["AVI"])
    made += _plain("VOC", "voc", {"u8": LITTLE["u8"], "s16": LITTLE["s16"]}, names=["VOC", "Creative"])
    made += _plain("MPEG-TS", "ts", {"s302m": (16, "s302m")}, more="-strict -2", rate=48000, names=["MPEG-TS", "transport stream"])
    for extension, container, names in (("sph", "NIST Sphere", ["Sphere", "NIST"]), ("sf", "IRCAM", ["IRCAM"]), ("8svx", "8SVX", ["8SVX"])):
        made.append(kind("PCM", container, extension, "s8" if extension == "8svx" else "s16", "", tool="sox", lossless=True, names=names))
    return made


def _adpcm():
    made = []
    for name, encoder, channels in (("IMA ADPCM", "adpcm_ima_wav", 2), ("MS ADPCM", "adpcm_ms", 2)):
        for label, count in (("mono", 1), ("stereo", channels)):
            made.append(kind(name, "WAV", "wav", label, f"-c:a {encoder}", channels=count, lossless=True, small=count == 2))
    made.append(kind("Yamaha ADPCM", "WAV", "wav", "stereo", "-c:a adpcm_yamaha", lossless=True, names=["ADPCM"]))
    made.append(kind("Flash ADPCM", "WAV", "wav", "stereo", "-c:a adpcm_swf", lossless=True, names=["ADPCM"]))
    made.append(kind("G.722", "WAV", "wav", "mono", "-c:a g722", rate=16000, channels=1))
    made.append(kind("G.726", "WAV", "wav", "mono", "-c:a g726", rate=8000, channels=1, lossless=True, names=["G.726", "G726"]))
    made.append(kind("GSM", "WAV", "wav", "mono", "-c:a libgsm_ms", rate=8000, channels=1, lossless=True))
    made.append(kind("IMA ADPCM", "AIFC", "aifc", "stereo", "-c:a adpcm_ima_qt -f aiff", lossless=True))
    made.append(kind("IMA ADPCM", "CAF", "caf", "stereo", "-c:a adpcm_ima_qt", lossless=True, names=["Core Audio", "CAF"]))
    made.append(kind("IMA ADPCM", "MOV", "mov", "stereo", "-c:a adpcm_ima_qt", lossless=True))
    return made

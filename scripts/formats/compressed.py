"""What encoders leave of the samples, or all of it in less room."""

from .kind import kind

# Containers of video that hold sound: extension, options, words of a refusal that names them.
TS = ("MPEG-TS", "ts", "", ["MPEG-TS", "transport stream"])
FLV = ("FLV", "flv", "", ["FLV", "Flash"])
AVI = ("AVI", "avi", "", ["AVI"])


def kinds():
    return _mp3() + _flac() + _vorbis() + _opus() + _aac() + _alac() + _cut() + _not_read()


def _mp3():
    def lame(label, options, **more):
        return kind("MP3", "MPEG", "mp3", label, options, tool="lame", **more)

    made = [
        lame("CBR 128", "-b 128", small=True),
        lame("CBR 320", "-b 320", rate=48000),
        lame("CBR 64 mono", "-b 64 -m m", channels=1),
        lame("dual channel", "-b 192 -m d"),
        lame("simple stereo", "-b 192 -m s"),
        lame("forced joint stereo", "-b 192 -m f"),
        lame("VBR V2", "-V 2"),
        lame("VBR V9", "-V 9", rate=22050),
        lame("ABR 150", "--abr 150"),
        lame("with checksums", "-b 128 -p"),
        lame("without a tag", "-b 128 -t"),
        lame("free format", "--freeformat -b 400"),
        kind("MP3", "MPEG", "mp3", "VBR by ffmpeg", "-c:a libmp3lame -q:a 4"),
        kind("MP3", "MPEG", "mp3", "by ffmpeg without a tag", "-c:a libmp3lame -q:a 4 -write_xing 0"),
        kind("MP3", "MPEG", "mp3", "by shine", "-c:a libshine -b:a 128k -compression_level 0 -sample_fmt s16p"),
    ]
    for rate, bits in ((8000, 16), (11025, 24), (12000, 32), (16000, 32), (22050, 48), (24000, 64), (32000, 96)):
        made.append(lame(f"{rate} Hz", f"-b {bits} --resample {rate / 1000:g}", rate=rate, channels=1, small=rate == 8000))
    made.append(kind("MP3", "WAV", "wav", "stereo", "-c:a libmp3lame -b:a 128k"))
    made.append(kind("MP3", "Matroska", "mka", "stereo", "-c:a libmp3lame -b:a 128k"))
    made.append(kind("MP3", "MP4", "mp4", "stereo", "-c:a libmp3lame -b:a 128k"))
    for container, extension, options, names in (AVI, TS, FLV):
        made.append(kind("MP3", container, extension, "stereo", f"-c:a libmp3lame -b:a 128k {options}", names=names))
    return made


def _flac():
    def flac(label, options="-8", **more):
        return kind("FLAC", "FLAC", "flac", label, options, tool="flac", lossless=True, **more)

    made = [
        flac("16 bit level 0", "-0"),
        flac("16 bit level 8", "-8"),
        flac("without a seek table", "-5 --no-seektable --no-padding"),
        flac("blocks of 16384", "-8 --lax -b 16384"),
        flac("blocks of 192", "-5 -b 192"),
        flac("8000 Hz mono", rate=8000, channels=1, small=True),
        flac("24 bit 96000 Hz", rate=96000, width=24),
        flac("24 bit 192000 Hz", rate=192000, width=24),
        flac("32 bit", width=32, rate=48000),
        kind("FLAC", "FLAC", "flac", "by ffmpeg", "-c:a flac -sample_fmt s16", lossless=True),
        kind("FLAC", "FLAC", "flac", "48000 Hz 6 ch", "-c:a flac -sample_fmt s16", rate=48000, channels=6, lossless=True),
        kind("FLAC", "FLAC", "flac", "48000 Hz 8 ch", "-c:a flac -sample_fmt s16", rate=48000, channels=8, lossless=True),
        kind("FLAC", "FLAC", "flac", "24 bit by ffmpeg", "-c:a flac -sample_fmt s32", width=24, lossless=True),
    ]
    made.append(kind("FLAC", "Ogg", "oga", "by flac", "-8 --ogg --serial-number=7", tool="flac", lossless=True))
    made.append(kind("FLAC", "Ogg", "oga", "24 bit by flac", "-8 --ogg --serial-number=7", tool="flac", width=24, rate=96000, lossless=True))
    made.append(kind("FLAC", "Ogg", "oga", "8000 Hz mono", "-c:a flac -sample_fmt s16", rate=8000, channels=1, lossless=True, small=True))
    for container, extension, more in (("Matroska", "mka", ""), ("MP4", "mp4", "-strict -2"), ("CAF", "caf", "")):
        names = ["Core Audio", "CAF"] if container == "CAF" else ["FLAC"]
        for label, form, width in (("16 bit", "s16", 16), ("24 bit", "s32", 24)):
            made.append(kind("FLAC", container, extension, label, f"-c:a flac -sample_fmt {form} {more}", width=width, lossless=True, names=names))
    return made


def _vorbis():
    made = [kind("Vorbis", "Ogg", "ogg", "q4", "-c:a libvorbis -q:a 4", small=True),
            kind("Vorbis", "Ogg", "ogg", "q10", "-c:a libvorbis -q:a 10", rate=48000),
            kind("Vorbis", "Ogg", "ogg", "q-1", "-c:a libvorbis -q:a -1"),
            kind("Vorbis", "Ogg", "ogg", "chained", "-c:a libvorbis -q:a 4", twice=True),
            kind("Vorbis", "Ogg", "ogg", "by ffmpeg's own encoder", "-c:a vorbis -strict -2")]
    for rate, channels in ((8000, 1), (16000, 1), (22050, 2), (96000, 2), (48000, 6), (48000, 8), (44100, 1)):
        made.append(kind("Vorbis", "Ogg", "ogg", f"{rate} Hz {channels} ch", "-c:a libvorbis -q:a 5", rate=rate, channels=channels))
    for quality in (0, 5):
        options = f"-q {quality} --advanced-encode-option disable_coupling"
        made.append(kind("Vorbis", "Ogg", "ogg", f"q{quality} without coupling", options, tool="oggenc"))
    made.append(kind("Vorbis", "Ogg", "ogg", "48000 Hz 6 ch q-1", "-c:a libvorbis -q:a -1", rate=48000, channels=6))
    for container, extension in (("WebM", "webm"), ("Matroska", "mka"), ("MP4", "mp4")):
        made.append(kind("Vorbis", container, extension, "stereo", "-c:a libvorbis -q:a 4"))
        made.append(kind("Vorbis", container, extension, "8000 Hz mono", "-c:a libvorbis -q:a 4", rate=8000, channels=1))
    return made


def _opus():
    def opusenc(label, options, rate=48000, **more):
        return kind("Opus", "Ogg", "opus", label, options, tool="opusenc", rate=rate, **more)

    made = [
        opusenc("96k", "--bitrate 96", small=True),
        opusenc("256k", "--bitrate 256"),
        opusenc("6k mono", "--bitrate 6", channels=1),
        opusenc("16k speech mono", "--bitrate 16 --speech", channels=1, rate=16000),
        opusenc("of 44100 Hz", "--bitrate 96", rate=44100),
        opusenc("frames of 2.5 ms", "--bitrate 96 --framesize 2.5"),
        opusenc("frames of 60 ms", "--bitrate 64 --framesize 60"),
        opusenc("constant rate", "--bitrate 64 --hard-cbr"),
        opusenc("6 ch", "--bitrate 256", channels=6),
        opusenc("8 ch", "--bitrate 400", channels=8),
        opusenc("chained", "--bitrate 96", twice=True),
        kind("Opus", "Ogg", "opus", "by ffmpeg", "-c:a libopus -b:a 96k", rate=48000),
    ]
    for container, extension in (("WebM", "webm"), ("Matroska", "mka"), ("MP4", "mp4"), ("CAF", "caf")):
        names = ["Core Audio", "CAF"] if container == "CAF" else ["Opus"]
        # ffmpeg writes no more than two channels into CAF.
        for label, channels in (("stereo", 2), ("mono", 1), ("6 ch", 6))[: 2 if container == "CAF" else 3]:
            made.append(kind("Opus", container, extension, label, "-c:a libopus -b:a 96k", rate=48000, channels=channels, names=names))
    container, extension, options, names = TS
    made.append(kind("Opus", container, extension, "stereo", f"-c:a libopus -b:a 96k {options}", rate=48000, names=names))
    return made


def _aac():
    made = []
    for rate, channels in ((44100, 2), (8000, 1), (16000, 1), (22050, 2), (32000, 2), (48000, 2), (64000, 2), (88200, 2), (96000, 2), (48000, 6)):
        made.append(kind("AAC-LC", "MP4", "m4a", f"{rate} Hz {channels} ch", "-c:a aac -b:a 128k", rate=rate, channels=channels, names=["AAC"]))
    for label, options in (("without noise and intensity", "-aac_pns 0 -aac_is 0"), ("fast coder", "-aac_coder fast"), ("in pieces", "-movflags +frag_keyframe+empty_moov -f mp4"), ("header in front", "-movflags +faststart")):
        made.append(kind("AAC-LC", "MP4", "m4a", label, f"-c:a aac -b:a 128k {options}", names=["AAC"]))
    for container, extension in (("ADTS", "aac"), ("Matroska", "mka"), ("MOV", "mov")):
        for label, rate, channels in (("44100 Hz stereo", 44100, 2), ("88200 Hz stereo", 88200, 2), ("48000 Hz 6 ch", 48000, 6), ("16000 Hz mono", 16000, 1)):
            made.append(kind("AAC-LC", container, extension, label, "-c:a aac -b:a 128k", rate=rate, channels=channels, names=["AAC"],
                             small=container == "ADTS" and channels == 1))
    for container, extension, options, names in (TS, FLV, AVI):
        made.append(kind("AAC-LC", container, extension, "stereo", f"-c:a aac -b:a 128k {options}", names=names))
    made.append(kind("AAC-LC", "3GP", "3gp", "mono", "-c:a aac -b:a 64k", channels=1, names=["AAC"]))
    for name, profile in (("AAC Main", "aac_main"), ("AAC LTP", "aac_ltp")):
        for container, extension in (("MP4", "m4a"), ("ADTS", "aac")):
            made.append(kind(name, container, extension, "stereo", f"-c:a aac -b:a 128k -profile:a {profile} -strict -2", names=["AAC"]))
    made.append(kind("AAC-LC", "LATM", "latm", "stereo", "-c:a aac -b:a 128k -f latm", names=["LATM", "LOAS"]))
    return made


def _alac():
    made = []
    for container, extension in (("MP4", "m4a"), ("MOV", "mov"), ("Matroska", "mka"), ("CAF", "caf")):
        names = ["Core Audio", "CAF"] if container == "CAF" else ["ALAC"]
        for label, form, width, rate, channels in (("16 bit", "s16p", 16, 44100, 2), ("24 bit 96000 Hz", "s32p", 24, 96000, 2), ("16 bit mono", "s16p", 16, 16000, 1), ("16 bit 6 ch", "s16p", 16, 48000, 6)):
            made.append(kind("ALAC", container, extension, label, f"-c:a alac -sample_fmt {form}", width=width, rate=rate, channels=channels, lossless=True, names=names))
    return made


def _cut():
    """Copies from the middle of a file on, as editors and downloaders make them without encoding anything again."""
    made = []
    for codec, options, containers in (
        ("MP3", "-c:a libmp3lame -b:a 128k", (("MPEG", "mp3"), ("Matroska", "mka"), ("MP4", "mp4"))),
        ("AAC-LC", "-c:a aac -b:a 128k", (("MP4", "m4a"), ("ADTS", "aac"), ("Matroska", "mka"), ("MOV", "mov"))),
        ("Vorbis", "-c:a libvorbis -q:a 4", (("Ogg", "ogg"), ("WebM", "webm"))),
        ("Opus", "-c:a libopus -b:a 96k", (("Ogg", "opus"), ("WebM", "webm"), ("MP4", "mp4"))),
        ("FLAC", "-c:a flac -sample_fmt s16", (("FLAC", "flac"), ("Ogg", "oga"), ("Matroska", "mka"))),
        ("ALAC", "-c:a alac -sample_fmt s16p", (("MP4", "m4a"), ("Matroska", "mka"))),
        ("PCM", "-c:a pcm_s16le", (("WAV", "wav"), ("Matroska", "mka"))),
    ):
        for container, extension in containers:
            made.append(kind(codec, container, extension, "cut", options, rate=48000 if codec == "Opus" else 44100, cut=True,
                             lossless=codec in ("FLAC", "ALAC", "PCM"), names=["AAC", codec]))
    return made


def _not_read():
    """Formats of other players."""
    wavpack, tta, wma, dolby = ["WavPack"], ["True Audio", "TTA"], ["Windows Media", "WMA"], ["AC-3", "AC3", "Dolby"]
    made = [
        kind("WavPack", "WavPack", "wv", "by wavpack", "", tool="wavpack", lossless=True, names=wavpack, small=True, rate=8000),
        kind("WavPack", "WavPack", "wv", "hybrid", "-b256", tool="wavpack", names=wavpack),
        kind("WavPack", "WavPack", "wv", "by ffmpeg", "-c:a wavpack", lossless=True, names=wavpack),
        kind("WavPack", "Matroska", "mka", "stereo", "-c:a wavpack", lossless=True, names=wavpack),
        kind("TTA", "TTA", "tta", "stereo", "-c:a tta", lossless=True, names=tta),
        kind("TTA", "Matroska", "mka", "stereo", "-c:a tta", lossless=True, names=tta),
        kind("WMA 1", "ASF", "wma", "stereo", "-c:a wmav1", names=wma),
        kind("MP3", "ASF", "asf", "stereo", "-c:a libmp3lame", names=[*wma, "ASF"]),
        kind("WMA 2", "ASF", "wma", "stereo", "-c:a wmav2", names=wma, small=True),
        kind("MP2", "MPEG", "mp2", "stereo", "-c:a mp2", names=["MP2", "layer 2", "layer II"]),
        kind("MP2", "Matroska", "mka", "stereo", "-c:a mp2", names=["MP2", "layer 2", "layer II"]),
        kind("MP2", "WAV", "wav", "stereo", "-c:a mp2", names=["MP2", "layer 2", "layer II"]),
        kind("AC-3", "raw", "ac3", "stereo", "-c:a ac3", names=dolby),
        kind("AC-3", "Matroska", "mka", "6 ch", "-c:a ac3", rate=48000, channels=6, names=dolby),
        kind("AC-3", "MP4", "mp4", "stereo", "-c:a ac3", names=dolby),
        kind("E-AC-3", "raw", "eac3", "stereo", "-c:a eac3", names=dolby),
        kind("E-AC-3", "Matroska", "mka", "stereo", "-c:a eac3", names=dolby),
        kind("DTS", "raw", "dts", "stereo", "-c:a dca -strict -2", rate=48000),
        kind("DTS", "Matroska", "mka", "stereo", "-c:a dca -strict -2", rate=48000),
        kind("TrueHD", "raw", "thd", "stereo", "-c:a truehd -strict -2", rate=48000, lossless=True),
        kind("TrueHD", "Matroska", "mka", "stereo", "-c:a truehd -strict -2", rate=48000, lossless=True),
        kind("MLP", "raw", "mlp", "stereo", "-c:a mlp -strict -2", rate=48000, lossless=True),
        kind("Speex", "Ogg", "spx", "mono", "-c:a libspeex", rate=16000, channels=1),
        kind("RealAudio 1", "RealMedia", "rm", "mono", "-c:a real_144", rate=8000, channels=1, names=["Real"]),
        kind("Nellymoser", "FLV", "flv", "mono", "-c:a nellymoser", rate=22050, channels=1, names=["Nellymoser", "FLV", "Flash"]),
        kind("ADX", "raw", "adx", "stereo", "-c:a adpcm_adx", names=["ADX"]),
        kind("SBC", "raw", "sbc", "stereo", "-c:a sbc", names=["SBC"]),
        kind("Codec 2", "Codec 2", "c2", "mono", "-c:a libcodec2 -mode 3200", rate=8000, channels=1),
    ]
    return made

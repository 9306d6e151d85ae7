//! What codecs are called whose four letters stand in an MP4 or a QuickTime file.
//!
//! # Source
//! The registration authority for MP4 (mp4ra.org), and Apple's QuickTime File Format Specification.

const NAMES: [(&[u8; 4], &str); 47] = [
    (b".mp3", "mp3 in this form"),
    (b"ADP4", "IMA ADPCM"),
    (b"G722", "G.722"),
    (b"G726", "G.726"),
    (b"G728", "G.728"),
    (b"GSM ", "GSM 06.10"),
    (b"MAC3", "MACE 3:1"),
    (b"MAC6", "MACE 6:1"),
    (b"Opus", "Opus in this form"),
    (b"QDM2", "QDesign Music 2"),
    (b"QDMC", "QDesign Music"),
    (b"Qclp", "Qualcomm PureVoice"),
    (b"ac-3", "Dolby Digital (AC-3)"),
    (b"ac-4", "Dolby AC-4"),
    (b"agsm", "GSM 06.10"),
    (b"alac", "Apple Lossless in QuickTime's form"),
    (b"drms", "protected AAC"),
    (b"dtsc", "DTS"),
    (b"dtse", "DTS Express"),
    (b"dtsh", "DTS-HD"),
    (b"dtsl", "DTS-HD Master Audio"),
    (b"dtsx", "DTS:X"),
    (b"dvca", "DV audio"),
    (b"ec-3", "Dolby Digital Plus (E-AC-3)"),
    (b"enca", "encrypted audio"),
    (b"fLaC", "FLAC in this form"),
    (b"g719", "G.719"),
    (b"ima4", "IMA ADPCM in QuickTime's form"),
    (b"ipcm", "PCM in MP4"),
    (b"fpcm", "PCM in MP4"),
    (b"mha1", "MPEG-H"),
    (b"mhm1", "MPEG-H"),
    (b"mlpa", "Dolby TrueHD"),
    (b"ms\0\x02", "Microsoft ADPCM"),
    (b"ms\0\x11", "IMA ADPCM"),
    (b"ms\0\x31", "GSM 06.10"),
    (b"ms\0\x55", "mp3 in QuickTime's form"),
    (b"nmos", "Nellymoser"),
    (b"owma", "Windows Media Audio"),
    (b"samr", "AMR"),
    (b"sawb", "AMR wideband"),
    (b"sawp", "AMR wideband plus"),
    (b"sevc", "EVRC"),
    (b"spex", "Speex"),
    (b"sqcp", "QCELP"),
    (b"ssmv", "SMV"),
    (b"vdva", "DV audio"),
];

/// The name that belongs to these letters.
pub(super) fn known(letters: [u8; 4]) -> Option<&'static str> {
    NAMES.iter().find(|(known, _)| **known == letters).map(|(_, name)| *name)
}

/// The name that belongs to the letters of an entry.
pub(super) fn lettered(letters: [u8; 4]) -> String {
    known(letters).map_or_else(|| format!("the codec `{}`", letters.escape_ascii()), str::to_owned)
}

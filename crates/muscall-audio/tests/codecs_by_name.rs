//! What is not decoded is refused by its name, whatever container it is in.
#![allow(clippy::unwrap_used, missing_docs, dead_code)]

#[path = "made/mp4.rs"]
mod mp4;
#[path = "made/sound.rs"]
mod sound;

use sound::made;

fn refused(name: &str, bytes: &[u8], expected: &str) {
    let error = made(name, bytes).decode().unwrap_err().to_string();
    assert!(error.contains(expected) && error.contains("convert the file"), "{expected}: {error}");
}

fn wave(number: u16) -> Vec<u8> {
    let format = [&number.to_le_bytes()[..], &[1, 0, 0x40, 0x1f, 0, 0, 0xa0, 0x0f, 0, 0, 1, 0, 4, 0, 0, 0]].concat();
    let sizes = [format.len() as u32, 4000].map(u32::to_le_bytes);
    [b"RIFF\xff\xff\0\0WAVEfmt ", &sizes[0][..], &format, b"data", &sizes[1], &[0x5a; 4000]].concat()
}

#[test]
fn a_wav_names_its_codec() {
    for (number, name) in [
        (0x65, "G.722"),
        (0x28f, "G.722"),
        (0x64, "G.726"),
        (0x42, "G.723.1"),
        (0x111, "G.723"),
        (0x133, "G.729"),
        (0x31, "GSM 06.10"),
        (0x20, "Yamaha ADPCM"),
        (0x17, "OKI ADPCM"),
        (0x50, "MPEG layer 1 or 2"),
        (0x55, "mp3 in WAV"),
        (0x92, "Dolby Digital"),
        (0x4444, "0x4444"),
    ] {
        refused("a.wav", &wave(number), name);
        // The same as one of the long numbers.
        let mut long = wave(0xfffe);
        let more = [&[22, 0, 4, 0, 0, 0, 0, 0][..], &number.to_le_bytes(), b"\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71"]
            .concat();
        long.splice(36..38, more);
        long[16] = 40;
        refused("a.wav", &long, name);
    }
}

#[test]
fn an_aiff_c_names_its_codec() {
    for (letters, name) in [(b"ima4", "IMA ADPCM"), (b"MAC6", "MACE 6:1"), (b"GSM ", "GSM 06.10"), (b"wxyz", "`wxyz`")]
    {
        let common =
            [&[0, 1, 0, 0, 1, 0, 0, 16, 0x40, 0x0e, 0xac, 0x44, 0, 0, 0, 0, 0, 0][..], letters, &[0, 0]].concat();
        let file = [b"FORM\0\0\x10\0AIFCCOMM\0\0\0\x18", &common[..], b"SSND\0\0\x0f\0", &[3; 3840]].concat();
        refused("a.aifc", &file, name);
    }
}

#[test]
fn an_mp4_names_its_codec() {
    for (letters, name) in [
        (b"samr", "AMR"),
        (b"sqcp", "QCELP"),
        (b"dtsc", "DTS"),
        (b"ima4", "IMA ADPCM"),
        (b"QDM2", "QDesign Music 2"),
        (b"mha1", "MPEG-H"),
        (b"wxyz", "`wxyz`"),
    ] {
        let mut entry = mp4::alac_entry();
        entry[4..8].copy_from_slice(letters);
        let file = mp4::file(&entry, 22_050, &vec![vec![7; 300]; 9], &[4096; 9]);
        refused("a.m4a", &file, name);
    }
}

#[test]
fn streams_for_broadcasts_have_names() {
    let packets: Vec<u8> = (0..40).flat_map(|_| [&[0x47, 0x40, 0, 0x10][..], &[0xff; 184]].concat()).collect();
    refused("a.ts", &packets, "MPEG transport stream");
    let frames: Vec<u8> = (0..40).flat_map(|_| [&[0x56, 0xe0, 100][..], &[0x20; 100]].concat()).collect();
    refused("a.latm", &frames, "LATM");
    refused("a.iff", &[&b"FORM\0\0\x01\08SVXVHDR"[..], &[0; 300]].concat(), "8SVX");
    refused("a.sph", &[&b"NIST_1A\n   1024\n"[..], &[b' '; 1100]].concat(), "NIST");
}

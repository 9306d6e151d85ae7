//! Plain samples behind the headers that there are: stereo at 16 kHz, 16 bits where nothing else is said.

/// What a header says.
#[derive(Clone, Copy)]
pub struct Said {
    /// The number of the encoding.
    pub kind: u32,
    pub bits: u16,
    /// In bytes: of the whole file and of the samples.
    pub outer: u64,
    pub inner: u64,
}

const CHANNELS: u16 = 2;
const RATE: u32 = 16_000;
/// What follows the four letters of Wave64's names.
const NAMED: [u8; 12] = [0xf3, 0xac, 0xd3, 0x11, 0x8c, 0xd1, 0, 0xc0, 0x4f, 0x8e, 0xdb, 0x8a];
/// What follows the first of them.
const NAMED_RIFF: [u8; 12] = [0x2e, 0x91, 0xcf, 0x11, 0xa5, 0xd6, 0x28, 0xdb, 4, 0xc1, 0, 0];

/// The content of a format chunk of WAV.
pub fn format(said: Said) -> Vec<u8> {
    let frame = CHANNELS * said.bits.div_ceil(8);
    [
        &(said.kind as u16).to_le_bytes()[..],
        &CHANNELS.to_le_bytes(),
        &RATE.to_le_bytes(),
        &(RATE * u32::from(frame)).to_le_bytes(),
        &frame.to_le_bytes(),
        &said.bits.to_le_bytes(),
    ]
    .concat()
}

/// `more`: chunks in front of the samples.
pub fn wav(said: Said, more: &[u8], data: &[u8]) -> Vec<u8> {
    riff(b"RIFF", said, more, data)
}

fn riff(name: &[u8; 4], said: Said, more: &[u8], data: &[u8]) -> Vec<u8> {
    let size = |size: u64| u32::try_from(size).unwrap().to_le_bytes();
    let format = [b"fmt ", &size(16)[..], &format(said)].concat();
    [name, &size(said.outer)[..], b"WAVE", &format, more, b"data", &size(said.inner), data].concat()
}

/// RF64, whose true size is in a chunk of its own.
pub fn rf64(said: Said, data: &[u8]) -> Vec<u8> {
    let sizes = [&said.outer.to_le_bytes()[..], &said.inner.to_le_bytes(), &[0; 12]].concat();
    let ds64 = [b"ds64", &28_u32.to_le_bytes()[..], &sizes].concat();
    let all = u64::from(u32::MAX);
    let file = riff(b"RF64", Said { outer: all, inner: all, ..said }, &[], data);
    [&file[..12], &ds64, &file[12..]].concat()
}

pub fn wave64(said: Said, data: &[u8]) -> Vec<u8> {
    let chunk = |name: &[u8], size: u64| [name, &NAMED, &(size + 24).to_le_bytes()].concat();
    let start = [b"riff", &NAMED_RIFF[..], &said.outer.to_le_bytes(), b"wave", &NAMED].concat();
    [start, chunk(b"fmt ", 16), format(said), chunk(b"data", said.inner), data.to_vec()].concat()
}

/// `name`: AIFC's of a compression, or none for AIFF.
pub fn aiff(name: Option<&[u8; 4]>, said: Said, late: bool, data: &[u8]) -> Vec<u8> {
    let size = |size: u64| u32::try_from(size).unwrap().to_be_bytes();
    let frames = (data.len() / usize::from(CHANNELS * said.bits.div_ceil(8))) as u32;
    let rate = [0x40, 0x0c, 0xfa, 0, 0, 0, 0, 0, 0, 0];
    let name = name.map_or(Vec::new(), |name| [&name[..], &[0, 0]].concat());
    let common = [&CHANNELS.to_be_bytes()[..], &frames.to_be_bytes(), &said.bits.to_be_bytes(), &rate, &name].concat();
    let common = [b"COMM", &size(common.len() as u64)[..], &common].concat();
    let sound = [b"SSND", &size(said.inner)[..], &[0; 8], data].concat();
    let kind = if name.is_empty() { b"AIFF" } else { b"AIFC" };
    let chunks = if late { [sound, common].concat() } else { [common, sound].concat() };
    [b"FORM", &size(said.outer)[..], kind, &chunks].concat()
}

pub fn sun(said: Said, text: &[u8], data: &[u8]) -> Vec<u8> {
    let inner = u32::try_from(said.inner).unwrap();
    let fields = [24 + text.len() as u32, inner, said.kind, RATE, u32::from(CHANNELS)];
    [b".snd", &fields.iter().flat_map(|field| field.to_be_bytes()).collect::<Vec<u8>>()[..], text, data].concat()
}

/// `size`: of the samples, −1 if unknown. `flags`: 1 for floating point, 2 for little-endian.
pub fn core_audio(name: &[u8; 4], flags: u32, bits: u16, size: i64, data: &[u8]) -> Vec<u8> {
    let frame = u32::from(CHANNELS * bits / 8);
    let fields = [flags, frame, 1, u32::from(CHANNELS), u32::from(bits)];
    let fields: Vec<u8> = fields.iter().flat_map(|field| field.to_be_bytes()).collect();
    let description = [&f64::from(RATE).to_be_bytes()[..], name, &fields].concat();
    let chunk = |name: &[u8; 4], size: i64| [&name[..], &size.to_be_bytes()].concat();
    let free = [chunk(b"free", 7), vec![0; 7]].concat();
    [b"caff\0\x01\0\0", &chunk(b"desc", 32)[..], &description, &free, &chunk(b"data", size), &[0; 4], data].concat()
}

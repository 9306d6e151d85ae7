//! MP4 with one audio track, whose packets have any length in time.

fn boxed(name: &[u8; 4], content: &[&[u8]]) -> Vec<u8> {
    let content = content.concat();
    [&(content.len() as u32 + 8).to_be_bytes(), &name[..], &content].concat()
}

/// With a version and flags, which are 0.
fn full(name: &[u8; 4], content: &[&[u8]]) -> Vec<u8> {
    boxed(name, &[&[0; 4], &content.concat()])
}

fn numbers(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

/// A file of packets and the ticks until the one that follows.
pub fn file(entry: &[u8], rate: u32, packets: &[Vec<u8>], ticks: &[u32]) -> Vec<u8> {
    let count = packets.len() as u32;
    let stsd = full(b"stsd", &[&numbers(&[1]), entry]);
    let times: Vec<u32> = ticks.iter().flat_map(|&ticks| [1, ticks]).collect();
    let stts = full(b"stts", &[&numbers(&[count]), &numbers(&times)]);
    let sizes: Vec<u32> = packets.iter().map(|packet| packet.len() as u32).collect();
    let stsz = full(b"stsz", &[&numbers(&[0, count]), &numbers(&sizes)]);
    let stsc = full(b"stsc", &[&numbers(&[1, 1, count, 1])]);
    let total = ticks.iter().sum();
    let moov = |data: u32| {
        let stco = full(b"stco", &[&numbers(&[1, data])]);
        let stbl = boxed(b"stbl", &[&stsd, &stts, &stsc, &stsz, &stco]);
        let dref = full(b"dref", &[&numbers(&[1]), &numbers(&[12]), b"url ", &numbers(&[1])]);
        let minf = boxed(b"minf", &[&full(b"smhd", &[&[0; 4]]), &boxed(b"dinf", &[&dref]), &stbl]);
        let hdlr = full(b"hdlr", &[&[0; 4], b"soun", &[0; 13]]);
        let mdhd = full(b"mdhd", &[&numbers(&[0, 0, rate, total, 0])]);
        let mdia = boxed(b"mdia", &[&mdhd, &hdlr, &minf]);
        let tkhd = full(b"tkhd", &[&numbers(&[0, 0, 1, 0, total]), &[0; 60]]);
        let mvhd = full(b"mvhd", &[&numbers(&[0, 0, rate, total]), &[0; 80]]);
        boxed(b"moov", &[&mvhd, &boxed(b"trak", &[&tkhd, &mdia])])
    };
    let ftyp = boxed(b"ftyp", &[b"M4A \0\0\0\0isom"]);
    let start = (ftyp.len() + moov(0).len() + 8) as u32;
    [ftyp, moov(start), boxed(b"mdat", &[&packets.concat()])].concat()
}

fn entry(name: &[u8; 4], channels: u8, rate: u32, codec: &[u8]) -> Vec<u8> {
    let fixed = [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, channels, 0, 16, 0, 0, 0, 0];
    boxed(name, &[&fixed, &numbers(&[rate << 16]), codec])
}

/// `info`: what follows the marker of a FLAC file, one block.
pub fn flac_entry(info: &[u8]) -> Vec<u8> {
    entry(b"fLaC", 1, 22_050, &full(b"dfLa", &[info]))
}

/// Blocks of 4096 samples of 16 bits, mono.
pub fn alac_entry() -> Vec<u8> {
    let cookie = [&numbers(&[4096])[..], &[0, 16, 40, 10, 14, 1, 0, 255], &numbers(&[0, 0, 22_050])].concat();
    entry(b"alac", 1, 22_050, &full(b"alac", &[&cookie]))
}

/// Object 0x6b is mp3; 0x40 is AAC, with its configuration.
pub fn mpeg_entry(object: u8, config: &[u8]) -> Vec<u8> {
    mpeg_entry_at(44_100, object, config)
}

/// The same with a rate that need not be that of the stream.
pub fn mpeg_entry_at(rate: u32, object: u8, config: &[u8]) -> Vec<u8> {
    let specific = if config.is_empty() { Vec::new() } else { [&[5, config.len() as u8], config].concat() };
    let decoder = [&[4, 13 + specific.len() as u8, object, 0x15][..], &[0; 11], &specific].concat();
    let stream = [&[3, 3 + decoder.len() as u8 + 3, 0, 1, 0][..], &decoder, &[6, 1, 2]].concat();
    entry(b"mp4a", 2, rate, &full(b"esds", &[&stream]))
}

/// A packet of ALAC without compression.
pub fn alac_packet(samples: &[i16]) -> Vec<u8> {
    let mut bits: Vec<bool> = Vec::new();
    let mut push = |value: u32, count: u32| bits.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
    let is_short = samples.len() < 4096;
    // One channel, its number, what is not used, whether a length follows, no bits shifted out, not compressed.
    for (value, count) in [(0, 3), (0, 4), (0, 12), (u32::from(is_short), 1), (0, 2), (1, 1)] {
        push(value, count);
    }
    if is_short {
        push(samples.len() as u32, 32);
    }
    samples.iter().for_each(|&sample| push(u32::from(sample as u16), 16));
    push(7, 3);
    bits.chunks(8).map(|byte| (0..8).fold(0, |x, i| x << 1 | u8::from(*byte.get(i).unwrap_or(&false)))).collect()
}

/// The packets of an MP4 file of one chunk.
pub fn packets(file: &[u8]) -> Vec<Vec<u8>> {
    let find = |name: &[u8]| file.windows(4).position(|word| word == name).unwrap() + 4;
    let number = |at: usize| u32::from_be_bytes(*file[at..].first_chunk().unwrap()) as usize;
    let (sizes, mut data) = (find(b"stsz") + 8, find(b"mdat"));
    let packet = |i: usize| {
        let size = number(sizes + 4 + 4 * i);
        data += size;
        file[data - size..data].to_vec()
    };
    (0..number(sizes)).map(packet).collect()
}

/// The frames of an mp3 file of 64 kbit/s at 44.1 kHz.
pub fn mp3_frames(file: &[u8]) -> Vec<Vec<u8>> {
    let start = file.windows(2).position(|sync| sync == [0xff, 0xfb]).unwrap();
    let mut rest = &file[start..];
    let mut frames = Vec::new();
    while let Some(&padding) = rest.get(2) {
        let (frame, others) = rest.split_at(144 * 64_000 / 44_100 + usize::from(padding >> 1 & 1));
        frames.push(frame.to_vec());
        rest = others;
    }
    frames
}

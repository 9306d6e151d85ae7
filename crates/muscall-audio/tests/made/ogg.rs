//! Ogg pages (RFC 3533), and FLAC in them.

/// Whole packets on a page. `kind`: 2 for the first page of a stream, 4 for the last.
pub fn page(kind: u8, number: u32, granule: i64, packets: &[Vec<u8>]) -> Vec<u8> {
    let lacing: Vec<u8> = packets
        .iter()
        .flat_map(|packet| std::iter::repeat_n(255, packet.len() / 255).chain([(packet.len() % 255) as u8]))
        .collect();
    let mut bytes = b"OggS\0".to_vec();
    bytes.push(kind);
    bytes.extend(granule.to_le_bytes());
    bytes.extend(7_u32.to_le_bytes());
    bytes.extend(number.to_le_bytes());
    bytes.extend([0; 4]);
    bytes.push(u8::try_from(lacing.len()).unwrap());
    bytes.extend(lacing);
    bytes.extend(packets.concat());
    seal(&mut bytes);
    bytes
}

/// Writes a page's checksum.
pub fn seal(page: &mut [u8]) {
    page[22..26].fill(0);
    let sum = page.iter().fold(0_u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte) << 24, |crc, _| crc << 1 ^ if crc >> 31 == 1 { 0x04c1_1db7 } else { 0 })
    });
    page[22..26].copy_from_slice(&sum.to_le_bytes());
}

/// The pages of a file.
pub fn pages(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut pages = Vec::new();
    while let Some(&segments) = bytes.get(26) {
        let head = 27 + usize::from(segments);
        let length = head + bytes[27..head].iter().map(|&length| usize::from(length)).sum::<usize>();
        let (page, rest) = bytes.split_at(length);
        pages.push(page.to_vec());
        bytes = rest;
    }
    pages
}

/// The pages of a FLAC stream, two of headers and then `frames`, some to a page, each with its granule position.
pub fn flac(stream_info: &[u8], frames: &[Vec<u8>], to_a_page: usize, granules: &[i64]) -> Vec<Vec<u8>> {
    let mut info = stream_info.to_vec();
    // Tags follow.
    info[0] = 0;
    let first = [b"\x7fFLAC\x01\x00\x00\x01fLaC", &info[..]].concat();
    let tags = vec![0x84, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0];
    let mut pages = vec![page(2, 0, 0, &[first]), page(0, 1, 0, &[tags])];
    for (frames, &granule) in frames.chunks(to_a_page).zip(granules) {
        pages.push(page(0, pages.len() as u32, granule, frames));
    }
    let last = pages.last_mut().unwrap();
    last[5] = 4;
    seal(last);
    pages
}

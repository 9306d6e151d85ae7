//! A fragment of an MP4: where its samples are in time, and how many ticks they last.
//!
//! # Source
//! ISO/IEC 14496-12, 8.8.

/// Of one track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) track: u32,
    /// Where it starts, in ticks, if it says so.
    pub(super) start: Option<u64>,
    /// Ticks of all of its samples.
    pub(super) ticks: u64,
}

/// Boxes one behind the other, that fill `content` to its end.
pub(super) fn children(mut content: &[u8]) -> Option<Vec<([u8; 4], &[u8])>> {
    let mut found = Vec::new();
    while !content.is_empty() {
        let (head, _) = content.split_first_chunk::<8>()?;
        let [a, b, c, d, kind @ ..] = *head;
        let size = usize::try_from(u32::from_be_bytes([a, b, c, d])).ok()?;
        if size < 8 {
            return None;
        }
        found.push((kind, content.get(8..size)?));
        content = &content[size..];
    }
    Some(found)
}

fn four(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|four| u32::from_be_bytes(*four))
}

/// What the content of a `moof` says, None if it is damaged. `usual`: of a track, what its samples last.
pub(super) fn runs(content: &[u8], usual: &[(u32, u32)]) -> Option<Vec<Run>> {
    let boxes = children(content)?;
    let has_number = boxes.first().is_some_and(|(kind, number)| kind == b"mfhd" && number.len() == 8);
    if !has_number {
        return None;
    }
    boxes.iter().filter(|(kind, _)| kind == b"traf").map(|(_, content)| run(content, usual)).collect()
}

fn run(content: &[u8], usual: &[(u32, u32)]) -> Option<Run> {
    let boxes = children(content)?;
    let (_, head) = boxes.iter().find(|(kind, _)| kind == b"tfhd")?;
    let (flags, track) = (four(head, 0)?, four(head, 4)?);
    // What stands before the length of a sample, if it is there.
    let skipped = if flags & 1 != 0 { 8 } else { 0 } + if flags & 2 != 0 { 4 } else { 0 };
    let own = if flags & 8 != 0 { Some(four(head, 8 + skipped)?) } else { None };
    let known = usual.iter().find(|(known, _)| *known == track).map(|(_, ticks)| *ticks);
    let each = u64::from(own.or(known).unwrap_or(0));
    let mut found = Run { track, start: None, ticks: 0 };
    for (kind, content) in &boxes {
        match kind {
            b"tfdt" if content.first() == Some(&1) => {
                found.start = Some(content.get(4..)?.first_chunk().map(|start| u64::from_be_bytes(*start))?);
            }
            b"tfdt" => found.start = Some(u64::from(four(content, 4)?)),
            b"trun" => {
                let (flags, count) = (four(content, 0)?, u64::from(four(content, 4)?));
                let head = 8 + [1, 4].iter().filter(|flag| flags & **flag != 0).count() * 4;
                let width = (flags >> 8 & 15).count_ones() as usize * 4;
                let table = content.get(head..)?;
                if table.len() as u64 != count * width as u64 {
                    return None;
                }
                found.ticks = found.ticks.saturating_add(if flags & 0x100 != 0 {
                    table.chunks_exact(width).filter_map(|one| four(one, 0)).map(u64::from).sum()
                } else {
                    each.saturating_mul(count)
                });
            }
            _ => {}
        }
    }
    Some(found)
}

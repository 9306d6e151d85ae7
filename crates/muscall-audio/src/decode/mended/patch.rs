//! Bytes that stand in the place of others.

/// What a reader is shown from one place of a file on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::decode) struct Patch {
    pub(in crate::decode) at: u64,
    pub(in crate::decode) bytes: Vec<u8>,
}

impl Patch {
    pub(in crate::decode) fn new(at: u64, bytes: impl Into<Vec<u8>>) -> Self {
        Self { at, bytes: bytes.into() }
    }

    fn end(&self) -> u64 {
        self.at + self.bytes.len() as u64
    }
}

/// Changes what was read from `position` on. Patches are in order, and none overlaps another.
pub(in crate::decode) fn lay_over(patches: &[Patch], position: u64, read: &mut [u8]) {
    let first = patches.partition_point(|patch| patch.end() <= position);
    let end = position + read.len() as u64;
    for patch in patches[first..].iter().take_while(|patch| patch.at < end) {
        let from = patch.at.max(position);
        let to = patch.end().min(end);
        let shown = &patch.bytes[(from - patch.at) as usize..(to - patch.at) as usize];
        read[(from - position) as usize..(to - position) as usize].copy_from_slice(shown);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_sees_patches_wherever_it_reads() {
        let file: Vec<u8> = (0..60).collect();
        let patches = [Patch::new(3, [100, 101]), Patch::new(20, [102; 5]), Patch::new(25, [103])];
        let mut whole = file.clone();
        whole[3..5].copy_from_slice(&[100, 101]);
        whole[20..25].fill(102);
        whole[25] = 103;
        for from in 0..60 {
            for to in from..60 {
                let mut read = file[from..to].to_vec();
                lay_over(&patches, from as u64, &mut read);
                assert_eq!(read, whole[from..to], "{from} {to}");
            }
        }
    }
}

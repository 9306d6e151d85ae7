//! The index keeps what it was given, and says so when a file is damaged.
#![allow(missing_docs, clippy::unwrap_used)]

use muscall_retrieval::{Index, RetrievalError};

fn index() -> Index {
    let mut index = Index::new(3, "00ff").unwrap();
    index.add("a.mp3", &[1.0, 0.0, 0.0]).unwrap();
    index.add("ü b\n.flac", &[0.0, 0.6, 0.8]).unwrap();
    index
}

#[test]
fn survives_the_round_trip() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("music.index");
    index().save(&path).unwrap();
    let loaded = Index::load(&path, "00ff").unwrap();
    assert_eq!(loaded, index());
    assert_eq!(loaded.search(&[0.0, 1.0, 0.0], 1).unwrap(), [("ü b\n.flac", 0.6)]);
    assert_eq!(loaded.get("a.mp3"), Some([1.0, 0.0, 0.0].as_slice()));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn misfits_are_refused() {
    let mut index = index();
    assert!(matches!(index.add("a.mp3", &[0.0; 3]), Err(RetrievalError::DuplicateId { .. })));
    assert!(matches!(index.add("c", &[0.0; 4]), Err(RetrievalError::Dimensions { .. })));
    assert!(matches!(index.add("c", &[0.0, f32::NAN, 0.0]), Err(RetrievalError::NotFinite { .. })));
    assert!(Index::new(0, "").is_err());
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("music.index");
    index.save(&path).unwrap();
    assert!(matches!(Index::load(&path, "other"), Err(RetrievalError::Fingerprint { .. })));
    assert!(matches!(Index::load(dir.path(), "other"), Err(RetrievalError::Io { .. })));
}

#[test]
fn any_damage_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("music.index");
    index().save(&path).unwrap();
    let whole = std::fs::read(&path).unwrap();
    let refused = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        matches!(Index::load(&path, "00ff"), Err(RetrievalError::Corrupt { .. }))
    };
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut damaged = whole.clone();
            damaged[at] ^= 1 << bit;
            assert!(refused(&damaged), "byte {at}, bit {bit}");
        }
        assert!(refused(&whole[..at]), "cut at {at}");
    }
    let mut longer = whole;
    longer.push(0);
    assert!(refused(&longer));
}

//! Files that would do harm if they could: each is refused, nothing runs, memory stays small.
//! One test, so that the memory of the process is its memory.
#![allow(missing_docs, clippy::unwrap_used)]

use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;

use muscall_model::weights::pytorch::{PytorchError, TorchFile, Value};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, bytes) in entries {
        zip.start_file(*name, stored).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn with_pickle(pickle: &[u8]) -> Vec<u8> {
    archive(&[("archive/data.pkl", pickle), ("archive/byteorder", b"little"), ("archive/data/0", &[0; 64])])
}

/// `{"w": a float tensor of the given sizes in data/0}`.
fn tensor(offset: u64, shape: &[u64], strides: &[u64]) -> Vec<u8> {
    let integer = |value: u64| [b"\x8a\x08".as_slice(), &value.to_le_bytes()].concat();
    let text = |text: &str| [b"X".as_slice(), &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat();
    let tuple = |values: &[u64]| {
        let items: Vec<u8> = values.iter().flat_map(|&value| integer(value)).collect();
        [b"(".as_slice(), &items, b"t"].concat()
    };
    let storage =
        [b"(".as_slice(), &text("storage"), b"ctorch\nFloatStorage\n", &text("0"), &text("cpu"), &integer(16), b"tQ"];
    [
        b"\x80\x02}(".as_slice(),
        &text("w"),
        b"ctorch._utils\n_rebuild_tensor_v2\n(",
        &storage.concat(),
        &integer(offset),
        &tuple(shape),
        &tuple(strides),
        b"\x89ccollections\nOrderedDict\n)RtRu.",
    ]
    .concat()
}

fn open(path: &Path, bytes: &[u8]) -> Result<TorchFile, PytorchError> {
    fs::write(path, bytes).unwrap();
    TorchFile::open(path)
}

/// Largest resident memory of this process so far, in bytes, where the system tells.
fn peak_memory() -> Option<usize> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.split_whitespace().next()?.parse::<usize>().ok()? * 1024)
}

#[test]
fn hostile_files_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("evil.pth.tar");
    let witness = dir.path().join("witness");
    let refuse = |bytes: &[u8], part: &str| {
        let error = open(&path, bytes).unwrap_err().to_string();
        assert!(error.contains("evil.pth.tar") && error.contains(part), "{part}: {error}");
        assert!(!witness.exists());
    };

    // Calls.
    let command = format!("touch {}", witness.display());
    let argument = [b"X".as_slice(), &(command.len() as u32).to_le_bytes(), command.as_bytes()].concat();
    for name in
        ["os\nsystem", "posix\nsystem", "builtins\neval", "__builtin__\neval", "subprocess\nPopen", "torch\nload"]
    {
        let pickle = [b"\x80\x02c".as_slice(), name.as_bytes(), b"\n", &argument, b"\x85R."].concat();
        refuse(&with_pickle(&pickle), &name.replace('\n', "."));
        let (module, function) = name.split_once('\n').unwrap();
        let short = |text: &str| [&[0x8c, text.len() as u8], text.as_bytes()].concat();
        let pickle = [b"\x80\x04".as_slice(), &short(module), &short(function), b"\x93", &argument, b"\x85R."].concat();
        refuse(&with_pickle(&pickle), "nothing was executed");
    }
    // INST and OBJ call as well; EXT1 looks a class up.
    for opcode in [b"(ios\nsystem\n.".as_slice(), b"(o.", b"\x82\x01."] {
        refuse(&with_pickle(&[b"\x80\x02", opcode].concat()), "opcode");
    }
    // NEWOBJ makes nothing but what is inert, such as a program's arguments, of which no attribute is kept.
    refuse(&with_pickle(b"\x80\x02))\x81."), "a class that makes no data");
    refuse(&with_pickle(b"\x80\x02ccollections\nOrderedDict\n)\x81."), "a class that makes no data");
    refuse(&with_pickle(b"\x80\x02cos\nsystem\n)\x81."), "os.system");
    let arguments = b"\x80\x02}X\x04\0\0\0argscargparse\nNamespace\n)\x81}X\x02\0\0\0lrG?PbM\xd2\xf1\xa9\xfcsbs.";
    let file = open(&path, &with_pickle(arguments)).unwrap();
    assert!(matches!(file.root().get("args"), Some(Value::None)));

    // A tensor that is there, and ones that are not.
    let mut file = open(&path, &with_pickle(&tensor(2, &[2, 3], &[1, 2]))).unwrap();
    let reference = file.root().get("w").unwrap().as_tensor().unwrap().clone();
    assert_eq!(file.read(&reference).unwrap(), [0.0; 6]);
    refuse(&with_pickle(&tensor(0, &[2_500_000_000], &[1])), "needs more than the 16 elements");
    refuse(&with_pickle(&tensor(0, &[2_500_000_000], &[0])), "needs more than the 16 elements");
    refuse(&with_pickle(&tensor(0, &[u64::MAX >> 1, u64::MAX >> 1], &[u64::MAX >> 1, 1])), "");
    refuse(&with_pickle(&tensor(15, &[2], &[1])), "needs more than");
    refuse(&with_pickle(&tensor(u64::MAX, &[1], &[1])), "natural number");
    refuse(&with_pickle(&tensor(0, &[4, 4], &[4])), "strides");
    refuse(&archive(&[("archive/data.pkl", &tensor(0, &[4], &[1]))]), "no values");

    // Archives.
    let good = with_pickle(&tensor(0, &[4], &[4]));
    for end in (0..good.len()).step_by(7) {
        assert!(open(&path, &good[..end]).is_err(), "{end}");
    }
    refuse(&archive(&[("archive/data.pkl", b"\x80\x02}."), ("archive/../../etc/cron", b"x")]), "points outside");
    refuse(&archive(&[("/data.pkl", b"\x80\x02}.")]), "points outside");
    refuse(&archive(&[("archive/data.pkl", b"\x80\x02}."), ("archive/byteorder", b"big")]), "big-endian");
    refuse(&archive(&[("archive/version", b"3")]), "no data.pkl");
    refuse(b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.", "save it again");
    let mut huge = good.clone();
    let at = huge.windows(4).rposition(|bytes| bytes == b"PK\x01\x02").unwrap();
    huge[at + 20..at + 28].copy_from_slice(&[0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff, 0x7f]);
    refuse(&huge, "");

    // Objects without an end: a list in itself, and lists of lists of lists.
    refuse(&with_pickle(b"\x80\x02]q\x00h\x00a."), "nested without end");
    let mut laughs = b"\x80\x02]q\x00(".to_vec();
    laughs.extend(b"NNNNNNNNNNe0".iter());
    for level in 0..9_u8 {
        laughs.extend(b"](".iter());
        (0..10).for_each(|_| laughs.extend([b'h', level]));
        laughs.extend([b'e', b'q', level + 1, b'0']);
    }
    laughs.extend(b"h\x09.".iter());
    refuse(&with_pickle(&laughs), "nested without end");
    let mut text = b"\x80\x02X\x00\x00\x10\x00".to_vec();
    text.extend(std::iter::repeat_n(b'a', 1 << 20));
    text.extend(b"q\x000](".iter());
    (0..1000).for_each(|_| text.extend(b"h\x00".iter()));
    text.extend(b"e.".iter());
    refuse(&with_pickle(&text), "more text");
    refuse(&with_pickle(&[b"\x80\x02".as_slice(), &vec![b'}'; 1 << 20], b"."].concat()), "objects");
    refuse(&with_pickle(&[b"\x80\x02".as_slice(), &vec![b'('; 1 << 20], b"."].concat()), "missing");
    refuse(&with_pickle(b"\x80\x02X\xff\xff\xff\xff."), "too early");
    refuse(&with_pickle(b"\x80\x02."), "missing");

    // A storage that is read again and again.
    let many = archive(&[("archive/data.pkl", &tensor(0, &[4], &[1])), ("archive/data/0", &[0; 64])]);
    let mut file = open(&path, &many).unwrap();
    let error = (0..1000).find_map(|_| file.read(&reference).err()).unwrap();
    assert!(error.to_string().contains("share their values"), "{error}");

    // Anything else, at random.
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let pickle = tensor(1, &[2, 3], &[3, 1]);
    for _ in 0..3000 {
        let mut mutated = pickle.clone();
        for _ in 0..rng.random_range(1..4) {
            let at = rng.random_range(0..mutated.len());
            mutated[at] = rng.random();
        }
        let _ = open(&path, &with_pickle(&mutated));
        let mut mutated = good.clone();
        let at = rng.random_range(0..mutated.len());
        mutated[at] = rng.random();
        let _ = open(&path, &mutated);
    }

    if let Some(peak) = peak_memory() {
        assert!(peak < 100 << 20, "{} MB", peak >> 20);
    }
    assert!(!witness.exists());
}

//! Numbers that make no sense, for every flag that takes one: each is refused in words that name the flag.
#![allow(missing_docs, clippy::unwrap_used)]

mod user;

use std::any::TypeId;

use clap::error::ErrorKind;
use user::{User, record};

/// A command, its flag, numbers that it takes, and numbers of its own that it does not take.
type Case = (&'static str, &'static str, &'static [&'static str], &'static [&'static str]);

const CASES: [Case; 30] = [
    ("search", "top", &["1", "1000"], &["0", "1001", "1.5"]),
    ("search", "track-weight", &["0", "0.3", "1"], &["1.01"]),
    ("search", "diversity", &["0", "1"], &["1.5"]),
    ("similar", "top", &["1"], &["0", "18446744073709551615"]),
    ("similar", "from", &["0", "30.5"], &["inf"]),
    ("similar", "to", &["0", "30.5"], &["inf"]),
    ("playlist", "minutes", &["0.1", "45", "100000"], &["0", "1e300"]),
    ("playlist", "diversity", &["0", "1"], &["2"]),
    ("duplicates", "threshold", &["0.93", "1"], &["0", "1.5"]),
    ("tags", "top", &["1", "100"], &["0", "2.5"]),
    ("classify", "top", &["1", "3"], &["0", "2.5"]),
    ("serve", "port", &["0", "7878"], &["65536", "1.5"]),
    ("inspect", "start", &["0", "0.5", "1e9"], &["inf", "1e300"]),
    ("inspect", "length", &["0.001", "20"], &["0", "1e300"]),
    ("check", "clip-s", &["0.3", "3600"], &["0", "3600.1"]),
    ("check", "sample-rate", &["2", "16000", "768000"], &["0", "1", "768001", "44100.5"]),
    ("evaluate", "gallery", &["1", "1000"], &["0", "2.5"]),
    ("ablate", "seeds", &["0", "0,1,2"], &["1.5"]),
    ("train", "epochs", &["1", "200"], &["0", "18446744073709551615"]),
    ("train", "batch-size", &["2", "64"], &["0", "1", "18446744073709551615"]),
    ("train", "learning-rate", &["1e-4", "0.5"], &["0", "1e300"]),
    ("train", "clip-seconds", &["0.5", "30"], &["0", "1e300"]),
    ("train", "val-fraction", &["0.1", "0.5", "0.999"], &["0", "1", "1.5"]),
    ("distil", "width", &["1", "64"], &["0", "1025", "1.5"]),
    ("distil", "windows", &["1", "8"], &["0", "10001"]),
    ("distil", "epochs", &["1", "200"], &["0", "18446744073709551615"]),
    ("distil", "batch-size", &["2", "64"], &["1", "2.5"]),
    ("distil", "learning-rate", &["1e-4", "0.5"], &["0", "1e300"]),
    ("distil", "val-fraction", &["0.1", "0.5"], &["0", "1"]),
    ("train", "devices", &["1", "8"], &["0", "256"]),
];
/// What is a number nowhere.
const NEVER: [&str; 5] = ["-1", "-0.5", "NaN", "1e999", "many"];

/// What the program says to a flag; what else the command needs is not looked at.
fn refusal(command: &str, flag: &str, number: &str) -> Option<clap::Error> {
    let given = ["muscall", command, &format!("--{flag}={number}")];
    let error = muscall_cli::command().try_get_matches_from(given).err()?;
    (!matches!(error.kind(), ErrorKind::MissingRequiredArgument)).then_some(error)
}

#[test]
fn numbers_that_make_no_sense_are_refused() {
    for (command, flag, good, bad) in CASES {
        for number in good {
            let refused = refusal(command, flag, number);
            assert!(refused.is_none(), "{command} --{flag}={number}: {}", refused.unwrap());
        }
        for number in bad.iter().chain(&NEVER) {
            let Some(error) = refusal(command, flag, number) else {
                panic!("{command} takes --{flag}={number}");
            };
            let said = error.to_string();
            assert_eq!(error.kind(), ErrorKind::ValueValidation, "{said}");
            assert!(said.contains(&format!("--{flag}")) && said.contains(&format!("'{number}'")), "{said}");
        }
        // Behind a space a negative number is not taken for another flag.
        let said = muscall_cli::command().try_get_matches_from(["muscall", command, &format!("--{flag}"), "-1"]);
        assert!(said.unwrap_err().to_string().contains("'-1' for"), "{command} --{flag} -1");
    }
}

#[test]
fn every_flag_that_takes_a_number_is_looked_at() {
    let numbers = [
        TypeId::of::<f32>(),
        TypeId::of::<f64>(),
        TypeId::of::<u8>(),
        TypeId::of::<u16>(),
        TypeId::of::<u32>(),
        TypeId::of::<u64>(),
        TypeId::of::<usize>(),
    ];
    for command in muscall_cli::command().get_subcommands() {
        for argument in command.get_arguments().filter(|argument| argument.get_long().is_some()) {
            let (name, flag) = (command.get_name(), argument.get_long().unwrap());
            let takes_number = numbers.iter().any(|number| argument.get_value_parser().type_id() == *number);
            let is_known = CASES.iter().any(|case| (case.0, case.1) == (name, flag));
            assert!(!takes_number || is_known, "{name} --{flag} takes a number, and is in no case");
        }
    }
}

#[test]
fn a_start_beyond_the_end_is_told_with_the_length() {
    let user = User::new();
    let file = user.music().join("a.wav");
    record(&file, 220.0, 0.3);
    let inspect = |start: &str| user.says(&["inspect", "--start", start, file.to_str().unwrap()]);
    assert!(inspect("11").starts_with("ok ") && inspect("11").contains(", 1.00 s, "), "{}", inspect("11"));
    for start in ["12", "500", "1e9"] {
        let said = inspect(start);
        assert!(said.starts_with("refused") && said.contains("a.wav: there is no part from "), "{said}");
        assert!(said.contains(" to its end: the file is 12 s long; give a smaller --start"), "{said}");
    }
}

//! Guarded panics are errors and nothing else; those of other code are told as before. A process of its own, since a
//! panic hook is global.
#![allow(clippy::unwrap_used, missing_docs)]

use std::panic;
use std::path::Path;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use muscall_audio::guarded;

#[test]
fn the_hook_hears_all_panics_but_guarded_ones() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let list = heard.clone();
    panic::set_hook(Box::new(move |panic| list.lock().unwrap().push(panic.to_string())));
    // Another thread panics while this one is within a guarded call.
    let (inside, wait) = mpsc::channel::<()>();
    let other = thread::spawn(move || {
        wait.recv().unwrap();
        panic!("somebody else's");
    });
    let error = guarded(Path::new("a.ogg"), "decoding", || {
        inside.send(()).unwrap();
        assert!(other.join().is_err());
        panic!("the reader's");
    });
    let error = error.map(|(): ()| ()).unwrap_err().to_string();
    assert!(error.contains("a.ogg") && error.contains("the reader's") && error.contains("tests/panics.rs:"), "{error}");
    assert!(thread::spawn(|| panic!("a later one")).join().is_err());
    let heard = heard.lock().unwrap();
    let texts = ["somebody else's", "a later one"];
    assert_eq!(heard.len(), texts.len(), "{heard:?}");
    assert!(heard.iter().zip(texts).all(|(heard, text)| heard.contains(text)), "{heard:?}");
}

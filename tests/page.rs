//! The page of `serve` in a real browser, where there is one. `scripts/test_page.sh BUNDLE INDEX` installs one, and
//! takes a model that knows something.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

mod browser;
mod served;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use browser::Browser;
use muscall::{Device, Muscall, MuscallConfig};
use served::Server;

const TIME: &str = "document.getElementById('audio').currentTime";
const PAUSED: &str = "document.getElementById('audio').paused";

/// The program that `MUSCALL_CHROMIUM` names, or one of the usual names.
fn chromium() -> Option<PathBuf> {
    let named = std::env::var_os("MUSCALL_CHROMIUM").map(PathBuf::from);
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let found = std::env::split_paths(&folders).flat_map(|folder| names.map(|name| folder.join(name)));
    named.or_else(|| found.into_iter().find(|path| path.is_file()))
}

/// The bundle and the index that the environment names, or those of a model that knows nothing.
fn setup(dir: &Path) -> (PathBuf, PathBuf) {
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    if let (Some(bundle), Some(index)) = (variable("MUSCALL_BUNDLE"), variable("MUSCALL_INDEX")) {
        return (bundle, index);
    }
    let (bundle, index) = (dir.join("model"), dir.join("music.index"));
    let config = MuscallConfig::tiny().with_clip_s(2.0);
    let model = config.init(&Device::default()).unwrap();
    let tokenizer = muscall::model::ClipTokenizer::new().unwrap();
    Muscall::new(config, &model, tokenizer, &Device::default()).unwrap().save(&bundle).unwrap();
    let mut command = Command::new(served::example("index"));
    command.arg("--bundle").arg(&bundle).arg("--index").arg(&index);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("demo/audio"));
    assert!(command.stderr(Stdio::null()).status().unwrap().success());
    (bundle, index)
}

#[test]
fn somebody_searches_listens_and_steers() {
    let Some(chromium) = chromium() else {
        assert!(std::env::var_os("MUSCALL_REQUIRE_CHROMIUM").is_none(), "there is no Chromium");
        println!("skipped: there is no Chromium; MUSCALL_CHROMIUM names one");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let (bundle, index) = setup(dir.path());
    let server = Server::start(&bundle, &index);
    let browser = &mut Browser::start(chromium.to_str().unwrap());
    browser.look((1100, 900), "light");
    browser.open(&server.address());
    browser.wait("document.getElementById('about').textContent.includes('track')");

    // Words become a phrase and a chip, and find something.
    browser.click("#q");
    browser.type_text("heavy metal -flute");
    browser.key("Enter");
    browser.wait("document.querySelectorAll('#results > li').length > 3");
    browser.wait("/^\\d+ tracks in \\d+ ms$/.test(document.getElementById('status').textContent)");
    assert_eq!(browser.eval("document.getElementById('q').value"), "heavy metal");
    assert_eq!(browser.eval("document.querySelector('#chips .name').textContent"), "flute");
    browser.wait("document.querySelector('.strip path.fits').getAttribute('d')?.length > 20");

    // A moment plays from where it starts.
    let last = "document.querySelector('#results > li:first-child .moments li:last-child button')";
    let start = browser.eval(&format!("Number({last}.dataset.start)")).as_f64().unwrap();
    browser.click("#results > li:first-child .moments li:last-child button");
    browser.wait(&format!("!{PAUSED} && {TIME} > {start} + 0.7"));
    let now = browser.eval(TIME).as_f64().unwrap();
    assert!((start..start + 10.0).contains(&now), "{now} s, from {start} s");
    browser.wait("parseFloat(document.querySelector('.current .at').style.left) > 0");
    assert_eq!(browser.eval("document.getElementById('player').hidden"), false);

    // A click into the strip goes there; keys pause, seek and choose.
    browser.click_at("#results .strip", 0.5);
    let length = browser.eval("document.getElementById('audio').duration").as_f64().unwrap();
    browser.wait(&format!("Math.abs({TIME} - {length} / 2) < 3"));
    browser.eval("document.activeElement.blur()");
    browser.key(" ");
    browser.wait(PAUSED);
    let before = browser.eval(TIME).as_f64().unwrap();
    browser.key("ArrowLeft");
    browser.wait(&format!("Math.abs({TIME} - {before} + 5) < 0.5"));
    browser.key("j");
    browser.key("ArrowDown");
    let track = browser.eval("document.activeElement.dataset.track");
    assert_eq!(browser.eval("document.querySelector('#results > li:nth-child(2)').dataset.track"), track);
    browser.key("Enter");
    browser.wait(&format!("!{PAUSED} && document.querySelector('.current').dataset.track === {track}"));
    browser.key("Escape");
    browser.wait(&format!("{PAUSED} && document.getElementById('player').hidden"));

    // More like one: it is a chip, and no result any more; the address brings all of it back.
    browser.click("#results > li:nth-child(2) .plus");
    browser
        .wait(&format!("![...document.querySelectorAll('#results > li')].some((li) => li.dataset.track === {track})"));
    let titles = "[...document.querySelectorAll('#results h2')].map((title) => title.textContent).join('|')";
    let (found, address) = (browser.eval(titles), browser.eval("location.href"));
    browser.open(address.as_str().unwrap());
    browser.wait(&format!("{titles} === {found}"));
    assert_eq!(browser.eval("document.querySelectorAll('#chips li').length"), 2);

    // What was found is a file for players.
    browser.eval(
        "URL.createObjectURL = (file) => { file.text().then((text) => { window.saved = text }); return 'data:,' }",
    );
    browser.click("#save");
    browser.wait("window.saved?.startsWith('#EXTM3U') && window.saved.includes('#EXTVLCOPT:start-time=')");

    // Signed words become chips; a quoted phrase stays one.
    browser.open(&format!("{}/", server.address()));
    browser.type_text("\"-6 dB\" hum -drums");
    browser.key("Enter");
    browser.wait("document.querySelectorAll('#chips li').length === 1");
    assert_eq!(browser.eval("document.getElementById('q').value"), "\"-6 dB hum\"");

    // What is wrong is said, and mended.
    browser.eval("document.activeElement.blur()");
    browser.key("/");
    browser.type_text("\"open");
    browser.key("Enter");
    browser
        .wait("!document.getElementById('problem').hidden && document.querySelectorAll('#results > li').length === 0");
    browser.complaints.retain(|complaint| !complaint.contains("400 (Bad Request)"));
    browser.open(&format!("{}/#q=drums&path=no such folder", server.address()));
    browser.wait("document.getElementById('status').textContent.includes('filters')");

    // Small screens do not scroll sideways, and everything has a name.
    for scheme in ["light", "dark"] {
        browser.look((360, 740), scheme);
        browser.open(&format!("{}/#q=powerful drums -flute", server.address()));
        browser.wait("document.querySelectorAll('#results > li').length > 3");
        browser.click("#results .play");
        browser.wait(&format!("!{PAUSED}"));
        browser.wait("document.documentElement.scrollWidth <= 360");
        let nameless = "[...document.querySelectorAll('button, input')].filter((e) => e.checkVisibility() && \
                        !(e.textContent.trim() || e.ariaLabel || e.labels?.length)).map((e) => e.outerHTML).join()";
        assert_eq!(browser.eval(nameless), "");
        let faint = browser.eval(include_str!("browser/contrast.js"));
        assert_eq!(faint, "", "{scheme}");
    }
    assert_eq!(browser.complaints, [""; 0]);
    if let Some(folder) = std::env::var_os("MUSCALL_SCREENSHOTS") {
        screenshots(browser, &server.address(), Path::new(&folder));
    }
}

fn screenshots(browser: &mut Browser, address: &str, folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    for scheme in ["light", "dark"] {
        for (name, size) in [("search", (1000, 860)), ("search-phone", (390, 844))] {
            browser.look(size, scheme);
            browser.open(&format!("{address}/#q=powerful drums&term=-0.5 flute"));
            browser.wait("document.querySelectorAll('#results > li').length > 3");
            browser.click("#results .moments button");
            browser.wait(&format!("!{PAUSED} && {TIME} > 0.5"));
            browser.key(" ");
            browser.eval("document.activeElement.blur(); scrollTo(0, 0)");
            browser.screenshot(&folder.join(format!("{name}-{scheme}.png")));
        }
        browser.look((1000, 700), scheme);
        browser.open(address);
        browser.wait("document.getElementById('about').textContent !== ''");
        browser.screenshot(&folder.join(format!("search-start-{scheme}.png")));
    }
}

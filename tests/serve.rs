//! The example `serve` as a browser, and as somebody with bad intentions, would meet it.
#![allow(missing_docs, clippy::unwrap_used)]

mod served;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use muscall::audio::{crop_or_pad, load_whole};
use muscall::retrieval::{IndexConfig, IndexWriter, TrackRecord};
use muscall::{Device, Muscall, MuscallConfig};
use serde_json::Value;
use served::description::Description;
use served::{Response, Server};

/// A folder of music with a model that knows nothing, and an index of it.
struct Setup {
    dir: tempfile::TempDir,
    model: Muscall,
    server: Server,
}

const NAMES: [&str; 4] = ["<img src=x onerror=alert(1)>.ogg", "celtica.ogg", "sound.aiff", "taiko drums.ogg"];

fn setup() -> Setup {
    let dir = tempfile::tempdir().unwrap();
    let (bundle, music, index) = (dir.path().join("model"), dir.path().join("music"), dir.path().join("index"));
    let mut config = MuscallConfig::tiny();
    config.clip_s = 2.0;
    let model = config.init(&Device::default()).unwrap();
    let tokenizer = muscall::model::ClipTokenizer::new().unwrap();
    let model = Muscall::new(config, &model, tokenizer, &Device::default()).unwrap();
    model.save(&bundle).unwrap();
    fs::create_dir(&music).unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let from = [
        "demo/audio/018_naev_void_sensor.ogg",
        "demo/audio/000_0ad_Celtica.ogg",
        "crates/muscall-audio/tests/fixtures/sound.aiff",
        "demo/audio/007_0ad_Taiko_1.ogg",
    ];
    for (name, from) in NAMES.iter().zip(from) {
        fs::copy(root.join(from), music.join(name)).unwrap();
    }
    make_index(&model, &music, &index);
    let server = Server::start(&bundle, &index);
    Setup { dir, model, server }
}

/// Windows of two seconds, one every second.
fn make_index(model: &Muscall, music: &Path, index: &Path) {
    let config = IndexConfig::new(model.config().projection_dim, model.fingerprint().unwrap()).with_windows(2.0, 1.0);
    let mut writer = IndexWriter::create(index, &config).unwrap();
    add(model, &mut writer, &NAMES.map(|name| music.join(name)));
}

fn add(model: &Muscall, writer: &mut IndexWriter, paths: &[PathBuf]) {
    let clips = model.clip_config();
    for (content, path) in paths.iter().enumerate() {
        let whole = load_whole(path, &clips).unwrap().samples;
        let rate = clips.sample_rate as usize;
        let starts: Vec<usize> = (0..(whole.len() / rate).saturating_sub(1).max(1)).collect();
        let windows: Vec<_> = starts.iter().map(|start| crop_or_pad(&whole, start * rate, clips.samples)).collect();
        let starts: Vec<f32> = starts.into_iter().map(|start| start as f32).collect();
        let mut record = TrackRecord::new(path.to_str().unwrap());
        (record.content, record.duration_s) = (content as u128, whole.len() as f64 / rate as f64);
        writer.add(&record, &starts, model.embed_clips(&windows).unwrap().values()).unwrap();
    }
    writer.commit().unwrap();
}

impl Setup {
    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join("music").join(name)
    }

    /// The number of a track.
    fn number(&self, name: &str) -> u64 {
        let answers = self.server.search(r#"{"terms": [{"text": "anything"}]}"#).json();
        let of = |answer: &&Value| answer["path"].as_str().unwrap().ends_with(name);
        answers["answers"].as_array().unwrap().iter().find(of).unwrap()["track"].as_u64().unwrap()
    }

    fn audio(&self, name: &str, headers: &[(&str, &str)]) -> Response {
        self.server.send("GET", &format!("/audio/{}", self.number(name)), headers, &[])
    }
}

#[test]
fn a_search_gives_tracks_with_moments_and_strips() {
    let setup = setup();
    let server = &setup.server;
    let health = server.get("/api/health").json();
    assert_eq!((&health["status"], &health["tracks"]), (&"ok".into(), &NAMES.len().into()));
    assert!(health["model"].as_str().unwrap().starts_with("v2-"));
    let line = server.get("/api/words?q=calm%20piano%20-drums").json();
    assert_eq!(line["terms"][1]["text"], "drums");
    assert_eq!(line["terms"][1]["weight"], -0.5);
    // What comes from the words goes into a search.
    let found = server.search(&line.to_string());
    assert_eq!((found.status, found.header("content-type")), (200, Some("application/json")));
    let found = found.json();
    let answers = found["answers"].as_array().unwrap();
    assert_eq!(answers.len(), NAMES.len());
    assert!(found["took_ms"].as_f64().is_some());
    let scores: Vec<f64> = answers.iter().map(|answer| answer["score"].as_f64().unwrap()).collect();
    assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
    for answer in answers {
        let strip = answer["strip"].as_array().unwrap();
        let best = strip.iter().map(|point| point["score"].as_f64().unwrap()).fold(f64::MIN, f64::max);
        assert!((best - answer["moments"][0]["score"].as_f64().unwrap()).abs() < 1e-5);
        assert!(strip.iter().all(|point| point["end_s"].as_f64() <= answer["duration_s"].as_f64()));
    }
    let celtica = setup.number("celtica.ogg");
    let track = server.get(&format!("/api/track/{celtica}")).json();
    assert_eq!((&track["title"], &track["track"]), (&"celtica".into(), &celtica.into()));
    // A number may stand for another track after a compaction.
    let content = track["content"].as_str().unwrap();
    for place in ["track", "similar"] {
        let of = |content: &str| server.get(&format!("/api/{place}/{celtica}?content={content}")).status;
        assert_eq!((of(content), of(&content.replace('1', "2"))), (200, 404), "{place} {content}");
    }
    let similar = server.get(&format!("/api/similar/{celtica}?start_s=3&end_s=9&top=2")).json();
    let similar = similar["answers"].as_array().unwrap();
    assert!(similar.len() == 2 && similar.iter().all(|answer| answer["track"] != celtica));
    let filtered = r#"{"terms": [{"text": "a"}], "filter": {"path": "TAIKO"}, "diversity": 0.5}"#;
    assert_eq!(server.search(filtered).json()["answers"].as_array().unwrap().len(), 1);
}

#[test]
fn what_another_process_adds_or_takes_away_is_found_at_once() {
    let setup = setup();
    let tracks = || setup.server.get("/api/health").json()["tracks"].as_u64().unwrap();
    assert_eq!(tracks(), 4);
    let number = setup.number("celtica.ogg");
    let added = setup.dir.path().join("music/added.flac");
    fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/muscall-audio/tests/fixtures/sound.flac"), &added)
        .unwrap();
    let index = setup.dir.path().join("index");
    let mut writer = IndexWriter::open(&index, setup.model.fingerprint().unwrap()).unwrap();
    writer.remove(setup.file("celtica.ogg").to_str().unwrap()).unwrap();
    assert_eq!(tracks(), 4);
    add(&setup.model, &mut writer, &[added]);
    assert_eq!(tracks(), 4);
    let kind = setup.audio("added.flac", &[]);
    assert_eq!((kind.status, kind.header("content-type")), (200, Some("audio/flac")));
    assert_eq!(setup.server.get(&format!("/api/track/{number}")).status, 404);
    assert_eq!(setup.server.get(&format!("/audio/{number}")).status, 404);
}

#[test]
fn mistakes_have_a_status_and_words() {
    let setup = setup();
    let server = &setup.server;
    let refused = |body: &str, status: u16, words: &str| {
        let response = server.search(body);
        let error = response.error();
        assert_eq!((response.status, error.contains(words)), (status, true), "{body}: {error}");
    };
    refused("{", 400, "EOF");
    refused(r#"{"terms": [], "x": 1}"#, 400, "`x`");
    refused(r#"{"terms": []}"#, 400, "no terms");
    refused(r#"{"terms": [{"text": "  "}]}"#, 400, "empty");
    refused(r#"{"terms": [{"text": "a", "weight": 1e999}]}"#, 400, "number");
    refused(r#"{"terms": [{"text": "a"}], "top": 101}"#, 400, "from 1 to 100");
    refused(r#"{"terms": [{"text": "a"}, {"text": "a", "weight": -1}]}"#, 400, "cancel");
    refused(r#"{"terms": [{"track": 99}]}"#, 404, "no track 99");
    refused(r#"{"terms": [{"track": 0, "start_s": 9e9}]}"#, 400, "nothing lies");
    refused(r#"{"terms": [{"file": "/etc/passwd"}]}"#, 403, "command line");
    refused(&format!(r#"{{"terms": [{{"text": "{}"}}]}}"#, "a".repeat(99_999)), 413, "");
    let form = server.send("POST", "/api/search", &[("Content-Type", "text/plain")], br#"{"terms": [{"text": "a"}]}"#);
    assert_eq!((form.status, form.error().is_empty()), (415, false));
    for (target, status) in [
        ("/api/words?q=%22open", 400),
        ("/api/words?q=%22%2Fetc%2Fpasswd%22@", 403),
        ("/api/words", 400),
        ("/api/similar/99", 404),
        ("/api/similar/0?top=0", 400),
        ("/api/similar/0?start_s=9&end_s=3", 400),
        ("/api/similar/0?start_s=x", 400),
        ("/api/track/99", 404),
        ("/api/track/-1", 400),
        ("/api/search", 405),
        ("/nowhere", 404),
    ] {
        let response = server.get(target);
        assert_eq!((response.status, response.error().is_empty()), (status, false), "{target}");
    }
}

#[test]
fn audio_comes_in_ranges() {
    let setup = setup();
    let bytes = fs::read(setup.file("celtica.ogg")).unwrap();
    let (length, celtica) = (bytes.len(), "celtica.ogg");
    let whole = setup.audio(celtica, &[]);
    assert_eq!((whole.status, whole.body == bytes), (200, true));
    assert_eq!((whole.header("content-type"), whole.header("accept-ranges")), (Some("audio/ogg"), Some("bytes")));
    let tag = whole.header("etag").unwrap().to_owned();
    for (range, from, to) in [
        ("bytes=0-0", 0, 1),
        ("bytes=100-199", 100, 200),
        ("bytes=100-", 100, length),
        ("bytes=-7", length - 7, length),
        ("Bytes = 5-99999999999999999999", 5, length),
        ("bytes=-999999999", 0, length),
    ] {
        let part = setup.audio(celtica, &[("Range", range)]);
        assert_eq!((part.status, part.body == bytes[from..to]), (206, true), "{range}");
        let expected = format!("bytes {from}-{}/{length}", to - 1);
        assert_eq!(part.header("content-range"), Some(expected.as_str()));
        assert_eq!(part.header("content-length"), Some((to - from).to_string().as_str()));
    }
    for range in [&format!("bytes={length}-"), "bytes=-0", "bytes=99999999999999999999-"] {
        let none = setup.audio(celtica, &[("Range", range)]);
        assert_eq!((none.status, none.header("content-range")), (416, Some(format!("bytes */{length}").as_str())));
    }
    for range in ["bytes=9-3", "bytes=0-1,5-6", "lines=0-1", "bytes=+1-2", "bytes=", "bytes=-", "0-1"] {
        assert_eq!(setup.audio(celtica, &[("Range", range)]).status, 200, "{range}");
    }
    assert_eq!(setup.audio(celtica, &[("Range", "bytes=0-1"), ("If-Range", &tag)]).status, 206);
    assert_eq!(setup.audio(celtica, &[("Range", "bytes=0-1"), ("If-Range", "\"old\"")]).status, 200);
    let known = setup.audio(celtica, &[("If-None-Match", &tag)]);
    assert_eq!((known.status, known.body.len()), (304, 0));
    let head = setup.server.send("HEAD", &format!("/audio/{}", setup.number(celtica)), &[], &[]);
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), Some(length.to_string().as_str()));
}

#[test]
fn what_browsers_do_not_play_is_decoded() {
    let setup = setup();
    let wave = setup.audio("sound.aiff", &[]);
    assert_eq!((wave.status, wave.header("content-type")), (200, Some("audio/wav")));
    let mut reader = hound::WavReader::new(wave.body.as_slice()).unwrap();
    let file = muscall::audio::decode(&setup.file("sound.aiff"), &Default::default()).unwrap().waveform;
    assert_eq!((reader.spec().sample_rate, reader.duration() as usize), (file.sample_rate(), file.len()));
    let near = |(a, b): (Result<i16, _>, &f32)| (f32::from(a.unwrap()) / 32767.0 - b).abs() < 1e-4;
    assert!(reader.samples::<i16>().zip(file.samples()).all(near));
    let part = setup.audio("sound.aiff", &[("Range", "bytes=0-3")]);
    assert_eq!((part.status, part.body.as_slice()), (206, b"RIFF".as_slice()));
    // A file that is damaged since is an error, and not the end of the server.
    fs::write(setup.file("sound.aiff"), "no").unwrap();
    assert_eq!(setup.audio("sound.aiff", &[]).status, 415);
}

#[test]
fn only_indexed_files_are_read() {
    let setup = setup();
    let server = &setup.server;
    fs::write(setup.dir.path().join("music/secret.ogg"), "secret").unwrap();
    for target in [
        "/audio/../music/secret.ogg",
        "/audio/..%2Fmusic%2Fsecret.ogg",
        "/audio/%2e%2e/%2e%2e/etc/passwd",
        "/audio/secret.ogg",
        "/audio//etc/passwd",
        "/audio/0/../../etc/passwd",
        "/audio/0%00",
        "/audio/1e0",
        "/audio/99",
        "/audio/-1",
        "/audio/99999999999999999999999",
        "/page/app.js",
        "/../Cargo.toml",
    ] {
        let response = server.get(target);
        assert!(matches!(response.status, 400 | 404), "{target}: {}", response.status);
        assert!(!response.error().is_empty(), "{target}");
    }
    let number = setup.number("celtica.ogg");
    assert_eq!(server.get(&format!("/audio/{number}?content=0")).status, 404);
    // What has become something else than a file is not waited for.
    fs::remove_file(setup.file("celtica.ogg")).unwrap();
    assert_eq!(server.get(&format!("/audio/{number}")).status, 404);
    fs::create_dir(setup.file("celtica.ogg")).unwrap();
    assert_eq!(server.get(&format!("/audio/{number}")).status, 404);
}

#[test]
fn the_api_is_what_its_description_says() {
    let setup = setup();
    let server = &setup.server;
    let described = Description::new(server.get("/api/openapi.json").json());
    let number = setup.number("celtica.ogg");
    let gets = [
        ("/api/health", "/api/health".to_owned()),
        ("/api/words", "/api/words?q=calm%20-drums".to_owned()),
        ("/api/words", "/api/words?q=".to_owned()),
        ("/api/words", "/api/words?q=%22a.mp3%22@1-2".to_owned()),
        ("/api/similar/{track}", format!("/api/similar/{number}?start_s=1&top=2")),
        ("/api/similar/{track}", format!("/api/similar/{number}?top=1000")),
        ("/api/similar/{track}", "/api/similar/99".to_owned()),
        ("/api/track/{track}", format!("/api/track/{number}")),
        ("/api/track/{track}", "/api/track/99".to_owned()),
        ("/audio/{track}", "/audio/99".to_owned()),
    ];
    for (path, target) in &gets {
        described.check("get", path, &server.get(target));
    }
    described.check("get", "/audio/{track}", &setup.audio("celtica.ogg", &[]));
    described.check("get", "/audio/{track}", &setup.audio("celtica.ogg", &[("Range", "bytes=5-9")]));
    described.check("get", "/audio/{track}", &setup.audio("celtica.ogg", &[("Range", "bytes=999999999-")]));
    let whole = r#"{"terms": [{"text": "calm", "weight": 0.5}, {"track": 0, "start_s": 1, "end_s": 4}], "top": 2, "moments": 1,
        "track_weight": 0.3, "filter": {"path": "c", "tags": [], "min_duration_s": 1, "max_duration_s": 999, "without": [99]},
        "diversity": 0.1}"#;
    described.check_request("Request", &serde_json::from_str(whole).unwrap());
    for (body, status) in [
        (whole, 200),
        (r#"{"terms": []}"#, 400),
        (r#"{"terms": [{"file": "/etc/passwd"}]}"#, 403),
        (r#"{"terms": [{"track": 99}]}"#, 404),
    ] {
        let response = server.search(body);
        assert_eq!(response.status, status, "{body}");
        described.check("post", "/api/search", &response);
    }
    let json = [("Content-Type", "application/json")];
    let playlist = |target: &str| server.send("POST", target, &json, whole.as_bytes());
    let file = playlist("/api/playlist?title=calm");
    described.check("post", "/api/playlist", &file);
    assert!(
        file.status == 200 && String::from_utf8(file.body).unwrap().starts_with("#EXTM3U\n#PLAYLIST:calm\n#EXTINF:")
    );
    assert_eq!(playlist("/api/playlist?format=xspf").header("content-type"), Some("application/xspf+xml"));
    described.check("post", "/api/playlist", &playlist("/api/playlist?format=json"));
    for format in ["exe", "a%22%3Bb.exe", "%0A"] {
        assert_eq!(playlist(&format!("/api/playlist?format={format}")).status, 400, "{format}");
    }
    // Nothing is described that wasn't asked for here.
    assert_eq!(described.paths(), 8);
}

#[test]
fn foreign_names_are_refused_and_browsers_are_told_their_limits() {
    let setup = setup();
    let with_host = |host: &str| setup.server.send("GET", "/", &[("Host", host)], &[]).status;
    for host in ["localhost", "LOCALHOST:7878", "127.0.0.1:1", "[::1]:80", "[::1]"] {
        assert_eq!(with_host(host), 200, "{host}");
    }
    for host in
        ["evil.example", "evil.example:7878", "localhost.evil.example", "127.0.0.1.evil.example", "", "localhost:x"]
    {
        assert_eq!(with_host(host), 403, "{host}");
    }
    let two = setup.server.send("GET", "/api/health", &[("Host", "localhost"), ("Host", "evil.example")], &[]);
    // The same address, named: no more hosts than before.
    let named = ["--host", "127.0.0.1"];
    let named = Server::start_with(&setup.dir.path().join("model"), &setup.dir.path().join("index"), &named);
    assert_eq!(named.send("GET", "/", &[("Host", "evil.example")], &[]).status, 403);
    assert_eq!(named.get("/").status, 200);
    // Behind a proxy it has another name, and no other ones.
    let public = ["--public-host", "music.example"];
    let public = Server::start_with(&setup.dir.path().join("model"), &setup.dir.path().join("index"), &public);
    for (host, status) in
        [("music.example", 200), ("Music.Example:443", 200), ("localhost", 200), ("evil.example", 403)]
    {
        assert_eq!(public.send("GET", "/", &[("Host", host)], &[]).status, status, "{host}");
    }
    assert!(matches!(two.status, 400 | 403), "{}", two.status);
    for target in ["/", "/app.js", "/api/health", "/nowhere", "/audio/0"] {
        let response = setup.server.get(target);
        let policy = response.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"), "{target}");
        assert_eq!(response.header("cross-origin-resource-policy"), Some("same-origin"), "{target}");
    }
    // The policy forbids what is inline, and the page has none of it.
    let page = String::from_utf8(setup.server.get("/").body).unwrap();
    assert!(!page.contains("style=") && !page.contains("<style") && !page.contains("onclick"));
    assert!(page.match_indices("<script").all(|(at, _)| page[at..].split('>').next().unwrap().contains("src=")));
    for script in ["app", "keys", "player", "query", "results", "strip", "theme", "tools"] {
        let script = String::from_utf8(setup.server.get(&format!("/{script}.js")).body).unwrap();
        // Names of files are people's: nothing of them may become markup.
        assert!(
            ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("]
                .iter()
                .all(|word| !script.contains(word))
        );
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_it_even_with_a_listener() {
    use std::io::Read;
    let mut setup = setup();
    let mut idle = std::net::TcpStream::connect(("127.0.0.1", setup.server.port)).unwrap();
    let pid = setup.server.child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    assert!(setup.server.child.wait().unwrap().success());
    let _ = idle.read(&mut [0]);
}

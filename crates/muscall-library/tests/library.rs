//! A library of a model that knows nothing, on real audio: vectors add up as requests say.
#![allow(missing_docs, clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use muscall_audio::{crop_or_pad, load_whole};
use muscall_library::{Library, LibraryError, Request, Stretch, Term};
use muscall_model::{ClipTokenizer, Muscall, MuscallConfig};
use muscall_retrieval::{IndexConfig, IndexWriter, TrackRecord};

const CLIPS: [&str; 3] = ["000_0ad_Celtica.ogg", "007_0ad_Taiko_1.ogg", "018_naev_void_sensor.ogg"];

fn clip(i: usize) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/audio").join(CLIPS[i])
}

/// A bundle and an index of three clips in windows of two seconds without overlap.
fn make(dir: &Path) -> Library {
    let mut config = MuscallConfig::tiny();
    config.clip_s = 2.0;
    let network = config.init(&Device::default()).unwrap();
    let model = Muscall::new(config, &network, ClipTokenizer::new().unwrap(), &Device::default()).unwrap();
    model.save(dir.join("model")).unwrap();
    let config = IndexConfig::new(model.config().projection_dim, model.fingerprint().unwrap()).with_windows(2.0, 2.0);
    let mut writer = IndexWriter::create(&dir.join("index"), &config).unwrap();
    for (i, name) in CLIPS.iter().enumerate() {
        add(&model, &mut writer, i, name);
    }
    writer.commit().unwrap();
    Library::open(&dir.join("model"), &dir.join("index"), &Device::default()).unwrap()
}

fn add(model: &Muscall, writer: &mut IndexWriter, i: usize, name: &str) {
    let clips = model.clip_config();
    let whole = load_whole(&clip(i), &clips).unwrap().samples;
    let starts: Vec<usize> = (0..whole.len() / clips.samples).collect();
    let windows: Vec<_> = starts.iter().map(|&at| crop_or_pad(&whole, at * clips.samples, clips.samples)).collect();
    let starts: Vec<f32> = starts.into_iter().map(|at| 2.0 * at as f32).collect();
    let mut record = TrackRecord::new(name);
    record.duration_s = 2.0 * starts.len() as f64;
    record.tags = vec![format!("number={i}")];
    writer.add(&record, &starts, model.embed_clips(&windows).unwrap().values()).unwrap();
}

fn near(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-4)
}

#[test]
fn terms_are_what_the_model_and_the_index_say() {
    let dir = tempfile::tempdir().unwrap();
    let library = make(dir.path());
    let vector = |term: Term| library.query_vector(&Request::new([term])).unwrap();
    let words = library.model().embed_text(["calm piano"]).unwrap();
    assert_eq!(vector(Term::text("calm piano")), words.row(0));
    assert!(near(&vector(Term::track(1, Stretch::default())), library.index().vector(1).unwrap()));
    // One segment, by its time; and the file that it comes from.
    let segment = library.index().segments(1).unwrap().rows.row(2).to_vec();
    assert!(near(&vector(Term::track(1, Stretch::new(4.5, 5.0))), &segment));
    assert!(near(&vector(Term::file(clip(1), Stretch::new(4.0, 6.0))), &segment));
    // The strip has the scores of answers.
    let query = vector(Term::text("calm piano"));
    let best = &library.search(&Request::new([Term::text("calm piano")])).unwrap()[0];
    let strip = library.strip(best.track, &query).unwrap();
    assert!(strip.iter().any(|point| point.score.to_bits() == best.moments[0].score.to_bits()));
    assert!(library.strip(best.track, &query[1..]).is_err());
    // Less of something is away from it.
    let plus = library.query_vector(&Request::new([Term::text("calm piano"), Term::text("drums").with_weight(0.5)]));
    let minus = library.query_vector(&Request::new([Term::text("calm piano"), Term::text("drums").with_weight(-0.5)]));
    assert!(!near(&plus.unwrap(), &minus.unwrap()));
}

#[test]
fn answers_are_filtered_varied_and_never_the_track_itself() {
    let dir = tempfile::tempdir().unwrap();
    let library = make(dir.path());
    let mut request = Request::new([Term::text("drums")]);
    let tracks = |request: &Request| -> Vec<usize> {
        library.search(request).unwrap().iter().map(|answer| answer.track).collect()
    };
    let by_score = tracks(&request);
    request.diversity = Some(0.9);
    let varied = tracks(&request);
    assert_eq!((by_score.len(), varied.len(), by_score[0]), (3, 3, varied[0]));
    request.filter.tags = vec!["Number=1".to_owned()];
    assert_eq!(tracks(&request), [1]);
    let similar = library.similar(1, Stretch::new(0.0, 4.0), 10).unwrap();
    assert!(similar.len() == 2 && similar.iter().all(|answer| answer.track != 1));
    // The strip has every segment, and its best one is the best moment.
    let query = library.query_vector(&Request::new([Term::text("drums")])).unwrap();
    let strip = library.strip(2, &query).unwrap();
    assert_eq!(strip.len(), library.index().segments(2).unwrap().starts_s.len());
    let best = strip.iter().map(|point| point.score).fold(f32::MIN, f32::max);
    let answers = library.search(&Request::new([Term::text("drums")])).unwrap();
    let moments = &answers.iter().find(|answer| answer.track == 2).unwrap().moments;
    assert!((moments[0].score - best).abs() < 1e-5, "{moments:?} {best}");
}

#[test]
fn what_is_not_there_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let library = make(dir.path());
    let error = |term: Term| library.query_vector(&Request::new([term])).unwrap_err();
    assert!(matches!(error(Term::track(9, Stretch::default())), LibraryError::UnknownTrack { track: 9 }));
    assert!(matches!(error(Term::track(9, Stretch::new(0.0, 1.0))), LibraryError::UnknownTrack { track: 9 }));
    assert!(matches!(error(Term::track(0, Stretch::new(900.0, 901.0))), LibraryError::Behind { .. }));
    assert!(matches!(error(Term::file(clip(0), Stretch::new(900.0, 901.0))), LibraryError::Behind { .. }));
    assert!(matches!(error(Term::file("nowhere.mp3", Stretch::default())), LibraryError::Audio(_)));
    let nothing = Request::new([Term::text("a"), Term::text("a").with_weight(-1.0)]);
    assert!(matches!(library.query_vector(&nothing), Err(LibraryError::Retrieval(_))));
    fs::remove_dir_all(dir.path().join("model")).unwrap();
    assert!(Library::open(&dir.path().join("model"), &dir.path().join("index"), &Device::default()).is_err());
}

#[test]
fn a_snapshot_stays_as_it_is_until_it_is_refreshed() {
    let dir = tempfile::tempdir().unwrap();
    let mut library = make(dir.path());
    assert!(!library.refresh().unwrap());
    let mut writer = IndexWriter::open(&dir.path().join("index"), library.fingerprint()).unwrap();
    add(library.model(), &mut writer, 0, "again.ogg");
    assert!(!library.refresh().unwrap());
    writer.commit().unwrap();
    let before = library.clone();
    assert!(library.refresh().unwrap());
    assert_eq!((before.index().len(), library.index().len()), (3, 4));
}

#[test]
fn a_track_of_unknown_length_has_its_windows() {
    let dir = tempfile::tempdir().unwrap();
    let library = make(dir.path());
    let fingerprint = library.fingerprint().to_owned();
    let row = library.index().segments(0).unwrap().rows.row(0).to_vec();
    let mut writer = IndexWriter::open(&dir.path().join("index"), &fingerprint).unwrap();
    writer.add(&TrackRecord::new("unknown"), &[0.0, 2.0], &[row.as_slice(), &row].concat()).unwrap();
    writer.commit().unwrap();
    let library = Library::open(&dir.path().join("model"), &dir.path().join("index"), &Device::default()).unwrap();
    let track = library.index().find("unknown").unwrap().unwrap();
    let strip = library.strip(track, &row).unwrap();
    assert_eq!(strip.iter().map(|point| (point.start_s, point.end_s)).collect::<Vec<_>>(), [(0.0, 2.0), (2.0, 4.0)]);
    let part = Term::track(track, Stretch::new(2.5, 3.0));
    assert!(near(&library.query_vector(&Request::new([part])).unwrap(), &row));
}

//! Every picture, with more and longer words than fit: nothing is cut off, nothing lies on another.
#![allow(missing_docs, clippy::unwrap_used)]

use muscall_audio::LogMelConfig;
use muscall_report::pictures::{Bar, Bars, Confusion, Densities, Moments, RecallCurve, Scatter, TrainingCurves};
use muscall_report::{DARK, LIGHT, Picture, TrainingLog, png, svg};
use muscall_retrieval::{Bootstrap, Embeddings, Interval, Pairs, Ranks, joint_space};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use resvg::usvg::{Group, Node, Options, Rect, Tree, fontdb};

const LONG: &str =
    "an exceedingly long name <of a class> & its friends, which no picture of this width can hold at all";

/// Boxes of all words in a picture.
fn words(svg: &str) -> Vec<(String, Rect)> {
    let mut fonts = fontdb::Database::new();
    fonts.load_font_data(dejavu::sans::regular().to_vec());
    fonts.set_sans_serif_family("DejaVu Sans");
    let tree = Tree::from_str(svg, &Options { fontdb: fonts.into(), ..Options::default() }).unwrap();
    fn collect(group: &Group, found: &mut Vec<(String, Rect)>) {
        for node in group.children() {
            match node {
                Node::Group(group) => collect(group, found),
                Node::Text(text) => {
                    let words = text.chunks().iter().map(|chunk| chunk.text()).collect();
                    found.push((words, text.abs_bounding_box()));
                }
                _ => {}
            }
        }
    }
    let mut found = Vec::new();
    collect(tree.root(), &mut found);
    found
}

fn check(name: &str, picture: &dyn Picture) {
    for theme in [LIGHT, DARK] {
        let svg = svg(name, picture, &theme).unwrap();
        let (width, height) = picture.size();
        let words = words(&svg);
        for (i, (text, own)) in words.iter().enumerate() {
            let inside =
                own.left() >= 0.0 && own.top() >= 0.0 && own.right() <= width as f32 && own.bottom() <= height as f32;
            assert!(inside, "{name}: {text:?} is cut off: {own:?} of {width} × {height}");
            for (other, its) in &words[..i] {
                let apart = own.left() >= its.right() - 1.0
                    || own.right() <= its.left() + 1.0
                    || own.top() >= its.bottom() - 1.0
                    || own.bottom() <= its.top() + 1.0;
                assert!(apart, "{name}: {text:?} lies on {other:?}");
            }
        }
        let png = png(name, &svg).unwrap();
        assert_eq!(png[..4], *b"\x89PNG");
        // Width and height of the header.
        assert_eq!(png[16..24], [(2 * width).to_be_bytes(), (2 * height).to_be_bytes()].concat());
    }
}

fn random_ranks(tracks: usize) -> Ranks {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut ranks = |count: usize| (0..count).map(|_| vec![rng.random_range(1..=tracks)]).collect::<Vec<_>>();
    Ranks { text_to_audio: ranks(2 * tracks), audio_to_text: ranks(tracks) }
}

#[test]
fn recall_of_small_and_large_galleries() {
    for tracks in [1, 2, 12, 5000] {
        check("recall", &RecallCurve::new(&random_ranks(tracks), &Bootstrap { resamples: 50, seed: 0 }));
    }
}

#[test]
fn densities_of_a_spread_and_a_collapsed_space() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut unit = |rows: usize| -> Vec<f32> {
        (0..rows)
            .flat_map(|_| {
                let row: Vec<f32> = (0..4).map(|_| rng.random::<f32>() - 0.5).collect();
                let norm = row.iter().map(|x| x * x).sum::<f32>().sqrt();
                row.into_iter().map(move |x| x / norm)
            })
            .collect()
    };
    let (audio, text, same) = (unit(40), unit(40), [0.5_f32; 160]);
    for (audio, text) in [(&audio[..], &text[..]), (&same[..], &same[..])] {
        let [audio, text] = [audio, text].map(|rows| Embeddings::new(rows, 4).unwrap());
        let space = joint_space(audio, text, &Pairs::one_to_one(40)).unwrap();
        check("density", &Densities { space, matching_pairs: 40, other_pairs: 1560 });
    }
}

#[test]
fn curves_of_runs_of_any_length() {
    let dir = tempfile::tempdir().unwrap();
    for (steps, epochs) in [(0, 0), (1, 0), (3, 1), (200_000, 40)] {
        let mut csv = "step,epoch,loss\n".to_owned();
        (1..=steps).for_each(|step| csv += &format!("{step},0,{}\n", 5e3 / f64::from(step)));
        std::fs::write(dir.path().join("steps.csv"), csv).unwrap();
        let mut csv = "step,t2a_r1,t2a_r5,t2a_r10,t2a_map10\n".to_owned();
        (1..=epochs).for_each(|epoch| csv += &format!("{},0.1,0.2,0.5,1.0\n", epoch * steps / epochs));
        std::fs::write(dir.path().join("validation.csv"), csv).unwrap();
        check("training", &TrainingCurves { log: TrainingLog::read(dir.path()).unwrap() });
    }
}

#[test]
fn maps_of_one_point_and_of_many_labels() {
    let scatter = |points: usize, labels: usize, axes: bool| Scatter {
        title: LONG.to_owned(),
        axes: axes.then(|| ["component 1".to_owned(), "component 2".to_owned()]),
        points: (0..points).map(|i| [(i as f64).sin() * 1e-3, (i as f64).cos() * 1e3]).collect(),
        groups: (0..points).map(|i| i % labels).collect(),
        names: (0..labels).map(|i| format!("{i}: {LONG}")).collect(),
        links: (1..points).map(|i| [i - 1, i]).collect(),
    };
    check("scatter", &scatter(1, 1, true));
    check("scatter", &scatter(600, 3, false));
    check("scatter", &scatter(50, 30, true));
}

#[test]
fn confusion_of_few_and_of_many_classes() {
    for classes in [1, 2, 10, 50] {
        let names = (0..classes).map(|i| if i % 7 == 0 { LONG.to_owned() } else { format!("class {i}") }).collect();
        let counts = (0..classes).map(|i| (0..classes).map(|j| 12_345 * usize::from(i == j) + (i + j) % 3).collect());
        check("confusion", &Confusion { title: LONG.to_owned(), classes: names, counts: counts.collect() });
    }
}

#[test]
fn bars_of_fifty_tags() {
    let bar = |i: usize| Bar {
        name: if i.is_multiple_of(9) { LONG.to_owned() } else { format!("tag {i}") },
        value: i as f64 / 50.0,
        interval: i.is_multiple_of(2).then_some(Interval { low: 0.2, high: 0.9 }),
    };
    check("bars", &Bars { title: LONG.to_owned(), bars: (0..=50).map(bar).collect(), chance: Some(0.5) });
    check("bars", &Bars { title: String::new(), bars: Vec::new(), chance: None });
}

#[test]
fn moments_of_a_short_and_a_long_track() {
    for (seconds, windows) in [(1, 1), (9, 3), (700, 70)] {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let samples: Vec<f32> = (0..seconds * 16_000).map(|_| rng.random::<f32>() - 0.5).collect();
        let log_mel = LogMelConfig::new(64).init().unwrap().extract(&samples).unwrap();
        let seconds = f64::from(seconds);
        check(
            "moments",
            &Moments {
                log_mel,
                band_hz: [0.0, 8000.0],
                seconds,
                captions: vec![LONG.to_owned(), "drums".to_owned(), LONG.to_owned()],
                times_s: (0..windows).map(|i| (f64::from(i) + 0.5) * seconds / f64::from(windows)).collect(),
                similarities: (0..3).map(|_| (0..windows).map(|_| rng.random::<f64>()).collect()).collect(),
                borders_s: vec![seconds / 2.0],
            },
        );
    }
}

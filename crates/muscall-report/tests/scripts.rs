//! Names in any script: letters where there is a font, room for all of them, and no name that breaks a picture.
#![allow(missing_docs, clippy::print_stderr, clippy::unwrap_used)]

use muscall_report::pictures::{Bar, Bars, Confusion, Scatter};
use muscall_report::{DARK, LIGHT, Picture, Theme, png, svg, without_font};
use resvg::tiny_skia::Pixmap;

/// The font that is part of the program has them.
const OURS: [(&str, [&str; 2]); 7] = [
    ("Latin", ["čeština", "français"]),
    ("Greek", ["Ελλάδα", "Κρήτης"]),
    ("Cyrillic", ["Москва", "Україна"]),
    ("Armenian", ["Հայաստան", "Երևանում"]),
    ("Georgian", ["საქართველო", "თბილისური"]),
    ("Hebrew", ["שלום", "ירוק"]),
    ("Arabic", ["مرحبا", "موسيقى"]),
];
/// It lacks them.
const OTHERS: [(&str, [&str; 2]); 9] = [
    ("Han", ["月亮代表我的心", "茉莉花开了好美"]),
    ("Japanese", ["夜に駆ける", "さくらの唄"]),
    ("Hangul", ["봄날", "아리"]),
    ("Devanagari", ["हिन्दी संगीत", "भारतीय राग"]),
    ("Bengali", ["বাংলা", "সঙ্গীত"]),
    ("Tamil", ["தமிழ்", "இசைகள்"]),
    ("Thai", ["ภาษาไทย", "ดนตรีดี"]),
    ("emoji", ["🎸🎹", "🎷🎺"]),
    ("mixed", ["Привет नमस्ते שלום 夜", "Привет नमस्ते שלום 月"]),
];

fn bars(names: &[&str]) -> Bars {
    let bar = |name: &&str| Bar { name: (*name).to_owned(), value: 0.5, interval: None };
    Bars { title: names.concat(), bars: names.iter().map(bar).collect(), chance: None }
}

fn pixels(picture: &dyn Picture, theme: &Theme) -> Pixmap {
    let svg = svg("scripts", picture, theme).unwrap();
    Pixmap::decode_png(&png("scripts", &svg).unwrap()).unwrap()
}

/// Whether a part of a picture, from some columns on, is background alone.
fn is_empty(pixels: &Pixmap, columns: std::ops::Range<u32>) -> bool {
    let corner = pixels.pixel(0, 0);
    columns.into_iter().all(|x| (0..pixels.height()).all(|y| pixels.pixel(x, y) == corner))
}

fn is_told_apart(script: &str, names: [&str; 2]) {
    for theme in [LIGHT, DARK] {
        let [first, second] = names.map(|name| pixels(&bars(&[name]), &theme));
        assert!(first.data() != second.data(), "{script}: {names:?} look the same");
    }
    for name in names {
        let svg = svg("scripts", &bars(&[name]), &LIGHT).unwrap();
        assert!(svg.contains(name) && svg.contains("font-family=\"sans-serif\""), "{script}: {svg}");
    }
}

#[test]
fn scripts_of_the_built_in_font_need_no_other() {
    for (script, names) in OURS {
        assert_eq!(without_font(&names.concat()), [""; 0], "{script}");
        is_told_apart(script, names);
    }
}

#[test]
fn other_scripts_are_drawn_with_the_fonts_of_this_computer() {
    for (script, names) in OTHERS {
        let lacking = without_font(&names.concat());
        if lacking.is_empty() {
            is_told_apart(script, names);
        } else {
            eprintln!("skipped {script}: no font here for {}", lacking.join(", "));
        }
    }
}

#[test]
fn a_letter_that_no_font_has_is_seen() {
    // For private use; a blank picture has a bar without a name.
    let [letter, blank] = ["\u{f8fe0}", " "].map(|name| pixels(&bars(&[name]), &LIGHT));
    assert!(letter.data() != blank.data());
    let lacking = without_font("\u{f8fe0}");
    assert!(lacking.is_empty() || lacking == ["symbols such as \u{f8fe0} (U+F8FE0)"], "{lacking:?}");
}

#[test]
fn long_names_are_cut_to_their_room() {
    for (script, names) in OURS.into_iter().chain(OTHERS) {
        let long = [names[0], " ", names[1], " "].concat().repeat(40);
        let drawn = pixels(&bars(&[&long]), &LIGHT);
        let width = drawn.width();
        assert!(is_empty(&drawn, 0..20) && is_empty(&drawn, width - 20..width), "{script} is cut off");
        let confusion = Confusion { title: long.clone(), classes: vec![long.clone(); 2], counts: vec![vec![1; 2]; 2] };
        let drawn = pixels(&confusion, &DARK);
        assert!(is_empty(&drawn, width - 20..width), "{script} is cut off");
    }
    // Between letters, not within one.
    let svg = svg("letters", &bars(&[&"e\u{301}".repeat(200)]), &LIGHT).unwrap();
    assert_eq!(svg.matches("e\u{301}…").count(), 2, "{svg}");
}

#[test]
fn no_name_breaks_a_picture() {
    let many = |text: &str| text.repeat(10_000);
    let names = [
        String::new(),
        "\u{0}\u{1b}[31m\r\n\t\u{7f}\u{85}\u{2028}\u{2029}".to_owned(),
        "\u{fffe}\u{ffff}\u{fdd0}\u{10ffff}\u{e000}".to_owned(),
        "\u{301}".to_owned(),
        "\u{200d}\u{200c}\u{feff}".to_owned(),
        "\u{202e}\u{2066}\u{2067}abc".to_owned(),
        "👨\u{200d}👩\u{200d}\u{200d}".to_owned(),
        "</text><text>&amp;&#0;\"'".to_owned(),
        many("a"),
        many("\u{301}"),
        many("\u{200d}"),
        many("夜"),
        many("ا"),
        many("\u{202e}"),
        many("न्"),
        many("🎸"),
        many("\u{f8fe0}"),
    ];
    for name in &names {
        let scatter = Scatter {
            title: name.clone(),
            axes: Some([name.clone(), name.clone()]),
            points: vec![[0.0, 0.0], [1.0, 1.0]],
            groups: vec![0, 1],
            names: vec![name.clone(); 2],
            links: Vec::new(),
        };
        let confusion = Confusion { title: name.clone(), classes: vec![name.clone(); 2], counts: vec![vec![1; 2]; 2] };
        for picture in [&bars(&[name]) as &dyn Picture, &scatter, &confusion] {
            pixels(picture, &LIGHT);
        }
    }
}

//! The font that is part of the program, and the fonts of this computer for what it lacks.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use fontdb::{Database, FaceInfo, ID, Source, Stretch, Style};
use skrifa::MetadataProvider;
use unicode_script::{Script, UnicodeScript};

/// The place of the built-in font among [`Fonts::faces`].
pub(crate) const BUILT_IN: usize = 0;
/// Fonts with a sign for every character, which says nothing: a box is better.
const EMPTY: [&str; 3] = ["LastResort", "Last Resort", "Adobe Blank"];

/// Widths that are kept: those of a report with many names.
const MEASURED: usize = 10_000;

/// Faces, the built-in one first, the others from the best to the worst.
#[derive(Debug)]
pub(crate) struct Fonts {
    database: Arc<Database>,
    faces: Vec<ID>,
    /// Places of the faces that are made for emoji.
    emoji: Vec<usize>,
    /// The face of each character that was asked for.
    found: Mutex<HashMap<char, Option<usize>>>,
    /// The widths of words that were measured, by face.
    widths: Mutex<HashMap<(usize, String), f64>>,
}

/// The bytes of the font that is part of the program.
pub(crate) fn built_in() -> &'static [u8] {
    dejavu::sans::regular()
}

impl Fonts {
    /// What a text is drawn with: the fonts of this computer are looked at only if the built-in one
    /// lacks a character of it.
    pub(crate) fn of(text: &str) -> &'static Self {
        static OURS: OnceLock<Fonts> = OnceLock::new();
        static ALL: OnceLock<Fonts> = OnceLock::new();
        let ours = OURS.get_or_init(|| Self::new(&[], false));
        let enough = text.chars().all(|c| c.is_ascii() || is_invisible(c) || ours.face(c).is_some());
        if enough { ours } else { ALL.get_or_init(|| Self::new(&folders(), true)) }
    }

    /// The built-in font, those of some folders, and those of the system.
    pub(crate) fn new(folders: &[PathBuf], system: bool) -> Self {
        let mut database = Database::new();
        let ours = database.load_font_source(Source::Binary(Arc::new(built_in())));
        if system {
            database.load_system_fonts();
        }
        for folder in folders {
            database.load_fonts_dir(folder);
        }
        let mut others: Vec<_> = database
            .faces()
            .filter(|face| !ours.contains(&face.id))
            .filter_map(|face| Some((rank(face)?, face.id)))
            .collect();
        others.sort();
        let faces: Vec<ID> = ours.into_iter().chain(others.into_iter().map(|(_, id)| id)).collect();
        let is_emoji = |id| database.face(id).and_then(family).is_some_and(|family| family.contains("Emoji"));
        let emoji = (0..faces.len()).filter(|&face| is_emoji(faces[face])).collect();
        Self { database: Arc::new(database), faces, emoji, found: Mutex::default(), widths: Mutex::default() }
    }

    /// All faces, for what draws them.
    pub(crate) fn database(&self) -> Arc<Database> {
        self.database.clone()
    }

    /// By its place.
    pub(crate) fn id(&self, face: usize) -> Option<ID> {
        self.faces.get(face).copied()
    }

    /// The place of the best face that has a character.
    pub(crate) fn face(&self, c: char) -> Option<usize> {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        *found.entry(c).or_insert_with(|| {
            let emoji = self.emoji.iter().copied().filter(|_| matches!(c, '\u{1f000}'..='\u{1faff}'));
            [BUILT_IN].into_iter().chain(emoji).chain(0..self.faces.len()).find(|&face| self.has(face, c))
        })
    }

    /// Whether a face has a character.
    pub(crate) fn has(&self, face: usize, c: char) -> bool {
        let glyph = |bytes: &[u8], index| skrifa::FontRef::from_index(bytes, index).ok()?.charmap().map(c);
        let found = self.id(face).and_then(|id| self.database.with_face_data(id, glyph).flatten());
        found.is_some_and(|glyph| glyph.to_u32() != 0)
    }

    /// The width of words in a face, which is measured once.
    pub(crate) fn width(&self, face: usize, words: &str, measure: impl FnOnce() -> f64) -> f64 {
        let key = (face, words.to_owned());
        let known = self.widths.lock().unwrap_or_else(PoisonError::into_inner).get(&key).copied();
        known.unwrap_or_else(|| {
            let width = measure();
            let mut widths = self.widths.lock().unwrap_or_else(PoisonError::into_inner);
            if widths.len() >= MEASURED {
                widths.clear();
            }
            widths.insert(key, width);
            width
        })
    }

    /// In words, the scripts of the characters of a text for which there is no face; of symbols, the first one.
    pub(crate) fn lacking(&self, text: &str) -> BTreeSet<String> {
        let lacks = |c: &char| !c.is_ascii() && !c.is_whitespace() && !is_invisible(*c) && self.face(*c).is_none();
        let (symbols, letters): (Vec<char>, Vec<char>) = text.chars().filter(lacks).partition(|&c| is_symbol(c));
        let symbol = symbols.first().map(|&c| format!("symbols such as {c} (U+{:04X})", u32::from(c)));
        letters.into_iter().map(script).chain(symbol).collect()
    }
}

/// From the best to the worst for labels; `None` for faces that are never wanted.
fn rank(face: &FaceInfo) -> Option<impl Ord + use<>> {
    let family = family(face)?;
    if EMPTY.iter().any(|empty| family.contains(empty)) {
        return None;
    }
    let kind = match family {
        _ if family.contains("Unifont") => 4,
        _ if face.monospaced || family.contains("Mono") => 3,
        _ if family.contains("Serif") || family.contains("Nastaliq") => 2,
        _ if family.contains("Sans") => 0,
        _ => 1,
    };
    // The order of a folder's files is that of the disk; pictures do not depend on it.
    let path = match &face.source {
        Source::File(path) => path.clone(),
        Source::SharedFile(path, _) => path.clone(),
        Source::Binary(_) => PathBuf::new(),
    };
    let upright = (face.style != Style::Normal, face.stretch != Stretch::Normal, face.weight.0.abs_diff(400));
    Some((upright, kind, path, face.index))
}

fn family(face: &FaceInfo) -> Option<&str> {
    face.families.first().map(|(name, _)| name.as_str())
}

/// Folders that the desktop names, beside those that every system has.
fn folders() -> Vec<PathBuf> {
    let named = ["XDG_DATA_HOME", "XDG_DATA_DIRS"].into_iter().filter_map(std::env::var_os);
    let all: Vec<PathBuf> = named.flat_map(|paths| std::env::split_paths(&paths).collect::<Vec<_>>()).collect();
    let known = ["/usr/share", "/usr/local/share"].map(PathBuf::from);
    let others = all.into_iter().filter(|path| path.is_absolute() && !known.contains(path));
    others.flat_map(|path| [path.join("fonts"), path.join("X11/fonts")]).filter(|path| path.is_dir()).collect()
}

/// Whether a character is never seen itself: joiners, marks of direction, selectors of variants.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// Whether a character belongs to no script.
fn is_symbol(c: char) -> bool {
    matches!(c.script(), Script::Common | Script::Inherited | Script::Unknown)
}

fn script(c: char) -> String {
    match c.script() {
        Script::Han => "Chinese characters".to_owned(),
        script => script.full_name().replace('_', " "),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn scripts_without_a_font_are_named() {
        let ours = Fonts::new(&[], false);
        let lacking = |text| ours.lacking(text).into_iter().collect::<Vec<_>>();
        let none: [&str; 0] = [];
        assert_eq!(lacking("Ünï čšž Привет Ελληνικά שלום مرحبا «—…» ♪\u{200d}\u{fe0f}\u{a0}"), none);
        assert_eq!(lacking("हिन्दी 夜に 봄 ไทย"), ["Chinese characters", "Devanagari", "Hangul", "Hiragana", "Thai"]);
        assert_eq!(lacking("🎸🎹"), ["symbols such as 🎸 (U+1F3B8)"]);
    }

    #[test]
    fn fonts_of_folders_are_found_and_files_that_are_no_fonts_are_not() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.ttf"), b"no font").unwrap();
        std::fs::write(dir.path().join("b.ttf"), dejavu::sans_mono::regular()).unwrap();
        std::fs::write(dir.path().join("c.ttf"), &built_in()[..5000]).unwrap();
        let fonts = Fonts::new(&[dir.path().to_owned(), dir.path().join("nowhere")], false);
        assert_eq!((fonts.face('a'), fonts.face('夜')), (Some(BUILT_IN), None));
        assert!(fonts.has(1, 'a') && !fonts.has(1, '夜') && !fonts.has(99, 'a'));
    }
}

//! A hundred times a library is changed at random and indexed: the index is what it would be if it were made anew.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

mod library;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use library::{Library, Track, set_time, unpack, wav};
use muscall::audio::load_whole;
use muscall::indexing::forget;
use muscall::retrieval::IndexWriter;
use rand::seq::IteratorRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use xxhash_rust::xxh3::xxh3_128;

const FILES: usize = 200;
const STEPS: usize = 100;
/// Folders that come and go; other folders stay.
const MOUNTS: [&str; 3] = ["m0", "m1", "m2"];
const FOLDERS: [&str; 3] = [".", "x", "y/z"];
/// Lengths of files, one of two windows.
const SAMPLES: [u32; 3] = [6000, 8000, 20_000];

/// What a file holds.
type Content = (u32, u32);
/// Contents by the names of files, below the root.
type Files = BTreeMap<String, Content>;

struct World {
    library: Library,
    rng: ChaCha8Rng,
    files: Files,
    /// What is on the disks that are not mounted.
    away: BTreeMap<&'static str, Files>,
    /// What a content is in an index.
    tracks: HashMap<Content, Track>,
    /// Gives each new name and content a number of its own.
    count: u32,
    /// Where the root was when it was last indexed, if it is elsewhere now.
    old_root: Option<PathBuf>,
}

impl World {
    fn new(seed: u64) -> Self {
        let (library, rng) = (Library::new(), ChaCha8Rng::seed_from_u64(seed));
        let (files, away, tracks) = (Files::new(), BTreeMap::new(), HashMap::new());
        let mut world = Self { library, rng, files, away, tracks, count: 0, old_root: None };
        for mount in MOUNTS {
            // Mounted, no folder is empty.
            fs::create_dir(world.library.path(mount)).unwrap();
            fs::write(world.library.path(mount).join("notes.txt"), "").unwrap();
        }
        for _ in 0..FILES {
            world.add();
        }
        world
    }

    fn next(&mut self) -> u32 {
        self.count += 1;
        self.count
    }

    /// A name that no file has had, in a folder that is there.
    fn new_name(&mut self) -> String {
        let folders = MOUNTS.into_iter().filter(|mount| !self.away.contains_key(mount)).chain(FOLDERS);
        let folder = folders.choose(&mut self.rng).unwrap();
        let name = format!("{folder}/{}.wav", self.next());
        name.trim_start_matches("./").to_owned()
    }

    fn new_content(&mut self) -> Content {
        (self.next(), SAMPLES[self.rng.random_range(0..SAMPLES.len())])
    }

    fn pick(&mut self) -> String {
        self.files.keys().choose(&mut self.rng).unwrap().clone()
    }

    fn write(&mut self, name: &str, (kind, samples): Content) {
        unpack(&self.library.path(name), &wav(kind, samples));
        self.files.insert(name.to_owned(), (kind, samples));
    }

    fn rename(&mut self, from: &str, to: &str) {
        if let Some(content) = self.files.remove(from) {
            self.library.rename(from, to);
            self.files.insert(to.to_owned(), content);
        }
    }

    fn add(&mut self) {
        let (name, content) = (self.new_name(), self.new_content());
        self.write(&name, content);
    }

    fn change(&mut self) {
        let name = self.pick();
        let content = self.files[&name];
        match self.rng.random_range(0..15) {
            0 | 1 => {
                let to = self.new_name();
                self.rename(&name, &to);
            }
            2 => {
                let other = self.pick();
                if other != name {
                    self.rename(&name, "between.wav");
                    self.rename(&other, &name);
                    self.rename("between.wav", &other);
                }
            }
            3 => {
                let (second, third) = (self.pick(), self.new_name());
                if second != name {
                    self.rename(&second, &third);
                    self.rename(&name, &second);
                }
            }
            4 => {
                let to = self.new_name();
                self.write(&to, content);
            }
            // In place, with equal size and time.
            5 | 6 => {
                let kind = self.next();
                self.write(&name, (kind, content.1));
            }
            // What another file of this size holds, put into its place.
            7 => {
                let same = self.files.values().filter(|other| other.1 == content.1);
                let other = *same.choose(&mut self.rng).unwrap();
                unpack(&self.library.dir.join("new"), &wav(other.0, other.1));
                fs::rename(self.library.dir.join("new"), self.library.path(&name)).unwrap();
                self.files.insert(name, other);
            }
            8 => {
                let content = self.new_content();
                self.write(&name, content);
            }
            9 => {
                fs::remove_file(self.library.path(&name)).unwrap();
                self.files.remove(&name);
            }
            10 => self.add(),
            11 => set_time(&self.library.path(&name), 1_600_000_000 + u64::from(self.count)),
            // What it was written with at first, restored.
            12 => {
                let kind = self.rng.random_range(1..=self.count);
                self.write(&name, (kind, content.1));
            }
            13 => self.mount_or_not(),
            _ if self.away.is_empty() => {
                let name = format!("root {}", self.next());
                let root = self.library.dir.join(name);
                fs::rename(&self.library.root, &root).unwrap();
                let old = std::mem::replace(&mut self.library.root, root);
                self.old_root.get_or_insert(old);
            }
            _ => {}
        }
    }

    fn mount_or_not(&mut self) {
        let mount = MOUNTS[self.rng.random_range(0..MOUNTS.len())];
        let (point, disk) = (self.library.path(mount), self.library.dir.join("disk of ").join(mount));
        if let Some(files) = self.away.remove(mount) {
            fs::remove_dir(&point).unwrap();
            fs::rename(&disk, &point).unwrap();
            self.files.extend(files);
        } else if self.old_root.is_none() {
            fs::create_dir_all(disk.parent().unwrap()).unwrap();
            fs::rename(&point, &disk).unwrap();
            fs::create_dir(&point).unwrap();
            let prefix = format!("{mount}/");
            let (away, here) =
                std::mem::take(&mut self.files).into_iter().partition(|(name, _)| name.starts_with(&prefix));
            self.files = here;
            self.away.insert(mount, away);
        }
    }

    /// What an index holds of a content, without an [`Indexer`](muscall::indexing::Indexer).
    fn track(&mut self, content: Content) -> Track {
        if let Some(track) = self.tracks.get(&content) {
            return track.clone();
        }
        let (path, bytes) = (self.library.dir.join("one.wav"), wav(content.0, content.1));
        fs::write(&path, &bytes).unwrap();
        let model = &self.library.model;
        let segments = model.segments(&load_whole(&path, &model.clip_config()).unwrap());
        let rows = model.embed_loaded(&segments).unwrap();
        let starts = segments.iter().map(|segment| (segment.start_s as f32).to_bits()).collect();
        let duration_s = f64::from(content.1) / 16_000.0;
        let rows = rows.values().iter().map(|x| x.to_bits()).collect();
        let track = (xxh3_128(&bytes), duration_s.to_bits(), starts, rows);
        self.tracks.insert(content, track.clone());
        track
    }

    /// What an index holds of files.
    fn named(&mut self, files: &Files) -> BTreeMap<String, Track> {
        let name = |library: &Library, file: &str| library.path(file).to_str().unwrap().to_owned();
        files.iter().map(|(file, content)| (name(&self.library, file), self.track(*content))).collect()
    }

    /// Indexes the folder and compares; gives how many files were embedded.
    fn index(&mut self, before: &BTreeMap<String, Track>) -> (usize, BTreeMap<String, Track>) {
        // A folder that has become empty by chance would be a mount point.
        for folder in ["x", "y/z", "y"] {
            let _ = fs::remove_dir(self.library.path(folder));
        }
        let spelled: PathBuf = match self.rng.random_range(0..3) {
            0 => self.library.root.join("m0/../../").join(self.library.root.file_name().unwrap()),
            _ => self.library.root.clone(),
        };
        let report = self.library.run_on(&spelled);
        // What was deleted while the root was renamed has a name that nobody asks for.
        if let Some(old) = self.old_root.take() {
            let mut writer = IndexWriter::open(&self.library.index, self.library.model.fingerprint().unwrap()).unwrap();
            forget(&mut writer, old.to_str().unwrap()).unwrap();
        }
        let after = self.library.contents();
        let mut kept = after.clone();
        let mut holds = HashSet::new();
        for (file, track) in self.named(&self.files.clone()) {
            assert!(kept.remove(&file).as_ref() == Some(&track), "{file}");
            holds.insert(track.0);
        }
        // What else there is was there, and belongs to disks that are away; and of these nothing is lost, but for
        // what has turned up elsewhere.
        let points: Vec<PathBuf> = self.away.keys().map(|mount| self.library.path(mount)).collect();
        let is_away = |name: &str| points.iter().any(|point| Path::new(name).starts_with(point));
        assert!(kept.iter().all(|(name, track)| is_away(name) && before.get(name) == Some(track)), "ghosts");
        let mut lost = before.iter().filter(|(name, _)| is_away(name) && !kept.contains_key(*name));
        assert!(lost.all(|(_, track)| holds.contains(&track.0)), "a track of a disk that is away is lost");
        assert_eq!((report.kept, report.unreadable.is_empty()), (kept.len(), kept.is_empty()));
        let known: HashSet<u128> = before.values().map(|track| track.0).collect();
        assert_eq!(
            report.embedded,
            holds.difference(&known).count(),
            "what is known was embedded, or what is new was not"
        );
        assert_eq!(report.embedded + report.moved + report.copied + report.unchanged, self.files.len());
        (report.embedded, after)
    }
}

#[test]
fn a_library_that_changes_at_random_has_the_index_that_is_made_anew() {
    // Other seeds, on demand.
    let seed = std::env::var("MUSCALL_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let mut world = World::new(seed);
    let (mut embedded, mut known) = world.index(&BTreeMap::new());
    assert_eq!(embedded, FILES);
    for step in 1..=STEPS {
        for _ in 0..world.rng.random_range(1..5) {
            world.change();
        }
        let (more, now) = world.index(&known);
        (embedded, known) = (embedded + more, now);
        if step % 20 == 0 && world.away.is_empty() {
            assert!(known == world.library.anew());
        }
    }
    while !world.away.is_empty() {
        world.mount_or_not();
    }
    let (more, now) = world.index(&known);
    assert!(now == world.library.anew());
    println!("{} files, {} files embedded in {STEPS} runs", now.len(), embedded + more);
}

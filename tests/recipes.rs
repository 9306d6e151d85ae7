//! Every recipe of `recipes/` trains some steps on the music of `demo/`, at small sizes, and
//! evaluates.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "golden/small_sentence_model.rs"]
mod small_sentence_model;

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use muscall::audio::{AugmentConfig, ClipConfig, CropPosition, load_clip};
use muscall::data::batcher::LoadedItem;
use muscall::model::audio::{CrnnConfig, ResNetConfig};
use muscall::model::text::static_words::{StaticWords, StaticWordsConfig};
use muscall::model::text::{SentenceTowerConfig, TransformerConfig, WordVectorsConfig, bert};
use muscall::model::weights::clap::import_clap;
use muscall::train::Captions;
use muscall::train::device_check::DeviceCheck;
use muscall::train::loss::{ContrastiveLoss, DistilLoss, Loss, Weighting};
use muscall::{
    Device, Event, InitialWeights, Learner, Manifest, Muscall, MuscallConfig, Recipe, Split, TrainError, evaluate,
};
use small_sentence_model::{small_config, write_small_sentence_model};

/// Dropout draws from the state of the process.
static ONE_RUN: Mutex<()> = Mutex::new(());

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn recipes() -> Vec<PathBuf> {
    let folders = ["recipes", "recipes/table4", "recipes/figure3"];
    let entries = folders.iter().flat_map(|folder| fs::read_dir(root().join(folder)).unwrap());
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    paths
}

/// A recipe for a model that is trained already, which is a small CLAP here: it takes that model, or learns from it.
fn for_trained(path: &Path, bundle: &Path, words: &Words) -> Recipe {
    let small = |recipe: Recipe| Recipe { max_steps: Some(10), batch_size: 4, ..recipe };
    match Recipe::read(path) {
        Err(TrainError::NoModel { .. }) => {
            let settings = [format!("model.preset={}", bundle.display()), "validation.gallery=6".to_owned()];
            small(Recipe::read_with(path, &settings).unwrap())
        }
        recipe => {
            let recipe = shrink(recipe.unwrap(), words);
            if !is_distilled(&recipe) {
                return recipe;
            }
            recipe.with_teacher(Muscall::load(bundle, &Device::default()).unwrap().config()).unwrap()
        }
    }
}

fn is_distilled(recipe: &Recipe) -> bool {
    recipe.loss.downcast_ref::<DistilLoss>().is_some()
}

/// What recipes read besides music.
struct Words {
    sentence_model: PathBuf,
    word_vectors: PathBuf,
    static_words: PathBuf,
}

impl Words {
    /// Small ones, in a folder.
    fn write(dir: &Path, manifest: &Manifest) -> Self {
        let [sentence_model, word_vectors, static_words] =
            ["sentence", "word2vec.txt", "words.safetensors"].map(|name| dir.join(name));
        write_small_sentence_model(&sentence_model);
        write_word_vectors(&word_vectors, manifest);
        write_static_words(&static_words);
        Self { sentence_model, word_vectors, static_words }
    }
}

/// The recipe, small enough for a test; what makes it different stays.
fn shrink(mut recipe: Recipe, words: &Words) -> Recipe {
    recipe.max_steps = Some(10);
    recipe.batch_size = 4;
    recipe.micro_batch = recipe.micro_batch.map(|_| 2);
    recipe.model.clip_s = 1.0;
    recipe.data.threads = 2;
    recipe.validation.gallery = 6;
    if !recipe.data.sources.is_empty() {
        // One of the demo's.
        recipe.data.sources = [("debian:0ad-data".to_owned(), 0.5)].into();
    }
    let audio = &recipe.model.audio;
    recipe.model.audio = match (audio.downcast_ref::<ResNetConfig>(), audio.downcast_ref::<CrnnConfig>()) {
        (Some(resnet), _) => ResNetConfig { width: 2, hidden: 16, ..resnet.clone() }.into(),
        (_, Some(crnn)) => CrnnConfig { channels: 2, ..crnn.clone() }.into(),
        _ => panic!("{audio:?}"),
    };
    let model = words.sentence_model.display().to_string();
    let text = &recipe.model.text;
    recipe.model.text = if let Some(text) = text.downcast_ref::<TransformerConfig>() {
        text.clone().with_width(16, 2).into()
    } else if let Some(text) = text.downcast_ref::<SentenceTowerConfig>() {
        SentenceTowerConfig { model: model.clone(), encoder: small_config(), ..text.clone() }.into()
    } else if let Some(text) = text.downcast_ref::<StaticWordsConfig>() {
        StaticWordsConfig { file: words.static_words.clone(), ..text.clone() }.into()
    } else {
        let text = text.downcast_ref::<WordVectorsConfig>().unwrap();
        WordVectorsConfig { file: words.word_vectors.clone(), ..text.clone() }.into()
    };
    if let Some(loss) = recipe.loss.downcast_ref::<ContrastiveLoss>()
        && let Some(weighting) = &loss.weighting
    {
        assert_eq!(weighting.model, bert::DEFAULT_MODEL);
        let weighting = Some(Weighting { model, ..weighting.clone() });
        recipe.loss = ContrastiveLoss { weighting, ..loss.clone() }.into();
    }
    recipe
}

fn write_word_vectors(path: &Path, manifest: &Manifest) {
    let mut text = String::new();
    let captions = manifest.rows.iter().flat_map(|row| &row.captions);
    let mut words: Vec<String> = captions.flat_map(|text| sentence_words(text)).collect();
    words.sort();
    words.dedup();
    // Every third word is unknown.
    for (i, word) in words.iter().enumerate().filter(|(i, _)| i % 3 > 0) {
        let row: Vec<String> = (0..300).map(|j| format!("{:.4}", ((i * 300 + j) as f64 * 0.7).sin())).collect();
        text += &format!("{word} {}\n", row.join(" "));
    }
    fs::write(path, text).unwrap();
}

fn write_static_words(path: &Path) {
    let names: Vec<String> = ["calm", "piano", "orchestral", "guitar", "##s"].map(str::to_owned).to_vec();
    let vectors: Vec<f32> = (0..names.len() * 256).map(|i| (i as f32 * 0.7).sin()).collect();
    StaticWords::new(names, &vectors, 256).unwrap().save(path).unwrap();
}

fn sentence_words(text: &str) -> Vec<String> {
    muscall::model::text::word_vectors::words(text).collect()
}

#[test]
fn every_recipe_trains_ten_steps_and_evaluates() {
    let _one_run = ONE_RUN.lock().unwrap_or_else(PoisonError::into_inner);
    let dir = tempfile::tempdir().unwrap();
    // A copy of the manifest, since sentence vectors are kept beside it.
    let demo = fs::read_to_string(root().join("demo/manifest.jsonl")).unwrap();
    let audio = format!("{}/audio/", root().join("demo").display());
    fs::write(dir.path().join("manifest.jsonl"), demo.replace("\"audio/", &format!("\"{audio}"))).unwrap();
    let read = |split| Manifest::read(&dir.path().join("manifest.jsonl"), split).unwrap();
    let (train, val) = (read(Split::Train), read(Split::Val));
    let words = Words::write(dir.path(), &train);

    let bundle = dir.path().join("clap");
    let clap = import_clap(&root().join("tests/golden/clap/hf"), None, &Device::default()).unwrap();
    clap.save(&bundle).unwrap();
    let paths = recipes();
    assert!(paths.len() >= 28, "{}", paths.len());
    for path in paths {
        let name = path.strip_prefix(root()).unwrap().display().to_string();
        let recipe = for_trained(&path, &bundle, &words);
        let run = dir.path().join(name.replace('/', "-"));
        let mut losses = Vec::new();
        let mut learner = Learner::new(recipe.clone(), &run, &Device::default()).unwrap();
        if !is_distilled(&recipe) && recipe.model.audio == clap.config().audio {
            learner = learner.with_initial(InitialWeights::read(&bundle).unwrap());
        }
        if is_distilled(&recipe) {
            learner = learner.with_teacher(clap.clone());
        }
        let outcome = learner.fit(train.clone(), Some(val.clone()), &mut |event| {
            if let Event::Step(step) = event {
                assert!(step.loss.is_finite() && step.gradient_norm > 0.0, "{name}: {step:?}");
                assert_eq!(step.ssl_loss.is_some(), recipe.ssl.is_some());
                losses.push(step.loss);
            }
            ControlFlow::Continue(())
        });
        let outcome = outcome.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((outcome.steps, losses.len()), (10, 10), "{name}");
        assert_eq!(outcome.ema.is_some(), recipe.ema.is_some());
        let loaded = Muscall::load(&run, &Device::default()).unwrap();
        let metrics = evaluate(&loaded, &val).unwrap().metrics;
        assert_eq!(metrics.text_to_audio.gallery, val.rows.len(), "{name}");
    }
}

/// Every kind of tower, norm, dropout and loss that the recipes have, on two tracks: what a device is checked by must not
/// depend on what is drawn.
#[test]
fn the_cpu_agrees_with_itself_whatever_the_recipe() {
    let _one_run = ONE_RUN.lock().unwrap_or_else(PoisonError::into_inner);
    let dir = tempfile::tempdir().unwrap();
    let manifest = Manifest::read(&root().join("demo/manifest.jsonl"), Split::Train).unwrap();
    let words = Words::write(dir.path(), &manifest);
    let device = Device::default();
    let mut seen = Vec::<(MuscallConfig, Loss, bool)>::new();
    for path in recipes() {
        // What a teacher has made of clips, and heads alone, are not compared.
        let Ok(recipe) = Recipe::read(&path) else { continue };
        if is_distilled(&recipe) {
            continue;
        }
        let recipe = shrink(recipe, &words);
        let kind = (recipe.model.clone(), recipe.loss.clone(), recipe.ssl.is_some());
        if seen.contains(&kind) {
            continue;
        }
        seen.push(kind);
        let log_mel = recipe.model.log_mel.init().unwrap();
        let clip = ClipConfig::new(recipe.model.log_mel.sample_rate, recipe.model.clip_samples());
        let item = |index: usize| {
            let row = &manifest.rows[index];
            let clip = load_clip(row.source(), CropPosition::Central, &clip).unwrap();
            let mel = log_mel.extract(&clip.samples).unwrap().into_values();
            let valid_frames = recipe.model.log_mel.frames(clip.valid);
            let views = recipe.ssl.as_ref().map(|_| [mel.clone(), mel.clone()]);
            LoadedItem {
                index,
                window: 0,
                mel,
                valid_frames,
                views,
                captions: row.captions.clone(),
                faults: Vec::new(),
            }
        };
        let captions = Captions::without_file(&recipe, &[&manifest], &device).unwrap();
        let check = DeviceCheck::new(&recipe, &captions, &device, &device).with_steps(2);
        let report = check.run(&[(0..2).map(item).collect()]).unwrap();
        let differs = report.differences.iter().find(|difference| difference.found != 0.0);
        assert!(differs.is_none(), "{}: {}", path.display(), differs.unwrap());
    }
    assert!(seen.len() >= 10, "{} kinds", seen.len());
}

#[test]
fn a_recipe_changes_what_it_says_and_nothing_else() {
    let read = |name: &str| Recipe::read(&root().join("recipes").join(name)).unwrap();
    let muscall = read("muscall.toml");
    assert_eq!(read("table4/base.toml"), muscall);
    assert_eq!(muscall.data.augment, AugmentConfig::muscall());
    let plain = read("table4/no_crop_no_augmentation.toml");
    let mut expected = muscall.clone();
    expected.data.random_crop = false;
    expected.data.augment = AugmentConfig::none();
    assert_eq!(plain, expected);
    let deep = read("figure3/depth_12.toml");
    let text: &TransformerConfig = deep.model.text.downcast_ref().unwrap();
    assert!(text.depth == 12 && text.width == 512);
    // What a run writes down is read back as the same recipe.
    let dir = tempfile::tempdir().unwrap();
    for path in recipes() {
        // Some take the model of a bundle.
        let Ok(recipe) = Recipe::read(&path) else { continue };
        let copy = dir.path().join("recipe.toml");
        fs::write(&copy, toml::to_string(&recipe).unwrap()).unwrap();
        assert_eq!(Recipe::read(&copy).unwrap(), recipe, "{}", path.display());
    }
}

#[test]
fn settings_and_mistakes_in_recipes() {
    let path = root().join("recipes/muscall.toml");
    let recipe = Recipe::read_with(&path, &["model.clip_s=10", "loss.directions=sum", "model.preset=tiny"]).unwrap();
    assert_eq!((recipe.model.clip_s, recipe.model.projection_dim), (10.0, 64));
    let dir = tempfile::tempdir().unwrap();
    let refuse = |text: &str, settings: &[&str], part: &str| {
        let path = dir.path().join("mine.toml");
        fs::write(&path, text).unwrap();
        let error = Recipe::read_with(&path, settings).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    };
    let good = "epochs = 1\nbatch_size = 2\nlearning_rate = 1e-3\n[model]\npreset = \"tiny\"\n";
    refuse(&good.replace("tiny", "huge"), &[], "huge");
    refuse(&format!("lerning_rate = 1\n{good}"), &[], "lerning_rate");
    refuse(&format!("{good}[model.audio]\nwidht = 4\n"), &[], "widht");
    refuse(&format!("{good}[loss]\nkind = \"sigmoid\"\nmargin = 1.0\n"), &[], "margin");
    refuse("extends = \"mine.toml\"\n", &[], "extends itself");
    refuse("extends = \"nowhere.toml\"\n", &[], "nowhere.toml");
    refuse("batch_size = 2\n", &[], "epochs");
    refuse("epochs = 1\nbatch_size = 2\nlearning_rate = 1e-3\n", &[], "--init BUNDLE");
    refuse(good, &["clip_s"], "clip_s");
    refuse(good, &["data.threads=0"], "`--set data.threads=0`: recipe: `data.threads`");
    refuse(good, &["validation.patience=0"], "validation.patience");
}

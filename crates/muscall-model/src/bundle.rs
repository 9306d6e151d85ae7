//! A trained model in one directory: the layout on the disk.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use burn::tensor::Device;
use muscall_files::{FileError, replace, replace_bytes};
use muscall_vectors::Fingerprint;
use serde::{Deserialize, Serialize};

use crate::ModelError;
use crate::dual_encoder::MuscallConfig;
use crate::network::{BundleWeights, Lazy};
#[cfg(feature = "box")]
use crate::score_scale::SCORES;
use crate::score_scale::ScoreScale;
use crate::space::{described, name_of};
use crate::text::TextFrontend;
use crate::tower::TextEncoderConfig;
use crate::weights::{self, Rounded, StateDict, WeightFormat, WeightsFile, check_shapes, shapes_of, weights_file};

const CONFIG: &str = "config.json";

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BundleConfig {
    /// Version of the layout of the directory.
    format: u32,
    /// Of the frontend that the weights were trained with.
    frontend_fingerprint: String,
    /// Of what captions become before anything trained sees them; older bundles do not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text_frontend_fingerprint: Option<String>,
    model: MuscallConfig,
}

const FORMAT: u32 = 2;

/// The key under which the header of the weights says which space they make.
const SPACE: &str = "muscall_space";

/// The space of a bundle, as it was when the weights were written: whoever opens them need not hash them all to know it.
#[derive(Debug, Serialize, Deserialize)]
struct RecordedSpace {
    /// Of the model, with its former names.
    names: Vec<String>,
    /// What else was in those names: they say nothing of another configuration or tokenizer.
    described: String,
    /// Where text lies in it, if that was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text_centre: Option<Vec<f32>>,
}

impl RecordedSpace {
    /// What the file says, if it is of this configuration.
    fn of(file: &WeightsFile, config: &MuscallConfig, words: &str) -> Option<Self> {
        let recorded: Self = serde_json::from_str(file.metadata(SPACE)?).ok()?;
        let centre = recorded.text_centre.as_ref().is_none_or(|centre| centre.len() == config.projection_dim);
        let is_current = recorded.described == described(config, words) && centre;
        (is_current && recorded.name()?.towers().is_some()).then_some(recorded)
    }

    fn name(&self) -> Option<Fingerprint> {
        let (name, former) = self.names.split_first()?;
        Some(former.iter().fold(Fingerprint::new(name), Fingerprint::with_former))
    }
}

type Parts = (MuscallConfig, BundleWeights, TextFrontend);

/// The parts of a bundle. Of the weights, names and shapes are read; a bundle that does not say which space it makes is
/// read once as a whole.
pub(crate) fn read(dir: &Path, device: &Device) -> Result<Parts, ModelError> {
    let path = dir.join(CONFIG);
    let bytes = fs::read(&path).map_err(FileError::reading(&path))?;
    let BundleConfig { model: config, text_frontend_fingerprint: words, .. } = parse_config(&path, &bytes)?;
    let file = open_weights(WeightsFile::open(&weights_file(dir))?, &config, device)?;
    let text_frontend = read_text_frontend(dir, &config.text, words.as_deref(), device)?;
    assemble(config, file, text_frontend, |space, dim| ScoreScale::read(dir, space, dim))
}

/// The parts of the bundle that is compiled in.
#[cfg(feature = "box")]
pub(crate) fn read_boxed(device: &Device) -> Result<Parts, ModelError> {
    let place = Path::new("the model in the box");
    let BundleConfig { model: config, text_frontend_fingerprint: saved, .. } =
        parse_config(&place.join(CONFIG), muscall_box::CONFIG)?;
    let weights = WeightsFile::of_bytes(&weights_file(place), muscall_box::WEIGHTS)?;
    let file = open_weights(weights, &config, device)?;
    let words =
        crate::text::static_words::StaticWords::of_bytes(&place.join(muscall_box::WORDS_NAME), muscall_box::WORDS)?;
    let text_frontend = TextFrontend::from(words);
    check_words(place, &text_frontend, saved)?;
    let scores = place.join(SCORES);
    assemble(config, file, text_frontend, |space, dim| ScoreScale::parse(&scores, muscall_box::SCORES, space, dim))
}

fn open_weights(file: WeightsFile, config: &MuscallConfig, device: &Device) -> Result<WeightsFile, ModelError> {
    let expected = shapes_of(&config.init(device)?);
    check_shapes(&expected, file.shapes(), &file.path().display().to_string())?;
    Ok(file)
}

fn assemble(
    config: MuscallConfig,
    file: WeightsFile,
    text_frontend: TextFrontend,
    scale: impl FnOnce(&Fingerprint, usize) -> Result<Option<ScoreScale>, ModelError>,
) -> Result<Parts, ModelError> {
    let words = text_frontend.fingerprint().name().to_owned();
    let recorded = RecordedSpace::of(&file, &config, &words);
    let space = match recorded.as_ref().and_then(RecordedSpace::name) {
        Some(name) => name,
        None => name_of(&config, &file, &words)?,
    };
    let text_centre = recorded.and_then(|recorded| recorded.text_centre);
    let scale = scale(&space, config.projection_dim)?.map(Arc::new);
    let checked = [Lazy::default(), Lazy::default()];
    let weights = BundleWeights { file, space, words, config: config.clone(), text_centre, scale, checked };
    Ok((config, weights, text_frontend))
}

/// The text frontend, which was saved with the fingerprint `saved`, if that is known.
fn read_text_frontend(
    dir: &Path,
    config: &TextEncoderConfig,
    saved: Option<&str>,
    device: &Device,
) -> Result<TextFrontend, ModelError> {
    let frontend = config.load_frontend(dir, device)?;
    let expected = saved.map(str::to_owned).or_else(|| frontend.former_stamp(dir));
    check_words(dir, &frontend, expected)?;
    Ok(frontend)
}

fn check_words(dir: &Path, frontend: &TextFrontend, expected: Option<String>) -> Result<(), ModelError> {
    let found = frontend.fingerprint();
    match expected {
        Some(expected) if !found.accepts(&expected) => {
            Err(ModelError::Words { path: dir.join(frontend.place()), found: found.into(), expected })
        }
        _ => Ok(()),
    }
}

fn parse_config(path: &Path, bytes: &[u8]) -> Result<BundleConfig, ModelError> {
    let parse = |source| ModelError::ConfigFile { path: path.to_owned(), source };
    let bundle: BundleConfig = serde_json::from_slice(bytes).map_err(parse)?;
    let is_known = ModelError::check(
        bundle.format == FORMAT,
        "format",
        bundle.format,
        "2; update muscall to read newer bundles, train again to replace older ones",
    );
    let of_file = |source| ModelError::InvalidFile { path: path.to_owned(), source: Box::new(source) };
    is_known.and_then(|()| bundle.model.validate()).map_err(of_file)?;
    let expected = bundle.model.log_mel.fingerprint();
    if bundle.frontend_fingerprint != expected {
        let (path, found) = (path.to_owned(), bundle.frontend_fingerprint);
        return Err(ModelError::Frontend { path, found, expected });
    }
    Ok(bundle)
}

/// Replaces the files of a bundle one by one, each as a whole or not at all. During a training run
/// only the weights change from one save to the next, so that a bundle is always consistent. One of another
/// configuration is no bundle from the first to the last file, since its `config.json` goes first and
/// comes last. Other files of the directory stay.
pub(crate) fn write(
    dir: &Path,
    config: &MuscallConfig,
    (state, format): (&StateDict, WeightFormat),
    text_frontend: &TextFrontend,
    text_centre: Option<&[f32]>,
    scale: Option<&ScoreScale>,
) -> Result<(), ModelError> {
    fs::create_dir_all(dir).map_err(FileError::writing(dir))?;
    let text = config.text.in_bundle().unwrap_or_else(|| config.text.clone());
    let bundle = BundleConfig {
        format: FORMAT,
        frontend_fingerprint: config.log_mel.fingerprint(),
        text_frontend_fingerprint: Some(text_frontend.fingerprint().into()),
        model: MuscallConfig { text, ..config.clone() },
    };
    let path = dir.join(CONFIG);
    let parse = |source| ModelError::ConfigFile { path: path.clone(), source };
    let text = serde_json::to_string_pretty(&bundle).map_err(parse)? + "\n";
    if fs::read(&path).is_ok_and(|there| there != text.as_bytes()) {
        fs::remove_file(&path).map_err(FileError::writing(&path))?;
    }
    let words = text_frontend.fingerprint();
    let space = name_of(config, &Rounded(state, format), words.name())?;
    let names = space.names().map(str::to_owned).collect();
    let text_centre = text_centre.map(<[f32]>::to_vec);
    let recorded = RecordedSpace { names, described: described(config, words.name()), text_centre };
    let recorded = serde_json::to_string(&recorded).map_err(parse)?;
    replace(&weights_file(dir), |path| weights::write(path, state, format, (SPACE, &recorded)))?;
    text_frontend.save(dir)?;
    if let Some(scale) = scale.filter(|scale| space.accepts(&scale.model)) {
        scale.save(dir)?;
    }
    Ok(replace_bytes(&path, text)?)
}

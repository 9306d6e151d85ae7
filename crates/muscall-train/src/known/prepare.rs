//! What is computed before the first step: by frozen towers, or by a teacher.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use muscall_audio::Clip;
use muscall_model::{Muscall, TextFrontend};

use super::windows::Cut;
use super::{Known, KnownSide, Stage, Texts, Vectors, Windows};
use crate::TrainError;
use crate::captions::captions_of;
use crate::initial::InitialWeights;
use crate::loss::DistilLoss;
use crate::manifest::Manifest;
use crate::recipe::{Learns, Recipe};

/// What there is to compute with.
pub(crate) struct Preparation<'a> {
    pub(crate) recipe: &'a Recipe,
    pub(crate) device: &'a Device,
    /// Whose towers stay as they are.
    pub(crate) initial: Option<&'a InitialWeights>,
    pub(crate) frontend: &'a TextFrontend,
    pub(crate) teacher: Option<&'a Muscall>,
    /// Where vectors are kept; beside the manifest if it is not said.
    pub(crate) folder: Option<&'a Path>,
}

/// What is heard and read, while it is.
pub(crate) type Progress<'a> = dyn FnMut(&'static str, usize, usize) -> Result<(), TrainError> + 'a;

/// What is known of the rows that are trained and validated on.
///
/// # Errors
/// [`TrainError`] if towers or vectors cannot be read or written, or the recipe needs weights or a teacher that are not
/// there.
pub(crate) fn prepare(
    preparation: &Preparation<'_>,
    train: &Manifest,
    validation: Option<&Manifest>,
    progress: &mut Progress<'_>,
) -> Result<[Known; 2], TrainError> {
    let Preparation { recipe, teacher, initial, .. } = *preparation;
    let is_distilled = recipe.loss.downcast_ref::<DistilLoss>().is_some();
    let manifests = [Some(train), validation];
    match (recipe.learns, is_distilled) {
        (Learns::Heads, _) => {
            let initial = initial.ok_or(TrainError::NoInitial { learns: "heads" })?;
            let frozen = Muscall::from_state(
                recipe.model.clone(),
                initial.model.clone(),
                &initial.origin,
                preparation.frontend.clone(),
                preparation.device,
            )?;
            preparation.of_both_sides(&frozen, manifests, progress)
        }
        (Learns::Top, _) if initial.is_none() => Err(TrainError::NoInitial { learns: "top" }),
        (Learns::Audio, true) => {
            let teacher = teacher.ok_or(TrainError::NoTeacher)?;
            let mut known = [Known::default(), Known::default()];
            for ((known, manifest), windows) in known.iter_mut().zip(manifests).zip(preparation.windows()) {
                let Some(manifest) = manifest else { continue };
                let windows = preparation.hear(teacher, Stage::Embeddings, (manifest, windows), train, progress)?;
                known.text = Some(KnownSide { stage: Stage::Embeddings, vectors: Vectors::Windows(windows) });
            }
            Ok(known)
        }
        (Learns::Text, true) => {
            let teacher = teacher.ok_or(TrainError::NoTeacher)?;
            let captions = captions_of(&manifests.into_iter().flatten().collect::<Vec<_>>());
            let texts = preparation.read(teacher, Stage::Embeddings, &captions, train, progress)?;
            let audio = Some(KnownSide { stage: Stage::Embeddings, vectors: Vectors::Texts(texts) });
            Ok([Known { audio: audio.clone(), text: None }, Known { audio, text: None }])
        }
        _ => Ok([Known::default(), Known::default()]),
    }
}

impl Preparation<'_> {
    fn of_both_sides(
        &self,
        frozen: &Muscall,
        manifests: [Option<&Manifest>; 2],
        progress: &mut Progress<'_>,
    ) -> Result<[Known; 2], TrainError> {
        let [Some(train), _] = manifests else { return Ok([Known::default(), Known::default()]) };
        let captions = captions_of(&manifests.into_iter().flatten().collect::<Vec<_>>());
        let texts = self.read(frozen, Stage::Features, &captions, train, progress)?;
        let mut known = [Known::default(), Known::default()];
        for ((known, manifest), windows) in known.iter_mut().zip(manifests).zip(self.windows()) {
            let Some(manifest) = manifest else { continue };
            let windows = self.hear(frozen, Stage::Features, (manifest, windows), train, progress)?;
            known.audio = Some(KnownSide { stage: Stage::Features, vectors: Vectors::Windows(windows) });
            known.text = Some(KnownSide { stage: Stage::Features, vectors: Vectors::Texts(texts.clone()) });
        }
        Ok(known)
    }

    /// Windows of a track that is trained on, and of one that is validated on: of that the middle is enough.
    fn windows(&self) -> [usize; 2] {
        [self.recipe.data.windows.unwrap_or(1), 1]
    }

    /// What a model makes of some windows of all rows.
    fn hear(
        &self,
        model: &Muscall,
        stage: Stage,
        (manifest, windows): (&Manifest, usize),
        beside: &Manifest,
        progress: &mut Progress<'_>,
    ) -> Result<Windows, TrainError> {
        let cut = Cut { windows, clip: model.clip_config() };
        let file = |name: &str| self.file(beside, name);
        let windows = hear(model, stage, (manifest, &cut), &file, progress)?;
        match windows.unheard().len() == manifest.rows.len() {
            false => Ok(windows),
            true => Err(TrainError::nothing_heard(manifest, &windows.unheard())),
        }
    }

    /// What a model makes of captions.
    fn read(
        &self,
        model: &Muscall,
        stage: Stage,
        captions: &[&str],
        beside: &Manifest,
        progress: &mut Progress<'_>,
    ) -> Result<Texts, TrainError> {
        let (_, origin) = origins(model)?;
        let dim = match stage {
            Stage::Features => model.config().text.output_dim(),
            Stage::Embeddings => model.config().projection_dim,
        };
        let compute = |captions: &[&str]| {
            Ok(match stage {
                Stage::Features => model.text_features(captions)?,
                Stage::Embeddings => model.embed_text(captions)?.values().to_vec(),
            })
        };
        let file = self.file(beside, &name(stage, "captions", &origin));
        Texts::read(captions, (&file, &origin, dim), compute, |done, all| progress("captions", done, all))
    }

    /// `manifest.jsonl.windows-features-<model>.vectors`, or the like within a folder.
    fn file(&self, beside: &Manifest, name: &str) -> PathBuf {
        let source = &beside.source;
        match self.folder {
            Some(folder) => folder.join(name),
            None if source.is_dir() => source.join(name),
            None => {
                let own = source.file_name().unwrap_or_default().to_string_lossy();
                source.parent().unwrap_or(Path::new("")).join(format!("{own}.{name}"))
            }
        }
    }
}

/// What identifies the audio side of a model, and its text side.
fn origins(model: &Muscall) -> Result<(String, String), TrainError> {
    let name = model.fingerprint()?;
    Ok(match name.towers() {
        Some((audio, text)) => (format!("{audio:016x}"), format!("{text:016x}")),
        None => (name.name().to_owned(), name.name().to_owned()),
    })
}

/// What a model makes of windows of all rows that can be heard. `file` is where vectors are kept that have such a name.
pub(crate) fn hear(
    model: &Muscall,
    stage: Stage,
    (manifest, cut): (&Manifest, &Cut),
    file: &dyn Fn(&str) -> PathBuf,
    progress: &mut Progress<'_>,
) -> Result<Windows, TrainError> {
    let (origin, _) = origins(model)?;
    let dim = match stage {
        Stage::Features => model.config().audio.output_dim(),
        Stage::Embeddings => model.config().projection_dim,
    };
    let compute = |clips: &[Clip]| {
        Ok(match stage {
            Stage::Features => model.audio_features(clips)?,
            Stage::Embeddings => model.embed_loaded(clips)?.values().to_vec(),
        })
    };
    let file = file(&name(stage, "windows", &origin));
    Windows::read(manifest, cut, (&file, &origin, dim), compute, |done, all| progress("tracks", done, all))
}

/// `windows-features-<model>.vectors`
fn name(stage: Stage, what: &str, origin: &str) -> String {
    let stage = match stage {
        Stage::Features => "features",
        Stage::Embeddings => "embeddings",
    };
    format!("{what}-{stage}-{origin}.vectors")
}

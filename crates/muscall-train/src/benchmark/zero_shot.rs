//! Classes and tags described in words, against audio.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use muscall_audio::{AudioSource, load_whole};
use muscall_data::read_text;
use muscall_model::Muscall;
use muscall_retrieval::{
    ClassificationMetrics, Embeddings, TaggingMetrics, class_embeddings, class_scores, classification, tagging,
};
use serde::{Deserialize, Serialize};

use crate::TrainError;
use crate::embed_files::{EmbeddedFiles, embed_files};

/// How classes are put into words.
///
/// ```toml
/// templates = ["A {} track", "{} music"]
/// [words]
/// hiphop = ["hip hop", "rap"]
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClassPrompts {
    /// `{}` stands for the class. Several are an ensemble: their embeddings are averaged.
    pub templates: Vec<String>,
    /// Words for a class, where its name is not the best one.
    pub words: BTreeMap<String, Vec<String>>,
}

impl Default for ClassPrompts {
    fn default() -> Self {
        Self { templates: vec!["A {} track".to_owned()], words: BTreeMap::new() }
    }
}

impl ClassPrompts {
    /// Reads a TOML file.
    ///
    /// # Errors
    /// [`TrainError::Data`] if it is no text, [`TrainError::RecipeFile`], or [`TrainError::Recipe`] without a template.
    pub fn read(path: &Path) -> Result<Self, TrainError> {
        let text = read_text(path)?;
        let parse = |source| TrainError::RecipeFile { path: path.to_owned(), source: Box::new(source) };
        let prompts: Self = toml::from_str(&text).map_err(parse)?;
        TrainError::check(!prompts.templates.is_empty(), "templates", "empty", "at least one, such as \"A {} track\"")?;
        Ok(prompts)
    }

    /// The prompts of a class.
    pub fn prompts(&self, class: &str) -> Vec<String> {
        let own = [class.to_owned()];
        let words = self.words.get(class).filter(|words| !words.is_empty()).map_or(&own[..], Vec::as_slice);
        words.iter().flat_map(|word| self.templates.iter().map(move |template| template.replace("{}", word))).collect()
    }

    /// One vector per class.
    ///
    /// # Shapes
    /// - returns `[classes, dim]`, unit norm.
    /// # Errors
    /// [`TrainError::Model`], which would be a defect of this library.
    pub fn embed<S: AsRef<str>>(&self, model: &Muscall, classes: &[S]) -> Result<Vec<f32>, TrainError> {
        let mut vectors = Vec::new();
        for class in classes {
            let prompts = self.prompts(class.as_ref());
            let embedded = model.embed_text(&prompts)?;
            vectors.extend(class_embeddings(Embeddings::new(embedded.values(), embedded.dim())?, prompts.len())?);
        }
        Ok(vectors)
    }
}

/// Zero-shot classification: each clip, as a whole, against every class. The second result are
/// files that cannot be read, which are left out.
///
/// # Errors
/// [`TrainError::NothingToEvaluate`] if no file can be read.
/// # Source
/// Section 5.3 of the paper.
pub fn zero_shot_classification(
    model: &Muscall,
    classes: &[String],
    clips: &[(PathBuf, usize)],
    prompts: &ClassPrompts,
) -> Result<(ClassificationMetrics, Vec<TrainError>), TrainError> {
    let Scores { scores, readable, unreadable } = scores(model, classes, clips, prompts)?;
    let truth: Vec<usize> = readable.iter().map(|&clip| clips[clip].1).collect();
    Ok((classification(&scores, &truth)?, unreadable))
}

/// Zero-shot tagging.
#[derive(Debug)]
pub struct TaggingReport {
    /// Macro and per tag, in the order of the tags.
    pub metrics: TaggingMetrics,
    /// Tags that have no positive or no negative clip, and are in no average.
    pub undefined: Vec<String>,
    /// Files that cannot be read, which are left out.
    pub unreadable: Vec<TrainError>,
}

/// Each clip, as a whole, against every tag.
///
/// # Errors
/// [`TrainError::NothingToEvaluate`] if no file can be read.
/// # Source
/// Section 5.3 of the paper.
pub fn zero_shot_tagging(
    model: &Muscall,
    tags: &[String],
    clips: &[(PathBuf, Vec<bool>)],
    prompts: &ClassPrompts,
) -> Result<TaggingReport, TrainError> {
    let Scores { scores, readable, unreadable } = scores(model, tags, clips, prompts)?;
    let labels: Vec<bool> = readable.iter().flat_map(|&clip| clips[clip].1.iter().copied()).collect();
    let metrics = tagging(&scores, &labels, tags.len())?;
    let undefined = tags.iter().zip(&metrics.roc_auc).filter(|(_, auc)| auc.is_none());
    let undefined = undefined.map(|(tag, _)| tag.clone()).collect();
    Ok(TaggingReport { metrics, undefined, unreadable })
}

/// Clips against classes.
struct Scores {
    /// `[readable, classes]`.
    scores: Vec<f32>,
    /// Which clips could be read.
    readable: Vec<usize>,
    /// Which could not, and why.
    unreadable: Vec<TrainError>,
}

fn scores<T>(
    model: &Muscall,
    classes: &[String],
    clips: &[(PathBuf, T)],
    prompts: &ClassPrompts,
) -> Result<Scores, TrainError> {
    let vectors = prompts.embed(model, classes)?;
    let EmbeddedFiles { audio, readable, unreadable } = embed_whole_files(model, clips)?;
    let dim = model.config().projection_dim;
    let scores = class_scores(Embeddings::new(&audio, dim)?, Embeddings::new(&vectors, dim)?)?;
    Ok(Scores { scores, readable, unreadable })
}

/// Embeds the whole of each file in windows that overlap by half.
pub(super) fn embed_whole_files<T>(model: &Muscall, clips: &[(PathBuf, T)]) -> Result<EmbeddedFiles, TrainError> {
    let model = model.in_windows();
    let config = model.clip_config();
    let files: Vec<AudioSource<'_>> = clips.iter().map(|(path, _)| path.into()).collect();
    let source = files.first().map_or(Path::new(""), |file| file.path);
    embed_files(&model, &files, source, |file| load_whole(file, &config))
}

//! The sections of a report.

mod labels;
mod moments;
mod tables;

pub(crate) use labels::Labels;
pub(crate) use moments::moments;
pub(crate) use tables::{classification, failures, joint, retrieval, tagging};

use muscall_retrieval::Embeddings;
use muscall_train::Evaluation;

use crate::ReportError;
use crate::page::{Block, Section};
use crate::pictures::Scatter;
use crate::project::{pca, tsne};

/// Tracks on a map; more are not told apart.
const MAPPED: usize = 1000;

/// The joint space as a map: t-SNE by modality and by label, and the principal components.
pub(crate) fn map(result: &Evaluation, labels: Option<&Labels>) -> Result<Section, ReportError> {
    let (audio, text, owners) = (result.audio()?, result.text()?, &result.pairs().text_to_audio);
    let tracks: Vec<usize> = (0..audio.rows()).step_by(audio.rows().div_ceil(MAPPED)).collect();
    // The first caption of each.
    let captions: Vec<usize> =
        tracks.iter().filter_map(|track| owners.iter().position(|owner| owner == track)).collect();
    let rows = tracks.iter().map(|&track| audio.row(track)).chain(captions.iter().map(|&caption| text.row(caption)));
    let values: Vec<f32> = rows.flatten().copied().collect();
    let both = Embeddings::new(&values, audio.dim())?;
    let count = tracks.len();
    let points = tsne(both);
    let components = pca(both);
    let modality = Scatter {
        title: "t-SNE: music and its captions".to_owned(),
        axes: None,
        points: points.clone(),
        groups: (0..2 * count).map(|i| i / count).collect(),
        names: ["music", "captions"].map(str::to_owned).to_vec(),
        links: (0..count).map(|i| [i, count + i]).collect(),
    };
    let axis = |i: usize| format!("component {} ({:.0} % of the variance)", i + 1, 100.0 * components.explained[i]);
    let principal = Scatter {
        title: "Principal components: music and its captions".to_owned(),
        axes: Some([axis(0), axis(1)]),
        points: components.points,
        ..modality.clone()
    };
    let mut pictures = vec![("tsne-modality", modality)];
    if let Some(labels) = labels {
        let groups: Vec<usize> = tracks.iter().map(|&track| labels.of_track[track]).collect();
        pictures.push((
            "tsne-label",
            Scatter {
                title: "t-SNE: music and captions by label".to_owned(),
                axes: None,
                points,
                groups: groups.iter().chain(&groups).copied().collect(),
                names: labels.names.clone(),
                links: Vec::new(),
            },
        ));
    }
    pictures.push(("pca", principal));
    let block = |(name, scatter): (&'static str, Scatter)| {
        let (alt, picture) = (scatter.title.clone(), Box::new(scatter));
        Block::Picture { name, alt, picture }
    };
    Ok(Section { heading: "A map of the space", blocks: pictures.into_iter().map(block).collect() })
}

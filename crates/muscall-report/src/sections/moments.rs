//! Words over the time of a track.

use muscall_audio::load_whole;
use muscall_model::Muscall;
use muscall_train::{Manifest, QueryResult};

use crate::ReportError;
use crate::page::{Block, Section};
use crate::pictures::Moments;

/// Captions that are compared.
const CAPTIONS: usize = 3;
/// Windows over the track, about.
const WINDOWS: usize = 72;
/// A track of so many windows has moments of its own.
const LONG: usize = 3;

/// The picture of one long track and the captions that fit it best; of short clips, three are
/// played one after the other. They are those whose captions find them best: it shows what the
/// model does where it works, the failures are listed elsewhere.
pub(crate) fn moments(
    model: &Muscall,
    manifest: &Manifest,
    queries: &[QueryResult],
) -> Result<Option<Section>, ReportError> {
    let mut best: Vec<&QueryResult> = Vec::new();
    let mut order: Vec<&QueryResult> = queries.iter().collect();
    let own_score = |query: &QueryResult| {
        let own = query.found.iter().find(|hit| hit.track == query.track);
        own.map_or(f32::NEG_INFINITY, |hit| hit.score)
    };
    order.sort_by(|a, b| a.rank.cmp(&b.rank).then(own_score(b).total_cmp(&own_score(a))));
    for query in order {
        if best.len() < CAPTIONS && best.iter().all(|other| other.track != query.track) {
            best.push(query);
        }
    }
    let (config, window) = (model.clip_config(), model.config().clip_samples());
    let mut pieces: Vec<Vec<f32>> = Vec::new();
    for row in best.iter().filter_map(|query| manifest.rows.iter().find(|row| row.id == query.track)) {
        let clip = load_whole(row.source(), &config)?;
        pieces.push(clip.samples[..clip.valid.min(clip.samples.len())].to_vec());
        if pieces[0].len() >= LONG * window {
            break;
        }
    }
    let alone = pieces.len() == 1;
    let rate = f64::from(config.sample_rate);
    let mut borders_s = Vec::new();
    let mut samples: Vec<f32> = Vec::new();
    for piece in pieces {
        if !samples.is_empty() {
            borders_s.push(samples.len() as f64 / rate);
        }
        samples.extend(piece);
    }
    if samples.len() < window {
        return Ok(None);
    }
    let hop = ((samples.len() - window) / WINDOWS).max(1);
    let starts: Vec<usize> = (0..=samples.len() - window).step_by(hop).collect();
    let windows: Vec<&[f32]> = starts.iter().map(|&start| &samples[start..start + window]).collect();
    let music = model.embed_clips(&windows)?;
    let captions: Vec<String> = best.iter().map(|query| query.caption.clone()).collect();
    let words = model.embed_text(&captions)?;
    let cosine = |caption: usize, window: usize| {
        words.row(caption).iter().zip(music.row(window)).map(|(a, b)| f64::from(a * b)).sum::<f64>()
    };
    let picture = Moments {
        log_mel: model.frontend().extract(&samples)?,
        band_hz: [model.config().log_mel.f_min, model.config().log_mel.f_max],
        seconds: samples.len() as f64 / rate,
        times_s: starts.iter().map(|&start| (start + window / 2) as f64 / rate).collect(),
        similarities: (0..captions.len()).map(|c| (0..starts.len()).map(|w| cosine(c, w)).collect()).collect(),
        captions,
        borders_s,
    };
    let words = if alone {
        format!("The track “{}”, and the captions that find their tracks best, window by window.", best[0].track)
    } else {
        "The tracks that their captions find best, one after the other (dashed), and these captions, window by \
         window. The strip has the colour of the best one."
            .to_owned()
    };
    let alt = "Spectrogram, and similarity of captions over time".to_owned();
    let blocks = vec![Block::Words(words), Block::Picture { name: "moments", alt, picture: Box::new(picture) }];
    Ok(Some(Section { heading: "Moments", blocks }))
}

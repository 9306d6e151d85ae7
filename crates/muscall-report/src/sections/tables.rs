//! Numbers as tables, with the pictures that show them.

use muscall_retrieval::{
    Bootstrap, ClassificationMetrics, DirectionReport, JointSpace, Ranks, RetrievalReport, chance,
};
use muscall_train::benchmark::TaggingReport;
use muscall_train::{Evaluation, QueryResult};

use crate::page::{Block, Section, Table};
use crate::pictures::{Bar, Bars, Confusion, Densities, RecallCurve};

fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

fn picture(name: &'static str, alt: &str, picture: impl crate::Picture + 'static) -> Block {
    Block::Picture { name, alt: alt.to_owned(), picture: Box::new(picture) }
}

/// Recall, mAP and ranks with intervals, and the curve over K.
pub(crate) fn retrieval(report: &RetrievalReport, ranks: &Ranks, bootstrap: &Bootstrap) -> Section {
    let direction = |name: &str, direction: &DirectionReport| {
        std::iter::once(name.to_owned()).chain(direction.cells()).collect::<Vec<_>>()
    };
    let m = chance(report.text_to_audio.metrics.gallery);
    let mut by_chance = vec!["chance".to_owned()];
    by_chance.extend([m.r_at_1, m.r_at_5, m.r_at_10, m.map_at_10].map(|x| format!("{:.1}", 100.0 * x)));
    by_chance.extend([m.median_rank, m.mean_rank].map(|x| format!("{x:.1}")));
    let rows = vec![
        std::iter::once("").chain(DirectionReport::NAMES).map(str::to_owned).collect(),
        direction("text → music", &report.text_to_audio),
        direction("music → text", &report.audio_to_text),
        by_chance,
    ];
    let words = format!(
        "{} tracks, {} captions; recall and mAP in percent, with 95 % intervals over queries.",
        report.text_to_audio.metrics.gallery, report.audio_to_text.metrics.gallery
    );
    let curve = picture("recall", "Recall over the number of tracks looked at", RecallCurve::new(ranks, bootstrap));
    Section { heading: "Retrieval", blocks: vec![Block::Words(words), Block::Table(Table { rows }), curve] }
}

/// How the joint space is used.
pub(crate) fn joint(space: &JointSpace, result: &Evaluation) -> Section {
    let values = [
        ("overlap of matching and other similarities (0 is best; at 1 they cannot be told apart)", space.overlap),
        ("distance of the means of music and text", space.modality_gap),
        ("alignment: mean squared distance of pairs", space.alignment),
        ("uniformity of music (less is more uniform)", space.audio_uniformity),
        ("uniformity of text", space.text_uniformity),
        ("hubness: skew of how often a track is among the ten best", space.hubness),
    ];
    let rows = values.map(|(name, value)| vec![name.to_owned(), format!("{value:.3}")]);
    let rows = std::iter::once(row(["", "value"])).chain(rows).collect();
    let matching_pairs = result.captions;
    let other_pairs = result.captions * result.tracks.saturating_sub(1);
    let densities = Densities { space: space.clone(), matching_pairs, other_pairs };
    let densities = picture("density", "Densities of the similarity of matching and other pairs", densities);
    Section { heading: "The joint space", blocks: vec![Block::Table(Table { rows }), densities] }
}

/// Zero-shot accuracy, confusion, and how many of each class are found.
pub(crate) fn classification(classes: &[String], found: &ClassificationMetrics) -> Section {
    let percent = |x: f64| format!("{:.1} %", 100.0 * x);
    let rows = vec![
        row(["accuracy", "balanced accuracy", "among the best five", "clips"]),
        vec![percent(found.accuracy), percent(found.balanced_accuracy), percent(found.top_5), found.clips.to_string()],
    ];
    let confusion = Confusion {
        title: "Zero-shot classes: what is taken for what".to_owned(),
        classes: classes.to_vec(),
        counts: found.confusion.clone(),
    };
    let bars = classes.iter().zip(&found.confusion).enumerate().filter_map(|(class, (name, counts))| {
        let total = counts.iter().sum::<usize>();
        let value = counts[class] as f64 / total as f64;
        (total > 0).then(|| Bar { name: name.clone(), value, interval: None })
    });
    let bars = Bars {
        title: "Clips of each class that are recognised".to_owned(),
        bars: bars.collect(),
        chance: Some(1.0 / classes.len() as f64),
    };
    let blocks = vec![
        Block::Table(Table { rows }),
        picture("confusion", "Confusion matrix of zero-shot classes", confusion),
        picture("classes", "Share of each class that is recognised", bars),
    ];
    Section { heading: "Zero-shot classes", blocks }
}

/// Zero-shot tags.
pub(crate) fn tagging(tags: &[String], found: &TaggingReport) -> Section {
    let metrics = &found.metrics;
    let mut rows = vec![row(["tag", "ROC-AUC", "average precision"])];
    let percent = |x: f64| format!("{:.1} %", 100.0 * x);
    rows.push(vec!["macro average".to_owned(), percent(metrics.roc_auc_macro), percent(metrics.pr_auc_macro)]);
    let mut bars = Vec::new();
    for (i, tag) in tags.iter().enumerate() {
        if let (Some(roc), Some(precision)) = (metrics.roc_auc[i], metrics.average_precision[i]) {
            rows.push(vec![tag.clone(), percent(roc), percent(precision)]);
            bars.push(Bar { name: tag.clone(), value: roc, interval: None });
        }
    }
    let bars = Bars { title: "ROC-AUC of each tag".to_owned(), bars, chance: Some(0.5) };
    let mut blocks = vec![Block::Table(Table { rows }), picture("tags", "ROC-AUC of each tag", bars)];
    if !found.undefined.is_empty() {
        blocks.push(Block::Words(format!(
            "Left out, since they have no positives or no negatives: {}.",
            found.undefined.join(", ")
        )));
    }
    Section { heading: "Zero-shot tags", blocks }
}

/// The queries whose track ranks last, with what was found instead.
///
/// # Source
/// The paper's table of qualitative results.
pub(crate) fn failures(queries: &[QueryResult], count: usize) -> Section {
    let mut wrong: Vec<&QueryResult> = queries.iter().filter(|query| query.rank > 1).collect();
    wrong.sort_by_key(|query| std::cmp::Reverse(query.rank));
    if wrong.is_empty() {
        let blocks = vec![Block::Words("Every caption finds its track first.".to_owned())];
        return Section { heading: "The worst failures", blocks };
    }
    let mut rows = vec![row(["rank", "query", "of the track", "found instead"])];
    for query in wrong.into_iter().take(count) {
        let found: Vec<String> = query.found.iter().take(3).map(|hit| format!("“{}”", hit.caption)).collect();
        rows.push(vec![query.rank.to_string(), query.caption.clone(), query.track.clone(), found.join("; ")]);
    }
    Section { heading: "The worst failures", blocks: vec![Block::Table(Table { rows })] }
}

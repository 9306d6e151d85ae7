//! Metrics as tables.

use std::fmt::Write;

use muscall::retrieval::{BothDirections, DirectionReport, RetrievalMetrics, RetrievalReport, chance};

/// Names and values of a table's columns.
pub fn columns(m: &RetrievalMetrics) -> [(&'static str, f64); 5] {
    [
        ("R@1", 100.0 * m.r_at_1),
        ("R@5", 100.0 * m.r_at_5),
        ("R@10", 100.0 * m.r_at_10),
        ("mAP@10", 100.0 * m.map_at_10),
        ("MedR", m.median_rank),
    ]
}

/// Both directions against chance.
pub fn table(metrics: &BothDirections) -> String {
    let mut table = format!("{:<14}{:>7}{:>8}{:>8}{:>9}{:>7}", "", "R@1", "R@5", "R@10", "mAP@10", "MedR");
    let mut row = |name: &str, m: &RetrievalMetrics| {
        let [r1, r5, r10, map, median] = columns(m).map(|(_, value)| value);
        let _ = write!(table, "\n{name:<14}{r1:>7.1}{r5:>8.1}{r10:>8.1}{map:>9.1}{median:>7}");
    };
    row("text → music", &metrics.text_to_audio);
    row("music → text", &metrics.audio_to_text);
    row("chance", &chance(metrics.text_to_audio.gallery));
    table
}

/// Both directions, each number with its 95 % interval.
pub fn report_table(report: &RetrievalReport) -> String {
    let line = |name: &str, cells: [String; 6]| {
        let cells: String = cells.iter().map(|cell| format!("{cell:>22}")).collect();
        format!("{name:<14}{cells}")
    };
    [
        line("", DirectionReport::NAMES.map(str::to_owned)),
        line("text → music", report.text_to_audio.cells()),
        line("music → text", report.audio_to_text.cells()),
    ]
    .join("\n")
}

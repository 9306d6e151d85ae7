//! Metrics as tables.

use std::fmt::Write;

use muscall::retrieval::{BothDirections, DirectionReport, Interval, RetrievalMetrics, RetrievalReport, chance};

/// Both directions against chance.
pub fn table(metrics: &BothDirections) -> String {
    let mut table = format!("{:<14}{:>7}{:>8}{:>8}{:>9}{:>7}", "", "R@1", "R@5", "R@10", "mAP@10", "MedR");
    let mut row = |name: &str, m: &RetrievalMetrics| {
        let [r1, r5, r10, map] = [m.r_at_1, m.r_at_5, m.r_at_10, m.map_at_10].map(|x| 100.0 * x);
        let _ = write!(table, "\n{name:<14}{r1:>7.1}{r5:>8.1}{r10:>8.1}{map:>9.1}{:>7}", m.median_rank);
    };
    row("text → music", &metrics.text_to_audio);
    row("music → text", &metrics.audio_to_text);
    row("chance", &chance(metrics.text_to_audio.gallery));
    table
}

/// Both directions as rows of cells, each number with its 95 % interval; the first row has the
/// names.
pub fn report_rows(report: &RetrievalReport) -> [[String; 6]; 3] {
    let row = |name: &str, DirectionReport { metrics: m, intervals: i }: &DirectionReport| {
        let percent = |value: f64, Interval { low, high }: Interval| {
            format!("{:.1} [{:.1}, {:.1}]", 100.0 * value, 100.0 * low, 100.0 * high)
        };
        [
            name.to_owned(),
            percent(m.r_at_1, i.r_at_1),
            percent(m.r_at_5, i.r_at_5),
            percent(m.r_at_10, i.r_at_10),
            percent(m.map_at_10, i.map_at_10),
            format!("{} [{:.1}, {:.1}]", m.median_rank, i.median_rank.low, i.median_rank.high),
        ]
    };
    [
        ["", "R@1", "R@5", "R@10", "mAP@10", "MedR"].map(str::to_owned),
        row("text → music", &report.text_to_audio),
        row("music → text", &report.audio_to_text),
    ]
}

/// The same, for a terminal.
pub fn report_table(report: &RetrievalReport) -> String {
    let line = |[name, r1, r5, r10, map, median]: [String; 6]| {
        format!("{name:<14}{r1:>22}{r5:>22}{r10:>22}{map:>22}{median:>18}")
    };
    report_rows(report).map(line).join("\n")
}

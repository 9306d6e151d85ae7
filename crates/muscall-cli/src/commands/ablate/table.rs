//! The table of an ablation: mean and deviation over the seeds.

use std::error::Error;
use std::fmt::Write;
use std::path::Path;

use muscall::files;
use muscall::retrieval::{BothDirections, Spread};

use crate::console::columns;

/// Writes `table.md` and `table.csv`: a row for each recipe with a run.
pub fn write_tables(out: &Path, split: &str, rows: &[(String, Vec<BothDirections>)]) -> Result<(), Box<dyn Error>> {
    let names = columns(&rows[0].1[0].text_to_audio).map(|(name, _)| name);
    let heads: Vec<String> = ["T→A", "A→T"].iter().flat_map(|way| names.map(|name| format!("{way} {name}"))).collect();
    let columns_left = format!("| recipe, on the {split} rows | seeds |");
    let mut markdown = format!("{columns_left} {} |\n|---|---|{}\n", heads.join(" | "), "---|".repeat(heads.len()));
    let means = heads.iter().map(|head| format!("{head} mean,{head} sd"));
    let mut csv = format!("recipe,seeds,split,{}\n", means.collect::<Vec<_>>().join(","));
    for (name, runs) in rows.iter().filter(|(_, runs)| !runs.is_empty()) {
        write!(markdown, "| {name} | {} |", runs.len())?;
        write!(csv, "{name},{},{split}", runs.len())?;
        for way in [|m: &BothDirections| columns(&m.text_to_audio), |m: &BothDirections| columns(&m.audio_to_text)] {
            for column in 0..names.len() {
                let Spread { mean, deviation } =
                    Spread::of(&runs.iter().map(|run| way(run)[column].1).collect::<Vec<_>>());
                // A single run has no deviation.
                let sd = (runs.len() > 1).then_some(deviation);
                let spread = sd.map(|sd| format!(" ± {sd:.1}")).unwrap_or_default();
                write!(markdown, " {mean:.1}{spread} |")?;
                write!(csv, ",{mean:.4},{}", sd.map(|sd| format!("{sd:.4}")).unwrap_or_default())?;
            }
        }
        markdown.push('\n');
        csv.push('\n');
    }
    files::write(&out.join("table.md"), markdown)?;
    Ok(files::write(&out.join("table.csv"), csv)?)
}

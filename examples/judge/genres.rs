//! Classes without examples: each track against the prompts of all classes.

use std::error::Error;
use std::path::Path;

use muscall::library::Library;
use muscall::retrieval::{Embeddings, class_scores, classification};
use muscall::train::benchmark::ClassPrompts;

use crate::table::columns;

/// How often a track lies nearest to the prompt of its class; the vector of a track is the mean of its windows.
pub fn genres(library: &Library, path: &Path, classes: &[String]) -> Result<(), Box<dyn Error>> {
    let rows = columns(path, ["file", "class"])?;
    let mut names = classes.to_vec();
    if names.is_empty() {
        names = rows.iter().map(|[_, class]| class.clone()).collect();
        names.sort_unstable();
        names.dedup();
    }
    let index = library.index();
    let (mut tracks, mut truth) = (Vec::new(), Vec::new());
    for track in index.tracks() {
        let record = index.track(track)?;
        let class = rows.iter().find(|[file, _]| Path::new(&record.path).ends_with(file)).map(|[_, class]| class);
        if let Some(class) = class.and_then(|class| names.iter().position(|name| name == class)) {
            tracks.extend_from_slice(index.vector(track)?);
            truth.push(class);
        }
    }
    if truth.is_empty() {
        return Err(format!("{}: no file of it is in the index", path.display()).into());
    }
    let dim = index.config().dim;
    let prompts = ClassPrompts::default().embed(library.model(), &names)?;
    let scores = class_scores(Embeddings::new(&tracks, dim)?, Embeddings::new(&prompts, dim)?)?;
    let found = classification(&scores, &truth)?;
    let right = |(class, row): (usize, &Vec<usize>)| {
        let all: usize = row.iter().sum();
        (all > 0).then(|| format!("{} {} of {all}", names[class], row[class]))
    };
    let each: Vec<String> = found.confusion.iter().enumerate().filter_map(right).collect();
    println!("balanced accuracy {:.2} among {} classes: {}", found.balanced_accuracy, names.len(), each.join(", "));
    Ok(())
}

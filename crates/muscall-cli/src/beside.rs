//! What folders hold beside music.

use std::path::PathBuf;

use muscall::indexing::FolderItems;

/// How many folders are named.
const NAMED: usize = 3;

/// Counts, so that every file of a folder is accounted for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Beside {
    links: usize,
    others: usize,
    ignored: usize,
    passed_over: Vec<PathBuf>,
}

impl Beside {
    /// Beside the music of a folder.
    pub fn of(found: &FolderItems) -> Self {
        let FolderItems { links, others, ignored, .. } = *found;
        Self { links, others, ignored, passed_over: found.passed_over.clone() }
    }

    /// Adds what another folder holds.
    pub fn add(&mut self, other: Self) {
        self.links += other.links;
        self.others += other.others;
        self.ignored += other.ignored;
        self.passed_over.extend(other.passed_over);
    }

    /// In words; nothing if there is nothing else.
    pub fn line(&self) -> Option<String> {
        let Self { links, others, ignored, passed_over } = self;
        let some = |number: usize, one: &str, many: &str| match number {
            0 => None,
            1 => Some(format!("1 {one}")),
            number => Some(format!("{number} {many}")),
        };
        let mut parts: Vec<String> = Vec::new();
        parts.extend(some(*others, "file that is not music", "files that are not music"));
        parts.extend(some(*links, "link to a track", "links to tracks"));
        parts.extend(some(*ignored, "file that your patterns leave out", "files that your patterns leave out"));
        if let Some(folders) = some(passed_over.len(), "folder passed over", "folders passed over") {
            let mut names: Vec<String> =
                passed_over.iter().take(NAMED).map(|path| path.display().to_string()).collect();
            names.extend((passed_over.len() > NAMED).then(|| "…".to_owned()));
            parts.push(format!("{folders} ({})", names.join(", ")));
        }
        (!parts.is_empty()).then(|| format!("also there: {}", parts.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_counted_and_few_folders_are_named() {
        assert_eq!(Beside::default().line(), None);
        let one = Beside { links: 1, others: 1, ignored: 0, passed_over: vec!["/m/.Trash".into()] };
        let line = "also there: 1 file that is not music, 1 link to a track, 1 folder passed over (/m/.Trash)";
        assert_eq!(one.line().as_deref(), Some(line));
        let mut all = Beside { others: 7, ..Beside::default() };
        assert_eq!(all.line().as_deref(), Some("also there: 7 files that are not music"));
        for _ in 0..4 {
            all.add(one.clone());
        }
        let line = "also there: 11 files that are not music, 4 links to tracks, 4 folders passed over (/m/.Trash, /m/.Trash, /m/.Trash, …)";
        assert_eq!(all.line().as_deref(), Some(line));
    }
}

//! What a list of items speaks for.

use std::path::{MAIN_SEPARATOR, Path};

use crate::Unreadable;
use crate::place::{is_within, local_file, real_file, real_path};

/// Which tracks of the index a list of items speaks for: those of them that are not in the list are gone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Scope {
    /// No track but those in the list.
    #[default]
    Items,
    /// All tracks whose names start so. Where that is a folder of this machine, tracks below a folder that is empty
    /// now are kept, since a mount point without its disk looks like that.
    Prefix(String),
    /// All of an index of these folders alone: as several prefixes, and what lies below none of them is gone. Sources
    /// that are no folders, such as manifests, need not be named.
    Folders(Vec<String>),
    /// All of the index, whatever a folder looks like.
    All,
    /// Those of another scope, but for what is at or below these paths.
    But(Box<Scope>, Vec<String>),
}

/// How a scope stands to a track that is not in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is none of the scope's.
    Outside,
    /// It could not be looked at.
    Unknown,
    /// It is gone.
    Gone,
}

impl Scope {
    /// Everything below a folder, however its path is spelled: links, `.` and `..` are resolved, as in the names that
    /// [`Item::folder`](crate::Item::folder) gives.
    pub fn folder(folder: &Path) -> Self {
        Self::Prefix(prefix(folder))
    }

    /// Everything in an index of these folders alone, as [`Folders`](Self::Folders); spelled as in [`folder`](Self::folder).
    pub fn folders<'a>(folders: impl IntoIterator<Item = &'a Path>) -> Self {
        Self::Folders(folders.into_iter().map(prefix).collect())
    }

    /// The same without what could not be looked at, and so may be there still.
    #[must_use]
    pub fn but(self, unreadable: &[Unreadable]) -> Self {
        // What was looked at and refused is known.
        let unseen = || unreadable.iter().filter(|refused| refused.state.is_none());
        if unseen().next().is_none() {
            return self;
        }
        let mut unknown: Vec<String> = unseen().map(|refused| refused.path.clone()).collect();
        // As the names of an index are spelled, if these are not.
        for refused in unseen().filter(|refused| !refused.path.contains("://")) {
            let name = real_file(Path::new(&refused.path)).ok();
            unknown.extend(name.and_then(|name| name.to_str().map(str::to_owned)).filter(|name| *name != refused.path));
        }
        Self::But(Box::new(self), unknown)
    }

    pub(crate) fn standing(&self, name: &str) -> Standing {
        match self {
            Self::Items => Standing::Outside,
            Self::Prefix(prefix) if !name.starts_with(prefix) => Standing::Outside,
            Self::Prefix(_) | Self::Folders(_) | Self::All => Standing::Gone,
            Self::But(scope, unknown) => match scope.standing(name) {
                Standing::Gone if unknown.iter().any(|place| is_within(name, place)) => Standing::Unknown,
                standing => standing,
            },
        }
    }

    /// The folder of this machine that a track of the scope lies in.
    pub(crate) fn root(&self, name: &str) -> Option<&Path> {
        match self {
            Self::Prefix(prefix) => local_file(prefix),
            Self::Folders(prefixes) => local_file(prefixes.iter().find(|prefix| name.starts_with(*prefix))?),
            Self::But(scope, _) => scope.root(name),
            Self::Items | Self::All => None,
        }
    }
}

fn prefix(folder: &Path) -> String {
    let folder = real_path(folder).unwrap_or_else(|_| folder.to_owned());
    let mut prefix = folder.to_string_lossy().into_owned();
    if !prefix.ends_with(MAIN_SEPARATOR) {
        prefix.push(MAIN_SEPARATOR);
    }
    prefix
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_looked_at_is_not_gone() {
        let refused = |path: &str| Unreadable::new(path, "");
        for scope in [Scope::folder(Path::new("/no music")), Scope::All] {
            let scope = scope.but(&[refused("/no music/disk"), refused("/no music/b.mp3")]);
            for kept in ["/no music/disk/a.mp3", "/no music/disk/c/a.mp3", "/no music/disk", "/no music/b.mp3"] {
                assert_eq!(scope.standing(kept), Standing::Unknown, "{kept}");
            }
            for gone in ["/no music/a.mp3", "/no music/disk 2/a.mp3", "/no music/b.mp3.flac"] {
                assert_eq!(scope.standing(gone), Standing::Gone, "{gone}");
            }
        }
        let scope = Scope::folder(Path::new("/no music")).but(&[refused("/no music/b.mp3")]);
        assert_eq!(scope.standing("/other/a.mp3"), Standing::Outside);
        assert_eq!(Scope::All.but(&[]), Scope::All);
    }

    #[test]
    fn an_index_of_several_folders_has_nothing_else() {
        let scope = Scope::folders([Path::new("/no/music"), Path::new("/no/other")]);
        assert_eq!(scope.root("/no/other/a.mp3"), Some(Path::new("/no/other/")));
        assert_eq!(scope.root("/elsewhere/a.mp3"), None);
        for gone in ["/no/music/a.mp3", "/no/other/a.mp3", "/elsewhere/a.mp3"] {
            assert_eq!(scope.standing(gone), Standing::Gone, "{gone}");
        }
    }

    #[test]
    fn a_folder_is_the_same_however_it_is_spelled() {
        let expected = Scope::Prefix("/no/music/".into());
        for spelled in ["/no/music", "/no/music/", "/no/./music", "/no/music/../music", "/no/x/../music/."] {
            assert_eq!(Scope::folder(Path::new(spelled)), expected, "{spelled}");
        }
        let refused = [Unreadable::new("/no/x/../music/a", "")];
        assert_eq!(expected.but(&refused).standing("/no/music/a/b.mp3"), Standing::Unknown);
    }
}

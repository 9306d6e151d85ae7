//! Names of columns, for every program that takes a table.

use muscall::Columns;

/// `--audio-column` and `--caption-column`, flattened into a program's arguments.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ColumnsArgument {
    /// The column of --data that names the audio file, if it is not called `audio`, `file`, `path` or the like.
    #[arg(long, value_name = "NAME")]
    audio_column: Option<String>,
    /// A column of --data with captions, if they are not in `caption`, `captions` or the like; may be given several times.
    #[arg(long = "caption-column", value_name = "NAME")]
    caption_columns: Vec<String>,
}

impl ColumnsArgument {
    /// What the library takes.
    pub fn columns(&self) -> Columns {
        let columns = Columns::new().with_captions(&self.caption_columns);
        self.audio_column.iter().fold(columns, |columns, name| columns.with_audio(name))
    }

    /// As they were typed, each with a space before it.
    pub fn typed(&self) -> String {
        let audio = self.audio_column.iter().map(|name| ("audio", name));
        let captions = self.caption_columns.iter().map(|name| ("caption", name));
        audio
            .chain(captions)
            .map(|(column, name)| format!(" --{column}-column '{}'", name.replace('\'', r"'\''")))
            .collect()
    }
}

//! Captions for those who have tags: sentences made of the tags of a clip by a template file.
//!
//! [`Templates`] say what a tag may be called and what sentences look like, a [`TagTable`] has rows with tags and how
//! sure a tagger was of them. [`TagTable::facts`] keeps what can be said of a row, and [`Templates::sentences`] says
//! some of it, each time other facts in other words. The facade's example `sentences` makes a manifest in this way.
//!
//! # The template file
//! ```toml
//! [threshold]               # confidence from which a tag of a class is a fact; 0 if a class is not here
//! mood = 0.2
//!
//! [entry_threshold]         # the same for one entry
//! "mood.sad" = 0.1
//!
//! [facts]                   # this is what it is without this section
//! weights = [3, 4, 2, 1]    # how often a sentence states one, two, three … facts
//! always = true             # a row without a fact states its most confident tag
//!
//! [drop]                    # tags that say nothing
//! tags = ["favorites"]
//!
//! [alias]                   # tags that mean an entry of another name; upper and lower case are the same
//! "Strings" = "instrument.violin"
//!
//! [class.instrument]        # entries with their phrases; `violin` and `instrument.violin` are tags as well
//! violin = ["violin", "fiddle"]
//! piano = ["piano"]
//! [class.mood]
//! sad = ["sad", "melancholy"]
//!
//! [title]                   # any other section is a column of the table: what its words mean
//! sorrow = "mood.sad"
//! lament = ["mood.sad", "instrument.violin"]
//!
//! [style]                   # shares of sentences; these are what they are without this section
//! capital = 0.5             # with a capital letter
//! full_stop = 0.5           # with a full stop, of those with a capital letter
//!
//! [[patterns]]              # `{class}` is one fact, `{classs}`, with an s, up to three: "violin, piano and drums"
//! text = "a {mood} piece with {instruments}"   # "a" before a slot becomes "an" where it must
//! weight = 2.0              # 1 if it is left out
//! ```

mod facts;
mod pattern;
mod tag_table;
mod template_file;
mod templates;
mod vocabulary;
mod wording;

pub use facts::{Facts, Tag, UnknownTag};
pub use tag_table::{TagTable, TaggedRow};
pub use templates::Templates;

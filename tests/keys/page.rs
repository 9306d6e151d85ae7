//! Tables of keys.

use std::collections::HashMap;
use std::fmt::Write;

use syn::{Attribute, Fields, ItemEnum};
use toml::{Table, Value};

use super::source::{Sources, doc, inner, renamed, serde};

/// Types that stand for whatever implements a trait.
const OPEN: [(&str, &str); 4] = [
    ("AudioEncoderConfig", "AudioTower"),
    ("TextEncoderConfig", "TextTower"),
    ("Loss", "PairLoss"),
    ("OtherAugmentation", "Augmentation"),
];

/// A page about the keys of a struct and of all that it holds.
pub struct Page<'a> {
    sources: &'a Sources,
    defaults: &'a [Table],
    text: String,
    /// Structs that have been told of, and where.
    told: HashMap<String, String>,
}

/// A table of the file.
struct Place {
    path: String,
    /// `kind = "resnet"`, where that decides what else there is.
    kind: Option<(String, String)>,
}

impl<'a> Page<'a> {
    pub fn new(sources: &'a Sources, defaults: &'a [Table]) -> Self {
        Self { sources, defaults, text: String::new(), told: HashMap::new() }
    }

    pub fn write(mut self, root: &str) -> String {
        self.table(root, &Place { path: String::new(), kind: None });
        self.text
    }

    /// A struct as a table, and behind it the tables in it.
    fn table(&mut self, name: &str, place: &Place) {
        let item = &self.sources.structs[name];
        let has_defaults = serde(&item.attrs, "default").is_some();
        self.fields(doc(&item.attrs), &item.fields, has_defaults, place);
    }

    fn fields(&mut self, about: String, fields: &Fields, has_defaults: bool, place: &Place) {
        let title = match (&*place.path, &place.kind) {
            ("", _) => "At the top".to_owned(),
            (path, None) => format!("`[{path}]`"),
            (path, Some((tag, kind))) => format!("`[{path}]`, `{tag} = \"{kind}\"`"),
        };
        write!(self.text, "\n## {title}\n\n{about}\n").unwrap();
        if fields.is_empty() {
            return;
        }
        self.text += "\n| key | type | default | |\n|---|---|---|---|\n";
        let mut deeper: Vec<(String, String)> = Vec::new();
        for field in fields.iter().filter(|field| !is_skipped(&field.attrs)) {
            let key = serde(&field.attrs, "rename").unwrap_or_else(|| field.ident.as_ref().unwrap().to_string());
            let (of, is_optional) = inner(&field.ty);
            let of = self.sources.aliases.get(&of).cloned().unwrap_or(of);
            let is_required = !has_defaults && !is_optional && serde(&field.attrs, "default").is_none();
            let path = if place.path.is_empty() { key.clone() } else { format!("{}.{key}", place.path) };
            let (mut kind, mut is_table) = self.kind_of(&of, &path);
            if let Some(place) = self.told.get(&of) {
                kind = format!("a table, as `[{place}]`");
                is_table = false;
            } else if self.sources.structs.contains_key(&of) {
                self.told.insert(of.clone(), path.clone());
            }
            let default = match self.default(place, &key) {
                _ if is_table => String::new(),
                Some(value) if !value.is_table() || value.as_table().is_some_and(|table| table.len() < 2) => {
                    format!("`{value}`")
                }
                _ if kind.starts_with("a table") => String::new(),
                _ if is_required => "required".to_owned(),
                _ => self.default_variant(&of).map_or("–".to_owned(), |name| format!("`\"{name}\"`")),
            };
            writeln!(self.text, "| `{key}` | {kind} | {default} | {} |", doc(&field.attrs)).unwrap();
            if is_table {
                deeper.push((of, path));
            }
        }
        for (of, path) in deeper {
            self.deeper(&of, path);
        }
    }

    /// The tables of a type.
    fn deeper(&mut self, of: &str, path: String) {
        let of = of.trim_start_matches("Vec<").trim_end_matches('>');
        if let Some((_, of)) = OPEN.iter().find(|(name, _)| *name == of) {
            let kinds: Vec<_> = self.sources.kinds.iter().filter(|(own, ..)| own == of).cloned().collect();
            for (_, kind, name) in kinds {
                self.table(&name, &Place { path: path.clone(), kind: Some(("kind".to_owned(), kind)) });
            }
        } else if let Some(item) = self.sources.enums.get(of) {
            self.variants(item, &path);
        } else {
            self.table(of, &Place { path, kind: None });
        }
    }

    /// The variants of an enum, of which each is a table.
    fn variants(&mut self, item: &ItemEnum, path: &str) {
        let tag = serde(&item.attrs, "tag");
        for variant in &item.variants {
            let name = variant_name(item, &variant.ident.to_string(), &variant.attrs);
            let place = match &tag {
                Some(tag) => Place { path: path.to_owned(), kind: Some((tag.clone(), name)) },
                None if variant.fields.is_empty() => continue,
                None => Place { path: format!("{path}.{name}"), kind: None },
            };
            if matches!(variant.fields, Fields::Unnamed(_)) {
                continue;
            }
            self.fields(doc(&variant.attrs), &variant.fields, false, &place);
        }
    }

    /// What people write there, and whether that is a table.
    fn kind_of(&self, of: &str, path: &str) -> (String, bool) {
        if OPEN.iter().any(|(name, _)| of == *name || of == format!("Vec<{name}>")) {
            return ("a table with a `kind`".to_owned(), !of.starts_with("Vec<"));
        }
        if let Some(item) = self.sources.enums.get(of) {
            let is_table = item.variants.iter().any(|variant| matches!(variant.fields, Fields::Named(_)));
            let names = item.variants.iter().map(|variant| {
                let name = variant_name(item, &variant.ident.to_string(), &variant.attrs);
                match &variant.fields {
                    Fields::Unnamed(_) => format!("`{path}.{name} = …`"),
                    Fields::Named(_) if serde(&item.attrs, "tag").is_none() => format!("`[{path}.{name}]`"),
                    _ => format!("`\"{name}\"`"),
                }
            });
            let names = names.collect::<Vec<_>>().join(", ");
            return match (is_table, serde(&item.attrs, "tag")) {
                (true, Some(tag)) => (format!("a table, its `{tag}` one of {names}"), true),
                (is_table, _) => (format!("one of {names}"), is_table),
            };
        }
        if self.sources.structs.contains_key(of) {
            return ("a table".to_owned(), true);
        }
        let kind = match of {
            "bool" => "`true` or `false`",
            "f32" | "f64" => "a number",
            "String" => "a text",
            "PathBuf" => "a path",
            "Sources" => "a table: names and numbers",
            of if of.starts_with('u') || of.starts_with('i') => "a whole number",
            of if of.starts_with("Vec<") || of.starts_with('[') => "a list",
            other => return (format!("`{other}`"), false),
        };
        (kind.to_owned(), false)
    }

    /// The variant that an enum marks as its default.
    fn default_variant(&self, of: &str) -> Option<String> {
        let item = self.sources.enums.get(of)?;
        let is_default = |attribute: &Attribute| attribute.path().is_ident("default");
        let variant = item.variants.iter().find(|variant| variant.attrs.iter().any(is_default))?;
        Some(variant_name(item, &variant.ident.to_string(), &variant.attrs))
    }

    /// What a recipe has that doesn't say it.
    fn default(&self, place: &Place, key: &str) -> Option<Value> {
        self.defaults.iter().find_map(|table| {
            let mut here = table;
            for part in place.path.split('.').filter(|part| !part.is_empty()) {
                here = here.get(part)?.as_table()?;
            }
            let fits =
                place.kind.as_ref().is_none_or(|(tag, kind)| here.get(tag).and_then(Value::as_str) == Some(kind));
            here.get(key).filter(|_| fits).cloned()
        })
    }
}

fn is_skipped(attributes: &[Attribute]) -> bool {
    serde(attributes, "skip").is_some() || serde(attributes, "skip_deserializing").is_some()
}

fn variant_name(item: &ItemEnum, name: &str, attributes: &[Attribute]) -> String {
    serde(attributes, "rename").unwrap_or_else(|| renamed(name, serde(&item.attrs, "rename_all").as_deref()))
}

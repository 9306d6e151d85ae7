//! The structs and enums of the crates, as they are written.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use quote::ToTokens;
use syn::{Attribute, Expr, Item, ItemEnum, ItemStruct, Lit, Meta, Type};

/// What is written into files or read from them.
#[derive(Default)]
pub struct Sources {
    pub structs: HashMap<String, ItemStruct>,
    pub enums: HashMap<String, ItemEnum>,
    /// Structs that are written as something else.
    pub aliases: HashMap<String, String>,
    /// Trait, kind, struct: of those that are open to kinds of others.
    pub kinds: Vec<(String, String, String)>,
}

impl Sources {
    pub fn read(folders: &[PathBuf]) -> Self {
        let mut sources = Self::default();
        folders.iter().for_each(|folder| sources.read_folder(folder));
        sources.kinds.sort();
        sources
    }

    fn read_folder(&mut self, folder: &Path) {
        let mut entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            if path.is_dir() {
                self.read_folder(&path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let file = syn::parse_file(&fs::read_to_string(&path).unwrap()).unwrap();
                file.items.into_iter().for_each(|item| self.read_item(item));
            }
        }
    }

    fn read_item(&mut self, item: Item) {
        match item {
            Item::Struct(item) if is_read(&item.attrs) && serde(&item.attrs, "from").is_some() => {
                self.aliases.insert(item.ident.to_string(), serde(&item.attrs, "from").unwrap());
            }
            Item::Struct(item) if is_read(&item.attrs) => drop(self.structs.insert(item.ident.to_string(), item)),
            Item::Enum(item) if is_read(&item.attrs) => drop(self.enums.insert(item.ident.to_string(), item)),
            Item::Impl(item) => {
                let kind = item.attrs.iter().find(|attribute| written(attribute.path()) == "typetag::serde");
                let (Some(kind), Some((_, of, _))) = (kind, &item.trait_) else { return };
                let name = written(kind).split('"').nth(1).unwrap().to_owned();
                let of = of.segments.last().unwrap().ident.to_string();
                self.kinds.push((of, name, written(&item.self_ty)));
            }
            _ => {}
        }
    }
}

/// Without the spaces between tokens.
pub fn written(tokens: &impl ToTokens) -> String {
    tokens.to_token_stream().to_string().replace(' ', "")
}

fn is_read(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| attribute.path().is_ident("derive") && written(attribute).contains("Deserialize"))
}

/// What an attribute of serde says, such as `tag = "kind"`.
pub fn serde(attributes: &[Attribute], key: &str) -> Option<String> {
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        let text = attribute.to_token_stream().to_string();
        let inner = text.split_once('(')?.1;
        for part in inner.trim_end_matches([')', ']', ' ']).split(',') {
            let (name, value) = part.split_once('=').map_or((part, ""), |(name, value)| (name, value));
            if name.trim() == key {
                return Some(value.trim().trim_matches('"').to_owned());
            }
        }
    }
    None
}

/// The first paragraph of a docstring, in one line; links to items as their names.
pub fn doc(attributes: &[Attribute]) -> String {
    let mut lines = Vec::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("doc")) {
        let Meta::NameValue(value) = &attribute.meta else { continue };
        let Expr::Lit(literal) = &value.value else { continue };
        let Lit::Str(text) = &literal.lit else { continue };
        let line = text.value().trim().to_owned();
        if line.is_empty() || line.starts_with('#') {
            break;
        }
        lines.push(line);
    }
    without_links(&lines.join(" "))
}

/// `[`x`](y)` and `[`x`]` become `x`.
fn without_links(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("[`") {
        let Some(end) = rest[start..].find(']').map(|end| start + end) else { break };
        out += &rest[..start];
        out += &named(&rest[start + 1..end]);
        rest = &rest[end + 1..];
        if let Some(target) = rest.strip_prefix('(') {
            rest = target.split_once(')').map_or("", |(_, rest)| rest);
        }
    }
    (out + rest).replace('|', "\\|")
}

/// An item in backquotes: of a variant what is written for it, of a field or function its name.
fn named(item: &str) -> String {
    match item.trim_matches('`').rsplit_once("::") {
        Some((_, last)) if last.starts_with(char::is_uppercase) => {
            format!("`\"{}\"`", renamed(last, Some("snake_case")))
        }
        Some((_, last)) => format!("`{last}`"),
        None => item.to_owned(),
    }
}

/// Of `Option<T>`, `Vec<T>` and `Box<T>` the T, and whether it was an option.
pub fn inner(of: &Type) -> (String, bool) {
    let text = written(of);
    let within = |name: &str| text.strip_prefix(name).and_then(|rest| rest.strip_suffix('>')).map(str::to_owned);
    match within("Option<") {
        Some(text) => (text, true),
        None => (within("Box<").unwrap_or(text), false),
    }
}

/// `snake_case`, if that is how variants are written.
pub fn renamed(name: &str, rule: Option<&str>) -> String {
    match rule {
        Some("snake_case") => {
            let mut out = String::new();
            for (place, c) in name.chars().enumerate() {
                if c.is_uppercase() && place > 0 {
                    out.push('_');
                }
                out.extend(c.to_lowercase());
            }
            out
        }
        Some("lowercase") => name.to_lowercase(),
        _ => name.to_owned(),
    }
}

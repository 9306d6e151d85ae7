//! `top_db` in files: a number of decibels, or `"none"`, since TOML has no null.

use std::fmt;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserializer, Serializer};

const NONE: &str = "none";

pub(super) fn serialize<S: Serializer>(top_db: &Option<f32>, serializer: S) -> Result<S::Ok, S::Error> {
    match top_db {
        Some(top_db) => serializer.serialize_f32(*top_db),
        None => serializer.serialize_str(NONE),
    }
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f32>, D::Error> {
    deserializer.deserialize_any(TopDb)
}

struct TopDb;

impl Visitor<'_> for TopDb {
    type Value = Option<f32>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`top_db` as a number of dB, or \"{NONE}\"")
    }

    fn visit_f64<E: Error>(self, top_db: f64) -> Result<Self::Value, E> {
        Ok(Some(top_db as f32))
    }

    fn visit_i64<E: Error>(self, top_db: i64) -> Result<Self::Value, E> {
        Ok(Some(top_db as f32))
    }

    fn visit_u64<E: Error>(self, top_db: u64) -> Result<Self::Value, E> {
        Ok(Some(top_db as f32))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        if text == NONE { Ok(None) } else { Err(E::invalid_value(Unexpected::Str(text), &self)) }
    }
}

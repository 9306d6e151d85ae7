//! What the server says of itself, and whether an answer is like that.

use serde_json::{Map, Value};

use super::Response;

/// An OpenAPI document.
pub struct Description(Value);

impl Description {
    pub fn new(document: Value) -> Self {
        assert_eq!(document["openapi"], "3.1.0");
        Self(document)
    }

    pub fn paths(&self) -> usize {
        self.0["paths"].as_object().unwrap().len()
    }

    /// Whether a status is one of those that are described, and the body what is said there.
    pub fn check(&self, method: &str, path: &str, response: &Response) {
        let answer = &self.0["paths"][path][method]["responses"][response.status.to_string()];
        assert!(answer.is_object(), "{method} {path}: {} is not described", response.status);
        let content = answer["content"].as_object().cloned().unwrap_or_default();
        let kind = response.header("content-type").unwrap_or_default().split(';').next().unwrap();
        if let Some(json) = content.get(kind).filter(|_| kind == "application/json") {
            self.conforms(&response.json(), &json["schema"], path);
        } else if !content.is_empty() {
            let is_audio = kind.starts_with("audio/") && content.contains_key("audio/*");
            assert!(content.contains_key(kind) || is_audio, "{path}: {kind}");
        }
    }

    /// Whether something may be sent.
    pub fn check_request(&self, schema: &str, body: &Value) {
        self.conforms(body, &self.0["components"]["schemas"][schema], schema);
    }

    fn conforms(&self, value: &Value, schema: &Value, place: &str) {
        if let Some(name) = schema["$ref"].as_str() {
            let name = name.rsplit('/').next().unwrap();
            let schema = &self.0["components"]["schemas"][name];
            assert!(schema.is_object(), "{place}: there is no schema {name}");
            return self.conforms(value, schema, place);
        }
        match schema["type"].as_str().unwrap_or_else(|| panic!("{place}: no type")) {
            "object" => self.object(value.as_object().unwrap_or_else(|| panic!("{place}: {value}")), schema, place),
            "array" => {
                let items = value.as_array().unwrap_or_else(|| panic!("{place}: {value}"));
                items.iter().for_each(|item| self.conforms(item, &schema["items"], place));
            }
            "string" => {
                let known = schema["enum"].as_array();
                assert!(value.is_string() && known.is_none_or(|known| known.contains(value)), "{place}: {value}");
            }
            "number" => assert!(value.is_number(), "{place}: {value}"),
            "integer" => {
                let number = value.as_i64().unwrap_or_else(|| panic!("{place}: {value}"));
                assert!(schema["minimum"].as_i64().is_none_or(|least| number >= least), "{place}: {value}");
                assert!(schema["maximum"].as_i64().is_none_or(|most| number <= most), "{place}: {value}");
            }
            other => panic!("{place}: {other}"),
        }
    }

    fn object(&self, object: &Map<String, Value>, schema: &Value, place: &str) {
        for key in schema["required"].as_array().into_iter().flatten() {
            assert!(object.contains_key(key.as_str().unwrap()), "{place}: {key} is missing");
        }
        // Of a playlist, the README of the crate that writes it says what it holds.
        let is_open = schema["additionalProperties"] == true;
        for (key, value) in object.iter().filter(|_| !is_open) {
            let property = &schema["properties"][key];
            assert!(property.is_object(), "{place}: {key} is not described");
            self.conforms(value, property, &format!("{place}.{key}"));
        }
    }
}

//! Lines of JSON: one object per record, numbers as they are written.

use std::borrow::Cow;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::split::Cell;
use crate::cast::fault::{Code, Fault};

/// The members of one object, in its order; values are not read yet, so that no digit is lost.
pub struct Object<'r>(Vec<(Cow<'r, str>, &'r RawValue)>);

impl<'r> Object<'r> {
    /// Reads one line.
    ///
    /// # Errors
    /// A fault: not an object, or a name that occurs twice.
    pub fn parse(line: &'r str) -> Result<Self, Fault> {
        let object: Self = serde_json::from_str(line)
            .map_err(|error| Fault::new(Code::BadJson, format!("this is no JSON object: {}", in_words(&error))))?;
        for (index, (name, _)) in object.0.iter().enumerate() {
            if object.0[..index].iter().any(|(other, _)| other == name) {
                return Err(Fault::new(Code::BadJson, format!("the name \"{name}\" occurs twice")));
            }
        }
        Ok(object)
    }

    /// The names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_ref())
    }

    /// The cell of the first of these names that is there; `null` is absent.
    pub fn cell(&self, names: &[String]) -> Cell<'r> {
        let Some((_, value)) = self.0.iter().find(|(name, _)| names.iter().any(|known| known == name)) else {
            return Cell::Absent;
        };
        match value.get() {
            "null" => Cell::Absent,
            text if text.starts_with('"') => match serde_json::from_str::<String>(text) {
                Ok(text) if text.contains('\0') => {
                    Cell::Bad(Fault::new(Code::NulByte, "the text holds NUL"), text.replace('\0', "\\x00"))
                }
                Ok(text) => Cell::Text(Cow::Owned(text)),
                Err(error) => {
                    let reason = format!("this is no JSON string: {}", in_words(&error));
                    Cell::Bad(Fault::new(Code::BadJson, reason), text.to_owned())
                }
            },
            text => Cell::Typed(Cow::Borrowed(text)),
        }
    }
}

/// The error without a line number: the record is one line, and has its own.
fn in_words(error: &serde_json::Error) -> String {
    let message = error.to_string();
    match message.rsplit_once(" at line ") {
        Some((what, _)) => format!("{what} (character {})", error.column()),
        None => message,
    }
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Object<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, &'de RawValue>()? {
                    members.push((Cow::Owned(name), value));
                }
                Ok(Object(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_digits_and_doubled_names_are_refused() {
        let object = Object::parse(r#"{"a": 0.10000000000000000000001, "b": "x\ny", "c": null, "d": [1]}"#).unwrap();
        let cell = |name: &str| format!("{:?}", object.cell(&[name.to_owned()]));
        assert_eq!(cell("a"), "Typed(\"0.10000000000000000000001\")");
        assert_eq!(cell("b"), "Text(\"x\\ny\")");
        assert_eq!(cell("c"), "Absent");
        assert_eq!(cell("e"), "Absent");
        assert_eq!(cell("d"), "Typed(\"[1]\")");
        for line in ["[1]", "{\"a\":1", "{\"a\":1,\"a\":2}", "x", "{} {}"] {
            assert!(Object::parse(line).is_err(), "{line}");
        }
    }
}

//! JSON patches that cannot hit a neighbour: list elements are changed behind a test of what stands there.

use serde::Serialize;
use serde_json::{Value, json};

/// One operation of RFC 6902.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PatchOp {
    /// `test`, `add`, `replace` or `remove`.
    pub op: &'static str,
    /// JSON pointer.
    pub path: String,
    /// Value; none for `remove`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
}

/// A patch of one object.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(transparent)]
pub struct JsonPatch(pub Vec<PatchOp>);

impl JsonPatch {
    /// Demands that a value stands there.
    pub fn test(&mut self, path: impl Into<String>, value: impl Into<Value>) -> &mut Self {
        self.push("test", path, Some(value.into()))
    }

    /// Adds, or sets the field of a map.
    pub fn add(&mut self, path: impl Into<String>, value: impl Into<Value>) -> &mut Self {
        self.push("add", path, Some(value.into()))
    }

    /// Replaces what is there.
    pub fn replace(&mut self, path: impl Into<String>, value: impl Into<Value>) -> &mut Self {
        self.push("replace", path, Some(value.into()))
    }

    /// Removes what is there.
    pub fn remove(&mut self, path: impl Into<String>) -> &mut Self {
        self.push("remove", path, None)
    }

    /// Appends to a list that has `length` elements; makes it where it is empty.
    pub fn append(&mut self, list: &str, length: usize, value: Value) -> &mut Self {
        if length == 0 { self.add(list, json!([value])) } else { self.add(format!("{list}/-"), value) }
    }

    fn push(&mut self, op: &'static str, path: impl Into<String>, value: Option<Value>) -> &mut Self {
        self.0.push(PatchOp { op, path: path.into(), value });
        self
    }

    /// The operations that change something.
    pub fn changes(&self) -> impl Iterator<Item = &PatchOp> {
        self.0.iter().filter(|op| op.op != "test")
    }
}

/// One token of a JSON pointer.
pub(super) fn token(text: &str) -> String {
    text.replace('~', "~0").replace('/', "~1")
}

/// Applies a patch, as the API server would; none where it does not apply. Used to check that what is printed is
/// what was simulated.
#[cfg(test)]
pub(super) fn apply(document: &Value, patch: &JsonPatch) -> Option<Value> {
    let mut document = document.clone();
    for op in &patch.0 {
        let (parent, last) = op.path.rsplit_once('/')?;
        if op.op == "test" {
            if document.pointer(&op.path) != op.value.as_ref() {
                return None;
            }
            continue;
        }
        let last = last.replace("~1", "/").replace("~0", "~");
        match (document.pointer_mut(parent)?, op.op) {
            (Value::Object(map), "remove") => {
                map.remove(&last)?;
            }
            (Value::Object(map), "replace") => {
                map.get(&last)?;
                map.insert(last, op.value.clone()?);
            }
            (Value::Object(map), _) => {
                map.insert(last, op.value.clone()?);
            }
            (Value::Array(list), "remove") => {
                list.remove(last.parse().ok()?);
            }
            (Value::Array(list), "replace") => {
                *list.get_mut(last.parse::<usize>().ok()?)? = op.value.clone()?
            }
            (Value::Array(list), _) if last == "-" => list.push(op.value.clone()?),
            (Value::Array(list), _) => list.insert(last.parse().ok()?, op.value.clone()?),
            _ => return None,
        }
    }
    Some(document)
}

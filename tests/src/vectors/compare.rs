//! Strict comparison of two JSON answers: every path at which they differ.

use std::fmt;

use serde_json::Value;

/// One path at which our answer differs from the recorded one.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Where: `nodeClaims[1].requests.cpu`.
    pub path: String,
    /// What was recorded; none = nothing there.
    pub recorded: Option<Value>,
    /// What we say; none = nothing there.
    pub ours: Option<Value>,
}

impl Difference {
    /// A difference that is told in words, where our answer could not be made at all.
    pub fn failure(what: impl Into<String>) -> Self {
        Self { path: "our answer".to_owned(), recorded: None, ours: Some(Value::String(what.into())) }
    }
}

/// Everything that differs; empty = equal. Numbers are compared by value, `1` equals `1.0`.
pub fn differences(recorded: &Value, ours: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    compare("", Some(recorded), Some(ours), &mut found);
    found
}

fn compare(path: &str, recorded: Option<&Value>, ours: Option<&Value>, found: &mut Vec<Difference>) {
    match (recorded, ours) {
        (Some(Value::Object(theirs)), Some(Value::Object(mine))) => {
            let mut keys: Vec<&String> = theirs.keys().chain(mine.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                compare(&below, theirs.get(key), mine.get(key), found);
            }
        }
        (Some(Value::Array(theirs)), Some(Value::Array(mine))) => {
            // Lists of objects are compared entry by entry, plain lists (names) as a whole.
            if theirs.iter().chain(mine).all(|entry| !entry.is_object()) {
                if theirs != mine {
                    found.push(difference(path, recorded, ours));
                }
                return;
            }
            for at in 0..theirs.len().max(mine.len()) {
                compare(&format!("{path}[{}]", label(at, theirs, mine)), theirs.get(at), mine.get(at), found);
            }
        }
        (Some(Value::Number(theirs)), Some(Value::Number(mine))) if theirs.as_f64() == mine.as_f64() => {}
        (theirs, mine) if theirs == mine => {}
        _ => found.push(difference(path, recorded, ours)),
    }
}

fn difference(path: &str, recorded: Option<&Value>, ours: Option<&Value>) -> Difference {
    Difference { path: path.to_owned(), recorded: recorded.cloned(), ours: ours.cloned() }
}

/// The position, with the pod's name where both sides have the same there.
fn label(at: usize, theirs: &[Value], mine: &[Value]) -> String {
    let name = |list: &[Value]| {
        let entry = list.get(at)?;
        ["pod", "key"].iter().find_map(|field| entry.get(field)?.as_str().map(str::to_owned))
    };
    match (name(theirs), name(mine)) {
        (Some(theirs), Some(mine)) if theirs == mine => format!("{at} {theirs}"),
        _ => at.to_string(),
    }
}

impl fmt::Display for Difference {
    /// Path, then both sides under each other; where texts part, a caret says where.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |value: &Option<Value>| match value {
            None => "(nothing)".to_owned(),
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
        };
        let (recorded, ours) = (side(&self.recorded), side(&self.ours));
        writeln!(out, "  {}", self.path)?;
        writeln!(out, "    recorded  {recorded}")?;
        write!(out, "    ours      {ours}")?;
        if self.recorded.is_some() && self.ours.is_some() && recorded.len().max(ours.len()) > 40 {
            let same = recorded.chars().zip(ours.chars()).take_while(|(theirs, mine)| theirs == mine).count();
            write!(out, "\n              {}^", " ".repeat(same))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn finds_every_path_that_differs() {
        let recorded =
            json!({"pods": [{"pod": "a", "outcome": "new"}, {"pod": "b"}], "names": ["x", "y"], "n": 1});
        let ours =
            json!({"pods": [{"pod": "a", "outcome": "error", "error": "no"}], "names": ["y", "x"], "n": 1.0});
        let paths: Vec<String> =
            differences(&recorded, &ours).into_iter().map(|difference| difference.path).collect();
        assert_eq!(paths, ["names", "pods[0 a].error", "pods[0 a].outcome", "pods[1]"]);
        assert_eq!(differences(&recorded, &recorded), []);
    }
}

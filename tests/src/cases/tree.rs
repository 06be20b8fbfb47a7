//! The JSON form of a report: every string and number that counts, with the name it stands under.

use serde_json::Value;

use super::kinds;

/// Fields that repeat what Karpenter or Kubernetes says, and what is about the report as a whole.
const NOT_OURS: [&str; 3] = ["error", "event", "controller"];
const FOOT: [&str; 9] = [
    "apiVersion",
    "kind",
    "takenAt",
    "takenAtGuessed",
    "karpenter",
    "prices",
    "gaps",
    "notModelled",
    "uncertain",
];

/// What JSON says.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Tree {
    /// Strings, and numbers as text.
    pub(super) texts: Vec<String>,
    /// Name and value of every string, number and boolean.
    pub(super) pairs: Vec<(String, String)>,
    /// Objects by normal kind and name.
    pub(super) objects: Vec<(&'static str, String)>,
}

impl Tree {
    /// Everything below these values.
    pub(super) fn read<'a>(values: impl IntoIterator<Item = &'a Value>) -> Self {
        let mut tree = Tree::default();
        values.into_iter().for_each(|value| tree.add("", value));
        tree
    }

    fn add(&mut self, name: &str, value: &Value) {
        match value {
            Value::Null => {}
            Value::Bool(value) => self.pairs.push((name.to_owned(), value.to_string())),
            Value::Number(value) => {
                self.texts.push(value.to_string());
                self.pairs.push((name.to_owned(), value.to_string()));
            }
            Value::String(value) => {
                self.texts.push(value.clone());
                self.pairs.push((name.to_owned(), value.clone()));
                self.objects.extend(kinds::normal(name).map(|kind| (kind, value.clone())));
            }
            Value::Array(entries) => entries.iter().for_each(|entry| self.add(name, entry)),
            Value::Object(fields) => {
                let field = |name: &str| fields.get(name).and_then(Value::as_str);
                if let Some(of) = field("name") {
                    let kind = field("kind").or(Some(name)).and_then(kinds::normal);
                    self.objects.extend(kind.map(|kind| (kind, of.to_owned())));
                }
                let counts = fields.iter().filter(|(name, _)| !NOT_OURS.contains(&name.as_str()));
                counts.for_each(|(name, value)| self.add(name, value));
            }
        }
    }
}

/// The whole report without what is about the report itself.
pub(super) fn body(report: &Value) -> Value {
    let mut body = report.clone();
    if let Some(fields) = body.as_object_mut() {
        fields.retain(|name, _| !FOOT.contains(&name.as_str()));
    }
    body
}

/// Visits every object with the name it stands under, outermost first; `enter` = whether to look below a field.
pub(super) fn each_object<'a>(
    value: &'a Value,
    enter: &dyn Fn(&str) -> bool,
    visit: &mut dyn FnMut(&'a serde_json::Map<String, Value>),
) {
    match value {
        Value::Array(entries) => entries.iter().for_each(|entry| each_object(entry, enter, visit)),
        Value::Object(fields) => {
            visit(fields);
            let below = fields.iter().filter(|(name, _)| enter(name));
            below.for_each(|(_, value)| each_object(value, enter, visit));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn strings_numbers_names_and_objects() {
        let report = json!({
            "nodePools": [{"name": "spot", "allowed": 0, "permanent": true}],
            "owner": {"kind": "Deployment", "name": "web"},
            "node": "ip-10-0-1-1",
            "error": "not ours", "event": "FailedScheduling", "controller": {"message": "no"}});
        let tree = Tree::read([&report]);
        let pair = |name: &str, value: &str| tree.pairs.contains(&(name.to_owned(), value.to_owned()));
        assert!(pair("allowed", "0") && pair("permanent", "true") && pair("name", "web"));
        let mut objects = tree.objects.clone();
        objects.sort();
        assert_eq!(
            objects,
            [
                ("deployment", "web".to_owned()),
                ("node", "ip-10-0-1-1".to_owned()),
                ("nodepool", "spot".to_owned())
            ]
        );
        assert!(!tree.texts.iter().any(|text| text.contains("not ours") || text.contains("no ")));
    }
}

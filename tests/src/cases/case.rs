//! `case.json`: what to run and what to expect.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

use super::kinds::ObjectRef;

/// A case.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Case {
    /// Name of its folder.
    pub id: String,
    /// Topic.
    pub kind: String,
    /// The moment.
    pub taken_at: String,
    /// Version whose rules apply.
    pub karpenter: String,
    /// Verb, object and flags.
    pub command: String,
    /// More flags.
    #[serde(default)]
    pub flags: String,
    /// What a right answer says.
    pub expect: Expect,
}

/// What a right answer says.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Expect {
    /// The verdict.
    pub tool_verdict: String,
    /// Verdicts that are accepted as well.
    pub alt_tool_verdict: OneOrMore,
    /// Outcome of pods.
    pub outcome: Option<String>,
    /// NodePool of the new node, or the existing node.
    pub on: Option<String>,
    /// Groups of spellings; of each group one must occur.
    pub facts: Vec<Vec<String>>,
    /// Causes that must be named.
    pub cause: Vec<OneOrMore>,
    /// Causes that must not be named.
    pub not_cause: Vec<String>,
    /// How changes are checked.
    pub changes_check: ChangesCheck,
    /// Changes that are right.
    pub changes: Vec<ExpectedChange>,
    /// Beginning of the controller's text.
    pub controller_error_starts_with: Option<String>,
}

/// One text, or a list of alternatives.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(untagged)]
pub enum OneOrMore {
    /// Nothing.
    #[default]
    None,
    /// One.
    One(String),
    /// One of these.
    More(Vec<String>),
}

impl OneOrMore {
    /// The alternatives.
    pub fn all(&self) -> &[String] {
        match self {
            OneOrMore::None => &[],
            OneOrMore::One(text) => std::slice::from_ref(text),
            OneOrMore::More(texts) => texts,
        }
    }
}

/// How changes are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ChangesCheck {
    /// One provable change is among those with a proof.
    Proven,
    /// A numbered line or `next:` names a target or holds advice.
    Advice,
    /// Not at all.
    #[default]
    Optional,
    /// None may be printed.
    None,
}

/// A change that is right.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExpectedChange {
    /// `kind/name -n namespace`; the name may be `*`.
    pub target: String,
    /// The edit.
    pub edit: ExpectedEdit,
    /// Values that are right.
    #[serde(default)]
    pub accept: Option<Accept>,
    /// Whether it can be simulated from the case alone.
    #[serde(default)]
    pub provable: bool,
    /// Words of a right advice.
    #[serde(default)]
    pub advice: Vec<String>,
}

/// One edit.
#[derive(Debug, Clone, Deserialize)]
pub struct ExpectedEdit {
    /// For reading; `remove` alone matters.
    pub op: String,
    /// Path; empty = the object as a whole, `-` = outside the cluster's objects.
    pub path: String,
    /// An example value.
    #[serde(default)]
    pub value: Option<Value>,
}

/// Values that are right.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Accept {
    /// At least.
    pub min: Option<Value>,
    /// At most.
    pub max: Option<Value>,
    /// At least, where it is a percentage.
    pub min_percent: Option<f64>,
    /// One of these.
    pub one_of: Option<Vec<Value>>,
    /// Holds this.
    pub contains: Option<Value>,
}

impl Case {
    /// Reads the case of a folder.
    ///
    /// # Errors
    /// Naming the file.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join("case.json");
        let text = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("{} is no case", path.display()))
    }

    /// Words of command and flags.
    pub fn words(&self) -> Vec<String> {
        shell_words(&format!("{} {}", self.command, self.flags))
    }

    /// The verb.
    pub fn verb(&self) -> &str {
        self.command.split_whitespace().next().unwrap_or_default()
    }

    /// The object asked about; none = all pods.
    pub fn target(&self) -> Option<ObjectRef> {
        let words = self.words();
        let object = words.iter().skip(1).find(|word| !word.starts_with('-') && word.contains('/'))?;
        let namespace = words.windows(2).find(|pair| pair[0] == "-n" || pair[0] == "--namespace");
        ObjectRef::parse(object, namespace.map(|pair| pair[1].as_str()))
    }
}

/// Words as a shell splits them, with quotes but without escapes.
fn shell_words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut begun) = (Vec::new(), String::new(), None, false);
    for letter in text.chars() {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (None, '\'' | '"') => (quote, begun) = (Some(letter), true),
            (None, _) if letter.is_whitespace() => {
                if begun {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            _ => {
                word.push(letter);
                begun = true;
            }
        }
    }
    if begun {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_target_of_a_command() {
        let case: Case = serde_json::from_value(serde_json::json!({
            "id": "x", "kind": "k", "takenAt": "", "karpenter": "1.15", "expect": {},
            "command": "explain pod/a-1 -n shop", "flags": "--changes '3 or 4'"}))
        .unwrap();
        assert_eq!(case.words(), ["explain", "pod/a-1", "-n", "shop", "--changes", "3 or 4"]);
        let target = case.target().unwrap();
        assert_eq!(
            (target.kind.as_str(), target.namespace.as_str(), target.name.as_str()),
            ("pod", "shop", "a-1")
        );
    }
}

//! Takes out of both answers what the controller leaves to chance, and the shorthands of the recording.

use std::collections::BTreeSet;

use karp_core::model::{LabelProfile, Requirement, RequirementSpec};
use serde::Deserialize;
use serde_json::{Value, json};

/// Marks a label whose value the controller draws at random.
const ANY: &str = "*any*";
const PLACEHOLDER: &str = "hostname-placeholder-";

/// The recorded answer and ours, ready to be compared for equality.
pub(super) fn both(mut recorded: Value, mut ours: Value) -> (Value, Value) {
    for (at, claim) in list(&mut recorded, "nodeClaims").iter_mut().enumerate() {
        expand_values(claim);
        if let Some(mine) = list(&mut ours, "nodeClaims").get_mut(at) {
            accept_any(claim, mine);
        }
    }
    rank_placeholders(&mut recorded);
    rank_placeholders(&mut ours);
    (recorded, ours)
}

/// The same for answers whose NodeClaims are the replacements of disruption commands.
pub(in super::super) fn claims(recorded: &mut Value, ours: &mut Value) {
    each_pair(recorded, ours, "methods", &mut |recorded, ours| {
        each_pair(recorded, ours, "commands", &mut |recorded, ours| {
            each_pair(recorded, ours, "replacements", &mut |recorded, ours| {
                expand_values(recorded);
                accept_any(recorded, ours);
            });
        });
        rank_placeholders(recorded);
        rank_placeholders(ours);
    });
}

/// Visits the entries of a list on both sides, position by position; a missing entry of ours is null.
fn each_pair(
    recorded: &mut Value,
    ours: &mut Value,
    field: &str,
    visit: &mut dyn FnMut(&mut Value, &mut Value),
) {
    for (at, theirs) in list(recorded, field).iter_mut().enumerate() {
        match list(ours, field).get_mut(at) {
            Some(mine) => visit(theirs, mine),
            None => visit(theirs, &mut Value::Null),
        }
    }
}

fn list<'a>(value: &'a mut Value, field: &str) -> &'a mut [Value] {
    value.get_mut(field).and_then(Value::as_array_mut).map_or(&mut [], Vec::as_mut_slice)
}

/// `valuesFrom: instanceTypes` becomes the sorted names of the claim's instance types.
fn expand_values(claim: &mut Value) {
    let mut names: Vec<String> =
        list(claim, "instanceTypes").iter().filter_map(|name| name.as_str().map(str::to_owned)).collect();
    names.sort();
    for requirement in list(claim, "requirements") {
        if requirement.get("valuesFrom") == Some(&json!("instanceTypes"))
            && let Some(fields) = requirement.as_object_mut()
        {
            fields.remove("valuesFrom");
            fields.insert("values".to_owned(), json!(names));
        }
    }
}

/// Where the recorded label may be any value that the claim's requirement allows, and ours is one, ours counts
/// as equal.
fn accept_any(recorded: &Value, ours: &mut Value) {
    let Some(labels) = recorded.get("labels").and_then(Value::as_object) else { return };
    let profile = LabelProfile::core();
    let specs: Vec<RequirementSpec> =
        recorded.get("requirements").and_then(|specs| Vec::deserialize(specs).ok()).unwrap_or_default();
    for (key, _) in labels.iter().filter(|(_, value)| value.as_str() == Some(ANY)) {
        let Some(mine) = ours.pointer_mut("/labels").and_then(|labels| labels.get_mut(key)) else { continue };
        let mut of_key = specs.iter().filter(|spec| spec.key == *key).peekable();
        let is_allowed = of_key.peek().is_some()
            && of_key.all(|spec| {
                mine.as_str().is_some_and(|mine| Requirement::from_spec(spec, &profile).has(mine))
            });
        if is_allowed {
            *mine = json!(ANY);
        }
    }
}

/// Numbers the placeholders of nodes not yet made by their rank among those named in the answer.
fn rank_placeholders(answer: &mut Value) {
    let mut numbers = BTreeSet::new();
    each_text(answer, &mut |text| {
        for (_, number) in placeholders(text) {
            numbers.insert(number.to_owned());
        }
    });
    if numbers.is_empty() {
        return;
    }
    let mut ranked: Vec<String> = numbers.into_iter().collect();
    ranked.sort_by_key(|number| (number.len(), number.clone()));
    each_text(answer, &mut |text| {
        let mut renumbered = String::with_capacity(text.len());
        let mut rest = 0;
        for (at, number) in placeholders(text) {
            let rank = ranked.iter().position(|known| known == number).unwrap_or_default() + 1;
            renumbered.push_str(&text[rest..at]);
            renumbered.push_str(&format!("{rank:04}"));
            rest = at + number.len();
        }
        renumbered.push_str(&text[rest..]);
        *text = renumbered;
    });
}

/// Position and digits of every placeholder number in a text.
fn placeholders(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.match_indices(PLACEHOLDER).filter_map(|(at, _)| {
        let start = at + PLACEHOLDER.len();
        let digits = text[start..].bytes().take_while(u8::is_ascii_digit).count();
        (digits > 0).then(|| (start, &text[start..start + digits]))
    })
}

fn each_text(value: &mut Value, visit: &mut impl FnMut(&mut String)) {
    match value {
        Value::String(text) => visit(text),
        Value::Array(entries) => entries.iter_mut().for_each(|entry| each_text(entry, visit)),
        Value::Object(fields) => fields.values_mut().for_each(|field| each_text(field, visit)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_compared_by_rank() {
        let recorded =
            json!({"pods": [{"error": "hostname-placeholder-0003: 1, hostname-placeholder-0012: 0"}]});
        let same = json!({"pods": [{"error": "hostname-placeholder-0001: 1, hostname-placeholder-0002: 0"}]});
        let other =
            json!({"pods": [{"error": "hostname-placeholder-0002: 1, hostname-placeholder-0001: 0"}]});
        let (theirs, ours) = both(recorded.clone(), same);
        assert_eq!(theirs, ours);
        let (theirs, ours) = both(recorded, other);
        assert_ne!(theirs, ours);
    }

    #[test]
    fn values_come_from_instance_types_and_any_takes_only_allowed_values() {
        let recorded = json!({"nodeClaims": [{
            "instanceTypes": ["b", "a"],
            "labels": {"rack": "*any*", "team": "x"},
            "requirements": [
                {"key": "rack", "operator": "In", "values": ["r1", "r3"]},
                {"key": "type", "operator": "In", "valuesFrom": "instanceTypes"}]}]});
        let ours = |rack: &str| {
            json!({"nodeClaims": [{
                "instanceTypes": ["b", "a"],
                "labels": {"rack": rack, "team": "x"},
                "requirements": [
                    {"key": "rack", "operator": "In", "values": ["r1", "r3"]},
                    {"key": "type", "operator": "In", "values": ["a", "b"]}]}]})
        };
        let (theirs, mine) = both(recorded.clone(), ours("r3"));
        assert_eq!(theirs, mine);
        let (theirs, mine) = both(recorded, ours("r2"));
        assert_ne!(theirs, mine);
    }
}

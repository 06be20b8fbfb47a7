//! A plan that was saved with `-o yaml` or `-o json`.

use std::path::Path;

use compact_str::CompactString;
use karp_common::decode::yaml_to_json;
use karp_core::drain::{DrainOptions, DrainPlan, staleness};
use karp_core::report::Error;
use serde_json::Value;

/// The plan as it was saved.
pub(crate) struct Saved {
    value: Value,
    /// Its nodes, in order.
    pub(crate) nodes: Vec<CompactString>,
    /// What the user allowed.
    pub(crate) options: DrainOptions,
}

/// Reads a saved plan.
///
/// # Errors
/// The file cannot be read, or is no plan.
pub(crate) fn read(path: &Path) -> Result<Saved, Error> {
    let name = path.display();
    let wrong = |what: &str| {
        Error::usage(format!("{name}: {what}"))
            .hint("kubectl karp drain NODE --dry-run=client -o yaml > plan.yaml")
    };
    let text = std::fs::read_to_string(path).map_err(|error| wrong("cannot be read").cause(error))?;
    let json = yaml_to_json(&text).map_err(|error| wrong("is no YAML").cause(error))?;
    let value: Value = serde_json::from_str(&json).map_err(|error| wrong("is no YAML").cause(error))?;
    if value["kind"] != "DrainPlan" || value["apiVersion"] != "karp/v1" {
        return Err(wrong("is no plan of a drain (kind: DrainPlan)"));
    }
    if value["verdict"] != "go" {
        return Err(wrong("this plan is refused: it cannot be carried out"));
    }
    let options =
        serde_json::from_value(value["options"].clone()).map_err(|error| wrong("options").cause(error))?;
    let nodes = value["nodes"].as_array().into_iter().flatten();
    let nodes = nodes.filter_map(|node| node["name"].as_str().map(CompactString::from)).collect();
    Ok(Saved { value, nodes, options })
}

impl Saved {
    /// Refuses what has changed since.
    pub(crate) fn check(&self, now: &DrainPlan) -> Result<(), Error> {
        match staleness(&self.value, now) {
            None => Ok(()),
            Some(why) => {
                let id = self.value["id"].as_str().unwrap_or("?");
                Err(Error::usage(format!("plan {id} is stale: {why}"))
                    .hint("make it again: kubectl karp drain NODE --dry-run=client -o yaml"))
            }
        }
    }
}

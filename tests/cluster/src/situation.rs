//! What a cluster looks like, in words: the other half of an error about something that did not come.

use std::fmt::Write;

use serde_json::Value;

use crate::control_plane::ControlPlane;
use crate::kubectl::Kubectl;

/// Objects of one kind that are told; a cluster in which nothing works has hundreds that are alike.
const PER_KIND: usize = 12;

/// Events that are told, the last ones.
const EVENTS: usize = 20;

/// Everything that is not as a healthy cluster has it: namespaces that go, nodes that are not Ready, NodePools and
/// NodeClaims with conditions that are not True, pods that are not Ready, PDBs that allow nothing; the last events, and
/// the last lines of every Karpenter. Never fails: what cannot be read is said.
#[must_use]
pub fn describe(plane: &ControlPlane) -> String {
    let kubectl = plane.kubectl();
    let mut text = String::new();
    section(&kubectl, "namespaces", &["namespaces"], namespace, &mut text);
    section(&kubectl, "nodes", &["nodes"], node, &mut text);
    for kind in ["nodepools", "nodeclaims"] {
        section(&kubectl, kind, &[kind], with_conditions, &mut text);
    }
    section(&kubectl, "pods", &["pods", "-A"], pod, &mut text);
    section(&kubectl, "poddisruptionbudgets", &["pdb", "-A"], budget, &mut text);
    events(&kubectl, &mut text);
    for (name, tail) in plane.tails_of("karpenter") {
        let _ = writeln!(text, "last lines of {name}:\n{tail}");
    }
    text
}

fn section(
    kubectl: &Kubectl,
    name: &str,
    words: &[&str],
    line: fn(&Value) -> Option<String>,
    text: &mut String,
) {
    let list = match kubectl.get(words) {
        Ok(list) => list,
        Err(error) => {
            let reason = format!("{error:#}");
            let _ = writeln!(text, "{name}: not read: {}", reason.lines().last().unwrap_or_default());
            return;
        }
    };
    let all: Vec<&Value> = list["items"].as_array().into_iter().flatten().collect();
    let odd: Vec<String> = all.iter().filter_map(|object| line(object)).collect();
    let _ = writeln!(text, "{name}: {} of {} as they should be", all.len() - odd.len(), all.len());
    for line in odd.iter().take(PER_KIND) {
        let _ = writeln!(text, "  {line}");
    }
    if odd.len() > PER_KIND {
        let _ = writeln!(text, "  … and {} more", odd.len() - PER_KIND);
    }
}

fn name(object: &Value) -> String {
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
    let going = if object["metadata"]["deletionTimestamp"].is_null() { "" } else { " (being deleted)" };
    match object["metadata"]["namespace"].as_str() {
        Some(namespace) => format!("{namespace}/{}{going}", text("name")),
        None => format!("{}{going}", text("name")),
    }
}

fn is_going(object: &Value) -> bool {
    !object["metadata"]["deletionTimestamp"].is_null()
}

/// Conditions whose status is not the one wanted, each with its reason and message.
fn conditions(object: &Value, wanted: &str) -> Vec<String> {
    let all = object["status"]["conditions"].as_array().into_iter().flatten();
    all.filter(|one| one["status"] != wanted)
        .map(|one| {
            let text = |field: &str| one[field].as_str().unwrap_or_default();
            format!("{}={} {} {}", text("type"), text("status"), text("reason"), text("message"))
                .trim_end()
                .to_owned()
        })
        .collect()
}

fn namespace(object: &Value) -> Option<String> {
    is_going(object).then(|| format!("{}: {}", name(object), conditions(object, "False").join("; ")))
}

fn node(object: &Value) -> Option<String> {
    let ready = object["status"]["conditions"].as_array().into_iter().flatten();
    let is_ready = ready.into_iter().any(|one| one["type"] == "Ready" && one["status"] == "True");
    let taints: Vec<&str> = object["spec"]["taints"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|taint| taint["key"].as_str())
        .collect();
    (!is_ready || !taints.is_empty() || is_going(object)).then(|| {
        let ready = if is_ready { "Ready" } else { "not Ready" };
        format!("{}: {ready}, taints [{}]", name(object), taints.join(", "))
    })
}

fn with_conditions(object: &Value) -> Option<String> {
    let odd = conditions(object, "True");
    (!odd.is_empty() || is_going(object)).then(|| format!("{}: {}", name(object), odd.join("; ")))
}

fn pod(object: &Value) -> Option<String> {
    let odd = conditions(object, "True");
    let phase = object["status"]["phase"].as_str().unwrap_or("no phase");
    let has_ready = object["status"]["conditions"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|one| one["type"] == "Ready" && one["status"] == "True");
    let is_well = has_ready && phase == "Running" && !is_going(object);
    (!is_well).then(|| {
        let node = object["spec"]["nodeName"].as_str().unwrap_or("no node");
        format!("{}: {phase}, {node}; {}", name(object), odd.join("; "))
    })
}

fn budget(object: &Value) -> Option<String> {
    let status = &object["status"];
    (status["disruptionsAllowed"].as_i64() <= Some(0)).then(|| {
        format!(
            "{}: allows {}, {} healthy of {} needed, {} expected, generation {} observed {}",
            name(object),
            status["disruptionsAllowed"],
            status["currentHealthy"],
            status["desiredHealthy"],
            status["expectedPods"],
            object["metadata"]["generation"],
            status["observedGeneration"],
        )
    })
}

fn events(kubectl: &Kubectl, text: &mut String) {
    let words = [
        "get",
        "events",
        "-A",
        "--sort-by=.metadata.creationTimestamp",
        "-o",
        "custom-columns=TIME:.metadata.creationTimestamp,REASON:.reason,OBJECT:.involvedObject.name,\
         MESSAGE:.message",
        "--no-headers",
    ];
    match kubectl.run(&words).and_then(|output| output.success()) {
        Ok(all) => {
            let lines: Vec<&str> = all.lines().collect();
            let _ = writeln!(text, "events: {}, the last ones:", lines.len());
            for line in &lines[lines.len().saturating_sub(EVENTS)..] {
                let _ = writeln!(text, "  {}", line.chars().take(240).collect::<String>());
            }
        }
        Err(error) => {
            let _ = writeln!(text, "events: not read: {error:#}");
        }
    }
}

//! Changes: proven ones by their patches, advice by what is printed.

use serde_json::Value;

use super::Case;
use super::case::ChangesCheck;
use super::cluster::Cluster;
use super::edits;
use super::facts::quoted;
use super::kinds::ObjectRef;
use super::report::Report;
use super::spelling::{self, Said};

pub(super) fn failures(case: &Case, cluster: &Cluster, report: &Report) -> Vec<String> {
    let failure = match case.expect.changes_check {
        ChangesCheck::Optional => None,
        ChangesCheck::None => {
            let printed = report.screen.numbered + changes(report).count();
            (printed > 0).then(|| "changes: some are printed, none is needed".to_owned())
        }
        ChangesCheck::Proven => {
            let is_proven = changes(report).any(|change| is_expected(case, cluster, change));
            (!is_proven).then(|| format!("changes: no expected one among the proven: {}", shown(report)))
        }
        ChangesCheck::Advice => {
            let is_given = report.screen.advice.iter().any(|line| is_advice(case, cluster, line));
            (!is_given).then(|| format!("changes: no expected advice in {}", quoted(&report.screen.advice)))
        }
    };
    failure.into_iter().collect()
}

fn changes(report: &Report) -> impl Iterator<Item = &Value> {
    let lists = report.scope.iter().filter_map(|value| value.get("changes")?.as_array());
    lists.flatten()
}

fn shown(report: &Report) -> String {
    let text = |change: &Value| {
        let field = |name: &str| change.get(name).map(ToString::to_string).unwrap_or_default();
        format!("{} {}", field("target"), field("patch"))
    };
    let all: Vec<String> = changes(report).map(text).collect();
    if all.is_empty() { "there is none".to_owned() } else { all.join("; ") }
}

fn is_expected(case: &Case, cluster: &Cluster, change: &Value) -> bool {
    let text = |pointer: &str| change.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let Some(target) = ObjectRef::parse_target(text("/target")) else { return false };
    if text("/proof/verdict") != "yes" {
        return false;
    }
    let patch = change.get("patch").unwrap_or(&Value::Null);
    let edits = edits::of_patch(&target, cluster.get(&target), patch);
    case.expect.changes.iter().filter(|expected| expected.provable && expected.edit.path != "-").any(
        |expected| {
            let wanted = ObjectRef::parse_target(&expected.target);
            wanted.is_some_and(|wanted| cluster.same_target(&wanted, &target))
                && edits::matches(&expected.edit, expected.accept.as_ref(), &edits)
        },
    )
}

fn is_advice(case: &Case, cluster: &Cluster, line: &str) -> bool {
    let said = Said::line(line);
    case.expect.changes.iter().any(|expected| {
        let target = ObjectRef::parse_target(&expected.target).filter(|target| target.name != "*");
        target.is_some_and(|target| said.names(&target, cluster))
            || expected.advice.iter().any(|word| spelling::contains(line, word))
    })
}

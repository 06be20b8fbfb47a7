//! The question before the first write.

use std::io::IsTerminal;

use karp_common::term::Out;
use karp_core::drain::DrainPlan;
use karp_core::drain::report::PodAction;
use karp_core::report::Error;

use crate::words::{count, subject};

/// Asks, unless `--yes` was given. Deleting past PDBs takes more than a letter: a name must be typed.
///
/// # Errors
/// No terminal to ask on, or the answer is no.
pub(crate) fn confirm(plan: &DrainPlan, yes: bool, out: &mut Out<'_>) -> Result<(), Error> {
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        let hint = if plan.options.disable_eviction {
            "add --yes; then pods are deleted past their PodDisruptionBudgets"
        } else {
            "add --yes"
        };
        return Err(Error::usage("no terminal to ask on").hint(hint));
    }
    let names: Vec<_> = plan.nodes.iter().map(|node| &node.name).collect();
    let leaving = plan.count(PodAction::Evict) + plan.count(PodAction::Wait);
    let pods = count(leaving, "pod");
    let (question, wanted) = if plan.options.disable_eviction {
        let wanted = match &names[..] {
            [one] => one.to_string(),
            many => format!("{} nodes", many.len()),
        };
        (format!("Delete {pods} past their PodDisruptionBudgets? Type {wanted:?} to go on:"), wanted)
    } else {
        let what = if leaving == 0 { "no pod has to go; cordon".to_owned() } else { format!("evict {pods}") };
        (format!("Drain {}: {what}? [y/N]", subject(&names)), "y".to_owned())
    };
    out.message(&question);
    let line = karp_common::cluster::ask().unwrap_or_default();
    let answer = line.trim();
    let agreed = if plan.options.disable_eviction {
        answer == wanted
    } else {
        answer.eq_ignore_ascii_case("y") || answer.eq_ignore_ascii_case("yes")
    };
    if agreed { Ok(()) } else { Err(Error::usage("not confirmed: nothing was changed")) }
}

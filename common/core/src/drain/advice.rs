//! What would lift the refusals of a plan, each change proven by planning again with it.

use std::collections::BTreeMap;

use compact_str::CompactString;
use jiff::Timestamp;

use super::options::DrainOptions;
use super::report::{BlockedBy, Change, DrainPlan, Edit, PlannedPod, PodAction, Proof};
use crate::model::Snapshot;

/// Plans again.
type Replan<'r> = dyn Fn(&Snapshot, &DrainOptions) -> DrainPlan + 'r;

/// One change per group of equal refusals, in the order in which pods stand in the plan.
pub(super) fn changes(snapshot: &Snapshot, plan: &DrainPlan, replan: &Replan<'_>) -> Vec<Change> {
    let mut groups: Vec<(String, &BlockedBy, Vec<&PlannedPod>)> = Vec::new();
    let mut positions: BTreeMap<String, usize> = BTreeMap::new();
    for pod in plan.pods().filter(|pod| pod.action == PodAction::Refuse) {
        for blocked in &pod.blocked_by {
            let key = match blocked.code {
                "KARP301" | "KARP302" | "KARP325" => {
                    format!("{} {} {}", blocked.code, pod.namespace, blocked.why)
                }
                code => code.to_owned(),
            };
            let position = *positions.entry(key.clone()).or_insert_with(|| {
                groups.push((key, blocked, Vec::new()));
                groups.len() - 1
            });
            groups[position].2.push(pod);
        }
    }
    let advisor = Advisor { snapshot, plan, replan };
    groups.iter().flat_map(|(_, blocked, pods)| advisor.group(blocked, pods)).collect()
}

struct Advisor<'a> {
    snapshot: &'a Snapshot,
    plan: &'a DrainPlan,
    replan: &'a Replan<'a>,
}

impl Advisor<'_> {
    fn group(&self, blocked: &BlockedBy, pods: &[&PlannedPod]) -> Vec<Change> {
        match blocked.code {
            "KARP302" => self.one_pdb_less(pods).into_iter().collect(),
            "KARP301" => self.room_in_pdb(pods),
            "KARP325" => self.unhealthy_may_go(pods),
            _ => vec![self.flag(blocked, pods)],
        }
    }

    /// The first PDB without which the pods no longer refuse for it; the others are named with what they allow.
    fn one_pdb_less(&self, pods: &[&PlannedPod]) -> Option<Change> {
        let first = pods.first()?;
        let tried: Vec<Change> = first
            .pdbs
            .iter()
            .map(|pdb| {
                let others = first.pdbs.iter().filter(|other| other.name != pdb.name);
                let note: Vec<String> =
                    others.map(|other| format!("pdb/{} allows {}", other.name, other.allowed)).collect();
                self.delete_pdb(&first.namespace, &pdb.name, pods, note.join(", "))
            })
            .collect();
        let works = |change: &Change| change.proof.as_ref().is_some_and(|proof| proof.verdict == "yes");
        // Prefer to keep the PDB listed first: charts' catch-all PDBs tend to come with other names.
        let best = tried.iter().rev().find(|change| works(change)).or(tried.last())?;
        Some(best.clone())
    }

    /// More replicas where the PDB wants all of them, else the PDB must change or go.
    fn room_in_pdb(&self, pods: &[&PlannedPod]) -> Vec<Change> {
        let Some(first) = pods.first() else { return Vec::new() };
        let Some(pdb) = first.pdbs.first() else { return Vec::new() };
        let mut found = Vec::new();
        let owner = &first.owner;
        let scales = matches!(owner.kind.as_str(), "Deployment" | "StatefulSet" | "ReplicaSet");
        let by_count = pdb.rule.strip_prefix("minAvailable ").and_then(|bound| bound.parse::<i64>().ok());
        let by_share = pdb.rule.starts_with("minAvailable ") && !pdb.rule.ends_with(" 100%");
        if scales && (by_count.is_some() || by_share) {
            let replicas = by_count.unwrap_or(i64::from(pdb.needed)) + 1;
            found.push(Change {
                target: owner.words(),
                edit: Edit { op: "raise", path: "spec.replicas".into(), value: Some(replicas.to_string()) },
                text: format!("kubectl scale {} -n {} --replicas={replicas}", owner.short(), first.namespace),
                note: Some(format!("pdb/{} then allows 1 once they are Ready", pdb.name)),
                proof: None,
                instead: false,
                until: None,
            });
        }
        let instead = !found.is_empty();
        let without = self.delete_pdb(&first.namespace, &pdb.name, pods, pdb.rule.clone());
        found.push(Change { instead, ..without });
        found
    }

    /// Pods that do not get healthy: the PDB may let those go, or goes itself. What mends the pods is not ours to know.
    fn unhealthy_may_go(&self, pods: &[&PlannedPod]) -> Vec<Change> {
        let Some((namespace, pdb)) = pods.first().and_then(|pod| Some((&pod.namespace, pod.pdbs.first()?)))
        else {
            return Vec::new();
        };
        let mut edited = self.snapshot.clone();
        let found = edited.objects.pod_disruption_budgets.iter_mut();
        for found in found.filter(|found| found.metadata.namespace == *namespace) {
            if found.metadata.name == pdb.name {
                found.spec.unhealthy_pod_eviction_policy = Some("AlwaysAllow".into());
            }
        }
        let again = (self.replan)(&edited, &self.plan.options);
        let policy = r#"{"spec":{"unhealthyPodEvictionPolicy":"AlwaysAllow"}}"#;
        let lenient = Change {
            target: format!("poddisruptionbudget/{} -n {namespace}", pdb.name),
            edit: Edit {
                op: "set",
                path: "spec.unhealthyPodEvictionPolicy".into(),
                value: Some("AlwaysAllow".into()),
            },
            text: format!("kubectl patch pdb {} -n {namespace} -p '{policy}'", pdb.name),
            note: Some("then pods that are not Ready may go".into()),
            proof: Some(proof(&again, pods, &["KARP325"])),
            instead: false,
            until: None,
        };
        let note = format!("{} of {} healthy", pdb.healthy, pdb.needed);
        vec![lenient, Change { instead: true, ..self.delete_pdb(namespace, &pdb.name, pods, note) }]
    }

    fn delete_pdb(
        &self,
        namespace: &CompactString,
        name: &CompactString,
        pods: &[&PlannedPod],
        note: String,
    ) -> Change {
        let mut edited = self.snapshot.clone();
        edited
            .objects
            .pod_disruption_budgets
            .retain(|pdb| pdb.metadata.namespace != *namespace || pdb.metadata.name != *name);
        let again = (self.replan)(&edited, &self.plan.options);
        Change {
            target: format!("poddisruptionbudget/{name} -n {namespace}"),
            edit: Edit { op: "remove", path: String::new(), value: None },
            text: format!("kubectl delete pdb {name} -n {namespace}"),
            note: Some(note).filter(|note| !note.is_empty()),
            proof: Some(proof(&again, pods, &["KARP301", "KARP302", "KARP325"])),
            instead: false,
            until: None,
        }
    }

    fn flag(&self, blocked: &BlockedBy, pods: &[&PlannedPod]) -> Change {
        let mut options = self.plan.options.clone();
        let (name, note) = match blocked.code {
            "KARP303" => {
                options.override_do_not_disrupt = true;
                ("--override-do-not-disrupt", None)
            }
            "KARP320" | "KARP321" => {
                options.force = true;
                let gone: Vec<String> = pods.iter().map(|pod| format!("pod/{}", pod.name)).collect();
                let verb = if gone.len() == 1 { "is" } else { "are" };
                ("--force", Some(format!("{} {verb} gone for good", names(&gone))))
            }
            "KARP322" => {
                options.ignore_daemonsets = true;
                ("--ignore-daemonsets", Some("they stay".to_owned()))
            }
            "KARP323" => {
                options.delete_emptydir_data = true;
                ("--delete-emptydir-data", Some("the data is lost".to_owned()))
            }
            _ => {
                options.allow_pending = true;
                ("--allow-pending", Some("they stay pending".to_owned()))
            }
        };
        let again = (self.replan)(self.snapshot, &options);
        let untils: Option<Vec<Timestamp>> =
            pods.iter().map(|pod| pod.blocked_by.iter().find_map(|found| found.until)).collect();
        Change {
            target: "-".into(),
            edit: Edit { op: "flag", path: String::new(), value: Some(name.into()) },
            text: format!("add {name}"),
            note,
            proof: Some(proof(&again, pods, &[blocked.code])),
            instead: false,
            until: untils.and_then(|untils| untils.into_iter().max()).filter(|_| blocked.code == "KARP303"),
        }
    }
}

fn names(all: &[String]) -> String {
    match all {
        [one] => one.clone(),
        [one, two] => format!("{one} and {two}"),
        [one, rest @ ..] => format!("{one} and {} more", rest.len()),
        [] => String::new(),
    }
}

/// Whether none of the pods refuses for these codes any more.
fn proof(again: &DrainPlan, pods: &[&PlannedPod], codes: &[&str]) -> Proof {
    let left = pods.iter().any(|pod| {
        again.pods().any(|found| {
            found.uid == pod.uid && found.blocked_by.iter().any(|blocked| codes.contains(&blocked.code))
        })
    });
    Proof { verdict: if left { "no" } else { "yes" }, refuse: again.count(PodAction::Refuse) }
}

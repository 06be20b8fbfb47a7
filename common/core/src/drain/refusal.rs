//! Why a drain will not touch a pod: stable code, cause, words, and what would allow it.

use compact_str::CompactString;
use jiff::Timestamp;
use serde::Serialize;

use crate::disruption::eviction::PdbTrouble;

/// One reason for which a pod refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Its one PDB can never allow anything as things are.
    PdbNever {
        /// The PDB.
        pdb: CompactString,
        /// What is wrong with it.
        trouble: PdbTrouble,
        /// Its rule: `minAvailable 2`.
        rule: String,
        /// Healthy pods and pods it needs.
        healthy: (i32, i32),
    },
    /// Its PDB lacks healthy pods, and those that are not healthy cannot get so by themselves.
    PdbStuck {
        /// The PDB.
        pdb: CompactString,
        /// Healthy pods and pods it needs.
        healthy: (i32, i32),
        /// Pods that cannot get healthy, each with the reason of its container.
        pods: Vec<(CompactString, CompactString)>,
    },
    /// The PDB's status is below zero: the API server answers 403.
    PdbBroken {
        /// The PDB.
        pdb: CompactString,
    },
    /// Several PDBs select it: the eviction API refuses that for ever.
    SeveralPdbs {
        /// The PDBs.
        pdbs: Vec<CompactString>,
    },
    /// Its do-not-disrupt annotation is in force.
    DoNotDisrupt {
        /// Until when; none = for ever, or not started yet.
        until: Option<Timestamp>,
        /// Value of the annotation.
        value: CompactString,
    },
    /// Nobody would make it again.
    NoController,
    /// The DaemonSet that made it is gone.
    OrphanOfDaemonSet,
    /// A DaemonSet would put it back at once.
    DaemonSetPod,
    /// It has emptyDir volumes.
    LocalData,
    /// It would have no place.
    NoPlace {
        /// The simulator's words.
        error: String,
        /// Causes, in the closed vocabulary.
        causes: Vec<String>,
    },
}

impl Refusal {
    /// Stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Refusal::PdbNever { .. } | Refusal::PdbBroken { .. } => "KARP301",
            Refusal::SeveralPdbs { .. } => "KARP302",
            Refusal::DoNotDisrupt { .. } => "KARP303",
            Refusal::NoController => "KARP320",
            Refusal::OrphanOfDaemonSet => "KARP321",
            Refusal::DaemonSetPod => "KARP322",
            Refusal::LocalData => "KARP323",
            Refusal::NoPlace { .. } => "KARP324",
            Refusal::PdbStuck { .. } => "KARP325",
        }
    }

    /// Words of the closed vocabulary of causes; none where it has no word for this.
    pub fn causes(&self) -> Vec<String> {
        let word = match self {
            Refusal::PdbNever { .. }
            | Refusal::PdbStuck { .. }
            | Refusal::PdbBroken { .. }
            | Refusal::SeveralPdbs { .. } => "pdb",
            Refusal::DoNotDisrupt { .. } => "do-not-disrupt",
            Refusal::OrphanOfDaemonSet | Refusal::DaemonSetPod => "daemonset-pod",
            Refusal::NoPlace { causes, .. } => return causes.clone(),
            Refusal::NoController | Refusal::LocalData => return Vec::new(),
        };
        vec![word.to_owned()]
    }

    /// Whether it stays until somebody acts.
    pub fn is_permanent(&self) -> bool {
        match self {
            Refusal::DoNotDisrupt { value, .. } => value == "true",
            Refusal::NoPlace { .. } => false,
            _ => true,
        }
    }

    /// The flag that lifts it.
    pub const fn flag(&self) -> Option<&'static str> {
        match self {
            Refusal::PdbNever { .. }
            | Refusal::PdbStuck { .. }
            | Refusal::PdbBroken { .. }
            | Refusal::SeveralPdbs { .. } => None,
            Refusal::DoNotDisrupt { .. } => Some("--override-do-not-disrupt"),
            Refusal::NoController | Refusal::OrphanOfDaemonSet => Some("--force"),
            Refusal::DaemonSetPod => Some("--ignore-daemonsets"),
            Refusal::LocalData => Some("--delete-emptydir-data"),
            Refusal::NoPlace { .. } => Some("--allow-pending"),
        }
    }

    /// A few words, without the clock time of a do-not-disrupt.
    pub fn words(&self) -> String {
        match self {
            Refusal::PdbNever { pdb, trouble, rule, healthy: (healthy, needed) } => match trouble {
                PdbTrouble::SyncFailed => format!("pdb/{pdb} never allows: SyncFailed"),
                PdbTrouble::CountsNone => format!("pdb/{pdb} never allows: it counts no pod"),
                _ => format!("pdb/{pdb} never allows ({rule}): {healthy} of {needed}"),
            },
            Refusal::PdbStuck { pdb, healthy: (healthy, needed), pods } => {
                let named: Vec<String> =
                    pods.iter().take(2).map(|(pod, reason)| format!("{pod} is in {reason}")).collect();
                let more =
                    if pods.len() > 2 { format!(" and {} more", pods.len() - 2) } else { String::new() };
                format!("pdb/{pdb} allows 0: {healthy} of {needed}, {}{more}", named.join(", "))
            }
            Refusal::PdbBroken { pdb } => format!("pdb/{pdb}: its status is below zero"),
            Refusal::SeveralPdbs { pdbs } => format!("{} PDBs: {}", pdbs.len(), pdbs.join(", ")),
            Refusal::DoNotDisrupt { until: None, value } if value != "true" => {
                format!("do-not-disrupt ({value} from its start)")
            }
            Refusal::DoNotDisrupt { .. } => "do-not-disrupt".into(),
            Refusal::NoController => "no controller (--force)".into(),
            Refusal::OrphanOfDaemonSet => "its DaemonSet is gone (--force)".into(),
            Refusal::DaemonSetPod => "DaemonSet pod (--ignore-daemonsets)".into(),
            Refusal::LocalData => "emptyDir data (--delete-emptydir-data)".into(),
            // One clause per NodePool in the controller's text; the first tells enough for a row.
            Refusal::NoPlace { error, .. } => {
                format!("no place: {}", error.split("; ").next().unwrap_or(error))
            }
        }
    }
}

/// A refusal as documents carry it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BlockedBy {
    /// Stable code.
    pub code: &'static str,
    /// First cause, where the vocabulary has a word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Words for people.
    pub why: String,
    /// Whether it stays until somebody acts.
    pub permanent: bool,
    /// When it ends by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// The flag that lifts it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flag: Option<&'static str>,
}

impl BlockedBy {
    /// Whether it is a PDB or do-not-disrupt, which Karpenter passes over when the time of a node is up.
    pub fn is_held(&self) -> bool {
        matches!(self.code, "KARP301" | "KARP302" | "KARP303" | "KARP325")
    }
}

impl From<&Refusal> for BlockedBy {
    fn from(refusal: &Refusal) -> Self {
        let until = match refusal {
            Refusal::DoNotDisrupt { until, .. } => *until,
            _ => None,
        };
        BlockedBy {
            code: refusal.code(),
            cause: refusal.causes().into_iter().next(),
            why: refusal.words(),
            permanent: refusal.is_permanent(),
            until,
            flag: refusal.flag(),
        }
    }
}

//! Why a NodePool does not take a pod, in one line: who asks, what they ask, what there is, by how much it misses.

mod labels;
mod pools;
mod resources;

use std::collections::BTreeSet;

use compact_str::CompactString;
use serde::Serialize;

use super::cause::{Cause, Stage};
use super::demand::Demand;
use super::funnel::{PoolFunnel, PoolIndex};
use super::index::ObjectIndex;
use crate::model::LabelProfile;

pub(super) use labels::topology_noun;
pub(super) use pools::not_ready_text;

/// The evidence for one cause at one NodePool.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Why {
    /// The cause.
    pub cause: Cause,
    /// Where in the funnel; none for whole-pool stops.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// Label key or resource name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<CompactString>,
    /// Who asks: a field path or an object.
    pub source: String,
    /// What is asked.
    pub asks: String,
    /// What there is.
    pub has: String,
    /// The instance type that misses by the least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nearest: Option<Nearest>,
    /// The line for people.
    pub text: String,
}

/// The nearest miss.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Nearest {
    /// Instance type.
    pub instance_type: CompactString,
    /// What it is short of: an amount, or the word of a label.
    pub short: String,
}

impl Why {
    /// The line beside the name of its NodePool, which it need not repeat.
    pub fn text_beside(&self, node_pool: &str) -> String {
        self.text.replace(&format!("NodePool {node_pool}"), "NodePool")
    }
}

/// What is needed to tell why.
#[derive(Debug, Clone, Copy)]
pub(super) struct WhyContext<'a> {
    /// Objects by name.
    pub index: &'a ObjectIndex<'a>,
    /// Label tables.
    pub profile: &'a LabelProfile,
}

/// The evidence for every cause of the first alternative that would be enough, and then for the other
/// alternatives.
pub(super) fn whys(
    pool: &PoolIndex<'_>,
    funnel: &PoolFunnel,
    demand: &Demand<'_>,
    context: WhyContext<'_>,
) -> Vec<Why> {
    let mut seen: BTreeSet<&Cause> = BTreeSet::new();
    let causes = funnel.stopped_by.iter().flatten().filter(|cause| seen.insert(cause));
    causes.map(|cause| why(cause, pool, funnel, demand, context)).collect()
}

fn why(
    cause: &Cause,
    pool: &PoolIndex<'_>,
    funnel: &PoolFunnel,
    demand: &Demand<'_>,
    context: WhyContext<'_>,
) -> Why {
    match cause {
        Cause::Taint => taint(funnel),
        Cause::Label(key) => labels::label(cause, key, pool, funnel, demand, context),
        Cause::Volume(key) => labels::volume(cause, key, pool, funnel, demand),
        Cause::Topology(kind, key) => labels::topology(cause, *kind, key, pool, demand),
        Cause::Resource(name) => resources::resource(cause, name, pool, funnel, demand, context),
        Cause::HostPort => resources::host_port(pool, demand),
        Cause::Limit(name) => resources::limit(cause, name, pool, funnel),
        Cause::MinValues(key) => resources::min_values(cause, key, pool, funnel),
        Cause::PoolNotReady
        | Cause::PoolStatic
        | Cause::PoolDeleting
        | Cause::PoolForeign
        | Cause::PoolWithoutTypes => pools::whole_pool(cause, pool, context),
        Cause::VolumeLimit => resources::volume_limit(pool, demand),
    }
}

fn plain(cause: &Cause, source: &str, asks: String, has: String, text: String) -> Why {
    Why {
        cause: cause.clone(),
        stage: None,
        key: None,
        source: source.to_owned(),
        asks,
        has,
        nearest: None,
        text,
    }
}

fn taint(funnel: &PoolFunnel) -> Why {
    let taints = funnel.taints.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let text = format!("pod does not tolerate {taints}");
    plain(&Cause::Taint, "nodepool.spec.template.spec.taints", taints, "no toleration".to_owned(), text)
}

fn nearest_type(pool: &PoolIndex<'_>, funnel: &PoolFunnel, cause: &Cause, short: String) -> Option<Nearest> {
    let (instance_type, _) = pool.row(*funnel.nearest.get(cause)?)?;
    Some(Nearest { instance_type: instance_type.name.clone(), short })
}

fn stage_of(pool: &PoolIndex<'_>, key: &str) -> Stage {
    if pool.is_offering_key(key) { Stage::Offerings } else { Stage::Requirements }
}

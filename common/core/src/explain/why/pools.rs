//! Whole NodePools: not Ready, static, being deleted, without types.

use super::{Why, WhyContext, plain};
use crate::explain::cause::Cause;
use crate::explain::funnel::PoolIndex;
use crate::model::{Condition, NodePool, condition};
use crate::sim::PoolEligibility;

pub(super) fn whole_pool(cause: &Cause, pool: &PoolIndex<'_>, context: WhyContext<'_>) -> Why {
    let name = &pool.state.name;
    let text = match &pool.state.eligibility {
        PoolEligibility::NotReady => not_ready_text(name, pool.object, context),
        PoolEligibility::Static => format!("NodePool {name} holds a fixed number of nodes (spec.replicas)"),
        PoolEligibility::Deleting => format!("NodePool {name} is being deleted"),
        PoolEligibility::ForeignNodeClass => {
            let kind = pool.object.map_or("", |object| &object.spec.template.spec.node_class_ref.kind);
            format!("NodePool {name} uses NodeClass kind {kind}, which this controller does not serve")
        }
        PoolEligibility::NoInstanceTypes(message) => format!("no instance types: {message}"),
        PoolEligibility::Eligible | PoolEligibility::FilteredOut { .. } => String::new(),
    };
    plain(cause, &format!("nodepool/{name}"), String::new(), String::new(), text)
}

/// Why a NodePool is not Ready, down to the condition of its NodeClass and the selector behind it.
pub(in crate::explain) fn not_ready_text(
    name: &str,
    object: Option<&NodePool>,
    context: WhyContext<'_>,
) -> String {
    let Some(object) = object else { return format!("nodepool/{name} is not Ready") };
    let reference = &object.spec.template.spec.node_class_ref;
    let class = context.index.node_classes.get(reference.name.as_str());
    if let Some(class) = class.filter(|_| reference.kind == "EC2NodeClass") {
        let failing: Vec<&Condition> = class
            .status
            .conditions
            .iter()
            .filter(|condition| condition.kind != "Ready" && condition.status != "True")
            .collect();
        if let Some(first) = failing.first() {
            let reason = first.reason.as_deref().unwrap_or("no reason given");
            let selector = selector_behind(&first.kind, class);
            return format!(
                "nodepool/{name} is not Ready: ec2nodeclass/{} has {}={} ({reason}){selector}",
                reference.name, first.kind, first.status
            );
        }
    }
    let conditions = &object.status.conditions;
    let failing = ["ValidationSucceeded", "NodeClassReady", "Ready"]
        .into_iter()
        .find(|kind| condition(conditions, kind).is_none_or(|condition| condition.status != "True"));
    match failing.map(|kind| (kind, condition(conditions, kind))) {
        Some((kind, Some(found))) => {
            let reason = found.reason.as_deref().unwrap_or("no reason given");
            let message = found.message.as_deref().filter(|text| !text.is_empty());
            let message = message.map(|text| format!(": {text}")).unwrap_or_default();
            format!("nodepool/{name} is not Ready: {kind}={} ({reason}){message}", found.status)
        }
        Some((kind, None)) => format!("nodepool/{name} is not Ready: it has no condition {kind} yet"),
        None => format!("nodepool/{name} is not Ready"),
    }
}

/// The selector that a failing NodeClass condition is about.
fn selector_behind(condition: &str, class: &crate::model::Ec2NodeClass) -> String {
    let spec = &class.spec;
    let (field, terms) = match condition {
        "SubnetsReady" => ("subnetSelectorTerms", &spec.subnet_selector_terms),
        "SecurityGroupsReady" => ("securityGroupSelectorTerms", &spec.security_group_selector_terms),
        _ => return String::new(),
    };
    let words: Vec<String> = terms
        .iter()
        .map(|term| {
            let tags = term.tags.iter().map(|(key, value)| format!("{key}={value}"));
            let id = term.id.iter().map(|id| format!("id {id}"));
            let name = term.name.iter().map(|name| format!("name {name}"));
            tags.chain(id).chain(name).collect::<Vec<_>>().join(", ")
        })
        .collect();
    format!("; {field} asks {}", words.join(" or "))
}

//! Resources: requests against types, host ports, volumes, limits, minValues.

use super::{Nearest, Why, WhyContext, nearest_type, plain};
use crate::explain::cause::{Cause, Stage};
use crate::explain::demand::Demand;
use crate::explain::funnel::{PoolFunnel, PoolIndex};
use crate::explain::words;
use crate::model::{Quantity, label_key, resource_name};

pub(super) fn resource(
    cause: &Cause,
    name: &str,
    pool: &PoolIndex<'_>,
    funnel: &PoolFunnel,
    demand: &Demand<'_>,
    context: WhyContext<'_>,
) -> Why {
    let own = demand.requests.amount(name);
    let nearest = funnel.nearest.get(cause).and_then(|position| pool.row(*position));
    let (has, overhead) = nearest.map_or((Quantity::ZERO, Quantity::ZERO), |(instance_type, overhead)| {
        (instance_type.allocatable().amount(name), overhead.amount(name))
    });
    let total = own + overhead;
    let short = total - has;
    let daemons = nearest.map_or(0, |(instance_type, _)| daemon_count(pool, &instance_type.name, name));
    let asks = if overhead.is_zero() {
        format!("asks {} {name}", words::quantity(own))
    } else {
        format!(
            "asks {} {name} + {} of {} = {}",
            words::quantity(own),
            words::quantity(overhead),
            words::count(daemons, "DaemonSet"),
            words::quantity(total),
        )
    };
    let text = match nearest {
        Some((instance_type, _)) if !has.is_zero() => format!(
            "{asks}; nearest {} has {}, short {}",
            instance_type.name,
            words::quantity(has),
            words::quantity(short),
        ),
        _ => format!("{asks}, no type of NodePool {} has any", pool.state.name),
    };
    let disk = nearest.map(|(instance_type, _)| instance_type.capacity.amount(name)).unwrap_or_default();
    let text = match storage_note(name, disk, pool, context) {
        Some(note) => format!("{text}: {note}"),
        None => text,
    };
    Why {
        cause: cause.clone(),
        stage: Some(Stage::Resources),
        key: Some(name.into()),
        source: "pod.spec.containers.resources.requests".to_owned(),
        asks: words::quantity(total),
        has: words::quantity(has),
        nearest: nearest_type(pool, funnel, cause, words::quantity(short)).filter(|_| !has.is_zero()),
        text,
    }
}

/// How many DaemonSets ask for a resource on an instance type.
fn daemon_count(pool: &PoolIndex<'_>, instance_type: &str, name: &str) -> usize {
    let position = pool.state.instance_types.iter().position(|known| known.name == instance_type);
    let group =
        pool.state.daemon_groups.iter().find(|group| position.is_some_and(|at| group.types.contains(&at)));
    group.map_or(0, |group| {
        group.daemon_sets.iter().filter(|(_, requests)| !requests.amount(name).is_zero()).count()
    })
}

/// Where local storage comes from, since no instance type says it: the disk of the NodeClass.
fn storage_note(name: &str, disk: Quantity, pool: &PoolIndex<'_>, context: WhyContext<'_>) -> Option<String> {
    let reference = &pool.object?.spec.template.spec.node_class_ref;
    if name != resource_name::EPHEMERAL_STORAGE || reference.kind != "EC2NodeClass" {
        return None;
    }
    let spec = &context.index.node_classes.get(reference.name.as_str())?.spec;
    let sizes: Vec<String> = spec
        .block_device_mappings
        .iter()
        .filter_map(|mapping| {
            let size = mapping.ebs.as_ref()?.volume_size?;
            Some(format!("{} {}", mapping.device_name.as_deref().unwrap_or("root"), words::quantity(size)))
        })
        .collect();
    Some(if sizes.is_empty() {
        format!(
            "ec2nodeclass/{} has no blockDeviceMappings, so its default volume of {} counts",
            reference.name,
            words::quantity(disk),
        )
    } else {
        format!("blockDeviceMappings of ec2nodeclass/{} are {}", reference.name, sizes.join(", "))
    })
}

pub(super) fn host_port(pool: &PoolIndex<'_>, demand: &Demand<'_>) -> Why {
    let conflicts = pool.port_conflicts(demand);
    let (daemon_set, port) = conflicts.first().map_or(("", None), |(name, port)| (name.as_str(), Some(port)));
    let (namespace, name) = daemon_set.split_once('/').unwrap_or(("", daemon_set));
    let owner = words::object("DaemonSet", namespace, name);
    let number = port.map_or(0, |port| port.port);
    let protocol = port.map_or("TCP", |port| port.protocol.as_str());
    let asks = format!("hostPort {number}");
    let text = format!(
        "hostPort {number} ({protocol}) is taken by {owner} on every node of NodePool {}",
        pool.state.name
    );
    Why {
        cause: Cause::HostPort,
        stage: Some(Stage::Resources),
        key: None,
        source: "pod.spec.containers.ports.hostPort".to_owned(),
        asks,
        has: format!("taken by {owner}"),
        nearest: None,
        text,
    }
}

pub(super) fn volume_limit(pool: &PoolIndex<'_>, demand: &Demand<'_>) -> Why {
    let (driver, count) = demand
        .volumes
        .iter()
        .max_by_key(|(_, count)| **count)
        .map_or(("its driver", 0), |(driver, count)| (driver.as_str(), *count));
    let most = pool.rows().filter_map(|(kept, _)| kept.volume_attachment_limits.get(driver)).max();
    let most = most.map_or("fewer".to_owned(), ToString::to_string);
    Why {
        stage: Some(Stage::Resources),
        ..plain(
            &Cause::VolumeLimit,
            "pod.spec.volumes",
            count.to_string(),
            most.clone(),
            format!(
                "attaches {count} volumes of {driver}, no type of NodePool {} attaches more than {most}",
                pool.state.name
            ),
        )
    }
}

pub(super) fn limit(cause: &Cause, name: &str, pool: &PoolIndex<'_>, funnel: &PoolFunnel) -> Why {
    let limit = pool.object.map(|object| object.spec.limits.amount(name)).unwrap_or_default();
    let left = pool.state.limits_after.amount(name);
    let used = limit - left;
    let nearest = funnel.nearest.get(cause).and_then(|position| pool.row(*position));
    let smallest = nearest.map(|(instance_type, _)| (instance_type, instance_type.capacity.amount(name)));
    let mut text = format!(
        "limit {name} {}, in use {}, {} left",
        words::quantity(limit),
        words::quantity(used),
        words::quantity(left)
    );
    if let Some((instance_type, needs)) = smallest.filter(|_| name != resource_name::NODES) {
        text.push_str(&format!(
            "; smallest type that fits has {} ({})",
            words::quantity(needs),
            instance_type.name
        ));
    }
    Why {
        cause: cause.clone(),
        stage: Some(Stage::Limits),
        key: Some(name.into()),
        source: "nodepool.spec.limits".to_owned(),
        asks: smallest.map(|(_, needs)| words::quantity(needs)).unwrap_or_default(),
        has: words::quantity(left),
        nearest: smallest.map(|(instance_type, needs)| Nearest {
            instance_type: instance_type.name.clone(),
            short: words::quantity(needs - left),
        }),
        text,
    }
}

pub(super) fn min_values(cause: &Cause, key: &str, pool: &PoolIndex<'_>, funnel: &PoolFunnel) -> Why {
    let wanted = pool.state.requirements.get(key).and_then(|requirement| requirement.min_values).unwrap_or(0);
    let left = funnel.values_left.get(key).copied().unwrap_or(0);
    let what = if key == label_key::INSTANCE_TYPE {
        format!("only {} can take the pod", words::count(left, "type"))
    } else {
        format!("only {} left", words::count(left, "value"))
    };
    Why {
        cause: cause.clone(),
        stage: Some(Stage::MinValues),
        key: Some(key.into()),
        source: "nodepool.spec.template.spec.requirements.minValues".to_owned(),
        asks: wanted.to_string(),
        has: left.to_string(),
        nearest: None,
        text: format!("minValues {wanted} of {key}, {what}"),
    }
}

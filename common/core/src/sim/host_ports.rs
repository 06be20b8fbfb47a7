//! Ports that pods take on a node, and when two of them collide.
//!
//! Mirrors karpenter: pkg/scheduling/hostportusage.go. Init containers are not looked at.

use core::net::IpAddr;

use compact_str::CompactString;

use crate::model::PodSpec;

/// One port on a node.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct HostPort {
    /// None = text that is no address.
    address: Option<IpAddr>,
    port: i32,
    protocol: CompactString,
}

impl HostPort {
    fn matches(&self, other: &HostPort) -> bool {
        let unspecified = |port: &HostPort| port.address.is_some_and(|address| address.is_unspecified());
        self.protocol == other.protocol
            && self.port == other.port
            && (self.address == other.address || unspecified(self) || unspecified(other))
    }
}

/// Ports of a pod; the address defaults to all of them, the protocol to TCP as the API server does.
pub(super) fn host_ports(spec: &PodSpec) -> Vec<HostPort> {
    let ports = spec.containers.iter().flat_map(|container| &container.ports);
    ports
        .filter_map(|port| {
            let number = port.host_port.filter(|number| *number != 0)?;
            let address = port.host_ip.as_deref().filter(|text| !text.is_empty()).unwrap_or("0.0.0.0");
            Some(HostPort {
                address: address.parse::<IpAddr>().ok().map(|address| address.to_canonical()),
                port: number,
                protocol: port.protocol.clone().unwrap_or_else(|| "TCP".into()),
            })
        })
        .collect()
}

/// Whether any of `wanted` is taken.
pub(super) fn conflict(taken: &[HostPort], wanted: &[HostPort]) -> bool {
    wanted.iter().any(|port| taken.iter().any(|other| port.matches(other)))
}

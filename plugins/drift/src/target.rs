//! Which object the answer is about.

use karp_core::model::{NodeClaim, Snapshot, label_key};
use karp_core::report::Error;

/// One object named on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// `node/X`.
    Node(String),
    /// `nodepool/X`.
    NodePool(String),
    /// `nodeclaim/X`.
    NodeClaim(String),
}

impl Target {
    /// Reads `kind/name`, with kubectl's short and plural forms.
    ///
    /// # Errors
    /// Wrong usage.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let hint = "kubectl karp drift nodepool/spot";
        let Some((kind, name)) = text.split_once('/').filter(|(_, name)| !name.is_empty()) else {
            let message = format!("{text:?} names no kind: node/{text}, nodepool/{text} or nodeclaim/{text}");
            return Err(Error::usage(message).hint(hint));
        };
        let kind = kind.to_lowercase();
        let name = name.to_owned();
        match kind.split('.').next().unwrap_or_default() {
            "node" | "nodes" | "no" => Ok(Target::Node(name)),
            "nodepool" | "nodepools" => Ok(Target::NodePool(name)),
            "nodeclaim" | "nodeclaims" => Ok(Target::NodeClaim(name)),
            _ => Err(Error::usage(format!("drift is about nodes, nodepools and nodeclaims, not {kind}"))
                .hint(hint)),
        }
    }

    /// As it prints.
    pub fn text(&self) -> String {
        match self {
            Target::Node(name) => format!("node/{name}"),
            Target::NodePool(name) => format!("nodepool/{name}"),
            Target::NodeClaim(name) => format!("nodeclaim/{name}"),
        }
    }

    /// Whether a NodeClaim belongs to it. A node may be named without its DNS suffix.
    pub fn holds(&self, claim: &NodeClaim) -> bool {
        match self {
            Target::Node(name) => is_node(&claim.status.node_name, name),
            Target::NodePool(name) => claim.metadata.labels.get(label_key::NODE_POOL) == Some(name.as_str()),
            Target::NodeClaim(name) => claim.metadata.name == *name,
        }
    }

    /// Checks that it is there.
    ///
    /// # Errors
    /// Not found, with the nearest names.
    pub fn check(&self, snapshot: &Snapshot) -> Result<(), Error> {
        let objects = &snapshot.objects;
        let (kind, name, names): (&str, &str, Vec<&str>) = match self {
            Target::Node(name) => {
                ("nodes", name, objects.nodes.iter().map(|node| node.metadata.name.as_str()).collect())
            }
            Target::NodePool(name) => {
                ("nodepools.karpenter.sh", name, objects.node_pools.iter().map(|pool| pool.name()).collect())
            }
            Target::NodeClaim(name) => (
                "nodeclaims.karpenter.sh",
                name,
                objects.node_claims.iter().map(|claim| claim.metadata.name.as_str()).collect(),
            ),
        };
        let found = names.iter().any(|known| match self {
            Target::Node(_) => is_node(known, name),
            _ => *known == name,
        });
        if found {
            if let Target::Node(name) = self
                && !objects.node_claims.iter().any(|claim| self.holds(claim))
            {
                return Err(Error::not_found(format!(
                    "node/{name} has no NodeClaim: Karpenter did not make it"
                )));
            }
            return Ok(());
        }
        let error = Error::not_found(format!("{kind} {name:?} not found"));
        let mut near: Vec<&str> = names;
        near.sort_by_key(|known| (distance(known, name), known.len()));
        near.truncate(3);
        Err(if near.is_empty() {
            error.hint("there is none at all")
        } else {
            error.hint(format!("did you mean {}?", near.join(", ")))
        })
    }
}

fn is_node(full: &str, named: &str) -> bool {
    full == named || full.strip_prefix(named).is_some_and(|rest| rest.starts_with('.'))
}

/// Common prefix counts most: names of one NodePool or zone stay together.
fn distance(known: &str, name: &str) -> usize {
    let common = known.bytes().zip(name.bytes()).take_while(|(a, b)| a == b).count();
    name.len().saturating_sub(common)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_as_kubectl_spells_them() {
        assert_eq!(Target::parse("nodes/a").unwrap(), Target::Node("a".into()));
        assert_eq!(Target::parse("NodePool/a").unwrap(), Target::NodePool("a".into()));
        assert_eq!(Target::parse("nodeclaims.karpenter.sh/a").unwrap(), Target::NodeClaim("a".into()));
        assert!(Target::parse("pod/a").is_err());
        assert!(Target::parse("a").is_err());
        assert!(Target::parse("node/").is_err());
        assert!(is_node("ip-10-0-1-2.ec2.internal", "ip-10-0-1-2"));
        assert!(!is_node("ip-10-0-1-22.ec2.internal", "ip-10-0-1-2"));
    }
}

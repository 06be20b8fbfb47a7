//! Which nodes are meant: names, `nodepool/X`, or a selector.

use std::collections::BTreeSet;

use compact_str::CompactString;

use crate::model::{Node, label_key, parse_selector};
use crate::report::Error;

/// One word of the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// A node.
    Node(String),
    /// A NodePool: all of its nodes, or itself.
    NodePool(String),
}

impl Named {
    /// Reads `NAME`, `node/NAME` or `nodepool/NAME`.
    ///
    /// # Errors
    /// Another kind.
    pub fn parse(text: &str) -> Result<Self, Error> {
        match text.split_once('/') {
            None => Ok(Named::Node(text.to_owned())),
            Some(("node" | "nodes" | "no", name)) if !name.is_empty() => Ok(Named::Node(name.to_owned())),
            Some(("nodepool" | "nodepools" | "nodepools.karpenter.sh", name)) if !name.is_empty() => {
                Ok(Named::NodePool(name.to_owned()))
            }
            _ => Err(Error::usage(format!("{text:?} is neither a node nor a NodePool"))
                .hint("NODE, node/NODE or nodepool/NAME")),
        }
    }
}

/// The nodes meant, each once, in the order in which they were named; those of a NodePool or selector by name.
///
/// # Errors
/// Nothing or too much is named, a selector cannot be read, or a node does not exist.
pub fn nodes_named(
    all: &[Node],
    names: &[String],
    selector: Option<&str>,
) -> Result<Vec<CompactString>, Error> {
    if !names.is_empty() && selector.is_some() {
        return Err(Error::usage("cannot specify both a node name and a --selector option"));
    }
    let mut sorted: Vec<&Node> = all.iter().collect();
    sorted.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
    if let Some(text) = selector {
        let selector = parse_selector(text).map_err(Error::usage)?;
        let chosen = sorted.iter().filter(|node| selector.matches(&node.metadata.labels));
        let chosen: Vec<CompactString> = chosen.map(|node| node.metadata.name.clone()).collect();
        if chosen.is_empty() {
            return Err(Error::not_found(format!("no node has the labels {text}"))
                .hint("kubectl get nodes --show-labels"));
        }
        return Ok(chosen);
    }
    if names.is_empty() {
        return Err(Error::usage("name a node, a nodepool/NAME, or select nodes with -l"));
    }
    let (mut chosen, mut seen) = (Vec::new(), BTreeSet::new());
    for word in names {
        let found: Vec<CompactString> = match Named::parse(word)? {
            Named::Node(name) => match sorted.iter().find(|node| node.metadata.name == name) {
                Some(node) => vec![node.metadata.name.clone()],
                None => return Err(not_found(&sorted, &name)),
            },
            Named::NodePool(name) => {
                let mine =
                    |node: &&&Node| node.metadata.labels.get(label_key::NODE_POOL) == Some(name.as_str());
                let found: Vec<_> =
                    sorted.iter().filter(mine).map(|node| node.metadata.name.clone()).collect();
                if found.is_empty() {
                    return Err(Error::not_found(format!("nodepool/{name} has no node"))
                        .hint("kubectl get nodepools"));
                }
                found
            }
        };
        chosen.extend(found.into_iter().filter(|name| seen.insert(name.clone())));
    }
    Ok(chosen)
}

fn not_found(nodes: &[&Node], name: &str) -> Error {
    let error = Error::not_found(format!("nodes {name:?} not found"));
    let near: Vec<String> = nodes
        .iter()
        .map(|node| node.metadata.name.as_str())
        .filter(|known| known.starts_with(name) || name.starts_with(known.split('.').next().unwrap_or(known)))
        .take(3)
        .map(|known| format!("node/{known}"))
        .collect();
    if near.is_empty() {
        error.hint("kubectl get nodes")
    } else {
        error.hint(format!("did you mean {}?", near.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn nodes() -> Vec<Node> {
        let node = |name: &str, pool: &str| {
            serde_json::from_value(
                json!({"metadata": {"name": name, "labels": {"karpenter.sh/nodepool": pool}}}),
            )
            .unwrap()
        };
        vec![node("b.ec2.internal", "spot"), node("a.ec2.internal", "spot"), node("c", "other")]
    }

    #[track_caller]
    fn check(names: &[&str], selector: Option<&str>, expected: Result<&[&str], &str>) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let found = nodes_named(&nodes(), &names, selector);
        match expected {
            Ok(expected) => assert_eq!(found.unwrap(), expected),
            Err(expected) => assert_eq!(found.unwrap_err().to_string(), expected),
        }
    }

    #[test]
    fn names_pools_and_selectors() {
        check(&["c", "nodepool/spot", "node/c"], None, Ok(&["c", "a.ec2.internal", "b.ec2.internal"]));
        check(&[], Some("karpenter.sh/nodepool in (spot)"), Ok(&["a.ec2.internal", "b.ec2.internal"]));
        check(&["a"], None, Err("error: nodes \"a\" not found\nhint: did you mean node/a.ec2.internal?"));
        check(&["c"], Some("x"), Err("error: cannot specify both a node name and a --selector option"));
        check(
            &["pod/c"],
            None,
            Err("error: \"pod/c\" is neither a node nor a NodePool\nhint: NODE, node/NODE or nodepool/NAME"),
        );
    }
}

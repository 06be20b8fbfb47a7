//! The report in the form that `-o` asks for.

use std::ffi::OsString;

use karp_common::term::{Out, document, object};
use karp_core::model::NodeClaim;
use karp_core::preview::Preview;
use karp_core::report::Error;
use serde::Serialize;

use crate::cli::{Cli, Output};
use crate::markdown::markdown;
use crate::next::next;
use crate::render::{View, launched, render};

/// Prints it.
pub(crate) fn print(
    report: &Preview,
    cli: &Cli,
    arguments: &[OsString],
    out: &mut Out<'_>,
) -> Result<(), Error> {
    if cli.nodeclaims {
        return print_node_claims(report, cli.output, out);
    }
    match cli.output {
        Output::Table | Output::Wide => {
            let view = View {
                wide: cli.output == Output::Wide,
                all: cli.all,
                pods: cli.pods,
                no_headers: cli.no_headers,
                next: next(report, cli, arguments),
                time_zone: Some(out.time_zone.clone()),
            };
            let text = render(report, &out.style, &view);
            out.print(&text);
        }
        Output::Json | Output::Yaml => {
            let text = document("Preview", report, cli.output == Output::Yaml)?;
            out.print(&text);
        }
        Output::Name => names(report).iter().for_each(|name| out.line(name)),
        Output::Markdown => {
            let text = markdown(report);
            out.print(&text);
        }
    }
    Ok(())
}

/// What the verdict is about: nodes that would drift, else pods that stay pending.
fn names(report: &Preview) -> Vec<String> {
    match &report.diff {
        Some(diff) => {
            let nodes = diff.nodes.iter().flat_map(|row| &row.nodes);
            nodes.map(|node| format!("node/{node}")).collect()
        }
        None => {
            let pods = report.pending.iter().flat_map(|group| &group.pods);
            pods.map(|pod| format!("pod/{} -n {}", pod.name, pod.namespace)).collect()
        }
    }
}

/// A NodeClaim as the API has it; what nobody has written yet is left out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NodeClaimObject<'c> {
    api_version: &'static str,
    kind: &'static str,
    metadata: &'c karp_core::model::ObjectMeta,
    spec: &'c karp_core::model::NodeClaimSpec,
}

impl<'c> NodeClaimObject<'c> {
    fn new(claim: &'c NodeClaim) -> Self {
        Self {
            api_version: "karpenter.sh/v1",
            kind: "NodeClaim",
            metadata: &claim.metadata,
            spec: &claim.spec,
        }
    }
}

/// The NodeClaims as the controller would create them: YAML documents, or a JSON list.
fn print_node_claims(report: &Preview, output: Output, out: &mut Out<'_>) -> Result<(), Error> {
    let claims: Vec<NodeClaimObject<'_>> =
        launched(report).map(|node| NodeClaimObject::new(&node.object)).collect();
    if output == Output::Json {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct List<'c> {
            api_version: &'static str,
            kind: &'static str,
            items: Vec<NodeClaimObject<'c>>,
        }
        let text = object(&List { api_version: "v1", kind: "List", items: claims }, false)?;
        out.print(&text);
        return Ok(());
    }
    for (position, claim) in claims.iter().enumerate() {
        if position > 0 {
            out.line("---");
        }
        let text = object(claim, true)?;
        out.print(&text);
    }
    Ok(())
}

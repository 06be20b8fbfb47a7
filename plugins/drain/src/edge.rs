//! Where the plan's inputs come from: snapshot, provider, scheduler.

use compact_str::CompactString;
use karp_common::catalog::{ProviderOptions, cache_folder, choose_provider};
use karp_common::term::Out;
use karp_core::drain::{DrainOptions, DrainPlan, plan};
use karp_core::model::Snapshot;
use karp_core::provider::{CloudProvider, UnknownProvider};
use karp_core::report::Error;
use karp_core::sim::{SolveOptions, solve};

use crate::cli::Cli;

/// A drain on a guess is none: whoever may not list nodes or pods of the whole cluster gets no plan.
///
/// # Errors
/// One of them could not be read.
pub(crate) fn must_be_known(snapshot: &Snapshot) -> Result<(), Error> {
    match ["nodes", "pods"].iter().find_map(|kind| snapshot.gap(kind)) {
        Some(gap) => Err(Error::unreachable(format!("{} of the cluster cannot be read", gap.kind))
            .cause(&gap.reason)
            .hint("what to grant: docs/rbac-writer.yaml")),
        None => Ok(()),
    }
}

/// A plan, and what the foot line `prices:` says.
pub(crate) struct Planned {
    pub(crate) plan: DrainPlan,
    pub(crate) prices: Option<String>,
}

/// Plans the drain of these nodes.
pub(crate) fn planned(
    cli: &Cli,
    snapshot: &Snapshot,
    nodes: &[CompactString],
    options: &DrainOptions,
    out: &Out<'_>,
) -> Result<Planned, Error> {
    let (provider, prices, notes) = provider(cli, snapshot, out)?;
    let simulate = |drained: &Snapshot| solve(drained, provider.as_ref(), &SolveOptions::guessed(drained));
    let mut plan = plan(snapshot, nodes, options, Some(&simulate), provider.labels());
    plan.uncertain.extend(notes);
    let prices = prices.filter(|_| !plan.new_node_claims.is_empty());
    Ok(Planned { plan, prices })
}

/// A provider, what is known of its prices, and notes.
type Provided = (Box<dyn CloudProvider>, Option<String>, Vec<String>);

/// Whoever makes the nodes. An unknown region costs the places on new nodes only, unless the user named what to use.
fn provider(cli: &Cli, snapshot: &Snapshot, out: &Out<'_>) -> Result<Provided, Error> {
    let flags = &cli.catalog;
    let options = ProviderOptions {
        instance_types: flags.instance_types.clone(),
        region: flags.region.as_deref().map(Into::into),
        cache: cache_folder(|name| std::env::var(name).ok()),
        ..ProviderOptions::at(out.now())
    };
    match choose_provider(snapshot, &options) {
        Ok(chosen) => Ok((Box::new(chosen.provider), chosen.prices, chosen.notes)),
        Err(error) if flags.instance_types.is_some() || flags.region.is_some() => Err(error),
        Err(error) => Ok((Box::new(UnknownProvider::new(error.message)), None, Vec::new())),
    }
}

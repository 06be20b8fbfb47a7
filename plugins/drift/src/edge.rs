//! The edges of the verb: where snapshot and provider come from. AWS: `aws`.

use karp_common::catalog::{ProviderOptions, cache_folder, choose_provider};
use karp_common::snapshot::Input;
use karp_common::term::Out;
use karp_core::model::{Ec2NodeClass, Snapshot};
use karp_core::provider::{CloudProvider, UnknownProvider};
use karp_core::report::Error;

use crate::cli::Cli;

/// Reads the snapshot.
pub(crate) fn snapshot(cli: &Cli, out: &mut Out<'_>) -> Result<Snapshot, Error> {
    karp_common::snapshot::read(&cli.source.input(&cli.cluster, None), out)
}

/// EC2NodeClasses of `--against`.
pub(crate) fn older_classes(cli: &Cli, out: &mut Out<'_>) -> Result<Vec<Ec2NodeClass>, Error> {
    if cli.against.is_empty() {
        return Ok(Vec::new());
    }
    let input = Input { from: cli.against.clone(), ..Input::default() };
    let classes = karp_common::snapshot::read(&input, out)?.objects.ec2_node_classes;
    if classes.is_empty() {
        let files = cli.against.join(", ");
        return Err(Error::usage(format!("there is no EC2NodeClass in {files}"))
            .hint("kubectl karp snapshot FILE, or kubectl get ec2nodeclasses -o yaml, before the change"));
    }
    Ok(classes)
}

/// A minor version, `1.36`.
pub(crate) fn preview_version(text: Option<&str>) -> Result<Option<String>, Error> {
    let Some(text) = text else { return Ok(None) };
    let plain = text.trim_start_matches('v');
    let minor = plain.strip_prefix("1.").filter(|minor| minor.parse::<u32>().is_ok());
    match minor {
        Some(_) => Ok(Some(plain.to_owned())),
        None => Err(Error::usage(format!("{text:?} is no Kubernetes minor version"))
            .hint("kubectl karp drift --ami-preview 1.36")),
    }
}

/// Whoever makes the nodes, and what there is to say about it. Drift needs instance types for one reason only, so an
/// unknown region is a gap, not an error, unless the user named what to use.
pub(crate) fn provider(
    cli: &Cli,
    snapshot: &Snapshot,
    out: &Out<'_>,
) -> Result<(Box<dyn CloudProvider>, Vec<String>), Error> {
    let flags = &cli.catalog;
    let options = ProviderOptions {
        instance_types: flags.instance_types.clone(),
        region: flags.region.as_deref().map(Into::into),
        cache: cache_folder(|name| std::env::var(name).ok()),
        ..ProviderOptions::at(out.now())
    };
    match choose_provider(snapshot, &options) {
        Ok(chosen) => Ok((Box::new(chosen.provider), chosen.notes)),
        Err(error) if flags.instance_types.is_some() || flags.region.is_some() => Err(error),
        Err(error) => Ok((Box::new(UnknownProvider::new(error.message)), Vec::new())),
    }
}

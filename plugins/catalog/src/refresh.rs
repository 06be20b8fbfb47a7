//! `catalog refresh`: from AWS into the cache.

use karp_aws::{Connection, read_catalog};
use karp_common::catalog::{StaticTables, store};
use karp_common::term::{Format, Out, document};
use karp_core::model::{Catalog, CatalogOrigin};
use karp_core::report::{Error, ErrorKind, ExitCode};
use serde::Serialize;

use crate::cli::Cli;
use crate::{block_on, folder};

/// What was read.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Refreshed {
    region: String,
    account: String,
    types: usize,
    zones: usize,
    on_demand_prices: usize,
    spot_prices: usize,
    path: String,
    not_read: Vec<String>,
}

pub(crate) fn run(cli: &Cli, out: &mut Out<'_>) -> Result<ExitCode, Error> {
    let Some(folder) = folder() else {
        return Err(Error::usage("there is no place for the cache").hint("set HOME or XDG_CACHE_HOME"));
    };
    let tables = StaticTables::load().map_err(|error| Error::usage(error.to_string()))?;
    let now = out.now();
    out.progress("reading instance types and prices from EC2");
    let profile = cli.aws.profile.clone().or_else(|| std::env::var("AWS_PROFILE").ok());
    let live = block_on(async {
        let connection = Connection::open(&cli.aws.options()).await?;
        read_catalog(&connection, &tables, now).await
    })?;
    out.progress_done();
    let live = live.map_err(|error| until_then(error.report(profile.as_deref()), &tables))?;
    let path = store(&folder, &live.catalog).map_err(|cause| {
        Error::new(ErrorKind::HalfWay, format!("cannot write into {}", folder.display()))
            .cause(cause)
            .hint("set XDG_CACHE_HOME to a folder that can be written")
    })?;
    let body = refreshed(&live.catalog, path.display().to_string(), live.gaps);
    match cli.output.output {
        Format::Json => out.print(&document("CatalogRefresh", &body, false)?),
        Format::Yaml => out.print(&document("CatalogRefresh", &body, true)?),
        Format::Name => out.line(&body.path),
        Format::Table | Format::Wide => {
            out.line(&format!(
                "{}: {} types in {} zones, {} spot and {} on-demand prices, from EC2 (account {}).",
                body.region, body.types, body.zones, body.spot_prices, body.on_demand_prices, body.account
            ));
            out.line(&format!("catalog/{} written: {}", body.region, body.path));
            for gap in &body.not_read {
                out.line(&format!("not read: {gap}"));
            }
        }
    }
    Ok(ExitCode::Done)
}

fn refreshed(catalog: &Catalog, path: String, not_read: Vec<String>) -> Refreshed {
    let account = match &catalog.origin {
        CatalogOrigin::Live { account, .. } => account.to_string(),
        CatalogOrigin::Embedded | CatalogOrigin::File => String::new(),
    };
    Refreshed {
        region: catalog.region.to_string(),
        account,
        types: catalog.entries.len(),
        zones: catalog.zones.len(),
        on_demand_prices: catalog.entries.iter().filter(|entry| entry.on_demand_price.is_some()).count(),
        spot_prices: catalog.entries.iter().map(|entry| entry.spot_prices.len()).sum(),
        path,
        not_read,
    }
}

/// Adds what is used as long as AWS does not answer.
fn until_then(error: Error, tables: &StaticTables) -> Error {
    if error.kind != ErrorKind::Unreachable {
        return error;
    }
    let list = tables.price_source("us-east-1");
    error.hint(format!("until then the embedded list of {} is used", list.date))
}

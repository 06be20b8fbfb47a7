//! Bare `catalog`: which data is used, and how old it is.

use karp_common::catalog::{cached, embedded};
use karp_common::term::{Format, Out, age, document};
use karp_core::report::{Error, ExitCode};
use serde::Serialize;

use crate::cli::Cli;
use crate::{folder, region};

/// What is used for a region.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    region: String,
    source: &'static str,
    types: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    read_at: Option<jiff::Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    prices: String,
    notes: Vec<String>,
}

pub(crate) fn run(cli: &Cli, out: &mut Out<'_>) -> Result<ExitCode, Error> {
    let region = region(&cli.aws)?;
    let now = out.now();
    let (cache, mut notes) = folder().map(|folder| cached(&folder, &region)).unwrap_or_default();
    let status = match cache {
        Some(cache) if cache.is_fresh(now) => Status {
            region: region.to_string(),
            source: "EC2",
            types: cache.catalog.entries.len(),
            read_at: Some(cache.read_at),
            path: Some(cache.path.display().to_string()),
            prices: cache.catalog.prices_text(now),
            notes,
        },
        old => {
            if let Some(old) = old {
                notes.push(format!("what was read from EC2 is {} old and not used", age(old.read_at, now)));
            }
            let catalog = embedded(&region).map_err(|error| {
                Error::usage(error.to_string())
                    .hint(format!("kubectl karp catalog refresh --region {region}"))
            })?;
            Status {
                region: region.to_string(),
                source: "embedded",
                types: catalog.entries.len(),
                read_at: None,
                path: None,
                prices: catalog.prices_text(now),
                notes,
            }
        }
    };
    match cli.output.output {
        Format::Json => out.print(&document("CatalogStatus", &status, false)?),
        Format::Yaml => out.print(&document("CatalogStatus", &status, true)?),
        Format::Name => out.line(&status.region),
        Format::Table | Format::Wide => {
            match status.read_at {
                Some(read_at) => out.line(&format!(
                    "{region}: {} types, {} old, from EC2.",
                    status.types,
                    age(read_at, now)
                )),
                None => out.line(&format!("{region}: {} types, embedded.", status.types)),
            }
            out.line(&format!("prices: {}", status.prices));
            for note in &status.notes {
                out.line(&format!("note: {note}"));
            }
            if status.read_at.is_none() {
                out.line(&format!("next: kubectl karp catalog refresh --region {region}"));
            }
        }
    }
    Ok(ExitCode::Done)
}

//! How instance types look.

use karp_common::cli::OutputFlags;
use karp_common::term::{Format, Out, Table, amount, document, wrap};
use karp_core::model::{Quantity, label_key, resource_name};
use karp_core::provider::aws::label_key as aws_key;
use karp_core::report::Error;

use crate::show::{Row, Shown, pods};

/// What rows are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SortBy {
    Name,
    Price,
    Spot,
    Cpu,
    Memory,
}

impl SortBy {
    pub(crate) fn parse(text: Option<&str>) -> Result<Self, Error> {
        match text {
            None | Some("name") => Ok(SortBy::Name),
            Some("price" | "list-price") => Ok(SortBy::Price),
            Some("spot" | "spot-price") => Ok(SortBy::Spot),
            Some("cpu" | "vcpu") => Ok(SortBy::Cpu),
            Some("memory") => Ok(SortBy::Memory),
            Some(other) => Err(Error::usage(format!("types cannot be sorted by {other:?}"))
                .hint("sort by: name, price, spot-price, vcpu, memory")),
        }
    }

    /// Sorts; what is not known comes last.
    pub(crate) fn apply(self, rows: &mut [Row]) {
        let price = |price: Option<f64>| price.unwrap_or(f64::INFINITY);
        rows.sort_by(|a, b| {
            let first = match self {
                SortBy::Name => std::cmp::Ordering::Equal,
                SortBy::Price => price(a.on_demand_price).total_cmp(&price(b.on_demand_price)),
                SortBy::Spot => price(a.spot_price.or(a.on_demand_price))
                    .total_cmp(&price(b.spot_price.or(b.on_demand_price))),
                SortBy::Cpu => cpu(a).cmp(&cpu(b)),
                SortBy::Memory => a.memory_mib.cmp(&b.memory_mib),
            };
            first.then_with(|| a.name.cmp(&b.name))
        });
    }
}

fn cpu(row: &Row) -> Quantity {
    row.capacity.amount(resource_name::CPU)
}

pub(crate) fn print(shown: &Shown, flags: &OutputFlags, out: &mut Out<'_>) -> Result<(), Error> {
    match flags.output {
        Format::Json => out.print(&document("InstanceTypeList", shown, false)?),
        Format::Yaml => out.print(&document("InstanceTypeList", shown, true)?),
        Format::Name => shown.items.iter().for_each(|row| out.line(&row.name)),
        Format::Table | Format::Wide => table(shown, flags, out),
    }
    Ok(())
}

fn table(shown: &Shown, flags: &OutputFlags, out: &mut Out<'_>) {
    let wide = flags.output == Format::Wide;
    let mut headers = vec![
        "NAME",
        "ARCH",
        ">CPU",
        ">MEMORY",
        ">PODS",
        ">ALLOC-CPU",
        ">ALLOC-MEM",
        ">LIST-$/H",
        ">SPOT-$/H",
    ];
    if wide {
        headers.extend([">NETWORK-MBPS", "GPU", ">GPUS", "ZONES"]);
    }
    let mut table = Table::new(headers).no_headers(flags.no_headers);
    for row in &shown.items {
        let label = |key: &str| row.labels.get(key).unwrap_or("-").to_owned();
        let memory = Quantity::from_bytes(row.memory_mib * 1024 * 1024);
        let mut cells = vec![
            row.name.to_string(),
            label(label_key::ARCH),
            cpu(row).to_string(),
            amount(memory),
            pods(row).to_string(),
            row.allocatable.amount(resource_name::CPU).to_string(),
            amount(row.allocatable.amount(resource_name::MEMORY)),
            row.on_demand_price.map_or_else(|| "<unknown>".to_owned(), |price| format!("{price:.4}")),
            spot(row),
        ];
        if wide {
            cells.extend([
                label(aws_key::NETWORK_BANDWIDTH),
                label(aws_key::GPU_NAME),
                label(aws_key::GPU_COUNT),
                row.zones.join(","),
            ]);
        }
        table.row(cells);
    }
    if shown.items.is_empty() && shown.priced_without_data.is_empty() {
        out.line(&format!("No instance type of {} meets these conditions.", shown.region));
    } else if !shown.items.is_empty() {
        let text = table.render(&out.style);
        out.print(&text);
    }
    if !shown.priced_without_data.is_empty() {
        let names = shown.priced_without_data.join(", ");
        let text = wrap(&out.style, "priced, but no data: ", "  ", &names);
        out.line(&text);
    }
    let prices = wrap(&out.style, "prices: ", "  ", &shown.prices);
    out.line(&prices);
    for note in &shown.notes {
        out.line(&format!("note: {note}"));
    }
}

/// The lowest spot price, or that it is below the list price.
fn spot(row: &Row) -> String {
    match (row.spot_price, row.on_demand_price) {
        (Some(price), _) => format!("{price:.4}"),
        (None, Some(ceiling)) => format!("<={ceiling:.4}"),
        (None, None) => "<unknown>".to_owned(),
    }
}

//! Prices as this screen writes them: read, `<=` a ceiling, or `<unknown>`.

use karp_core::preview::PriceRange;

/// `0.3481`, `<=1.0880`, `<unknown>`: a cell of a `$/H` column.
pub(crate) fn cell(price: &PriceRange, at_most: &str) -> String {
    match price.usd {
        None => "<unknown>".to_owned(),
        Some(usd) if price.is_ceiling() => format!("{at_most}{usd:.4}"),
        Some(usd) => format!("{usd:.4}"),
    }
}

/// `$0.6912/h ($505/mo)`, `<=$1.0880/h (<=$794/mo)`, `$0.1000/h ($73/mo) without 1 node of unknown price`.
pub(crate) fn total(price: &PriceRange, at_most: &str) -> String {
    let Some(usd) = price.usd else { return "price <unknown>".to_owned() };
    let sign = if price.is_ceiling() { at_most } else { "" };
    let known = format!("{sign}{} ({sign}{})", per_hour(usd), per_month(usd));
    match price.unknown_nodes {
        0 => known,
        1 => format!("{known} without 1 node of unknown price"),
        more => format!("{known} without {more} nodes of unknown price"),
    }
}

/// `$0.5440/h`.
pub(crate) fn per_hour(usd: f64) -> String {
    karp_common::term::dollars_per_hour(usd)
}

/// `$397/mo`.
pub(crate) fn per_month(usd: f64) -> String {
    karp_common::term::dollars_per_month(usd)
}

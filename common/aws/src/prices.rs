//! Prices: spot from EC2's history, on-demand from the price list.

use std::collections::BTreeMap;
use std::time::SystemTime;

use aws_sdk_pricing::types::{Filter, FilterType};
use compact_str::CompactString;
use jiff::Timestamp;
use serde_json::Value;

use crate::{AwsError, Connection};

/// The products Karpenter asks the history for.
const SPOT_PRODUCTS: [&str; 2] = ["Linux/UNIX", "Linux/UNIX (Amazon VPC)"];

/// A zone as the history names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SpotZone {
    pub(crate) name: CompactString,
    pub(crate) id: Option<CompactString>,
}

/// The spot price that holds at a moment, by type and zone.
pub(crate) async fn spot_prices(
    connection: &Connection,
    now: Timestamp,
) -> Result<BTreeMap<CompactString, BTreeMap<SpotZone, f64>>, AwsError> {
    let products = SPOT_PRODUCTS.iter().map(|product| (*product).to_owned()).collect();
    let mut pages = connection
        .ec2()
        .describe_spot_price_history()
        .start_time(SystemTime::from(now).into())
        .set_product_descriptions(Some(products))
        .into_paginator()
        .page_size(1000)
        .items()
        .send();
    let mut prices: BTreeMap<CompactString, BTreeMap<SpotZone, f64>> = BTreeMap::new();
    while let Some(record) = pages.next().await {
        let record = record.map_err(|error| AwsError::of("ec2:DescribeSpotPriceHistory", &error))?;
        let (Some(name), Some(zone), Some(price)) =
            (record.instance_type(), record.availability_zone(), record.spot_price())
        else {
            continue;
        };
        if let Some(price) = price.parse().ok().filter(|price: &f64| price.is_finite() && *price > 0.0) {
            let zone =
                SpotZone { name: zone.into(), id: record.availability_zone_id().map(CompactString::from) };
            prices.entry(name.as_str().into()).or_default().insert(zone, price);
        }
    }
    Ok(prices)
}

/// On-demand list prices of the region: shared tenancy, and bare metal (dedicated).
pub(crate) async fn on_demand_prices(
    connection: &Connection,
) -> Result<BTreeMap<CompactString, f64>, AwsError> {
    let shared = on_demand(connection, "Shared", "Compute Instance").await?;
    let metal = on_demand(connection, "Dedicated", "Compute Instance (bare metal)").await?;
    Ok(shared.into_iter().chain(metal).collect())
}

async fn on_demand(
    connection: &Connection,
    tenancy: &str,
    family: &str,
) -> Result<BTreeMap<CompactString, f64>, AwsError> {
    let filters = [
        ("regionCode", connection.region.as_str()),
        ("serviceCode", "AmazonEC2"),
        ("preInstalledSw", "NA"),
        ("operatingSystem", "Linux"),
        ("capacitystatus", "Used"),
        ("marketoption", "OnDemand"),
        ("tenancy", tenancy),
        ("productFamily", family),
    ];
    let mut request = connection.pricing().get_products().service_code("AmazonEC2");
    for (field, value) in filters {
        let filter = Filter::builder().r#type(FilterType::TermMatch).field(field).value(value).build();
        let filter =
            filter.map_err(|cause| AwsError::Settings { message: format!("price list filter: {cause}") })?;
        request = request.filters(filter);
    }
    let currency = if connection.region.starts_with("cn-") { "CNY" } else { "USD" };
    let mut products = request.into_paginator().page_size(100).items().send();
    let mut prices = BTreeMap::new();
    while let Some(product) = products.next().await {
        let product = product.map_err(|error| AwsError::of("pricing:GetProducts", &error))?;
        if let Some((name, price)) = product_price(&product, currency) {
            prices.insert(name, price);
        }
    }
    Ok(prices)
}

/// Type and hourly price of a product of the price list; zero prices do not count, the last of several does.
fn product_price(product: &str, currency: &str) -> Option<(CompactString, f64)> {
    let product: Value = serde_json::from_str(product).ok()?;
    let name = product.pointer("/product/attributes/instanceType")?.as_str()?;
    let mut found = None;
    for term in product.pointer("/terms/OnDemand")?.as_object()?.values() {
        for dimension in term.get("priceDimensions")?.as_object()?.values() {
            let price = dimension.pointer(&format!("/pricePerUnit/{currency}")).and_then(Value::as_str);
            let price = price.and_then(|text| text.parse::<f64>().ok()).filter(|price| *price > 0.0);
            found = price.or(found);
        }
    }
    Some((name.into(), found?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_price_stands_deep_inside_a_product() {
        let product = |usd: &str| {
            format!(
                r#"{{"product": {{"attributes": {{"instanceType": "m5.large"}}}},
                "terms": {{"OnDemand": {{"A.B": {{"priceDimensions": {{
                "A.B.C": {{"pricePerUnit": {{"USD": "{usd}"}}}}}}}}}}}}}}"#
            )
        };
        assert_eq!(product_price(&product("0.0960000000"), "USD"), Some(("m5.large".into(), 0.096)));
        assert_eq!(product_price(&product("0.0000000000"), "USD"), None);
        assert_eq!(product_price(&product("0.096"), "CNY"), None);
        assert_eq!(product_price("{", "USD"), None);
    }
}

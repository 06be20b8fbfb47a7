//! SSM parameters, and the images they hold.

use std::collections::BTreeMap;

use compact_str::{CompactString, ToCompactString};
use karp_core::model::{AwsFacts, SsmParameter};

use super::reader::{Partly, Reader};
use crate::AwsError;

/// Names that one GetParameters call takes.
const PARAMETERS: usize = 10;
/// AWS's own parameters, which anybody may be allowed to read.
const PUBLIC: &str = "/aws/service/";

/// Parameters by name; without a value = there is no such parameter.
pub(super) async fn read(
    reader: &Reader,
    names: &[CompactString],
) -> Partly<BTreeMap<CompactString, SsmParameter>> {
    // One name that is not allowed fails its whole call, so the account's own are asked for apart.
    let (public, own): (Vec<CompactString>, Vec<CompactString>) =
        names.iter().cloned().partition(|name| name.starts_with(PUBLIC));
    let ask = async |names: &[CompactString]| {
        let names = names.iter().map(ToString::to_string).collect();
        let answer = reader.ssm.get_parameters().set_names(Some(names)).send().await;
        let answer = answer.map_err(|error| AwsError::of("ssm:GetParameters", &error))?;
        let mut found = Vec::new();
        for parameter in answer.parameters() {
            let value = parameter.value().map(CompactString::from);
            found.extend(parameter.name().map(|name| (CompactString::from(name), SsmParameter { value })));
        }
        let missing = answer.invalid_parameters().iter();
        found.extend(missing.map(|name| (name.to_compact_string(), SsmParameter { value: None })));
        Ok(found)
    };
    let ((public, first), (own, second)) =
        tokio::join!(reader.in_parts(&public, PARAMETERS, &ask), reader.in_parts(&own, PARAMETERS, &ask));
    (public.into_iter().chain(own).collect(), first.or(second))
}

/// Images that parameters hold and that were not read yet.
pub(super) fn images(facts: &AwsFacts) -> Vec<CompactString> {
    let values = facts.parameters.values().filter_map(|parameter| parameter.value.clone());
    let mut ids: Vec<CompactString> =
        values.filter(|value| value.starts_with("ami-") && !facts.images.contains_key(value)).collect();
    ids.sort();
    ids.dedup();
    ids
}

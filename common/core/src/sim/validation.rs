//! Pods the controller will not even try: what they ask for is not allowed, or their claims are not usable.
//!
//! Mirrors karpenter: pkg/controllers/provisioning/provisioner.go (`Validate`) and pkg/apis/v1/nodeclaim_validation.go.

use std::sync::Arc;

use compact_str::CompactString;
use rustc_hash::FxHashMap;

use super::preferences::Constraints;
use super::volumes::Storage;
use crate::model::{LabelProfile, Operator, Pod, PodSpec, label_key, parse_integer};
use crate::provider::CloudProvider;

/// Why a pod is ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// All errors, joined.
    pub text: String,
    /// The pod keeps away from Karpenter's nodes on purpose: nothing is published.
    pub silent: bool,
}

/// Checks pods. What the spec alone says is worked out once per spec: pods of one owner share theirs.
pub(super) struct Validator<'w> {
    provider: &'w dyn CloudProvider,
    storage: &'w Storage<'w>,
    of_specs: FxHashMap<*const PodSpec, SpecErrors>,
}

/// What is wrong with a spec.
struct SpecErrors {
    texts: Vec<String>,
    avoids: bool,
}

impl<'w> Validator<'w> {
    pub(super) fn new(provider: &'w dyn CloudProvider, storage: &'w Storage<'w>) -> Self {
        Self { provider, storage, of_specs: FxHashMap::default() }
    }

    /// All that is wrong with a pod. The specs of all pods must live as long as this.
    pub(super) fn validate(&mut self, pod: &Pod) -> Result<(), Refusal> {
        let of_spec = self
            .of_specs
            .entry(Arc::as_ptr(&pod.spec))
            .or_insert_with(|| spec_errors(&pod.spec, self.provider.labels()));
        let of_claims = self.storage.validate(pod, self.provider);
        if of_spec.texts.is_empty() && of_claims.is_ok() {
            return Ok(());
        }
        let mut errors = of_spec.texts.clone();
        errors.extend(of_claims.err());
        Err(Refusal { text: errors.join("; "), silent: of_spec.avoids })
    }
}

fn spec_errors(spec: &PodSpec, profile: &LabelProfile) -> SpecErrors {
    let constraints = Constraints::of(spec);
    let mut texts = Vec::new();
    let avoids = constraints
        .requirements(profile)
        .get(label_key::NODE_POOL)
        .is_some_and(|requirement| requirement.operator() == Operator::DoesNotExist);
    if avoids {
        texts.push(format!(
            "configured to not run on a Karpenter provisioned node (requirement={} DoesNotExist)",
            label_key::NODE_POOL
        ));
    }
    for (key, value) in constraints.node_selector.iter() {
        check(key, "In", &[value.into()], profile, &mut texts);
    }
    for term in constraints.required.iter().flatten() {
        if !term.match_fields.is_empty() {
            texts.push("node selector term with matchFields is not supported".to_owned());
        }
        for expression in &term.match_expressions {
            check(&expression.key, &expression.operator, &expression.values, profile, &mut texts);
        }
    }
    SpecErrors { texts, avoids }
}

const OPERATORS: [&str; 8] = ["Gte", "Lte", "In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"];
const CAPACITY_TYPES: [&str; 3] = ["on-demand", "reserved", "spot"];

/// Whether a requirement keeps the rules that hold for pods, NodePools and NodeOverlays.
pub(super) fn is_allowed(
    key: &str,
    operator: &str,
    values: &[CompactString],
    profile: &LabelProfile,
) -> bool {
    let mut errors = Vec::new();
    check(key, operator, values, profile, &mut errors);
    errors.is_empty()
}

/// One requirement, by the rules that also hold for NodePools.
fn check(
    key: &str,
    operator: &str,
    values: &[CompactString],
    profile: &LabelProfile,
    errors: &mut Vec<String>,
) {
    let key = profile.normalize(key);
    if !OPERATORS.contains(&operator) {
        errors.push(format!(
            "key {key} has an unsupported operator {operator} not in [{}]",
            OPERATORS.join(" ")
        ));
    }
    if profile.is_restricted(key) {
        let list = |names: &mut dyn Iterator<Item = &CompactString>| {
            names.map(CompactString::as_str).collect::<Vec<_>>().join(" ")
        };
        errors.push(format!(
            "using label {key} is not allowed as it might interfere with the internal provisioning logic; specify a well known label: [{}], or a custom label that does not use a restricted domain: [{}]",
            list(&mut profile.well_known.iter()),
            list(&mut profile.restricted_domains.iter()),
        ));
    }
    if key == label_key::CAPACITY_TYPE
        && operator == "In"
        && !values.iter().any(|value| CAPACITY_TYPES.contains(&value.as_str()))
    {
        let given = values.join(" ");
        errors.push(format!(
            "no valid values found in [{given}] for {key}, expected one of: map[on-demand:{{}} reserved:{{}} spot:{{}}], got: [{given}]"
        ));
    }
    errors.extend(
        qualified_name_errors(key)
            .into_iter()
            .map(|error| format!("key {key} is not a qualified name, {error}")),
    );
    for value in values {
        errors.extend(
            label_value_errors(value)
                .into_iter()
                .map(|error| format!("invalid value {value} for key {key}, {error}")),
        );
    }
    if operator == "In" && values.is_empty() {
        errors.push(format!("key {key} with operator {operator} must have a value defined"));
    }
    if matches!(operator, "Gt" | "Lt" | "Gte" | "Lte") {
        let good = matches!(values, [only] if parse_integer(only).is_some_and(|number| number >= 0));
        if !good {
            errors.push(format!(
                "key {key} with operator {operator} must have a single positive integer value"
            ));
        }
    }
}

const NAME_RULE: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
const NAME_PATTERN: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";

fn is_name(text: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let bytes = text.as_bytes();
    bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.iter().all(|byte| inside(*byte))
}

/// Texts of k8s.io/apimachinery `IsQualifiedName`.
fn qualified_name_errors(name: &str) -> Vec<String> {
    let mut errors = Vec::new();
    let parts: Vec<&str> = name.split('/').collect();
    let pattern =
        |examples: &str| format!("(e.g. {examples}, regex used for validation is '{NAME_PATTERN}')");
    let bare = match parts[..] {
        [bare] => bare,
        [prefix, bare] => {
            if prefix.is_empty() {
                errors.push("prefix part must be non-empty".to_owned());
            } else {
                errors
                    .extend(subdomain_errors(prefix).into_iter().map(|error| format!("prefix part {error}")));
            }
            bare
        }
        _ => {
            errors.push(format!(
                "a valid label key {NAME_RULE} {} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
                pattern("'MyName',  or 'my.name',  or '123-abc'")
            ));
            return errors;
        }
    };
    if bare.is_empty() {
        errors.push("name part must be non-empty".to_owned());
    } else if bare.len() > 63 {
        errors.push("name part must be no more than 63 bytes".to_owned());
    }
    if !is_name(bare) {
        errors.push(format!("name part {NAME_RULE} {}", pattern("'MyName',  or 'my.name',  or '123-abc'")));
    }
    errors
}

/// Texts of `IsDNS1123Subdomain`.
fn subdomain_errors(text: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if text.len() > 253 {
        errors.push("must be no more than 253 bytes".to_owned());
    }
    let label = |part: &str| {
        let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let bytes = part.as_bytes();
        bytes.first().is_some_and(|byte| good(*byte))
            && bytes.last().is_some_and(|byte| good(*byte))
            && bytes.iter().all(|byte| good(*byte) || *byte == b'-')
    };
    if !text.split('.').all(label) {
        errors.push("a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')".to_owned());
    }
    errors
}

/// Texts of `IsValidLabelValue`.
fn label_value_errors(value: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if value.len() > 63 {
        errors.push("must be no more than 63 bytes".to_owned());
    }
    if !value.is_empty() && !is_name(value) {
        errors.push(
            "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
                .to_owned(),
        );
    }
    errors
}

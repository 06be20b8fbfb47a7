//! Requirements: one requirement per label key, and when two such sets agree.
//!
//! Mirrors karpenter: pkg/scheduling/requirements.go. Where Go iterates a map, keys come in byte order.

use std::fmt;

use compact_str::CompactString;

use super::{LabelProfile, Labels, Operator, Requirement, RequirementSpec};

/// Which keys the existing side may leave open.
#[derive(Debug, Clone, Copy)]
pub enum AllowUndefined<'a> {
    /// None: existing nodes, node filters, overlays.
    Nothing,
    /// The well-known ones: templates, open NodeClaims, offerings.
    WellKnown(&'a LabelProfile),
}

impl AllowUndefined<'_> {
    fn allows(self, key: &str) -> bool {
        match self {
            AllowUndefined::Nothing => false,
            AllowUndefined::WellKnown(profile) => profile.is_well_known(key),
        }
    }
}

/// Why two sets do not agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incompatible {
    /// The incoming side wants a key that the existing side does not have.
    Undefined {
        /// The key.
        key: CompactString,
        /// A key that may have been meant.
        typo_of: Option<CompactString>,
    },
    /// Keys whose values do not overlap: (incoming, existing), in order of key.
    Disjoint(Vec<(Requirement, Requirement)>),
}

impl fmt::Display for Incompatible {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Incompatible::Undefined { key, typo_of } => {
                write!(out, "label \"{key}\" does not have known values")?;
                typo_of.iter().try_for_each(|candidate| write!(out, " (typo of \"{candidate}\"?)"))
            }
            Incompatible::Disjoint(pairs) => {
                for (position, (incoming, existing)) in pairs.iter().enumerate() {
                    let separator = if position == 0 { "" } else { "; " };
                    write!(out, "{separator}key {}, {incoming} not in {existing}", incoming.key)?;
                }
                Ok(())
            }
        }
    }
}

/// One requirement per key, in order of key. A vector: sets are small, there are thousands, and they are walked
/// far more often than changed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Requirements(Vec<Requirement>);

impl Requirements {
    /// No requirement: everything is allowed.
    pub fn new() -> Self {
        Self::default()
    }

    /// One `In` requirement per label, keys and values normalised.
    pub fn from_labels(labels: &Labels, profile: &LabelProfile) -> Self {
        let mut all = Self::new();
        for (key, value) in labels.iter() {
            let key = profile.normalize(key);
            all.add(Requirement::allow(key, [profile.normalize_value(key, value)]));
        }
        all
    }

    /// From what an object says.
    pub fn from_specs<'a>(
        specs: impl IntoIterator<Item = &'a RequirementSpec>,
        profile: &LabelProfile,
    ) -> Self {
        specs.into_iter().map(|spec| Requirement::from_spec(spec, profile)).collect()
    }

    /// Where a key is, or where it would be.
    fn position(&self, key: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|mine| mine.key.as_str().cmp(key))
    }

    /// Narrows by one more requirement.
    pub fn add(&mut self, requirement: Requirement) {
        match self.position(&requirement.key) {
            Ok(at) => self.0[at] = self.0[at].intersection(&requirement),
            Err(at) => self.0.insert(at, requirement),
        }
    }

    /// Narrows by all of `other`.
    pub fn add_all(&mut self, other: &Requirements) {
        other.iter().for_each(|requirement| self.add(requirement.clone()));
    }

    /// Replaces whatever stands for this key.
    pub fn set(&mut self, requirement: Requirement) {
        match self.position(&requirement.key) {
            Ok(at) => self.0[at] = requirement,
            Err(at) => self.0.insert(at, requirement),
        }
    }

    /// Forgets a key.
    pub fn remove(&mut self, key: &str) -> Option<Requirement> {
        self.position(key).ok().map(|at| self.0.remove(at))
    }

    /// The requirement of a key, where there is one.
    pub fn get(&self, key: &str) -> Option<&Requirement> {
        self.position(key).ok().map(|at| &self.0[at])
    }

    /// Changes the requirement of a key in place, all but the key.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Requirement> {
        self.position(key).ok().map(|at| &mut self.0[at])
    }

    /// Whether the key is present.
    pub fn has(&self, key: &str) -> bool {
        self.position(key).is_ok()
    }

    /// In order of key.
    pub fn iter(&self) -> impl Iterator<Item = &Requirement> {
        self.0.iter()
    }

    /// Keys in order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|requirement| requirement.key.as_str())
    }

    /// Whether nothing is required.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether any key asks for a number of different values.
    pub fn has_min_values(&self) -> bool {
        self.iter().any(|requirement| requirement.min_values.is_some())
    }

    /// Checks every key present on both sides. Two sides that both accept absence (`NotIn`, `DoesNotExist`)
    /// agree even without a common value.
    ///
    /// # Errors
    /// All keys that do not overlap.
    pub fn intersects(&self, incoming: &Requirements) -> Result<(), Incompatible> {
        let accepts_absence = |requirement: &Requirement| {
            matches!(requirement.operator(), Operator::NotIn | Operator::DoesNotExist)
        };
        let failing: Vec<_> = incoming
            .iter()
            .filter_map(|theirs| self.get(&theirs.key).map(|mine| (theirs, mine)))
            .filter(|(theirs, mine)| !mine.has_intersection(theirs))
            .filter(|(theirs, mine)| !(accepts_absence(theirs) && accepts_absence(mine)))
            .map(|(theirs, mine)| (theirs.clone(), mine.clone()))
            .collect();
        if failing.is_empty() { Ok(()) } else { Err(Incompatible::Disjoint(failing)) }
    }

    /// Whether a node of these requirements can serve `incoming`: a key that this side leaves open must be
    /// allowed to stay open, or the incoming side must accept absence; then the keys of both must intersect.
    /// Not symmetric.
    ///
    /// # Errors
    /// The first undefined key (byte order), else all disjoint keys.
    pub fn compatible(
        &self,
        incoming: &Requirements,
        undefined: AllowUndefined<'_>,
    ) -> Result<(), Incompatible> {
        for theirs in incoming.iter() {
            let open = undefined.allows(&theirs.key)
                || self.has(&theirs.key)
                || matches!(theirs.operator(), Operator::NotIn | Operator::DoesNotExist);
            if !open {
                let typo_of = self.typo_hint(&theirs.key, undefined);
                return Err(Incompatible::Undefined { key: theirs.key.clone(), typo_of });
            }
        }
        self.intersects(incoming)
    }

    /// The first known key that contains the wrong one, or ends in its suffix.
    fn typo_hint(&self, wrong: &str, undefined: AllowUndefined<'_>) -> Option<CompactString> {
        let suffix = wrong.split_once('/').map_or(wrong, |(_, suffix)| suffix);
        let resembles = |candidate: &&CompactString| candidate.contains(wrong) || candidate.ends_with(suffix);
        let allowed = match undefined {
            AllowUndefined::Nothing => None,
            AllowUndefined::WellKnown(profile) => profile.well_known.iter().find(resembles),
        };
        allowed.or_else(|| self.0.iter().map(|mine| &mine.key).find(resembles)).cloned()
    }

    /// Karpenter's text of the whole set: restricted keys (hostname) left out, each rendered, sorted, joined.
    pub fn text(&self, profile: &LabelProfile) -> String {
        let mut parts: Vec<String> = self
            .iter()
            .filter(|requirement| !profile.restricted.contains(&requirement.key))
            .map(ToString::to_string)
            .collect();
        parts.sort();
        parts.join(", ")
    }
}

impl FromIterator<Requirement> for Requirements {
    fn from_iter<I: IntoIterator<Item = Requirement>>(requirements: I) -> Self {
        let mut all = Self::new();
        requirements.into_iter().for_each(|requirement| all.add(requirement));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::label_key as key;
    use Operator::*;

    fn one(operator: Operator, values: &[&str]) -> Requirements {
        [Requirement::new(key::ZONE, operator, values.iter().copied())].into_iter().collect()
    }

    #[test]
    fn rq_01_every_cell_of_the_truth_table() {
        let profile = LabelProfile::core();
        let incoming = [
            ("-", Requirements::new()),
            ("Exists", one(Exists, &[])),
            ("DoesNotExist", one(DoesNotExist, &[])),
            ("In A", one(In, &["A"])),
            ("In B", one(In, &["B"])),
            ("NotIn A", one(NotIn, &["A"])),
            ("Gt 1", one(Gt, &["1"])),
            ("Lt 1", one(Lt, &["1"])),
        ];
        let well_known = AllowUndefined::WellKnown(&profile);
        for (existing_name, existing, undefined, row) in [
            ("- allowed", Requirements::new(), well_known, "++++++++"),
            ("- strict", Requirements::new(), AllowUndefined::Nothing, "+-+--+--"),
            ("Exists", one(Exists, &[]), well_known, "++-+++++"),
            ("DoesNotExist", one(DoesNotExist, &[]), well_known, "+-+--+--"),
            ("In A", one(In, &["A"]), well_known, "++-+----"),
            ("In 9", one(In, &["9"]), well_known, "++---++-"),
            ("NotIn A", one(NotIn, &["A"]), well_known, "+++-++++"),
            ("Gt 1", one(Gt, &["1"]), well_known, "++---++-"),
        ] {
            for ((incoming_name, incoming), expected) in incoming.iter().zip(row.chars()) {
                let outcome = existing.compatible(incoming, undefined);
                assert_eq!(
                    outcome.is_ok(),
                    expected == '+',
                    "{existing_name} against {incoming_name}: {outcome:?}"
                );
            }
        }
    }

    #[test]
    fn rq_08_typo_hints() {
        let profile = LabelProfile::core();
        for (wrong, meant) in [
            ("zone", Some(key::ZONE)),
            ("region", Some(key::REGION)),
            ("nodepool", Some(key::NODE_POOL)),
            ("instance-type", Some(key::INSTANCE_TYPE)),
            ("arch", Some(key::ARCH)),
            ("capacity-type", Some(key::CAPACITY_TYPE)),
            ("topology.kubernetesio/zone", Some(key::ZONE)),
            ("node.io/zone", Some(key::ZONE)),
            ("topology.kubernetes.io/regio", Some(key::REGION)),
            ("karpenter/nodepool", Some(key::NODE_POOL)),
            ("deployment", None),
        ] {
            let incoming: Requirements = [Requirement::exists(wrong)].into_iter().collect();
            let error =
                Requirements::new().compatible(&incoming, AllowUndefined::WellKnown(&profile)).unwrap_err();
            let hint = meant.map(|meant| format!(" (typo of \"{meant}\"?)")).unwrap_or_default();
            assert_eq!(error.to_string(), format!("label \"{wrong}\" does not have known values{hint}"));
        }
    }
}

//! Price of one or more nodes an hour: what is known, what is a ceiling, what EC2 decides.

use serde::Serialize;

use crate::model::PriceKind;

/// US dollars an hour of one or more nodes. The numbers are exact sums; rounding is the printer's.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PriceRange {
    /// At the cheapest offering of every node; with kind `ceiling` never above this. None = nothing is known.
    pub usd: Option<f64>,
    /// The least it can be; none while a part of it is a ceiling or unknown.
    pub low_usd: Option<f64>,
    /// The most it can be, whichever offering EC2 picks; none while a part of it is unknown.
    pub high_usd: Option<f64>,
    /// What is known of it.
    #[serde(serialize_with = "kind_word")]
    pub kind: Option<PriceKind>,
    /// Nodes whose price is not known; they are in no number.
    pub unknown_nodes: usize,
}

impl PriceRange {
    /// Nothing to pay.
    pub const NOTHING: PriceRange =
        PriceRange { usd: Some(0.0), low_usd: Some(0.0), high_usd: Some(0.0), kind: None, unknown_nodes: 0 };

    /// One node of which no price is known.
    pub const UNKNOWN: PriceRange = PriceRange {
        usd: None,
        low_usd: None,
        high_usd: None,
        kind: Some(PriceKind::Unknown),
        unknown_nodes: 1,
    };

    /// One node: its cheapest and its dearest offering, of this kind.
    pub fn of_node(cheapest: f64, dearest: f64, kind: PriceKind) -> Self {
        if kind == PriceKind::Unknown || !cheapest.is_finite() {
            return Self::UNKNOWN;
        }
        let known = kind != PriceKind::Ceiling;
        Self {
            usd: Some(cheapest),
            low_usd: known.then_some(cheapest),
            high_usd: dearest.is_finite().then_some(dearest),
            kind: Some(kind),
            unknown_nodes: 0,
        }
    }

    /// Both together. A ceiling makes the sum a ceiling; a node of unknown price is counted, not added.
    #[must_use]
    pub fn plus(self, other: PriceRange) -> Self {
        let add = |a: Option<f64>, b: Option<f64>| Some(a? + b?);
        let usd = match (self.usd, other.usd) {
            (Some(a), Some(b)) => Some(a + b),
            (one, none) => one.or(none),
        };
        Self {
            usd,
            low_usd: add(self.low_usd, other.low_usd),
            high_usd: add(self.high_usd, other.high_usd),
            kind: less_certain(self.kind, other.kind),
            unknown_nodes: self.unknown_nodes + other.unknown_nodes,
        }
    }

    /// Whether the number is a ceiling.
    pub fn is_ceiling(&self) -> bool {
        self.kind == Some(PriceKind::Ceiling)
    }
}

/// Of two kinds the one that says less: unknown nodes are counted apart, so a number beside them keeps its kind.
fn less_certain(a: Option<PriceKind>, b: Option<PriceKind>) -> Option<PriceKind> {
    let rank = |kind: &PriceKind| match kind {
        PriceKind::Unknown => 0,
        PriceKind::Reserved => 1,
        PriceKind::List => 2,
        PriceKind::Overlay => 3,
        PriceKind::Spot => 4,
        PriceKind::Ceiling => 5,
    };
    [a, b].into_iter().flatten().max_by_key(rank)
}

/// The word of a kind in JSON.
pub const fn kind_name(kind: PriceKind) -> &'static str {
    match kind {
        PriceKind::Spot => "spot",
        PriceKind::List => "list",
        PriceKind::Ceiling => "ceiling",
        PriceKind::Reserved => "reserved",
        PriceKind::Overlay => "overlay",
        PriceKind::Unknown => "unknown",
    }
}

fn kind_word<S: serde::Serializer>(kind: &Option<PriceKind>, serializer: S) -> Result<S::Ok, S::Error> {
    match kind {
        Some(kind) => serializer.serialize_str(kind_name(*kind)),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_say_what_they_are() {
        let spot = PriceRange::of_node(0.25, 0.5, PriceKind::Spot);
        let list = PriceRange::of_node(1.0, 1.0, PriceKind::List);
        let ceiling = PriceRange::of_node(2.0, 4.0, PriceKind::Ceiling);
        for (name, sum, usd, low, high, kind) in [
            ("nothing and spot", PriceRange::NOTHING.plus(spot), 0.25, Some(0.25), Some(0.5), "spot"),
            ("spot and list", spot.plus(list), 1.25, Some(1.25), Some(1.5), "spot"),
            ("spot and ceiling", spot.plus(ceiling), 2.25, None, Some(4.5), "ceiling"),
            ("list and unknown", list.plus(PriceRange::UNKNOWN), 1.0, None, None, "list"),
        ] {
            assert_eq!(sum.usd, Some(usd), "{name}");
            assert_eq!((sum.low_usd, sum.high_usd), (low, high), "{name}");
            assert_eq!(sum.kind.map(kind_name), Some(kind), "{name}");
        }
        assert_eq!(list.plus(PriceRange::UNKNOWN).unknown_nodes, 1);
    }
}

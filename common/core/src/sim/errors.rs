//! Why a pod found no place, kept as numbers until a text is needed.
//!
//! The loop tries hopeless pods many times and nearly all errors are thrown away; topology errors even have to be
//! worded after the loop, since their counts are the final ones. Texts are the controller's, to the letter.

use super::packed::{ReqId, SetId, Value};
use super::topology::Side;

/// Why an attempt failed as a whole.
#[derive(Debug, Clone)]
pub(super) enum AttemptError {
    /// The pod claims devices.
    Devices,
    /// Its volumes could not be looked up.
    Volumes(String),
    /// No NodePool's template has instance types.
    NoTemplates,
    /// Every template failed, in order.
    Templates {
        /// View that was tried.
        view: usize,
        /// Template and error.
        errors: Vec<(usize, ClaimError)>,
    },
    /// Its claim could not keep minValues after truncation: the finished text.
    Truncated(String),
}

impl AttemptError {
    /// Whether it only defers: nothing is relaxed, nothing published.
    pub(super) fn is_deferral(&self) -> bool {
        matches!(self, AttemptError::Templates { errors, .. }
            if errors.iter().any(|(_, error)| matches!(error, ClaimError::Reserved(_))))
    }
}

/// Why a pod cannot go onto one claim.
#[derive(Debug, Clone)]
pub(super) enum ClaimError {
    /// `limits.nodes` is used up.
    NodesExhausted,
    /// No type fits what the limits leave.
    TypesExceedLimits,
    /// Taints not tolerated.
    Taints,
    /// No type can attach that many volumes: driver, count, largest limit, where one driver is to blame.
    VolumeLimit(Option<(String, usize, i64)>),
    /// Labels do not agree.
    Requirements(Side),
    /// Where the volumes are does not agree; with the position of the alternative.
    Volumes(Side, usize),
    /// A topology constraint leaves no domain.
    Topology(TopologyError),
    /// What topology chose does not agree.
    TopologyClash(Side, SetId),
    /// No instance type is left.
    Types(Box<TypesError>),
    /// No instance type is left of an open claim; whether that can never change.
    Full(bool),
    /// Reserved capacity is short.
    Reserved(Reserved),
    /// Every reservation is full, and simulations fall through to other NodePools.
    OnlyFullReservations,
}

/// A constraint that leaves no domain.
#[derive(Debug, Clone, Copy)]
pub(super) struct TopologyError {
    pub group: usize,
    /// What the pod demands of the key.
    pub pod: Option<ReqId>,
    /// What the node is known to be.
    pub node: Option<ReqId>,
    /// Its host name, where the constraint is about hosts.
    pub host: Option<Value>,
}

/// No instance type is left: which criteria at least one type met.
#[derive(Debug, Clone)]
pub(super) struct TypesError {
    pub set: SetId,
    pub compatible: bool,
    pub fits: bool,
    pub offered: bool,
    /// Some type fits, with an offering, but its labels do not agree.
    pub fits_elsewhere: bool,
    /// Some type agrees and is offered, but has no room.
    pub agrees_but_small: bool,
    /// Keys whose minValues are not met.
    pub unmet: Vec<String>,
    /// Daemon groups that were looked at.
    pub groups: Vec<usize>,
}

/// Reserved capacity is short.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reserved {
    /// Others of this loop hold all of it.
    Taken,
    /// Every reservation is full.
    Full,
    /// The claim would lose what it holds.
    WouldLose,
}

impl Reserved {
    pub(super) fn text(self) -> &'static str {
        match self {
            Reserved::Taken => {
                "one or more instance types with compatible reserved offerings are available, but could not be reserved"
            }
            Reserved::Full => {
                "all compatible reserved offerings are full and no on-demand or spot fallback is available"
            }
            Reserved::WouldLose => {
                "satisfying updated nodeclaim constraints would remove all compatible reserved offering options"
            }
        }
    }
}

impl TypesError {
    /// The first sentence.
    pub(super) fn headline(&self) -> &'static str {
        match (self.compatible, self.fits, self.offered) {
            (false, false, false) => {
                "no instance type met the scheduling requirements or had enough resources or had a required offering"
            }
            (false, false, true) => {
                "no instance type met the scheduling requirements or had enough resources"
            }
            (false, true, false) => {
                "no instance type met the scheduling requirements or had a required offering"
            }
            (true, false, false) => "no instance type had enough resources or had a required offering",
            (false, true, true) => "no instance type met all requirements",
            (true, false, true) => "no instance type has enough resources",
            (true, true, false) => "no instance type has the required offering",
            (true, true, true) if self.fits_elsewhere => {
                "no instance type which had enough resources and the required offering met the scheduling requirements"
            }
            (true, true, true) if self.agrees_but_small => {
                "no instance type which met the scheduling requirements and the required offering had the required resources"
            }
            (true, true, true) => "no instance type met the requirements/resources/offering tuple",
        }
    }
}

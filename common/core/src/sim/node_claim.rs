//! New nodes: whether a pod can join an open claim, and opening one.
//!
//! Mirrors karpenter: pkg/controllers/provisioning/scheduling/{nodeclaim,reservationmanager}.go and scheduler.go
//! (`addToInflightNode`, `addToNewNodeClaim`).

use std::rc::Rc;

use super::amounts;
use super::bits::Bits;
use super::errors::{AttemptError, ClaimError, Reserved, TypesError};
use super::host_ports::conflict;
use super::packed::{HOSTNAME, Open, SetId, Value};
use super::scheduler::{Claim, Placed, Placement, Scheduler};
use super::topology::Side;
use super::volumes::{self, Volumes};
use crate::model::{MinValuesPolicy, tolerates_all};

impl Scheduler<'_> {
    /// Position of the first open claim that takes the pod. Their errors are never shown.
    ///
    /// Nearly always one of the first takes it. Where not, nearly all may have refused it before (hosts it has been
    /// spread over, say): then only those that did not are gone through, in the same order.
    pub(super) fn find_claim(&mut self, class: usize, view: usize) -> Option<(usize, Placement)> {
        const FIRST: usize = 64;
        const FEW: usize = 16;
        self.views[view].refused_claims.catch_up(&self.relabelled_claims);
        let all = self.order.len();
        for position in 0..all.min(FIRST) {
            if let Some(placement) = self.try_claim(self.order.claim(position), class, view) {
                return Some((position, placement));
            }
        }
        let refusals = &mut self.views[view].refused_claims;
        if (all - refusals.places.len()) * FEW > all {
            return (FIRST..all).find_map(|position| {
                let placement = self.try_claim(self.order.claim(position), class, view)?;
                Some((position, placement))
            });
        }
        refusals.list_open(self.claims.len());
        let mut open = refusals.open.clone();
        open.sort_unstable_by_key(|claim| self.order.key(*claim as usize));
        open.into_iter().find_map(|claim| {
            let placement = self.try_claim(claim as usize, class, view)?;
            Some((self.order.position(claim as usize), placement))
        })
    }

    /// Whether an open claim takes the pod; remembered where it refuses it until its labels change.
    fn try_claim(&mut self, claim: usize, class: usize, view: usize) -> Option<Placement> {
        if self.views[view].refused_claims.places.contains(claim) {
            return None;
        }
        if !self.host_admits(view, self.claims[claim].host) {
            self.views[view].refused_claims.places.insert(claim);
            return None;
        }
        // The claim is taken out while it is looked at: checking changes only what is remembered.
        let at = std::mem::replace(&mut self.claims[claim], Claim::nowhere());
        let result = self.claim_can_add(&at, class, view, Purpose::Open);
        self.claims[claim] = at;
        let error = match result {
            Ok(placement) => return Some(placement),
            Err(error) => error,
        };
        let several = self.classes[class].alternatives.len() > 1;
        let refused = match error {
            ClaimError::Taints | ClaimError::VolumeLimit(_) | ClaimError::Requirements(_) => true,
            ClaimError::Full(for_good) => for_good && !several,
            _ => false,
        };
        if refused {
            self.views[view].refused_claims.places.insert(claim);
        }
        None
    }

    /// Opens a claim from the first template that can.
    pub(super) fn open_claim(
        &mut self,
        pod: usize,
        class: usize,
        view: usize,
    ) -> Result<Placed, AttemptError> {
        let may_relax = self.settings.min_values_policy == MinValuesPolicy::BestEffort;
        let mut errors = Vec::new();
        for template in 0..self.templates.len() {
            let types = match self.types_within_limits(template) {
                Ok(types) => types,
                Err(error) => {
                    errors.push((template, error));
                    continue;
                }
            };
            self.attempts += 1;
            let host = self.interner.value(HOSTNAME, &format!("hostname-placeholder-{:04}", self.attempts));
            let of = &self.templates[template];
            let claim = Claim {
                template,
                host,
                set: of.set,
                types: (*types).clone(),
                requested: vec![0; self.columns.len()].into_boxed_slice(),
                ports: of.groups.iter().map(|group| group.ports.clone()).collect(),
                volumes: Volumes::new(),
                reserved: Vec::new(),
                pods: Vec::new(),
                known_groups: 0,
            };
            match self.claim_can_add(&claim, class, view, Purpose::New { may_relax }) {
                Ok(placement) => {
                    self.templates[template].min_values_relaxed = Some(placement.relaxed);
                    let position = self.claims.len();
                    self.claims.push(claim);
                    self.place_on_claim(pod, class, position, placement);
                    self.order.opened(position);
                    self.take_from_limits(position);
                    return Ok(Placed::Claim(position));
                }
                Err(error) => {
                    let stops = matches!(error, ClaimError::Reserved(_));
                    errors.push((template, error));
                    if stops {
                        break;
                    }
                }
            }
        }
        Err(AttemptError::Templates { view, errors })
    }

    /// Types of a template whose capacity fits into what the NodePool's limits leave.
    fn types_within_limits(&mut self, template: usize) -> Result<Rc<Bits>, ClaimError> {
        let of = &self.templates[template];
        let limits = &self.limits[of.pool];
        let exhausted = limits.iter().any(|(column, left)| Some(*column) == self.nodes_column && *left == 0);
        if exhausted {
            return Err(ClaimError::NodesExhausted);
        }
        let types = match &of.within_limits {
            Some(types) => Rc::clone(types),
            None => {
                let capacity = &self.lists[of.list].capacity;
                let mut types = Bits::none(capacity.len());
                of.types
                    .iter()
                    .filter(|at| limits.iter().all(|(column, left)| capacity[*at][*column] <= *left))
                    .for_each(|at| types.insert(at));
                let types = Rc::new(types);
                self.templates[template].within_limits = Some(Rc::clone(&types));
                types
            }
        };
        if types.is_empty() { Err(ClaimError::TypesExceedLimits) } else { Ok(types) }
    }

    /// A claim that opens takes the largest capacity it might get.
    fn take_from_limits(&mut self, claim: usize) {
        let template = self.claims[claim].template;
        let (list, pool) = (self.templates[template].list, self.templates[template].pool);
        if self.limits[pool].is_empty() {
            return;
        }
        let of = &self.templates[template];
        let list = &self.lists[list];
        let mut spacious = true;
        for (column, left) in &mut self.limits[pool] {
            let most = list.largest_capacity(*column, &self.claims[claim].types);
            *left = left.saturating_sub(most);
            spacious &= *left >= list.largest_capacity(*column, &of.types);
        }
        if !spacious {
            self.templates[template].within_limits = None;
        }
    }

    pub(super) fn place_on_claim(&mut self, pod: usize, class: usize, claim: usize, placement: Placement) {
        let of_class = &self.classes[class];
        let at = &mut self.claims[claim];
        at.pods.push(pod);
        at.types = placement.types;
        amounts::add(&mut at.requested, &of_class.amounts);
        if at.set != placement.set {
            at.set = placement.set;
            self.relabelled_claims.push(claim as u32);
        }
        if let Some(volumes) = placement.volumes {
            at.volumes = volumes;
        }
        for ports in &mut at.ports {
            ports.extend(of_class.ports.iter().cloned());
        }
        for reservation in &placement.reserved {
            if !at.reserved.contains(reservation) {
                self.reservations[*reservation] -= 1;
            }
        }
        for reservation in &at.reserved {
            if !placement.reserved.contains(reservation) {
                self.reservations[*reservation] += 1;
            }
        }
        at.reserved = placement.reserved;
        let side = Side { set: at.set, host: Some(at.host) };
        self.topology.register_host(at.host, at.known_groups, &self.interner);
        at.known_groups = self.topology.groups.len();
        self.topology.record(
            of_class.label_class,
            &of_class.inverse_owned,
            self.templates[at.template].taints,
            side,
            &self.interner,
        );
        self.remember_ties(pod);
    }

    /// Whether a claim takes a pod, and what is left of it then.
    pub(super) fn claim_can_add(
        &mut self,
        claim: &Claim,
        class: usize,
        view: usize,
        purpose: Purpose,
    ) -> Result<Placement, ClaimError> {
        let template = &self.templates[claim.template];
        let (of_class, of_view) = (&self.classes[class], &self.views[view]);
        if !tolerates_all(template.taints, &of_view.constraints.tolerations) {
            return Err(ClaimError::Taints);
        }
        let (volumes, attachable) = self.attachable(claim, class)?;
        let demand = of_view.demand;
        let host = Some(claim.host);
        let side = Side { set: claim.set, host };
        if demand.host.is_some_and(|wanted| !self.interner.has(wanted, claim.host)) {
            return Err(ClaimError::Requirements(side));
        }
        let base = self
            .interner
            .combine(claim.set, demand.rest, Open::WellKnown)
            .ok_or(ClaimError::Requirements(side))?;
        let types = attachable.as_ref().unwrap_or(&claim.types);
        let alternatives = of_class.alternatives.len();
        let mut result = if alternatives == 0 {
            self.try_alternative(claim, class, view, Side { set: base, host }, types, purpose)
        } else {
            let mut last = Err(ClaimError::Taints);
            for position in 0..alternatives {
                let wanted = self.classes[class].alternatives[position];
                let side = Side { set: base, host };
                let on_host = wanted.host.is_none_or(|wanted| self.interner.has(wanted, claim.host));
                let set = self.interner.combine(base, wanted.rest, Open::WellKnown).filter(|_| on_host);
                last = match set {
                    None => Err(ClaimError::Volumes(side, position)),
                    Some(set) => self.try_alternative(claim, class, view, Side { set, host }, types, purpose),
                };
                if last.is_ok() {
                    break;
                }
            }
            last
        };
        if let Ok(placement) = &mut result {
            placement.volumes = volumes;
        }
        result
    }

    fn try_alternative(
        &mut self,
        claim: &Claim,
        class: usize,
        view: usize,
        side: Side,
        types: &Bits,
        purpose: Purpose,
    ) -> Result<Placement, ClaimError> {
        let set = self.tighten(view, side, Open::WellKnown)?;
        let narrowed = set != side.set;
        let (set, types, relaxed) =
            self.filter_types(claim, class, set, types, purpose).map_err(|error| match error {
                ClaimError::Full(_) => ClaimError::Full(!narrowed),
                error => error,
            })?;
        let reserved = self.reserve(claim, &types, set)?;
        Ok(Placement { set, types, reserved, volumes: None, relaxed })
    }

    /// Types that agree, have room and are offered; with the requirements, of which minValues may be lowered.
    fn filter_types(
        &mut self,
        claim: &Claim,
        class: usize,
        set: SetId,
        types: &Bits,
        purpose: Purpose,
    ) -> Result<(SetId, Bits, bool), ClaimError> {
        let template = &self.templates[claim.template];
        let list = &mut self.lists[template.list];
        let facts = list.facts(set, &self.interner);
        let of_class = &self.classes[class];
        let mut remaining: Option<Bits> = None;
        for (position, of_group) in template.group_types.iter().enumerate() {
            if conflict(&claim.ports[position], &of_class.ports) {
                continue;
            }
            let total = [&*claim.requested, &*of_class.amounts, &*template.group_rows[position]];
            let mut fits = list.fitting(total, &facts);
            fits.keep(of_group);
            fits.keep(types);
            fits.keep(&facts.compatible);
            match &mut remaining {
                Some(remaining) => remaining.extend(&fits),
                None => remaining = Some(fits),
            }
        }
        let remaining = remaining.filter(|remaining| !remaining.is_empty());
        let unmet = remaining
            .as_ref()
            .map(|remaining| list.unmet_min_values(remaining, set, &self.interner, self.rules))
            .unwrap_or_default();
        match remaining {
            Some(remaining) if unmet.is_empty() => Ok((set, remaining, false)),
            Some(remaining) if matches!(purpose, Purpose::New { may_relax: true }) => {
                let mut set = set;
                for (key, count) in &unmet {
                    if let Some(requirement) = self.interner.lookup(set, *key) {
                        let mut lowered = self.interner.get(requirement).clone();
                        lowered.min_values = Some(*count);
                        let lowered = self.interner.requirement(lowered);
                        set = self.interner.replaced(set, lowered);
                    }
                }
                Ok((set, remaining, true))
            }
            _ if purpose == Purpose::Open => Err(ClaimError::Full(true)),
            _ => {
                let unmet = unmet.iter().map(|(key, _)| self.interner.key_name(*key).to_string()).collect();
                Err(ClaimError::Types(Box::new(self.types_error(claim, class, set, types, unmet))))
            }
        }
    }

    /// Which criteria the types met, one by one and together.
    fn types_error(
        &mut self,
        claim: &Claim,
        class: usize,
        set: SetId,
        types: &Bits,
        unmet: Vec<String>,
    ) -> TypesError {
        let template = &self.templates[claim.template];
        let list = &mut self.lists[template.list];
        let facts = list.facts(set, &self.interner);
        let of_class = &self.classes[class];
        let (mut evaluated, mut fitting) = (Bits::none(list.len()), Bits::none(list.len()));
        let mut groups = Vec::new();
        for (position, of_group) in template.group_types.iter().enumerate() {
            if conflict(&claim.ports[position], &of_class.ports) {
                continue;
            }
            groups.push(position);
            let total = [&*claim.requested, &*of_class.amounts, &*template.group_rows[position]];
            let mut fits = list.fitting(total, &facts);
            fits.keep(of_group);
            fits.keep(types);
            fitting.extend(&fits);
            let mut of_group = of_group.clone();
            of_group.keep(types);
            evaluated.extend(&of_group);
        }
        let mut elsewhere = fitting.clone();
        elsewhere.remove_all(&facts.compatible);
        let mut small = evaluated.clone();
        small.keep(&facts.compatible);
        small.keep(&facts.offered);
        small.remove_all(&fitting);
        TypesError {
            set,
            compatible: evaluated.meets(&facts.compatible),
            fits: !fitting.is_empty(),
            offered: evaluated.meets(&facts.offered),
            fits_elsewhere: !elsewhere.is_empty(),
            agrees_but_small: !small.is_empty(),
            unmet,
            groups,
        }
    }

    /// The reservations the claim would hold one unit of each.
    fn reserve(&mut self, claim: &Claim, types: &Bits, set: SetId) -> Result<Vec<usize>, ClaimError> {
        if self.reservations.is_empty() || !self.settings.gate("ReservedCapacity") {
            return Ok(Vec::new());
        }
        let knows_full = self.rules.full_reservations_stay_available();
        let (mut fallback, mut full, mut with_capacity) = (false, false, false);
        let mut taken = Vec::new();
        let list = &mut self.lists[self.templates[claim.template].list];
        let facts = list.facts(set, &self.interner);
        let offerings = types.iter().flat_map(|at| &list.offerings[at]);
        for offering in offerings.filter(|offering| offering.available) {
            if !offering.reserved && (!knows_full || fallback) {
                continue;
            }
            if !facts.kinds.contains(offering.kind) {
                continue;
            }
            let Some(reservation) = offering.reservation else {
                fallback = true;
                continue;
            };
            if knows_full && offering.reservation_capacity == 0 && self.credited != Some(reservation) {
                full = true;
                continue;
            }
            with_capacity = true;
            let can = claim.reserved.contains(&reservation) || self.reservations[reservation] > 0;
            if can && !taken.contains(&reservation) {
                taken.push(reservation);
            }
        }
        let strict = self.strict_reserved;
        if full && !with_capacity && !fallback && !strict {
            return Err(ClaimError::OnlyFullReservations);
        }
        let refusal = if strict && with_capacity && taken.is_empty() {
            Some(Reserved::Taken)
        } else if full && !with_capacity && !fallback && strict {
            Some(Reserved::Full)
        } else if strict && !claim.reserved.is_empty() && taken.is_empty() {
            Some(Reserved::WouldLose)
        } else {
            None
        };
        match refusal {
            Some(refusal) => Err(ClaimError::Reserved(refusal)),
            None => Ok(taken),
        }
    }

    /// The volumes the claim would have, and the types that can attach them; nothing where there is no check.
    fn attachable(&self, claim: &Claim, class: usize) -> Result<(Option<Volumes>, Option<Bits>), ClaimError> {
        let Ok(wanted) = &self.classes[class].volumes else { return Ok((None, None)) };
        if wanted.is_empty() || !self.rules.limits_volumes_by_instance_type() {
            return Ok((None, None));
        }
        let mut prospective = claim.volumes.clone();
        volumes::extend(&mut prospective, wanted);
        let list = &self.lists[self.templates[claim.template].list];
        let limit = |at: usize, driver: &str| list.types[at].volume_attachment_limits.get(driver).copied();
        let mut types = Bits::none(list.len());
        for at in claim.types.iter() {
            let can = prospective
                .iter()
                .all(|(driver, claims)| limit(at, driver).is_none_or(|limit| claims.len() as i64 <= limit));
            if can {
                types.insert(at);
            }
        }
        if !types.is_empty() {
            return Ok((Some(prospective), Some(types)));
        }
        let to_blame = prospective.iter().find_map(|(driver, claims)| {
            let limits: Option<Vec<i64>> = claim.types.iter().map(|at| limit(at, driver)).collect();
            let largest = limits?.into_iter().max()?;
            (claims.len() as i64 > largest).then(|| (driver.to_string(), claims.len(), largest))
        });
        Err(ClaimError::VolumeLimit(to_blame))
    }
}

impl Claim {
    fn nowhere() -> Self {
        Claim {
            template: 0,
            host: Value(0),
            set: super::packed::EMPTY,
            types: Bits::none(0),
            requested: Box::default(),
            ports: Vec::new(),
            volumes: Volumes::new(),
            reserved: Vec::new(),
            pods: Vec::new(),
            known_groups: 0,
        }
    }
}

/// Why a claim is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// It is open already: reasons are not kept, minValues not lowered.
    Open,
    /// To open it.
    New {
        /// Whether minValues may be lowered.
        may_relax: bool,
    },
}

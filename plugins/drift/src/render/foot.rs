//! What a control plane of another version would do; what is not known.

use karp_common::term::{Label, wrap};

use super::{View, plural};
use crate::images::short_name;
use crate::report::MovedImage;

impl View<'_> {
    pub(super) fn preview(&self, preview: &crate::report::AmiPreview) -> String {
        let mut text = format!("control plane {}:\n", preview.version);
        for class in &preview.node_classes {
            let outcome = match class.kind {
                "follows" if class.parameters.iter().all(|parameter| parameter.state == "not-read") => {
                    "follows the version; SSM not read, so which images is not known".to_owned()
                }
                "follows" => format!(
                    "{} would drift, {} would have no image",
                    plural(class.would_drift, "NodeClaim"),
                    class.without_image
                ),
                "refused" => {
                    format!("{} no images there: its NodePools become NotReady", self.style.symbols.no)
                }
                _ => "stays: its images do not follow the version".to_owned(),
            };
            text.push_str(&format!("ec2nodeclass/{}  {}: {outcome}\n", class.name, class.selected_by));
            for parameter in
                class.parameters.iter().filter(|parameter| parameter.claims > 0 || self.options.all)
            {
                let (sign, what) = match (parameter.state, &parameter.image) {
                    ("found", Some(image)) => (self.style.symbols.yes, image.to_string()),
                    ("missing", _) => (self.style.symbols.no, "no such parameter".to_owned()),
                    _ => (self.style.symbols.todo, "not read".to_owned()),
                };
                let claims = plural(parameter.claims, "NodeClaim");
                text.push_str(&format!("  {sign} {}  {what}, {claims}\n", parameter.serves));
            }
        }
        text
    }

    pub(super) fn foot(&self) -> String {
        let mut lines: Vec<String> = Vec::new();
        for moved in self.report.moved.iter().filter(|moved| moved.claims > 0 || self.options.all) {
            lines.push(moved_text(moved));
        }
        for skew in &self.report.skew {
            let behind = match skew.behind {
                behind if behind > 0 => format!("{} behind", plural(behind as usize, "minor version")),
                behind => format!("{} ahead of", plural(behind.unsigned_abs() as usize, "minor version")),
            };
            let sign = if skew.behind >= 3 || skew.behind < 0 { "! " } else { "" };
            lines.push(format!(
                "{sign}kubelet {} on {}: {behind} the control plane ({})",
                skew.kubelet,
                plural(skew.nodes, "node"),
                skew.control_plane
            ));
        }
        for (why, claims, reasons) in self.unknown() {
            lines.push(format!("unknown: {} of {}: {why}", reasons.join(", "), plural(claims, "NodeClaim")));
        }
        for gap in &self.report.gaps {
            lines.push(format!("not read: {} ({})", gap.kind, gap.reason));
        }
        for missing in &self.report.not_read {
            lines.push(format!(
                "not read: {} ({}): {}",
                missing.what,
                missing.why,
                missing.missing.join(", ")
            ));
            lines.extend(missing.hints.iter().map(|hint| format!("hint: {hint}")));
        }
        lines.extend(self.report.not_modelled.iter().map(|note| format!("not modelled: {note}")));
        lines.extend(self.report.uncertain.iter().map(|note| format!("uncertain: {note}")));
        lines
            .iter()
            .map(|line| {
                let wrapped = wrap(self.style, "", "  ", line);
                format!("{}\n", self.style.paint(Label::Muted, wrapped.trim_end_matches('\n')))
            })
            .collect()
    }

    /// What could not be looked at for another reason than AWS not being read: why, NodeClaims, reasons.
    pub(super) fn unknown(&self) -> Vec<(String, usize, Vec<&'static str>)> {
        let mut found: Vec<(String, usize, Vec<&'static str>)> = Vec::new();
        let asked = self.report.not_read.iter().map(|missing| missing.why.as_str()).collect::<Vec<_>>();
        let nothing_found = self.report.not_read.iter().any(|missing| missing.what == "instances");
        for claim in &self.report.node_claims {
            for unchecked in &claim.unchecked {
                let is_told = unchecked.why == "EC2 not read" || asked.contains(&unchecked.why.as_str());
                let nowhere = nothing_found && unchecked.why == "the instance was not found";
                if is_told || nowhere {
                    continue;
                }
                match found.iter_mut().find(|(why, ..)| *why == unchecked.why) {
                    Some((_, claims, reasons)) => {
                        if reasons.first() == Some(&unchecked.reason) {
                            *claims += 1;
                        }
                        if !reasons.contains(&unchecked.reason) {
                            reasons.push(unchecked.reason);
                        }
                    }
                    None => found.push((unchecked.why.clone(), 1, vec![unchecked.reason])),
                }
            }
        }
        found
    }
}

/// `ec2nodeclass/default, al2023@latest, standard arm64: SSM holds ami-2 now, not ami-1; ...`.
fn moved_text(moved: &MovedImage) -> String {
    let name = moved.name.as_deref().map(|name| format!(" ({})", short_name(name))).unwrap_or_default();
    let has = moved.has.as_deref().map(|has| format!(", not {has}")).unwrap_or_default();
    format!(
        "moved: ec2nodeclass/{}, alias {}, {}: SSM holds {}{name} now{has}; Karpenter sees it within a day, then {} drift",
        moved.node_class,
        moved.alias,
        moved.serves,
        moved.wants,
        plural(moved.claims, "NodeClaim"),
    )
}

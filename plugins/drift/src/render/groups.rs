//! What drifted: fields, images.

use karp_common::term::{Table, age, wrap};

use super::{CUT, View};
use crate::images::short_name;
use crate::report::{DriftGroup, ImageReport, ReasonReport};

impl View<'_> {
    pub(super) fn groups(&self) -> String {
        let all = &self.report.groups;
        let shown = if self.options.all { all.len() } else { all.len().min(CUT) };
        let mut text: String = all[..shown].iter().map(|group| self.group(group)).collect();
        if shown < all.len() {
            let claims: usize = all[shown..].iter().map(|group| group.claims.len()).sum();
            text.push_str(&format!(
                "{} {} more reasons, {claims} NodeClaims (--all)\n",
                self.style.symbols.cut,
                all.len() - shown
            ));
        }
        text
    }

    pub(super) fn group(&self, group: &DriftGroup) -> String {
        const INDENT: &str = "       ";
        let mut head = format!("{}: {} of NodePool {}", group.reason, group.claims.len(), group.node_pool);
        if let Some(class) = &group.node_class {
            head.push_str(&format!(", {class}"));
        }
        if let Some(alias) = &group.alias {
            let pinned = if group.pin == Some("pinned") { " (pinned)" } else { "" };
            head.push_str(&format!(", alias {alias}{pinned}"));
        }
        let mut text = format!("{head}\n");
        if !group.images.is_empty() {
            text.push_str(&self.images(&group.images));
        } else if group.fields.is_empty() {
            let why = match group.reason {
                "NodeClassDrift" => "the hashes differ; which field cannot be told from the hash alone",
                _ => "as Karpenter says; the field cannot be seen from here",
            };
            text.push_str(&format!("{INDENT}{why}\n"));
        }
        // Fields of a NodeClass of which only the writer is known say nothing one by one.
        let (written, told): (Vec<&ReasonReport>, Vec<&ReasonReport>) = group
            .fields
            .iter()
            .partition(|field| field.possibly && field.has.is_none() && field.wants.is_none());
        let mut lines: Vec<String> = told.into_iter().map(|field| self.field_text(field)).collect();
        if !written.is_empty() {
            let paths: Vec<&str> = written.iter().filter_map(|field| field.field.as_deref()).collect();
            lines.push(format!("possibly: {} (written after the launch)", self.listed(&paths)));
        }
        for line in lines {
            let line = wrap(self.style, INDENT, &format!("{INDENT}  "), &line);
            text.push_str(line.trim_end_matches('\n'));
            text.push('\n');
        }
        text
    }

    pub(super) fn images(&self, images: &[ImageReport]) -> String {
        let several = images.len() > 2;
        let mut headers = vec!["", "AMI", "NAME", "K8S", ">AGE"];
        if several {
            headers.push(">CLAIMS");
        }
        let mut table = Table::new(headers).no_headers(self.options.no_headers);
        for image in images {
            let unknown = || "<unknown>".to_owned();
            let mut row = vec![
                format!("{:5}", image.side),
                image.id.as_deref().unwrap_or("<none>").to_owned(),
                image.name.as_deref().map_or_else(unknown, short_name),
                image.kubernetes.clone().unwrap_or_else(unknown),
                image.created.map_or_else(unknown, |made| age(made, self.report.taken_at)),
            ];
            if several {
                row.push(image.claims.to_string());
            }
            table.row(row);
        }
        let mut text = table.render(self.style);
        // Where the wanted image comes from; that an old one is still listed somewhere says nothing.
        let wanted = images.iter().filter(|image| image.side == "wants");
        for parameter in wanted.filter_map(|image| image.parameter.as_deref()) {
            text.push_str(&wrap(self.style, "SSM    ", "       ", parameter));
            if !text.ends_with('\n') {
                text.push('\n');
            }
        }
        text
    }

    fn field_text(&self, field: &ReasonReport) -> String {
        let value = |value: &Option<String>| match value {
            Some(text) => {
                let (head, ids, between) = match text.strip_prefix("one of ") {
                    Some(ids) => ("one of ", ids, ", "),
                    None => ("", text.as_str(), " "),
                };
                let ids: Vec<String> = ids.split(' ').map(|id| self.with_name(id)).collect();
                format!("{head}{}", ids.join(between))
            }
            None => "<none>".to_owned(),
        };
        let possibly = if field.possibly { " (possibly)" } else { "" };
        let name = field.field.as_deref().unwrap_or("<unknown>");
        format!("{name}: has {}, wants {}{possibly}", value(&field.has), value(&field.wants))
    }

    /// `sg-1 (web)` where the name is known.
    fn with_name(&self, id: &str) -> String {
        match self.report.names.get(id) {
            Some(name) => format!("{id} ({name})"),
            None => id.to_owned(),
        }
    }
}

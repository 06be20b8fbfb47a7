//! How a spelling of a fact matches what a report says.
//!
//! Case does not count; no letter, digit or `-` may adjoin, and beside a number no `.` with a digit either.

use super::cluster::Cluster;
use super::kinds::{self, ObjectRef};
use super::quantities;
use super::screen::Screen;
use super::tree::Tree;

/// Everything a report says of the object asked about.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// Lines of the screen, strings and numbers of the JSON.
    lines: Vec<String>,
    /// Column or field name with value.
    pairs: Vec<(String, String)>,
    /// Normal kind and name of every object that stands under its kind.
    objects: Vec<(String, String)>,
}

impl Said {
    /// Both forms together; texts in `quoted` are other people's words and are cut out.
    pub(super) fn new(screen: &Screen, tree: &Tree, quoted: &[String]) -> Self {
        let cut = |line: &String| quoted.iter().fold(line.clone(), |line, message| line.replace(message, ""));
        let objects = screen.objects().map(|(kind, name)| (kind.to_owned(), name.to_owned()));
        let named = tree.objects.iter().map(|(kind, name)| ((*kind).to_owned(), name.clone()));
        Self {
            lines: screen.lines.iter().chain(&tree.texts).map(cut).collect(),
            pairs: screen.cells.iter().chain(&tree.pairs).cloned().collect(),
            objects: objects.chain(named).collect(),
        }
    }

    /// One line of advice on its own.
    pub(super) fn line(text: &str) -> Self {
        Self { lines: vec![text.to_owned()], ..Self::default() }
    }

    /// Whether a spelling occurs, by the rule of its form.
    pub(super) fn has(&self, spelling: &str, cluster: &Cluster) -> bool {
        if let Some(object) = ObjectRef::parse(spelling, None) {
            return self.names(&object, cluster);
        }
        if self.has_text(spelling) {
            return true;
        }
        if let Some((key, value)) = spelling.split_once('=').filter(|(key, _)| !key.contains(' ')) {
            return self.has_label(key, value);
        }
        if let Some(exact) = quantities::parse(spelling) {
            let words = self.lines.iter().flat_map(|line| quantities::words(line));
            return words.into_iter().any(|word| quantities::printed_equals(word, exact));
        }
        word_and_number(spelling).is_some_and(|(word, number)| self.has_word_and_number(word, number))
    }

    /// Rule 1: an object.
    pub(super) fn names(&self, object: &ObjectRef, cluster: &Cluster) -> bool {
        cluster.stand_ins(object).iter().any(|object| {
            let named = self.objects.iter().any(|(kind, name)| {
                ObjectRef::new(kind, "", last_part(name)).is_some_and(|named| named.same(object))
            });
            named || self.has_object_text(object)
        })
    }

    fn has_object_text(&self, object: &ObjectRef) -> bool {
        let short = kinds::host(&object.name);
        let names = [object.name.as_str(), if object.kind == "node" { short } else { object.name.as_str() }];
        kinds::spellings(&object.kind).any(|kind| {
            names.iter().any(|name| {
                self.has_text(&format!("{kind}/{name}"))
                    || self.lines.iter().any(|line| has_plain(line, kind, name))
                    || self.lines.iter().any(|line| has_namespaced(line, kind, name))
            })
        })
    }

    /// Rule 2: a label or selector.
    fn has_label(&self, key: &str, value: &str) -> bool {
        self.has_text(&format!("{key}: {value}"))
            || self.has_text(&format!("{key} In [{value}]"))
            || self
                .pairs
                .iter()
                .any(|(name, said)| name.eq_ignore_ascii_case(key) && said.eq_ignore_ascii_case(value))
    }

    /// Rule 4: a word and a number, in either order.
    fn has_word_and_number(&self, word: &str, number: &str) -> bool {
        let pair = |(name, said): &(String, String)| {
            name.eq_ignore_ascii_case(word) && contains(said, number) && begins(said, number)
        };
        ["=", ": ", ":", " "].iter().any(|between| {
            self.has_text(&format!("{word}{between}{number}"))
                || self.has_text(&format!("{number}{between}{word}"))
        }) || self.pairs.iter().any(pair)
    }

    fn has_text(&self, spelling: &str) -> bool {
        self.lines.iter().any(|line| contains(line, spelling))
    }
}

fn begins(text: &str, number: &str) -> bool {
    text.get(..number.len()).is_some_and(|start| start.eq_ignore_ascii_case(number))
}

/// The name of `namespace/name`.
fn last_part(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// `Kind name`, where the name is not the namespace of `Kind ns/name`.
fn has_plain(line: &str, kind: &str, name: &str) -> bool {
    let spelling = format!("{kind} {name}");
    contains(&line.to_lowercase().replace(&format!("{}/", spelling.to_lowercase()), ""), &spelling)
}

/// `Kind ns/name`.
fn has_namespaced(line: &str, kind: &str, name: &str) -> bool {
    let lower = line.to_lowercase();
    let start = format!("{kind} ");
    lower.match_indices(&start).any(|(at, _)| {
        let rest = &lower[at + start.len()..];
        let namespace = rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'-').count();
        namespace > 0
            && rest[namespace..].starts_with(&format!("/{}", name.to_lowercase()))
            && contains(&line[at..], &format!("{kind} {}/{name}", &rest[..namespace]))
    })
}

/// The parts of `maxSkew 1`, `3 NotReady`, `permanent true`; none where neither end is a number or boolean.
fn word_and_number(spelling: &str) -> Option<(&str, &str)> {
    let is_number = |text: &str| {
        text == "true" || text == "false" || text.bytes().next().is_some_and(|byte| byte.is_ascii_digit())
    };
    let (first, rest) = spelling.split_once(' ')?;
    let (front, last) = spelling.rsplit_once(' ')?;
    match (is_number(first), is_number(last)) {
        (false, true) => Some((front, last)),
        (true, false) => Some((rest, first)),
        _ => None,
    }
}

/// Whether a text holds a spelling with nothing adjoining.
pub(super) fn contains(text: &str, spelling: &str) -> bool {
    let (text, spelling) = (text.to_lowercase(), spelling.to_lowercase());
    if spelling.is_empty() {
        return false;
    }
    text.match_indices(&spelling).any(|(at, found)| {
        let before = &text[..at];
        let after = &text[at + found.len()..];
        let adjoins =
            |letter: Option<char>| letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '-');
        let point_before = found.starts_with(|letter: char| letter.is_ascii_digit())
            && before
                .strip_suffix('.')
                .is_some_and(|rest| rest.ends_with(|letter: char| letter.is_ascii_digit()));
        let point_after = found.ends_with(|letter: char| letter.is_ascii_digit())
            && after
                .strip_prefix('.')
                .is_some_and(|rest| rest.starts_with(|letter: char| letter.is_ascii_digit()));
        !adjoins(before.chars().next_back())
            && !adjoins(after.chars().next())
            && !point_before
            && !point_after
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(screen: &str, json: serde_json::Value) -> Said {
        Said::new(
            &Screen::read(screen, ""),
            &Tree::read([&json]),
            &["node(s) had untolerated taint".to_owned()],
        )
    }

    #[track_caller]
    fn check(screen: &str, rows: &[(&str, bool)]) {
        let said = said(screen, serde_json::json!({}));
        for (spelling, occurs) in rows {
            assert_eq!(said.has(spelling, &Cluster::default()), *occurs, "{spelling:?} in {screen:?}");
        }
    }

    #[test]
    fn nothing_may_adjoin() {
        check(
            "type m5.2xlarge, 10.5 of 100, us-east-1a-x",
            &[
                ("m5.2xlarge", true),
                ("M5.2XLARGE", true),
                ("m5", false),
                ("5.2xlarge", false),
                ("10", false),
                ("10.5", true),
                ("5", false),
                ("us-east-1a", false),
                ("east", false),
            ],
        );
    }

    #[test]
    fn objects_by_kind_and_name() {
        check(
            "nodepool/spot-2 and NodePool on-demand, deploy/web, DaemonSet kube-system/agent, EC2NodeClass a",
            &[
                ("nodepool/spot", false),
                ("nodepool/spot-2", true),
                ("nodepool/on-demand", true),
                ("nodepool/demand", false),
                ("deployment/web", true),
                ("daemonset/agent", true),
                ("daemonset/kube-system", false),
                ("ec2nodeclass/a", true),
                ("ec2nodeclass/b", false),
            ],
        );
        check(
            "NODEPOOL  NODE\nspot      ip-10-0-1-14\n",
            &[
                ("nodepool/spot", true),
                ("node/ip-10-0-1-14.ec2.internal", true),
                ("node/ip-10-0-1-15.ec2.internal", false),
                ("nodeclaim/spot", false),
            ],
        );
        let json = serde_json::json!({"nodePools": [{"name": "flex"}], "landsOn": "x", "pdbs": ["shop/web"]});
        let said = said("", json);
        assert!(said.has("nodepool/flex", &Cluster::default()));
        assert!(said.has("pdb/web", &Cluster::default()));
        assert!(!said.has("node/x", &Cluster::default()));
    }

    #[test]
    fn labels_in_all_their_forms() {
        for text in ["name=backtest", "name: backtest", "name In [backtest]"] {
            check(text, &[("name=backtest", true), ("name=back", false)]);
        }
        check("name In [backtest other]", &[("name=backtest", false)]);
        let said = said("", serde_json::json!({"nodeSelector": {"name": "backtest"}}));
        assert!(said.has("name=backtest", &Cluster::default()));
        check("taint spot=true:NoSchedule stops", &[("spot=true:NoSchedule", true), ("spot=true", true)]);
    }

    #[test]
    fn quantities_in_any_unit() {
        check("asks 93.1Gi, has 17408Mi", &[("100G", true), ("17Gi", true), ("16Gi", false)]);
        check("hostPort 8080 is taken", &[("8080", true), ("80", false)]);
    }

    #[test]
    fn words_and_numbers_in_either_order() {
        check(
            "maxSkew: 1, allowed=0, 3 NotReady, in use 3",
            &[
                ("maxSkew 1", true),
                ("allowed 0", true),
                ("NotReady 3", true),
                ("in use 3", true),
                ("maxSkew 10", false),
                ("in use 30", false),
            ],
        );
        check("10 of 10 drifted", &[("10 of 10", true), ("drifted 10", true), ("1 of 10", false)]);
        check(
            "NODEPOOL  DRIFTED  ALLOWED\ndefault        10        0\n",
            &[("drifted 10", true), ("allowed 0", true), ("allowed 10", false)],
        );
        let said = said("", serde_json::json!({"inUse": 3, "permanent": true}));
        assert!(said.has("inUse 3", &Cluster::default()) && said.has("permanent true", &Cluster::default()));
        assert!(!said.has("permanent false", &Cluster::default()));
    }

    #[test]
    fn quoted_messages_do_not_count() {
        check("Kubernetes says: node(s) had untolerated taint {x: y}", &[("untolerated taint", false)]);
    }
}

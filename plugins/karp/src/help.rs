//! The overview: what there is, what to try first.

use karp_common::term::{Label, Style};

use crate::verbs::{Section, VERBS};

/// `kubectl karp -h`.
pub(crate) fn overview(style: &Style) -> String {
    let mut text = String::from("What will Karpenter do, why, and the smallest change that alters it.\n\n");
    let example = |command: &str, about: &str| {
        format!("  {}{about}\n", style.paint(Label::Hint, &format!("{command:<46}")))
    };
    text.push_str(&example("kubectl karp explain", "why pods are Pending"));
    text.push_str(&example("kubectl karp explain --from example:workshop", "no cluster needed"));
    for (section, title) in [(Section::Ask, "Ask"), (Section::Act, "Act"), (Section::Keep, "Keep")] {
        text.push_str(&format!("\n{title}\n"));
        for verb in VERBS.iter().filter(|verb| verb.section == section) {
            text.push_str(&format!(
                "  {}{}\n",
                style.paint(Label::Name, &format!("{:<13}", verb.name)),
                verb.about
            ));
        }
    }
    text.push_str(
        "\nFlags as kubectl: -n -A -l --context --kubeconfig --as -o json|yaml|wide|name -w\n\
         Exit: 0 fine, 1 \"no\" or findings, 2 usage, 3 unreachable, 4 absent, 5 half-way\n",
    );
    text
}

//! Which part of an answer is compared.

use karp_core::disruption::candidates::Method;
use serde_json::{Value, json};

use super::answer::method_name;

/// What is compared of a scenario's answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope {
    /// Methods compared in everything: candidates, budgets, commands, events, error.
    whole: &'static [&'static str],
    /// Whether candidates, budgets and the events of budgets of all methods are compared.
    budgets: bool,
}

impl Scope {
    /// Of a group of names; none = nothing of it is modelled yet.
    pub(super) fn of_group(group: &str) -> Option<Self> {
        match group {
            "DR" | "SD" => Some(Scope { whole: &["staticDrift", "drift"], budgets: false }),
            "BU" => Some(Scope { whole: &[], budgets: true }),
            _ => None,
        }
    }

    /// Whether everything of a method is compared.
    pub(super) fn is_whole(self, method: Method) -> bool {
        self.whole.contains(&method_name(method))
    }

    /// The part of an answer that is compared. `acts` and `fails` are left out: they need all methods.
    pub(super) fn narrow(self, answer: Value) -> Value {
        let methods = answer.get("methods").and_then(Value::as_array).cloned().unwrap_or_default();
        let kept: Vec<Value> = methods.into_iter().filter_map(|method| self.narrow_method(method)).collect();
        json!({"synced": answer.get("synced"), "methods": kept})
    }

    fn narrow_method(self, mut method: Value) -> Option<Value> {
        let name = method.get("method").and_then(Value::as_str).unwrap_or_default();
        if self.whole.contains(&name) {
            return Some(method);
        }
        let fields = method.as_object_mut().filter(|_| self.budgets)?;
        fields.retain(|field, _| matches!(field.as_str(), "method" | "candidates" | "budgets" | "events"));
        if let Some(Value::Array(events)) = fields.get_mut("events") {
            let of_budget = |event: &Value| {
                event
                    .get("object")
                    .and_then(Value::as_str)
                    .is_some_and(|object| object.starts_with("NodePool/"))
                    && event.get("reason").and_then(Value::as_str) == Some("DisruptionBlocked")
            };
            events.retain(of_budget);
        }
        Some(method)
    }
}

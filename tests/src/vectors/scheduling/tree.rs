//! A tree of scheduling vectors: where the inputs of an answer are, and which answer holds for which rules.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::{Context, Result, bail};
use karp_core::model::RuleSet;
use serde_json::Value;

use super::super::documents::text;
use super::super::{Document, files};
use super::inputs::Inputs;

/// Folder of a tree that holds what changed.
const CHANGED: &str = "v1.15";

/// What surrounds a document.
pub(super) struct Tree {
    /// The folder that holds `v1.15`.
    root: Option<PathBuf>,
    /// Whether the document is below `v1.15`.
    in_changed: bool,
    /// Entries of `answers` below `v1.15`, by name of the scenario.
    changed: BTreeMap<String, Value>,
    /// Documents that hold inputs, read once.
    documents: RefCell<HashMap<PathBuf, Rc<Document>>>,
}

impl Tree {
    /// The tree a document stands in. Files of it that cannot be read are reported when they are needed.
    pub(super) fn of(document: &Document) -> Self {
        let ancestors = || document.path.ancestors().skip(1);
        let root = ancestors().find(|folder| folder.join(CHANGED).is_dir()).map(Path::to_owned);
        let in_changed = root.as_ref().is_some_and(|root| document.path.starts_with(root.join(CHANGED)));
        let base = !in_changed && document.list("answers").is_empty();
        let changed = root.as_ref().filter(|_| base).map(|root| changed_answers(root)).unwrap_or_default();
        Self { root, in_changed, changed, documents: RefCell::default() }
    }

    /// What tells this tree from others.
    pub(super) fn key(&self, document: &Document) -> PathBuf {
        self.root.clone().unwrap_or_else(|| document.path.clone())
    }

    /// The entry that holds the answer of `entry` for these rules; none where nothing was recorded.
    pub(super) fn answer<'a>(
        &'a self,
        document: &Document,
        entry: &'a Value,
        rules: RuleSet,
    ) -> Option<&'a Value> {
        entry.get("answer")?;
        let is_1_15_only = !entry.get("items").is_some_and(Value::is_array);
        match rules {
            RuleSet::V1_15 => Some(self.changed.get(text(entry, "name")).unwrap_or(entry)),
            // New scenarios say where the August answer differs; answers and variants have none.
            _ if is_1_15_only || !document.list("answers").is_empty() => None,
            _ => Some(entry),
        }
    }

    /// The inputs of an entry: its own, or those of the scenario it refers to.
    pub(super) fn inputs(&self, document: &Document, entry: &Value) -> Result<Inputs> {
        if entry.get("items").is_some() {
            return Inputs::new(entry, document.folder(), None);
        }
        if let (Some(file), Some(scenario)) = (entry.get("file"), entry.get("scenario")) {
            let path = document.folder().join(file.as_str().unwrap_or_default());
            let base = self.document(&files::plain_or_packed(&path)?)?;
            let scenario = find(&base, scenario.as_str().unwrap_or_default())
                .with_context(|| format!("no such scenario in {}", base.path.display()))?;
            return Inputs::new(scenario, base.folder(), Some((entry, document.folder())));
        }
        self.original(document, text(entry, "name"))
    }

    /// Inputs of a scenario of which only the answer stands in `document`.
    fn original(&self, document: &Document, name: &str) -> Result<Inputs> {
        let Some(root) = self.root.as_ref().filter(|_| self.in_changed) else {
            bail!("its inputs are not in the file, and no folder above holds {CHANGED}");
        };
        let wanted = files::plain_name(&document.path);
        let mut candidates = files::walk(root)?;
        candidates.retain(|path| !path.starts_with(root.join(CHANGED)));
        // The file of the same name first: usually it is the only one read.
        candidates.sort_by_key(|path| files::plain_name(path) != wanted);
        for path in candidates {
            let base = self.document(&path)?;
            if let Some(scenario) = find(&base, name) {
                return Inputs::new(scenario, base.folder(), None);
            }
        }
        bail!("no file below {} has its inputs", root.display())
    }

    fn document(&self, path: &Path) -> Result<Rc<Document>> {
        if let Some(known) = self.documents.borrow().get(path) {
            return Ok(Rc::clone(known));
        }
        let read = Rc::new(Document::read(path)?);
        self.documents.borrow_mut().insert(path.to_owned(), Rc::clone(&read));
        Ok(read)
    }
}

fn find<'a>(document: &'a Document, name: &str) -> Option<&'a Value> {
    document.list("scenarios").iter().find(|scenario| text(scenario, "name") == name)
}

fn changed_answers(root: &Path) -> BTreeMap<String, Value> {
    let paths = files::walk(&root.join(CHANGED)).unwrap_or_default();
    let documents = paths.iter().filter_map(|path| Document::read(path).ok());
    documents
        .flat_map(|document| document.list("answers").to_vec())
        .map(|entry| (text(&entry, "name").to_owned(), entry))
        .collect()
}

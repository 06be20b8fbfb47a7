//! Sorts items into the lists of [`Objects`], and notes on the way what a snapshot must know of them.

use std::collections::BTreeMap;
use std::io::{BufRead, Read};

use karp_core::model::{
    ControllerSettings, Gap, KINDS, ListVisitor, Object, Pod, SharedSpecs, WORKLOAD_KINDS, is_node_class,
};
use karp_core::report::Error;
use rustc_hash::FxHashMap;
use serde::Deserialize;

use super::check::{self, Misspelt};
use super::controller::ControllerDeployment;
use super::item::{Head, Item, ItemDecoder, Syntax};
use super::known_specs::KnownSpecs;
use super::pod::pod_at;
use super::yaml_json::yaml_to_json;
use super::{Decoded, Recorded, json, locate, read_ahead, yaml};

/// API version of our own documents.
const OWN_VERSION: &str = "karp/v1";

/// Deepest list within a list.
const MAX_NESTING: usize = 4;

/// Objects read so far, by kind.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Counts {
    /// Pods.
    pub pods: usize,
    /// Nodes.
    pub nodes: usize,
    /// All objects, ignored ones too.
    pub all: usize,
}

/// What is read goes here.
pub(super) struct Collector<'p> {
    pub(super) decoded: Decoded,
    specs: SharedSpecs,
    known_specs: KnownSpecs,
    counts: Counts,
    progress: &'p mut dyn FnMut(&Counts),
}

/// A list without its items; also our own form.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ListHead {
    api_version: Option<String>,
    kind: Option<String>,
    taken_at: Option<jiff::Timestamp>,
    server_version: Option<String>,
    controller: Option<ControllerSettings>,
    gaps: Vec<Gap>,
    unknown_fields: Vec<String>,
    warnings: Vec<String>,
    items: Vec<serde_json::Value>,
}

impl<'p> Collector<'p> {
    pub(super) fn new(progress: &'p mut dyn FnMut(&Counts)) -> Self {
        Self {
            decoded: Decoded::default(),
            specs: SharedSpecs::default(),
            known_specs: KnownSpecs::default(),
            counts: Counts::default(),
            progress,
        }
    }

    /// Reads one stream. Files of a folder may hold something else than objects; a file that was named may not.
    pub(super) fn stream(
        &mut self,
        file: &str,
        mut reader: Box<dyn BufRead + Send>,
        in_folder: bool,
    ) -> Result<(), Error> {
        let syntax = sniff(&mut reader).map_err(|error| super::cannot_read(file, &error))?;
        self.cut(file, reader, syntax, 0, in_folder, 0)
    }

    fn cut(
        &mut self,
        file: &str,
        reader: impl Read + Send,
        syntax: Syntax,
        line_offset: usize,
        in_folder: bool,
        nesting: usize,
    ) -> Result<(), Error> {
        let mut sink = FileSink { collector: self, file, syntax, line_offset, in_folder, nesting, items: 0 };
        match syntax {
            Syntax::Json => read_ahead::cut(file, reader, &mut sink)?,
            Syntax::Yaml => yaml::cut(file, reader, &mut sink)?,
        }
        if sink.items == 0 && !in_folder && nesting == 0 {
            self.decoded.warnings.push(format!("{file} holds no object"));
        }
        Ok(())
    }

    /// Takes one object.
    fn object(&mut self, item: &Item<'_>, head: &Head) -> Result<(), Error> {
        self.counts.all += 1;
        let (group, kind) = (head.group(), head.kind.as_deref().unwrap_or_default());
        if self.refuse_version(item, head) {
            return Ok(());
        }
        if (group, kind) == ("", "Pod")
            && item.syntax == Syntax::Json
            && let Some(found) = pod_at(item.text, 0, &mut self.known_specs, true)
            && found.end == item.text.len()
        {
            return self.pod(item, found.pod);
        }
        if (group, kind) == ("", "ConfigMap") {
            return self.config_map(item);
        }
        if (group, kind) == ("apps", "Deployment") && item.text.contains("karpenter") {
            self.decoded.controllers.extend(ControllerDeployment::from_item(item)?);
        }
        let mut decoder = ItemDecoder { item: *item, unknown: Vec::new() };
        if !self.decoded.objects.decode_one(group, kind, &mut decoder)? {
            self.decoded.ignored += 1;
        }
        self.name_kind(head);
        self.note_unknown(item, decoder.unknown);
        if let Some(misspelt) = self.settle(group, kind) {
            return Err(misspelt_error(item, &misspelt));
        }
        (self.progress)(&self.counts);
        Ok(())
    }

    /// Takes a pod that was decoded on the way.
    fn pod(&mut self, item: &Item<'_>, pod: Pod) -> Result<(), Error> {
        self.decoded.objects.pods.push(pod);
        if let Some(misspelt) = self.settle("", "Pod") {
            return Err(misspelt_error(item, &misspelt));
        }
        (self.progress)(&self.counts);
        Ok(())
    }

    /// Items of typed lists do not say what they are; the lists that hold several kinds need it.
    fn name_kind(&mut self, head: &Head) {
        let (Some(api_version), Some(kind)) = (&head.api_version, &head.kind) else { return };
        let objects = &mut self.decoded.objects;
        if let Some(workload) = objects.workloads.last_mut().filter(|workload| workload.kind.is_empty()) {
            (workload.api_version, workload.kind) = (api_version.into(), kind.into());
        }
        if let Some(class) = objects.other_node_classes.last_mut().filter(|class| class.kind.is_empty()) {
            (class.api_version, class.kind) = (api_version.into(), kind.into());
        }
    }

    /// Karpenter's objects before v1 have other fields: they become a gap, said once.
    fn refuse_version(&mut self, item: &Item<'_>, head: &Head) -> bool {
        let (group, kind, version) = (head.group(), head.kind.as_deref().unwrap_or_default(), head.version());
        let plural = match (group, kind) {
            ("karpenter.sh", "NodePool" | "NodeClaim") | ("karpenter.k8s.aws", "EC2NodeClass")
                if version != "v1" =>
            {
                KINDS.iter().find(|known| known.2 == kind).map_or(kind, |known| known.3)
            }
            ("karpenter.sh", "Provisioner" | "Machine") | ("karpenter.k8s.aws", "AWSNodeTemplate") => kind,
            _ => return false,
        };
        if !self.decoded.gaps.iter().any(|gap| gap.kind == plural) {
            let reason = format!("{} is {group}/{version}: only v1 is supported", item.file);
            self.decoded.gaps.push(Gap { kind: plural.into(), reason });
        }
        true
    }

    /// After an object was kept: shares its spec, and looks for misspelt words.
    fn settle(&mut self, group: &str, kind: &str) -> Option<Misspelt> {
        let objects = &mut self.decoded.objects;
        match (group, kind) {
            ("", "Pod") => {
                self.counts.pods += 1;
                let pod = objects.pods.last_mut()?;
                // What one of them says wrong, all of them say: told once.
                if self.specs.share(pod) { check::pod_spec("spec", &pod.spec) } else { None }
            }
            ("", "Node") => {
                self.counts.nodes += 1;
                None
            }
            ("apps", "DaemonSet") => {
                check::pod_spec("spec.template.spec", &objects.daemon_sets.last()?.spec.template.spec)
            }
            ("apps" | "batch" | "", _) if WORKLOAD_KINDS.iter().any(|known| known.2 == kind) => {
                let spec = &objects.workloads.last()?.spec;
                match (&spec.template, &spec.job_template) {
                    (Some(template), _) => check::pod_spec("spec.template.spec", &template.spec),
                    (None, Some(job)) => {
                        let template = job.spec.template.as_ref()?;
                        check::pod_spec("spec.jobTemplate.spec.template.spec", &template.spec)
                    }
                    (None, None) => None,
                }
            }
            ("karpenter.sh", "NodePool") => check::node_pool(objects.node_pools.last()?),
            ("karpenter.sh", "NodeClaim") => {
                let spec = &objects.node_claims.last()?.spec;
                check::requirements_and_taints(&spec.requirements, &spec.taints, &spec.startup_taints)
            }
            ("karpenter.sh", "NodeOverlay") => {
                check::requirements_and_taints(&objects.node_overlays.last()?.spec.requirements, &[], &[])
            }
            ("karpenter.k8s.aws", "EC2NodeClass") => check::ec2_node_class(objects.ec2_node_classes.last()?),
            ("storage.k8s.io", "StorageClass") => check::storage_class(objects.storage_classes.last()?),
            ("policy", "PodDisruptionBudget") => {
                check::pod_disruption_budget(objects.pod_disruption_budgets.last()?)
            }
            _ => None,
        }
    }

    /// Only what users write can matter: fields of metadata and status are not looked at.
    fn note_unknown(&mut self, item: &Item<'_>, unknown: Vec<String>) {
        let unknown: Vec<String> = unknown
            .into_iter()
            .filter(|path| path.starts_with("spec"))
            .map(|path| plain_path(&path))
            .collect();
        if unknown.is_empty() {
            return;
        }
        let object = item.described();
        for path in unknown {
            let field = format!("{object} {path}");
            if !self.decoded.unknown_fields.contains(&field) {
                self.decoded.unknown_fields.push(field);
            }
        }
    }

    /// Of all ConfigMaps only the cluster's CA is read.
    fn config_map(&mut self, item: &Item<'_>) -> Result<(), Error> {
        #[derive(Deserialize)]
        struct RootCa {
            #[serde(default)]
            data: BTreeMap<String, serde_json::Value>,
        }
        if self.decoded.cluster_ca.is_none() && item.text.contains("kube-root-ca.crt") {
            let ConfigMapName { metadata } = item.decode()?;
            if metadata.name == "kube-root-ca.crt" {
                let root: RootCa = item.decode()?;
                self.decoded.cluster_ca =
                    root.data.get("ca.crt").and_then(|pem| pem.as_str()).map(str::to_owned);
                return Ok(());
            }
        }
        self.decoded.ignored += 1;
        Ok(())
    }

    /// Everything that was read.
    pub(super) fn finish(self) -> Decoded {
        let mut decoded = self.decoded;
        let mut duplicates = Duplicates::default();
        decoded.objects.visit_lists(&mut duplicates);
        decoded.warnings.extend(duplicates.warning());
        decoded.controllers.sort_by_key(ControllerDeployment::rank);
        decoded.unknown_fields.sort();
        decoded
    }
}

/// Name of a ConfigMap.
#[derive(Deserialize)]
struct ConfigMapName {
    #[serde(default)]
    metadata: karp_core::model::ObjectMeta,
}

/// Removes all but the last of objects with the same kind and name.
#[derive(Default)]
struct Duplicates {
    count: usize,
    first: Option<String>,
}

impl Duplicates {
    fn warning(self) -> Option<String> {
        let first = self.first?;
        Some(match self.count {
            1 => format!("{first} was read twice; the last one counts"),
            count => format!("{count} objects were read twice, {first} first; the last one counts"),
        })
    }
}

impl ListVisitor for Duplicates {
    fn list<T: Object>(&mut self, _plural: &'static str, list: &mut Vec<T>) {
        let mut last: FxHashMap<(&str, &str, &str), usize> = FxHashMap::default();
        let mut superseded = vec![false; list.len()];
        for (at, object) in list.iter().enumerate() {
            let metadata = object.metadata();
            if metadata.name.is_empty() {
                continue;
            }
            if let Some(earlier) = last.insert((object.kind(), &metadata.namespace, &metadata.name), at) {
                superseded[earlier] = true;
                self.count += 1;
                self.first.get_or_insert_with(|| {
                    format!("{}/{}", object.kind().to_lowercase(), object.metadata().key())
                });
            }
        }
        let mut at = 0;
        list.retain(|_| {
            at += 1;
            !superseded[at - 1]
        });
        list.shrink_to_fit();
    }
}

/// What the cutters of one file hand out.
struct FileSink<'c, 'p> {
    collector: &'c mut Collector<'p>,
    file: &'c str,
    syntax: Syntax,
    line_offset: usize,
    in_folder: bool,
    nesting: usize,
    items: usize,
}

impl json::Sink for FileSink<'_, '_> {
    fn item(&mut self, text: &str, line: usize, list: Option<&str>) -> Result<(), Error> {
        self.items += 1;
        let line = self.line_offset + line;
        let item = Item { text, syntax: self.syntax, file: self.file, line, is_first: self.items == 1 };
        let of_list = || list.and_then(|list| head_of_items(list, self.syntax));
        // Whoever writes what an object is writes it before the metadata.
        let silent = self.syntax == Syntax::Json && begins_with_metadata(text);
        let head = match silent.then(of_list).flatten() {
            Some(head) => head,
            None => {
                let head = item.head()?;
                if head.kind.is_none() { of_list().unwrap_or(head) } else { head }
            }
        };
        let Some(kind) = head.kind.as_deref() else {
            if self.in_folder {
                self.collector.decoded.ignored += 1;
                return Ok(());
            }
            let message = format!("{}:{}: no kind: this is no Kubernetes object", self.file, item.line);
            return Err(Error::usage(message).hint("expected what kubectl get -o json or -o yaml writes"));
        };
        let own = head.api_version.as_deref() == Some(OWN_VERSION);
        if own && kind != "Snapshot" {
            let message = format!("{}:{}: {OWN_VERSION} {kind} is a report", self.file, item.line);
            return Err(Error::usage(message).hint("a snapshot is written by: kubectl karp snapshot FILE"));
        }
        if own || is_list(&head) {
            return self.list(text, line - self.line_offset);
        }
        self.collector.object(&item, &head)
    }

    fn is_of_pods(&self, list: &str) -> bool {
        head_of_items(list, self.syntax).is_some_and(|head| {
            head.api_version.as_deref() == Some("v1") && head.kind.as_deref() == Some("Pod")
        })
    }

    fn known_specs(&mut self) -> &mut KnownSpecs {
        &mut self.collector.known_specs
    }

    fn pod(&mut self, text: &str, line: usize, pod: Pod) -> Result<(), Error> {
        self.items += 1;
        let line = self.line_offset + line;
        let item = Item { text, syntax: self.syntax, file: self.file, line, is_first: self.items == 1 };
        self.collector.counts.all += 1;
        self.collector.pod(&item, pod)
    }

    fn list(&mut self, text: &str, line: usize) -> Result<(), Error> {
        self.items += 1;
        let line = self.line_offset + line;
        let item = Item { text, syntax: self.syntax, file: self.file, line, is_first: self.items == 1 };
        let mut head: ListHead = item.decode()?;
        let items = std::mem::take(&mut head.items);
        let decoded = &mut self.collector.decoded;
        if head.api_version.as_deref() == Some(OWN_VERSION) {
            decoded.recorded = Some(Recorded {
                taken_at: head.taken_at,
                server_version: head.server_version,
                controller: head.controller,
            });
            decoded.gaps.extend(head.gaps);
            decoded.unknown_fields.extend(head.unknown_fields);
            decoded.warnings.extend(head.warnings);
        } else if let Some(kind) = head.kind.as_deref().and_then(|kind| kind.strip_suffix("List")) {
            let known = KINDS.iter().chain(WORKLOAD_KINDS).find(|known| known.2 == kind);
            decoded.known_empty.extend(known.map(|known| known.3.to_owned()));
        }
        // Written in a way that the cutters do not take apart: a list within a list, or YAML in flow style.
        if !items.is_empty() {
            if self.nesting == MAX_NESTING {
                return Err(Error::usage(format!("{}:{}: lists within lists", self.file, item.line)));
            }
            let text = serde_json::Value::Array(items).to_string();
            let offset = item.line.saturating_sub(1);
            let nesting = self.nesting + 1;
            self.collector.cut(self.file, text.as_bytes(), Syntax::Json, offset, self.in_folder, nesting)?;
        }
        Ok(())
    }
}

/// Whether this is a list of objects.
fn is_list(head: &Head) -> bool {
    let kind = head.kind.as_deref().unwrap_or_default();
    kind == "List"
        || kind.strip_suffix("List").is_some_and(|item| {
            KINDS.iter().chain(WORKLOAD_KINDS).any(|known| (known.0, known.2) == (head.group(), item))
                || is_node_class(head.group(), item)
        })
}

/// Whether `metadata` is the first field of an object.
fn begins_with_metadata(text: &str) -> bool {
    let fields = text.trim_start().strip_prefix('{').map(str::trim_start);
    fields.is_some_and(|fields| fields.starts_with("\"metadata\""))
}

/// Items of a typed list (`PodList`) do not repeat what they are.
fn head_of_items(list: &str, syntax: Syntax) -> Option<Head> {
    // The list is open: its items come next.
    let json = match syntax {
        Syntax::Json => format!("{list}[]}}"),
        Syntax::Yaml => yaml_to_json(list).ok()?,
    };
    let head: Head = serde_json::from_str(&json).ok()?;
    let kind = head.kind.as_deref()?.strip_suffix("List")?.to_owned();
    (!kind.is_empty()).then_some(Head { kind: Some(kind), ..head })
}

/// JSON begins with a bracket; everything else is YAML.
fn sniff(reader: &mut Box<dyn BufRead + Send>) -> std::io::Result<Syntax> {
    const BOM: &[u8] = &[0xef, 0xbb, 0xbf];
    if reader.fill_buf()?.starts_with(BOM) {
        reader.consume(BOM.len());
    }
    let first = reader.fill_buf()?.iter().find(|byte| !byte.is_ascii_whitespace());
    Ok(if matches!(first, Some(b'{' | b'[')) { Syntax::Json } else { Syntax::Yaml })
}

/// `spec.template.spec.?.foo` of the library becomes `spec.template.spec.foo`; list positions get brackets.
fn plain_path(path: &str) -> String {
    let mut plain = String::new();
    for part in path.split('.').filter(|part| *part != "?") {
        if part.bytes().all(|byte| byte.is_ascii_digit()) {
            plain.push_str(&format!("[{part}]"));
        } else {
            if !plain.is_empty() {
                plain.push('.');
            }
            plain.push_str(part);
        }
    }
    plain
}

/// The error of a misspelt word, with the line it stands on and what was probably meant.
fn misspelt_error(item: &Item<'_>, misspelt: &Misspelt) -> Error {
    let place = locate::locate(item, &locate::path(&misspelt.path));
    let line = place.map_or(item.line, |place| place.line);
    let meant = nearest(&misspelt.word, misspelt.allowed);
    let object = item.described();
    let mut error = Error::usage(format!("{}:{line}: {}: {:?}", item.file, misspelt.path, misspelt.word));
    if !object.is_empty() && !item.is_first {
        error = error.cause(format!("in {object}"));
    }
    let note = meant.map_or_else(|| "not known".to_owned(), |word| format!("did you mean {word}?"));
    error.excerpt = place.and_then(|place| item.excerpt(place, &note));
    error.hint(misspelt.allowed.join(", "))
}

/// The allowed word that is nearest to what was written, if it is near enough.
fn nearest(word: &str, allowed: &'static [&'static str]) -> Option<&'static str> {
    let wanted = word.to_lowercase();
    let near = allowed.iter().map(|known| (strsim::osa_distance(&wanted, &known.to_lowercase()), *known));
    near.min_by_key(|(distance, _)| *distance)
        .filter(|(distance, known)| *distance <= known.len() / 2)
        .map(|found| found.1)
}

//! Cordon and uncordon, for the two verbs of that name: nodes with kubectl's messages, NodePools paused and put back.
//!
//! All names are resolved before anything is changed. Nothing is sent for what is already so.

use std::ffi::OsString;

use clap::{Parser, ValueEnum};
use compact_str::CompactString;
use jiff::{SignedDuration, Timestamp};
use karp_core::drain::{
    CORDON_ANNOTATION, DRAIN_ANNOTATION, Journal, Named, PauseRequest, Phase, nodes_named, pause, paused,
    resume,
};
use karp_core::model::{Node, label_key};
use karp_core::report::{Error, ErrorKind, ExitCode};
use serde_json::{Value, json};

use crate::cli::{ClusterFlags, parse};
use crate::cluster::{Reply, Request, Writer};
use crate::complete::{Names, Object};
use crate::term::{ColorChoice, Out, clock};

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// No more pods, no more nodes.
    Cordon,
    /// Back again.
    Uncordon,
}

/// `--dry-run`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum DryRun {
    /// Do it.
    #[default]
    None,
    /// Send nothing.
    Client,
    /// Have the server check it, change nothing.
    Server,
}

impl DryRun {
    fn suffix(self) -> &'static str {
        match self {
            DryRun::None => "",
            DryRun::Client => " (dry run)",
            DryRun::Server => " (server dry run)",
        }
    }
}

const CORDON_EXAMPLES: &str = "\
  kubectl karp cordon ip-10-0-1-137.ec2.internal     no more pods on this node
  kubectl karp cordon nodepool/spot --for 2h --reason 'load test'
  kubectl karp cordon nodepool/spot --nodes          all nodes of a NodePool";

const UNCORDON_EXAMPLES: &str = "\
  kubectl karp uncordon ip-10-0-1-137.ec2.internal
  kubectl karp uncordon nodepool/spot                limits and budgets as before";

/// Flags of both verbs.
#[derive(Debug, Parser)]
struct Cli {
    /// NODE or nodepool/NAME
    #[arg(value_name = "NODE", add = Names::bare(&[Object::Node]).and(&[Object::NodePool]))]
    targets: Vec<String>,
    /// Labels to select nodes by
    #[arg(short = 'l', long, value_name = "LABELS")]
    selector: Option<String>,
    /// Mean the nodes of a NodePool, not the NodePool itself
    #[arg(long)]
    nodes: bool,
    /// Until when disruption of a NodePool stays closed; launches wait for uncordon
    #[arg(long = "for", value_name = "TIME")]
    lasting: Option<SignedDuration>,
    /// Why; kept on the object
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Keep what was edited since, undo the rest
    #[arg(long)]
    keep: bool,
    /// none, client or server
    #[arg(long, value_enum, value_name = "WHAT", default_value_t, num_args = 0..=1, default_missing_value = "client", require_equals = true)]
    dry_run: DryRun,
    /// When to colour
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    color: ColorChoice,
    #[command(flatten)]
    cluster: ClusterFlags,
}

/// Stop pods from coming to nodes, or pause a NodePool
#[derive(Debug, Parser)]
#[command(name = "cordon", version, before_help = CORDON_EXAMPLES)]
struct CordonCli {
    #[command(flatten)]
    flags: Cli,
}

/// Let pods come to nodes again, or put a paused NodePool back
#[derive(Debug, Parser)]
#[command(
    name = "uncordon", version, before_help = UNCORDON_EXAMPLES
)]
struct UncordonCli {
    #[command(flatten)]
    flags: Cli,
}

/// The command line of one of the verbs.
pub fn command(way: Way) -> clap::Command {
    match way {
        Way::Cordon => <CordonCli as clap::CommandFactory>::command(),
        Way::Uncordon => <UncordonCli as clap::CommandFactory>::command(),
    }
}

/// Runs one of the verbs.
///
/// # Errors
/// Wrong usage, an object that is not there, a cluster that does not answer or does not allow it.
pub fn run(way: Way, arguments: Vec<OsString>, out: &mut Out<'_>) -> Result<ExitCode, Error> {
    let parsed = match way {
        Way::Cordon => parse::<CordonCli>("kubectl karp cordon", arguments, out)?.map(|cli| cli.flags),
        Way::Uncordon => parse::<UncordonCli>("kubectl karp uncordon", arguments, out)?.map(|cli| cli.flags),
    };
    let Some(cli) = parsed else { return Ok(ExitCode::Done) };
    out.choose_color(cli.color);
    if cli.targets.is_empty() && cli.selector.is_none() {
        return Err(Error::usage("name a node or a nodepool/NAME, or select nodes with -l"));
    }
    let writer = Writer::open(&cli.cluster.options(None))?;
    let verb = Verb { way, cli: &cli, writer: &writer };
    verb.run(out)
}

struct Verb<'a> {
    way: Way,
    cli: &'a Cli,
    writer: &'a Writer,
}

impl Verb<'_> {
    fn run(&self, out: &mut Out<'_>) -> Result<ExitCode, Error> {
        let (mut pools, mut words) = (Vec::new(), Vec::new());
        for word in &self.cli.targets {
            match Named::parse(word)? {
                Named::NodePool(name) if !self.cli.nodes => pools.push(name),
                _ => words.push(word.clone()),
            }
        }
        let all: Vec<Node> = self.writer.list("/api/v1/nodes")?;
        let nodes = match words.is_empty() && self.cli.selector.is_none() {
            true => Vec::new(),
            false => nodes_named(&all, &words, self.cli.selector.as_deref())?,
        };
        for pool in &pools {
            self.pool(pool)?;
        }
        let mut failed = false;
        for name in &nodes {
            failed |= !self.told(&format!("node/{name}"), self.node(name), out)?;
        }
        for name in &pools {
            let count = all
                .iter()
                .filter(|node| node.metadata.labels.get(label_key::NODE_POOL) == Some(name.as_str()))
                .count();
            let text = match self.way {
                Way::Cordon => self.pause(name, count, out),
                Way::Uncordon => self.resume(name),
            };
            failed |= !self.told(&format!("nodepool/{name}"), text, out)?;
        }
        Ok(if failed { ExitCode::HalfWay } else { ExitCode::Done })
    }

    /// Prints a line; a failure of one object does not stop the others, one of the cluster does.
    fn told(&self, object: &str, text: Result<String, Error>, out: &mut Out<'_>) -> Result<bool, Error> {
        match text {
            Ok(text) => {
                out.line(&format!("{object} {text}"));
                out.flush();
                Ok(true)
            }
            Err(error) if error.kind == ErrorKind::HalfWay => {
                out.error(&error);
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Reads, patches what was read, and begins again where it changed in between.
    fn change(
        &self,
        path: &str,
        object: &str,
        make: &mut dyn FnMut(&Value) -> Result<Option<Value>, Error>,
    ) -> Result<bool, Error> {
        let mut last = String::new();
        for _ in 0..8 {
            let Some(found) = self.writer.get::<Value>(path)? else {
                return Err(Error::not_found(format!("{object} not found")));
            };
            let Some(patch) = make(&found)? else { return Ok(false) };
            if self.cli.dry_run == DryRun::Client {
                return Ok(true);
            }
            match self.writer.send(Request::merge_patch(path, patch, self.cli.dry_run == DryRun::Server)) {
                Reply::Done(_) => return Ok(true),
                // Whoever may not change this one may not change the others.
                Reply::Never(message) if message.contains(" is forbidden: ") => {
                    return Err(Error::unreachable(format!("not allowed to change {object}"))
                        .cause(message)
                        .hint("what to grant: docs/rbac-writer.yaml"));
                }
                Reply::Never(message) => {
                    return Err(
                        Error::new(ErrorKind::HalfWay, format!("unable to change {object}")).cause(message)
                    );
                }
                Reply::Gone => return Err(Error::not_found(format!("{object} not found"))),
                Reply::Conflict(message) | Reply::NotNow { message, .. } | Reply::Unknown(message) => {
                    last = message
                }
            }
            self.writer.sleep(std::time::Duration::from_millis(500));
        }
        Err(Error::new(ErrorKind::HalfWay, format!("unable to change {object}")).cause(last))
    }

    fn node(&self, name: &CompactString) -> Result<String, Error> {
        let wanted = self.way == Way::Cordon;
        let (verb, already) =
            if wanted { ("cordoned", "already cordoned") } else { ("uncordoned", "already uncordoned") };
        let path = format!("/api/v1/nodes/{name}");
        let changed = self.change(&path, &format!("nodes {name:?}"), &mut |node| {
            let is = node["spec"]["unschedulable"] == json!(true);
            let annotations = &node["metadata"]["annotations"];
            let ours = [CORDON_ANNOTATION, DRAIN_ANNOTATION].iter().any(|key| !annotations[*key].is_null());
            if !wanted && let Some(text) = annotations[DRAIN_ANNOTATION].as_str() {
                refuse_half_deleted(name, text)?;
            }
            if is == wanted && (wanted || !ours) {
                return Ok(None);
            }
            let mut marks = json!({});
            if wanted {
                if self.cli.reason.is_some() {
                    marks[CORDON_ANNOTATION] = json!(self.note().to_string());
                }
            } else if ours {
                marks = json!({CORDON_ANNOTATION: null, DRAIN_ANNOTATION: null});
            }
            let unschedulable = if wanted { json!(true) } else { Value::Null };
            Ok(Some(json!({
                "metadata": {"uid": node["metadata"]["uid"], "annotations": marks},
                "spec": {"unschedulable": unschedulable},
            })))
        })?;
        Ok(format!("{}{}", if changed { verb } else { already }, self.cli.dry_run.suffix()))
    }

    fn note(&self) -> Value {
        json!({"version": 1, "since": self.now(), "by": self.user(), "reason": self.cli.reason})
    }

    fn pool_path(name: &str) -> String {
        format!("/apis/karpenter.sh/v1/nodepools/{name}")
    }

    fn pool(&self, name: &str) -> Result<Value, Error> {
        self.writer.get::<Value>(&Self::pool_path(name))?.ok_or_else(|| {
            Error::not_found(format!("nodepools.karpenter.sh {name:?} not found"))
                .hint("kubectl get nodepools")
        })
    }

    fn pause(&self, name: &str, nodes: usize, out: &mut Out<'_>) -> Result<String, Error> {
        let request = PauseRequest {
            now: self.now(),
            by: self.user(),
            reason: self.cli.reason.clone(),
            for_seconds: self.cli.lasting.map(|time| time.as_secs()).filter(|seconds| *seconds > 0),
        };
        let mut until = None;
        let changed = self.change(&Self::pool_path(name), &format!("nodepool/{name}"), &mut |pool| {
            if paused(pool).map_err(|error| unreadable(name, &error.to_string()))?.is_some() {
                return Ok(None);
            }
            let (record, patch) = pause(pool, &request);
            until = record.until;
            Ok(Some(patch))
        })?;
        if !changed {
            return Ok(format!("already cordoned{}", self.cli.dry_run.suffix()));
        }
        let stay = if nodes == 1 { "1 node stays".to_owned() } else { format!("{nodes} nodes stay") };
        let mut text = format!("cordoned: no launch, no disruption; {stay}{}", self.cli.dry_run.suffix());
        if let Some(until) = until {
            let at = clock(until, request.now, &out.time_zone);
            text.push_str(&format!(
                "\nAt {at} disruption opens by itself (budget window); launches wait for you."
            ));
        }
        text.push_str(&format!(
            "\nnext: kubectl karp uncordon nodepool/{name}    (puts limits and budgets back)"
        ));
        Ok(text)
    }

    fn resume(&self, name: &str) -> Result<String, Error> {
        let changed = self.change(&Self::pool_path(name), &format!("nodepool/{name}"), &mut |pool| {
            let Some(record) = paused(pool).map_err(|error| unreadable(name, &error.to_string()))? else {
                return Ok(None);
            };
            let patch = resume(pool, &record, self.cli.keep).map_err(|error| {
                Error::new(ErrorKind::HalfWay, format!("nodepool/{name} {error}")).hint(format!(
                    "keep the edit, undo the rest: kubectl karp uncordon nodepool/{name} --keep"
                ))
            })?;
            Ok(Some(patch))
        })?;
        let suffix = self.cli.dry_run.suffix();
        Ok(if changed {
            format!("uncordoned: limits and budgets are as before{suffix}")
        } else {
            format!("already uncordoned{suffix}")
        })
    }

    fn now(&self) -> Timestamp {
        self.writer.date().unwrap_or_else(Timestamp::now)
    }

    /// Who we are, as the server knows us; not worth failing for.
    fn user(&self) -> Option<String> {
        let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
        match self.writer.send(Request::create("/apis/authentication.k8s.io/v1/selfsubjectreviews", review)) {
            Reply::Done(review) => review["status"]["userInfo"]["username"].as_str().map(str::to_owned),
            _ => None,
        }
    }
}

/// A node whose NodeClaim is being deleted does not come back.
fn refuse_half_deleted(node: &str, text: &str) -> Result<(), Error> {
    let journal = Journal::parse(node, text).map_err(|error| Error::usage(error.to_string()))?;
    if journal.phase == Phase::Deleting {
        return Err(Error::new(ErrorKind::HalfWay, format!("node/{node}: its NodeClaim is being deleted"))
            .hint("there is no way back: Karpenter takes the node out"));
    }
    Ok(())
}

fn unreadable(name: &str, cause: &str) -> Error {
    Error::new(ErrorKind::HalfWay, format!("nodepool/{name}: {cause}"))
        .hint(format!("kubectl annotate nodepool {name} {CORDON_ANNOTATION}- forgets it"))
}

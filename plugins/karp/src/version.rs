//! `kubectl karp version`: what this is, which Karpenter it models and how well, how old its data is.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use clap::Parser;
use karp_common::catalog;
use karp_common::cli::{ClusterFlags, OutputFlags, parse};
use karp_common::cluster;
use karp_common::term::{Format, Out, document};
use karp_core::model::{Fidelity, RuleSet, VersionFit};
use karp_core::report::{Error, ExitCode};
use serde::{Deserialize, Serialize};

use crate::{Program, find, verbs};

/// Our own version.
pub(crate) const OWN: &str = env!("CARGO_PKG_VERSION");

/// Agreement with the recorded controller, as measured when this was built; a test keeps it true.
const SCORE: &str = include_str!("../../../tests/vectors/score.json");

/// Time to ask the cluster which Karpenter it runs: a version must not make anybody wait.
const CLUSTER_TIMEOUT: Duration = Duration::from_secs(3);

/// Versions, modelled Karpenter, age of data
#[derive(Debug, Parser)]
#[command(disable_version_flag = true)]
struct Cli {
    /// Do not ask the cluster which Karpenter it runs
    #[arg(long)]
    client: bool,

    #[command(flatten)]
    cluster: ClusterFlags,

    #[command(flatten)]
    output: OutputFlags,
}

/// What the version says.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    version: &'static str,
    karpenter: Karpenter,
    vectors: Score,
    catalog: Catalog,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    siblings: Vec<Sibling>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Karpenter {
    modelled: Vec<&'static str>,
    default: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    running: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fidelity: Option<Fidelity>,
    #[serde(skip_serializing_if = "String::is_empty")]
    note: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Catalog {
    source: &'static str,
    date: String,
    regions: usize,
}

/// An executable of the suite beside this one or on PATH.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Sibling {
    verb: String,
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    /// Whether kubectl runs it in place of a built-in verb.
    hides_built_in: bool,
}

/// The measured agreement: scenarios times rule sets.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Score {
    agree: usize,
    disagree: usize,
    not_modelled: usize,
}

/// The command line.
pub(crate) fn command() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

/// Runs the verb.
pub(crate) fn run(program: &Program, arguments: Vec<OsString>, out: &mut Out<'_>) -> Result<ExitCode, Error> {
    let Some(cli) = parse::<Cli>("kubectl karp version", arguments, out)? else { return Ok(ExitCode::Done) };
    cli.output.apply(out);
    cli.output.refuse_watch()?;
    let running = if cli.client { None } else { running(&cli.cluster) };
    let version = Version {
        version: OWN,
        karpenter: karpenter(running),
        vectors: serde_json::from_str(SCORE).unwrap_or_default(),
        catalog: embedded_catalog(),
        siblings: siblings(program),
    };
    match cli.output.output {
        Format::Json => out.print(&document("Version", &version, false)?),
        Format::Yaml => out.print(&document("Version", &version, true)?),
        Format::Name => out.line(OWN),
        Format::Table | Format::Wide => {
            out.print(&version.text());
            for sibling in version.siblings.iter().filter(|sibling| sibling.hides_built_in) {
                if let Some(other) = sibling.version.as_deref().filter(|other| *other != OWN) {
                    out.warn(&format!("{} {other} hides the built-in {OWN}", sibling.path));
                }
            }
        }
    }
    Ok(ExitCode::Done)
}

/// The version of the controller that the cluster runs, if it answers at once.
fn running(flags: &ClusterFlags) -> Option<String> {
    let mut options = flags.options(None);
    options.request_timeout.get_or_insert(Some(CLUSTER_TIMEOUT));
    let controllers = cluster::controllers(&options).ok()?;
    controllers.first()?.settings().0.version.map(String::from)
}

fn karpenter(running: Option<String>) -> Karpenter {
    let fit = running.as_deref().map(|running| VersionFit::of(Some(running)));
    Karpenter {
        modelled: RuleSet::ALL.iter().map(|rules| rules.name()).collect(),
        default: RuleSet::default().name(),
        fidelity: fit.as_ref().map(|fit| fit.fidelity),
        note: fit.map(|fit| fit.note).unwrap_or_default(),
        running,
    }
}

fn embedded_catalog() -> Catalog {
    let regions = catalog::embedded_regions().unwrap_or_default();
    let date = catalog::StaticTables::load().map(|tables| tables.price_source("us-east-1").date.to_string());
    Catalog { source: "embedded", date: date.unwrap_or_default(), regions: regions.len() }
}

fn siblings(program: &Program) -> Vec<Sibling> {
    let found = find::extensions(program).into_iter();
    found
        .map(|found| Sibling {
            version: of_sibling(&found.path),
            hides_built_in: verbs::find(&found.verb).is_some()
                && find::on_path(program, &found.verb).is_some(),
            path: found.path.display().to_string(),
            verb: found.verb,
        })
        .collect()
}

/// The version of a sibling, where it is one of ours: asked for, it prints `karp VERSION`.
pub(crate) fn of_sibling(path: &Path) -> Option<String> {
    let output = std::process::Command::new(path)
        .arg("--suite-version")
        .stdin(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim().strip_prefix("karp ")?.to_owned())
}

impl Version {
    fn text(&self) -> String {
        let karpenter = &self.karpenter;
        let runs = match (&karpenter.running, karpenter.fidelity) {
            (Some(running), Some(Fidelity::Modelled)) => format!("; this cluster runs {running}"),
            (Some(running), Some(Fidelity::Approximate)) => {
                format!("; this cluster runs {running}, modelled approximately")
            }
            (Some(running), _) => format!("; this cluster runs {running}, not modelled"),
            (None, _) => String::new(),
        };
        let score = &self.vectors;
        let total = score.agree + score.disagree + score.not_modelled;
        let agreement = match total {
            0 => String::new(),
            total => format!("agrees with the recorded controller in {} of {total} cases\n", score.agree),
        };
        format!(
            "karp {}, models Karpenter {}{runs}.\n{agreement}catalog: embedded list {}, {} regions\n",
            self.version, karpenter.default, self.catalog.date, self.catalog.regions
        )
    }
}

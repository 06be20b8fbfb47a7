//! Karpenter itself with its KWOK provider, beside a control plane.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;

use crate::control_plane::ControlPlane;
use crate::process::Process;
use crate::servers::KarpenterServer;
use crate::{ports, wait};

/// How long Karpenter may take to answer its readiness probe.
const READY_LIMIT: Duration = Duration::from_secs(120);

/// How long it may take to end when asked to.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// Namespace of the controller and of its Deployment.
pub const NAMESPACE: &str = "karpenter";

/// How Karpenter is set up.
#[derive(Clone, Debug, Default)]
pub struct KarpenterOptions {
    /// Instance types in the KWOK provider's JSON format; the provider's own 144 without it.
    pub instance_types: Option<PathBuf>,
    /// More environment variables, or others than the harness sets: `FEATURE_GATES`,
    /// `PREFERENCE_POLICY`, `BATCH_IDLE_DURATION`, `SCHEDULER_CONFIG`, …
    pub environment: BTreeMap<String, String>,
}

impl KarpenterOptions {
    /// Sets one environment variable of the controller.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Long batch windows, so that pods created one after the other form one batch. For tests that
    /// compare a predicted batch with what Karpenter does.
    #[must_use]
    pub fn one_batch(self) -> Self {
        self.with("BATCH_IDLE_DURATION", "10s").with("BATCH_MAX_DURATION", "60s")
    }
}

/// A running Karpenter. Dropping it ends the process; what it created stays in the cluster.
pub struct Karpenter {
    process: Process,
    health_port: u16,
}

impl Karpenter {
    /// Installs Karpenter's CRDs and a Deployment that shows its settings, then starts it.
    ///
    /// # Errors
    /// The server cannot be built or started, ends by itself, or is not ready in time.
    pub fn start(plane: &ControlPlane, options: &KarpenterOptions) -> Result<Self> {
        let server = KarpenterServer::kwok()?;
        install_crds(plane, &server.crds)?;
        let mut environment = options.environment.clone();
        if let Some(file) = &options.instance_types {
            environment.insert("INSTANCE_TYPES_FILE_PATH".to_owned(), file.display().to_string());
        }
        Self::start_server(plane, &server, "karpenter", environment)
    }

    /// Starts a controller; shared with the AWS provider, which differs in its environment only.
    pub(crate) fn start_server(
        plane: &ControlPlane,
        server: &KarpenterServer,
        name: &str,
        environment: BTreeMap<String, String>,
    ) -> Result<Self> {
        publish_settings(plane, &environment)?;
        let health_port = ports::free()?;
        let mut command = Command::new(&server.controller);
        command
            .env("KUBECONFIG", plane.kubeconfig())
            .env("SYSTEM_NAMESPACE", NAMESPACE)
            .env("KARPENTER_SERVICE", "karpenter")
            .env("DISABLE_LEADER_ELECTION", "true")
            .env("METRICS_PORT", ports::free()?.to_string())
            .env("HEALTH_PROBE_PORT", health_port.to_string())
            .env("CPU_REQUESTS", "1000")
            .envs(environment);
        let mut karpenter = Self { process: plane.process(name, command)?, health_port };
        wait::until("Karpenter to answer /readyz", READY_LIMIT, || {
            karpenter.process.check()?;
            Ok(answers(karpenter.health_port).then_some(()))
        })
        .with_context(|| format!("Karpenter is not ready; its last lines:\n{}", karpenter.tail()))?;
        Ok(karpenter)
    }

    /// Fails when the controller has ended by itself.
    ///
    /// # Errors
    /// The last lines of its log.
    pub fn check(&mut self) -> Result<()> {
        self.process.check()
    }

    /// The last lines of its log.
    #[must_use]
    pub fn tail(&self) -> String {
        self.process.tail()
    }

    /// Its process id.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Stops the controller where it is, so that a test can lay out a batch and look at the cluster
    /// before Karpenter sees it. For seconds, not minutes: the API server drops watches nobody reads.
    ///
    /// # Errors
    /// When the controller has ended.
    pub fn pause(&self) -> Result<()> {
        self.process.pause()
    }

    /// Lets a paused controller go on.
    ///
    /// # Errors
    /// When the controller has ended.
    pub fn resume(&self) -> Result<()> {
        self.process.resume()
    }

    /// Ends it as a rollout would: asked first, so that it can write what it must keep.
    pub fn stop(&mut self) {
        self.process.stop(STOP_GRACE);
    }
}

/// Installs the CRDs of a folder and waits until the API server serves them.
///
/// # Errors
/// When kubectl fails.
pub fn install_crds(plane: &ControlPlane, folder: &Path) -> Result<()> {
    let kubectl = plane.kubectl();
    let folder = folder.display().to_string();
    // Server-side: EC2NodeClass is too large for the last-applied annotation.
    kubectl.run(&["apply", "--server-side", "--force-conflicts", "-f", &folder])?.success()?;
    kubectl.run(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"])?.success()?;
    Ok(())
}

/// Karpenter's Deployment as an installation would have it, with no replicas: the controller runs as
/// our own process, but its version and settings are read from here.
fn publish_settings(plane: &ControlPlane, environment: &BTreeMap<String, String>) -> Result<()> {
    let version =
        crate::servers::module::Module::Karpenter.pinned("sigs.k8s.io/karpenter")?.trim_start_matches('v');
    let variables: Vec<_> = environment
        .iter()
        .filter(|(name, _)| !name.starts_with("AWS_"))
        .map(|(name, value)| json!({"name": name, "value": value}))
        .collect();
    let labels = json!({
        "app.kubernetes.io/name": "karpenter",
        "app.kubernetes.io/instance": "karpenter",
        "app.kubernetes.io/version": version,
    });
    let selector = json!({"app.kubernetes.io/name": "karpenter", "app.kubernetes.io/instance": "karpenter"});
    let list = json!({
        "apiVersion": "v1",
        "kind": "List",
        "items": [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": "karpenter", "namespace": NAMESPACE, "labels": labels},
                "spec": {
                    "replicas": 0,
                    "selector": {"matchLabels": selector},
                    "template": {
                        "metadata": {"labels": selector},
                        "spec": {"containers": [{
                            "name": "controller",
                            "image": format!("karpenter/controller:{version}"),
                            "env": variables,
                        }]},
                    },
                },
            },
        ],
    });
    plane.kubectl().apply(&list.to_string())
}

/// Whether the health probe says ready. Plain HTTP/1.0 by hand: it needs no client for one line.
fn answers(port: u16) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(b"GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.lines().next().is_some_and(|line| line.contains(" 200 ")))
}

//! One Kubernetes control plane: etcd, API server, controller manager, scheduler, and KWOK for nodes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, Result};
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::json;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::certificates::Authority;
use crate::kubectl::Kubectl;
use crate::process::{Process, Reaper};
use crate::servers::Servers;
use crate::{kubeconfig, ports, process, say, wait};

/// How long a server may take to get ready; generous, for machines that build at the same time.
const READY_LIMIT: Duration = Duration::from_secs(120);

/// Annotation of pods that take 0.7 s to stop; see README.md.
pub const SLOW_STOP: &str = "karp.test/slow-stop";

/// What can differ from an ordinary control plane.
#[derive(Clone, Debug)]
pub struct ControlPlaneOptions {
    /// Seconds a node's lease lasts; KWOK renews it four times in that time. Raise it for thousands
    /// of nodes, or renewing is all the API server does.
    pub node_lease_seconds: u32,
    /// Seconds after the last heartbeat until the controller manager calls a node dead.
    pub node_grace_seconds: u32,
    /// How many pods and nodes KWOK works on at the same time.
    pub kwok_parallelism: u32,
}

impl Default for ControlPlaneOptions {
    fn default() -> Self {
        Self { node_lease_seconds: 40, node_grace_seconds: 50, kwok_parallelism: 16 }
    }
}

impl ControlPlaneOptions {
    /// For thousands of nodes on two cores: rare heartbeats, and nobody dies of missing one.
    #[must_use]
    pub fn large() -> Self {
        Self { node_lease_seconds: 1_200, node_grace_seconds: 3_600, kwok_parallelism: 64 }
    }
}

/// A running control plane. Dropping it ends its servers and removes its folder.
pub struct ControlPlane {
    // Fields drop in this order: servers, then the shell that would have ended them, then their folder.
    processes: Mutex<Vec<Process>>,
    reaper: Dismissed,
    runtime: Runtime,
    client: kube::Client,
    authority: Authority,
    servers: Servers,
    address: String,
    kubeconfig: PathBuf,
    folder: TempDir,
}

/// Dismisses the reaper when the control plane goes.
struct Dismissed(Reaper);

impl Drop for Dismissed {
    fn drop(&mut self) {
        self.0.dismiss();
    }
}

impl ControlPlane {
    /// Finds or builds the servers, starts them, and returns when pods can be created and scheduled.
    ///
    /// # Errors
    /// A server cannot be built or started, ends by itself (the last lines of its log are in the
    /// message), or is not ready in time.
    pub fn start(options: &ControlPlaneOptions) -> Result<Self> {
        let servers = Servers::build_or_reuse()?;
        // kube asks rustls for the process's provider; a second call is refused, which is fine.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::Builder::new().prefix("karp-cluster-").tempdir()?;
        let reaper = Dismissed(Reaper::start(folder.path())?);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;

        let authority = Authority::create(&folder.path().join("certificates"))?;
        let address = format!("https://127.0.0.1:{}", ports::free()?);
        let admin = authority.client("admin", "admin", Some("system:masters"))?;
        let kubeconfig = folder.path().join("admin.kubeconfig");
        kubeconfig::write(&kubeconfig, &address, authority.certificate(), &admin)?;
        let client = runtime.block_on(client(&kubeconfig))?;

        let plane = Self {
            processes: Mutex::new(Vec::new()),
            reaper,
            runtime,
            client,
            authority,
            servers,
            address,
            kubeconfig,
            folder,
        };
        plane.start_api()?;
        plane.start_controllers(options)?;
        plane.wait_for_service_account("default")?;
        Ok(plane)
    }

    fn start_api(&self) -> Result<()> {
        let (clients, peers) = (loopback(ports::free()?), loopback(ports::free()?));
        let mut etcd = Command::new(&self.servers.etcd);
        etcd.arg("--data-dir").arg(self.folder.path().join("etcd"));
        etcd.args(["--listen-client-urls", &clients, "--advertise-client-urls", &clients]);
        etcd.args(["--listen-peer-urls", &peers, "--initial-advertise-peer-urls", &peers]);
        etcd.args(["--initial-cluster", &format!("default={peers}"), "--unsafe-no-fsync"]);
        // 50,000 pods outgrow the default of 2 GiB once compaction lags behind.
        etcd.args(["--quota-backend-bytes", "8589934592"]);
        self.spawn("etcd", etcd)?;

        let (_, port) = self.address.rsplit_once(':').context("the address has a port")?;
        let server = self.authority.server(
            "kube-apiserver",
            &["127.0.0.1", "localhost", "10.0.0.1", "kubernetes", "kubernetes.default.svc"],
        )?;
        let keys = self.authority.service_account_keys()?;
        let mut api = Command::new(&self.servers.kube_apiserver);
        api.args([&format!("--etcd-servers={clients}"), &format!("--secure-port={port}")]);
        api.args([
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            "--endpoint-reconciler-type=none",
        ]);
        api.args([
            "--service-cluster-ip-range=10.0.0.0/24",
            "--allow-privileged=true",
            "--authorization-mode=RBAC,Node",
        ]);
        api.arg("--service-account-issuer=https://kubernetes.default.svc");
        path_flag(&mut api, "tls-cert-file", &server.certificate);
        path_flag(&mut api, "tls-private-key-file", &server.key);
        path_flag(&mut api, "client-ca-file", self.authority.certificate());
        path_flag(&mut api, "service-account-key-file", &keys.certificate);
        path_flag(&mut api, "service-account-signing-key-file", &keys.key);
        self.spawn("kube-apiserver", api)?;

        let mut last = String::new();
        wait::until("the API server to answer /readyz", READY_LIMIT, || {
            self.check()?;
            let request = http::Request::get("/readyz").body(Vec::new())?;
            match self.run(self.client.request_text(request)) {
                Ok(_) => Ok(Some(())),
                Err(error) => {
                    last = error.to_string();
                    Ok(None)
                }
            }
        })
        .with_context(|| format!("the API server is not ready: {last}"))
    }

    fn start_controllers(&self, options: &ControlPlaneOptions) -> Result<()> {
        let keys = self.folder.path().join("certificates").join("sa.key");
        let mut manager =
            self.component(&self.servers.kube_controller_manager, "system:kube-controller-manager")?;
        path_flag(&mut manager, "service-account-private-key-file", &keys);
        path_flag(&mut manager, "root-ca-file", self.authority.certificate());
        manager.arg("--use-service-account-credentials=true");
        manager.arg(format!("--node-monitor-grace-period={}s", options.node_grace_seconds));
        // 20 requests a second and controller are for clusters that grow slowly; here dozens of workloads come at once,
        // and a PDB whose status lags is one that allows nothing.
        manager.args(["--kube-api-qps=200", "--kube-api-burst=400"]);
        self.spawn("kube-controller-manager", manager)?;

        let scheduler = self.component(&self.servers.kube_scheduler, "system:kube-scheduler")?;
        self.spawn("kube-scheduler", scheduler)?;

        let mut kwok = Command::new(&self.servers.kwok);
        kwok.arg("--kubeconfig").arg(&self.kubeconfig);
        for stage in &self.servers.stages {
            kwok.arg("-c").arg(stage);
        }
        kwok.args(["--manage-nodes-with-annotation-selector", "kwok.x-k8s.io/node=fake"]);
        kwok.args(["--node-lease-duration-seconds", &options.node_lease_seconds.to_string()]);
        kwok.arg("-c").arg(self.kwok_configuration(options)?);
        kwok.arg("-c").arg(self.slow_stop()?);
        self.spawn("kwok", kwok)
    }

    /// KWOK takes its parallelism from a file only. JSON is YAML.
    fn kwok_configuration(&self, options: &ControlPlaneOptions) -> Result<PathBuf> {
        let parallelism = options.kwok_parallelism;
        let configuration = json!({
            "apiVersion": "config.kwok.x-k8s.io/v1alpha1",
            "kind": "KwokConfiguration",
            "options": {
                "podPlayStageParallelism": parallelism,
                "nodePlayStageParallelism": parallelism,
                "nodeLeaseParallelism": parallelism,
            },
        });
        let file = self.folder.path().join("kwok.yaml");
        fs::write(&file, configuration.to_string())?;
        Ok(file)
    }

    /// A stage for pods with the annotation [`SLOW_STOP`]: they take a moment to stop, as under a kubelet. KWOK's own
    /// deletes a pod in the very moment; the PDB controller then never sees it terminate, and takes a pod that comes up
    /// again under its name (StatefulSet) for disrupted for two minutes.
    fn slow_stop(&self) -> Result<PathBuf> {
        let annotation = format!(".metadata.annotations[\"{SLOW_STOP}\"]");
        let stage = json!({
            "apiVersion": "kwok.x-k8s.io/v1alpha1",
            "kind": "Stage",
            "metadata": {"name": "pod-delete-slowly"},
            "spec": {
                "resourceRef": {"apiGroup": "v1", "kind": "Pod"},
                "selector": {"matchExpressions": [
                    {"key": ".metadata.deletionTimestamp", "operator": "Exists"},
                    {"key": annotation, "operator": "Exists"},
                ]},
                // Of stages that match, those with a weight go before KWOK's own, which has none.
                "weight": 1,
                "delay": {"durationMilliseconds": 700},
                "next": {"delete": true},
            },
        });
        let file = self.folder.path().join("slow-stop.yaml");
        fs::write(&file, stage.to_string())?;
        Ok(file)
    }

    /// A controller of Kubernetes itself: its own user, its own kubeconfig, a port of its own.
    fn component(&self, program: &Path, user: &str) -> Result<Command> {
        let kubeconfig = self.kubeconfig_for(user, None)?;
        let mut command = Command::new(program);
        for flag in ["kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig"] {
            path_flag(&mut command, flag, &kubeconfig);
        }
        command.args([
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
            &format!("--secure-port={}", ports::free()?),
        ]);
        Ok(command)
    }

    /// Waits until pods can be created in a namespace (admission wants its default service account).
    ///
    /// # Errors
    /// A server ended, or it takes longer than two minutes.
    pub fn wait_for_service_account(&self, namespace: &str) -> Result<()> {
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/default");
        wait::until(&format!("the default service account of namespace {namespace}"), READY_LIMIT, || {
            self.check()?;
            let request = http::Request::get(path.as_str()).body(Vec::new())?;
            Ok(self.run(self.client.request_text(request)).ok())
        })
        .map(|_| ())
    }

    /// Starts one more server that lives as long as the control plane.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(&self, name: &str, command: Command) -> Result<()> {
        let process = self.process(name, command)?;
        self.lock().push(process);
        Ok(())
    }

    /// Starts a server that the caller owns, with its log in this control plane's folder.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn process(&self, name: &str, command: Command) -> Result<Process> {
        let log = self.folder.path().join(format!("{name}.log"));
        Process::spawn(name, command, &log, &self.reaper.0)
    }

    /// Fails when one of the servers has ended by itself.
    ///
    /// # Errors
    /// The name of that server and the last lines of its log.
    pub fn check(&self) -> Result<()> {
        self.lock().iter_mut().try_for_each(Process::check)
    }

    /// Prints the last lines of every log: called by test runners when a test failed.
    pub fn print_tails(&self) {
        for process in self.lock().iter() {
            say(&format!("last lines of {}:\n{}", process.name(), process.tail()));
        }
    }

    /// The last lines of every log whose name begins so, by name; also of servers that have ended.
    #[must_use]
    pub fn tails_of(&self, prefix: &str) -> Vec<(String, String)> {
        let folder = fs::read_dir(self.folder.path()).into_iter().flatten().flatten();
        let mut logs: Vec<PathBuf> = folder.map(|entry| entry.path()).collect();
        logs.sort();
        logs.iter()
            .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
            .filter_map(|path| Some((path.file_stem()?.to_str()?.to_owned(), path)))
            .filter(|(name, _)| name.starts_with(prefix))
            .map(|(name, path)| (name, process::tail(path)))
            .collect()
    }

    /// Ids of the running servers, in the order of their start.
    #[must_use]
    pub fn process_ids(&self) -> Vec<u32> {
        self.lock().iter().map(Process::id).collect()
    }

    /// The administrator's kubeconfig.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// A kubeconfig for another user, authenticated by a client certificate of this control plane.
    /// The user has no rights until the test binds a role to it.
    ///
    /// # Errors
    /// When a certificate or the file cannot be written.
    pub fn kubeconfig_for(&self, user: &str, group: Option<&str>) -> Result<PathBuf> {
        let name = user.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
        let pair = self.authority.client(&name, user, group)?;
        let file = self.folder.path().join(format!("{name}.kubeconfig"));
        kubeconfig::write(&file, &self.address, self.authority.certificate(), &pair)?;
        Ok(file)
    }

    /// URL of the API server.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The folder of certificates, kubeconfigs and logs; gone with the control plane.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The binaries it runs.
    #[must_use]
    pub fn servers(&self) -> &Servers {
        &self.servers
    }

    /// A client with the administrator's rights; use it inside [`run`](Self::run).
    #[must_use]
    pub fn client(&self) -> kube::Client {
        self.client.clone()
    }

    /// Runs a future to its end on the harness's own runtime.
    pub fn run<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// Lets a future run beside the test, on the harness's own runtime.
    pub fn spawn_task<F>(&self, future: F) -> tokio::task::JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.runtime.spawn(future)
    }

    /// The real kubectl, as the administrator of this control plane.
    #[must_use]
    pub fn kubectl(&self) -> Kubectl {
        Kubectl::new(&self.servers.kubectl, &self.kubeconfig, self.folder.path())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Process>> {
        self.processes.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.print_tails();
        }
        // In the reverse of the order in which they were started, so that no log ends in complaints.
        let mut processes = self.lock();
        while let Some(process) = processes.pop() {
            drop(process);
        }
    }
}

fn loopback(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

fn path_flag(command: &mut Command, flag: &str, path: &Path) {
    let mut argument = std::ffi::OsString::from(format!("--{flag}="));
    argument.push(path);
    command.arg(argument);
}

/// A client for one kubeconfig, which fails at once instead of retrying for minutes.
async fn client(file: &Path) -> Result<kube::Client> {
    let kubeconfig = Kubeconfig::read_from(file)?;
    let mut config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    config.default_retry = false;
    config.read_timeout = Some(Duration::from_secs(60));
    // A proxy of the user's has no business between the tests and loopback.
    config.proxy_url = None;
    Ok(kube::Client::try_from(config)?)
}

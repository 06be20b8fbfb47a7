//! The real kubectl with the plugins on its PATH, as a user runs it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The kinds of a dump, least specific first.
const DUMPED_KINDS: &str = "namespaces,nodes,pods,persistentvolumeclaims,persistentvolumes,storageclasses,\
     csinodes,services,daemonsets,deployments,replicasets,statefulsets,jobs,poddisruptionbudgets,\
     priorityclasses,nodepools.karpenter.sh,nodeclaims.karpenter.sh,nodeoverlays.karpenter.sh,events";

/// What a finished kubectl printed, and how it ended.
#[derive(Clone, Debug)]
pub struct Output {
    /// The arguments, for messages.
    pub arguments: String,
    /// Exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// Standard output, bytes as printed.
    pub stdout: Vec<u8>,
    /// Standard error, as text.
    pub stderr: String,
}

impl Output {
    /// Standard output as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard output when kubectl ended with 0.
    ///
    /// # Errors
    /// Everything it printed, when it ended otherwise.
    pub fn success(self) -> Result<String> {
        if self.code == Some(0) { Ok(self.text()) } else { bail!("{self}") }
    }
}

impl fmt::Display for Output {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(formatter, "`kubectl {}` exited {code}", self.arguments)?,
            None => write!(formatter, "`kubectl {}` was ended by a signal", self.arguments)?,
        }
        write!(formatter, "\n--- stdout\n{}\n--- stderr\n{}", self.text(), self.stderr)
    }
}

/// How to call kubectl. Copies differ in who calls, not in where.
#[derive(Clone, Debug)]
pub struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
    home: PathBuf,
    plugins: PathBuf,
    environment: BTreeMap<String, String>,
}

impl Kubectl {
    pub(crate) fn new(program: &Path, kubeconfig: &Path, home: &Path) -> Self {
        Self {
            program: program.to_owned(),
            kubeconfig: kubeconfig.to_owned(),
            home: home.to_owned(),
            plugins: build_folder().unwrap_or_default(),
            environment: BTreeMap::new(),
        }
    }

    /// The same as another user.
    #[must_use]
    pub fn with_kubeconfig(&self, kubeconfig: &Path) -> Self {
        Self { kubeconfig: kubeconfig.to_owned(), ..self.clone() }
    }

    /// The same with the plugins of another folder first on PATH.
    #[must_use]
    pub fn with_plugins(&self, folder: &Path) -> Self {
        Self { plugins: folder.to_owned(), ..self.clone() }
    }

    /// The same with more environment variables, for plugins that ask others than the API server.
    #[must_use]
    pub fn with_environment(&self, environment: &BTreeMap<String, String>) -> Self {
        let mut more = self.environment.clone();
        more.extend(environment.clone());
        Self { environment: more, ..self.clone() }
    }

    /// Its HOME.
    #[must_use]
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The executable.
    #[must_use]
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Folder of the plugins under test.
    #[must_use]
    pub fn plugins(&self) -> &Path {
        &self.plugins
    }

    /// Makes sure that a plugin has been built.
    ///
    /// # Errors
    /// Says how to build it.
    pub fn require_plugin(&self, name: &str) -> Result<()> {
        if self.plugins.join(name).is_file() {
            return Ok(());
        }
        bail!("{name} is not in {}: build it with `cargo build --workspace --bins`", self.plugins.display())
    }

    /// The command with its environment, not yet started: for callers that watch or interrupt it.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut path = OsString::from(&self.plugins);
        for folder in self.program.parent().iter().map(|folder| folder.as_os_str()) {
            path.push(":");
            path.push(folder);
        }
        path.push(":/usr/local/bin:/usr/bin:/bin");
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .env_clear()
            .env("PATH", path)
            .env("HOME", &self.home)
            .env("KUBECONFIG", &self.kubeconfig)
            .envs(&self.environment)
            // Coverage and sanitizer builds of the plugins need these.
            .envs(
                std::env::vars().filter(|(name, _)| name.starts_with("LLVM_") || name == "LD_LIBRARY_PATH"),
            );
        command
    }

    /// Runs kubectl to its end.
    ///
    /// # Errors
    /// When it cannot be started; how it ended is in the answer.
    pub fn run(&self, arguments: &[&str]) -> Result<Output> {
        self.run_with_input(arguments, b"")
    }

    /// Runs kubectl to its end with `input` on stdin.
    ///
    /// # Errors
    /// When it cannot be started or does not take its input.
    pub fn run_with_input(&self, arguments: &[&str], input: &[u8]) -> Result<Output> {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", self.program.display()))?;
        let pipe = child.stdin.take();
        let output = std::thread::scope(|scope| {
            scope.spawn(move || {
                // It may end without reading: the exit code tells more than a broken pipe.
                pipe.map(|mut pipe| pipe.write_all(input))
            });
            child.wait_with_output()
        })?;
        Ok(Output {
            arguments: arguments.join(" "),
            code: output.status.code(),
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Applies manifests (YAML or JSON text) by server-side apply.
    ///
    /// # Errors
    /// What kubectl printed, when the server refused one.
    pub fn apply(&self, manifests: &str) -> Result<()> {
        let arguments = ["apply", "--server-side", "--force-conflicts", "-f", "-"];
        self.run_with_input(&arguments, manifests.as_bytes())?.success().map(|_| ())
    }

    /// Creates objects (YAML or JSON text) exactly as they stand: unlike apply, this keeps the status of
    /// a Node.
    ///
    /// # Errors
    /// What kubectl printed, when the server refused one.
    pub fn create(&self, manifests: &str) -> Result<()> {
        self.run_with_input(&["create", "-f", "-"], manifests.as_bytes())?.success().map(|_| ())
    }

    /// Everything a snapshot is made from, as one `kubectl get` List: what a user would send us.
    ///
    /// # Errors
    /// When kubectl fails, for instance because Karpenter's CRDs are not installed.
    pub fn dump(&self) -> Result<Vec<u8>> {
        self.dump_of(DUMPED_KINDS)
    }

    /// The same with the kinds of the AWS provider.
    ///
    /// # Errors
    /// When kubectl fails, for instance because its CRDs are not installed.
    pub fn dump_with_aws(&self) -> Result<Vec<u8>> {
        self.dump_of(&format!("{DUMPED_KINDS},ec2nodeclasses.karpenter.k8s.aws"))
    }

    fn dump_of(&self, kinds: &str) -> Result<Vec<u8>> {
        let answer = self.run(&["get", kinds, "-A", "-o", "json"])?;
        if answer.code == Some(0) { Ok(answer.stdout) } else { bail!("{answer}") }
    }

    /// Runs `get … -o json` and parses the answer.
    ///
    /// # Errors
    /// When kubectl fails or prints no JSON.
    pub fn get(&self, arguments: &[&str]) -> Result<serde_json::Value> {
        let all: Vec<&str> =
            ["get"].into_iter().chain(arguments.iter().copied()).chain(["-o", "json"]).collect();
        Ok(serde_json::from_str(&self.run(&all)?.success()?)?)
    }
}

/// Where cargo put the binaries of this build: the folder of this executable, or for a test (which
/// lies in `deps`) the one above.
fn build_folder() -> Option<PathBuf> {
    let executable = std::env::current_exe().ok()?;
    let folder = executable.parent()?;
    if folder.ends_with("deps") { Some(folder.parent()?.to_owned()) } else { Some(folder.to_owned()) }
}

//! krew as users have it: the archive passes krew's own checks, installs, runs, completes, upgrades, and leaves
//! nothing behind.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use karp_cluster::servers::{KarpenterServer, Krew};
use karp_cluster::{ControlPlane, karpenter, ports, wait};
use karp_release::{PLATFORMS, Release, archive, manifest, sha256};

const NODE_POOL: &str = "
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: spot}
spec:
  template:
    spec:
      requirements:
      - {key: karpenter.sh/capacity-type, operator: In, values: [spot]}
      nodeClassRef: {group: karpenter.kwok.sh, kind: KWOKNodeClass, name: default}
";

/// A user's machine: krew beside kubectl, a krew root, archives behind an address.
struct Machine {
    folder: tempfile::TempDir,
    kubectl: PathBuf,
    kubeconfig: PathBuf,
    checker: PathBuf,
    server: Child,
    address: String,
}

impl Drop for Machine {
    fn drop(&mut self) {
        // It serves files and keeps nothing.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Machine {
    fn new(plane: &ControlPlane) -> Result<Self> {
        let krew = Krew::build_or_reuse()?;
        let folder = tempfile::tempdir()?;
        let kubectl = plane.kubectl().program().to_owned();
        for name in ["tools", "root", "archives", "home"] {
            fs::create_dir(folder.path().join(name))?;
        }
        symlink(&krew.krew, folder.path().join("tools/kubectl-krew"))?;
        symlink(&kubectl, folder.path().join("tools/kubectl"))?;
        let port = ports::free()?;
        let server = Command::new("python3")
            .args(["-m", "http.server", &port.to_string(), "--bind", "127.0.0.1", "--directory"])
            .arg(folder.path().join("archives"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("the archives are served by python3")?;
        let machine = Self {
            kubectl,
            kubeconfig: plane.kubeconfig().to_owned(),
            checker: krew.checker,
            server,
            address: format!("http://127.0.0.1:{port}"),
            folder,
        };
        wait::until("the archives to be served", Duration::from_secs(30), || {
            Ok(std::net::TcpStream::connect(("127.0.0.1", port)).is_ok().then_some(()))
        })?;
        Ok(machine)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A command in this machine's environment.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        let (bin, tools) = (self.path("root/bin"), self.path("tools"));
        command
            .env_clear()
            .env("PATH", format!("{}:{}:/usr/local/bin:/usr/bin:/bin", bin.display(), tools.display()))
            .env("HOME", self.path("home"))
            .env("TMPDIR", self.folder.path())
            .env("KREW_ROOT", self.path("root"))
            .env("KUBECONFIG", &self.kubeconfig)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("TERM", "dumb");
        command
    }

    /// Exit code and stdout of a kubectl command; stderr joins an error's text.
    fn kubectl(&self, words: &[&str]) -> Result<(i32, String)> {
        let output = self.command(&self.kubectl).args(words).output()?;
        let code = output.status.code().context("ended by a signal")?;
        if code > 1 {
            bail!("kubectl {}: exit {code}\n{}", words.join(" "), String::from_utf8_lossy(&output.stderr));
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if code == 1 && text.is_empty() {
            bail!("kubectl {}: exit 1\n{}", words.join(" "), String::from_utf8_lossy(&output.stderr));
        }
        Ok((code, text))
    }

    fn run(&self, program: &Path, words: &[&str]) -> Result<String> {
        let output = self.command(program).args(words).output()?;
        ensure!(
            output.status.success(),
            "{} {}: {}\n{}{}",
            program.display(),
            words.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Packs the executable for this platform, and for the others one that only has the right form.
    fn release(&self, binary: &[u8], version: &str) -> Result<String> {
        let (license, notice) = (include_bytes!("../../../LICENSE"), include_bytes!("../../../NOTICE"));
        let mut archives = Vec::new();
        for platform in PLATFORMS {
            let is_ours = (platform.os, platform.arch) == ("linux", krew_architecture());
            let content: &[u8] = if is_ours { binary } else { b"another platform's" };
            let packed = archive(&[
                (platform.binary(), content, true),
                ("LICENSE", license, false),
                ("NOTICE", notice, false),
            ])?;
            fs::write(self.path("archives").join(platform.archive(version)), &packed)?;
            archives.push((platform, sha256(&packed)));
        }
        manifest(&Release {
            version: version.to_owned(),
            homepage: "https://karp.example".to_owned(),
            address: self.address.clone(),
            archives,
        })
    }
}

fn krew_architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" }
}

/// The build without symbols, as a release has it: a tenth of the size.
fn stripped(from: &Path, to: &Path) -> Result<Vec<u8>> {
    let status = Command::new("strip").arg("-o").arg(to).arg(from).status().context("strip, of binutils")?;
    ensure!(status.success(), "strip failed on {}", from.display());
    Ok(fs::read(to)?)
}

/// From the manifest to an empty krew root.
pub(crate) fn real_krew_installs_and_leaves_nothing(plane: &ControlPlane) -> Result<()> {
    let kubectl = plane.kubectl();
    kubectl.require_plugin("kubectl-karp")?;
    karpenter::install_crds(plane, &KarpenterServer::kwok()?.crds)?;
    kubectl.apply(NODE_POOL)?;
    let machine = Machine::new(plane)?;
    let binary = stripped(&kubectl.plugins().join("kubectl-karp"), &machine.path("kubectl-karp"))?;

    // A krew index of our own is a git repository with plugins/NAME.yaml.
    let index = machine.path("index");
    fs::create_dir_all(index.join("plugins"))?;
    let git = |words: &[&str]| {
        let place = index.display().to_string();
        let mut all = vec!["-C", &place, "-c", "user.name=t", "-c", "user.email=t@karp.example"];
        all.extend(words);
        machine.run(Path::new("git"), &all)
    };
    let publish = |version: &str| -> Result<()> {
        fs::write(index.join("plugins/karp.yaml"), machine.release(&binary, version)?)?;
        git(&["add", "."])?;
        git(&["commit", "-qm", version]).map(|_| ())
    };
    git(&["init", "-q"])?;
    publish("0.1.0")?;

    // The checks of krew's own index, with an installation for every platform.
    let file = index.join("plugins/karp.yaml").display().to_string();
    machine.run(&machine.checker, &["-manifest", &file])?;

    machine.kubectl(&["krew", "index", "add", "ours", &format!("file://{}", index.display())])?;
    machine.kubectl(&["krew", "install", "ours/karp"])?;
    let from_krew = machine.kubectl(&["karp", "explain", "--from", "example:workshop"])?;
    let from_path = kubectl.run(&["karp", "explain", "--from", "example:workshop"])?;
    ensure!(
        (Some(from_krew.0), &from_krew.1) == (from_path.code, &from_path.text()),
        "krew and PATH differ:\n{}\n{from_path}",
        from_krew.1
    );

    machine.kubectl(&["karp", "completion", "install"])?;
    let tab = |words: &[&str]| {
        let mut all = vec!["__complete"];
        all.extend(words);
        machine.kubectl(&all).map(|(_, text)| text)
    };
    let verbs = tab(&["karp", "exp"])?;
    ensure!(verbs.starts_with("explain\t"), "{verbs}");
    let pools = tab(&["karp", "explain", "--funnel", ""])?;
    ensure!(pools.starts_with("spot\n:"), "names of the live cluster: {pools}");
    for shell in ["bash", "zsh", "fish"] {
        let offered = in_shell(&machine, shell)?;
        ensure!(offered.contains("explain"), "{shell} offers: {offered}");
    }

    publish("0.1.1")?;
    machine.kubectl(&["krew", "upgrade", "karp"])?;
    ensure!(machine.path("root/store/karp/v0.1.1/kubectl-karp").exists(), "not upgraded");
    ensure!(!machine.path("root/store/karp/v0.1.0").exists(), "the old version is left");

    machine.kubectl(&["karp", "completion", "uninstall"])?;
    machine.kubectl(&["krew", "uninstall", "karp"])?;
    let left: Vec<PathBuf> = ["root/bin", "root/store", "root/receipts"]
        .iter()
        .flat_map(|folder| fs::read_dir(machine.path(folder)).into_iter().flatten().flatten())
        .map(|entry| entry.path())
        .filter(|path| path.to_string_lossy().contains("karp"))
        .collect();
    ensure!(left.is_empty(), "left behind: {left:?}");
    eprintln!("krew: checked, installed, completed in bash, zsh and fish, upgraded, removed");
    Ok(())
}

/// What a shell offers for `kubectl karp exp<Tab>`, through kubectl's own completion.
fn in_shell(machine: &Machine, shell: &str) -> Result<String> {
    let script = match shell {
        "bash" => {
            "source /usr/share/bash-completion/bash_completion; source <(kubectl completion bash)
             COMP_WORDS=(kubectl karp exp); COMP_CWORD=2; COMP_LINE='kubectl karp exp'; COMP_POINT=${#COMP_LINE}; COMP_TYPE=9
             __start_kubectl; echo \"${COMPREPLY[@]}\""
        }
        // zsh completes only in its line editor, so it gets a terminal of its own.
        "zsh" => {
            "zmodload zsh/zpty
             zpty shell zsh -f -i
             zpty -w shell \"PS1='> '; autoload -U compinit; compinit -u -D; source <(kubectl completion zsh); compdef _kubectl kubectl; echo REA''DY\"
             typeset text= part=
             while zpty -r shell part '*READY*'; do text+=$part; [[ $part = *READY* ]] && break; done
             zpty -w -n shell $'kubectl karp exp\\t'
             text=
             for i in {1..200}; do
               while zpty -rt shell part; do text+=$part; done
               [[ $text = *explain* ]] && break
               sleep 0.1
             done
             print -r -- $text
             zpty -d shell"
        }
        "fish" => "kubectl completion fish | source; complete -C 'kubectl karp exp'",
        other => bail!("no shell {other}"),
    };
    let program = PathBuf::from("/usr/bin").join(shell);
    ensure!(
        program.exists(),
        "the completion test needs {shell}: apt-get install zsh fish bash-completion, or your system's like"
    );
    machine.run(&program, &["-c", script])
}

//! A server as a child process: its log, its end, and its end when we do not live to see it.

use std::fs;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};

/// How many lines of a log an error shows.
const TAIL_LINES: usize = 20;

/// What the reaper runs: it learns process groups line by line, and when its input ends without
/// `done`, the harness has died and the groups and the folder go.
const REAPER_SCRIPT: &str = r#"
groups=
while read -r action group; do
  case $action in
    add) groups="$groups $group" ;;
    drop) kept=; for g in $groups; do [ "$g" = "$group" ] || kept="$kept $g"; done; groups=$kept ;;
    done) exit 0 ;;
  esac
done
for g in $groups; do kill -s KILL -- "-$g" 2>/dev/null; done
rm -rf -- "$1"
"#;

/// Ends the servers when this process dies without running destructors (Ctrl-C in a terminal, an
/// abort, a kill). It is a shell that waits on a pipe, because a parent-death signal would need
/// unsafe code and exists on Linux only.
#[derive(Clone)]
pub struct Reaper {
    pipe: Arc<Mutex<Child>>,
}

impl Reaper {
    /// Starts the shell; `folder` is removed with the servers.
    ///
    /// # Errors
    /// When `sh` cannot be started.
    pub fn start(folder: &Path) -> Result<Self> {
        let child = Command::new("sh")
            .args(["-c", REAPER_SCRIPT, "reaper"])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("cannot start sh, which ends the servers if the tests are killed")?;
        Ok(Self { pipe: Arc::new(Mutex::new(child)) })
    }

    fn tell(&self, line: &str) {
        let mut child = self.pipe.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(input) = child.stdin.as_mut() {
            // A reaper that is gone cannot help any more; the destructors still run.
            let _ = input.write_all(line.as_bytes()).and_then(|()| input.flush());
        }
    }

    /// Says that everything was ended in the ordinary way, and waits for the shell.
    pub fn dismiss(&self) {
        self.tell("done\n");
        let mut child = self.pipe.lock().unwrap_or_else(PoisonError::into_inner);
        drop(child.stdin.take());
        let _ = child.wait();
    }
}

/// One running server, in a process group of its own. Dropping it ends the group.
pub struct Process {
    name: String,
    child: Child,
    group: Pid,
    log: PathBuf,
    reaper: Reaper,
}

impl Process {
    /// Starts `command` with stdout and stderr in `log` (appended, so a restart keeps the history).
    ///
    /// The environment is empty except for what `command` sets and a PATH of the system folders: a
    /// server must not find the user's home, kubeconfig or credentials. Its home is the log's folder.
    ///
    /// # Errors
    /// When the log cannot be opened or the program cannot be started.
    pub fn spawn(name: &str, mut command: Command, log: &Path, reaper: &Reaper) -> Result<Self> {
        let output = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("cannot open the log {}", log.display()))?;
        let own: Vec<_> =
            command.get_envs().filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned()))).collect();
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .envs(log.parent().map(|folder| ("HOME", folder)))
            .envs(own)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0);
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {name} ({})", command.get_program().display()))?;
        let group = Pid::from_child(&child);
        reaper.tell(&format!("add {}\n", group.as_raw_nonzero()));
        Ok(Self { name: name.to_owned(), child, group, log: log.to_owned(), reaper: reaper.clone() })
    }

    /// The name given at the start, as error messages print it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The process id, which is also the group's.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Fails when the server has ended by itself, with the last lines of its log.
    ///
    /// # Errors
    /// The server has ended, or its state cannot be asked for.
    pub fn check(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => {
                bail!("{} ended by itself ({status}); its last lines:\n{}", self.name, self.tail())
            }
        }
    }

    /// The last lines of the log.
    #[must_use]
    pub fn tail(&self) -> String {
        tail(&self.log)
    }

    /// Stops the whole group where it is; its sockets stay open and its clocks go on.
    ///
    /// # Errors
    /// When the group has ended.
    pub fn pause(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// Lets a paused group go on.
    ///
    /// # Errors
    /// When the group has ended.
    pub fn resume(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        kill_process_group(self.group, signal).with_context(|| format!("{} cannot be signalled", self.name))
    }

    /// Ends the server: politely, and after `grace` at once. Ended twice is ended.
    pub fn stop(&mut self, grace: Duration) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        let start = Instant::now();
        if !grace.is_zero() {
            let _ = kill_process_group(self.group, Signal::TERM);
            while start.elapsed() < grace && matches!(self.child.try_wait(), Ok(None)) {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        // Also when the leader has gone: a child of its own may be left in the group.
        let _ = kill_process_group(self.group, Signal::KILL);
        let _ = self.child.wait();
        self.reaper.tell(&format!("drop {}\n", self.group.as_raw_nonzero()));
    }
}

/// The last lines of a log; nothing where there is none.
pub(crate) fn tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

impl Drop for Process {
    fn drop(&mut self) {
        // Everything a server holds lies in a temporary folder: nothing is lost by ending it at once.
        self.stop(Duration::ZERO);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper() -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 300 & wait"]);
        command
    }

    /// Whether any process of the group is left.
    fn group_lives(group: Pid) -> bool {
        rustix::process::test_kill_process_group(group).is_ok()
    }

    fn wait_for_end(group: Pid) {
        crate::wait::until("the group to end", Duration::from_secs(10), || {
            Ok((!group_lives(group)).then_some(()))
        })
        .unwrap();
    }

    #[test]
    fn a_dropped_process_takes_its_children_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let reaper = Reaper::start(folder.path()).unwrap();
        let process = Process::spawn("sleeper", sleeper(), &folder.path().join("log"), &reaper).unwrap();
        let group = process.group;
        assert!(group_lives(group));
        drop(process);
        wait_for_end(group);
        reaper.dismiss();
    }

    #[test]
    fn servers_and_folder_go_when_the_harness_is_killed() {
        let folder = tempfile::tempdir().unwrap();
        let servers = folder.path().join("servers");
        fs::create_dir(&servers).unwrap();
        let reaper = Reaper::start(&servers).unwrap();
        let mut process = Process::spawn("sleeper", sleeper(), &servers.join("log"), &reaper).unwrap();
        // What the kernel does for a killed harness: the pipe closes, and no destructor runs.
        drop(reaper.pipe.lock().unwrap().stdin.take());
        let _ = process.child.wait();
        wait_for_end(process.group);
        crate::wait::until("the folder to go", Duration::from_secs(10), || {
            Ok((!servers.exists()).then_some(()))
        })
        .unwrap();
    }

    #[test]
    fn a_server_that_ends_by_itself_is_reported_with_its_last_words() {
        let folder = tempfile::tempdir().unwrap();
        let reaper = Reaper::start(folder.path()).unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "echo address already in use; exit 3"]);
        let mut process = Process::spawn("etcd", command, &folder.path().join("log"), &reaper).unwrap();
        let error =
            crate::wait::until("the end", Duration::from_secs(10), || Ok(process.check().err())).unwrap();
        let text = error.to_string();
        assert!(text.contains("etcd ended by itself") && text.contains("address already in use"), "{text}");
        reaper.dismiss();
    }
}

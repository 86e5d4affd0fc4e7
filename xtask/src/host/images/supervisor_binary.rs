//! Puts `agent-supervisor`, one static binary that is part of this program or compiled for it, where the base image takes it from.

use std::path::{Path, PathBuf};

use crate::host::system::files::{self, FileError};
use crate::host::system::process::{ProcessError, Program};
use crate::host::system::repository::Repository;
use crate::images::digest::{self, Digest};
use crate::stack::output::Output;

/// Path of the binary in the repository, as `docker/Dockerfile.base` copies it.
pub const PATH: &str = "docker/supervisor/bin/agent-supervisor";

/// Why there is no binary.
#[derive(Debug, thiserror::Error)]
pub enum BinaryError {
    /// The compiler failed.
    #[error(transparent)]
    Cargo(#[from] ProcessError),
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
}

/// The supervisor that is part of this program; empty in a build that has none, as `cargo xtask` is.
static INSIDE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/agent-supervisor"));

/// Puts the supervisor in place, and returns its digest: the one in this program. A program that has none compiles it from the sources that
/// it was itself compiled from, never from a repository that it works on (a no-op if nothing changed); if there is no Rust, or there
/// are no sources, the binary that is in place is taken, as `scripts/deploy_*.sh` do.
///
/// # Errors
/// When cargo fails, there is no supervisor to be had, or a file cannot be written.
pub fn make(repository: &Repository, output: &Output) -> Result<Digest, BinaryError> {
    if !INSIDE.is_empty() {
        return place(repository, output, INSIDE);
    }
    let in_place = || std::fs::read(repository.path(&output.at(PATH)));
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    if !sources.join("docker/supervisor/Cargo.toml").is_file() {
        let missing = |_| {
            let why = "there is none in this build of the program\n  hint: `cargo install --path xtask` makes a program that has one";
            FileError::on("find the supervisor", &repository.path(&output.at(PATH)))(std::io::Error::other(why))
        };
        return Ok(digest::of(in_place().map_err(missing)?));
    }
    match compile(&Repository::at(sources), &repository.log("agent-supervisor")) {
        Ok(binary) => place(repository, output, &binary),
        Err(BinaryError::Cargo(missing @ ProcessError::Missing { .. })) => {
            in_place().map_or(Err(missing.into()), |binary| Ok(digest::of(binary)))
        }
        Err(error) => Err(error),
    }
}

/// Writes it where it is not there as it should be.
fn place(repository: &Repository, output: &Output, binary: &[u8]) -> Result<Digest, BinaryError> {
    let digest = digest::of(binary);
    let path = output.at(PATH);
    let same = std::fs::read(repository.path(&path)).is_ok_and(|there| digest::of(there) == digest);
    if !same {
        repository.claim()?;
        repository.folder()?.write(&path, binary, true)?;
    }
    Ok(digest)
}

fn compile(sources: &Repository, log: &Path) -> Result<Vec<u8>, BinaryError> {
    let arch = std::env::consts::ARCH;
    let musl = format!("{arch}-unknown-linux-musl");
    let gnu = format!("{arch}-unknown-linux-gnu");
    let target = if is_installed(&musl)? { musl } else { gnu };
    let flags = format!("CARGO_TARGET_{}_RUSTFLAGS", target.to_uppercase().replace('-', "_"));
    Program::new(cargo())
        .args(["build", "--quiet", "--locked", "--package", "agent-supervisor"])
        .args(["--profile", "supervisor", "--target", &target])
        .env(flags, "-C target-feature=+crt-static")
        .env_remove("RUSTFLAGS")
        .folder(sources.root())
        .log(log)
        .succeed(&mut |_| {})?;
    let built = sources.target().join(&target).join("supervisor/agent-supervisor");
    Ok(files::read(&built)?)
}

/// Compiles the agent of the supervisor's own tests, which answers health checks and does nothing else.
///
/// # Errors
/// When cargo fails or is missing.
pub fn fake_agent(repository: &Repository) -> Result<PathBuf, ProcessError> {
    Program::new(cargo())
        .args(["build", "--quiet", "--locked", "--package", "agent-supervisor"])
        .args(["--profile", "xtask", "--example", "fake_agent"])
        .folder(repository.root())
        .log(repository.log("fake-agent"))
        .succeed(&mut |_| {})?;
    Ok(repository.target().join("xtask/examples/fake_agent"))
}

fn cargo() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from)
}

/// Whether the compiler has the standard library of a target.
fn is_installed(target: &str) -> Result<bool, ProcessError> {
    let folder = Program::new("rustc")
        .args(["--print", "target-libdir", "--target", target])
        .read()?;
    Ok(PathBuf::from(folder.trim()).is_dir())
}

//! Compiles `agent-supervisor` as one static binary and puts it where the base image takes it from.

use std::path::PathBuf;

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

/// Compiles it (a no-op where nothing changed), puts it in place, and returns its digest. Where there is no Rust, and this program
/// was brought from elsewhere, the binary that is in place is taken, as `scripts/deploy_*.sh` do.
///
/// # Errors
/// When cargo fails, or is missing and so is the binary, or a file cannot be written.
pub fn make(repository: &Repository, output: &Output) -> Result<Digest, BinaryError> {
    match compile(repository, output) {
        Err(BinaryError::Cargo(missing @ ProcessError::Missing { .. })) => {
            std::fs::read(repository.path(&output.at(PATH)))
                .map_or(Err(missing.into()), |binary| Ok(digest::of(binary)))
        }
        made => made,
    }
}

fn compile(repository: &Repository, output: &Output) -> Result<Digest, BinaryError> {
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
        .folder(repository.root())
        .log(repository.log("agent-supervisor"))
        .succeed(&mut |_| {})?;
    let built = repository.target().join(&target).join("supervisor/agent-supervisor");
    let binary = files::read(&built)?;
    let digest = digest::of(&binary);
    let path = output.at(PATH);
    let place = repository.path(&path);
    let same = std::fs::read(&place).is_ok_and(|there| digest::of(there) == digest);
    if !same {
        repository.claim()?;
        repository.folder()?.write(&path, &binary, true)?;
    }
    Ok(digest)
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

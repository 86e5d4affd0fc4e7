//! The Python that tests talk to: one with pyzmq, the host's own or one in a virtual environment of ours. The host's
//! packages are never touched.

use std::path::{Path, PathBuf};

use super::process::{ProcessError, Program};
use super::repository::Repository;

/// The folder to put first on PATH; none where the host's own Python has pyzmq.
#[must_use]
pub fn folder(repository: &Repository) -> Option<PathBuf> {
    let ours = repository.work().join("venv/bin");
    has_pyzmq(&ours.join("python3")).then_some(ours)
}

/// Makes the virtual environment, unless some Python has pyzmq already.
///
/// # Errors
/// When it cannot be made, or pyzmq not be installed.
pub fn provide(repository: &Repository) -> Result<(), ProcessError> {
    if has_pyzmq(Path::new("python3")) || folder(repository).is_some() {
        return Ok(());
    }
    let venv = repository.work().join("venv");
    Program::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(&venv)
        .read()?;
    Program::new(venv.join("bin/python3"))
        .args(["-m", "pip", "install", "--quiet", "pyzmq"])
        .log(repository.log("test-python"))
        .read()
        .map(drop)
}

fn has_pyzmq(python: &Path) -> bool {
    Program::new(python)
        .args(["-c", "import zmq"])
        .run()
        .is_ok_and(|output| output.status.success())
}

//! What a run was made with, for its report: the command, the commit, the host, Podman.

use std::path::Path;
use std::time::Duration;

use crate::cmd::Context;
use crate::host::smoke::system::PodmanCommand;
use crate::host::system::{files, git};
use crate::program;
use crate::report::audit::page::quoted;
use crate::smoke::document::About;
use crate::stack::Stack;

/// How long Podman may take to say which one it is.
const LIMIT: Duration = Duration::from_secs(20);

/// What is known; what cannot be told is left out.
pub fn gather(context: &Context, stack: &Stack, podman: &dyn PodmanCommand) -> About {
    let words = std::env::args().skip(1);
    let words: Vec<String> = words.map(|word| quoted(&word)).collect();
    let version = podman
        .podman(None)
        .args(["version", "--format", "{{.Client.Version}}"])
        .limit(LIMIT)
        .read();
    let word = |text: String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    About {
        command: format!("{} {}", program::name(), words.join(" ")),
        revision: git::provenance(&context.tree_path(stack)).revision,
        host: kernel("hostname"),
        kernel: kernel("osrelease"),
        podman: version.ok().and_then(word),
    }
}

/// What the kernel says of itself.
fn kernel(what: &str) -> Option<String> {
    let path = Path::new("/proc/sys/kernel").join(what);
    let bytes = files::read(&path).ok()?;
    let text = String::from_utf8_lossy(&bytes).trim().to_owned();
    Some(text).filter(|text| !text.is_empty())
}

//! Dockerfiles and compose files that lie in the tree.

mod compose;
mod dockerfile;

use super::Facts;
use crate::audit::rule::rules;
use crate::finding::{Finding, Subject};
use crate::python::tree::{Language, Text};
use crate::stack::normal;
use crate::stack::pattern::Pattern;

rules! {
    /// Finds COPY and ADD instructions whose source is neither in the tree's root nor beside the Dockerfile.
    ///
    /// The build stops there.
    ///
    /// Example: `COPY main_pc_code/src/core /app/core`, where `core` was moved.
    ///
    /// Correct the path: it is relative to the build context.
    COPY_SOURCE = "deploy/copy-source", Warning, High, "a COPY source that does not exist";

    /// Finds compose services whose Dockerfile or build context does not exist.
    ///
    /// The service cannot be built.
    ///
    /// Example: `build: {context: ., dockerfile: docker/Dockerfile.gone}`.
    ///
    /// Correct the path: `dockerfile:` is relative to `context:`, and that to the compose file.
    DOCKERFILE = "deploy/dockerfile-missing", Warning, High, "a build whose Dockerfile or context does not exist";

    /// Finds commands of compose services and images that start a Python script which is not in the tree.
    ///
    /// The container ends at once with "can't open file".
    ///
    /// Example: `command: ["python3", "/app/main_pc_code/agents/gone.py"]`.
    ///
    /// Correct the path, or remove the service.
    SCRIPT = "deploy/script-missing", Warning, High, "a service whose script is gone";

    /// Finds `${VAR}` in a compose service's environment or an image's ENV that takes a variable from wherever the build or
    /// the compose command runs: the variable's own name, or one that every shell has (`PATH`, `PYTHONPATH`, `HOME`, …).
    ///
    /// Compose replaces it by the value on the host, where the paths are others; where it is not set, an empty entry stays,
    /// which Python reads as the working folder.
    ///
    /// Example: `PYTHONPATH=/app:/app/main_pc_code:${PYTHONPATH}`.
    ///
    /// Write the value in full.
    HOST_VARIABLE = "deploy/host-variable", Warning, High, "a variable taken from the host by accident";

    /// Finds static addresses of compose services that do not lie in the subnet of their network.
    ///
    /// The container cannot be created.
    ///
    /// Example: `ipv4_address: 172.20.0.10` on a network of `172.21.0.0/16`.
    ///
    /// Correct the address or the subnet.
    ADDRESS = "deploy/address-outside-network", Warning, High, "a static address outside its network";

    /// Finds image names without a registry.
    ///
    /// Podman does not resolve short names by itself: without a configured registry the pull fails, with several it may take
    /// another image than was meant.
    ///
    /// Example: `FROM python:3.9-slim`, `image: ai_system/base:latest`.
    ///
    /// Write `docker.io/library/python:3.9-slim`, `localhost/ai_system/base:latest`.
    IMAGE = "deploy/short-image-name", Warning, High, "an image name that is not fully qualified";
}

/// Every rule of this folder.
pub fn check(facts: &Facts<'_>) -> Vec<Finding> {
    facts
        .tree
        .texts
        .iter()
        .flat_map(|text| match text.language {
            Language::Dockerfile => dockerfile::check(facts, text),
            Language::Compose => compose::check(facts, text),
            _ => Vec::new(),
        })
        .collect()
}

/// The folder that holds a file.
fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// A path relative to a folder.
fn join(folder: &str, path: &str) -> String {
    normal(&format!("{folder}/{path}"))
}

/// Whether something is at a path of the tree; a pattern has to match something.
fn there(facts: &Facts<'_>, path: &str) -> bool {
    if path.is_empty() || facts.tree.has(path) || facts.exists(path) {
        return true;
    }
    if !path.contains(['*', '?', '[']) {
        return facts.tree.has(&facts.resolve(path));
    }
    Pattern::new(path).is_ok_and(|pattern| {
        facts.tree.paths.iter().any(|path| pattern.matches(path))
            || facts.tree.folders.iter().any(|path| pattern.matches(path))
    })
}

/// Whether an image name names its registry; names with variables are not judged.
fn is_qualified(image: &str) -> bool {
    let Some((host, _)) = image.split_once('/') else {
        return image.is_empty() || image == "scratch" || image.contains('$');
    };
    host == "localhost" || host.contains(['.', ':', '$'])
}

/// The full name that was probably meant.
fn qualified(image: &str) -> String {
    if image.contains('/') {
        format!("localhost/{image}` or `docker.io/{image}")
    } else {
        format!("docker.io/library/{image}")
    }
}

/// A finding about a script of a command, where it is not in the tree.
fn script(facts: &Facts<'_>, text: &Text, line: usize, word: &str, workdir: &str, who: &str) -> Option<Finding> {
    let name = word.trim_matches(['"', '\'', ',', '[', ']']);
    if !name.ends_with(".py") || name.contains(['$', '*', '{']) {
        return None;
    }
    let inside = match name.strip_prefix('/') {
        Some(_) => name.strip_prefix("/app/")?.to_owned(),
        None => join(workdir.strip_prefix("/app").unwrap_or(workdir).trim_matches('/'), name),
    };
    let wanted = normal(&inside);
    if there(facts, &wanted) || there(facts, name.trim_start_matches("./")) {
        return None;
    }
    let named = facts.named(&wanted);
    // A build context of its own, whose Dockerfile copies it.
    let relative = normal(name);
    let beside_dockerfile = |path: &&str| {
        let context = [&wanted, &relative].into_iter().find_map(|end| path.strip_suffix(end.as_str()));
        let context = context.unwrap_or_default().trim_end_matches('/');
        !context.is_empty() && facts.tree.has(&join(context, "Dockerfile"))
    };
    if named.iter().any(beside_dockerfile) {
        return None;
    }
    let help = if named.is_empty() {
        "correct the path, or remove the service".to_owned()
    } else {
        format!("did you mean `{}`?", named.join("` or `"))
    };
    Some(
        SCRIPT
            .finding(
                at(text, line, name),
                format!("{who} starts `{name}`, which is not in the tree"),
            )
            .about(Subject::Path(name.to_owned()))
            .with_help(help),
    )
}

/// The place of a word in a line.
fn at(text: &Text, line: usize, word: &str) -> crate::finding::Place {
    let content = text.source.line(line);
    match content.find(word) {
        Some(start) => text.place(line, content[..start].chars().count() + 1, word.chars().count()),
        None => text.place(line, content.chars().take_while(|c| c.is_whitespace()).count() + 1, 0),
    }
}

/// Variables of a text: `${NAME}`, `${NAME:-x}`, `$NAME`, each with its name and whether it has a default.
fn variables(text: &str) -> Vec<(&str, bool)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            // `$$` is a dollar sign.
            rest = after;
            continue;
        }
        let inner = rest.strip_prefix('{').unwrap_or(rest);
        let end = inner
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .unwrap_or(inner.len());
        if end > 0 {
            found.push((
                &inner[..end],
                inner[end..].starts_with(":-") || inner[end..].starts_with('-'),
            ));
        }
        rest = &inner[end..];
    }
    found
}

/// Variables that every shell has.
fn is_of_every_shell(name: &str) -> bool {
    matches!(
        name,
        "PATH"
            | "PYTHONPATH"
            | "HOME"
            | "USER"
            | "LD_LIBRARY_PATH"
            | "PWD"
            | "SHELL"
            | "LANG"
            | "HOSTNAME"
            | "UID"
            | "TMPDIR"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_variables_are_read() {
        assert!(is_qualified("docker.io/x") && is_qualified("localhost/a/b") && is_qualified("r:5000/x"));
        assert!(is_qualified("scratch") && is_qualified("${BASE}") && is_qualified("${R}/x"));
        assert!(!is_qualified("python:3.9-slim") && !is_qualified("ai_system/base:latest"));
        assert_eq!(
            variables("/app:${PYTHONPATH}:$A:${B:-x}:$$C"),
            [("PYTHONPATH", false), ("A", false), ("B", true)]
        );
    }
}

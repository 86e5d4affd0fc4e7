//! `docker/kube/`: the stack for a Kubernetes cluster. Per group a Deployment, a Service, a `NetworkPolicy` and a `ConfigMap` in one file;
//! per machine its volumes, a Service for what other machines use, and the policy that denies everything else.
//!
//! There is no `HorizontalPodAutoscaler` and never more than one replica: an agent is one process with one state, which the others
//! know by one name.
//!
//! There is no order between them: every supervisor starts an agent as soon as the agents that it depends on answer. A cluster gives
//! no address that is known beforehand, so a group config here has the Services' names, and lies over that of the image. Where
//! Podman's `kube play` (4.3) reads a field in its own way, a comment says so.

mod claim;
mod config;
mod deployment;
mod names;
mod object;
mod policy;
mod service;

use serde::Serialize;

use self::names::Names;
use super::{yaml, yaml_document as document};
use crate::container::preload::Preload;
use crate::rendered_file::RenderedFile;
use crate::stack::{GroupId, MachineId, Stack};

/// Where all of it is.
const FOLDER: &str = "docker/kube";

/// Every file.
#[must_use]
pub fn files(stack: &Stack, preload: &Preload) -> Vec<RenderedFile> {
    let names = Names::new(stack);
    let machines = (0..stack.machines.len()).map(MachineId);
    let mut files: Vec<RenderedFile> = machines.map(|id| machine(stack, &names, id)).collect();
    let edges = policy::edges(stack);
    files.extend(stack.groups().map(|(id, _)| group(stack, &names, id, preload, &edges)));
    files.push(kustomization(stack, &files));
    files
}

/// What a machine has, beside its groups.
fn machine(stack: &Stack, names: &Names, id: MachineId) -> RenderedFile {
    let service = service::of_machine(stack, names, id);
    let mut documents: Vec<String> = service.iter().map(document).collect();
    documents.extend(claim::of_machine(stack, names, id).iter().map(document));
    documents.push(document(&policy::of_machine(names, id)));
    file(stack, &stack.machine(id).name, &documents, "")
}

fn group(stack: &Stack, names: &Names, id: GroupId, preload: &Preload, edges: &policy::Edges) -> RenderedFile {
    let group = stack.group(id);
    let config = config::of_group(stack, names, id, preload);
    let variables = config::of_environment(stack, names, id, &deployment::environment(stack, names, id));
    let mut documents = vec![document(&config)];
    documents.extend(variables.iter().map(document));
    documents.extend([
        document(&deployment::of_group(stack, names, id, &config, variables.as_ref())),
        document(&service::of_group(stack, names, id)),
        document(&policy::of_group(stack, names, id, edges)),
    ]);
    file(
        stack,
        &format!("{}/{}", stack.machine(group.machine).name, group.name),
        &documents,
        &differences(stack, id),
    )
}

/// Comments: what the stack says of a group that a cluster cannot do, or does otherwise.
fn differences(stack: &Stack, id: GroupId) -> String {
    let group = stack.group(id);
    let rights = &group.extras.rights;
    let mut lines = Vec::new();
    if !rights.ulimits.is_empty() {
        let names: Vec<&str> = rights.ulimits.keys().map(String::as_str).collect();
        lines.push(format!(
            "`ulimits` ({}): a pod cannot have any; what the node's container runtime gives is what holds.",
            names.join(", ")
        ));
    }
    if !rights.capabilities.is_empty() && stack.group_user(id).is_none_or(|(user, _)| user != 0) {
        lines.push(
            "`capabilities`: a cluster lets a user other than root have them, and does not give them; Podman does."
                .to_owned(),
        );
    }
    let mut ports: Vec<u16> = group.publish.iter().map(|publish| publish.container_port).collect();
    ports.sort_unstable();
    if ports.windows(2).any(|two| two[0] == two[1]) {
        lines.push("`publish`: a port of a container is led to from one port of a node; the first is here.".to_owned());
    }
    lines
        .iter()
        .map(|line| format!("# Not as in the stack: {line}\n"))
        .collect()
}

/// A file of that name.
fn file(stack: &Stack, name: &str, documents: &[String], comments: &str) -> RenderedFile {
    RenderedFile {
        path: stack.output.at(&format!("{FOLDER}/{name}.yaml")),
        text: format!("# {}\n{comments}{}", stack.output.header(), documents.join("---\n")),
        executable: false,
    }
}

/// What `kubectl apply --kustomize` reads, and what overlays stand on.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Kustomization<'a> {
    api_version: &'static str,
    kind: &'static str,
    resources: Vec<&'a str>,
}

fn kustomization(stack: &Stack, files: &[RenderedFile]) -> RenderedFile {
    let paths = files.iter().map(|file| file.path.as_str());
    let folder = stack.output.at(FOLDER);
    let mut resources: Vec<&str> = paths
        .filter_map(|path| path.strip_prefix(&folder)?.strip_prefix('/'))
        .collect();
    resources.sort_unstable();
    let kustomization = Kustomization {
        api_version: "kustomize.config.k8s.io/v1beta1",
        kind: "Kustomization",
        resources,
    };
    RenderedFile {
        path: format!("{folder}/kustomization.yaml"),
        text: yaml(&stack.output.header(), &kustomization, ""),
        executable: false,
    }
}

#[cfg(test)]
mod tests;

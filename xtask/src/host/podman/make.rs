//! Makes a network, a volume, a group's pod with its container: through Podman's service where it was started, by its command
//! line otherwise. Both make the same.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;

use super::bridge::Bridge;
use super::{Podman, PodmanError, containers_conf};
use crate::boot::creation::Creation;
use crate::boot::pod::Secret;
use crate::boot::{podman_arguments, podman_request};
use crate::host::system::files;
use crate::host::system::process::{self, ProcessError};

/// How long Podman may take to make or remove one thing.
pub const LIMIT: Duration = Duration::from_secs(120);

/// Makes a network with that subnet.
///
/// # Errors
/// When Podman does not.
pub fn network(
    podman: &Podman,
    name: &str,
    subnet: &str,
    labels: &BTreeMap<&'static str, &str>,
) -> Result<(), PodmanError> {
    if let Some(service) = podman.service() {
        let body = json!({
            "name": name,
            "driver": "bridge",
            "subnets": [{ "subnet": subnet }],
            "dns_enabled": true,
            "labels": labels,
        });
        return Ok(service.post("/networks/create", Some(&body), LIMIT)?);
    }
    let mut arguments = vec![format!("--subnet={subnet}")];
    arguments.extend(label_arguments(labels));
    arguments.push(name.to_owned());
    run(podman, &["network", "create", "--driver=bridge"], &arguments)
}

/// Makes a volume.
///
/// # Errors
/// When Podman does not.
pub fn volume(podman: &Podman, name: &str, labels: &BTreeMap<&'static str, &str>) -> Result<(), PodmanError> {
    if let Some(service) = podman.service() {
        let body = json!({ "Name": name, "Label": labels });
        return Ok(service.post("/volumes/create", Some(&body), LIMIT)?);
    }
    let mut arguments: Vec<String> = label_arguments(labels).collect();
    arguments.push(name.to_owned());
    run(podman, &["volume", "create"], &arguments)
}

fn run(podman: &Podman, command: &[&str], arguments: &[String]) -> Result<(), PodmanError> {
    let command = podman.command().args(command).args(arguments);
    command.limit(LIMIT).whole().read()?;
    Ok(())
}

fn label_arguments(labels: &BTreeMap<&'static str, &str>) -> impl Iterator<Item = String> {
    labels.iter().map(|(label, value)| format!("--label={label}={value}"))
}

/// Makes a group's pod and container, and starts them. Where it fails, half of it may be there.
///
/// Containers that share volumes have to be created one after the other, which `turn` is for: Podman locks every volume of a container
/// while it adds it to its state, in an order that differs from run to run, so that two would wait for each other without end.
///
/// The bridge of their network has an address that stays before the container starts.
///
/// # Errors
/// When Podman does not, or this program was told to stop.
pub fn group(podman: &Podman, creation: &Creation, turn: &Mutex<()>, bridge: &Bridge) -> Result<(), PodmanError> {
    let _secrets = Secrets::make(podman, &creation.container.secrets)?;
    // Starting the second would start the first, too, but not say why it cannot.
    let (infra, name) = (&creation.pod.infra_name, &creation.container.name);
    let mut container = creation.container.clone();
    if podman.is_of_this_host() {
        containers_conf::complete(&containers_conf::gather(), &mut container.ulimits);
    }
    if let Some(service) = podman.service() {
        let post = |path: &str, body: Option<&serde_json::Value>| {
            if process::interrupted() {
                return Err(PodmanError::Process(ProcessError::Interrupted {
                    command: format!("podman system service, POST {path}"),
                }));
            }
            Ok(service.post(path, body, LIMIT)?)
        };
        post("/pods/create", Some(&podman_request::pod(&creation.pod)))?;
        {
            let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
            post("/containers/create", Some(&podman_request::container(&container)))?;
        }
        post(&format!("/containers/{infra}/start"), None)?;
        bridge.keep(podman);
        post(&format!("/containers/{name}/start"), None)?;
        return Ok(());
    }
    run(podman, &["pod", "create"], &podman_arguments::pod(&creation.pod))?;
    {
        let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        run(podman, &["create"], &podman_arguments::container(&container))?;
    }
    if !bridge.is_kept() {
        run(podman, &["start"], std::slice::from_ref(infra))?;
        bridge.keep(podman);
    }
    run(podman, &["start"], &[infra.clone(), name.clone()])
}

/// Podman's copies of the files that a container is to have. It takes its own while the container is created; these go with this value.
struct Secrets<'a> {
    podman: &'a Podman,
    names: Vec<&'a str>,
}

impl<'a> Secrets<'a> {
    fn make(podman: &'a Podman, wanted: &'a [Secret]) -> Result<Self, PodmanError> {
        let mut made = Self {
            podman,
            names: Vec::new(),
        };
        for secret in wanted {
            let content = files::read(&secret.file).map_err(PodmanError::Secret)?;
            // One that was killed left it.
            made.names.push(&secret.name);
            made.remove(&secret.name);
            let command = podman.command().args(["secret", "create", &secret.name, "-"]);
            command.input(content).limit(LIMIT).whole().read()?;
        }
        Ok(made)
    }

    fn remove(&self, name: &str) {
        // There may be none.
        let _ = self
            .podman
            .command()
            .args(["secret", "rm", name])
            .limit(LIMIT)
            .whole()
            .run();
    }
}

impl Drop for Secrets<'_> {
    fn drop(&mut self) {
        for name in &self.names {
            self.remove(name);
        }
    }
}

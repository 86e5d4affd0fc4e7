//! Containers that Podman's storage has and Podman itself does not know: those of a killed build, and those that a Podman was
//! killed over. No list but `ps --external` shows them, and their names stay taken. And containers of checks whose harness was
//! killed, in whatever state.
//!
//! They carry no label. A builder's is ours by what our build had the builder write into it ([`build_mark`]); any other, and that of
//! a builder that was killed before it wrote anything, by the record of names that were free when this stack set out to make them
//! ([`super::records`]).

use std::collections::BTreeMap;
use std::path::Path;

use super::super::boot::BootError;
use super::super::podman::{Container, Podman, PodmanError, belongs_to};
use super::records::{Records, start_of};
use super::{Left, Swept};
use crate::host::podman::removal;
use crate::host::smoke::probe;
use crate::host::system::files;
use crate::stack::Stack;

/// How the name of the secret begins that marks what a builder makes for this program.
const BUILD_MARK: &str = "ai-system.build";

/// What a builder appends to the name of an image for the name of a container that it makes of it.
const WORKING: &str = "-working-container";

/// How many names are written down for each image: containers of as many builds may be there at once.
const WORKING_NAMES: u32 = 4;

/// Seconds that the clocks of a container's record and of ours may differ by.
const CLOCKS: u64 = 2;

/// An argument of `podman build` that marks the working containers which it makes: a secret without a value that no step asks
/// for. It names the stack and this process, and is written down with the container, in no image.
#[must_use]
pub fn build_mark(stack: &str) -> String {
    let process = std::process::id();
    let started = start_of(process).unwrap_or_default();
    format!("--secret=id={BUILD_MARK}.{stack}.{process}.{started},type=env,env=AI_SYSTEM_BUILD_MARK")
}

/// Removes those of the stack that are proved to be, names the others that look like it. To be called only by who holds the stack's
/// lock, or takes no names of it.
///
/// # Errors
/// When Podman fails.
pub fn remove(podman: &Podman, records: &Records, stack: &Stack) -> Result<Swept, PodmanError> {
    let listed = podman.dated_containers()?;
    let names = records.names(true);
    let swept = sweep(podman, stack, &listed, |container| {
        is_proved(container, &names, stack) || (container.is_stored() && is_of_an_ended_build(podman, container, stack))
    })?;
    records.forget_names();
    Ok(swept)
}

/// Removes containers of checks of the stack whose harness runs no more. Takes no lock.
///
/// # Errors
/// When Podman fails.
pub fn remove_probes(podman: &Podman, records: &Records, stack: &Stack) -> Result<Swept, PodmanError> {
    let listed = podman.dated_containers()?;
    let names = records.names(false);
    let probes: Vec<Container> = listed
        .into_iter()
        .filter(|container| probe::maker(container.name(), &stack.name).is_some())
        .collect();
    sweep(podman, stack, &probes, |container| is_proved(container, &names, stack))
}

/// Removes containers of builds of the stack that have ended, and returns their names; then writes down which names are free that a
/// builder would give to those that it makes FROM these images. Takes no lock.
///
/// # Errors
/// When Podman fails, or they cannot be written down.
pub fn before_builds<'a>(
    podman: &Podman,
    stack: &Stack,
    from: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<String>, BootError> {
    let listed = podman.dated_containers()?;
    let removed = sweep_builds(podman, stack, &listed)?;
    let is_free =
        |name: &String| removed.contains(name) || listed.iter().all(|container| container.name() != name.as_str());
    let names: Vec<String> = from.into_iter().flat_map(working_names).filter(is_free).collect();
    podman.records(&stack.name).note_names(&names)?;
    Ok(removed)
}

/// Removes containers of builds of the stack that have ended, those of this process among them. Takes no lock.
///
/// # Errors
/// When Podman fails.
pub fn after_builds(podman: &Podman, stack: &Stack) -> Result<(), PodmanError> {
    sweep_builds(podman, stack, &podman.dated_containers()?).map(drop)
}

fn sweep_builds(podman: &Podman, stack: &Stack, listed: &[Container]) -> Result<Vec<String>, PodmanError> {
    let names = podman.records(&stack.name).names(true);
    let swept = sweep(podman, stack, listed, |container| {
        container.is_stored()
            && is_working(container)
            && (is_proved(container, &names, stack) || is_of_an_ended_build(podman, container, stack))
    })?;
    Ok(swept.removed)
}

/// The names that a builder gives to containers that it makes FROM an image: the first that is free.
fn working_names(image: &str) -> impl Iterator<Item = String> {
    let name = image.rsplit('/').next().unwrap_or(image);
    let name = name.split([':', '@']).next().unwrap_or(name).to_owned();
    (0..WORKING_NAMES).map(move |number| match number {
        0 => format!("{name}{WORKING}"),
        _ => format!("{name}{WORKING}-{number}"),
    })
}

fn is_working(container: &Container) -> bool {
    container.name().contains(WORKING)
}

fn sweep(
    podman: &Podman,
    stack: &Stack,
    listed: &[Container],
    is_ours: impl Fn(&Container) -> bool,
) -> Result<Swept, PodmanError> {
    let mut swept = Swept::default();
    let mut ids = Vec::new();
    for container in listed {
        if is_ours(container) {
            ids.push(container.id.as_str());
            swept.removed.push(container.name().to_owned());
        } else if container.is_stored() && looks_like_ours(container, stack) {
            swept.left.push(Left {
                what: format!(
                    "container `{}` of image {} in Podman's storage",
                    container.name(),
                    container.image
                ),
                command: format!("podman rm {}", container.id.get(..12).unwrap_or(&container.id)),
            });
        }
    }
    if !ids.is_empty() {
        removal::remove(
            &podman
                .command()
                .args(["rm", "--force", "--ignore", "--time=0"])
                .args(&ids)
                .whole(),
        )?;
    }
    Ok(swept)
}

/// Whether a container is the stack's: one of a check, by its label, whose harness runs no more; or one that only storage knows,
/// of a name that was free when this stack set out to make it.
fn is_proved(container: &Container, names: &BTreeMap<String, u64>, stack: &Stack) -> bool {
    let name = container.name();
    if container.is_stored() {
        let noted = names
            .get(name)
            .is_some_and(|since| container.created + CLOCKS >= *since);
        return noted && looks_like_ours(container, stack);
    }
    belongs_to(container.labels.as_ref(), &stack.name)
        && probe::maker(name, &stack.name).is_some_and(|process| start_of(process).is_none())
}

/// Whether its name and image are those of something that this stack makes, which proves nothing.
fn looks_like_ours(container: &Container, stack: &Stack) -> bool {
    let name = container.name();
    let of_our_image = container.image.starts_with(&format!("{}/", stack.images.namespace));
    let of_a_pod = || stack.groups().any(|(id, _)| stack.infra(id) == name);
    let of_a_group = || stack.find_group(name).is_some();
    let of_a_build = || is_working(container);
    let of_a_check = || probe::maker(name, &stack.name).is_some();
    of_a_pod() || (of_our_image && (of_a_group() || of_a_build())) || of_a_check()
}

/// Whether the builder wrote our mark into it, for this process or one that has ended.
fn is_of_an_ended_build(podman: &Podman, container: &Container, stack: &Stack) -> bool {
    if !is_working(container) || container.id.len() != 64 {
        return false;
    }
    // One on another host cannot be looked at.
    let Ok((driver, root)) = podman.store() else {
        return false;
    };
    let file = root
        .join(format!("{driver}-containers"))
        .join(&container.id)
        .join("userdata/buildah.json");
    // Whoever looks has ended its own builds.
    marked(&file, &stack.name)
        .is_some_and(|(process, started)| process == std::process::id() || start_of(process) != Some(started))
}

/// The process that a builder's container was made for, by our mark, and when that process started.
fn marked(file: &Path, stack: &str) -> Option<(u32, u64)> {
    let text = String::from_utf8(files::read(file).ok()?).ok()?;
    let mark = format!("{BUILD_MARK}.{stack}.");
    let (_, rest) = text.split_once(&mark)?;
    let mut numbers = rest.split(|letter: char| !letter.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Container, build_mark, is_proved, looks_like_ours, marked, start_of, working_names};
    use crate::stack::fixture::Fixture;

    fn container(name: &str, image: &str, state: &str, label: Option<&str>) -> Container {
        let labels = label.map(|stack| serde_json::json!({ "ai-system.stack": stack }));
        serde_json::from_value(serde_json::json!({
            "Id": "0".repeat(64), "Names": [name], "Image": image, "State": state, "Created": 1000, "Labels": labels,
        }))
        .unwrap()
    }

    #[test]
    fn a_stored_container_is_ours_by_the_record_of_its_name_alone() {
        let stack = Fixture::small().model();
        let (id, group) = stack.groups().next().unwrap();
        let (group, infra, namespace) = (&group.name, stack.infra(id), &stack.images.namespace);
        let image = format!("{namespace}/{group}:latest");
        let ours = container(group, &image, "storage", None);
        let pause = container(&infra, "localhost/podman-pause:4.3.1-0", "storage", None);
        let noted = |since| BTreeMap::from([(group.clone(), since), (infra.clone(), since)]);
        for container in [&ours, &pause] {
            assert!(is_proved(container, &noted(1000), &stack));
            assert!(!is_proved(container, &noted(2000), &stack), "it was there before");
            assert!(
                !is_proved(container, &BTreeMap::new(), &stack),
                "nothing is written down"
            );
            assert!(looks_like_ours(container, &stack));
        }
        let foreign = container(group, "docker.io/library/other:latest", "storage", None);
        assert!(!is_proved(&foreign, &noted(1000), &stack));
        assert!(!is_proved(
            &container(group, &image, "running", None),
            &noted(1000),
            &stack
        ));
    }

    #[test]
    fn a_container_of_a_check_is_left_to_the_harness_that_made_it() {
        let stack = Fixture::small().model();
        // No process has the greatest number of all.
        let (name, running) = (stack.name.as_str(), std::process::id());
        let none = BTreeMap::new();
        let gone = |number: u32, stack: &str| format!("smoke-{}-{number}-{stack}", u32::MAX);
        assert!(is_proved(
            &container(&gone(0, name), "i", "running", Some(name)),
            &none,
            &stack
        ));
        // A name proves nothing.
        assert!(!is_proved(
            &container(&gone(0, name), "i", "running", None),
            &none,
            &stack
        ));
        assert!(!is_proved(
            &container(&gone(0, name), "i", "storage", None),
            &none,
            &stack
        ));
        assert!(!is_proved(
            &container(&gone(2, "another"), "i", "running", Some(name)),
            &none,
            &stack
        ));
        let own = format!("smoke-{running}-3-{name}");
        assert!(!is_proved(&container(&own, "i", "running", Some(name)), &none, &stack));
    }

    #[test]
    fn a_builders_container_without_a_mark_is_ours_by_the_record_of_its_name() {
        let stack = Fixture::small().model();
        let image = format!("{}/base:latest", stack.images.namespace);
        let names: Vec<String> = working_names(&image).collect();
        assert_eq!(
            names,
            [
                "base-working-container",
                "base-working-container-1",
                "base-working-container-2",
                "base-working-container-3"
            ]
        );
        assert_eq!(
            working_names("docker.io/library/python@sha256:0").next().as_deref(),
            Some("python-working-container")
        );
        let noted = BTreeMap::from([(names[1].clone(), 1000)]);
        assert!(is_proved(
            &container(&names[1], &image, "storage", None),
            &noted,
            &stack
        ));
        assert!(!is_proved(
            &container(&names[0], &image, "storage", None),
            &noted,
            &stack
        ));
        let foreign = container(&names[1], "docker.io/library/base:latest", "storage", None);
        assert!(!is_proved(&foreign, &noted, &stack));
    }

    #[test]
    fn a_builders_container_is_ours_by_its_mark() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("buildah.json");
        let mark = build_mark("sys");
        std::fs::write(&file, format!(r#"{{"Secrets":["{mark}"]}}"#)).unwrap();
        let process = std::process::id();
        assert_eq!(marked(&file, "sys"), Some((process, start_of(process).unwrap())));
        assert_eq!(marked(&file, "system"), None);
        assert_eq!(marked(&folder.path().join("none"), "sys"), None);
    }
}

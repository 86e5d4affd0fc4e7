//! `volume`: a machine's volume is mounted where the stack says, can be written to or cannot, and keeps what is written across a
//! restart.

use std::collections::BTreeMap;
use std::sync::Arc;

use contract::status::{GroupState, GroupStatus};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Action, Kind, Resolved, Saved, Spec};
use crate::finding::Finding;
use crate::smoke::fields::{Text, located, needed, text};
use crate::smoke::observer::{Blind, Observer, Sealed, podman_json};
use crate::smoke::plan::names::{Names, UNKNOWN_NAME, unknown};
use crate::smoke::verdict::Verdict;
use crate::smoke::yaml::{Fields, Node, Reader};
use crate::stack::model::{GroupId, MachineId, Stack};
use crate::stack::written::{OneOrMore, Scalar};

/// The kind.
pub const KIND: Kind = Kind {
    name: "volume",
    about: "A volume.",
    decode,
    schema: |generator| generator.subschema_for::<Keys>(),
};

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Volume")]
#[expect(dead_code, reason = "a schema is made of it; nothing has its values")]
struct Keys {
    name: Scalar,
    /// Groups in which it is mounted; every one of the machine where it is not written.
    mounted_in: Option<OneOrMore>,
    /// A group that must be able to write to it.
    writable_in: Option<Scalar>,
    persists: Option<PersistsKeys>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Persists")]
#[expect(dead_code, reason = "a schema is made of it; nothing has its values")]
struct PersistsKeys {
    /// The group that writes and reads the marker.
    group: Scalar,
    /// Which container is restarted in between.
    restart: Option<RestartedKeys>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case", rename = "Restarted")]
#[expect(dead_code, reason = "a schema is made of it; nothing has its values")]
enum RestartedKeys {
    /// One made for the check.
    Probe,
    /// The group's own.
    Group,
}

#[derive(Debug)]
struct VolumeSpec {
    /// Its short name.
    name: Text,
    /// Groups whose containers must have it mounted where the stack says; all of its machine when absent.
    mounted_in: Option<Vec<Text>>,
    /// A group whose container must be able to write to it.
    writable_in: Option<Text>,
    /// How a marker is proved to be kept.
    persists: Option<(Text, Restart)>,
}

/// Which container is restarted between writing and reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Restart {
    /// One made for the check, from the group's image, with the same volume: the stack is not disturbed.
    Probe,
    /// The group's own; the check then runs alone, and waits until the group is healthy again.
    Group,
}

fn decode(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<Box<dyn Spec>> {
    let name = needed(reader, fields, "name", "`volume`");
    let mounted_in = fields.get("mounted_in").map(|node| {
        reader
            .texts(node, "mounted_in")
            .into_iter()
            .map(|(text, mark)| located(reader, text, mark))
            .collect()
    });
    let writable_in = text(reader, fields.get("writable_in"), "writable_in");
    let persists = fields.get("persists").and_then(|node| persists(reader, node));
    Some(Box::new(VolumeSpec {
        name: name?,
        mounted_in,
        writable_in,
        persists,
    }))
}

fn persists(reader: &mut Reader<'_>, node: &Node) -> Option<(Text, Restart)> {
    let mut fields = reader.fields(node, "`persists`")?;
    let group = needed(reader, &mut fields, "group", "`persists`");
    let restart = match fields.get("restart") {
        None => Restart::Probe,
        Some(node) => match reader.text(node, "restart").as_deref() {
            Some("probe") | None => Restart::Probe,
            Some("group") => Restart::Group,
            Some(other) => {
                reader.note(node.mark, format!("`restart` must be probe or group, not `{other}`"));
                Restart::Probe
            }
        },
    };
    reader.finish(&fields, "`persists`");
    Some((group?, restart))
}

impl Spec for VolumeSpec {
    fn seconds(&self) -> u64 {
        120
    }

    fn disturbs(&self) -> bool {
        matches!(self.persists, Some((_, Restart::Group)))
    }

    fn resolve(self: Box<Self>, names: &mut Names<'_>) -> Option<Resolved> {
        let stack = names.stack;
        let Some(volume) = stack.volumes.iter().find(|volume| volume.name == self.name.text) else {
            let known: Vec<&str> = stack.volumes.iter().map(|volume| volume.name.as_str()).collect();
            names.findings.push(unknown("volume", &self.name, &known));
            return None;
        };
        let Some(machine) = names.machine else {
            names.findings.push(
                Finding::error(
                    UNKNOWN_NAME,
                    self.name.place.clone(),
                    format!("volume `{}` of which machine?", volume.name),
                )
                .with_help("give the check a `machine`, or `for_each: volume`"),
            );
            return None;
        };
        let writable_in = match &self.writable_in {
            Some(name) => Some(names.group(name)?),
            None => None,
        };
        let persists = match &self.persists {
            Some((group, restart)) => Some((names.group(group)?, *restart)),
            None => None,
        };
        let mounted_in = match &self.mounted_in {
            Some(listed) => listed.iter().filter_map(|name| names.group(name)).collect(),
            None => stack.groups_of(machine).map(|(group, _)| group).collect(),
        };
        let action = Volume {
            machine,
            name: stack.volume_source(machine, volume),
            path: volume.path.clone(),
            read_only: volume.read_only,
            mounted_in,
            writable_in,
            persists,
        };
        Some((Arc::new(action), Some(machine)))
    }
}

/// A volume.
#[derive(Debug, Clone)]
pub struct Volume {
    machine: MachineId,
    /// Its name on the host, or the folder of the host that is in its place.
    pub name: String,
    /// Where it is mounted.
    path: String,
    /// Whether the stack gives it for reading only.
    read_only: bool,
    /// Groups whose containers must have it.
    mounted_in: Vec<GroupId>,
    /// A group whose container must be able to write to it.
    writable_in: Option<GroupId>,
    /// How a marker is proved to be kept.
    persists: Option<(GroupId, Restart)>,
}

#[derive(Debug, Clone, Default)]
struct VolumeSeen {
    exists: bool,
    /// By group: where its container has the volume and whether for writing; none when it has not.
    mounts: BTreeMap<String, Option<MountSeen>>,
    /// Groups that have no container.
    no_container: Vec<String>,
    /// Whether a file could be written, where that was tried.
    written: Option<Result<(), Blind>>,
    /// What was read of a marker after a restart, where that was tried.
    marker: Option<MarkerSeen>,
}

/// A volume in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
struct MountSeen {
    path: String,
    writable: bool,
}

/// A marker before and after a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
struct MarkerSeen {
    written: String,
    /// What was read after the restart, or why nothing was.
    read: Result<String, Blind>,
}

impl Action for Volume {
    fn subject(&self, _stack: &Stack) -> String {
        format!("volume `{}`", self.name)
    }

    fn observe(&self, observer: &dyn Observer, _saved: &Saved, verdict: &mut Verdict) -> Result<(), Blind> {
        let seen = self.look(observer)?;
        self.judge(verdict, observer.stack(), &seen);
        Ok(())
    }
}

/// Writes a file beside the volume's own, reads it and removes it.
const WRITE: &str = "set -e; f=\"$1/.smoke-$$\"; echo written > \"$f\"; test \"$(cat \"$f\")\" = written; rm \"$f\"";
/// Writes the marker when it starts first, and prints it when it is started again.
const KEEP: &str = "if [ -e \"$1\" ]; then cat \"$1\"; rm \"$1\"; else printf %s \"$2\" > \"$1\"; fi";

impl Volume {
    fn look(&self, observer: &dyn Observer) -> Result<VolumeSeen, Blind> {
        let stack = observer.stack();
        let podman = |words: &[&str]| observer.podman(Some(self.machine), words);
        let exists = if self.name.starts_with('/') {
            observer.has_folder(&self.name)
        } else {
            podman(&["volume", "exists", &self.name])?.exit == Some(0)
        };
        let mut seen = VolumeSeen {
            exists,
            ..VolumeSeen::default()
        };
        if !seen.exists {
            return Ok(seen);
        }
        let groups = self.mounted_in.iter().map(|group| stack.group(*group).name.as_str());
        let groups: Vec<&str> = groups.collect();
        if !groups.is_empty() {
            // Those that are there are printed, whatever became of the others.
            let inspect = podman(&[&["container", "inspect"], groups.as_slice()].concat())?;
            seen.mounts = mounts(&inspect.stdout, &self.name)?;
            let missing = groups.iter().filter(|group| !seen.mounts.contains_key(**group));
            seen.no_container = missing.map(|group| (*group).to_owned()).collect();
        }
        if let Some(group) = self.writable_in {
            let written = observer.exec(group, &["sh", "-c", WRITE, "sh", &self.path], &[])?;
            seen.written = Some(written.succeeded().map(|_| ()));
        }
        if let Some((group, restart)) = self.persists {
            let marker = observer.marker();
            let file = format!("{}/.{marker}", self.path);
            let read = match restart {
                Restart::Probe => observer.run_twice(
                    &marker,
                    &Sealed {
                        machine: Some(stack.group(group).machine),
                        image: &stack.group_image(group),
                        command: &["sh", "-c", KEEP, "sh", &file, &marker],
                        options: &["--volume".to_owned(), format!("{}:{}", self.name, self.path)],
                        input: &[],
                    },
                ),
                Restart::Group => keep_in_group(observer, group, &file, &marker),
            };
            seen.marker = Some(MarkerSeen { written: marker, read });
        }
        Ok(seen)
    }

    fn judge(&self, verdict: &mut Verdict, stack: &Stack, seen: &VolumeSeen) {
        if !seen.exists {
            verdict.wrong("a volume of that name", "none");
            verdict.evidence("hint", "`cargo xtask up` makes it");
            return;
        }
        let (path, read_only) = (&self.path, self.read_only);
        for group in &self.mounted_in {
            let name = &stack.group(*group).name;
            let how = if read_only { "for reading only" } else { "for writing" };
            let expected = format!("mounted at {path} in `{name}`, {how}");
            match seen.mounts.get(name) {
                Some(Some(mount)) if mount.path == *path && mount.writable != read_only => {}
                Some(Some(mount)) => {
                    let how = if mount.writable { "for writing" } else { "read-only" };
                    verdict.wrong(expected, format!("mounted at {} {how}", mount.path));
                }
                Some(None) => verdict.wrong(expected, "not mounted"),
                None => verdict.wrong(expected, format!("`{name}` has no container")),
            }
        }
        if !seen.no_container.is_empty() {
            verdict.evidence("hint", "`cargo xtask up` makes the containers");
        }
        if let Some(group) = self.writable_in {
            let group = &stack.group(group).name;
            match &seen.written {
                Some(Ok(())) if read_only => verdict.wrong(format!("`{group}` cannot write to {path}"), "it can"),
                Some(Err(_)) if read_only => {}
                Some(Ok(())) => {}
                Some(Err(reason)) => verdict.wrong(format!("`{group}` can write to {path}"), reason.to_string()),
                None => verdict.wrong(format!("`{group}` can write to {path}"), "not tried"),
            }
        }
        if let Some(marker) = &seen.marker {
            let kept = format!("{:?} kept across a restart", marker.written);
            match &marker.read {
                Ok(read) if *read == marker.written => {}
                Ok(read) => verdict.wrong(kept, format!("{read:?} after the restart")),
                Err(reason) => verdict.wrong(kept, reason.to_string()),
            }
        }
    }
}

/// The marker in the group's own container, which is restarted; then it waits until the group is healthy again.
fn keep_in_group(observer: &dyn Observer, group: GroupId, file: &str, marker: &str) -> Result<String, Blind> {
    let shell = |script: &str, input: &str| {
        let seen = observer.exec(group, &["sh", "-c", script, "sh", file], input.as_bytes());
        seen?.succeeded()
    };
    shell("cat > \"$1\"", marker)?;
    let of = observer.stack().group(group);
    observer.podman(Some(of.machine), &["restart", &of.name])?.succeeded()?;
    let read = shell("cat \"$1\" && rm \"$1\"", "")?;
    let healthy = |status: &GroupStatus| status.state == GroupState::Healthy;
    match observer.wait_for_health(group, &mut |status| healthy(status))? {
        Some(status) if healthy(&status) => Ok(read),
        _ => Err(Blind::because(format!(
            "`{}` is not healthy again after its restart",
            of.name
        ))),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawContainer {
    name: String,
    #[serde(default)]
    mounts: Option<Vec<RawMount>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawMount {
    #[serde(default)]
    name: String,
    #[serde(default)]
    source: String,
    destination: String,
    #[serde(rename = "RW")]
    writable: bool,
}

/// Reads `podman container inspect`: by container, where it has that volume, or folder of the host.
fn mounts(text: &str, volume: &str) -> Result<BTreeMap<String, Option<MountSeen>>, Blind> {
    if text.trim().is_empty() {
        return Ok(BTreeMap::new());
    }
    let containers: Vec<RawContainer> = podman_json(text)?;
    let mount_of = |container: RawContainer| {
        let mut mounts = container.mounts.unwrap_or_default().into_iter();
        let of_volume = |mount: &RawMount| mount.name == volume || (mount.name.is_empty() && mount.source == volume);
        let mount = mounts.find(of_volume).map(|mount| MountSeen {
            path: mount.destination,
            writable: mount.writable,
        });
        (container.name, mount)
    };
    Ok(containers.into_iter().map(mount_of).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{MarkerSeen, MountSeen, Volume, VolumeSeen, mounts};
    use crate::smoke::outcome::Outcome;
    use crate::smoke::plan::fixture::{action, got, small_stack};
    use crate::smoke::verdict::Verdict;

    fn judged(seen: &VolumeSeen) -> Outcome {
        let mut verdict = Verdict::default();
        let check = "volume: {name: logs, writable_in: core-services, persists: {group: core-services}}";
        action::<Volume>(check).judge(&mut verdict, &small_stack(), seen);
        verdict.outcome()
    }

    #[test]
    fn a_volume_is_judged_by_mounts_writing_and_keeping() {
        let mount = |path: &str, writable| {
            Some(MountSeen {
                path: path.to_owned(),
                writable,
            })
        };
        let right = VolumeSeen {
            exists: true,
            mounts: BTreeMap::from([
                ("core-services".to_owned(), mount("/app/logs", true)),
                ("memory-system".to_owned(), mount("/app/logs", true)),
            ]),
            no_container: Vec::new(),
            written: Some(Ok(())),
            marker: Some(MarkerSeen {
                written: "m".to_owned(),
                read: Ok("m".to_owned()),
            }),
        };
        assert_eq!(judged(&right), Outcome::passed());
        let wrong = VolumeSeen {
            exists: true,
            mounts: BTreeMap::from([("core-services".to_owned(), mount("/app/logs", false))]),
            no_container: vec!["memory-system".to_owned()],
            written: Some(Err("read-only file system".into())),
            marker: Some(MarkerSeen {
                written: "m".to_owned(),
                read: Ok(String::new()),
            }),
        };
        assert_eq!(
            got(&judged(&wrong)),
            [
                "mounted at /app/logs read-only",
                "`memory-system` has no container",
                "read-only file system",
                "\"\" after the restart"
            ]
        );
    }

    #[test]
    fn mounts_are_found_by_the_volumes_name() {
        let text = r#"[{"Name":"a","Mounts":[{"Type":"volume","Name":"v","Source":"/x","Destination":"/app/logs","RW":true}]},
                       {"Name":"b","Mounts":[]}]"#;
        let seen = mounts(text, "v").unwrap();
        assert_eq!(seen["a"].as_ref().unwrap().path, "/app/logs");
        assert_eq!(seen["b"], None);
        assert!(mounts("", "v").unwrap().is_empty());
        let text =
            r#"[{"Name":"a","Mounts":[{"Type":"bind","Source":"/srv/v","Destination":"/app/logs","RW":false}]}]"#;
        assert!(!mounts(text, "/srv/v").unwrap()["a"].as_ref().unwrap().writable);
    }
}

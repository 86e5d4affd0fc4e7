//! `volumes:` of a stack: what is mounted in every container, kept by Podman or in a folder of the host.

use super::model::{MachineId, Stack, Volume};
use super::read::Reader;
use super::spans::At;
use super::yaml::Node;

/// What stands for a machine's name in a folder of the host.
const MACHINE: &str = "{machine}";

/// A volume's text: `/app/logs`, `/app/config:ro`, or with a folder of the host in front, `./logs:/app/logs`. `config` is read-only unless it
/// says otherwise: what every group may import is nobody's to write.
fn parse(name: &str, text: &str) -> Result<Volume, &'static str> {
    let parts: Vec<&str> = text.split(':').collect();
    let (host, path, how) = match parts[..] {
        [path] => (None, path, None),
        [path, how @ ("ro" | "rw")] => (None, path, Some(how)),
        [host, path] => (Some(host), path, None),
        [host, path, how @ ("ro" | "rw")] => (Some(host), path, Some(how)),
        _ => return Err("behind the path only `:ro` or `:rw` may stand"),
    };
    let good = |c: char| c.is_ascii_alphanumeric() || "_.-/@+".contains(c);
    if !path.starts_with('/') || !path.chars().all(good) {
        return Err("the path in the container is not absolute, or not of letters, digits, `_`, `.`, `-`, `@` and `+`");
    }
    let host = host.map(folder).transpose()?;
    Ok(Volume {
        name: name.to_owned(),
        path: path.to_owned(),
        read_only: how.map_or(name == "config", |how| how == "ro"),
        host,
    })
}

/// A folder of the host: absolute, or relative to the folder that holds the stack.
fn folder(text: &str) -> Result<String, &'static str> {
    let good = |c: char| c.is_ascii_alphanumeric() || "_.-/@+".contains(c);
    let starts = text.starts_with('/') || text.starts_with("./") || text.starts_with("../");
    if !starts || !text.replace(MACHINE, "").chars().all(good) {
        return Err(
            "a folder of the host begins with `/`, `./` or `../`, and has letters, digits, `_`, `.`, `-`, `@`, `+` and `{machine}`",
        );
    }
    let mut names = text.split('/').filter(|name| !["", "."].contains(name));
    if names.clone().all(|name| name == "..") || (text.starts_with('/') && names.any(|name| name == "..")) {
        return Err("that is not a folder of its own");
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// Reads `volumes:`.
pub(super) fn read<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Vec<Volume> {
    let place = reader.place(node.span);
    let Some(fields) = reader.fields(node, "`volumes`", place) else {
        return Vec::new();
    };
    let mut volumes = Vec::new();
    for entry in fields.entries() {
        let place = reader.place(entry.key_span);
        reader.check_name(&entry.key, &place, "a volume");
        let Some(text) = reader.text(&entry.value, &format!("volume `{}`", entry.key)) else {
            continue;
        };
        match parse(&entry.key, &text.value) {
            Ok(volume) => volumes.push(volume),
            Err(why) => {
                let message = format!("volume `{}` cannot be mounted at `{}`: {why}", entry.key, text.value);
                reader.bad_value(
                    text.place,
                    message,
                    "write its path in containers, as in `/app/logs`, or a folder of the host in front of it, as in `./logs:/app/logs`; \
                     `:ro` or `:rw` may follow",
                );
            }
        }
    }
    volumes
}

/// Reports relative folders of the host where a machine is another host, which does not have them.
pub(super) fn on_other_hosts<'a>(
    reader: &mut Reader<'_>,
    volumes: Option<&[Volume]>,
    connections: impl IntoIterator<Item = (&'a str, &'a At<String>)>,
) {
    let relative = |volume: &&Volume| volume.host.as_ref().is_some_and(|host| !host.starts_with('/'));
    let Some(volume) = volumes.unwrap_or_default().iter().find(relative) else {
        return;
    };
    for (machine, connection) in connections {
        let message = format!(
            "machine `{machine}` is another host, which does not have the folder `{}` of volume `{}`",
            volume.host.as_deref().unwrap_or_default(),
            volume.name
        );
        reader.bad_value(
            connection.place.clone(),
            message,
            "write an absolute folder, which every host has, as in `/srv/logs:/app/logs`",
        );
    }
}

impl Volume {
    /// The folder of the host that holds it, as it is written, with the machine's name; nothing where Podman keeps it.
    #[must_use]
    pub fn written_folder(&self, machine: &str) -> Option<String> {
        self.host.as_ref().map(|host| host.replace(MACHINE, machine))
    }

    /// Such a folder where it is absolute: one that files which are used elsewhere can name, too.
    #[must_use]
    pub fn absolute_folder(&self, machine: &str) -> Option<String> {
        self.written_folder(machine).filter(|folder| folder.starts_with('/'))
    }
}

impl Stack {
    /// The folder of the host that holds a machine's volume, absolute; nothing where Podman keeps it.
    #[must_use]
    pub fn volume_folder(&self, machine: MachineId, volume: &Volume) -> Option<String> {
        let written = volume.written_folder(&self.machine(machine).name)?;
        if written.starts_with('/') {
            return Some(written);
        }
        let mut parts: Vec<&str> = self.checkout.split('/').collect();
        for part in written.split('/') {
            match part {
                "" | "." => {}
                ".." => drop(parts.pop()),
                part => parts.push(part),
            }
        }
        Some(parts.join("/"))
    }

    /// What Podman mounts for a machine's volume: its folder, or its name.
    #[must_use]
    pub fn volume_source(&self, machine: MachineId, volume: &Volume) -> String {
        self.volume_folder(machine, volume)
            .unwrap_or_else(|| self.volume(machine, volume))
    }
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::stack::MachineId;
    use crate::stack::fixture::Fixture;

    #[test]
    fn a_volume_is_podmans_or_a_folder_of_the_host() {
        let read = |name: &str, text: &str| {
            parse(name, text)
                .ok()
                .map(|volume| (volume.host, volume.path, volume.read_only))
        };
        let named = |path: &str, read_only| Some((None, path.to_owned(), read_only));
        let folder = |host: &str, path: &str, read_only| Some((Some(host.to_owned()), path.to_owned(), read_only));
        assert_eq!(read("logs", "/app/logs"), named("/app/logs", false));
        assert_eq!(read("config", "/app/config"), named("/app/config", true));
        assert_eq!(read("config", "/app/config:rw"), named("/app/config", false));
        assert_eq!(read("logs", "./logs:/app/logs"), folder("./logs", "/app/logs", false));
        assert_eq!(
            read("config", "./config:/app/config"),
            folder("./config", "/app/config", true)
        );
        assert_eq!(read("m", "/srv/m/:/m:ro"), folder("/srv/m", "/m", true));
        assert_eq!(read("d", "../d/{machine}:/d"), folder("../d/{machine}", "/d", false));
        for text in [
            "logs",
            "logs:/app/logs",
            "~/logs:/app/logs",
            "./:/app/logs",
            "..:/x",
            "/:/x",
            "./a b:/x",
            "./a:x",
            "./a:/x:z",
            "./a:/x:ro:z",
            "",
            ":",
            "/a/../b:/x",
            "./a,b:/x",
        ] {
            assert!(read("logs", text).is_none(), "{text}");
        }
    }

    #[test]
    fn relative_folders_belong_to_the_stack_s_own() {
        let mut stack = Fixture::small()
            .stack(
                "status_port: 9000",
                "status_port: 9000\nvolumes: {logs: './var/{machine}/logs:/app/logs'}",
            )
            .model();
        stack.checkout = "/home/me/project".to_owned();
        let source = |stack: &crate::stack::Stack| {
            let volume = stack.volumes.iter().find(|volume| volume.name == "logs").unwrap();
            stack.volume_source(MachineId(0), volume)
        };
        let machine = stack.machines[0].name.clone();
        assert_eq!(source(&stack), format!("/home/me/project/var/{machine}/logs"));
        stack.volumes[0].host = Some("../logs".to_owned());
        assert_eq!(source(&stack), "/home/me/logs");
        stack.volumes[0].host = None;
        assert_eq!(source(&stack), format!("{}_{machine}_logs", stack.name));
    }

    #[test]
    fn another_host_has_no_relative_folder() {
        let fixture = |folder: &str| {
            let volumes = format!("status_port: 9000\nvolumes: {{logs: '{folder}:/app/logs'}}");
            Fixture::small().stack("status_port: 9000", &volumes).stack(
                "health_port_offset: 2000",
                "health_port_offset: 2000\n    podman: {connection: far}",
            )
        };
        let said = fixture("./logs").says();
        assert!(
            said.iter()
                .any(|line| line.contains("is another host, which does not have the folder `./logs`")),
            "{said:#?}"
        );
        let said = fixture("/srv/logs").says();
        assert!(said.iter().all(|line| !line.contains("another host")), "{said:#?}");
    }
}

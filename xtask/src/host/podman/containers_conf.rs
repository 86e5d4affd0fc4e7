//! A `containers.conf` of our own, for hosts on which Podman's defaults do not work. The host's own files stay as they are:
//! Podman reads ours through `CONTAINERS_CONF`, and then none of them, so that ours holds what they say, too.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use nix::sys::resource::{Resource, getrlimit};

use crate::host::system::files;
use crate::host::system::process;
use crate::host::system::repository::Repository;
use crate::stack::rights::Ulimit;

/// What decides whether Podman's defaults work here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostLimits {
    /// cgroups of both versions are mounted, which crun refuses.
    pub hybrid_cgroups: bool,
    /// runc is installed.
    pub has_runc: bool,
    /// Limits of a container may be set above our own (CAP_SYS_RESOURCE).
    pub may_raise_limits: bool,
    /// Our own hard limit of open files.
    pub open_files: u64,
    /// Our own hard limit of processes.
    pub processes: u64,
    /// Highest process id of the kernel: Podman lowers its own limit of processes to it, and a container gets no more.
    pub max_pid: u64,
}

/// The lines that this host needs; none where Podman's defaults work.
#[must_use]
pub fn needed(host: &HostLimits) -> Option<String> {
    let mut text = String::new();
    if !host.may_raise_limits {
        // Podman asks for 1048576 of each by default, and the kernel refuses what is above our own hard limit.
        text.push_str(&format!(
            "[containers]\ndefault_ulimits = [\"nofile={0}:{0}\", \"nproc={1}:{1}\"]\n",
            host.open_files.min(1_048_576),
            host.processes.min(host.max_pid)
        ));
    }
    if host.hybrid_cgroups && host.has_runc {
        text.push_str("[engine]\nruntime = \"runc\"\n");
    }
    (!text.is_empty()).then_some(text)
}

/// The first line of the file.
const HEADER: &str = "# Written by `cargo xtask`: what this host's files say, and what Podman needs here besides.\n";

/// What several files say together, the later ones over the earlier ones, and [`needed`] over all. A file that is no TOML says nothing.
#[must_use]
pub fn merged(files: &[String], needed: &str) -> String {
    let tables = files.iter().map(String::as_str).chain([needed]);
    let mut all = toml::Table::new();
    for table in tables.filter_map(|text| text.parse::<toml::Table>().ok()) {
        put_over(&mut all, table);
    }
    format!("{HEADER}{all}")
}

/// Puts the values of a table in the place of those that another one has.
fn put_over(all: &mut toml::Table, table: toml::Table) {
    for (key, value) in table {
        match (all.get_mut(&key), value) {
            (Some(toml::Value::Table(there)), toml::Value::Table(table)) => put_over(there, table),
            (_, value) => drop(all.insert(key, value)),
        }
    }
}

/// The host's files in the order of containers.conf(5), as far as they are there.
fn of_the_host() -> Vec<String> {
    let mut folders: Vec<PathBuf> = ["/usr/share/containers", "/etc/containers"].map(PathBuf::from).into();
    if !nix::unistd::geteuid().is_root() {
        let configuration = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
        let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config"));
        folders.extend(configuration.or(home).map(|folder| folder.join("containers")));
    }
    let mut texts = Vec::new();
    for folder in folders {
        let beside = folder
            .join("containers.conf.d")
            .read_dir()
            .into_iter()
            .flatten()
            .flatten();
        let mut beside: Vec<PathBuf> = beside
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "conf"))
            .collect();
        beside.sort();
        for path in std::iter::once(folder.join("containers.conf")).chain(beside) {
            texts.extend(files::read_text(&path).ok());
        }
    }
    texts
}

/// Adds to the limits of a container those that [`needed`] sets for all: Podman forgets them where a container has one of its own, and
/// asks for its usual ones again.
pub fn complete(host: &HostLimits, ulimits: &mut BTreeMap<String, Ulimit>) {
    if host.may_raise_limits || ulimits.is_empty() {
        return;
    }
    for (name, most) in [
        ("nofile", host.open_files.min(1_048_576)),
        ("nproc", host.processes.min(host.max_pid)),
    ] {
        let limit = Ulimit {
            soft: Some(most),
            hard: Some(most),
        };
        ulimits.entry(name.to_owned()).or_insert(limit);
    }
}

/// Reads what [`needed`] looks at.
#[must_use]
pub fn gather() -> HostLimits {
    let hard = |resource| getrlimit(resource).map_or(u64::MAX, |(_, hard)| hard);
    HostLimits {
        hybrid_cgroups: Path::new("/sys/fs/cgroup/unified").is_dir(),
        has_runc: process::on_path("runc").is_some(),
        may_raise_limits: has_sys_resource() || !nix::unistd::geteuid().is_root(),
        open_files: hard(Resource::RLIMIT_NOFILE),
        processes: hard(Resource::RLIMIT_NPROC),
        max_pid: std::fs::read_to_string("/proc/sys/kernel/pid_max")
            .ok()
            .and_then(|text| text.trim().parse().ok())
            .unwrap_or(32_768),
    }
}

/// Bit of CAP_SYS_RESOURCE, as capabilities(7) numbers it.
const SYS_RESOURCE: u32 = 24;

fn has_sys_resource() -> bool {
    std::fs::read_to_string("/proc/self/status")
        .ok()
        .and_then(|status| {
            let line = status.lines().find(|line| line.starts_with("CapEff:"))?;
            u64::from_str_radix(line.split_whitespace().nth(1)?, 16).ok()
        })
        .is_none_or(|effective| effective & (1 << SYS_RESOURCE) != 0)
}

/// Writes the file where this host needs one, and returns its path. A `CONTAINERS_CONF` that the user has set wins.
#[must_use]
pub fn provide(repository: &Repository) -> Option<PathBuf> {
    if std::env::var_os("CONTAINERS_CONF").is_some() {
        return None;
    }
    let text = merged(&of_the_host(), &needed(&gather())?);
    // Where it cannot be written, Podman's own message says what does not work.
    let path = repository.make_work().ok()?.join("containers.conf");
    let same = files::read(&path).is_ok_and(|there| there == text.as_bytes());
    if !same {
        files::write(&path, text.as_bytes(), false).ok()?;
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{HEADER, HostLimits, complete, merged, needed};
    use crate::stack::rights::Ulimit;

    const PLAIN: HostLimits = HostLimits {
        hybrid_cgroups: false,
        has_runc: true,
        may_raise_limits: true,
        open_files: 1024,
        processes: 4096,
        max_pid: 32_768,
    };

    #[test]
    fn an_ordinary_host_needs_nothing() {
        assert_eq!(needed(&PLAIN), None);
    }

    #[test]
    fn what_the_hosts_files_say_is_said_too() {
        let files = [
            "# a comment\n[engine]\nruntime = \"crun\"\ncgroup_manager = \"cgroupfs\"\n[network]\ndns_bind_port = 54\n"
                .to_owned(),
            "[engine.runtimes]\nown = [\"/opt/own\"]\n[network]\ndns_bind_port = 55\n".to_owned(),
            "no TOML".to_owned(),
        ];
        let text = merged(&files, "[engine]\nruntime = \"runc\"\n");
        assert_eq!(
            text.strip_prefix(HEADER).unwrap().parse::<toml::Table>().unwrap(),
            toml::toml! {
                [engine]
                runtime = "runc"
                cgroup_manager = "cgroupfs"
                [engine.runtimes]
                own = ["/opt/own"]
                [network]
                dns_bind_port = 55
            }
        );
    }

    #[test]
    fn only_what_the_host_needs_is_set() {
        let hybrid = needed(&HostLimits {
            hybrid_cgroups: true,
            ..PLAIN
        })
        .unwrap();
        assert!(
            hybrid.contains("runtime = \"runc\"") && !hybrid.contains("ulimits"),
            "{hybrid}"
        );
        let limited = needed(&HostLimits {
            may_raise_limits: false,
            ..PLAIN
        })
        .unwrap();
        assert!(
            limited.contains("nofile=1024:1024") && limited.contains("nproc=4096:4096"),
            "{limited}"
        );
    }

    #[test]
    fn a_container_with_limits_of_its_own_gets_those_that_this_host_needs_besides() {
        let limited = HostLimits {
            may_raise_limits: false,
            ..PLAIN
        };
        let own = || {
            let limit = Ulimit {
                soft: Some(321),
                hard: Some(654),
            };
            BTreeMap::from([("nofile".to_owned(), limit)])
        };
        let texts = |host: &HostLimits, mut ulimits: BTreeMap<String, Ulimit>| -> Vec<String> {
            complete(host, &mut ulimits);
            let all = ulimits.into_iter();
            all.map(|(name, limit)| format!("{name}={}", limit.text())).collect()
        };
        assert_eq!(texts(&limited, own()), ["nofile=321:654", "nproc=4096:4096"]);
        assert_eq!(texts(&PLAIN, own()), ["nofile=321:654"]);
        // Without any, Podman takes the ones for all.
        assert_eq!(texts(&limited, BTreeMap::new()), Vec::<String>::new());
    }
}

//! What Podman and the small programs inside containers print → observations. Text in, values out.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use serde::Deserialize;

use crate::smoke::observation::{ImageSeen, MountSeen, NetworkSeen, PathAliasSeen};

/// Sends standard input to a REP port of this container and prints the reply. Arguments: port, time limit in ms.
pub(super) const REQUEST_SCRIPT: &str = "\
import sys, zmq
port, limit = sys.argv[1], int(sys.argv[2])
s = zmq.Context().socket(zmq.REQ)
s.setsockopt(zmq.LINGER, 0)
s.setsockopt(zmq.RCVTIMEO, limit)
s.setsockopt(zmq.SNDTIMEO, limit)
s.connect('tcp://127.0.0.1:' + port)
s.send(sys.stdin.buffer.read())
try:
    sys.stdout.buffer.write(b''.join(s.recv_multipart()))
except zmq.Again:
    sys.exit('no answer on port %s within %.1f s' % (port, limit / 1000))
";

/// Compares the files below two names of a folder, both relative to the tree's root, and prints JSON.
pub(super) const ALIAS_SCRIPT: &str = "\
import json, os, sys
root = os.environ.get('PROJECT_ROOT') or os.getcwd()
alias, target = (os.path.join(root, path) for path in sys.argv[1:3])
def files(top):
    for folder, _, names in os.walk(top):
        for name in names:
            if not name.endswith('.pyc'):
                yield os.path.relpath(os.path.join(folder, name), top)
first, second = set(files(target)), set(files(alias))
different = []
for name in ['.', *sorted(first | second)]:
    a, b = os.path.join(target, name), os.path.join(alias, name)
    try:
        if not os.path.samefile(a, b):
            different.append([name, 'another file: ' + os.path.realpath(b)])
    except OSError as error:
        different.append([name, '%s: %s' % (error.filename, error.strerror)])
print(json.dumps({'files': len(first), 'different': different}))
";

/// A name that no other check, run or user has: for a marker, and for a container that is made for a check of that stack.
pub(super) fn marker(stack: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{MARKER}{}-{number}-{stack}", std::process::id())
}

const MARKER: &str = "smoke-";

/// The process of the harness that gave this name, if it is one for a check of that stack.
pub fn maker(name: &str, stack: &str) -> Option<u32> {
    let mut parts = name.strip_prefix(MARKER)?.splitn(3, '-');
    let process = parts.next()?.parse().ok()?;
    let _: u32 = parts.next()?.parse().ok()?;
    (parts.next() == Some(stack)).then_some(process)
}

fn unreadable(error: &serde_json::Error) -> String {
    format!("Podman printed what is not the expected JSON: {error}")
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawImage {
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
    #[serde(default)]
    user: String,
    #[serde(default)]
    config: RawConfig,
    #[serde(default)]
    size: u64,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct RawConfig {
    #[serde(default)]
    env: Option<Vec<String>>,
}

/// `podman image inspect`
pub(super) fn image(text: &str) -> Result<ImageSeen, String> {
    let images: Vec<RawImage> = serde_json::from_str(text).map_err(|error| unreadable(&error))?;
    let image = images.into_iter().next().ok_or("Podman printed no image")?;
    Ok(ImageSeen {
        labels: image.labels.unwrap_or_default(),
        user: image.user,
        env: image
            .config
            .env
            .unwrap_or_default()
            .iter()
            .filter_map(|entry| entry.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        size_bytes: image.size,
        run: None,
    })
}

#[derive(Deserialize)]
struct RawNetwork {
    #[serde(default)]
    subnets: Option<Vec<RawSubnet>>,
    #[serde(default)]
    dns_enabled: bool,
}

#[derive(Deserialize)]
struct RawSubnet {
    subnet: String,
}

/// `podman network inspect`
pub(super) fn network(text: &str) -> Result<NetworkSeen, String> {
    let networks: Vec<RawNetwork> = serde_json::from_str(text).map_err(|error| unreadable(&error))?;
    let network = networks.into_iter().next().ok_or("Podman printed no network")?;
    Ok(NetworkSeen {
        exists: true,
        subnets: network
            .subnets
            .unwrap_or_default()
            .into_iter()
            .map(|subnet| subnet.subnet)
            .collect(),
        dns: network.dns_enabled,
    })
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

/// `podman container inspect`: by container, where it has that volume, or folder of the host.
pub(super) fn mounts(text: &str, volume: &str) -> Result<BTreeMap<String, Option<MountSeen>>, String> {
    if text.trim().is_empty() {
        return Ok(BTreeMap::new());
    }
    let containers: Vec<RawContainer> = serde_json::from_str(text).map_err(|error| unreadable(&error))?;
    Ok(containers
        .into_iter()
        .map(|container| {
            let mount = container
                .mounts
                .unwrap_or_default()
                .into_iter()
                .find(|mount| mount.name == volume || (mount.name.is_empty() && mount.source == volume))
                .map(|mount| MountSeen {
                    path: mount.destination,
                    writable: mount.writable,
                });
            (container.name, mount)
        })
        .collect())
}

#[derive(Deserialize)]
struct RawAliases {
    files: u64,
    different: Vec<(String, String)>,
}

/// What [`ALIAS_SCRIPT`] prints.
pub(super) fn aliases(text: &str) -> Result<PathAliasSeen, String> {
    let raw: RawAliases =
        serde_json::from_str(text).map_err(|error| format!("the look into the image printed no JSON: {error}"))?;
    Ok(PathAliasSeen {
        files: raw.files,
        different: raw.different,
    })
}

/// `grep -H ^VmRSS: /proc/7/status …` → bytes by process.
pub(super) fn resident(text: &str) -> BTreeMap<u32, u64> {
    text.lines()
        .filter_map(|line| {
            let (path, rest) = line.split_once(":VmRSS:")?;
            let pid = path.strip_prefix("/proc/")?.strip_suffix("/status")?.parse().ok()?;
            let kilobytes: u64 = rest.split_whitespace().next()?.parse().ok()?;
            Some((pid, kilobytes * 1024))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{aliases, image, maker, marker, mounts, network, resident};

    #[test]
    fn an_image_without_labels_and_configuration_is_read() {
        let seen = image(r#"[{"Id":"x","Config":{},"Labels":null,"User":"","Size":245031499}]"#).unwrap();
        assert_eq!(seen.size_bytes, 245_031_499);
        assert!(seen.labels.is_empty() && seen.env.is_empty());
        let seen = image(r#"[{"Config":{"Env":["A=b=c"],"User":"agent"},"Labels":{"l":"v"},"User":"agent","Size":1}]"#)
            .unwrap();
        assert_eq!(seen.user, "agent");
        assert_eq!(seen.env["A"], "b=c");
        assert_eq!(seen.labels["l"], "v");
    }

    #[test]
    fn a_network_is_read() {
        let seen =
            network(r#"[{"name":"n","subnets":[{"subnet":"10.88.0.0/16","gateway":"10.88.0.1"}],"dns_enabled":true}]"#)
                .unwrap();
        assert_eq!(seen.subnets, ["10.88.0.0/16"]);
        assert!(seen.dns);
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

    #[test]
    fn aliases_and_resident_memory_are_read() {
        let seen = aliases(r#"{"files": 2, "different": [["a.py", "missing"]]}"#).unwrap();
        assert_eq!((seen.files, seen.different.len()), (2, 1));
        let text = "/proc/7/status:VmRSS:\t   20480 kB\n/proc/9/status:VmRSS:\t  10 kB\ngrep: gone\n";
        assert_eq!(resident(text), [(7, 20480 * 1024), (9, 10240)].into());
    }

    #[test]
    fn markers_differ_and_say_whose_they_are() {
        let name = marker("a-stack");
        assert_ne!(name, marker("a-stack"));
        assert_eq!(maker(&name, "a-stack"), Some(std::process::id()));
        for (name, stack) in [
            (name.as_str(), "stack"),
            ("smoke-7-a-stack", "stack"),
            ("a-stack", "a-stack"),
        ] {
            assert_eq!(maker(name, stack), None, "{name}");
        }
    }
}

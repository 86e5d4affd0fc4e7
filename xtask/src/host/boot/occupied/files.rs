//! Networks that stand in files, whether they are up or not: of Podman, of CNI, of Quadlet's units, of Docker's settings. Only regular
//! files are read, with a bound; what cannot be read, or is not what it should be, is left out.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::firm;
use crate::doctor::overlap::Occupied;
use crate::host::podman::STACK_LABEL;
use crate::host::tree::root::open_own;
use crate::stack::model::Subnet;

/// Longest file that is read: such files have a few lines.
const LONGEST: u64 = 1024 * 1024;
/// Files of one folder that are read at most.
const MOST_FILES: usize = 10_000;
/// How deep below a folder of Quadlet units are looked for, and in how many folders: links may lead round.
const DEEPEST: usize = 8;
const MOST_FOLDERS: usize = 1_000;
/// Who reads, and what is its own.
#[derive(Debug, Default)]
pub(super) struct Reader<'a> {
    /// User id: networks of other users than root are in namespaces of their own.
    pub user: u32,
    /// The stack's name.
    pub stack: &'a str,
    /// Names of the stack's networks.
    pub wanted: BTreeSet<&'a str>,
    /// Networks that Podman lists: they are no news.
    pub known: BTreeSet<&'a str>,
    /// Networks with the stack's label.
    pub own: BTreeSet<(&'a str, Subnet)>,
}

/// All that files below that root say.
pub(super) fn of(root: &Path, reader: &Reader<'_>) -> Vec<Occupied> {
    let at = |path: &str| root.join(path);
    let homes = homes(root);
    let mut all = of_podman(&at("etc/containers/networks"), true, &reader.known);
    for (_, home) in &homes {
        let folder = home.join(".local/share/containers/storage/networks");
        all.extend(of_podman(&folder, false, &reader.known));
    }
    for folder in ["etc/cni/net.d", "run/cni/net.d", "usr/local/etc/cni/net.d"] {
        all.extend(of_cni(&at(folder), reader));
    }
    all.extend(of_docker(&at("etc/docker/daemon.json"), true));
    all.extend(of_docker(&at("var/snap/docker/current/config/daemon.json"), true));
    for (user, home) in &homes {
        // A Docker without root has a namespace of its own.
        all.extend(of_docker(&home.join(".config/docker/daemon.json"), false));
        let own = *user == reader.user;
        all.extend(of_quadlet(&home.join(".config/containers/systemd"), own, reader));
        let run = at(&format!("run/user/{user}/containers/systemd"));
        all.extend(of_quadlet(&run, own, reader));
    }
    for folder in [
        "etc/containers/systemd",
        "run/containers/systemd",
        "usr/share/containers/systemd",
        "usr/local/share/containers/systemd",
    ] {
        all.extend(of_quadlet(&at(folder), true, reader));
    }
    all
}

/// Users with a home, by `/etc/passwd`.
fn homes(root: &Path) -> BTreeSet<(u32, PathBuf)> {
    let text = read(&root.join("etc/passwd")).unwrap_or_default();
    String::from_utf8_lossy(&text)
        .lines()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let home = fields.get(5)?.strip_prefix('/').filter(|home| !home.is_empty())?;
            Some((fields.get(2)?.parse().ok()?, root.join(home)))
        })
        .collect()
}

fn of_podman(folder: &Path, is_firm: bool, known: &BTreeSet<&str>) -> Vec<Occupied> {
    let mut all = Vec::new();
    for path in entries(folder, &["json"]) {
        let Some(network) = read_json(&path) else { continue };
        let name = network.get("name").and_then(Value::as_str).unwrap_or_default();
        if is_firm && known.contains(name) {
            continue;
        }
        let subnets = network.get("subnets").and_then(Value::as_array);
        all.extend(subnets.into_iter().flatten().filter_map(|subnet| {
            Some(Occupied {
                subnet: range(subnet.get("subnet")?.as_str()?)?,
                owner: format!("Podman's network `{name}` (`{}`)", path.display()),
                firm: is_firm,
            })
        }));
    }
    all
}

fn of_cni(folder: &Path, reader: &Reader<'_>) -> Vec<Occupied> {
    let mut all = Vec::new();
    for path in entries(folder, &["conf", "conflist", "json"]) {
        let Some(value) = read_json(&path) else { continue };
        let name = value.get("name").and_then(Value::as_str).unwrap_or_default();
        let mut found = Vec::new();
        texts_of(&value, "subnet", &mut found);
        let ranges = found.iter().filter_map(|text| range(text));
        // A Podman that goes by CNI writes its networks there.
        let others = ranges.filter(|subnet| !reader.own.contains(&(name, *subnet)));
        all.extend(others.map(|subnet| firm(subnet, format!("CNI's network `{name}` (`{}`)", path.display()))));
    }
    all
}

/// Values of every key of that name, however deep.
fn texts_of(value: &Value, key: &str, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| texts_of(item, key, found)),
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_str() {
                    Some(text) if name == key => found.push(text.to_owned()),
                    _ => texts_of(value, key, found),
                }
            }
        }
        _ => {}
    }
}

fn of_docker(path: &Path, is_firm: bool) -> Vec<Occupied> {
    read_json(path).map_or_else(Vec::new, |settings| docker(&settings, path, is_firm))
}

/// What Docker's settings say: its bridge, and the pools that it takes networks from as it needs them.
fn docker(settings: &Value, path: &Path, is_firm: bool) -> Vec<Occupied> {
    let mut all = Vec::new();
    for key in ["bip", "fixed-cidr"] {
        if let Some(subnet) = settings.get(key).and_then(Value::as_str).and_then(range) {
            all.push(Occupied {
                subnet,
                owner: format!("Docker's bridge (`{key}` in `{}`)", path.display()),
                firm: is_firm,
            });
        }
    }
    let pools = settings.get("default-address-pools").and_then(Value::as_array);
    all.extend(pools.into_iter().flatten().filter_map(|pool| {
        Some(Occupied {
            subnet: range(pool.get("base")?.as_str()?)?,
            owner: format!("Docker's `default-address-pools` in `{}`", path.display()),
            firm: false,
        })
    }));
    all
}

/// `.network` units of Quadlet, with what is dropped in beside them. `is_firm` is for units of this user, or of the system.
fn of_quadlet(folder: &Path, is_firm: bool, reader: &Reader<'_>) -> Vec<Occupied> {
    let mut all = Vec::new();
    // Each with whether its units are run by this user, or the system.
    let mut folders = vec![(folder.to_owned(), is_firm, 0)];
    let mut left = MOST_FOLDERS;
    while let Some((folder, is_firm, depth)) = folders.pop().filter(|_| left > 0) {
        left -= 1;
        for path in entries(&folder, &["network"]) {
            let Some(text) = read(&path) else { continue };
            let mut text = String::from_utf8_lossy(&text).into_owned();
            let mut beside = path.clone().into_os_string();
            beside.push(".d");
            for path in entries(Path::new(&beside), &["conf"]) {
                text.push('\n');
                text.push_str(&String::from_utf8_lossy(&read(&path).unwrap_or_default()));
            }
            let unit = quadlet(&text, &path, reader);
            all.extend(unit.into_iter().map(|found| Occupied { firm: is_firm, ..found }));
        }
        if depth == DEEPEST {
            continue;
        }
        for path in listed(&folder).filter(|path| path.is_dir()) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let of_users = folder.file_name().is_some_and(|name| name == "users");
            let is_firm = match name.parse::<u32>() {
                // Units for the sessions of users, of all or of one.
                _ if name == "users" => reader.user != 0,
                Ok(user) if of_users => user == reader.user,
                _ => is_firm,
            };
            if !name.ends_with(".d") {
                folders.push((path, is_firm, depth + 1));
            }
        }
    }
    all
}

fn quadlet(text: &str, path: &Path, reader: &Reader<'_>) -> Vec<Occupied> {
    let text = text.replace("\\\r\n", " ").replace("\\\n", " ");
    let mut in_section = false;
    let (mut subnets, mut names, mut labels) = (Vec::new(), Vec::new(), Vec::new());
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            in_section = line == "[Network]";
        }
        let Some((key, value)) = line.split_once('=').filter(|_| in_section) else {
            continue;
        };
        let values = match key.trim() {
            "Subnet" => &mut subnets,
            "NetworkName" => &mut names,
            "Label" => &mut labels,
            _ => continue,
        };
        match value.trim() {
            // What was said before is taken back.
            "" => values.clear(),
            value => values.push(value.trim_matches(['"', '\''])),
        }
    }
    // One that another stack of the same name would make is not ours.
    let others = labels
        .iter()
        .flat_map(|labels| labels.split_whitespace())
        .filter_map(|label| label.trim_matches(['"', '\'']).split_once('='))
        .any(|(key, stack)| key == STACK_LABEL && stack != reader.stack);
    if names.last().is_some_and(|name| reader.wanted.contains(name)) && !others {
        return Vec::new();
    }
    subnets
        .into_iter()
        .filter_map(range)
        .map(|subnet| firm(subnet, format!("the Quadlet unit `{}`", path.display())))
        .collect()
}

/// A range, as `172.20.0.0/16` or by an address of it, as `172.20.0.1/16`.
fn range(text: &str) -> Option<Subnet> {
    let subnet = Subnet::parse(text.trim())?;
    Some(Subnet {
        address: subnet.network(),
        ..subnet
    })
}

fn listed(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = folder.read_dir().into_iter().flatten().flatten();
    entries.take(MOST_FILES).map(|entry| entry.path())
}

fn entries(folder: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = listed(folder)
        .filter(|path| {
            let extension = path.extension().and_then(|extension| extension.to_str());
            extension.is_some_and(|extension| extensions.contains(&extension))
        })
        .collect();
    paths.sort();
    paths
}

fn read(path: &Path) -> Option<Vec<u8>> {
    open_own(path).and_then(|file| file.read(LONGEST)).ok()
}

fn read_json(path: &Path) -> Option<Value> {
    serde_json::from_slice(&read(path)?).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::{Reader, of};
    use crate::stack::model::Subnet;

    /// What files below a root say, to a reader; paths are relative to the root.
    fn shown(files: &[(&str, &str)], reader: &Reader<'_>) -> Vec<String> {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        shown_of(root.path(), reader)
    }

    fn shown_of(root: &Path, reader: &Reader<'_>) -> Vec<String> {
        let prefix = format!("{}/", root.display());
        let mut all: Vec<String> = of(root, reader)
            .iter()
            .map(|occupied| {
                let firm = if occupied.firm { "" } else { "set aside: " };
                format!("{firm}{} {}", occupied.subnet, occupied.owner.replace(&prefix, ""))
            })
            .collect();
        all.sort();
        all
    }

    fn reader(user: u32) -> Reader<'static> {
        Reader {
            user,
            stack: "ai_system",
            wanted: ["ai_system_mainpc"].into(),
            ..Reader::default()
        }
    }

    const PASSWD: &str =
        "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\nnobody:x:65534:65534::/:\nodd\n";

    #[test]
    fn quadlets_units_are_found_in_every_folder_that_it_reads() {
        let unit = |subnet: &str| format!("[Network]\nSubnet={subnet}\n");
        let files = [
            ("etc/passwd", PASSWD.to_owned()),
            ("etc/containers/systemd/a.network", unit("172.20.0.0/16")),
            ("etc/containers/systemd/app/b.network", unit("172.20.1.0/24")),
            ("usr/share/containers/systemd/c.network", unit("172.20.2.0/24")),
            ("run/containers/systemd/d.network", unit("172.20.3.0/24")),
            ("etc/containers/systemd/users/e.network", unit("172.20.4.0/24")),
            ("etc/containers/systemd/users/1000/f.network", unit("172.20.5.0/24")),
            ("etc/containers/systemd/users/1001/g.network", unit("172.20.6.0/24")),
            ("home/ann/.config/containers/systemd/h.network", unit("172.20.7.0/24")),
            ("root/.config/containers/systemd/i.network", unit("172.20.8.0/24")),
            ("run/user/1000/containers/systemd/j.network", unit("172.20.9.0/24")),
            ("etc/containers/systemd/k.container", unit("172.20.10.0/24")),
        ];
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
        let firm = |user| -> Vec<String> {
            shown(&files, &reader(user))
                .into_iter()
                .filter(|line| !line.starts_with("set aside"))
                .map(|line| line.rsplit('/').next().unwrap().replace(".network`", ""))
                .collect()
        };
        assert_eq!(shown(&files, &reader(0)).len(), 10);
        assert_eq!(
            shown(&files, &reader(0))[0],
            "172.20.0.0/16 the Quadlet unit `etc/containers/systemd/a.network`"
        );
        assert_eq!(firm(0), ["a", "b", "c", "d", "i"]);
        assert_eq!(firm(1000), ["a", "b", "c", "d", "e", "f", "h", "j"]);
    }

    #[test]
    fn a_unit_says_what_quadlet_reads_of_it() {
        let of_unit = |text: &str| {
            let files = [("etc/containers/systemd/u.network", text)];
            let said = shown(&files, &reader(0));
            said.iter()
                .map(|line| line.split(' ').next().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        for (text, expected) in [
            ("[Network]\n Subnet = 10.1.0.7/16 \n", &["10.1.0.0/16"][..]),
            ("[Network]\r\nSubnet=10.1.0.0/16\r\n", &["10.1.0.0/16"]),
            (
                "[Network]\nSubnet=10.1.0.0/16\nSubnet=10.2.0.0/16\n",
                &["10.1.0.0/16", "10.2.0.0/16"],
            ),
            (
                "[Network]\nSubnet=10.1.0.0/16\nSubnet=\nSubnet=10.2.0.0/16\n",
                &["10.2.0.0/16"],
            ),
            ("[Network]\nSubnet=\\\n10.1.0.0/16\n", &["10.1.0.0/16"]),
            ("[Network]\n#Subnet=10.1.0.0/16\n;Subnet=10.1.0.0/16\n", &[]),
            ("[Unit]\nSubnet=10.1.0.0/16\n", &[]),
            ("[Network]\nSubnet=fd00::/64\nSubnet=what\n", &[]),
            // The stack's own.
            ("[Network]\nNetworkName=ai_system_mainpc\nSubnet=10.1.0.0/16\n", &[]),
            (
                "[Network]\nNetworkName=ai_system_mainpc\nLabel=ai-system.stack=ai_system\nSubnet=10.1.0.0/16\n",
                &[],
            ),
            // That of another stack, whose network has the same name.
            (
                "[Network]\nNetworkName=ai_system_mainpc\nLabel=x=y \"ai-system.stack=shop\"\nSubnet=10.1.0.0/16\n",
                &["10.1.0.0/16"],
            ),
            (
                "[Network]\nNetworkName=ai_system_mainpc2\nSubnet=10.1.0.0/16\n",
                &["10.1.0.0/16"],
            ),
        ] {
            assert_eq!(of_unit(text), expected, "{text}");
        }
        let dropped_in = [
            ("etc/containers/systemd/u.network", "[Network]\n"),
            (
                "etc/containers/systemd/u.network.d/10.conf",
                "[Network]\nSubnet=10.3.0.0/16\n",
            ),
        ];
        assert_eq!(shown(&dropped_in, &reader(0)).len(), 1);
    }

    #[test]
    fn podmans_and_cnis_files_are_read() {
        let files = [
            ("etc/passwd", PASSWD),
            (
                "etc/containers/networks/n.json",
                r#"{"name": "n", "subnets": [{"subnet": "10.5.0.0/24"}]}"#,
            ),
            ("etc/containers/networks/broken.json", "{"),
            (
                "home/ann/.local/share/containers/storage/networks/m.json",
                r#"{"name": "m", "subnets": [{"subnet": "10.6.0.0/24"}]}"#,
            ),
            (
                "etc/cni/net.d/c.conflist",
                r#"{"name": "c", "plugins": [{"ipam": {"ranges": [[{"subnet": "10.88.0.0/16"}]]}}]}"#,
            ),
            (
                "etc/cni/net.d/d.conf",
                r#"{"name": "d", "ipam": {"subnet": "10.89.0.0/16"}}"#,
            ),
        ];
        let all = [
            "10.5.0.0/24 Podman's network `n` (`etc/containers/networks/n.json`)",
            "10.88.0.0/16 CNI's network `c` (`etc/cni/net.d/c.conflist`)",
            "10.89.0.0/16 CNI's network `d` (`etc/cni/net.d/d.conf`)",
            "set aside: 10.6.0.0/24 Podman's network `m` (`home/ann/.local/share/containers/storage/networks/m.json`)",
        ];
        assert_eq!(shown(&files, &reader(0)), all);
        let mut known = reader(0);
        known.known = BTreeSet::from(["n", "m"]);
        // A network of ours, made by a Podman that goes by CNI; one of another's with our name is still another's.
        known.own = BTreeSet::from([
            ("c", Subnet::parse("10.88.0.0/16").unwrap()),
            ("d", Subnet::parse("10.1.0.0/16").unwrap()),
        ]);
        assert_eq!(shown(&files, &known), all[2..]);
    }

    #[test]
    fn dockers_settings_are_read() {
        let text =
            r#"{"bip": "172.20.0.1/24", "default-address-pools": [{"base": "172.30.0.0/16", "size": 24}, {"x": 1}]}"#;
        let files = [
            ("etc/passwd", PASSWD),
            ("etc/docker/daemon.json", text),
            (
                "home/ann/.config/docker/daemon.json",
                r#"{"bip": "172.21.0.1/24", "fixed-cidr": 7}"#,
            ),
        ];
        assert_eq!(
            shown(&files, &reader(0)),
            [
                "172.20.0.0/24 Docker's bridge (`bip` in `etc/docker/daemon.json`)",
                "set aside: 172.21.0.0/24 Docker's bridge (`bip` in `home/ann/.config/docker/daemon.json`)",
                "set aside: 172.30.0.0/16 Docker's `default-address-pools` in `etc/docker/daemon.json`",
            ]
        );
    }

    #[test]
    fn what_cannot_be_read_is_left_out() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        assert!(shown_of(root.path(), &reader(0)).is_empty());
        for folder in ["etc/containers/systemd", "etc/cni/net.d", "etc/docker/daemon.json"] {
            std::fs::create_dir_all(at(folder)).unwrap();
        }
        let pipe = at("etc/containers/systemd/pipe.network");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        std::os::unix::fs::symlink(&pipe, at("etc/cni/net.d/pipe.conf")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", at("etc/containers/systemd/zero.network")).unwrap();
        std::os::unix::fs::symlink(".", at("etc/containers/systemd/loop")).unwrap();
        let endless = std::fs::File::create(at("etc/containers/systemd/endless.network")).unwrap();
        endless.set_len(1 << 40).unwrap();
        std::fs::write(at("etc/containers/systemd/odd.network"), b"[Network]\nSubnet=\xff\n").unwrap();
        assert!(shown_of(root.path(), &reader(0)).is_empty());
    }
}

//! Two hosts on one: names, and what is done to make, cut and heal them. Arguments only; `host::lab` runs them.
//!
//! A machine of the lab is a network namespace and a mount namespace. The first has nothing but loopback, its end of the link,
//! and the bridges that its Podman makes: no route leads out of this host. In the second, Podman's own folders are others: its
//! storage, its networks, its `/run` (where Podman keeps addresses and its name server's settings under names that two Podmans
//! would share, whatever their options say) and its `/dev/shm` (where it keeps locks). The host's images are a further store,
//! for reading.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use crate::stack::{Machine, Stack};

/// Name of the link's end, in either machine.
pub const LINK: &str = "lan";

/// The whole lab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lab {
    /// A file system of its own for what pins the mount namespaces.
    pub run: PathBuf,
    /// The two machines, in the order of the stack.
    pub machines: [LabMachine; 2],
}

/// One machine of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabMachine {
    /// The machine's name in the stack.
    pub name: String,
    /// Its address on the link.
    pub address: Ipv4Addr,
    /// Name of its network namespace, as `ip netns` lists it.
    pub namespace: String,
    /// File that pins its network namespace.
    pub network: PathBuf,
    /// File that pins its mount namespace.
    pub mounts: PathBuf,
    /// Folder of its storage, its networks and its settings.
    pub folder: PathBuf,
}

/// Where the kernel keeps named network namespaces.
const NAMESPACES: &str = "/run/netns";

/// A stack with more machines than two, or fewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the lab joins two machines by one link, and the stack has {0}")]
pub struct NotTwoMachines(pub usize);

/// The lab of a stack, with its storage in that folder.
///
/// # Errors
/// When the stack has not two machines.
pub fn lab(stack: &Stack, folder: &Path) -> Result<Lab, NotTwoMachines> {
    let run = run_folder(&stack.name);
    let machine = |machine: &Machine| {
        let namespace = format!("{}-{}", stack.name, machine.name);
        LabMachine {
            name: machine.name.clone(),
            address: machine.lan_address,
            network: Path::new(NAMESPACES).join(&namespace),
            mounts: run.join(format!("{}.mounts", machine.name)),
            folder: folder.join(&machine.name),
            namespace,
        }
    };
    match stack.machines.as_slice() {
        [first, second] => Ok(Lab {
            machines: [machine(first), machine(second)],
            run,
        }),
        machines => Err(NotTwoMachines(machines.len())),
    }
}

/// Folder below `/run` of a stack's lab.
#[must_use]
pub fn run_folder(stack: &str) -> PathBuf {
    PathBuf::from(format!("/run/{stack}-lab"))
}

impl Lab {
    /// The machine of that name.
    #[must_use]
    pub fn machine(&self, name: &str) -> Option<&LabMachine> {
        self.machines.iter().find(|machine| machine.name == name)
    }

    /// Argument lists of `ip` that make the network namespaces and the link, in order. Each end has the other's address as its
    /// only neighbour, so that whatever else is on either network, one address is all that can be reached.
    #[must_use]
    pub fn ip_steps(&self) -> Vec<Vec<String>> {
        let words = |line: String| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let [first, second] = &self.machines;
        let mut steps: Vec<Vec<String>> = Vec::new();
        for machine in &self.machines {
            steps.push(words(format!("netns add {}", machine.namespace)));
            steps.push(words(format!("-netns {} link set lo up", machine.namespace)));
        }
        steps.push(words(format!(
            "link add {LINK} netns {} type veth peer name {LINK} netns {}",
            first.namespace, second.namespace
        )));
        for (machine, other) in [(first, second), (second, first)] {
            let (namespace, here, there) = (&machine.namespace, machine.address, other.address);
            steps.push(words(format!(
                "-netns {namespace} address add {here} peer {there}/32 dev {LINK}"
            )));
            steps.push(words(format!("-netns {namespace} link set {LINK} up")));
        }
        steps
    }
}

impl LabMachine {
    /// Its Podman's storage.
    #[must_use]
    pub fn storage(&self) -> PathBuf {
        self.folder.join("storage")
    }

    /// Its Podman's networks.
    #[must_use]
    pub fn networks(&self) -> PathBuf {
        self.folder.join("networks")
    }

    /// Settings of its Podman's storage.
    #[must_use]
    pub fn storage_conf(&self) -> PathBuf {
        self.folder.join("storage.conf")
    }

    /// Arguments of `nsenter` before a command that is to run on this machine.
    #[must_use]
    pub fn enter(&self) -> [String; 2] {
        [
            format!("--mount={}", self.mounts.display()),
            format!("--net={}", self.network.display()),
        ]
    }

    /// Arguments of `unshare` that make and pin its mount namespace. `graph_root` is the storage of the host's Podman.
    #[must_use]
    pub fn unshare_arguments(&self, graph_root: &Path, work: &Path) -> Vec<String> {
        vec![
            format!("--mount={}", self.mounts.display()),
            "--propagation=private".to_owned(),
            "sh".to_owned(),
            "-ec".to_owned(),
            MOUNTS.to_owned(),
            "sh".to_owned(),
            work.display().to_string(),
            graph_root.display().to_string(),
            self.storage().display().to_string(),
            self.networks().display().to_string(),
        ]
    }
}

/// Where a lab machine sees the host's images.
const HOST_IMAGES: &str = "/run/host-images";

/// What is mounted in a machine's mount namespace. Arguments: an empty folder, the host's storage, the machine's storage, the
/// machine's networks. The locks of the host's images are others, too: a Podman that reads a further store takes them in another
/// order than one that builds in that store, and the two would wait for each other for good. What is read under them is written
/// beside and renamed. `-n`: the table of mounts that `mount` keeps in `/run` is another's.
const MOUNTS: &str = r#"
mount -n -t tmpfs -o mode=755 tmpfs "$1"
for name in systemd dbus; do
  if [ -d "/run/$name" ]; then mkdir "$1/$name"; mount -n --rbind "/run/$name" "$1/$name"; fi
done
mkdir "$1/lock" "$1/host-images"
mount -n --bind "$2" "$1/host-images"
mount -n -o remount,bind,ro "$1/host-images"
for lock in "$2"/*-images/images.lock "$2"/*-layers/layers.lock; do
  name="${lock#"$2"/}"
  own="$1/lock/${name#*/}"
  cp "$lock" "$own"
  mount -n --bind "$own" "$1/host-images/$name"
done
mount -n --bind "$3" "$2"
mkdir -p /etc/containers/networks
mount -n --bind "$4" /etc/containers/networks
mount -n -t tmpfs -o mode=1777 tmpfs /dev/shm
mount -n --move "$1" /run
"#;

/// The settings of a lab machine's storage: the host's driver, and the host's images for reading.
#[must_use]
pub fn storage_conf(driver: &str, graph_root: &Path) -> String {
    format!(
        "[storage]\ndriver = \"{driver}\"\ngraphroot = \"{}\"\nrunroot = \"/run/containers/storage\"\n\n\
         [storage.options]\nadditionalimagestores = [\"{HOST_IMAGES}\"]\n",
        graph_root.display()
    )
}

/// The table of `nft` that is there while the link is cut.
pub const CUT_TABLE: &str = "ai_system_lab_cut";

/// Input of `nft` that cuts a machine off: whatever comes by the link is dropped before anything else sees it, and nobody is
/// told. Connections that exist go on waiting, as they do when a cable is pulled behind a switch.
#[must_use]
pub fn cut_rules() -> String {
    format!(
        "table inet {CUT_TABLE} {{\n  chain incoming {{\n    type filter hook prerouting priority -400; policy accept;\n    \
         iifname \"{LINK}\" drop\n  }}\n}}\n"
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{cut_rules, lab, storage_conf};
    use crate::stack::fixture::Fixture;

    #[test]
    fn two_namespaces_and_a_link_between_them() {
        let stack = Fixture::small().model();
        let lab = lab(&stack, Path::new("/w/lab")).unwrap();
        let steps: Vec<String> = lab.ip_steps().iter().map(|step| step.join(" ")).collect();
        assert_eq!(
            steps,
            [
                "netns add sys-main",
                "-netns sys-main link set lo up",
                "netns add sys-pc2",
                "-netns sys-pc2 link set lo up",
                "link add lan netns sys-main type veth peer name lan netns sys-pc2",
                "-netns sys-main address add 192.168.1.101 peer 192.168.1.102/32 dev lan",
                "-netns sys-main link set lan up",
                "-netns sys-pc2 address add 192.168.1.102 peer 192.168.1.101/32 dev lan",
                "-netns sys-pc2 link set lan up",
            ]
        );
        assert!(
            !steps
                .iter()
                .any(|step| step.contains("route") || step.contains("default"))
        );
    }

    #[test]
    fn a_command_on_a_machine_enters_both_of_its_namespaces() {
        let stack = Fixture::small().model();
        let lab = lab(&stack, Path::new("/w/lab")).unwrap();
        let pc2 = lab.machine("pc2").unwrap();
        assert_eq!(
            pc2.enter(),
            ["--mount=/run/sys-lab/pc2.mounts", "--net=/run/netns/sys-pc2"]
        );
        let arguments = pc2.unshare_arguments(Path::new("/host/storage"), Path::new("/run/sys-lab/work"));
        assert_eq!(
            arguments[6..],
            [
                "/run/sys-lab/work",
                "/host/storage",
                "/w/lab/pc2/storage",
                "/w/lab/pc2/networks"
            ]
        );
        assert!(lab.machine("moon").is_none());
    }

    #[test]
    fn a_lab_needs_two_machines() {
        let mut stack = Fixture::small().model();
        stack.machines.truncate(1);
        let error = lab(&stack, Path::new("/w/lab")).unwrap_err().to_string();
        assert_eq!(error, "the lab joins two machines by one link, and the stack has 1");
    }

    #[test]
    fn settings_name_the_hosts_images_and_the_cut_the_link() {
        let conf = storage_conf("overlay", Path::new("/var/lib/containers/storage"));
        assert!(conf.contains("driver = \"overlay\""), "{conf}");
        assert!(
            conf.contains("additionalimagestores = [\"/run/host-images\"]"),
            "{conf}"
        );
        assert!(cut_rules().contains("iifname \"lan\" drop"));
    }
}

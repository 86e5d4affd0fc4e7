//! What keeps Podman from working on a host, and what mends it. One file per diagnosis; facts are gathered once, and a
//! diagnosis is a function of them, so that tests need no such host.

mod address;
mod base_source;
mod ca_bundle;
mod cgroups;
mod cni;
mod disk;
pub mod facts;
mod forwarding;
mod init;
mod limits;
mod names;
mod namesakes;
mod network_subnet;
mod networking;
pub mod overlap;
mod package_index;
pub mod packages;
mod podman;
mod ports;
pub mod reboot;
mod rootless;
mod short_names;
mod subnet_overlap;
mod variants;

use serde::Serialize;

pub use facts::HostFacts;

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// All is well.
    Ok,
    /// Lived with, or worth knowing.
    Warning,
    /// The stack cannot work like this.
    Problem,
    /// Means nothing on this host.
    NotApplicable,
}

/// One row of the doctor's table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnosis {
    /// Stable id: `cgroups`.
    pub id: &'static str,
    /// What is looked at.
    pub title: &'static str,
    /// How it stands.
    pub status: Status,
    /// What was seen.
    pub detail: String,
    /// Why that is bad.
    pub cause: Option<String>,
    /// What mends it: commands, or words where no command can.
    pub mend: Vec<String>,
    /// Packages that `--fix` installs for it, by their Debian names.
    pub packages: Vec<&'static str>,
    /// Whether `--fix` mends it.
    pub fixable: bool,
}

impl Diagnosis {
    fn new(id: &'static str, title: &'static str, status: Status, detail: impl Into<String>) -> Self {
        Self {
            id,
            title,
            status,
            detail: detail.into(),
            cause: None,
            mend: Vec::new(),
            packages: Vec::new(),
            fixable: false,
        }
    }

    fn because(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    fn mend(mut self, mend: impl Into<String>) -> Self {
        self.mend.push(mend.into());
        self
    }

    /// Mended by packages.
    fn install(mut self, facts: &HostFacts, names: &[&'static str]) -> Self {
        self.mend.extend(packages::command(facts, names));
        self.packages = names.to_vec();
        self.fixable = facts.packages.is_some() && facts.root;
        self
    }
}

/// Every diagnosis, in the order in which they are worth reading.
#[must_use]
pub fn diagnose(facts: &HostFacts) -> Vec<Diagnosis> {
    [
        podman::diagnose,
        cgroups::diagnose,
        limits::diagnose,
        short_names::diagnose,
        networking::diagnose,
        cni::diagnose,
        names::diagnose,
        init::diagnose,
        network_subnet::diagnose,
        subnet_overlap::diagnose,
        namesakes::diagnose,
        address::diagnose,
        ports::diagnose,
        forwarding::diagnose,
        base_source::diagnose,
        ca_bundle::diagnose,
        package_index::diagnose,
        variants::diagnose,
        variants::devices,
        disk::diagnose,
        reboot::diagnose,
        rootless::diagnose,
    ]
    .into_iter()
    .map(|diagnosis| diagnosis(facts))
    .collect()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::facts::{
        Cgroups, DiskFacts, HostFacts, LimitFacts, NetworkFacts, PackageManager, PodmanFacts, PortFacts, PortState,
        RootlessFacts, WantedNetwork,
    };
    use super::{Diagnosis, Status, diagnose};
    use crate::doctor::overlap::{Occupied, Overlap};
    use crate::stack::model::Subnet;

    fn subnet(second: u8, prefix: u8) -> Subnet {
        Subnet {
            address: Ipv4Addr::new(172, second, 0, 0),
            prefix,
        }
    }

    fn healthy() -> HostFacts {
        HostFacts {
            packages: Some(PackageManager::Apt),
            root: true,
            podman: Some(PodmanFacts {
                version: "4.3.1".to_owned(),
                network_backend: "netavark".to_owned(),
                runtime: "runc".to_owned(),
                driver: "overlay".to_owned(),
                error: None,
            }),
            programs: [
                "runc",
                "netavark",
                "aardvark-dns",
                "catatonit",
                "mmdebstrap",
                "iptables",
                "nft",
                "ip",
            ]
            .into(),
            limits: LimitFacts {
                open_files: 2_000_000,
                processes: 2_000_000,
                may_raise: true,
            },
            wanted_networks: vec![WantedNetwork {
                machine: "mainpc".to_owned(),
                name: "ai_system_mainpc".to_owned(),
                subnet: subnet(20, 16),
            }],
            images: vec!["localhost/ai_system/base:latest".to_owned()],
            base_image: "docker.io/library/python:3.11-slim".to_owned(),
            disk: Some(DiskFacts {
                path: "/var/lib/containers".to_owned(),
                free: 100_000_000_000,
            }),
            ip_forward: Some(true),
            ..HostFacts::default()
        }
    }

    fn of(facts: &HostFacts, id: &str) -> Diagnosis {
        diagnose(facts)
            .into_iter()
            .find(|diagnosis| diagnosis.id == id)
            .unwrap()
    }

    #[test]
    fn a_healthy_host_has_no_problem_and_every_id_is_its_own() {
        let all = diagnose(&healthy());
        for diagnosis in &all {
            assert!(
                matches!(diagnosis.status, Status::Ok | Status::NotApplicable),
                "{diagnosis:?}"
            );
        }
        let mut ids: Vec<&str> = all.iter().map(|diagnosis| diagnosis.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all.len());
    }

    #[test]
    fn podman_missing_or_old_or_broken() {
        let mut facts = healthy();
        facts.podman = None;
        let missing = of(&facts, "podman");
        assert_eq!(missing.status, Status::Problem);
        assert_eq!(
            missing.mend,
            ["apt-get update && apt-get install --yes --no-install-recommends podman"]
        );
        assert!(missing.fixable);
        let mut facts = healthy();
        facts.podman.as_mut().unwrap().version = "3.4.4".to_owned();
        assert_eq!(of(&facts, "podman").status, Status::Problem);
        facts.podman.as_mut().unwrap().version = "5.0.0-rc1".to_owned();
        assert_eq!(of(&facts, "podman").status, Status::Ok);
    }

    #[test]
    fn crun_on_a_hybrid_host() {
        let mut facts = healthy();
        facts.cgroups = Cgroups::Hybrid;
        assert_eq!(of(&facts, "cgroups").status, Status::Ok);
        facts.podman.as_mut().unwrap().runtime = "crun".to_owned();
        assert_eq!(of(&facts, "cgroups").status, Status::Problem);
        facts.programs.remove("runc");
        assert_eq!(of(&facts, "cgroups").packages, ["runc"]);
    }

    #[test]
    fn limits_without_the_right_to_raise_them() {
        let mut facts = healthy();
        facts.limits = LimitFacts {
            open_files: 20_000,
            processes: 9000,
            may_raise: false,
        };
        let problem = of(&facts, "limits");
        assert_eq!(problem.status, Status::Problem);
        assert!(problem.mend[0].contains("nofile=20000:20000"), "{problem:?}");
        facts.containers_conf = Some("[containers]\ndefault_ulimits = [\"nofile=20000:20000\"]\n".to_owned());
        assert_eq!(of(&facts, "limits").status, Status::Ok);
    }

    #[test]
    fn networking_programs_and_stale_cni() {
        let mut facts = healthy();
        facts.programs.remove("aardvark-dns");
        facts.programs.remove("catatonit");
        facts.programs.remove("netavark");
        facts.cni_lists = vec!["/etc/cni/net.d/87-podman-bridge.conflist".to_owned()];
        assert_eq!(of(&facts, "names").status, Status::Problem);
        assert_eq!(of(&facts, "init").packages, ["catatonit"]);
        assert_eq!(of(&facts, "network-backend").status, Status::Problem);
        let stale = of(&facts, "cni");
        assert_eq!(stale.status, Status::Warning);
        assert!(stale.mend.is_empty(), "whoever uses CNI needs it");
    }

    #[test]
    fn a_network_without_its_subnet_and_with_containers_on_it() {
        let mut facts = healthy();
        facts.networks = vec![NetworkFacts {
            name: "ai_system_mainpc".to_owned(),
            subnets: vec![subnet(89, 24)],
            ours: true,
            containers: vec!["vision".to_owned()],
        }];
        let problem = of(&facts, "network-subnet");
        assert_eq!(problem.status, Status::Problem);
        assert!(problem.cause.unwrap().contains("vision"));
        assert!(!problem.fixable);
        // One that only has the name is not ours to remove.
        facts.networks[0].ours = false;
        let problem = of(&facts, "network-subnet");
        assert!(
            problem
                .mend
                .iter()
                .all(|mend| !mend.contains("down") && !mend.contains(" rm ")),
            "{problem:?}"
        );
        facts.networks[0].subnets = vec![subnet(20, 16)];
        assert_eq!(of(&facts, "network-subnet").status, Status::Ok);
    }

    #[test]
    fn an_overlap_is_told_with_owner_and_setting() {
        let mut facts = healthy();
        let occupied = |firm| Occupied {
            subnet: subnet(20, 24),
            owner: "the route through `tun0`".to_owned(),
            firm,
        };
        let overlap = |firm| Overlap {
            machine: "mainpc".to_owned(),
            network: "ai_system_mainpc".to_owned(),
            subnet: subnet(20, 16),
            occupied: vec![occupied(firm)],
            free: None,
        };
        facts.overlaps = vec![overlap(true)];
        let problem = of(&facts, "subnet-overlap");
        assert_eq!(problem.status, Status::Problem);
        assert!(problem.detail.contains("tun0"), "{problem:?}");
        assert!(
            problem.mend[0].contains("machines.mainpc.network.subnet"),
            "{problem:?}"
        );
        facts.overlaps = vec![overlap(false)];
        assert_eq!(of(&facts, "subnet-overlap").status, Status::Warning);
    }

    #[test]
    fn no_diagnosis_advises_to_remove_what_is_not_ours() {
        let mut facts = healthy();
        facts.namesakes = vec!["container `vision`".to_owned()];
        facts.cni_lists = vec!["/etc/cni/net.d/x.conflist".to_owned()];
        facts.disk = Some(DiskFacts {
            path: "/x".to_owned(),
            free: 1,
        });
        let podman = facts.podman.as_mut().unwrap();
        podman.network_backend = "cni".to_owned();
        podman.driver = "vfs".to_owned();
        facts.rootless = Some(RootlessFacts::default());
        facts.networks = vec![NetworkFacts {
            name: "ai_system_mainpc".to_owned(),
            ..NetworkFacts::default()
        }];
        assert_eq!(of(&facts, "names-taken").status, Status::Problem);
        for diagnosis in diagnose(&facts) {
            for mend in &diagnosis.mend {
                let destroys = ["rm ", "prune", "reset", "delete", "--force"];
                assert!(destroys.iter().all(|word| !mend.contains(word)), "{diagnosis:?}");
            }
        }
    }

    #[test]
    fn ports_taken_and_addresses_that_are_not_there() {
        let mut facts = healthy();
        let port = |state| PortFacts {
            address: Ipv4Addr::LOCALHOST,
            port: 5570,
            owner: "ModelManagerAgent".to_owned(),
            state,
        };
        facts.ports = vec![port(PortState::Ours), port(PortState::Free)];
        assert_eq!(of(&facts, "ports").status, Status::Ok);
        facts.ports = vec![port(PortState::Taken(Some("`nginx` (process 7)".to_owned())))];
        let problem = of(&facts, "ports");
        assert_eq!(
            problem.detail,
            "127.0.0.1:5570 of ModelManagerAgent is held by `nginx` (process 7)"
        );
        facts.ports = vec![port(PortState::NoAddress)];
        facts.created = vec!["pc2-core".to_owned()];
        let problem = of(&facts, "published-address");
        assert_eq!(problem.status, Status::Problem);
        assert!(
            problem.mend.iter().any(|mend| mend == "podman rm pc2-core"),
            "{problem:?}"
        );
    }

    #[test]
    fn what_rootless_podman_lacks_is_named_one_by_one() {
        let mut facts = healthy();
        facts.root = false;
        facts.rootless = Some(RootlessFacts {
            user: "ana".to_owned(),
            closed_devices: vec!["/dev/net/tun".to_owned()],
            sub_ids: [("/etc/subuid".to_owned(), 0), ("/etc/subgid".to_owned(), 65536)].into(),
        });
        facts.podman.as_mut().unwrap().driver = "vfs".to_owned();
        let problem = of(&facts, "rootless");
        assert_eq!(problem.status, Status::Problem);
        for part in ["/dev/net/tun", "/etc/subuid", "vfs", "newuidmap"] {
            assert!(problem.detail.contains(part), "{part}: {problem:?}");
        }
        assert!(!problem.detail.contains("/etc/subgid"));
        assert!(
            problem
                .mend
                .iter()
                .any(|mend| mend.starts_with("chmod 0666 /dev/net/tun"))
        );
        assert!(
            problem
                .mend
                .iter()
                .any(|mend| mend.starts_with("usermod --add-subuids"))
        );
        assert!(!problem.fixable, "only root can");
    }

    #[test]
    fn the_rest_of_the_rows() {
        let mut facts = healthy();
        facts.images = vec!["ai_system/base".to_owned()];
        facts.programs.remove("mmdebstrap");
        facts.disk = Some(DiskFacts {
            path: "/x".to_owned(),
            free: 1_000_000_000,
        });
        facts.ca_bundle = Some(("/ca.pem".to_owned(), false));
        facts.ip_forward = Some(false);
        for (id, status) in [
            ("short-names", Status::Problem),
            ("base-source", Status::Warning),
            ("disk", Status::Problem),
            ("ca-bundle", Status::Problem),
            ("ip-forward", Status::Ok),
        ] {
            assert_eq!(of(&facts, id).status, status, "{id}");
        }
        facts.package_index.default = Some("https://me:secret@mirror/simple".to_owned());
        facts.package_index.from = vec!["PIP_INDEX_URL".to_owned()];
        let mirror = of(&facts, "package-index");
        assert_eq!(mirror.status, Status::Ok);
        assert!(
            mirror.detail.starts_with("https://****@mirror/simple (PIP_INDEX_URL)"),
            "{mirror:?}"
        );
        facts.package_index.default = Some("file:///srv/simple".to_owned());
        assert_eq!(of(&facts, "package-index").status, Status::Problem);
        facts.ca_bundle = Some(("/ca.pem".to_owned(), true));
        assert_eq!(of(&facts, "ca-bundle").status, Status::Ok);
    }
}

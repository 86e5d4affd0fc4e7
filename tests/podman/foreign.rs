//! A host that others use, too: whatever command of ours runs there, and is killed there, what is not ours stays byte for byte as
//! it was. The host is a pair of namespaces with a Podman and a firewall of its own.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use xtask::host::images::supervisor_binary;
use xtask::host::system::repository::Repository;
use xtask::stack::output::Output;

use crate::faults::sandbox::repository;
use crate::faults::saw;
use crate::harness::{Ran, XTASK, wait_for};

/// What is mounted in the host's own mount namespace. Arguments: folders for Podman's storage and networks.
const MOUNTS: &str = r#"
mkdir -p /etc/containers/networks
mount -n --bind "$1" /var/lib/containers
mount -n --bind "$2" /etc/containers/networks
mount -n -t tmpfs -o mode=755 tmpfs /run
mkdir /run/lock
mount -n -t tmpfs -o mode=1777 tmpfs /dev/shm
ip link set lo up
echo ready
exec cat
"#;

/// The host, and a repository on it.
struct Host {
    folder: tempfile::TempDir,
    holder: Child,
}

impl Host {
    #[expect(clippy::disallowed_methods, reason = "programs are run as a user runs them")]
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["storage", "networks", "bin", "repository"] {
            std::fs::create_dir(at(name)).unwrap();
        }
        let mut holder = Command::new("unshare")
            .args(["--mount", "--net", "--propagation=private", "sh", "-ec", MOUNTS, "sh"])
            .args([at("storage"), at("networks")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = [0; 6];
        let begun = std::io::Read::read_exact(holder.stdout.as_mut().unwrap(), &mut ready);
        assert!(
            begun.is_ok(),
            "a network and a mount namespace need root, unshare (util-linux) and ip (iproute2)"
        );
        let host = Self { folder, holder };
        host.write_repository();
        host.podman_does("");
        // Nothing is installed for a test.
        host.program("apt-get", "#!/bin/sh\nexit 0\n");
        // Podman needs settings of ours on some hosts, which any command writes.
        host.run(&["doctor"]);
        host.make_images();
        host
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn program(&self, name: &str, script: &str) {
        let path = self.path("bin").join(name);
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Lets the `podman` on PATH run these lines of shell before it becomes the real one.
    fn podman_does(&self, lines: &str) {
        let path = std::env::var("PATH").unwrap();
        self.program(
            "podman",
            &format!("#!/bin/sh\n{lines}\nPATH='{path}'\nexec podman \"$@\"\n"),
        );
    }

    fn write_repository(&self) {
        let write = |name: &str, text: &str| {
            let path = self.path("repository").join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("config/stack.yaml", include_str!("beside/stack.yaml"));
        let startup = |agents: &[(&str, u16)]| {
            let mut text = "agents:\n".to_owned();
            for (name, port) in agents {
                text += &format!(
                    "  - {{name: {name}, script_path: src/agent.py, port: {port}, health_check_port: {}}}\n",
                    port + 1000
                );
            }
            text
        };
        write("tree/config/home.yaml", &startup(&[("Hub", 28001), ("Ear", 28002)]));
        write("tree/config/away.yaml", &startup(&[("Far", 28003)]));
        write("tree/src/agent.py", "print('hello')\n");
        write("tree/requirements.txt", "");
        let check = "phase: 3\nchecks:\n  - name: an image runs\n    timeout_seconds: 5\n    \
            image: {image: beside-hub, run: [/usr/local/bin/agent-supervisor, --version]}\n";
        write("tests/smoke/phase3.yaml", check);
        let from = repository();
        crate::harness::copy(
            &from.join("docker/templates"),
            &self.path("repository/docker/templates"),
        );
        supervisor_binary::make(&Repository::at(&from), &Output::default()).unwrap();
        let binary = self.path("repository").join(supervisor_binary::PATH);
        std::fs::create_dir_all(binary.parent().unwrap()).unwrap();
        std::fs::copy(from.join(supervisor_binary::PATH), binary).unwrap();
        self.run(&["render"]).succeeds();
    }

    /// Images of a supervisor and nothing else: its agents cannot start, which is nothing to what is around them.
    fn make_images(&self) {
        let root = self.path("root");
        let copy = |from: PathBuf, to: &str| {
            let to = root.join(to);
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            std::fs::copy(from, to).unwrap();
        };
        let repository = self.path("repository");
        copy(
            repository.join(supervisor_binary::PATH),
            "usr/local/bin/agent-supervisor",
        );
        for name in ["beside_hub", "beside_ear", "beside_far"] {
            copy(
                repository.join(format!("config/{name}.yaml")),
                &format!("etc/ai_system/{name}.yaml"),
            );
        }
        // Something that runs for ever, for others.
        let waits = [
            "/usr/bin/catatonit",
            "/usr/libexec/podman/catatonit",
            "/usr/lib/podman/catatonit",
        ]
        .map(PathBuf::from)
        .into_iter()
        .find(|path| path.exists())
        .unwrap_or_else(|| panic!("pods need catatonit\n  hint: run `cargo xtask doctor --fix`"));
        copy(waits, "waits");
        // Volumes begin with what the image has there, its owner too.
        for name in ["logs", "models", "data", "config"] {
            std::fs::create_dir_all(root.join("app").join(name)).unwrap();
        }
        let archive = self.path("root.tar");
        let (root, archive) = (root.to_str().unwrap(), archive.to_str().unwrap());
        let owner = ["--owner=10001", "--group=10001", "-C", root, "-cf", archive, "."];
        self.command("tar", &owner).succeeds();
        for group in ["hub", "ear", "far"] {
            let command = format!(
                "CMD [\"/usr/local/bin/agent-supervisor\", \"--config\", \"/etc/ai_system/beside_{group}.yaml\"]"
            );
            let name = format!("localhost/beside_system/beside-{group}:latest");
            self.command("podman", &["import", "--quiet", "--change", &command, archive, &name])
                .succeeds();
        }
    }

    #[expect(clippy::disallowed_methods, reason = "programs are run as a user runs them")]
    fn inside(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        let holder = self.holder.id();
        let path = std::env::var("PATH").unwrap();
        command
            .arg(format!("--mount=/proc/{holder}/ns/mnt"))
            .arg(format!("--net=/proc/{holder}/ns/net"))
            .arg(format!("--wdns={}", self.path("repository").display()))
            .arg(program)
            .args(arguments)
            .env_remove("CARGO_MANIFEST_DIR")
            .env("CARGO", self.path("bin/no-cargo"))
            .env("PATH", format!("{}:{path}", self.path("bin").display()))
            .stdin(Stdio::null());
        let conf = self.path("repository/target/xtask-work/containers.conf");
        if program != XTASK && std::env::var_os("CONTAINERS_CONF").is_none() && conf.exists() {
            command.env("CONTAINERS_CONF", conf);
        }
        command
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Ran {
        Ran::of(&self.inside(program, arguments).output().unwrap())
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        self.command(&tested(), arguments)
    }

    fn start(&self, arguments: &[&str]) -> Child {
        let mut command = self.inside(&tested(), arguments);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Everything of others: rules, links, routes, namespaces, and what Podman has without our label.
    fn others(&self) -> String {
        let says = |program: &str, arguments: &[&str]| self.command(program, arguments).succeeds().stdout;
        let mut text = String::new();
        for table in ["filter", "nat"] {
            let saved = says("iptables-save", &["-t", table]);
            // Counters and the time are of the moment.
            let lines = saved.lines().filter(|line| !line.starts_with('#'));
            for line in lines {
                text += line.split(" [").next().unwrap();
                text.push('\n');
            }
        }
        for table in ["guard", "netavark"] {
            text += &says("nft", &["--stateless", "list", "table", "inet", table]);
        }
        text += &says("ip", &["-4", "-oneline", "address"]);
        text += &says("ip", &["-4", "route"]);
        for line in says("ip", &["netns", "list"]).lines() {
            let name = line.split(' ').next().unwrap();
            let links = self.command("ip", &["-netns", name, "-brief", "link"]).stdout;
            // One that a Podman was killed over before it had a link, or was even mounted: nothing says whose it is, and it is in nobody's way.
            if name.starts_with("netns-") && links.lines().count() <= 1 {
                continue;
            }
            text += &format!("{line}\n");
            text += &self
                .command("ip", &["-netns", name, "-4", "-oneline", "address"])
                .stdout;
        }
        for kind in ["container", "pod", "volume", "network"] {
            let listed = match kind {
                "container" => says("podman", &["ps", "--all", "--external", "--quiet", "--no-trunc"]),
                "pod" => says("podman", &["pod", "ps", "--quiet", "--no-trunc"]),
                _ => says("podman", &[kind, "ls", "--quiet"]),
            };
            let mut ids: Vec<&str> = listed.lines().collect();
            ids.sort_unstable();
            for id in ids {
                let format = match kind {
                    "container" => {
                        "{{.Id}} {{.Name}} {{.State.Status}} {{.State.Pid}} {{.RestartCount}} {{.NetworkSettings.SandboxKey}}"
                    }
                    "pod" => "{{.ID}} {{.Name}} {{.State}} {{.NumContainers}}",
                    "volume" => "{{.Name}} {{.CreatedAt}} {{.Labels}}",
                    _ => "{{.Name}} {{.ID}} {{.NetworkInterface}} {{.Subnets}} {{.Labels}}",
                };
                text += &format!("{kind} {}", says("podman", &[kind, "inspect", "--format", format, id]));
            }
        }
        for path in [
            "/run/containers/networks/aardvark-dns/shop_default",
            "/run/beside-lab/kept",
        ] {
            text += &self.command("cat", &[path]).stdout;
        }
        text += &self
            .command(
                "sh",
                &[
                    "-c",
                    "cat /var/lib/containers/storage/volumes/beside_home_logs/_data/kept",
                ],
            )
            .stdout;
        text
    }

    /// Links and namespaces with an address of the stack, and rules that netavark made for it.
    fn ours(&self) -> Vec<String> {
        let mut found = Vec::new();
        let addresses = self.command("ip", &["-4", "-oneline", "address"]).stdout;
        found.extend(
            addresses
                .lines()
                .filter(|line| line.contains(" 172.30.9"))
                .map(str::to_owned),
        );
        let rules = self.command("iptables-save", &[]).stdout;
        found.extend(
            rules
                .lines()
                .filter(|line| line.contains("172.30.9") && line.contains("-A NETAVARK") && !line.contains("DROP"))
                .map(str::to_owned),
        );
        let filter = "--filter=label=ai-system.stack=beside";
        found.extend(
            self.command("podman", &["ps", "--all", "--quiet", filter])
                .stdout
                .lines()
                .map(str::to_owned),
        );
        found
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.podman_does("");
        self.command("podman", &["pod", "rm", "--all", "--force", "--time=0"]);
        self.command("podman", &["rm", "--all", "--force", "--time=0"]);
        // What still runs was started in here, by this host's own Podman.
        if let Ok(own) = std::fs::metadata(format!("/proc/{}/ns/mnt", self.holder.id())) {
            for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
                let inside = std::fs::metadata(entry.path().join("ns/mnt")).is_ok_and(|other| other.ino() == own.ino());
                let pid = entry.file_name().to_str().and_then(|name| name.parse().ok());
                if let (true, Some(pid)) = (inside, pid) {
                    let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
                }
            }
        }
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// The program under test, or another build of it that the same is asked of.
fn tested() -> String {
    std::env::var("XTASK_UNDER_TEST").unwrap_or_else(|_| XTASK.to_owned())
}

/// Commands of which none may touch what is not ours, whatever each comes to.
const COMMANDS: [&[&str]; 23] = [
    &["doctor"],
    &["doctor", "--fix", "--format", "json"],
    &["render", "--check"],
    &["audit"],
    &["images", "ls"],
    &["build-images", "--dry-run"],
    &["up", "--wait", "nothing"],
    &["up", "beside-hub", "--wait", "nothing"],
    &["up", "--chown-volumes", "--wait", "nothing"],
    &["status"],
    &["logs", "beside-hub"],
    &["restart", "Hub"],
    &["stop", "Hub"],
    &["start", "Hub"],
    &["smoke", "--phase", "3"],
    &["lab", "status"],
    &["lab", "up"],
    &["up", "--lab", "--wait", "nothing"],
    &["lab", "down"],
    &["down", "beside-hub"],
    &["down", "--machine", "away"],
    &["down"],
    &["down", "--volumes"],
];

#[test]
fn nothing_of_others_is_touched() {
    let _turn = crate::harness::turn();
    let host = Host::new();
    let script = |text: &str| {
        host.command("sh", &["-c", text, "sh", "localhost/beside_system/beside-hub:latest"])
            .succeeds();
    };
    script(include_str!("beside/foreign.sh"));
    the_stack_comes_and_goes_beside_others(&host);
    it_does_so_where_it_is_killed(&host);
    script(include_str!("beside/namesakes.sh"));
    what_is_in_its_way_is_named_and_left(&host);
}

/// With things of others around that are not in its way.
fn the_stack_comes_and_goes_beside_others(host: &Host) {
    let before = host.others();
    for command in COMMANDS {
        let ran = host.run(command);
        assert!(!ran.stderr.contains("panicked"), "{command:?}: {ran:#?}");
        if command[0] == "up" && command[1] != "--lab" {
            assert_eq!(ran.code, 0, "{command:?}: {ran:#?}");
        }
        if *command == ["down"] {
            for named in [
                "chain `nv_0badcafe_172_30_97_0_nm24` of nftables' table `inet netavark`",
                "delete rule inet netavark POSTROUTING handle",
                "network namespace `netns-5f0c0de5-0000-4000-8000-00000000beef`, which no container",
                "`ip netns delete netns-5f0c0de5-0000-4000-8000-00000000beef` removes it",
            ] {
                assert!(ran.stderr.contains(named), "`{named}` is not in\n{}", ran.stderr);
            }
            // Those of containers that run are nobody's leftover.
            let namespaces = ran.stderr.lines().filter(|line| line.contains("network namespace `"));
            assert_eq!(namespaces.count(), 1, "{}", ran.stderr);
        }
    }
    assert_eq!(host.others(), before);
    assert_eq!(host.ours(), Vec::<String>::new());
}

/// When a Podman is killed that makes the stack: as soon as it has made one of these things.
const MADE: [&str; 4] = [
    "[ -e /etc/containers/networks/beside_home.json ]",
    "ip -4 -oneline address | grep -q 172.30.9[67].1/",
    "[ $(ls /run/netns | wc -l) -gt 3 ]",
    "iptables-save -t nat | grep -q 172.30.97.0/24.*NETAVARK",
];

fn it_does_so_where_it_is_killed(host: &Host) {
    let before = host.others();
    for (number, made) in MADE.into_iter().enumerate() {
        let killed = host.path(&format!("killed-{number}"));
        host.podman_does(&format!(
            "case \"$*\" in *'system service'*) (until {made}; do kill -0 $$ || exit; done; : > '{}'; kill -9 $$) < /dev/null > /dev/null 2>&1 & ;; esac",
            killed.display()
        ));
        let up = host.run(&["up", "--wait", "nothing"]);
        assert!(killed.exists(), "it never came to `{made}`: {up:#?}");
        host.podman_does("case \"$*\" in *'pod rm'* | *'network rm'*) (sleep 0.15; kill -9 $$) < /dev/null > /dev/null 2>&1 & ;; esac");
        host.run(&["down"]);
        host.podman_does("");
        host.run(&["down", "--volumes"]).succeeds();
        assert_eq!(host.ours(), Vec::<String>::new(), "killed once `{made}`");
        assert_eq!(host.others(), before, "killed once `{made}`");
    }
    // The program itself, once it has made something.
    let mut running = host.start(&["up", "--wait", "nothing"]);
    wait_for("something to be made", || {
        !host.ours().is_empty() || running.try_wait().unwrap().is_some()
    });
    running.kill().unwrap();
    running.wait().unwrap();
    host.run(&["down", "--volumes"]).succeeds();
    assert_eq!(host.ours(), Vec::<String>::new());
    assert_eq!(host.others(), before);
    saw(
        "Podman or the program is killed on a host that others use",
        "`down` leaves nothing of the stack; rules, networks, bridges and containers of others stay as they were",
        "so, for every moment: rules, links, routes and containers of others unchanged",
    );
}

fn what_is_in_its_way_is_named_and_left(host: &Host) {
    let before = host.others();
    let mut said = String::new();
    for command in COMMANDS {
        let ran = host.run(command);
        assert!(!ran.stderr.contains("panicked"), "{command:?}: {ran:#?}");
        if command[0] == "up" {
            assert_ne!(ran.code, 0, "{command:?}: {ran:#?}");
            said += &ran.stderr;
        }
        assert_eq!(host.others(), before, "after {command:?}: {ran:#?}");
    }
    for owner in ["`br-gateway`", "`shop_inside`", "machines.home.network.subnet"] {
        assert!(said.contains(owner), "`{owner}` is not in\n{said}");
    }
    // Without the overlaps, its names are still taken.
    host.command("ip", &["link", "delete", "br-gateway"]).succeeds();
    host.command("podman", &["rm", "--force", "--time=0", "beside-far"])
        .succeeds();
    host.command("podman", &["network", "rm", "shop_inside"]).succeeds();
    host.command(
        "podman",
        &[
            "create",
            "--name=beside-far",
            "localhost/beside_system/beside-far:latest",
        ],
    )
    .succeeds();
    host.command("ip", &["netns", "delete", "netns-5f0c0de5-0000-4000-8000-00000000beef"])
        .succeeds();
    let before = host.others();
    let ran = host.run(&["up", "--wait", "nothing"]);
    assert_ne!(ran.code, 0, "{ran:#?}");
    for name in [
        "`beside-hub`",
        "`beside-ear-pod`",
        "`beside-far`",
        "`beside_away`",
        "`beside_home_logs`",
    ] {
        assert!(ran.stderr.contains(name), "`{name}` is not in\n{}", ran.stderr);
    }
    for command in [&["down"][..], &["down", "--volumes"]] {
        host.run(command);
    }
    assert_eq!(host.others(), before);
    saw(
        "the stack's gateway, subnet or names are somebody else's",
        "`up` makes nothing and names owner, place and setting; no command removes or replaces what is not labelled ours",
        "so; bridge, networks, volume, pod, containers and namespaces unchanged after every command",
    );
}

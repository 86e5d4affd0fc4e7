//! Podman fails, hangs, or finds a port taken.

use super::sandbox::Sandbox;
use super::saw;
use crate::harness::wait_for;

#[test]
fn it_fails_in_the_middle() {
    let sandbox = Sandbox::new();
    let fails = |because: &str| {
        let up = sandbox.run(&["up"]);
        assert_ne!(up.code, 0, "{up:#?}");
        assert!(up.stderr.contains("faults-work"), "{}", up.stderr);
        assert!(up.stderr.contains(because), "{}", up.stderr);
        assert!(
            !sandbox.pods().contains(&"faults-work-pod".to_owned()),
            "half a pod is left"
        );
        up
    };
    // Somebody made a container of our image by hand, under our name.
    sandbox.podman(&[
        "create",
        "--name=faults-work",
        "--network=none",
        "localhost/ai_system/faults-work:latest",
        "true",
    ]);
    fails("is not of stack `faults`");
    sandbox.podman(&["rm", "faults-work"]);
    sandbox.run(&["up"]).succeeds();
    sandbox.is_clean_after_down();

    // It has no service, and then one of its commands fails.
    let failed = sandbox.path("failed");
    sandbox.podman_does(&format!(
        "case \"$*\" in *'system service'*) exit 1;; *'create --name=faults-work '*) \
         [ -e '{0}' ] || {{ : > '{0}'; echo 'Error: on purpose' >&2; exit 125; }};; esac",
        failed.display()
    ));
    let up = fails("on purpose");
    assert!(
        up.stderr.contains("every step runs a `podman` of its own"),
        "{}",
        up.stderr
    );
    assert!(failed.exists());
    sandbox.run(&["up"]).succeeds();
    saw(
        "Podman fails in the middle of a boot",
        "the group and Podman's words are shown, no half pod is left, the next `up` carries on",
        "so, through its service and without; all healthy after it",
    );
}

#[test]
fn it_hangs() {
    let sandbox = Sandbox::new();
    for what in ["'system service'", "'image inspect'"] {
        let hangs = sandbox.path("hangs");
        sandbox.podman_does(&format!(
            "case \"$*\" in *{what}*) : > '{}'; exec sleep 1000;; esac",
            hangs.display()
        ));
        let mut running = sandbox.start(&["up"]);
        wait_for("Podman to hang", || hangs.exists());
        let pid = nix::unistd::Pid::from_raw(i32::try_from(running.id()).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
        assert_eq!(running.wait().unwrap().code(), Some(130), "{what}");
        std::fs::remove_file(&hangs).unwrap();
        sandbox.podman_does("");
        assert_eq!(sandbox.leftovers(), Vec::<String>::new(), "{what}");
    }
    sandbox.run(&["up"]).succeeds();
    saw(
        "Podman hangs",
        "Ctrl-C ends it (a time limit would, later); the next `up` works",
        "exit code 130, nothing left, then healthy",
    );
}

#[test]
fn a_port_is_taken_between_the_look_and_the_start() {
    let sandbox = Sandbox::new();
    let (taken, release) = (sandbox.path("taken"), sandbox.path("release"));
    let listener = "import os, socket, sys, time\n\
        s = socket.socket()\ns.bind((\"127.0.0.1\", 15575))\ns.listen()\nopen(sys.argv[1], \"w\").close()\n\
        while not os.path.exists(sys.argv[2]) and os.path.isdir(os.path.dirname(sys.argv[2])): time.sleep(0.05)";
    let program = sandbox.path("listener.py");
    std::fs::write(&program, listener).unwrap();
    sandbox.podman_does(&format!(
        "case \"$*\" in *'image inspect'*)\n\
         python3 '{}' '{taken}' '{}' > /dev/null 2>&1 &\n\
         while [ ! -e '{taken}' ]; do sleep 0.02; done;; esac",
        program.display(),
        release.display(),
        taken = taken.display(),
    ));
    let up = sandbox.run(&["up"]);
    std::fs::write(&release, "").unwrap();
    sandbox.podman_does("");
    assert_ne!(up.code, 0, "{up:#?}");
    assert!(
        up.stderr.contains("faults-store") && up.stderr.contains("15575"),
        "{}",
        up.stderr
    );
    assert!(
        !sandbox.pods().contains(&"faults-store-pod".to_owned()),
        "half a pod is left"
    );
    wait_for("the port to be free", || {
        std::net::TcpListener::bind(("127.0.0.1", 15575)).is_ok()
    });
    sandbox.run(&["up"]).succeeds();
    saw(
        "port taken between the look and the start",
        "group and port are named, no half pod is left, the next `up` carries on",
        "so; all healthy after it",
    );
}

/// Moments after its start at which a Podman is killed, in milliseconds: from before it has made anything until after most of
/// them have ended.
const MOMENTS: [u32; 4] = [60, 140, 220, 340];

/// Kills every Podman that does one of these things, so many milliseconds after its start.
fn killed(sandbox: &Sandbox, what: &str, moment: u32) {
    sandbox.podman_does(&format!(
        "case \"$*\" in {what}) (sleep {}.{:03}; kill -9 $$) < /dev/null > /dev/null 2>&1 & ;; esac",
        moment / 1000,
        moment % 1000
    ));
}

#[test]
fn it_is_killed_at_any_moment() {
    let sandbox = Sandbox::new();
    let making = "*'system service'*";
    let removing = "*'pod rm'* | *'network rm'*";
    for moment in MOMENTS {
        // Whether it comes to its end in spite of that is a matter of moments.
        killed(&sandbox, making, moment);
        sandbox.run(&["up", "--wait", "nothing"]);
        sandbox.podman_does("");
        sandbox.run(&["up"]).succeeds();
        sandbox.is_clean_after_down_of(&format!("killed {moment} ms after it began to make something"));

        sandbox.run(&["up", "--wait", "nothing"]).succeeds();
        killed(&sandbox, removing, moment);
        sandbox.run(&["down"]);
        sandbox.podman_does("");
        sandbox.is_clean_after_down_of(&format!("killed {moment} ms after it began to remove something"));
    }
    sandbox.run(&["up"]).succeeds();
    saw(
        "Podman killed at any moment",
        "the next `up` carries on; `down` leaves nothing of the stack in storage, in the kernel or of the name server; a namespace without address is named",
        "so, for every moment; healthy after it",
    );
}

/// A Podman that writes down who has an address, and is killed before it has made the container's network.
fn kill_one_that_gives_away(sandbox: &Sandbox, network: &str, address: &str) {
    let (reached, pid) = (sandbox.path("reached"), sandbox.path("pid"));
    let conf = std::env::var_os("CONTAINERS_CONF")
        .map_or_else(|| sandbox.path("target/xtask-work/containers.conf"), Into::into);
    let text = std::fs::read_to_string(conf).unwrap();
    let helpers = sandbox.path("helpers");
    std::fs::create_dir(&helpers).unwrap();
    let netavark = format!(
        "#!/bin/sh\necho $$ > '{}'\n: > '{}'\nexec sleep 1000\n",
        pid.display(),
        reached.display()
    );
    sandbox.program_at("helpers/netavark", &netavark);
    let others = r#""/usr/local/libexec/podman", "/usr/local/lib/podman", "/usr/libexec/podman", "/usr/lib/podman""#;
    let line = format!("[engine]\nhelper_binaries_dir = [\"{}\", {others}]", helpers.display());
    let slow = sandbox.path("slow.conf");
    assert!(text.contains("[engine]"), "{text}");
    std::fs::write(&slow, text.replace("[engine]", &line)).unwrap();
    let namespaces = sandbox.output("ip", &["netns", "list"]).stdout;
    let (network, address) = (format!("--network={network}"), format!("--ip={address}"));
    let mut running = sandbox.start_podman(
        &[
            "run",
            "--name=faults-killed",
            "--ipc=none",
            &network,
            &address,
            "localhost/ai_system/faults-work:latest",
            "true",
        ],
        &slow,
    );
    wait_for("netavark to run", || reached.exists());
    running.kill().unwrap();
    running.wait().unwrap();
    sandbox
        .output("kill", &["-9", std::fs::read_to_string(pid).unwrap().trim()])
        .succeeds();
    sandbox.output("podman", &["rm", "--force", "faults-killed"]);
    for namespace in sandbox.output("ip", &["netns", "list"]).stdout.lines() {
        if !namespaces.contains(namespace) {
            let name = namespace.split(' ').next().unwrap();
            sandbox.output("ip", &["netns", "delete", name]).succeeds();
        }
    }
}

#[test]
fn an_address_that_it_was_killed_over_is_given_back() {
    let sandbox = Sandbox::new();
    let make = |name: &str, subnet: &str, label: &str| {
        sandbox.podman(&["network", "create", "--subnet", subnet, "--label", label, name]);
    };
    // One that somebody else's Podman was killed over stays theirs. A name of its own: Podman would keep the address.
    let theirs = format!("faults_theirs_{}", std::process::id());
    make(&theirs, "172.30.98.0/24", "somebody=else");
    make("faults_mainpc", "172.30.99.0/24", "ai-system.stack=faults");
    kill_one_that_gives_away(&sandbox, "faults_mainpc", "172.30.99.10");
    std::fs::remove_dir_all(sandbox.path("helpers")).unwrap();
    std::fs::remove_file(sandbox.path("reached")).unwrap();
    kill_one_that_gives_away(&sandbox, &theirs, "172.30.98.7");
    sandbox.podman(&["network", "rm", "faults_mainpc"]);

    let up = sandbox.run(&["up"]).succeeds();
    assert!(
        up.stderr
            .contains("gave back what a killed Podman kept: address 172.30.99.10 of the network faults_mainpc"),
        "{}",
        up.stderr
    );
    let on_theirs = format!("--network={theirs}");
    let refused = sandbox.output(
        "podman",
        &[
            "run",
            "--rm",
            "--ipc=none",
            &on_theirs,
            "--ip=172.30.98.7",
            "localhost/ai_system/faults-work:latest",
            "true",
        ],
    );
    assert!(
        refused
            .stderr
            .contains("172.30.98.7 is already allocated to container ID"),
        "{refused:#?}"
    );
    // Podman reads what is left, and gives other addresses away.
    sandbox.podman(&[
        "run",
        "--rm",
        "--ipc=none",
        &on_theirs,
        "--ip=172.30.98.8",
        "--entrypoint=/bin/true",
        "localhost/ai_system/faults-work:latest",
    ]);
    sandbox.is_clean_after_down();

    // As long as somebody else has a network of that name, it keeps everything.
    let ours = "network: {name: faults_mainpc, subnet: 172.30.99.0/24}";
    sandbox.edit(
        "config/stack.yaml",
        ours,
        &ours.replace("faults_mainpc", &theirs).replace(".99.", ".98."),
    );
    for last in ["10", "20"] {
        let address = |third: u8| format!("address: 172.30.{third}.{last}\n");
        sandbox.edit("config/stack.yaml", &address(99), &address(98));
    }
    let given = format!("gave back what a killed Podman kept: address 172.30.98.7 of the network {theirs}");
    let down = sandbox.run(&["down"]);
    assert!(!down.stderr.contains("gave back"), "{down:#?}");
    sandbox.podman(&["network", "rm", &theirs]);
    let down = sandbox.run(&["down"]).succeeds();
    assert!(down.stderr.contains(&given), "{down:#?}");
    saw(
        "Podman killed while it gives an address away, which it keeps for the container that is gone",
        "the next `up` gives the address back, of no network but the stack's own",
        "so; all healthy after it",
    );
}

/// A namespace named as Podman names its own, plugged into the bridge, with that address, in which nothing runs.
fn plug_in(sandbox: &Sandbox, namespace: &str, link: &str, bridge: &str, address: &str) {
    let ip = |arguments: &[&str]| {
        sandbox.output("ip", arguments).succeeds();
    };
    ip(&["netns", "add", namespace]);
    ip(&[
        "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", namespace,
    ]);
    ip(&["link", "set", link, "master", bridge, "up"]);
    ip(&["-netns", namespace, "address", "add", address, "dev", "eth0"]);
    ip(&["-netns", namespace, "link", "set", "eth0", "up"]);
}

#[test]
fn a_namespace_that_it_was_killed_over_keeps_no_address_of_the_stack() {
    let sandbox = Sandbox::new();
    sandbox.run(&["up"]).succeeds();
    let bridge = sandbox.podman(&[
        "network",
        "inspect",
        "--format",
        "{{.NetworkInterface}}",
        "faults_mainpc",
    ]);
    let namespaces = ["1", "2"].map(|last| {
        format!(
            "netns-0a1b2c3d-0000-4000-8000-00000000{:03}{last}",
            std::process::id() % 1000
        )
    });
    plug_in(&sandbox, &namespaces[0], "faults-veth-1", &bridge[0], "172.30.99.10/24");
    // Somebody may have plugged in something of their own, with an address that no group has.
    plug_in(
        &sandbox,
        &namespaces[1],
        "faults-veth-2",
        &bridge[0],
        "172.30.99.200/24",
    );

    let up = sandbox.run(&["up"]);
    let left = sandbox.output("ip", &["netns", "list"]).stdout;
    sandbox.output("ip", &["netns", "delete", &namespaces[1]]);
    let up = up.succeeds();
    let removed = format!(
        "removed what a killed Podman left behind: network namespace {}",
        namespaces[0]
    );
    assert!(up.stderr.contains(&removed), "{}", up.stderr);
    assert!(!left.contains(&namespaces[0]), "{left}");
    assert!(left.contains(&namespaces[1]), "{left}");
    sandbox.is_clean_after_down();
}

#[test]
fn a_volume_that_it_gave_to_nobody_is_given_to_the_agents() {
    let sandbox = Sandbox::new();
    sandbox.run(&["up"]).succeeds();
    sandbox.run(&["down"]).succeeds();
    let folder = &sandbox.podman(&["volume", "inspect", "faults_mainpc_data", "--format", "{{.Mountpoint}}"])[0];
    // So it looks after an interrupt: Podman counts it as given away.
    let as_made = format!("rm -rf '{folder}' && mkdir '{folder}'");
    sandbox.output("sh", &["-c", &as_made]).succeeds();
    sandbox.run(&["up"]).succeeds();
    assert_eq!(sandbox.agent("MemoryOrchestrator").0, "healthy");
    // With something in it, that is for its owner to decide.
    sandbox.run(&["down"]).succeeds();
    let filled = format!("rm -rf '{folder}' && mkdir '{folder}' && touch '{folder}/theirs'");
    sandbox.output("sh", &["-c", &filled]).succeeds();
    let refused = sandbox.run(&["up"]);
    assert_eq!(refused.code, 1, "{refused:#?}");
    assert!(refused.stderr.contains("up --chown-volumes"), "{}", refused.stderr);
}

#[test]
fn another_podman_of_this_host_is_asked() {
    let sandbox = Sandbox::new();
    sandbox.run(&["up"]).succeeds();
    // A storage and a folder of networks of its own: it knows nothing of what runs.
    let (storage, networks) = (sandbox.path("other/storage"), sandbox.path("other/networks"));
    std::fs::create_dir_all(&networks).unwrap();
    sandbox.podman_does(&format!(
        "set -- --root '{0}/root' --runroot '{0}/run' --network-config-dir '{1}' \"$@\"",
        storage.display(),
        networks.display()
    ));
    let kernel = || {
        let names = std::fs::read_to_string("/run/containers/networks/aardvark-dns/faults_mainpc").unwrap();
        let rules = sandbox.output("iptables-save", &["-t", "nat"]).stdout;
        let rules: Vec<String> = rules
            .lines()
            .filter(|line| line.contains("172.30.99.") || line.contains("NETAVARK"))
            .map(str::to_owned)
            .collect();
        let links = sandbox.output("ip", &["-brief", "address"]).stdout;
        (
            names,
            rules,
            links.lines().filter(|line| line.contains("172.30.99.")).count(),
        )
    };
    let before = kernel();
    assert_eq!(before.2, 1);
    let down = sandbox.run(&["down"]);
    assert_eq!(kernel(), before, "{down:#?}");
    assert!(
        down.stderr.contains("of network `faults_mainpc`, which is in use"),
        "{}",
        down.stderr
    );
    sandbox.podman_does("");
    let (state, restarts) = sandbox.agent("MemoryOrchestrator");
    assert_eq!((state.as_str(), restarts), ("healthy", 0));
    saw(
        "`down` asks another Podman of this host, which does not know the stack that runs",
        "nothing of what runs is touched",
        "bridge, rules and names are as they were; that the network is in use is said",
    );
}

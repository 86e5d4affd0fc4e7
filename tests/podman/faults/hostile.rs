//! A tree that was made to do harm: what its images hold, and what its agents can reach when they are started alone.

use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::sandbox::Sandbox;
use super::saw;
use crate::harness::{XTASK, json};

/// Stands in a file outside the tree, and nowhere else.
const SECRET: &str = "OUTSIDE_SECRET_9f3a";

/// The agents' scripts.
const STORE: &str = "tree/main_pc_code/agents/memory_orchestrator.py";

/// The script of an agent, with something put in front of what it does.
fn first(sandbox: &Sandbox, script: &str, what: &str) {
    let path = sandbox.path(script);
    let text = std::fs::read_to_string(&path).unwrap();
    let (docs, rest) = text.split_at(text.find("\nimport").or_else(|| text.find("\nfrom")).unwrap() + 1);
    std::fs::write(path, format!("{docs}{what}\n{rest}")).unwrap();
}

/// The script of `MemoryOrchestrator`, relative to the sandbox.
fn script(sandbox: &Sandbox) -> String {
    let startup = std::fs::read_to_string(sandbox.path("tree/main_pc_code/config/startup_config.yaml")).unwrap();
    let agent = startup.split("name: MemoryOrchestrator").nth(1).unwrap();
    let path = agent.split("script_path:").nth(1).unwrap();
    let path = path.trim_start().split([',', '\n', '}']).next().unwrap().trim();
    let below = path
        .strip_prefix("FORMAINPC/")
        .map(|rest| format!("main_pc_code/FORMAINPC/{rest}"));
    let found = format!("tree/{}", below.unwrap_or_else(|| path.to_owned()));
    assert!(sandbox.path(&found).is_file(), "{found}, unlike {STORE}");
    found
}

/// Neither what is outside nor what is no file gets into an image; what is executable is nothing more.
#[test]
fn a_hostile_tree_is_built() {
    let sandbox = Sandbox::with(|sandbox| {
        sandbox.holds_the_whole_package();
        let code = sandbox.path("tree/main_pc_code");
        let outside = sandbox.path("outside");
        std::fs::create_dir(&outside).unwrap();
        std::fs::write(outside.join("secret.py"), format!("{SECRET} = 1\n")).unwrap();
        symlink(outside.join("secret.py"), code.join("stolen.py")).unwrap();
        symlink("../../outside/secret.py", code.join("agents/up.py")).unwrap();
        symlink("../../outside", code.join("folder")).unwrap();
        nix::unistd::mkfifo(&code.join("pipe.py"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        drop(std::os::unix::net::UnixListener::bind(code.join("socket")).unwrap());
        nix::sys::stat::mknod(
            &code.join("zero.bin"),
            nix::sys::stat::SFlag::S_IFCHR,
            nix::sys::stat::Mode::S_IRWXU,
            nix::sys::stat::makedev(1, 5),
        )
        .unwrap();
        std::fs::File::create(code.join("endless.bin"))
            .unwrap()
            .set_len(1 << 42)
            .unwrap();
        std::fs::write(code.join(".wh.agents"), "").unwrap();
        std::fs::write(code.join(std::ffi::OsStr::from_bytes(b"bad\xff.py")), "").unwrap();
        std::fs::write(code.join("shell"), "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(code.join("shell"), std::fs::Permissions::from_mode(0o6755)).unwrap();
    });
    let again = sandbox.run(&["build-images", "--builder", "podman", "--no-cache", "faults-store"]);
    let lists = |image: &str| {
        let image = format!("localhost/ai_system/{image}:latest");
        let look = "find /app/main_pc_code -printf '%P %y %#m\\n'; grep -rs OUTSIDE_SECRET /app || true";
        sandbox.podman(&["run", "--rm", "--network=none", "--entrypoint=sh", &image, "-c", look])
    };
    for image in ["faults-store", "faults-work"] {
        let listed = lists(image);
        assert!(listed.len() > 20, "{listed:#?}");
        for line in &listed {
            let mut words = line.rsplitn(3, ' ');
            let (mode, kind) = (words.next().unwrap(), words.next().unwrap());
            assert!(
                ["f", "d", "l"].contains(&kind) && !line.contains(SECRET),
                "{image}: {line}"
            );
            assert!(
                mode.len() <= 4 || kind == "l",
                "{image}: {line} has more than permissions"
            );
        }
        for gone in ["pipe.py", "socket", "zero.bin", "endless.bin", ".wh.agents"] {
            assert!(
                !listed.iter().any(|line| line.starts_with(&format!("{gone} "))),
                "{image} has {gone}"
            );
        }
        assert!(listed.iter().any(|line| line == "shell f 0755"), "{listed:#?}");
    }
    assert_eq!(again.code, 0, "{again:#?}");
    for skipped in [
        "`main_pc_code/pipe.py` is a pipe",
        "`main_pc_code/zero.bin` is a device",
        "`main_pc_code/bad\u{fffd}.py` has a name that is not UTF-8",
        "`main_pc_code/endless.bin` has 4398046511104 bytes",
    ] {
        assert!(
            again.stderr.contains(skipped),
            "`{skipped}` is not in\n{}",
            again.stderr
        );
    }
    saw(
        "links out of the tree, pipes, devices, setuid and endless files in code folders",
        "nothing outside the tree and nothing but files gets into an image; each is named",
        "not in any image; setuid gone; the build went on",
    );
}

/// An agent that wants to be called healthy, and is not: it writes to whatever it can, and ends whom it can.
#[test]
fn an_agent_that_is_started_alone_cannot_say_what_becomes_of_it() {
    let sandbox = Sandbox::with(|sandbox| {
        sandbox.edit(
            "config/stack.yaml",
            "environment: {MACHINE_TYPE: mainpc}",
            "environment: {MACHINE_TYPE: mainpc, LD_PRELOAD: /app/main_pc_code/evil.so, PATH: \"/app/main_pc_code:/usr/bin:/bin\"}",
        );
    });
    let evil = "\
import glob, json, os, signal, threading
forged = json.dumps({'agent': {'name': 'MemoryOrchestrator', 'port': 1, 'health_check_port': 2, 'required': True, 'state': 'healthy',
    'pid': 1, 'restarts': 0, 'last_exit': None, 'last_stderr': [], 'started_after_ms': 1, 'started_at_ms': 1, 'ready_after_ms': 1,
    'ready_at_ms': 1, 'waits_for': [], 'released_by': None, 'reason': None}, 'listening': [], 'log': '', 'supervisor': ''}) + '\\n'
reached = []
for path in glob.glob('/proc/1/fd/*') + ['/proc/1/mem', '/proc/1/environ', '/dev/console']:
    try:
        with open(path, 'r+b' if path.endswith('mem') else 'ab') as file:
            file.write(forged.encode())
        reached.append(path)
    except OSError:
        pass
try:
    os.kill(1, signal.SIGKILL)
    reached.append('kill')
except OSError:
    pass
print('REACHED', reached, flush=True)
def fill(folder):
    try:
        with open(folder + '/fill', 'wb') as file:
            while True:
                file.write(bytes(1 << 20))
    except OSError:
        pass
    try:
        print('FILLED', folder, os.stat(folder + '/fill').st_size >> 20, flush=True)
    except OSError:
        print('FILLED', folder, 0, flush=True)
for folder in ['/var/tmp', '/run', '/root', '/']:
    fill(folder)
raise SystemExit('SAID ' + str(reached))
";
    let script = script(&sandbox);
    first(&sandbox, &script, evil);
    std::fs::write(sandbox.path("tree/main_pc_code/python3"), "#!/bin/sh\necho TAKEN\n").unwrap();
    std::fs::set_permissions(
        sandbox.path("tree/main_pc_code/python3"),
        std::fs::Permissions::from_mode(0o755),
    )
    .unwrap();
    let ran = sandbox.run(&["audit", "--confirm", "MemoryOrchestrator", "--format", "json"]);
    let document = json(&ran.stdout);
    let agent = &document["agents"][0];
    assert_eq!(agent["seen"], "crashed", "{ran:#?}");
    assert!(
        ran.stdout.contains("SAID []") || ran.stdout.contains("TAKEN"),
        "{ran:#?}"
    );
    saw(
        "an agent that is started alone forges the verdict: descriptors and memory of PID 1, signals, LD_PRELOAD, PATH",
        "the verdict is what the supervisor saw",
        "`crashed`, as it was",
    );
}

/// An agent that writes wherever it can fills its own memory, and nothing of the host.
#[test]
fn what_an_agent_writes_has_an_end() {
    let sandbox = Sandbox::new();
    let fill = "\
import itertools, os
for number in itertools.count():
    for folder in ['/tmp', '/var/tmp', '/dev/shm', '/app/logs', '/app/data', '/app/models', '/app/config']:
        try:
            with open(f'{folder}/fill{number}', 'wb') as file:
                file.write(bytes(1 << 24))
        except OSError:
            pass
    if number > 60:
        raise SystemExit('FULL')
";
    first(&sandbox, &script(&sandbox), fill);
    let ran = sandbox.run(&["audit", "--confirm", "MemoryOrchestrator"]);
    let killed = ran.code == 3 && ran.stderr.contains("it took all the memory that it may have");
    // The kernel ends the agent, or the whole container.
    let ended = ran.stdout.contains("crashed") && ran.stdout.contains("signal 9");
    assert!(killed || ended || ran.stdout.contains("FULL"), "{ran:#?}");
    saw(
        "an agent that is started alone fills every folder that it can write to",
        "it fills its own memory, up to its limit, and no disk",
        "killed, or told that there is no space",
    );
}

/// An agent that prints without end, and one whose line has none, end in their time, and what they print is not kept.
#[test]
fn a_flood_is_cut_off() {
    for flood in ["print('x' * 1000)", "sys.stdout.write('x' * 100000)"] {
        let sandbox = Sandbox::new();
        let script = script(&sandbox);
        first(&sandbox, &script, &format!("import sys\nwhile True:\n    {flood}\n"));
        let usage = xtask::host::system::process::Program::new(XTASK)
            .args(["audit", "--confirm", "MemoryOrchestrator", "--confirm-timeout", "10"])
            .folder(sandbox.path(""))
            .env_remove("CARGO_MANIFEST_DIR")
            .limit(std::time::Duration::from_secs(180))
            .measure(&[0, 1, 3])
            .unwrap();
        let _ = writeln!(
            std::io::stderr(),
            "{flood}: {} MiB in {:?}",
            usage.peak_bytes >> 20,
            usage.wall
        );
        assert!(usage.peak_bytes < 1 << 30, "{flood}: {} bytes", usage.peak_bytes);
        assert!(usage.wall.as_secs() < 120, "{flood}: {:?}", usage.wall);
        let left = sandbox.podman(&["ps", "--all", "--quiet", "--filter=label=ai-system.stack=faults"]);
        assert_eq!(left, Vec::<String>::new());
    }
    saw(
        "an agent that is started alone prints without end",
        "it ends within its limit, and the harness keeps its size",
        "cut off after 10 s and what containers take to begin",
    );
}

/// A code folder that leads out of the tree is not mounted.
#[test]
fn a_code_folder_outside_the_tree_is_not_mounted() {
    let sandbox = Sandbox::new();
    let outside = sandbox.path("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("secret"), SECRET).unwrap();
    symlink(&outside, sandbox.path("tree/lib")).unwrap();
    sandbox.edit("config/stack.yaml", "code: [main_pc_code]", "code: [main_pc_code, lib]");
    let ran = sandbox.run(&["audit", "--confirm", "MemoryOrchestrator"]);
    assert_eq!(ran.code, 1, "{ran:#?}");
    assert!(ran.stderr.contains("`lib`: a link leads out of the tree"), "{ran:#?}");
    saw(
        "a code folder is a link out of the tree, under `--confirm`",
        "nothing outside the tree is mounted",
        "refused, with the folder",
    );
    // With that folder the stack is none, and could not be taken down.
    sandbox.edit("config/stack.yaml", "code: [main_pc_code, lib]", "code: [main_pc_code]");
}

//! Groups with users of their own on the volumes that they share.

use super::sandbox::Sandbox;
use super::saw;
use crate::harness::Ran;

/// What a container's shell writes, whatever it comes to.
fn shell(sandbox: &Sandbox, group: &str, script: &str) -> String {
    sandbox.output("podman", &["exec", group, "sh", "-c", script]).stdout
}

#[test]
fn a_group_cannot_touch_what_another_wrote() {
    let sandbox = Sandbox::new();
    sandbox.run(&["up"]).succeeds();
    assert_eq!(
        shell(&sandbox, "faults-store", "id -u; id -g; id -G; umask"),
        "10002\n10001\n10001\n0022\n"
    );
    assert_eq!(
        shell(&sandbox, "faults-work", "id -u; id -g; id -G; umask"),
        "10003\n10001\n10001\n0022\n"
    );
    let make = "for f in /app/logs /app/data /app/models /app/data/mainpc; do mkdir $f/theirs && echo one > $f/theirs/in \
                && echo one > $f/their.log || echo failed; done";
    assert_eq!(shell(&sandbox, "faults-store", make), "");
    for folder in ["/app/logs", "/app/data", "/app/models", "/app/data/mainpc"] {
        let attack = format!(
            "cd {folder}; for f in their.log theirs/in; do cat $f; (echo two >> $f) 2>/dev/null && echo written; (: > $f) 2>/dev/null && \
             echo emptied; rm -f $f 2>/dev/null && echo removed; mv $f $f.old 2>/dev/null && echo renamed; \
             chmod 666 $f 2>/dev/null && echo opened; done; mv theirs x 2>/dev/null && echo moved; (: > theirs/new) 2>/dev/null && echo put; \
             mv . ../x 2>/dev/null && echo top; (: > own && rm own) && echo ours"
        );
        let told = shell(&sandbox, "faults-work", &attack);
        assert_eq!(told, "one\none\nours\n", "{folder}");
    }
    // Those of the supervisor and of Podman go on.
    for group in ["faults-store", "faults-work"] {
        let check = sandbox.output("podman", &["exec", group, "agent-supervisor", "check"]);
        assert_eq!(check.code, 0, "{check:#?}");
        let user = shell(
            &sandbox,
            group,
            "python3 -c 'import getpass, pwd, os; print(pwd.getpwuid(os.getuid()).pw_uid == os.getuid())'",
        );
        assert_eq!(user, "True\n");
    }
    sandbox.run(&["restart", "SelfTrainingOrchestrator"]).succeeds();
    assert_eq!(sandbox.agent("MemoryOrchestrator").0, "healthy");
    saw(
        "an agent writes, empties, removes or renames logs and data of another group",
        "refused in every volume that groups share; it can read them",
        "refused; read; both groups healthy",
    );

    volumes_of_one_user_are_noticed_and_made_fit(&sandbox);
}

fn is_refused(ran: &Ran, told: &[&str]) {
    assert_eq!(ran.code, 1, "{ran:#?}");
    for text in told {
        assert!(ran.stderr.contains(text), "`{text}` is not in\n{}", ran.stderr);
    }
}

fn volumes_of_one_user_are_noticed_and_made_fit(sandbox: &Sandbox) {
    sandbox.run(&["down"]).succeeds();
    let folder = sandbox.podman(&["volume", "inspect", "faults_mainpc_data", "--format", "{{.Mountpoint}}"]);
    let folder = folder[0].clone();
    let as_before = format!(
        "cd '{folder}' && rm -r mainpc/theirs mainpc/their.log theirs their.log && mkdir -p common && echo kept > common/file \
         && chmod 755 . mainpc && chown -R 10001:10001 . && chmod 644 common/file"
    );
    assert_eq!(sandbox.output("sh", &["-c", &as_before]).code, 0);
    let told = [
        "`faults_mainpc_data`",
        "has mode 0755, and not 1777",
        "up --chown-volumes",
    ];
    is_refused(&sandbox.run(&["up"]), &told);
    assert_eq!(sandbox.pods(), Vec::<String>::new());
    sandbox.run(&["up", "--chown-volumes"]).succeeds();
    let owner = |path: &str| {
        let path = format!("{folder}/{path}");
        sandbox.output("stat", &["--format=%u:%g %a", &path]).stdout
    };
    assert_eq!(owner(""), "10001:10001 1777\n");
    assert_eq!(owner("mainpc"), "10001:10001 1777\n");
    assert!(owner("mainpc/MemoryOrchestrator").starts_with("10002:10001 "));
    for group in ["faults-store", "faults-work"] {
        assert_eq!(
            shell(
                sandbox,
                group,
                "cat /app/data/common/file && : >> /app/data/common/file && echo w"
            ),
            "kept\nw\n"
        );
    }
    assert_eq!(sandbox.agent("MemoryOrchestrator").0, "healthy");
    // And back.
    sandbox.run(&["down"]).succeeds();
    let config = sandbox.path("config/stack.yaml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(
        &config,
        text.replace(", per_group: true, shared: [/app/data/mainpc]", ""),
    )
    .unwrap();
    let told = ["agents run as user 10001", "belongs to user 1000", "up --chown-volumes"];
    is_refused(&sandbox.run(&["up"]), &told);
}

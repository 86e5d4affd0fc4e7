//! Two checkouts with one stack name, and a stack whose name was changed.

use super::sandbox::Sandbox;

/// A host whose Podman has one pod and one volume with these labels.
fn host(sandbox: &Sandbox, stack: &str, checkout: &str) {
    let labels = format!(r#"{{"ai-system.stack": "{stack}", "ai-system.checkout": "{checkout}"}}"#);
    sandbox.fake_podman(&format!(
        r#"
case "$1 $2" in
  "info "*) echo "false v1" ;;
  "pod ps") echo '[{{"Id": "p1", "Name": "core-services-pod", "Status": "Running", "Labels": {labels}}}]' ;;
  "volume ls") echo '[{{"Name": "{stack}_mainpc_logs", "Labels": {labels}}}]' ;;
  "system service") exit 1 ;;
  *) echo "[]" ;;
esac"#
    ));
}

/// What changes the host.
fn changes(sandbox: &Sandbox) -> Vec<String> {
    let words = ["rm", "create", "restart", "exec", "start", "stop", "kill"];
    let calls = sandbox.podman_calls();
    let changes = calls
        .into_iter()
        .filter(|call| call.split(' ').take(2).any(|word| words.contains(&word)));
    changes.collect()
}

#[test]
fn what_another_checkout_made_is_not_touched() {
    let sandbox = Sandbox::new();
    host(&sandbox, "ai_system", "/home/somebody/first");
    for command in [
        &["up"][..],
        &["down"],
        &["down", "--volumes"],
        &["restart", "TaskRouter"],
        &["stop", "TaskRouter"],
        &["start", "TaskRouter"],
    ] {
        let ran = sandbox.run(command);
        let take_over = format!("cargo xtask {} --take-over", command[0]);
        ran.fails_with(
            1,
            &[
                "is another checkout's",
                "`/home/somebody/first`: 1 pod, 1 volume",
                "`name:`",
                &take_over,
            ],
        );
        assert_eq!(changes(&sandbox), Vec::<String>::new(), "{command:?}");
    }
    for command in [&["status"][..], &["logs", "core-services"]] {
        let ran = sandbox.run(command);
        assert!(
            ran.stderr
                .contains("started by another checkout: `/home/somebody/first`"),
            "{ran:#?}"
        );
    }
    let ran = sandbox.run(&["doctor"]);
    assert_eq!(ran.code, 1, "{ran:#?}");
    assert!(ran.stderr.contains("`/home/somebody/first`"), "{ran:#?}");
    let ran = sandbox.run(&["down", "--take-over"]);
    assert!(
        changes(&sandbox).iter().any(|call| call.starts_with("pod rm")),
        "{ran:#?}"
    );
}

#[test]
fn what_this_checkout_made_is_its_own() {
    let sandbox = Sandbox::new();
    let here = sandbox.path("").canonicalize().unwrap();
    host(&sandbox, "ai_system", here.to_str().unwrap());
    let ran = sandbox.run(&["down"]);
    assert!(!ran.stderr.contains("another checkout"), "{ran:#?}");
    assert!(
        changes(&sandbox).iter().any(|call| call.starts_with("pod rm")),
        "{ran:#?}"
    );
}

#[test]
fn what_a_former_name_of_the_stack_left_is_named() {
    let sandbox = Sandbox::new();
    let here = sandbox.path("").canonicalize().unwrap();
    host(&sandbox, "before", here.to_str().unwrap());
    let named = [
        "of the stack `before`, which is `ai_system` now",
        "`podman pod rm --force core-services-pod`",
        "`podman volume rm before_mainpc_logs`",
        "podman volume export OLD | podman volume import NEW -",
    ];
    sandbox.run(&["up"]).fails_with(1, &named);
    assert_eq!(changes(&sandbox), Vec::<String>::new());
    for command in ["down", "doctor"] {
        let ran = sandbox.run(&[command]);
        for text in named {
            assert!(ran.stderr.contains(text), "{command}: {text} in {ran:#?}");
        }
    }
}

#[test]
fn volumes_of_another_user_stop_a_boot() {
    use std::os::unix::fs::MetadataExt as _;
    let sandbox = Sandbox::new();
    let folder = sandbox.path("volume");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("old.log"), "").unwrap();
    let owner = folder.metadata().unwrap().uid();
    assert_ne!(owner, 10_001, "the user of this test is none that agents run as");
    sandbox.fake_podman(&format!(
        r#"
case "$1 $2" in
  "info "*) echo "false v1" ;;
  "volume ls") echo '[{{"Name": "ai_system_mainpc_logs", "Mountpoint": "{}", "Labels": {{"ai-system.stack": "ai_system"}}}}]' ;;
  "unshare cat") echo '0 0 4294967295' ;;
  "system service") exit 1 ;;
  *) echo "[]" ;;
esac"#,
        folder.display()
    ));
    let belongs = format!("belongs to user {owner}, and not to 10001");
    sandbox.run(&["up"]).fails_with(
        1,
        &[
            "agents run as user 10001",
            "`ai_system_mainpc_logs`",
            &belongs,
            "up --chown-volumes",
        ],
    );
    assert_eq!(changes(&sandbox), Vec::<String>::new());
}

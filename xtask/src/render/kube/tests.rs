//! The manifests: what a cluster takes, and what belongs together is together.

use std::collections::{BTreeMap, BTreeSet};

use contract::group_config::GroupConfig;
use serde::Deserialize;
use serde_yaml::Value;

use super::files;
use crate::container::group_config;
use crate::container::preload::Preload;
use crate::host::system::process::Program;
use crate::rendered_file::RenderedFile;
use crate::stack::Stack;
use crate::stack::fixture::Fixture;

fn rendered(stack: &Stack) -> Vec<RenderedFile> {
    files(stack, &Preload::default())
}

/// Every object, by kind and name; each is there once.
fn objects(files: &[RenderedFile]) -> BTreeMap<(String, String), Value> {
    let mut objects = BTreeMap::new();
    for file in files.iter().filter(|file| !file.path.ends_with("kustomization.yaml")) {
        for document in serde_yaml::Deserializer::from_str(&file.text) {
            let object = Value::deserialize(document).expect("YAML");
            let key = (text(&object["kind"]), text(&object["metadata"]["name"]));
            assert!(objects.insert(key.clone(), object).is_none(), "{key:?} is there twice");
        }
    }
    objects
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a text: {value:?}")).to_owned()
}

fn list(value: &Value) -> &[Value] {
    value.as_sequence().map_or(&[], Vec::as_slice)
}

fn of_kind<'o>(objects: &'o BTreeMap<(String, String), Value>, kind: &str) -> Vec<(&'o str, &'o Value)> {
    let all = objects.iter().filter(|((is, _), _)| is == kind);
    all.map(|((_, name), object)| (name.as_str(), object)).collect()
}

/// Names of the Deployments whose pods a Service leads to.
fn led_to<'o>(objects: &'o BTreeMap<(String, String), Value>, service: &Value) -> Vec<&'o str> {
    let selector = service["spec"]["selector"].as_mapping().expect("a selector");
    assert!(!selector.is_empty());
    of_kind(objects, "Deployment")
        .into_iter()
        .filter(|(_, deployment)| {
            let labels = &deployment["spec"]["template"]["metadata"]["labels"];
            selector.iter().all(|(key, value)| labels.get(key) == Some(value))
        })
        .map(|(name, _)| name)
        .collect()
}

#[test]
fn each_group_has_a_deployment_a_service_a_policy_and_a_config() {
    let stack = Fixture::real().model();
    let files = rendered(&stack);
    let objects = objects(&files);
    let groups: BTreeSet<&str> = stack.groups.iter().map(|group| group.name.as_str()).collect();
    let deployments: BTreeSet<&str> = of_kind(&objects, "Deployment").iter().map(|(name, _)| *name).collect();
    assert_eq!(deployments, groups);
    assert_eq!(of_kind(&objects, "ConfigMap").len(), 16);
    assert_eq!(of_kind(&objects, "Service").len(), 16 + 2);
    assert_eq!(of_kind(&objects, "PersistentVolumeClaim").len(), 8);
    assert_eq!(of_kind(&objects, "NetworkPolicy").len(), 16 + 2);
    assert_eq!(objects.len(), 16 * 4 + 2 * 2 + 8, "and nothing that scales a group");
    for (id, group) in stack.groups() {
        let path = format!("docker/kube/{}/{}.yaml", stack.machine(group.machine).name, group.name);
        assert!(files.iter().any(|file| file.path == path), "{path}");
        let pod = &objects[&("Deployment".to_owned(), group.name.clone())]["spec"]["template"]["spec"];
        assert_eq!(pod["containers"][0]["image"], Value::from(stack.group_image(id)));
        assert_eq!(pod["hostname"], Value::from(group.name.as_str()));
    }
}

#[test]
fn selectors_find_the_pods_that_are_meant() {
    let stack = Fixture::real().model();
    let objects = objects(&rendered(&stack));
    for (name, deployment) in of_kind(&objects, "Deployment") {
        let labels = &deployment["spec"]["template"]["metadata"]["labels"];
        for (key, value) in deployment["spec"]["selector"]["matchLabels"]
            .as_mapping()
            .expect("labels")
        {
            assert_eq!(labels.get(key), Some(value), "{name}");
        }
        let service = &objects[&("Service".to_owned(), name.to_owned())];
        assert_eq!(led_to(&objects, service), [name]);
        // Pods of one machine want to be together; the first finds itself.
        let affinity = &deployment["spec"]["template"]["spec"]["affinity"]["podAffinity"];
        let term = &affinity["requiredDuringSchedulingIgnoredDuringExecution"][0]["labelSelector"]["matchLabels"];
        for (key, value) in term.as_mapping().expect("labels") {
            assert_eq!(labels.get(key), Some(value), "{name}");
        }
        // Machines would rather be on different nodes.
        let apart = &deployment["spec"]["template"]["spec"]["affinity"]["podAntiAffinity"];
        let [other] = list(&apart["preferredDuringSchedulingIgnoredDuringExecution"]) else {
            panic!("{name}: {apart:?}");
        };
        let other = &other["podAffinityTerm"]["labelSelector"]["matchLabels"];
        assert_eq!(other["app.kubernetes.io/part-of"], labels["app.kubernetes.io/part-of"]);
        assert_ne!(other["ai-system/machine"], labels["ai-system/machine"], "{name}");
        assert!(other["ai-system/machine"].is_string(), "{name}");
    }
    for (service, groups) in [("ai-system-mainpc", 11), ("ai-system-pc2", 5)] {
        let service = &objects[&("Service".to_owned(), service.to_owned())];
        assert_eq!(led_to(&objects, service).len(), groups);
    }
}

#[test]
fn ports_of_services_are_those_of_their_agents() {
    let stack = Fixture::real().model();
    let objects = objects(&rendered(&stack));
    let ports_of = |name: &str| -> BTreeSet<u64> {
        let service = &objects[&("Service".to_owned(), name.to_owned())];
        assert_eq!(service["spec"]["publishNotReadyAddresses"], Value::from(true), "{name}");
        let ports = list(&service["spec"]["ports"]);
        let names: BTreeSet<String> = ports.iter().map(|port| text(&port["name"])).collect();
        assert_eq!(names.len(), ports.len(), "{name}");
        ports.iter().filter_map(|port| port["port"].as_u64()).collect()
    };
    for group in &stack.groups {
        let agents = group.agents.iter().map(|id| stack.agent(*id));
        let expected = agents
            .flat_map(|agent| [agent.port, agent.health_check_port])
            .chain([stack.status_port]);
        assert_eq!(
            ports_of(&group.name),
            expected.map(u64::from).collect(),
            "{}",
            group.name
        );
    }
    for machine in &stack.machines {
        let service = format!("ai-system-{}", machine.name);
        let reached = stack.reached_from_other_machines().iter().map(|id| stack.agent(*id));
        let expected: BTreeSet<u64> = reached
            .filter(|agent| stack.machine(agent.machine).name == machine.name)
            .flat_map(|agent| [agent.port, agent.health_check_port])
            .map(u64::from)
            .collect();
        assert!(!expected.is_empty());
        assert_eq!(ports_of(&service), expected, "{service}");
    }
}

#[test]
fn each_port_of_a_machine_leads_to_the_one_pod_that_has_it() {
    let stack = Fixture::real().model();
    let objects = objects(&rendered(&stack));
    let mut seen = 0;
    for machine in ["ai-system-mainpc", "ai-system-pc2"] {
        let service = &objects[&("Service".to_owned(), machine.to_owned())];
        for port in list(&service["spec"]["ports"]) {
            let target = text(&port["targetPort"]);
            assert!(target.len() <= 15, "{target}");
            let mut owners = Vec::new();
            for name in led_to(&objects, service) {
                let container =
                    &objects[&("Deployment".to_owned(), name.to_owned())]["spec"]["template"]["spec"]["containers"][0];
                let named = list(&container["ports"])
                    .iter()
                    .filter(|own| text(&own["name"]) == target);
                owners.extend(named.map(|own| (name, own["containerPort"].as_u64())));
            }
            let [(owner, number)] = owners[..] else {
                panic!("{target}: {owners:?}")
            };
            assert_eq!(number, port["port"].as_u64());
            let group = stack.group(stack.find_group(owner).expect("a group"));
            let mut agents = group.agents.iter().map(|id| stack.agent(*id));
            assert!(agents.any(|agent| {
                [agent.port, agent.health_check_port]
                    .map(|p| Some(u64::from(p)))
                    .contains(&number)
            }));
            seen += 1;
        }
    }
    assert_eq!(seen, 2 * stack.reached_from_other_machines().len());
}

#[test]
fn configs_name_services_and_are_otherwise_those_of_the_images() {
    let stack = Fixture::real().model();
    let files = rendered(&stack);
    let objects = objects(&files);
    let ports = |service: &str| -> BTreeSet<u16> {
        let service = &objects[&("Service".to_owned(), service.to_owned())];
        let numbers = list(&service["spec"]["ports"])
            .iter()
            .filter_map(|port| port["port"].as_u64());
        numbers.filter_map(|port| u16::try_from(port).ok()).collect()
    };
    let mut named = 0;
    for (id, group) in stack.groups() {
        let data = &objects[&("ConfigMap".to_owned(), format!("{}-config", group.name))]["data"];
        assert_eq!(data.as_mapping().map(serde_yaml::Mapping::len), Some(1));
        let mut config: GroupConfig = serde_yaml::from_str(&text(&data[group.config_file.as_str()])).expect("a config");
        let known = group_config::config(&stack, id, &Preload::default());
        for (other, same) in config
            .dependencies_elsewhere
            .iter_mut()
            .zip(&known.dependencies_elsewhere)
        {
            assert_eq!(other.host, other.group);
            assert!(ports(&other.host).contains(&other.health_check_port));
            other.host.clone_from(&same.host);
            named += 1;
        }
        for (bridge, same) in config.loopback_bridges.iter_mut().zip(&known.loopback_bridges) {
            let ports = ports(&bridge.host);
            assert!(bridge.ports.iter().all(|port| ports.contains(port)), "{bridge:?}");
            bridge.host.clone_from(&same.host);
            named += 1;
        }
        assert_eq!(config, known, "{}", group.name);
    }
    assert!(named > 139, "{named} peers");
    // No address that only Podman's networks have is anywhere.
    for file in &files {
        assert!(
            !file.text.contains("172.2") && !file.text.contains("192.168."),
            "{}",
            file.path
        );
    }
}

/// Group by group, which ports a rule of a policy is about, for each group that the rule selects.
fn selected(rules: &Value, peers: &str) -> BTreeMap<String, BTreeSet<u64>> {
    let mut selected = BTreeMap::new();
    for rule in list(rules) {
        let [peer] = list(&rule[peers]) else {
            panic!("{rule:?}");
        };
        let labels = &peer["podSelector"]["matchLabels"];
        if let Some(group) = labels["app.kubernetes.io/name"].as_str() {
            let ports = list(&rule["ports"]).iter().filter_map(|port| port["port"].as_u64());
            assert!(selected.insert(group.to_owned(), ports.collect()).is_none(), "{group}");
        } else {
            assert_eq!(labels["ai-system/role"], Value::from("smoke"));
        }
    }
    selected
}

#[test]
fn policies_let_through_what_configs_ask_and_nothing_else() {
    let stack = Fixture::real().model();
    let objects = objects(&rendered(&stack));
    let policy = |name: &str| &objects[&("NetworkPolicy".to_owned(), name.to_owned())]["spec"];
    let pods_of =
        |name: &str| &objects[&("Deployment".to_owned(), name.to_owned())]["spec"]["template"]["metadata"]["labels"];
    let holds = |policy: &Value, labels: &Value| {
        let mut wanted = policy["podSelector"]["matchLabels"]
            .as_mapping()
            .expect("labels")
            .iter();
        wanted.all(|(key, value)| labels.get(key) == Some(value))
    };
    let mut let_in: BTreeMap<(String, String), BTreeSet<u64>> = BTreeMap::new();
    let mut let_out = let_in.clone();
    let mut wanted = let_in.clone();
    for group in &stack.groups {
        let name = group.name.as_str();
        // Without a rule, nothing but looking up names.
        let machine = policy(&format!("ai-system-{}", stack.machine(group.machine).name));
        assert!(
            holds(machine, pods_of(name)) && holds(policy(name), pods_of(name)),
            "{name}"
        );
        assert!(machine["ingress"].is_null());
        let [only] = list(&machine["egress"]) else {
            panic!("{machine:?}")
        };
        assert!(
            list(&only["ports"])
                .iter()
                .all(|port| port["port"].as_u64() == Some(53))
        );
        for spec in [machine, policy(name)] {
            assert_eq!(spec["policyTypes"], Value::from(vec!["Ingress", "Egress"]), "{name}");
        }
        for (from, ports) in selected(&policy(name)["ingress"], "from") {
            let_in.insert((from, name.to_owned()), ports);
        }
        for (to, ports) in selected(&policy(name)["egress"], "to") {
            let_out.insert((name.to_owned(), to), ports);
        }
        let data = &objects[&("ConfigMap".to_owned(), format!("{name}-config"))]["data"];
        let config: GroupConfig = serde_yaml::from_str(&text(&data[group.config_file.as_str()])).expect("a config");
        let mut asks = |to: &str, ports: &[u16]| {
            let ports = ports.iter().copied().map(u64::from);
            wanted
                .entry((name.to_owned(), to.to_owned()))
                .or_default()
                .extend(ports);
        };
        for other in &config.dependencies_elsewhere {
            asks(&other.host, &[other.health_check_port]);
            asks(&other.host, other.status_port.as_slice());
        }
        for bridge in &config.loopback_bridges {
            asks(&bridge.host, &bridge.ports);
        }
    }
    assert_eq!(let_in, let_out);
    assert_eq!(let_in.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>());
    assert!(wanted.len() < 16 * 15, "not everybody asks everybody");
    for (edge, ports) in &wanted {
        assert!(ports.is_subset(&let_in[edge]), "{edge:?}");
    }
    // The ports of an agent that nobody declares stay closed.
    let asked = &let_in[&("pc2-core".to_owned(), "pc2-utility".to_owned())];
    assert_eq!(asked, &[7115, 8115, 9000].into());
}

#[test]
fn hosts_that_a_group_names_are_let_through() {
    let stack = Fixture::small()
        .stack(
            "    phase: 2\n",
            "    phase: 2\n    extra_hosts: {db: 10.0.0.7, six: \"fd00::7\"}\n",
        )
        .model();
    let objects = objects(&rendered(&stack));
    let policy = &objects[&("NetworkPolicy".to_owned(), "core".to_owned())]["spec"];
    let cidrs = list(&policy["egress"]).iter().flat_map(|rule| list(&rule["to"]));
    let cidrs: Vec<String> = cidrs
        .filter_map(|to| to["ipBlock"]["cidr"].as_str())
        .map(str::to_owned)
        .collect();
    assert_eq!(cidrs, ["10.0.0.7/32", "fd00::7/128"]);
}

#[test]
fn what_a_group_publishes_and_what_it_wants_of_its_host_are_let_through() {
    let stack = Fixture::small()
        .stack(
            "    phase: 2\n",
            "    phase: 2\n    publish: ['8080:5000']\n    host_services: ['5432:15432']\n",
        )
        .model();
    let objects = objects(&rendered(&stack));
    let policy = &objects[&("NetworkPolicy".to_owned(), "core".to_owned())]["spec"];
    let open = |rules: &Value, of: &str| -> Vec<u64> {
        let anybody = list(rules).iter().filter(|rule| rule.get(of).is_none());
        let ports = anybody.flat_map(|rule| list(&rule["ports"]));
        ports.filter_map(|port| port["port"].as_u64()).collect()
    };
    assert_eq!(open(&policy["ingress"], "from"), [5000]);
    assert_eq!(open(&policy["egress"], "to"), [15432]);
}

#[test]
fn containers_have_what_up_gives_them() {
    let stack = Fixture::real().model();
    let objects = objects(&rendered(&stack));
    let claims: BTreeSet<&str> = of_kind(&objects, "PersistentVolumeClaim")
        .iter()
        .map(|(name, _)| *name)
        .collect();
    let mut temporary = BTreeSet::new();
    for (name, deployment) in of_kind(&objects, "Deployment") {
        let group_id = stack.find_group(name).expect("a group");
        let machine = stack.machine(stack.group(group_id).machine);
        let pod = &deployment["spec"]["template"]["spec"];
        let container = &pod["containers"][0];
        for key in ["runAsUser", "runAsGroup", "fsGroup"] {
            assert_eq!(pod["securityContext"][key], Value::from(10001), "{name} {key}");
        }
        assert_eq!(pod["securityContext"]["runAsNonRoot"], Value::from(true));
        assert_eq!(
            pod["securityContext"]["seccompProfile"]["type"],
            Value::from("RuntimeDefault")
        );
        assert_eq!(pod["enableServiceLinks"], Value::from(false));
        assert_eq!(pod["automountServiceAccountToken"], Value::from(false));
        assert_eq!(pod["terminationGracePeriodSeconds"], Value::from(10));
        let security = &container["securityContext"];
        assert_eq!(security["readOnlyRootFilesystem"], Value::from(true));
        assert_eq!(security["allowPrivilegeEscalation"], Value::from(false));
        assert_eq!(security["capabilities"]["drop"][0], Value::from("ALL"));
        let bytes = stack.group_memory_bytes(group_id).expect("a limit");
        assert_eq!(
            container["resources"]["limits"]["memory"],
            Value::from(format!("{}Mi", bytes / 1024 / 1024))
        );
        assert_eq!(container["resources"]["requests"]["memory"], Value::from("64Mi"));
        // Whoever waits is alive: only being ready may depend on others.
        assert_eq!(container["readinessProbe"]["exec"]["command"][1], Value::from("check"));
        assert_eq!(container["livenessProbe"]["exec"]["command"][1], Value::from("status"));

        let volumes: BTreeMap<String, &Value> = list(&pod["volumes"]).iter().map(|v| (text(&v["name"]), v)).collect();
        let mounts = list(&container["volumeMounts"]);
        assert_eq!(mounts.len(), volumes.len());
        let mut paths = BTreeMap::new();
        for mount in mounts {
            let volume = volumes[&text(&mount["name"])];
            paths.insert(text(&mount["mountPath"]), volume);
            if let Some(claim) = volume["persistentVolumeClaim"]["claimName"].as_str() {
                assert!(claims.contains(claim) && claim.contains(&machine.name), "{claim}");
            } else if volume["emptyDir"].is_mapping() {
                assert_eq!(volume["emptyDir"]["medium"], Value::from("Memory"));
                assert!(
                    temporary.insert(text(&volume["name"])),
                    "Podman would share it: {volume:?}"
                );
            } else {
                assert_eq!(volume["configMap"]["name"], Value::from(format!("{name}-config")));
                assert_eq!(mount["readOnly"], Value::from(true));
            }
        }
        let mut expected: BTreeSet<&str> = ["/etc/ai_system", "/tmp", "/run", "/var/tmp"].into();
        expected.extend(stack.volumes.iter().map(|volume| volume.path.as_str()));
        assert_eq!(paths.keys().map(String::as_str).collect::<BTreeSet<_>>(), expected);
        assert_eq!(paths["/tmp"]["emptyDir"]["sizeLimit"], Value::from("256Mi"));

        let variables: BTreeMap<String, String> = list(&container["env"])
            .iter()
            .map(|v| (text(&v["name"]), text(&v["value"])))
            .collect();
        assert_eq!(variables["MACHINE_TYPE"], machine.name);
        let (other, service) = match machine.name.as_str() {
            "mainpc" => ("PC2_IP", "ai-system-pc2"),
            _ => ("MAINPC_IP", "ai-system-mainpc"),
        };
        assert_eq!(variables[other], service);
        assert!(objects.contains_key(&("Service".to_owned(), service.to_owned())));
    }
}

#[test]
fn a_changed_config_replaces_the_pod() {
    let annotation = |stack: &Stack, group: &str| {
        let objects = objects(&rendered(stack));
        let metadata = &objects[&("Deployment".to_owned(), group.to_owned())]["spec"]["template"]["metadata"];
        metadata["annotations"].clone()
    };
    let (before, after) = (
        Fixture::small().model(),
        Fixture::small()
            .file(crate::stack::fixture::PC2, "port: 7100", "port: 7101")
            .model(),
    );
    assert_ne!(annotation(&before, "far"), annotation(&after, "far"));
    assert_eq!(annotation(&before, "core"), annotation(&after, "core"));
}

#[test]
fn kustomize_gets_every_file() {
    let files = rendered(&Fixture::real().model());
    let (last, others) = files.split_last().expect("files");
    let kustomization: Value = serde_yaml::from_str(&last.text).expect("YAML");
    let listed: BTreeSet<String> = list(&kustomization["resources"])
        .iter()
        .map(|path| format!("docker/kube/{}", text(path)))
        .collect();
    assert_eq!(listed, others.iter().map(|file| file.path.clone()).collect());
    assert_eq!(listed.len(), 18);
}

/// A stack with names that a cluster does not take, texts that it would replace, and without limits.
fn odd() -> Stack {
    Fixture::small()
        .stack("name: sys\n", "name: My_Sys\n")
        .stack("  core:\n", "  Side_:\n")
        .stack(
            "    phase: 2\n",
            "    phase: 2\n    environment: {PRICE: \"$(HOME) $5\"}\n",
        )
        .file(
            crate::stack::fixture::MAIN,
            "resource_limits: {memory_mb: 100, max_threads: 4, cpu_percent: 80}\n",
            "",
        )
        .model()
}

#[test]
fn odd_names_become_what_a_cluster_takes() {
    let objects = objects(&rendered(&odd()));
    let names: Vec<&str> = of_kind(&objects, "Service").iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["far", "my-sys-main", "side", "side-2"]);
    let container =
        |name: &str| &objects[&("Deployment".to_owned(), name.to_owned())]["spec"]["template"]["spec"]["containers"][0];
    let price = list(&container("side")["env"])
        .iter()
        .find(|v| text(&v["name"]) == "AGENT_ENV_PRICE");
    let reference = &price.expect("a variable")["valueFrom"]["configMapKeyRef"];
    assert_eq!(reference["key"], Value::from("AGENT_ENV_PRICE"));
    assert!(container("side")["resources"].is_null(), "no limit, no request");
}

/// Writes what is rendered of stacks, and has it looked at by the schemas of each version of Kubernetes; the versions, or what is wrong.
fn validated(rendered: impl IntoIterator<Item = RenderedFile>) -> Result<Vec<String>, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let manifests = rendered.into_iter().enumerate();
    let manifests: Vec<_> = manifests
        .filter(|(_, file)| !file.path.ends_with("kustomization.yaml"))
        .map(|(number, file)| {
            let path = folder.path().join(format!("{number}_{}", file.path.replace('/', "_")));
            std::fs::write(&path, file.text).expect("a file");
            path
        })
        .collect();
    let output = Program::new("python3")
        .args(["-c", include_str!("validate.py")])
        .args(manifests)
        .run()
        .unwrap_or_else(|error| panic!("{error}\n  hint: run `cargo xtask test --setup`"));
    if output.status.success() {
        Ok(output.stdout.lines().map(str::to_owned).collect())
    } else {
        Err(output.stderr)
    }
}

#[test]
fn every_kubernetes_takes_the_manifests() {
    let stacks = [Fixture::real().model(), Fixture::small().model(), odd()];
    let versions = validated(stacks.iter().flat_map(rendered)).unwrap_or_else(|wrong| panic!("{wrong}"));
    assert_eq!(versions.first().map(String::as_str), Some("1.25"));
    assert!(versions.len() >= 13, "{versions:?}");
}

#[test]
fn no_kubernetes_takes_a_key_that_it_does_not_know() {
    let stack = Fixture::small().model();
    for (good, bad) in [
        ("hostname: far\n", "hostnam: far\n"),
        ("- podSelector:\n", "- podSelektor:\n"),
        ("policyTypes:\n", "policyType:\n"),
    ] {
        let mut files = rendered(&stack);
        let file = files
            .iter_mut()
            .find(|file| file.path.ends_with("/far.yaml"))
            .expect("a manifest");
        assert!(file.text.contains(good), "{}", file.text);
        file.text = file.text.replacen(good, bad, 1);
        let wrong = validated(files).expect_err(bad);
        let key = bad
            .trim_start_matches("- ")
            .trim_end()
            .split(':')
            .next()
            .unwrap_or_default();
        for version in ["1.25", "1.37"] {
            let version = format!("Kubernetes {version}");
            let mut lines = wrong.lines();
            assert!(
                lines.any(|line| line.contains(&version) && line.contains(key)),
                "{wrong}"
            );
        }
    }
}

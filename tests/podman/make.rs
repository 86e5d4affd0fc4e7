//! A group is the same whether Podman's service makes it or its command line.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Mutex;

use regex::Regex;
use serde_json::Value;
use xtask::boot::creation::Creation;
use xtask::boot::pod::{Container, HealthTimes, Pod};
use xtask::boot::reach::PublishedPort;
use xtask::container::layout::TEMPORARY;
use xtask::host::podman::Podman;
use xtask::host::podman::bridge::Bridge;
use xtask::host::podman::{containers_conf, make, seccomp};
use xtask::host::system::repository::Repository;
use xtask::stack::extras::{Device, HostMount};
use xtask::stack::rights::Ulimit;

use crate::harness::{Harness, json};

/// Name of everything that is made here.
const NAME: &str = "ai_system_test_made";

#[test]
fn both_ways_make_the_same() {
    let harness = &Harness::new();
    harness.run(&["build-images"]).succeeds();
    let repository = Repository::at(harness.path(""));
    let by_command = Podman::new(containers_conf::provide(&repository));
    let by_service = by_command.serve().unwrap();
    let profile = seccomp::provide(&repository).expect("Podman's own list is there");
    let creation = creation(profile);
    let one = made_by(&by_command, harness, &creation);
    let other = made_by(&by_service, harness, &creation);
    for (what, value) in &one {
        let (one, other) = (leaves(what, value), leaves(what, &other[what]));
        let only = |these: &[String], those: &[String]| -> Vec<String> {
            these.iter().filter(|leaf| !those.contains(leaf)).cloned().collect()
        };
        assert_eq!(only(&one, &other), only(&other, &one), "by command line, by service");
    }
    // What is compared is really there.
    let text = one.values().map(Value::to_string).collect::<String>();
    for part in [
        "127.0.0.1",
        "10.98.0.7",
        "0a:58:0a:62:00:07",
        "/var/tmp",
        "SCMP_ARCH",
        "agent-supervisor check",
        "\"limit\":77",
        "268435456",
        "unless-stopped",
        "k8s-file",
        "\"quota\":75000",
        "10.98.0.53",
        "\"hard\":654",
        "CAP_NET_RAW",
        "4242",
        "\"Source\":\"/usr/local/share\"",
        "\"StartPeriod\":11000000000",
    ] {
        assert!(text.contains(part), "`{part}` is in neither");
    }
}

fn creation(profile: PathBuf) -> Creation {
    let labels: BTreeMap<String, String> = [(NAME.to_owned(), "yes".to_owned())].into();
    Creation {
        pod: Pod {
            name: format!("{NAME}-pod"),
            infra_name: format!("{NAME}-pod-infra"),
            hostname: "made".to_owned(),
            network: NAME.to_owned(),
            address: Ipv4Addr::new(10, 98, 0, 7),
            hardware_address: "0a:58:0a:62:00:07".to_owned(),
            ports: vec![PublishedPort {
                host: "127.0.0.1:24242".parse().unwrap(),
                container: 4242,
                agent: None,
            }],
            hosts: [("database".to_owned(), "10.98.0.77".parse().unwrap())].into(),
            dns: vec!["10.98.0.53".parse().unwrap()],
            shm_bytes: Some(32 << 20),
            labels: labels.clone(),
            seccomp_profile: Some(profile.clone()),
        },
        container: Container {
            user: Some((10_003, 10_001)),
            name: NAME.to_owned(),
            pod: format!("{NAME}-pod"),
            image: "localhost/ai_system/vision:latest".to_owned(),
            command: ["sleep", "600"].map(str::to_owned).to_vec(),
            environment: [("MADE".to_owned(), "a b=c".to_owned())].into(),
            labels,
            read_only: true,
            temporary: TEMPORARY
                .map(|(path, options)| (path, options.iter().map(|option| (*option).to_owned()).collect()))
                .into(),
            mounts: vec![HostMount {
                source: "/usr/include".to_owned(),
                target: "/mnt/include".to_owned(),
                read_only: true,
            }],
            devices: vec![Device {
                host: "/dev/zero".to_owned(),
                container: "/dev/nothing".to_owned(),
                permissions: "r".to_owned(),
                optional: false,
            }],
            volumes: vec![
                (format!("{NAME}_logs"), "/app/logs".to_owned(), false),
                // A folder of the host in a volume's place.
                ("/usr/local/share".to_owned(), "/app/models".to_owned(), true),
            ],
            secrets: Vec::new(),
            folders: vec![(PathBuf::from("/usr/share"), "/srv".to_owned())],
            memory_bytes: Some(256 << 20),
            milli_cpus: Some(750),
            processes: Some(77),
            ulimits: [
                (
                    "nofile".to_owned(),
                    Ulimit {
                        soft: Some(321),
                        hard: Some(654),
                    },
                ),
                (
                    "core".to_owned(),
                    Ulimit {
                        soft: Some(0),
                        hard: Some(0),
                    },
                ),
            ]
            .into(),
            capabilities: [("NET_RAW".to_owned())].into(),
            stop_seconds: 1,
            health: HealthTimes {
                interval: 9,
                timeout: 3,
                retries: 2,
                start_period: 11,
            },
            seccomp_profile: Some(profile),
        },
        digest: String::new(),
    }
}

/// Makes all of it, and removes it again: what Podman knows of each part, without what is another's every time.
fn made_by(podman: &Podman, harness: &Harness, creation: &Creation) -> BTreeMap<&'static str, Value> {
    let labels = [("ai-system.test", "made")].into();
    let volume = format!("{NAME}_logs");
    let _undo = Undo(harness);
    make::network(podman, NAME, "10.98.0.0/24", &labels).unwrap();
    make::volume(podman, &volume, &labels).unwrap();
    let bridge = Bridge::new(None, Ipv4Addr::LOCALHOST);
    make::group(podman, creation, &Mutex::default(), &bridge).unwrap();
    let inspected = |arguments: &[&str]| {
        let document = json(&harness.podman(arguments));
        document.get(0).cloned().unwrap_or(document)
    };
    let specification = |name: &str| {
        let path = harness.podman(&["inspect", "--format", "{{.OCIConfigPath}}", name]);
        json(&std::fs::read_to_string(path.trim()).unwrap())
    };
    let mut infra = inspected(&["inspect", &creation.pod.infra_name]);
    // Nothing in it ever says that it is ready.
    infra["Config"].as_object_mut().unwrap().remove("sdNotifyMode");
    [
        ("network", inspected(&["network", "inspect", NAME])),
        ("volume", inspected(&["volume", "inspect", &volume])),
        ("pod", inspected(&["pod", "inspect", &creation.pod.name])),
        ("container", inspected(&["inspect", NAME])),
        ("infra", infra),
        ("specification", specification(NAME)),
        ("specification of the infra", specification(&creation.pod.infra_name)),
    ]
    .map(|(what, value)| (what, comparable(value)))
    .into()
}

/// Every value that is no list or object, with the way there.
fn leaves(at: &str, value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().flat_map(|item| leaves(&format!("{at}[]"), item)).collect(),
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, value)| leaves(&format!("{at}.{name}"), value))
            .collect(),
        leaf => vec![format!("{at}: {leaf}")],
    }
}

/// What is left after both ways, whatever happened.
struct Undo<'a>(&'a Harness);

impl Drop for Undo<'_> {
    fn drop(&mut self) {
        self.0
            .podman(&["pod", "rm", "--force", "--ignore", "--time=0", &format!("{NAME}-pod")]);
        self.0.podman(&["network", "rm", "--force", NAME]);
        self.0.podman(&["volume", "rm", "--force", &format!("{NAME}_logs")]);
    }
}

/// Ids, process ids and moments of time differ every time; lists have their order from hash maps.
fn comparable(value: Value) -> Value {
    /// How it was made; a terminal that nobody asked for; what no program of an infra container looks at.
    const LEFT_OUT: [&str; 5] = [
        "CreateCommand",
        "io.kubernetes.cri-o.TTY",
        "Umask",
        "umask",
        "LockNumber",
    ];
    let changing = Regex::new(
        r"[0-9a-f]{64}|\b[0-9a-f]{12}\b|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|/proc/\d+|\d{4}-\d\d-\d\dT\S+|veth\w+",
    )
    .unwrap();
    match value {
        Value::String(text) => Value::String(changing.replace_all(&text, "…").into_owned()),
        Value::Array(items) => {
            let mut items: Vec<Value> = items.into_iter().map(comparable).collect();
            items.sort_by_key(Value::to_string);
            Value::Array(items)
        }
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(name, _)| !LEFT_OUT.contains(&name.as_str()) && !name.ends_with("Pid"))
            .map(|(name, value)| (changing.replace_all(&name, "…").into_owned(), comparable(value)))
            .collect(),
        other => other,
    }
}

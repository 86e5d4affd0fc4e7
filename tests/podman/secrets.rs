//! A build by hand, from a repository's root: what `.containerignore` keeps out of an image.

use std::collections::BTreeSet;
use std::path::Path;

use super::harness::Harness;

const IMAGE: &str = "localhost/ai_system_test_secrets:latest";

const STACK: &str = r#"version: 1
name: small
source_tree: tree
images:
  namespace: localhost/small
  base_image: docker.io/library/python:3.11-slim
  requirements: requirements.txt
  exclude: ["*.bin", /src/old/]
  include: [src/named.pem, src/.aws/named]
volumes: {logs: /app/logs}
status_port: 9000
machines:
  home:
    startup_config: config/startup.yaml
    code: [src]
    lan_address: 192.168.77.1
    address_variable: HOME_IP
    network: {name: small_home, subnet: 172.30.0.0/16}
groups:
  one: {machine: home, address: 172.30.0.10, phase: 2, published_status_port: 29801, agents: [Hub]}
"#;

const KEPT: &[&str] = &[
    "src/hub.py",
    "src/secrets.py",
    "src/token.py",
    "src/.env.example",
    "src/id_rsa.pub",
    "src/id_map.json",
    "src/named.pem",
    "src/.aws/named",
    "src/credentials/words.txt",
    "src/data.csv",
];

const LEFT_OUT: &[&str] = &[
    "src/.env",
    "src/deep/.ENV.Local",
    "src/prod.env",
    "src/other.pem",
    "src/X.Key",
    "src/a.p12",
    "src/id_rsa",
    "src/id_deploy",
    "src/.netrc",
    "src/.npmrc",
    "src/.docker/config.json",
    "src/.aws/config",
    "src/.ssh/id_rsa.pub",
    "src/credentials-1.json",
    "src/main.tfstate",
    "src/secrets.yml",
    "src/x.bin",
    "src/old/y.py",
    "src/__pycache__/hub.pyc",
    "src/.venv/lib/x.py",
    "src/venv/lib/x.py",
    "src/.git/config",
    "src/node_modules/a.js",
];

#[test]
fn a_build_by_hand_leaves_secrets_out() {
    let harness = &Harness::new();
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("config/stack.yaml", STACK);
    let agent = "agents:\n  - {name: Hub, script_path: src/hub.py, port: 6101, health_check_port: 6102}\n";
    write("tree/config/startup.yaml", agent);
    write("tree/requirements.txt", "");
    for path in KEPT.iter().chain(LEFT_OUT) {
        write(&format!("tree/{path}"), "x = 1\n");
    }
    harness.run_at(folder.path(), &["render"]).succeeds();
    // As a group's Dockerfile copies its code.
    let dockerfile = folder.path().join("Dockerfile");
    std::fs::write(&dockerfile, "FROM scratch\nCOPY [\"tree/src\", \"/app/src\"]\n").unwrap();
    let (file, context) = (dockerfile.to_str().unwrap(), folder.path().to_str().unwrap());
    harness.podman(&[
        "build",
        "--quiet",
        "--network=none",
        "--ignorefile",
        folder.path().join("deploy/.containerignore").to_str().unwrap(),
        "--tag",
        IMAGE,
        "--file",
        file,
        context,
    ]);
    let format =
        "{{if .GraphDriver.Data.UpperDir}}{{.GraphDriver.Data.UpperDir}}{{else}}{{.GraphDriver.Data.dir}}{{end}}";
    let layer = harness.podman(&["image", "inspect", "--format", format, IMAGE]);
    let held = files(&Path::new(layer.trim()).join("app"));
    harness.podman(&["image", "rm", "--force", IMAGE]);
    let kept: BTreeSet<String> = KEPT.iter().map(|path| (*path).to_owned()).collect();
    assert_eq!(held, kept);
}

/// Paths of all files below a folder.
fn files(root: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                let path = entry.path().strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.insert(path);
            }
        }
    }
    found
}

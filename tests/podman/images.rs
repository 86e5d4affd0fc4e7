//! What is in the images: the same whoever builds them, the same however often, and nothing that no agent reaches.

use std::collections::BTreeSet;

use super::harness::{Harness, json};

/// Where these tests put images, beside the stack's.
const DIRECT: &str = "localhost/ai_system_test_direct";
const DOCKERFILE: &str = "localhost/ai_system_test_dockerfile";

/// Compares pairs of folders inside a container: paths, modes, owners, link targets, contents. Bytecode is the same where the
/// header and the code are: how often an object is shared between constants is up to the interpreter that wrote it.
const COMPARE: &str = r#"
import marshal, os, stat, sys
def walk(root):
    found = {}
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = os.path.join(folder, name)
            status = os.lstat(path)
            content = None
            if stat.S_ISLNK(status.st_mode):
                content = os.readlink(path)
            elif stat.S_ISREG(status.st_mode):
                content = open(path, "rb").read()
                if name.endswith(".pyc"):
                    content = (content[:16], marshal.loads(content[16:]))
            found[os.path.relpath(path, root)] = (oct(status.st_mode), status.st_uid, status.st_gid, content)
    return found
def below(path):
    # Of this container's own image, which all of these stand on.
    status = os.lstat("/" + path)
    return (oct(status.st_mode), status.st_uid, status.st_gid, None)
for number in range(int(sys.argv[1])):
    one, other = walk(f"/a/{number}"), walk(f"/b/{number}")
    for path in sorted(one.keys() | other.keys()):
        if one.get(path) is None or other.get(path) is None:
            # A folder that a build step touched is in its layer again, as it was.
            if os.path.isdir("/" + path) and (one.get(path) or other.get(path)) == below(path):
                continue
        if one.get(path) != other.get(path):
            print("differs:", number, path, (one.get(path) or ())[:3], (other.get(path) or ())[:3])
    print("compared:", number, len(one), sum(path.endswith(".pyc") for path in one))
"#;

/// Names of all groups.
fn groups(harness: &Harness) -> Vec<String> {
    let listed = json(&harness.run(&["images", "ls", "--format", "json"]).succeeds().stdout);
    let images = listed["images"].as_array().unwrap();
    images
        .iter()
        .filter(|image| !image["contents"].is_null())
        .map(|image| image["name"].as_str().unwrap().to_owned())
        .collect()
}

/// Gives what groups stand on a name in another namespace, as a build there would.
fn borrow_lower_images(harness: &Harness, namespace: &str) {
    let listed = json(&harness.run(&["images", "ls", "--format", "json"]).succeeds().stdout);
    for image in listed["images"].as_array().unwrap() {
        if image["contents"].is_null() {
            let name = image["image"].as_str().unwrap();
            let other = name.replacen("localhost/ai_system", namespace, 1);
            harness.podman(&["tag", name, &other]);
        }
    }
}

fn remove_images(harness: &Harness, namespace: &str) {
    let names = harness.podman(&[
        "images",
        "--filter",
        &format!("reference={namespace}/*"),
        "--format",
        "{{.Repository}}:{{.Tag}}",
    ]);
    // Of an image with several names, all are listed.
    let prefix = format!("{namespace}/");
    let mut arguments = vec!["image", "rm"];
    arguments.extend(names.lines().filter(|name| name.starts_with(&prefix)));
    if arguments.len() > 2 {
        harness.podman(&arguments);
    }
}

fn inspect(harness: &Harness, image: &str) -> serde_json::Value {
    json(&harness.podman(&["image", "inspect", image]))[0].clone()
}

fn layers(image: &serde_json::Value) -> Vec<String> {
    let layers = image["RootFS"]["Layers"].as_array().unwrap();
    layers.iter().map(|layer| layer.as_str().unwrap().to_owned()).collect()
}

/// The config of an image, without what names the program that wrote it, and with the environment in one order.
fn config(image: &serde_json::Value) -> serde_json::Value {
    let mut config = image["Config"].clone();
    config["Labels"].as_object_mut().unwrap().remove("io.buildah.version");
    let environment: BTreeSet<String> = config["Env"]
        .as_array()
        .unwrap()
        .iter()
        .map(|variable| variable.as_str().unwrap().to_owned())
        .collect();
    config["Env"] = serde_json::json!(environment);
    config
}

/// For every group: the same lower layers, the same topmost layer, the same config.
pub fn both_builders_give_the_same_images(harness: &Harness) {
    let groups = groups(harness);
    for (namespace, builder) in [(DIRECT, "direct"), (DOCKERFILE, "podman")] {
        // What a failed run left stands on other images.
        remove_images(harness, namespace);
        borrow_lower_images(harness, namespace);
        harness
            .run(&["build-images", "--namespace", namespace, "--builder", builder])
            .succeeds();
    }
    let mut arguments: Vec<String> = ["run", "--rm", "--network=none", "--user=0", "--entrypoint=python3"]
        .map(str::to_owned)
        .to_vec();
    for (number, group) in groups.iter().enumerate() {
        let pair = [DIRECT, DOCKERFILE].map(|namespace| inspect(harness, &format!("{namespace}/{group}:latest")));
        assert_eq!(config(&pair[0]), config(&pair[1]), "{group}");
        let (one, other) = (layers(&pair[0]), layers(&pair[1]));
        assert_eq!(one[..one.len() - 1], other[..other.len() - 1], "{group}");
        for (side, image) in ["a", "b"].iter().zip(&pair) {
            let layer = image["GraphDriver"]["Data"]["UpperDir"].as_str().unwrap();
            arguments.push(format!("--volume={layer}:/{side}/{number}:ro"));
        }
    }
    arguments.push(format!("{DIRECT}/base:latest"));
    arguments.extend(["-c".to_owned(), COMPARE.to_owned(), groups.len().to_string()]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let said = harness.podman(&arguments);
    let differs: Vec<&str> = said.lines().filter(|line| line.starts_with("differs:")).collect();
    assert_eq!(differs, Vec::<&str>::new());
    let compared: Vec<&str> = said.lines().filter(|line| line.starts_with("compared:")).collect();
    assert_eq!(compared.len(), groups.len(), "{said}");
    assert!(compared.iter().all(|line| !line.ends_with(" 0")), "bytecode: {said}");
    remove_images(harness, DOCKERFILE);
}

/// Two clean builds of the same inputs give the same layer and the same image; also with all bytecode compiled anew, and in
/// other company.
pub fn two_builds_give_the_same_image(harness: &Harness) {
    let image = format!("{DIRECT}/vision:latest");
    let first = inspect(harness, &image);
    harness.podman(&["image", "rm", &image]);
    harness.forget_bytecode();
    harness
        .run(&["build-images", "vision", "--namespace", DIRECT])
        .succeeds();
    let second = inspect(harness, &image);
    assert_eq!(layers(&first), layers(&second));
    assert_eq!(first["Id"], second["Id"]);
    remove_images(harness, DIRECT);
}

/// Groups that a build from a tree would build.
fn would_build(harness: &Harness, tree: &std::path::Path) -> BTreeSet<String> {
    let ran = harness.run(&[
        "build-images",
        "--dry-run",
        "--format",
        "json",
        "--tree",
        tree.to_str().unwrap(),
    ]);
    let document = json(&ran.succeeds().stdout);
    let images = document["images"].as_array().unwrap();
    images
        .iter()
        .filter(|image| image["outcome"] == "would_build")
        .map(|image| image["name"].as_str().unwrap().to_owned())
        .collect()
}

/// A change builds the groups that hold the file, and no others.
pub fn a_change_builds_what_holds_it(harness: &Harness) {
    let tree = harness.copy_of_the_tree();
    assert_eq!(would_build(harness, tree.path()), BTreeSet::new());
    let append = |file: &str| {
        let path = tree.path().join(file);
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        std::fs::write(path, text + "\n# changed\n").unwrap();
    };
    append("main_pc_code/nobody_imports_this.py");
    append("main_pc_code/notes.txt");
    assert_eq!(would_build(harness, tree.path()), BTreeSet::new());
    append("main_pc_code/agents/executor.py");
    let expected = BTreeSet::from(["code-generation".to_owned()]);
    assert_eq!(would_build(harness, tree.path()), expected);
    append("main_pc_code/src/core/base_agent.py");
    let of_mainpc = would_build(harness, tree.path());
    assert_eq!(of_mainpc.len(), 11, "{of_mainpc:?}");
    assert!(of_mainpc.iter().all(|name| !name.starts_with("pc2-")), "{of_mainpc:?}");
    let diff = harness.run(&[
        "images",
        "diff",
        "code-generation",
        "--tree",
        tree.path().to_str().unwrap(),
    ]);
    assert_eq!(diff.code, 1, "{diff:#?}");
    assert!(
        diff.stdout.contains("changed  main_pc_code/agents/executor.py"),
        "{}",
        diff.stdout
    );
}

/// No package lists, no caches, no compilers, no tests of ours, and of the tree only what the group reaches.
pub fn images_hold_nothing_superfluous(harness: &Harness) {
    let sbom = json(&harness.run(&["images", "sbom", "vision"]).succeeds().stdout);
    let purls: Vec<&str> = sbom["components"]
        .as_array()
        .unwrap()
        .iter()
        .map(|component| component["purl"].as_str().unwrap())
        .collect();
    for package in ["pkg:deb/debian/python3", "pkg:pypi/pyzmq@", "pkg:pypi/pyyaml@"] {
        assert!(
            purls.iter().any(|purl| purl.starts_with(package)),
            "{package} in {purls:?}"
        );
    }
    let listed = harness.podman(&[
        "run",
        "--rm",
        "--network=none",
        "--user=0",
        "--entrypoint=find",
        "localhost/ai_system/vision:latest",
        "/",
        "-xdev",
        "-type",
        "f",
    ]);
    let unwanted: Vec<&str> = listed
        .lines()
        .filter(|path| {
            let name = path.rsplit('/').next().unwrap_or(path);
            path.starts_with("/var/lib/apt/lists/") && name != "lock"
                || path.starts_with("/var/cache/apt/") && name.ends_with(".deb")
                || path.contains("/.cache/pip/")
                || path.starts_with("/wheels/")
                || path.starts_with("/app/tests/")
                || ["gcc", "cc1", "g++", "rustc", "ld", "make"].contains(&name) && path.contains("/bin/")
        })
        .collect();
    assert_eq!(unwanted, Vec::<&str>::new());
    let tree: BTreeSet<&str> = listed
        .lines()
        .filter(|path| path.starts_with("/app/") && path.ends_with(".py"))
        .collect();
    let expected = [
        "agents/face_recognition_agent.py",
        "src/core/base_agent.py",
        "src/core/peer_directory.py",
        "src/vision/vision_capture_agent.py",
    ];
    let expected = expected.map(|path| format!("/app/main_pc_code/{path}"));
    assert_eq!(tree, expected.iter().map(String::as_str).collect());
}

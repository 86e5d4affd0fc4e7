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

/// Builds what is missing; also what groups stand on, which no build asks for where the groups themselves are there.
pub fn have_all(harness: &Harness) {
    harness.run(&["build-images"]).succeeds();
    let listed = json(&harness.run(&["images", "ls", "--format", "json"]).succeeds().stdout);
    let images = listed["images"].as_array().unwrap();
    if images.iter().any(|image| image["up_to_date"] == false) {
        harness.run(&["build-images", "--no-cache"]).succeeds();
    }
}

/// The tag of an image of the reference stack: one of its groups has variants.
pub fn tag(name: &str) -> &'static str {
    if name == "gpu-services" { "latest-cpu" } else { "latest" }
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
        let pair =
            [DIRECT, DOCKERFILE].map(|namespace| inspect(harness, &format!("{namespace}/{group}:{}", tag(group))));
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

/// In no image: package lists, caches, compilers, installers of ours, tests; and of the tree only what the group reaches.
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
    assert!(!purls.iter().any(|purl| purl.starts_with("pkg:pypi/uv@")), "{purls:?}");
    for group in groups(harness) {
        let listed = harness.podman(&[
            "run",
            "--rm",
            "--network=none",
            "--user=0",
            "--entrypoint=find",
            &format!("localhost/ai_system/{group}:{}", tag(&group)),
            "/",
            "-xdev",
            "-type",
            "f",
        ]);
        let unwanted: Vec<&str> = listed.lines().filter(|path| is_superfluous(path)).collect();
        assert_eq!(unwanted, Vec::<&str>::new(), "{group}");
        let tree: BTreeSet<&str> = listed
            .lines()
            .filter(|path| path.starts_with("/app/") && path.ends_with(".py"))
            .collect();
        assert!(!tree.is_empty(), "{group}");
        if group == "vision" {
            let expected = [
                "agents/face_recognition_agent.py",
                "src/core/base_agent.py",
                "src/core/peer_directory.py",
                "src/vision/vision_capture_agent.py",
            ];
            let expected = expected.map(|path| format!("/app/main_pc_code/{path}"));
            assert_eq!(tree, expected.iter().map(String::as_str).collect());
        }
    }
}

/// Whether an image could do without a file.
pub fn is_superfluous(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    path.starts_with("/var/lib/apt/lists/") && name != "lock"
        || path.starts_with("/var/cache/apt/") && name.ends_with(".deb")
        || path.contains("/.cache/pip/")
        || ["/wheels/", "/app/tests/", "/tmp/"]
            .iter()
            .any(|folder| path.starts_with(folder))
        || ["gcc", "cc1", "g++", "rustc", "ld", "make", "uv", "uvx"].contains(&name) && path.contains("/bin/")
}

#[test]
fn images_are_labelled_saved_and_pushed() {
    let harness = Harness::new();
    have_all(&harness);
    images_say_where_they_come_from(&harness);
    images_are_saved_whole(&harness);
    images_are_pushed_to_a_registry(&harness);
    a_lock_is_installed_by_hand_and_without_uv(&harness);
}

/// Labels: of every image what it was made from, and of one whose tree is a clone, commit and address.
fn images_say_where_they_come_from(harness: &Harness) {
    let listed = json(&harness.run(&["images", "ls", "--format", "json"]).succeeds().stdout);
    for image in listed["images"].as_array().unwrap() {
        let labels = &inspect(harness, image["image"].as_str().unwrap())["Labels"];
        // The Python image is that of every stack in the namespace: it names the one that made it.
        if image["name"] != "python" {
            assert_eq!(labels["ai-system.stack"], "ai_system", "{image:#}");
        }
        assert_eq!(
            labels["ai-system.input-digest"].as_str().unwrap().len(),
            64,
            "{image:#}"
        );
        if image["name"] != "python" {
            let created = labels["org.opencontainers.image.created"].as_str().unwrap();
            assert!(created.ends_with('Z') && created.len() == 20, "{image:#}");
        }
    }

    let tree = harness.copy_of_the_tree();
    for arguments in [
        &["init", "--quiet"][..],
        &[
            "remote",
            "add",
            "origin",
            "https://someone:secret@host.example/agents.git",
        ],
        &["add", "."],
        &["commit", "--quiet", "--message=all", "--date=2023-11-14T22:13:20Z"],
    ] {
        harness.git(tree.path(), arguments);
    }
    let commit = harness.git(tree.path(), &["rev-parse", "HEAD"]);
    remove_images(harness, DIRECT);
    // From a base of its own on, so that every kind of image is made from this tree.
    harness.podman(&[
        "tag",
        "localhost/ai_system/python:3.11",
        &format!("{DIRECT}/python:3.11"),
    ]);
    harness
        .run(&[
            "build-images",
            "vision",
            "--namespace",
            DIRECT,
            "--tree",
            tree.path().to_str().unwrap(),
        ])
        .succeeds();
    let names = harness.podman(&[
        "images",
        "--filter",
        &format!("reference={DIRECT}/*"),
        "--format",
        "{{.Repository}}:{{.Tag}}",
    ]);
    let prefix = format!("{DIRECT}/");
    let made: Vec<&str> = names
        .lines()
        .filter(|name| name.starts_with(&prefix) && !name.contains("/python:"))
        .collect();
    assert_eq!(made.len(), 3, "base, dependencies, group: {made:?}");
    for name in made {
        let labels = &inspect(harness, name)["Labels"];
        let label = |name: &str| {
            labels[format!("org.opencontainers.image.{name}")]
                .as_str()
                .unwrap()
                .to_owned()
        };
        assert_eq!(label("source"), "https://host.example/agents.git", "{name}");
        assert_eq!(label("revision"), commit.trim(), "{name}");
        assert_eq!(label("created"), "2023-11-14T22:13:20Z", "{name}");
    }
    remove_images(harness, DIRECT);
}

/// An archive with the base and all groups, which is there when it is whole and not before.
fn images_are_saved_whole(harness: &Harness) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("images.tar");
    let ran = harness.run(&["build-images", "--save", file.to_str().unwrap(), "--format", "json"]);
    let saved = json(&ran.succeeds().stdout)["saved"].clone();
    assert_eq!(saved["path"], file.to_str().unwrap());
    assert_eq!(saved["bytes"], std::fs::metadata(&file).unwrap().len());
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        1,
        "nothing is left beside it"
    );
    let mut archive = tar::Archive::new(std::fs::File::open(&file).unwrap());
    let manifest = archive
        .entries()
        .unwrap()
        .map(Result::unwrap)
        .find(|entry| entry.path().unwrap().ends_with("manifest.json"))
        .unwrap();
    let manifest: serde_json::Value = serde_json::from_reader(manifest).unwrap();
    let names: BTreeSet<&str> = manifest
        .as_array()
        .unwrap()
        .iter()
        .map(|image| image["RepoTags"][0].as_str().unwrap())
        .collect();
    assert_eq!(names.len(), 17, "{names:?}");
    let listed = saved["images"].as_array().unwrap().iter();
    assert_eq!(
        listed.map(|name| name.as_str().unwrap()).collect::<BTreeSet<_>>(),
        names
    );
    assert!(names.contains("localhost/ai_system/base:latest"), "{names:?}");
    assert!(names.contains("localhost/ai_system/pc2-utility:latest"), "{names:?}");

    // A disk that is full, or a Podman that is not there: the old archive stays.
    let before = std::fs::metadata(&file).unwrap().len();
    let nowhere = harness.run(&["build-images", "--save", "/no-such-folder/images.tar"]);
    assert_eq!(nowhere.code, 2, "{nowhere:#?}");
    assert!(nowhere.stderr.contains("`/no-such-folder`"), "{}", nowhere.stderr);
    let mut running = harness.start(&["build-images", "--save", file.to_str().unwrap()]);
    crate::harness::wait_for("an archive to be begun", || {
        assert_eq!(running.try_wait().unwrap(), None, "it ended before it was interrupted");
        std::fs::read_dir(folder.path()).unwrap().count() == 2
    });
    harness.interrupt(&running);
    assert_eq!(running.wait().unwrap().code(), Some(130));
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        1,
        "nothing is left beside it"
    );
    assert_eq!(
        std::fs::metadata(&file).unwrap().len(),
        before,
        "the old archive is whole"
    );
}

/// A registry on a loopback port, with its storage in a folder that goes with it.
struct Registry {
    process: std::process::Child,
    folder: tempfile::TempDir,
    port: u16,
}

impl Registry {
    fn start(harness: &Harness) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let config = folder.path().join("config.yml");
        let storage = folder.path().join("storage");
        let text = format!(
            "version: 0.1\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: '127.0.0.1:{port}'}}\n",
            storage.display()
        );
        std::fs::write(&config, text).unwrap();
        // Podman takes a registry without TLS where it is told to.
        let insecure = format!("[[registry]]\nlocation = \"127.0.0.1:{port}\"\ninsecure = true\n");
        std::fs::write(folder.path().join("registries.conf"), insecure).unwrap();
        let process = harness
            .start_program("docker-registry", &["serve", config.to_str().unwrap()])
            .unwrap_or_else(|error| panic!("docker-registry: {error}\n  hint: run `cargo xtask test --setup`"));
        crate::harness::wait_for("the registry to listen", || {
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        Self { process, folder, port }
    }

    fn configuration(&self) -> std::path::PathBuf {
        self.folder.path().join("registries.conf")
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What a registry hands out afterwards is what is here, image by image.
fn images_are_pushed_to_a_registry(harness: &Harness) {
    let registry = Registry::start(harness);
    let there = format!("127.0.0.1:{}/ai_system", registry.port);
    let configuration = registry.configuration();
    let variables = [("CONTAINERS_REGISTRIES_CONF", configuration.as_path())];
    let ran = harness
        .run_with(&["build-images", "--push", &there, "--format", "json"], &variables)
        .succeeds();
    assert!(ran.stderr.contains("pushed 17 images, in "), "{}", ran.stderr);
    let document = json(&ran.stdout);
    assert_eq!(document["saved"], serde_json::Value::Null);
    let pushed = document["pushed"].as_array().unwrap();
    assert_eq!(pushed.len(), 17, "{document:#}");
    for image in pushed {
        // The registry hands out by that digest what it has by that name.
        let (reference, digest) = (image["reference"].as_str().unwrap(), image["digest"].as_str().unwrap());
        let (name, given) = reference.rsplit('/').next().unwrap().split_once(':').unwrap();
        let by_digest = format!("{}@{digest}", reference.strip_suffix(&format!(":{given}")).unwrap());
        assert_eq!(given, tag(name));
        assert_eq!(image["image"], format!("localhost/ai_system/{name}:{given}"));
        if ["base", "vision"].contains(&name) {
            let id = harness.podman_with(&["pull", "--quiet", &by_digest], &variables);
            assert_eq!(id, harness.image_id(name), "{by_digest}");
            harness.podman(&["image", "rm", &by_digest]);
        }
    }
    for name in ["base", "vision", "pc2-utility"] {
        let pushed = format!("{there}/{name}:latest");
        let id = harness.podman_with(&["pull", "--quiet", &pushed], &variables);
        assert_eq!(id, harness.image_id(name), "{name}");
        harness.podman(&["image", "rm", &pushed]);
    }
    drop(registry);
    let arguments = ["build-images", "vision", "--push", &there, "--format", "json"];
    let refused = harness.run_with(&arguments, &variables);
    assert_eq!(refused.code, 3, "{refused:#?}");
    assert_eq!(json(&refused.stdout)["pushed"], serde_json::json!([]));
    let error = format!("cannot push `base` to `{there}/base:latest`");
    assert!(refused.stderr.contains(&error), "{}", refused.stderr);
    assert!(refused.stderr.contains("pushed 0 images, 2 not"), "{}", refused.stderr);
}

/// `podman build` from the repository's root, with a version of uv that nobody has: pip installs the same, and says so.
fn a_lock_is_installed_by_hand_and_without_uv(harness: &Harness) {
    let image = format!("{DIRECT}/by-hand:latest");
    let mut arguments: Vec<String> = [
        "build",
        "--pull=never",
        "--network=host",
        "--layers=false",
        "--target=dependencies",
    ]
    .map(str::to_owned)
    .to_vec();
    arguments.extend(["--build-arg=UV_VERSION=999.0".to_owned(), format!("--tag={image}")]);
    if let Some(bundle) = std::env::var_os("SSL_CERT_FILE") {
        let bundle = bundle.to_string_lossy().into_owned();
        arguments.push(format!("--volume={bundle}:/run/host-ca.crt:ro"));
        arguments.push("--build-arg=PIP_CERT=/run/host-ca.crt".to_owned());
    }
    arguments.extend(["--file=docker/Dockerfile.vision", "."].map(str::to_owned));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let temporary = harness.path("target/xtask-work/tmp");
    let said = harness.podman_with(&arguments, &[("TMPDIR", &temporary)]);
    assert!(said.contains("uv 999.0 cannot be had: pip installs"), "{said}");
    let list = "import importlib.metadata as m; \
                print(sorted((d.name, d.version) for d in m.distributions() if d.name in ('pyzmq', 'PyYAML')))";
    let versions = |image: &str| {
        harness.podman(&[
            "run",
            "--rm",
            "--network=none",
            "--entrypoint=python3",
            image,
            "-c",
            list,
        ])
    };
    assert_eq!(versions(&image), versions("localhost/ai_system/vision:latest"));
    harness.podman(&["image", "rm", &image]);
}

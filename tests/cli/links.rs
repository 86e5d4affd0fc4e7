//! Links that others put into a tree or a repository: no command writes, replaces or removes anything outside through one, and each says
//! which link it is.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::EMPTY_HOST;
use crate::sandbox::Sandbox;

/// A repository beside a folder that is none of its business.
struct Beside {
    sandbox: Sandbox,
    outside: tempfile::TempDir,
}

/// What a folder holds: by path, when it was changed, its inode and its content.
type Snapshot = BTreeMap<PathBuf, (SystemTime, u64, Vec<u8>)>;

impl Beside {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        sandbox.fake_podman(EMPTY_HOST);
        Self {
            sandbox,
            outside: tempfile::tempdir().unwrap(),
        }
    }

    /// Moves what is at a path out of the repository, and puts a link in its place.
    fn move_out(&self, path: &str) {
        let from = self.sandbox.path(path);
        let name = from.file_name().unwrap();
        let to = self.outside.path().join(name);
        assert!(std::fs::rename(&from, &to).is_ok(), "{path}");
        symlink(to, from).unwrap();
    }

    fn link(&self, path: &str, target: impl AsRef<Path>) {
        let path = self.sandbox.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let _ = std::fs::remove_file(&path);
        symlink(target, path).unwrap();
    }

    fn outside(&self) -> Snapshot {
        let mut all = Snapshot::new();
        let mut folders = vec![self.outside.path().to_owned()];
        while let Some(folder) = folders.pop() {
            let found = folder.metadata().unwrap();
            all.insert(folder.clone(), (found.modified().unwrap(), found.ino(), Vec::new()));
            for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
                if entry.file_type().unwrap().is_dir() {
                    folders.push(entry.path());
                } else {
                    let (found, text) = (entry.metadata().unwrap(), std::fs::read(entry.path()).unwrap());
                    all.insert(entry.path(), (found.modified().unwrap(), found.ino(), text));
                }
            }
        }
        all
    }

    /// Runs a command that has to refuse, for this link.
    fn refuses(&self, arguments: &[&str], link: &str) {
        let before = self.outside();
        let ran = self.sandbox.run(arguments);
        let named = format!("the link `{link}` leads out of `");
        assert!(
            ran.code != 0 && ran.stderr.contains(&named),
            "{arguments:?}, {link}: {ran:#?}"
        );
        assert!(!ran.stderr.contains("panicked"), "{ran:#?}");
        assert_eq!(self.outside(), before, "{arguments:?} through {link}");
    }
}

/// A header that `render` takes for its own.
fn rendered() -> String {
    format!("# {}\n", xtask::stack::output::HEADER)
}

#[test]
fn render_writes_and_removes_nothing_through_a_link() {
    for path in [
        "docker",
        "docker/quadlet",
        "docker/quadlet/pc2",
        "docker/Dockerfile.vision",
        "config/vision.yaml",
        "config/README.md",
        "scripts",
        "scripts/deploy_pc2.sh",
    ] {
        let beside = Beside::new();
        beside.move_out(path);
        // What would be removed as left over, and what would be written anew.
        std::fs::write(beside.outside.path().join("theirs"), rendered()).unwrap();
        if beside.sandbox.path(path).is_dir() {
            std::fs::write(beside.sandbox.path(path).join("theirs.container"), rendered()).unwrap();
        }
        beside.sandbox.edit("config/stack.yaml", "172.20.0.10", "172.20.0.11");
        beside.refuses(&["render"], path);
        beside.refuses(&["render", "--check"], path);
    }
}

#[test]
fn a_link_to_nothing_outside_is_not_written_through() {
    let beside = Beside::new();
    let place = "docker/Dockerfile.vision";
    beside.link(place, beside.outside.path().join("new"));
    beside.refuses(&["render"], place);
    beside.link(place, "nowhere");
    let ran = beside.sandbox.run(&["render"]);
    ran.fails_with(4, &["docker/Dockerfile.vision`: it is a link to nothing"]);
}

#[test]
fn links_inside_the_repository_stay_links() {
    let sandbox = Sandbox::new();
    std::fs::rename(sandbox.path("docker/kube"), sandbox.path("kube")).unwrap();
    symlink("../kube", sandbox.path("docker/kube")).unwrap();
    sandbox.edit("config/stack.yaml", "172.20.0.10", "172.20.0.11");
    let ran = sandbox.run(&["render"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert!(sandbox.path("docker/kube").is_symlink());
    assert_eq!(sandbox.run(&["render", "--check"]).code, 0);
}

#[test]
fn lock_writes_and_removes_nothing_through_a_link() {
    for path in ["config/locks", "config/locks/requirements.vision.txt"] {
        let beside = Beside::new();
        beside.move_out(path);
        std::fs::write(beside.outside.path().join("letters.txt"), "dear\n").unwrap();
        if path == "config/locks" {
            std::fs::write(beside.sandbox.path(path).join("letters.txt"), "dear\n").unwrap();
        }
        beside.refuses(&["lock"], path);
        beside.refuses(&["lock", "--check"], path);
    }
}

#[test]
fn what_an_option_names_is_not_written_through_a_link_of_the_tree() {
    let beside = Beside::new();
    std::fs::write(beside.outside.path().join("there"), "precious\n").unwrap();
    for link in ["tests/ai_system/out", "tests/out"] {
        beside.link(link, beside.outside.path());
        for name in ["new", "there", "deep/new"] {
            let place = format!("{link}/{name}");
            beside.refuses(&["audit", "--write-baseline", &place], link);
            beside.refuses(&["smoke", "--phase", "1", "--format", "json", "--output", &place], link);
            beside.refuses(&["smoke", "--phase", "1", "--report", &place], link);
            beside.refuses(&["ci", "--report", &place], link);
        }
        beside.refuses(&["build-images", "--save", &format!("{link}/images.tar")], link);
    }
    // From another folder, by the long way.
    let before = beside.outside();
    let mut command = beside.sandbox.command(&["audit", "--write-baseline", "../out/new"]);
    let output = command
        .current_dir(beside.sandbox.path("tests/ai_system/main_pc_code"))
        .output()
        .unwrap();
    beside
        .sandbox
        .ran(&output)
        .fails_with(2, &["the link `tests/ai_system/out` leads out of `[REPOSITORY]`"]);
    assert_eq!(beside.outside(), before);
    // Elsewhere, a link is the user's own.
    let own = tempfile::tempdir().unwrap();
    symlink(beside.outside.path(), own.path().join("mine")).unwrap();
    let place = own.path().join("mine/baseline.json");
    let ran = beside
        .sandbox
        .run(&["audit", "--write-baseline", place.to_str().unwrap()]);
    assert!(ran.code == 0 && place.exists(), "{ran:#?}");
}

#[test]
fn fix_writes_through_links_inside_the_tree_and_leaves_what_is_outside() {
    use std::os::unix::fs::PermissionsExt as _;
    let beside = Beside::new();
    let startup = "tests/ai_system/main_pc_code/config/startup_config.yaml";
    let real = "tests/ai_system/main_pc_code/config/real.yaml";
    std::fs::rename(beside.sandbox.path(startup), beside.sandbox.path(real)).unwrap();
    let mode = std::fs::Permissions::from_mode(0o640);
    std::fs::set_permissions(beside.sandbox.path(real), mode).unwrap();
    beside.link(startup, "real.yaml");
    // The same style of paths, in a file of the tree and in one outside.
    let text = "script_path: FORMAINPC/NLLBAdapter.py\n";
    std::fs::write(beside.sandbox.path("tests/ai_system/more.yaml"), text).unwrap();
    std::fs::write(beside.outside.path().join("out.yaml"), text).unwrap();
    beside.link("tests/ai_system/out.yaml", beside.outside.path().join("out.yaml"));
    let before = beside.outside();
    let ran = beside.sandbox.run(&["audit", "--fix", "--allow-dirty"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert_eq!(beside.outside(), before, "{ran:#?}");
    assert!(beside.sandbox.path(startup).is_symlink(), "{ran:#?}");
    let fixed = "script_path: main_pc_code/FORMAINPC/NLLBAdapter.py";
    for path in [real, "tests/ai_system/more.yaml"] {
        let text = std::fs::read_to_string(beside.sandbox.path(path)).unwrap();
        assert!(text.contains(fixed), "{path}: {text}");
    }
    let mode = beside.sandbox.path(real).metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
}

#[test]
fn a_folder_outside_is_not_watched() {
    let beside = Beside::new();
    beside.move_out("tests/ai_system/pc2_code");
    beside.refuses(&["build-images", "--watch"], "pc2_code");
    let beside = Beside::new();
    beside.move_out("tests/ai_system/requirements.vision.txt");
    beside.refuses(&["build-images", "--watch"], "requirements.vision.txt");
}

#[test]
fn our_own_folder_for_work_is_no_link_out() {
    for link in ["xtask-work", "xtask-work/logs", "xtask-work/tmp"] {
        let beside = Beside::new();
        beside.link(&format!("target/{link}"), beside.outside.path());
        for arguments in [&["down"][..], &["build-images", "--dry-run"], &["lock"], &["audit"]] {
            beside.refuses(arguments, link);
        }
    }
    // The folder that cargo builds in may be on another disk.
    let beside = Beside::new();
    beside.link("target", beside.outside.path());
    let ran = beside.sandbox.run(&["render", "--check"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
}

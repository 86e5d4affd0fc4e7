//! What agents write below the root where `writable:` lets them, and what they do not.

use super::sandbox::Sandbox;

/// What an agent of a real tree does before it serves, and what it must not get away with.
const START: &str = r#"
import logging.handlers
import os

logging.basicConfig(handlers=[logging.FileHandler("work.log")], level=logging.INFO)
logging.info("started")
os.makedirs("main_pc_code/cache/deep", exist_ok=True)
with open("main_pc_code/cache/old.txt") as old, open("main_pc_code/cache/deep/new.txt", "w") as new:
    new.write(old.read())
with open("half.state", "w") as half:
    half.write("whole")
os.replace("half.state", "whole.state")
for forbidden in (
    lambda: open("main_pc_code/FORMAINPC/planted.py", "w"),
    lambda: open("unnamed.txt", "a").close() or os.rename("main_pc_code", "gone"),
    lambda: os.remove("main_pc_code/FORMAINPC/LearningAdjusterAgent.py"),
    lambda: open("main_pc_code/FORMAINPC/LearningAdjusterAgent.py", "a"),
):
    try:
        forbidden()
    except OSError:
        continue
    raise SystemExit("code can be written")
"#;

#[test]
fn agents_write_what_the_stack_names_and_no_code() {
    let sandbox = Sandbox::with(|sandbox| {
        let script = "tree/main_pc_code/FORMAINPC/LearningAdjusterAgent.py";
        let first = "\"\"\"LearningAdjusterAgent: proposes learning rates from the course of the loss.\"\"\"\n";
        sandbox.edit(script, first, &format!("{first}{START}"));
        std::fs::create_dir_all(sandbox.path("tree/main_pc_code/cache")).unwrap();
        std::fs::write(sandbox.path("tree/main_pc_code/cache/old.txt"), "of the tree").unwrap();
        let named = "    published: []\n    include: [main_pc_code/cache/old.txt]\n    writable: [work.log, main_pc_code/cache/, '*.state', '*.txt']\n";
        sandbox.edit("config/stack.yaml", "    published: []\n", named);
    });
    sandbox.run(&["up", "--strict"]).succeeds();
    assert_eq!(sandbox.agent("LearningAdjusterAgent").0, "healthy");
    let shell = |script: &str| {
        sandbox
            .output("podman", &["exec", "faults-work", "sh", "-c", script])
            .stdout
    };
    let read = "grep -c started /app/work.log; cat /app/main_pc_code/cache/deep/new.txt; echo; cat /app/whole.state; echo; \
                cat /app/data/faults-work/main_pc_code/cache/old.txt";
    assert_eq!(shell(read), "1\nof the tree\nwhole\nof the tree");
    // What is named in full outlives the container; the other group's root stays as it is.
    sandbox.run(&["down"]).succeeds();
    sandbox.run(&["up", "--strict"]).succeeds();
    assert_eq!(shell("grep -c started /app/work.log"), "2\n");
    let other = "cd /app; (: > x.state) 2>/dev/null || echo refused";
    let told = sandbox
        .output("podman", &["exec", "faults-store", "sh", "-c", other])
        .stdout;
    assert_eq!(told, "refused\n");
}

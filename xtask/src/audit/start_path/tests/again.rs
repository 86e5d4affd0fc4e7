//! What is followed once for those who look at a tree again.

use super::*;
use crate::audit::start_path::reuse::Shared;

const SCRIPT: &str = "import argparse, logging, time\n\
    logging.basicConfig(filename='alpha.log')\n\
    parser = argparse.ArgumentParser()\n\
    parser.add_argument('--port', type=int)\n\
    parser.add_argument('--health_check_port')\n\
    parser.add_argument('--name')\n\
    parser.add_argument('--level')\n\
    arguments = parser.parse_args()\n\
    if arguments.port == 5001:\n    raise RuntimeError('not there')\n\
    while True:\n    time.sleep(1)\n";

/// How many scripts are followed for predictions, which are those of who has followed nothing before.
fn followed_again(stack: &Stack, script: &str, walks: &Walks) -> usize {
    let files = [
        ("main/alpha.py", script),
        ("main/long/beta.py", GOOD),
        ("main/gamma.py", GOOD),
    ];
    let files = files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()));
    let tree = of_agents(files.to_vec(), VERSION, stack).with_paths([]);
    let disk = Disk::new(&|_| false, &|_| None);
    let shared = Shared::new(false);
    let predicted = |walks: Option<&Walks>| {
        let with = With {
            disk,
            shared: &shared,
            walks,
        };
        format!("{:#?}", predict_with(stack, &tree, with))
    };
    let before = walks.count();
    assert_eq!(predicted(None), predicted(Some(walks)));
    walks.count() - before
}

#[test]
fn nothing_is_followed_again_that_would_find_the_same() {
    let walks = Walks::default();
    let fixture = Fixture::small();
    let stack = fixture.model();
    let all = followed_again(&stack, SCRIPT, &walks);
    assert!(all >= 3, "{all}");
    assert_eq!(followed_again(&stack, SCRIPT, &walks), 0);

    let mut other = stack.clone();
    let (id, _) = other.agents().find(|(_, agent)| agent.name == "Alpha").unwrap();
    // What it is given is; so is what it may write, and the tree.
    other.agents[id.0].port = 5001;
    assert_eq!(followed_again(&other, SCRIPT, &walks), 1);
    let group = stack.agent(id).group;
    let mut other = stack.clone();
    other.groups[group.0]
        .writable
        .push(crate::stack::Writable::File("alpha.log".to_owned()));
    assert!(followed_again(&other, SCRIPT, &walks) >= 1);
    assert_eq!(followed_again(&stack, &format!("{SCRIPT}# other\n"), &walks), all);
}

//! Smoke checks for a stack that has none: what is true of every stack, phase by phase.

use std::fmt::Write as _;

use super::Draft;
use crate::stack::scalar::scalar;

const INFRASTRUCTURE: &str = "  - name: image has an ordinary user
    for_each: group
    image: {image: \"{group}\", user: {not: {matches: '^(root|0)(:|$)'}}}

  - name: network resolves names
    for_each: machine
    network: {name: \"{network}\", dns: true}

  - name: everything that the agents need is there
    for_each: group
    startup_check: {group: \"{group}\"}
";

const HEALTHY: &str = "  - name: agent of phase PHASE becomes healthy
    for_each: agent
    groups: GROUPS
    status: {agent: \"{agent}\"}
";

/// The files: path and text.
pub fn files(draft: &Draft) -> Vec<(String, String)> {
    let groups = || draft.machines.iter().flat_map(|machine| &machine.groups);
    let of_phase = |phase: u8| -> Vec<&str> {
        let of_it = groups().filter(|group| group.phase() == phase);
        of_it.map(|group| group.group.value.name.as_str()).collect()
    };
    let healthy = |phase: u8, names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| scalar(name)).collect();
        HEALTHY
            .replace("GROUPS", &format!("[{}]", names.join(", ")))
            .replace("PHASE", &phase.to_string())
    };
    let mut files = vec![file(1, "what agents stand on", INFRASTRUCTURE)];
    for (phase, about) in [
        (2, "groups that need nothing of others"),
        (3, "groups that need others"),
    ] {
        let names = of_phase(phase);
        if !names.is_empty() {
            files.push(file(phase, about, &healthy(phase, &names)));
        }
    }
    files
}

fn file(phase: u8, about: &str, checks: &str) -> (String, String) {
    let mut text = String::from("# yaml-language-server: $schema=checks.schema.json\n");
    let _ = writeln!(
        text,
        "# Smoke checks of phase {phase}: {about}. Made by `init`; yours to change and to add to.\nphase: {phase}\nchecks:\n{checks}"
    );
    text.truncate(text.trim_end().len());
    text.push('\n');
    // Where `smoke` looks for those of a stack that is rendered below `deploy/`.
    (format!("deploy/smoke/phase{phase}.yaml"), text)
}

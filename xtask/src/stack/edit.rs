//! Writes a value into the text of a stack, which a person wrote: comments and order stay.

use serde_yaml::Value;

/// The text with `key: value` in a group; nothing where the group is not written as a block, so that a person has to do it.
#[must_use]
pub fn set_in_group(text: &str, group: &str, key: &str, value: &str) -> Option<String> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let groups = lines.iter().position(|line| is_key(line, 0, "groups"))?;
    let (mut at, mut indent) = (None, None);
    for (index, line) in lines
        .iter()
        .enumerate()
        .skip(groups + 1)
        .filter(|(_, line)| is_code(line))
    {
        let own = indent_of(line);
        if own == 0 {
            break;
        }
        let level = *indent.get_or_insert(own);
        if own == level && is_key(line, level, group) {
            at = Some(index);
            break;
        }
    }
    let (at, level) = (at?, indent?);
    let inside = || {
        let below = lines.iter().enumerate().skip(at + 1).filter(|(_, line)| is_code(line));
        below.take_while(move |(_, line)| indent_of(line) > level)
    };
    let first = inside().next().map(|(_, line)| indent_of(line))?;
    let known = inside()
        .find(|(_, line)| is_key(line, first, key))
        .map(|(index, _)| index);
    match known {
        Some(index) => {
            let comment = lines[index].find(" #").map(|at| lines[index][at..].to_owned());
            lines[index] = format!("{}{key}: {value}{}", " ".repeat(first), comment.unwrap_or_default());
        }
        None => lines.insert(at + 1, format!("{}{key}: {value}", " ".repeat(first))),
    }
    let mut changed = lines.join("\n");
    if text.ends_with('\n') {
        changed.push('\n');
    }
    means_that(text, &changed, group, key, value).then_some(changed)
}

/// Whether the new text is the old one with that value, as YAML reads both.
fn means_that(old: &str, new: &str, group: &str, key: &str, value: &str) -> bool {
    let read = |text: &str| serde_yaml::from_str::<Value>(text).ok();
    let (Some(mut old), Some(mut new), Some(value)) = (read(old), read(new), read(value)) else {
        return false;
    };
    if new["groups"][group][key] != value {
        return false;
    }
    for document in [&mut old, &mut new] {
        if let Some(group) = document["groups"][group].as_mapping_mut() {
            group.remove(key);
        }
    }
    old == new
}

fn is_code(line: &str) -> bool {
    !matches!(line.trim_start().chars().next(), None | Some('#'))
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

fn is_key(line: &str, indent: usize, key: &str) -> bool {
    indent_of(line) == indent
        && line[indent..]
            .trim_start_matches(['"', '\''])
            .strip_prefix(key)
            .is_some_and(|rest| rest.trim_start_matches(['"', '\'']).trim_start().starts_with(':'))
}

#[cfg(test)]
mod tests {
    use super::set_in_group;

    const TEXT: &str = "name: x\n# about groups\ngroups:\n  core:  # the first\n    # its machine\n    machine: main\n    agents: [A]\n\n  \
                        side-b:\n      machine: main\n      memory: 1g  # enough\n      overrides:\n        B: {memory: 2m}\nvolumes: {}\n";

    #[test]
    fn a_value_is_written_and_everything_else_stays() {
        let core = set_in_group(TEXT, "core", "memory", "128m").unwrap();
        assert_eq!(
            core,
            TEXT.replace("  core:  # the first\n", "  core:  # the first\n    memory: 128m\n")
        );
        let side = set_in_group(TEXT, "side-b", "memory", "128m").unwrap();
        assert_eq!(side, TEXT.replace("memory: 1g  # enough", "memory: 128m # enough"));
    }

    #[test]
    fn what_is_not_written_as_a_block_is_left_to_a_person() {
        for text in [
            "groups: {core: {machine: main}}\n",
            "groups:\n  core: {machine: main}\n",
            "groups:\n  core:\n  other:\n    machine: main\n",
            "name: x\n",
            "groups:\n  other:\n    core:\n      x: 1\n",
            "groups:\n  core:\n    text: |\n      a\n    memory: [1,\n      2]\n",
            "x: &a {b: 1}\ngroups:\n  core: *a\n",
        ] {
            assert_eq!(set_in_group(text, "core", "memory", "1m"), None, "{text}");
        }
    }
}

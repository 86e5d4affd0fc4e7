//! What builds by hand, from the repository's root, leave out of their context, and what looks at the result once more.

use super::template::fill;
use crate::rendered_file::RenderedFile;
use crate::stack::output::WORK;
use crate::stack::{Stack, secret, selection};
use crate::template::values;

/// `.containerignore`: secrets, what tools leave behind, what the stack excludes. The last pattern that matches a path decides.
#[must_use]
pub fn ignore(stack: &Stack) -> RenderedFile {
    let any = |pattern: &&str| format!("**/{}", in_any_case(pattern));
    let mut patterns: Vec<String> = secret::SETTINGS.iter().map(any).collect();
    for word in secret::TEMPLATES {
        let word = in_any_case(word);
        patterns.extend([format!("!**/*[._-]{word}"), format!("!**/*[._-]{word}.*")]);
    }
    patterns.extend(["**/[iI][dD]_*".to_owned(), "!**/[iI][dD]_*.*".to_owned()]);
    patterns.extend(secret::SSH_KEYS.iter().map(any));
    for extension in secret::CODE.iter().chain(&["pub"]) {
        patterns.push(format!("!**/*.{}", in_any_case(extension)));
    }
    patterns.extend(secret::KEYS.iter().map(any));
    patterns.extend(secret::FOLDERS.iter().chain(secret::PATHS).map(any));
    patterns.push(format!("**/{}*", selection::WHITEOUT));
    let tools = selection::TOOL_FOLDERS.iter().chain(selection::TOOL_FILES);
    patterns.extend(tools.map(|name| format!("**/{name}")));
    // A virtual environment is told by a file in it, which no pattern asks for; this is what most are called.
    patterns.extend(["bin", "include", "lib", "lib64", "pyvenv.cfg"].map(|name| format!("**/venv/{name}")));
    let tree = tree_prefix(stack);
    patterns.extend(
        stack
            .images
            .exclude
            .iter()
            .filter_map(|pattern| excluded(&tree, pattern)),
    );
    patterns.push(match stack.output.folder() {
        None => "target".to_owned(),
        Some(_) => stack.output.at(WORK),
    });
    patterns.push(".git".to_owned());
    let mut seen = std::collections::BTreeSet::new();
    patterns.retain(|pattern| seen.insert(pattern.clone()));
    let named = selection::all_named(stack);
    patterns.extend(named.iter().map(|path| format!("!{tree}{}", escaped(path))));
    RenderedFile {
        path: stack.output.at(".containerignore"),
        text: fill(
            include_str!("../../../docker/templates/containerignore.j2"),
            &values! { header => stack.output.header(), patterns },
        ),
        executable: false,
    }
}

/// `.gitignore` of a folder of rendered files: what builds put there.
#[must_use]
pub fn git_ignore(stack: &Stack) -> RenderedFile {
    RenderedFile {
        path: stack.output.at(".gitignore"),
        text: format!("# {}\n\n/{WORK}/\n/docker/supervisor/bin/\n", stack.output.header()),
        executable: false,
    }
}

/// `docker/no_secrets.py`: what a pattern cannot tell, and what another context lets through.
#[must_use]
pub fn check(stack: &Stack) -> RenderedFile {
    let values = values! {
        header => stack.output.header(),
        program => stack.output.program(),
        folders => secret::FOLDERS,
        paths => secret::PATHS,
        keys => secret::KEYS,
        ssh_keys => secret::SSH_KEYS,
        settings => secret::SETTINGS,
        templates => secret::TEMPLATES,
        code => secret::CODE,
        head => secret::HEAD,
        named => selection::all_named(stack),
    };
    RenderedFile {
        path: stack.output.at(secret::CHECK),
        text: fill(include_str!("../../../docker/templates/no_secrets.py.j2"), &values),
        executable: false,
    }
}

/// What stands in front of a path of the tree in the context; nothing where the tree cannot be in it.
fn tree_prefix(stack: &Stack) -> String {
    match super::dockerfile::tree_argument(stack).as_str() {
        "." => String::new(),
        tree => format!("{tree}/"),
    }
}

/// A pattern of `.gitignore` as `.containerignore` has it, which knows no pattern that is good for any folder but by `**`.
fn excluded(tree: &str, pattern: &str) -> Option<String> {
    let pattern = pattern.trim_end();
    let (sign, pattern) = pattern.strip_prefix('!').map_or(("", pattern), |rest| ("!", rest));
    let pattern = pattern.trim_end_matches('/');
    if pattern.is_empty() || pattern.starts_with('#') {
        return None;
    }
    Some(match pattern.strip_prefix('/') {
        Some(anchored) => format!("{sign}{tree}{anchored}"),
        None if pattern.starts_with("**/") => format!("{sign}{pattern}"),
        None if pattern.contains('/') => format!("{sign}{tree}{pattern}"),
        None => format!("{sign}{tree}**/{pattern}"),
    })
}

/// The same pattern for letters of either case.
fn in_any_case(pattern: &str) -> String {
    let one = |c: char| match c.is_ascii_alphabetic() {
        true => format!("[{}{}]", c.to_ascii_lowercase(), c.to_ascii_uppercase()),
        false => c.to_string(),
    };
    pattern.chars().map(one).collect()
}

fn escaped(path: &str) -> String {
    path.chars()
        .flat_map(|c| {
            matches!(c, '*' | '?' | '[' | '\\')
                .then_some('\\')
                .into_iter()
                .chain([c])
        })
        .collect()
}

//! The files that a stack gives to agents as secrets: what is known of them without what they hold.

use std::collections::BTreeMap;
use std::path::Path;

use contract::secrets::variables;

use super::root::open_own;
use crate::host::system::repository::Repository;
use crate::stack::Stack;
use crate::stack::secrets::{Gives, Seen};

/// The most that Podman and clusters take, in bytes.
const MOST: u64 = 500_000;

/// Looks at each of them.
pub fn look(repository: &Repository, stack: &mut Stack) {
    if stack.groups.iter().all(|group| group.secrets.is_empty()) {
        return;
    }
    let tree = repository.path(&stack.source_tree);
    let real_tree = tree.canonicalize().ok();
    let mut known: BTreeMap<(String, bool), Seen> = BTreeMap::new();
    for group in &mut stack.groups {
        for secret in &mut group.secrets {
            let of_variables = secret.gives == Gives::Variables;
            let seen = known
                .entry((secret.file.clone(), of_variables))
                .or_insert_with(|| seen(&repository.path(&secret.file), of_variables));
            secret.seen.clone_from(seen);
            // Also where a link leads to it.
            let paths = [
                seen.path.strip_prefix(&tree).ok().map(Path::to_owned),
                real_tree
                    .as_deref()
                    .and_then(|tree| Some(seen.path.canonicalize().ok()?.strip_prefix(tree).ok()?.to_owned())),
            ];
            let paths = paths.into_iter().flatten();
            let paths = paths.map(|path| path.to_string_lossy().trim_start_matches("./").to_owned());
            stack.secrets_in_tree.extend(paths);
        }
    }
}

fn seen(path: &Path, of_variables: bool) -> Seen {
    let mut seen = Seen {
        path: path.components().collect(),
        ..Seen::default()
    };
    let bytes = match open_own(path).and_then(|file| file.read(MOST)) {
        Ok(bytes) => bytes,
        Err(error) => {
            seen.problem = Some(crate::system_error::reason(&error.into_io()));
            return seen;
        }
    };
    seen.digest = Some(blake3::hash(&bytes).to_hex().to_string());
    if bytes.is_empty() {
        seen.problem = Some("it is empty".to_owned());
    }
    if of_variables {
        match std::str::from_utf8(&bytes).map(variables) {
            Ok(Ok(found)) => seen.variables = found.into_iter().map(|(name, _)| name).collect(),
            Ok(Err(line)) => seen.problem = Some(format!("its line {} is not of the form NAME=VALUE", line.0)),
            Err(_) => seen.problem = Some("it is not UTF-8".to_owned()),
        }
        // Of no variables is of none.
        if bytes.is_empty() {
            seen.problem = None;
        }
    }
    seen
}

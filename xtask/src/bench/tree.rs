//! A tree as large multi-agent systems have them: agents, modules that they share, and strays that nothing runs any more; a
//! fifth of the files broken, each as an editor, a merge or a template breaks files.
//!
//! The same plan gives the same texts, whatever the machine. Files are made one at a time, so that a large tree never stands in
//! memory.

use super::random::Random;
use super::{breakage, python};
use crate::stack::Stack;

/// Seed of all trees.
const SEED: u64 = 0x0A1D_175E;
/// Of so many shared modules, the first are never broken: every agent stands on them, and a tree where nothing can start is
/// quick to judge.
const SOUND_MODULES: usize = 24;
/// One file of so many is broken.
const BROKEN_OF: usize = 5;
/// Modules of one folder.
const FOLDER: usize = 40;

/// A tree to be made.
#[derive(Debug, Clone)]
pub struct Plan {
    files: Vec<File>,
    modules: Vec<python::Module>,
    lines_each: usize,
}

/// One file of it.
#[derive(Debug, Clone)]
struct File {
    path: String,
    role: Role,
}

#[derive(Debug, Clone)]
enum Role {
    Agent { name: String, port: u16, health_port: u16 },
    Module(usize),
    Stray,
}

impl Plan {
    /// A tree for the agents of that stack, with that many Python files (never fewer than agents' scripts) and about that many
    /// lines.
    #[must_use]
    pub fn new(stack: &Stack, files: usize, lines: usize) -> Self {
        let code: Vec<&str> = stack
            .machines
            .iter()
            .filter_map(|machine| machine.code.first())
            .map(String::as_str)
            .collect();
        let mut planned: Vec<File> = Vec::with_capacity(files);
        for (_, agent) in stack.agents() {
            if planned.iter().all(|file| file.path != agent.script_path) {
                planned.push(File {
                    path: agent.script_path.clone(),
                    role: Role::Agent {
                        name: agent.name.clone(),
                        port: agent.port,
                        health_port: agent.health_check_port,
                    },
                });
            }
        }
        let rest = files.saturating_sub(planned.len());
        let shared = rest / 2;
        let folder_of = |index: usize| code.get(index % code.len().max(1)).copied().unwrap_or("code");
        let modules: Vec<python::Module> = (0..shared)
            .map(|index| python::Module::new(folder_of(index), index, index / FOLDER))
            .collect();
        planned.extend(modules.iter().enumerate().map(|(index, module)| File {
            path: module.path(),
            role: Role::Module(index),
        }));
        planned.extend((shared..rest).map(|index| File {
            path: format!("{}/attic/part_{}/old_{index}.py", folder_of(index), index / FOLDER),
            role: Role::Stray,
        }));
        Self {
            lines_each: lines / planned.len().max(1),
            files: planned,
            modules,
        }
    }

    /// Its Python files: path relative to the tree, and text.
    pub fn files(&self) -> impl Iterator<Item = (&str, String)> {
        self.files
            .iter()
            .enumerate()
            .map(|(index, file)| (file.path.as_str(), self.text(index, file)))
    }

    fn text(&self, index: usize, file: &File) -> String {
        let mut random = Random::new(SEED, index);
        // From a fifth of the usual length to well over it; a file's last function makes it a little longer than it was to be.
        let lines = self.lines_each / 5 + random.below(self.lines_each * 7 / 5 + 1);
        let before = match file.role {
            // Only those before it: so no import leads back.
            Role::Module(own) => self.modules.get(..own).unwrap_or_default(),
            Role::Agent { .. } | Role::Stray => &self.modules,
        };
        // The code of a machine knows its own modules.
        let known: Vec<&python::Module> = before.iter().filter(|module| module.is_beside(&file.path)).collect();
        let known = known.as_slice();
        let text = match &file.role {
            Role::Agent {
                name,
                port,
                health_port,
            } => python::agent(&mut random, name, (*port, *health_port), known, lines),
            Role::Module(own) => match self.modules.get(*own) {
                Some(module) => python::module(&mut random, module, known, lines),
                None => String::new(),
            },
            Role::Stray => python::stray(&mut random, known, lines),
        };
        let sound = matches!(file.role, Role::Module(own) if own < SOUND_MODULES);
        if index % BROKEN_OF == BROKEN_OF - 1 && !sound {
            breakage::apply(&mut random, text)
        } else {
            text
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::fixture;

    fn broken(plan: &Plan) -> usize {
        let version = pysrc::PythonVersion::USUAL;
        plan.files()
            .filter(|(_, text)| !pysrc::read(text.as_bytes(), version).parses())
            .count()
    }

    #[test]
    fn a_plan_gives_the_same_files_each_time_and_as_many_as_were_asked_for() {
        let plan = Plan::new(&fixture::Fixture::real().model(), 120, 12_000);
        let files: Vec<(&str, String)> = plan.files().collect();
        assert_eq!(files.len(), 120);
        let mut paths: Vec<&str> = files.iter().map(|(path, _)| *path).collect();
        paths.sort_unstable();
        paths.dedup();
        assert_eq!(paths.len(), 120, "a path is there twice");
        assert!(files.iter().zip(plan.files()).all(|(one, other)| *one == other));
        let lines: usize = files.iter().map(|(_, text)| text.lines().count()).sum();
        assert!((9_000..15_000).contains(&lines), "{lines} lines");
    }

    #[test]
    fn whole_files_parse_and_broken_ones_mostly_do_not() {
        let plan = Plan::new(&fixture::Fixture::real().model(), 200, 12_000);
        // Some breakage only shows when the file runs: a name cut short still parses.
        let broken = broken(&plan);
        assert!((20..=40).contains(&broken), "{broken} of 200 do not parse");
    }
}

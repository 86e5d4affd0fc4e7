//! Where the script of an agent is: relative to the tree's root, to the machine's folder or to that of the config, absolute below
//! whatever root the tree had when it was written, or a module of the import path.

use std::collections::BTreeMap;

use super::{Startup, StartupAgent, command};
use crate::finding::{Finding, Subject};
use crate::stack::tree::{Found, TreeFiles, normal};

/// Where scripts are looked for.
#[derive(Debug, Clone, Copy)]
pub struct Around<'a> {
    /// The startup config, relative to the tree.
    pub config: &'a str,
    /// The machine's code folders.
    pub code: &'a [String],
    /// The machine's import path.
    pub python_path: &'a [String],
    /// Second names of folders.
    pub aliases: &'a BTreeMap<String, String>,
    /// The tree's files.
    pub tree: &'a TreeFiles,
}

/// Gives each agent the path of its script in the tree. A path that leads out of it and to nothing that is known costs its agent.
pub fn settle(startup: &mut Startup, around: &Around<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    startup.agents.retain_mut(|agent| {
        if let Some(module) = agent.module.clone() {
            let found = around.module(&module, &agent.folders);
            if !found.is_importable
                && !around.is_file(&found.path)
                && let Some(file) = around.application(&module, agent)
            {
                agent.script_path.value = file;
                return true;
            }
            if !found.is_importable {
                agent.module = None;
            }
            agent.script_path.value = found.path;
            return true;
        }
        let written = agent.script_path.value.clone();
        if let Some(path) = around.script(&written, &agent.folders) {
            agent.script_path.value = path;
            return true;
        }
        if is_dotted(&written) {
            let found = around.module(&written, &[]);
            if found.is_importable {
                agent.module = Some(written);
                agent.script_path.value = found.path;
                return true;
            }
        }
        if !written.starts_with('/') && !written.split('/').any(|part| part == "..") {
            return true;
        }
        findings.push(
            Finding::error(
                "stack/bad-value",
                agent.script_path.place.clone(),
                format!("`script_path` `{written}` leads out of the tree"),
            )
            .about(Subject::any_agent(&agent.name.value))
            .with_help("write a path relative to the tree's root, without `..`"),
        );
        false
    });
    let left: Vec<String> = startup.agents.iter().map(|agent| agent.name.value.clone()).collect();
    for group in &mut startup.groups {
        group.agents.retain(|name| left.contains(&name.value));
    }
    startup.groups.retain(|group| !group.agents.is_empty());
    findings
}

/// The file of a module.
struct Module {
    path: String,
    /// Whether the import path leads to it, so that `-m` finds it.
    is_importable: bool,
}

impl Around<'_> {
    fn is_file(&self, path: &str) -> bool {
        matches!(self.tree.find(path, self.aliases), Found::File(_))
    }

    /// Folders that scripts may be relative to besides the root: those of the agent, of the config and above it, of the code.
    fn folders<'s>(&'s self, own: &'s [String]) -> impl Iterator<Item = &'s str> {
        let above = self.config.match_indices('/').map(|(at, _)| &self.config[..at]);
        let above: Vec<&str> = above.collect();
        let own = own.iter().map(String::as_str);
        own.chain(above.into_iter().rev())
            .chain(self.code.iter().map(String::as_str))
            .chain(self.python_path.iter().map(String::as_str))
    }

    /// The path of a script; nothing where it is nowhere.
    fn script(&self, written: &str, own: &[String]) -> Option<String> {
        let slashes = written.replace('\\', "/");
        let path = if self.is_file(written) { written } else { &slashes };
        let is_relative = !path.starts_with('/') && !path.get(1..).is_some_and(|rest| rest.starts_with(":/"));
        // As it is written, where that serves: `python3 SCRIPT` runs in the tree's root.
        let first = own
            .iter()
            .filter(|_| is_relative)
            .find_map(|folder| self.below(folder, path));
        if let Some(found) = first {
            return Some(found);
        }
        let leads_out = |path: &str| normal(path).starts_with("..");
        for candidate in [path.to_owned(), format!("{path}.py")] {
            if is_relative && !leads_out(&candidate) && self.is_file(&candidate) {
                return Some(candidate);
            }
            if is_relative && let Some(found) = self.folders(own).find_map(|folder| self.below(folder, &candidate)) {
                return Some(found);
            }
        }
        if is_relative && !leads_out(path) {
            return None;
        }
        self.suffix(path, own)
    }

    fn below(&self, folder: &str, path: &str) -> Option<String> {
        let joined = normal(&format!("{folder}/{path}"));
        (!joined.starts_with("..") && self.is_file(&joined)).then_some(joined)
    }

    /// The longest end of a path that leads out of the tree which is a file of it: `/home/me/system/main/a.py` is `main/a.py`. A
    /// name alone has to stand in the root.
    fn suffix(&self, path: &str, own: &[String]) -> Option<String> {
        let names: Vec<&str> = path.split('/').filter(|name| !["", ".", ".."].contains(name)).collect();
        (0..names.len()).find_map(|at| {
            let rest = names[at..].join("/");
            let in_own = own.iter().find_map(|folder| self.below(folder, &rest));
            let in_root = || self.is_file(&rest).then(|| rest.clone());
            let in_folder = || {
                let mut folders = self.folders(&[]);
                folders.find_map(|folder| self.below(folder, &rest))
            };
            let in_folder = || (names.len() - at > 1).then(in_folder).flatten();
            in_own.or_else(in_root).or_else(in_folder)
        })
    }

    /// The file of the application that a server of a package is given.
    fn application(&self, server: &str, agent: &StartupAgent) -> Option<String> {
        let module = command::application(&agent.arguments).filter(|_| command::is_server(server))?;
        let found = self.module(module, &agent.folders).path;
        // An application may be a package.
        let package = || {
            let stem = module.replace('.', "/");
            let file = format!("{stem}/__init__.py");
            let mut folders = std::iter::once(".").chain(self.folders(&agent.folders));
            folders.find_map(|folder| self.below(folder, &file))
        };
        if self.is_file(&found) { Some(found) } else { package() }
    }

    fn module(&self, module: &str, own: &[String]) -> Module {
        let stem = module.trim_matches('.').replace('.', "/");
        let files = [format!("{stem}.py"), format!("{stem}/__main__.py")];
        // The working directory is the root, which `-m` looks in first.
        let roots = std::iter::once(".").chain(self.python_path.iter().map(String::as_str));
        let importable = roots
            .flat_map(|root| files.iter().map(move |file| (root, file)))
            .find_map(|(root, file)| self.below(root, file));
        if let Some(path) = importable {
            return Module {
                path,
                is_importable: true,
            };
        }
        let elsewhere = self.folders(own).find_map(|folder| self.below(folder, &files[0]));
        Module {
            path: elsewhere.unwrap_or_else(|| files[0].clone()),
            is_importable: false,
        }
    }
}

/// Whether a text is the name of a module in a package.
fn is_dotted(text: &str) -> bool {
    let name = |part: &str| {
        part.starts_with(|c: char| c.is_alphabetic() || c == '_')
            && part.chars().all(|c| c.is_alphanumeric() || c == '_')
    };
    text.contains('.') && text.split('.').all(name)
}

#[cfg(test)]
mod tests {
    use crate::stack::TreeFiles;
    use crate::stack::fixture::{Fixture, MAIN};

    /// The script and the module of an agent that is written with that key and value.
    fn of(entry: &str) -> Result<(String, Option<String>), String> {
        let config = "main/config/startup.yaml";
        let mut fixture = Fixture::small().text(config, &format!("all:\n- {{name: Alpha, {entry}, port: 5000}}\n"));
        fixture.stack = format!("machines:\n  main:\n    startup_config: {config}\n").into_bytes();
        fixture.tree = TreeFiles::new([
            config,
            MAIN,
            "top.py",
            "main/agents/a.py",
            "main/agents/pack/__main__.py",
            "main/config/beside.py",
            "other/agents/b.py",
            "requirements.txt",
        ]);
        let (stack, findings) = fixture.load();
        let said = findings
            .iter()
            .map(|finding| format!("{}: {}", finding.rule, finding.message));
        let said: Vec<String> = said.collect();
        let stack = stack.expect("a stack");
        match stack.agents.first() {
            Some(agent) if said.is_empty() => Ok((agent.script_path.clone(), agent.module.clone())),
            _ => Err(said.join("\n")),
        }
    }

    fn script(written: &str) -> Result<String, String> {
        of(&format!("script_path: {written}")).map(|(path, _)| path)
    }

    #[test]
    fn scripts_are_relative_to_the_root_the_machine_or_the_config() {
        for (written, path) in [
            ("main/agents/a.py", "main/agents/a.py"),
            ("./main/agents/a.py", "./main/agents/a.py"),
            ("agents/a.py", "main/agents/a.py"),
            ("beside.py", "main/config/beside.py"),
            ("../agents/a.py", "main/agents/a.py"),
            ("../../other/agents/b.py", "other/agents/b.py"),
            ("agents/a", "main/agents/a.py"),
            ("'main\\agents\\a.py'", "main/agents/a.py"),
            ("top.py", "top.py"),
        ] {
            assert_eq!(script(written), Ok(path.to_owned()), "{written}");
        }
    }

    #[test]
    fn absolute_scripts_are_below_whatever_root_they_were_written_for() {
        for (written, path) in [
            ("/home/me/system/main/agents/a.py", "main/agents/a.py"),
            ("/app/top.py", "top.py"),
            ("/srv/agents/a.py", "main/agents/a.py"),
            ("'C:\\system\\other\\agents\\b.py'", "other/agents/b.py"),
        ] {
            assert_eq!(script(written), Ok(path.to_owned()), "{written}");
        }
        let said = script("/etc/passwd").unwrap_err();
        assert!(said.contains("`/etc/passwd` leads out of the tree"), "{said}");
        let said = script("../../../a.py").unwrap_err();
        assert!(said.contains("leads out of the tree"), "{said}");
        let said = script("main/agents/none.py").unwrap_err();
        assert!(said.starts_with("stack/missing-script"), "{said}");
    }

    #[test]
    fn what_a_server_is_given_is_the_script() {
        let of_command = |command: &str| of(&format!("command: '{command}'"));
        let is = |path: &str, module: &str| Ok((path.to_owned(), Some(module.to_owned())));
        assert_eq!(
            of_command("uvicorn agents.a:app --port 5000"),
            is("main/agents/a.py", "uvicorn")
        );
        assert_eq!(
            of_command("python -m gunicorn main.agents.a:app"),
            is("main/agents/a.py", "gunicorn")
        );
        let said = of_command("python -m uvicorn nowhere:app").unwrap_err();
        assert!(said.contains("`uvicorn.py` is not in the tree"), "{said}");
    }

    #[test]
    fn modules_are_found_by_the_import_path() {
        let module = |entry: &str| of(entry).map(|(path, module)| (path, module.unwrap_or_default()));
        let is = |path: &str, module: &str| Ok((path.to_owned(), module.to_owned()));
        assert_eq!(module("module: main.agents.a"), is("main/agents/a.py", "main.agents.a"));
        assert_eq!(module("module: agents.a, class: A"), is("main/agents/a.py", "agents.a"));
        assert_eq!(
            module("module: agents.pack"),
            is("main/agents/pack/__main__.py", "agents.pack")
        );
        assert_eq!(module("module: 'agents.a:main'"), is("main/agents/a.py", "agents.a"));
        assert_eq!(module("module: agents/a.py"), is("main/agents/a.py", ""));
        assert_eq!(
            module("script_path: main.agents.a"),
            is("main/agents/a.py", "main.agents.a")
        );
        // Not on the import path: run as a file.
        assert_eq!(module("module: beside"), is("main/config/beside.py", ""));
        let said = module("module: agents.none").unwrap_err();
        assert!(said.contains("`agents/none.py` is not in the tree"), "{said}");
    }
}

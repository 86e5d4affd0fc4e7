//! The start-up check: scripts, interpreter, required modules, dependencies, each one line, before anything is started.
//!
//! Modules are looked for as files on the interpreter's search path, which takes well under a millisecond; only for those
//! not found that way (built-in, or in an unusual place) one interpreter is asked, while the agents start.

use std::path::{Path, PathBuf};

use contract::group_config::GroupConfig;
use contract::status::StartupCheck;

use crate::address::Target;
use crate::gpu;
use crate::machine::plan::AgentId;
use crate::spawn::find_program;

/// What the check found.
#[derive(Debug, Default)]
pub struct Report {
    /// The lines.
    pub checks: Vec<StartupCheck>,
    /// Agents that cannot be started, with the reason.
    pub unstartable: Vec<(AgentId, String)>,
    /// For each failed line that no agent stands for, whether a required agent needs what is missing.
    pub failures: Vec<bool>,
    /// The interpreter.
    pub python: Option<PathBuf>,
    /// Modules that only the interpreter can tell about.
    pub unknown_modules: Vec<String>,
    /// Whether PyTorch is there to be asked for the GPU that the group was given.
    pub asks_torch: bool,
}

/// Makes the check.
#[must_use]
pub fn check(config: &GroupConfig, variable: impl Fn(&str) -> Option<String>) -> Report {
    let mut report = Report::default();
    check_python(config, &variable, &mut report);
    for (id, agent) in config.agents.iter().enumerate().filter(|(_, agent)| !agent.left_out) {
        let name = format!("script {}", agent.script_path);
        match script_problem(config, &agent.script_path) {
            None => report.line(name, true, String::new()),
            Some(problem) => {
                let reason = format!("start-up check: script {}: {problem}", agent.script_path);
                report.unstartable.push((id, reason));
                report.line(name, false, format!("{problem}; {} is not started", agent.name));
            }
        }
    }
    check_modules(config, &mut report);
    check_gpu(config, &variable, Path::new("/"), &mut report);
    check_dependencies(config, &variable, &mut report);
    report
}

impl Report {
    fn line(&mut self, name: String, ok: bool, detail: String) {
        self.checks.push(StartupCheck { name, ok, detail });
    }
}

/// One line for the log.
#[must_use]
pub fn describe(check: &StartupCheck) -> String {
    let StartupCheck { name, ok, detail } = check;
    match (*ok, detail.is_empty()) {
        (true, true) => format!("check ok   {name}"),
        (true, false) => format!("check ok   {name}: {detail}"),
        (false, _) => format!("check FAIL {name}: {detail}"),
    }
}

/// The line about a module.
#[must_use]
pub fn module_check(module: &str, found: bool) -> StartupCheck {
    StartupCheck {
        name: format!("module {module}"),
        ok: found,
        detail: if found {
            String::new()
        } else {
            "not importable; add its package to the image's requirements".to_owned()
        },
    }
}

/// Words for the interpreter to print which of the modules it cannot find, then `done`.
#[must_use]
pub fn module_question(modules: &[String]) -> Vec<String> {
    const LINE: &str = "import sys,importlib.util as u\n\
        def f(m):\n try: return u.find_spec(m) is not None\n except Exception: return False\n\
        [print(m) for m in sys.argv[1:] if not f(m)]\nprint('done')";
    let mut words = vec!["-c".to_owned(), LINE.to_owned()];
    words.extend(modules.iter().cloned());
    words
}

/// Why a script cannot be started.
#[must_use]
pub fn script_problem(config: &GroupConfig, script: &str) -> Option<String> {
    let path = Path::new(&config.working_directory).join(script);
    match std::fs::metadata(&path) {
        Ok(meta) if meta.is_file() => None,
        Ok(_) => Some(format!("`{}` is not a file", path.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some(format!(
            "`{}` does not exist; correct `script_path`, or add the file to the tree",
            path.display()
        )),
        Err(error) => Some(format!("cannot read `{}`: {error}", path.display())),
    }
}

fn check_python(config: &GroupConfig, variable: &impl Fn(&str) -> Option<String>, report: &mut Report) {
    let name = format!("interpreter {}", config.python);
    report.python = find_program(&config.python, variable("PATH").as_deref());
    let folder = Path::new(&config.working_directory);
    if let Some(python) = &report.python {
        let found = python.display().to_string();
        let detail = Some(found).filter(|found| *found != config.python);
        report.line(name, true, detail.unwrap_or_default());
    } else {
        let problem = "not found or not executable; set `python` in the group config, or install it";
        for id in 0..config.agents.len() {
            let reason = format!("start-up check: {name}: {problem}");
            report.unstartable.push((id, reason));
        }
        report.line(name, false, problem.to_owned());
    }
    if !folder.is_dir() {
        report.line(
            format!("folder {}", config.working_directory),
            false,
            "the working directory does not exist; mount or copy the tree there".to_owned(),
        );
    }
}

fn check_modules(config: &GroupConfig, report: &mut Report) {
    if config.required_modules.is_empty() {
        return;
    }
    let Some(python) = report.python.clone() else {
        return;
    };
    let folders = search_path(config, &python);
    for module in &config.required_modules {
        if has_module(&folders, module) {
            report.checks.push(module_check(module, true));
        } else {
            report.unknown_modules.push(module.clone());
        }
    }
}

/// The GPU that the group was given, where its agents are to use one.
fn check_gpu(config: &GroupConfig, variable: &impl Fn(&str) -> Option<String>, root: &Path, report: &mut Report) {
    let Some(gpu) = config.gpu.filter(|_| gpu::is_wanted(variable("ENABLE_GPU").as_deref())) else {
        return;
    };
    let seen = gpu::look(root);
    let failed = seen.checks.iter().filter(|check| !check.ok).map(|_| gpu.required);
    report.failures.extend(failed);
    report.asks_torch = seen.there
        && report
            .python
            .as_ref()
            .is_some_and(|python| has_module(&search_path(config, python), "torch"));
    report.checks.extend(seen.checks);
}

/// Where the interpreter looks for modules, as far as that can be told without starting it.
fn search_path(config: &GroupConfig, python: &Path) -> Vec<PathBuf> {
    let root = Path::new(&config.working_directory);
    let mut folders: Vec<PathBuf> = config.python_path.iter().map(|folder| root.join(folder)).collect();
    let resolved = std::fs::canonicalize(python).unwrap_or_else(|_| python.to_owned());
    // `python3.11`: other versions' folders beside it are none of its.
    let version = resolved
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .filter(|name| name.starts_with("python3."));
    let Some(version) = version else {
        return folders;
    };
    let prefixes = [python, resolved.as_path()]
        .into_iter()
        .filter_map(|file| file.parent()?.parent());
    for prefix in prefixes {
        let lib = prefix.join("lib").join(&version);
        folders.push(lib.join("site-packages"));
        folders.push(lib.join("lib-dynload"));
        folders.push(lib);
        // Debian's own packages, and what pip adds to Debian's Python.
        folders.push(prefix.join("lib/python3/dist-packages"));
        folders.push(prefix.join("local/lib").join(&version).join("dist-packages"));
    }
    folders
}

fn has_module(folders: &[PathBuf], module: &str) -> bool {
    let path = module.replace('.', "/");
    let (parent, last) = path.rsplit_once('/').unwrap_or(("", &path));
    folders.iter().any(|folder| {
        folder.join(&path).join("__init__.py").is_file()
            || folder.join(format!("{path}.py")).is_file()
            || has_extension_module(&folder.join(parent), last)
    })
}

fn has_extension_module(folder: &Path, name: &str) -> bool {
    let start = format!("{name}.");
    std::fs::read_dir(folder).is_ok_and(|entries| {
        entries.flatten().any(|entry| {
            let file = entry.file_name();
            let file = file.to_string_lossy();
            file.starts_with(&start) && file.ends_with(".so")
        })
    })
}

fn check_dependencies(config: &GroupConfig, variable: &impl Fn(&str) -> Option<String>, report: &mut Report) {
    let mut seen = Vec::new();
    for agent in &config.agents {
        let waits = agent.waits_for.iter().flatten();
        for name in agent.dependencies.iter().chain(waits) {
            if seen.contains(&name.as_str()) {
                continue;
            }
            seen.push(name);
            let required = config.agents.iter().any(|agent| {
                agent.required
                    && (agent.dependencies.contains(name)
                        || agent.waits_for.iter().flatten().any(|other| other == name))
            });
            check_dependency(config, name, required, variable, report);
        }
    }
}

fn check_dependency(
    config: &GroupConfig,
    name: &str,
    required: bool,
    variable: &impl Fn(&str) -> Option<String>,
    report: &mut Report,
) {
    let title = format!("dependency {name}");
    if config.agents.iter().any(|agent| agent.name == name) {
        report.line(title, true, "in this group".to_owned());
        return;
    }
    let elsewhere = config
        .dependencies_elsewhere
        .iter()
        .find(|dependency| dependency.name == name);
    if let Some(dependency) = elsewhere {
        match Target::parse(&dependency.host, dependency.health_check_port, variable) {
            Ok(target) => report.line(
                title,
                true,
                format!("{} {} at {target}", dependency.machine, dependency.group),
            ),
            Err(problem) => {
                report.failures.push(required);
                report.line(title, false, format!("{problem}; whoever waits for it never starts"));
            }
        }
        return;
    }
    let absent = config.absent_dependencies.iter().find(|a| a.name == name);
    let fallback = absent.and_then(|absent| absent.fallback.as_ref());
    let (ok, detail) = match fallback {
        Some(script) => match script_problem(config, script) {
            None => (true, format!("not defined; its fallback is {script}")),
            Some(problem) => (false, format!("not defined, and its fallback: {problem}")),
        },
        None => (
            false,
            "nothing defines it and it has no fallback; define it, or declare a fallback".to_owned(),
        ),
    };
    if !ok {
        report.failures.push(required);
    }
    report.line(title, ok, detail);
}

#[cfg(test)]
mod tests {
    use contract::group_config::GroupConfig;

    use super::{Report, check, describe};

    fn report(folder: &std::path::Path, rest: &str) -> Report {
        let text = format!("working_directory: {}\n{rest}", folder.display());
        let config: GroupConfig = serde_saphyr::from_str(&text).unwrap();
        check(&config, |name| std::env::var(name).ok())
    }

    fn lines(report: &Report) -> String {
        let lines: Vec<String> = report.checks.iter().map(describe).collect();
        lines.join("\n")
    }

    #[test]
    fn scripts_and_dependencies() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.py"), "").unwrap();
        std::fs::create_dir(folder.path().join("b.py")).unwrap();
        let report = report(
            folder.path(),
            "python: sh\nagents:\n\
             - {name: A, script_path: a.py, port: 10, dependencies: [B, Far, Ghost, Spirit, Odd]}\n\
             - {name: B, script_path: b.py, port: 20, required: false, dependencies: [Soul]}\n\
             - {name: C, script_path: c.py, port: 30}\n\
             dependencies_elsewhere:\n\
             - {name: Far, machine: pc2, group: memory, host: 10.0.0.1, health_check_port: 7}\n\
             - {name: Odd, machine: pc2, group: memory, host: '${NO_SUCH_VARIABLE}', health_check_port: 8}\n\
             absent_dependencies:\n- {name: Ghost, fallback: a.py}\n- {name: Spirit}\n",
        );
        let all = lines(&report);
        for line in [
            "check ok   script a.py",
            "is not a file; B is not started",
            "check FAIL script c.py: ",
            "check ok   dependency B: in this group",
            "check ok   dependency Far: pc2 memory at 10.0.0.1:7",
            "check ok   dependency Ghost: not defined; its fallback is a.py",
            "check FAIL dependency Spirit: nothing defines it",
            "check FAIL dependency Odd: environment variable `NO_SUCH_VARIABLE` is not set",
            "check FAIL dependency Soul",
        ] {
            assert!(all.contains(line), "no `{line}` in\n{all}");
        }
        let ids: Vec<usize> = report.unstartable.iter().map(|(id, _)| *id).collect();
        assert_eq!(ids, [1, 2]);
        assert_eq!(report.failures, [true, true, false]);
    }

    #[test]
    fn modules_are_found_as_files() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("pkg/sub")).unwrap();
        std::fs::create_dir_all(folder.path().join("bin")).unwrap();
        let write = |name: &str| std::fs::write(folder.path().join(name), "").unwrap();
        write("pkg/__init__.py");
        write("pkg/sub/__init__.py");
        write("one.py");
        write("fast.cpython-311-x86_64-linux-gnu.so");
        let report = report(
            folder.path(),
            "python: sh\npython_path: [.]\nrequired_modules: [pkg, pkg.sub, one, fast, sys]\n\
             agents: [{name: A, script_path: one.py, port: 10}]\n",
        );
        assert_eq!(report.unknown_modules, ["sys"]);
        assert_eq!(report.checks.iter().filter(|check| check.ok).count(), 6);
    }

    #[test]
    fn a_gpu_is_looked_for_where_the_group_was_given_one_and_agents_are_to_use_it() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::write(root.join("a.py"), "").unwrap();
        let looked = |gpu: &str, enabled: Option<&str>| {
            let text = format!(
                "working_directory: {}\npython: sh\npython_path: [.]\n{gpu}agents: [{{name: A, script_path: a.py, port: 10}}]\n",
                root.display()
            );
            let config: GroupConfig = serde_saphyr::from_str(&text).unwrap();
            let variable = |name: &str| match name {
                "ENABLE_GPU" => enabled.map(str::to_owned),
                other => std::env::var(other).ok(),
            };
            let mut report = Report {
                python: Some("/bin/sh".into()),
                ..Report::default()
            };
            super::check_gpu(&config, &variable, root, &mut report);
            report
        };
        for (gpu, enabled) in [("", Some("true")), ("gpu: {}\n", None), ("gpu: {}\n", Some("false"))] {
            assert!(looked(gpu, enabled).checks.is_empty(), "{gpu} {enabled:?}");
        }
        let missing = looked("gpu: {}\n", Some("true"));
        assert_eq!(
            (missing.checks.len(), missing.failures, missing.asks_torch),
            (2, vec![false, false], false)
        );
        assert_eq!(looked("gpu: {required: true}\n", Some("true")).failures, [true, true]);
        // Nobody asks PyTorch where there is none.
        std::fs::create_dir(root.join("dev")).unwrap();
        std::fs::write(root.join("dev/kfd"), "").unwrap();
        let there = looked("gpu: {}\n", Some("true"));
        assert!(there.failures.is_empty() && !there.asks_torch);
        std::fs::create_dir(root.join("torch")).unwrap();
        std::fs::write(root.join("torch/__init__.py"), "").unwrap();
        assert!(looked("gpu: {}\n", Some("true")).asks_torch);
    }

    #[test]
    fn without_an_interpreter_nothing_starts() {
        let folder = tempfile::tempdir().unwrap();
        let report = report(
            folder.path(),
            "python: /no/python\nagents: [{name: A, script_path: a, port: 10}]\n",
        );
        assert!(report.unstartable[0].1.contains("/no/python"));
        assert!(lines(&report).contains("check FAIL interpreter /no/python"));
    }
}

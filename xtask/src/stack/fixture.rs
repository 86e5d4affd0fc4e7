//! Stacks for tests: a small one to break in every way, and the real `config/stack.yaml` with a tree made up around it.

use std::collections::BTreeMap;

use super::{Files, FilesError, Stack, TreeFiles, Written};
use crate::finding::{Finding, Severity};

/// Path of a startup config in the trees made here.
pub const MAIN: &str = "main/startup.yaml";
/// The same of the second machine.
pub const PC2: &str = "pc2/startup.yaml";

/// A stack and its tree in memory.
#[derive(Debug, Clone)]
pub struct Fixture {
    /// `stack.yaml`.
    pub stack: Vec<u8>,
    /// Files with a content that is read.
    pub texts: BTreeMap<String, Vec<u8>>,
    /// All files.
    pub tree: TreeFiles,
    /// `--tree`.
    pub given: Option<String>,
}

impl Files for Fixture {
    fn list(&self, source_tree: &str) -> Result<TreeFiles, FilesError> {
        if source_tree.contains("nowhere") {
            return Err(FilesError::Other("no such folder".into()));
        }
        Ok(self.tree.clone())
    }

    fn read(&self, _: &str, path: &str) -> Result<Vec<u8>, FilesError> {
        self.texts.get(path).cloned().ok_or(FilesError::NoFile)
    }
}

const STACK: &str = "\
version: 1
name: sys
source_tree: tree
images:
  namespace: localhost/sys
  base_image: docker.io/library/python:3.11-slim
status_port: 9000
machines:
  main:
    startup_config: main/startup.yaml
    code: [main]
    lan_address: 192.168.1.101
    address_variable: MAIN_IP
    network: {name: sys_main, subnet: 172.20.0.0/16}
    health_port_offset: 2000
    path_aliases: {SHORT: main/long}
  pc2:
    startup_config: pc2/startup.yaml
    code: [pc2]
    lan_address: 192.168.1.102
    address_variable: PC2_IP
    network: {name: sys_pc2, subnet: 172.21.0.0/16}
    health_port_offset: 1000
fallbacks:
  Ghost: main/ghost.py
groups:
  core:
    machine: main
    address: 172.20.0.10
    phase: 2
    published_status_port: 19101
    agents: [Alpha, Beta]
  side:
    machine: main
    address: 172.20.0.20
    phase: 3
    published_status_port: 19102
    agents: [Gamma]
  far:
    machine: pc2
    address: 172.21.0.10
    phase: 4
    published_status_port: 19201
    agents: [Delta]
";

const MAIN_TEXT: &str = "\
core:
  - name: Alpha
    script_path: main/alpha.py
    port: 5000
  - name: Beta
    script_path: SHORT/beta.py
    port: 5001
    dependencies: [Alpha, Ghost]
side:
  - {name: Gamma, script_path: main/gamma.py, port: 5002, dependencies: [Beta]}
environment:
  LOG_LEVEL: INFO
  DEBUG: true
  PYTHONPATH: /somewhere
resource_limits: {memory_mb: 100, max_threads: 4, cpu_percent: 80}
health_checks: {interval_seconds: 10, timeout_seconds: 2.5, retries: 4}
";

const PC2_TEXT: &str = "\
pc2_services:
  - {name: Delta, script_path: pc2/delta.py, port: 7100, dependencies: [Alpha]}
";

impl Fixture {
    /// The small stack, with nothing wrong but one declared fallback.
    pub fn small() -> Self {
        let texts = BTreeMap::from([
            (MAIN.to_owned(), MAIN_TEXT.as_bytes().to_vec()),
            (PC2.to_owned(), PC2_TEXT.as_bytes().to_vec()),
        ]);
        Self {
            stack: STACK.as_bytes().to_vec(),
            texts,
            tree: TreeFiles::new([
                MAIN,
                PC2,
                "main/alpha.py",
                "main/long/beta.py",
                "main/gamma.py",
                "main/ghost.py",
                "pc2/delta.py",
                "requirements.core.txt",
                "requirements.side.txt",
                "requirements.far.txt",
            ]),
            given: None,
        }
    }

    /// The real `config/stack.yaml`, with a tree of all its agents: `agents.tsv`, MainPC's as keys with lists in block
    /// style, PC2's as one list in flow style.
    pub fn real() -> Self {
        let mut fixture = Self {
            stack: include_bytes!("../../../config/stack.yaml").to_vec(),
            texts: BTreeMap::new(),
            tree: TreeFiles::default(),
            given: None,
        };
        let (mut main, mut pc2) = (String::new(), "pc2_services:\n".to_owned());
        let mut group = "";
        for line in include_str!("agents.tsv").lines().skip(1) {
            let fields: Vec<&str> = line.split('\t').collect();
            let [machine, own, name, script, port, health, dependencies] = fields[..] else {
                panic!("{line}")
            };
            let dependencies = dependencies.replace('-', "").replace(',', ", ");
            if machine == "mainpc" {
                if own != group {
                    main.push_str(&format!("{}:\n", own.replace('-', "_")));
                }
                main.push_str(&format!(
                    "  - name: {name}\n    script_path: {script}\n    host: 0.0.0.0\n    port: {port}\n    \
                     health_check_port: {health}\n    required: true\n    dependencies: [{dependencies}]\n"
                ));
            } else {
                pc2.push_str(&format!(
                    "  - {{name: {name}, script_path: {script}, host: 0.0.0.0, port: {port}, \
                     health_check_port: {health}, dependencies: [{dependencies}], required: true}}\n"
                ));
            }
            group = own;
            let file = script
                .strip_prefix("FORMAINPC/")
                .map_or_else(|| script.to_owned(), |rest| format!("main_pc_code/FORMAINPC/{rest}"));
            fixture.tree.files.insert(file);
            fixture.tree.files.insert(format!("requirements.{own}.txt"));
        }
        fixture
            .tree
            .files
            .insert("requirements.gpu-services.gpu.txt".to_owned());
        main.push_str(
            "environment: {LOG_LEVEL: INFO, ENABLE_METRICS: 'true'}\n\
             resource_limits: {memory_mb: 256, max_threads: 8}\n\
             health_checks: {interval_seconds: 30, timeout_seconds: 10, retries: 3}\n",
        );
        pc2.push_str("resource_limits:\n  memory_mb: 128\n  max_threads: 8\n");
        fixture
            .tree
            .files
            .insert("main_pc_code/agents/needtoverify/fixed_streaming_translation.py".to_owned());
        for (path, text) in [("main_pc_code", main), ("pc2_code", pc2)] {
            let path = format!("{path}/config/startup_config.yaml");
            fixture.tree.files.insert(path.clone());
            fixture.texts.insert(path, text.into_bytes());
        }
        fixture
    }

    /// The same with a text of the stack replaced.
    pub fn stack(mut self, from: &str, to: &str) -> Self {
        self.stack = replaced(&self.stack, from, to);
        self
    }

    /// The same with a text of a file of the tree replaced.
    pub fn file(mut self, path: &str, from: &str, to: &str) -> Self {
        let text = replaced(&self.texts[path], from, to);
        self.texts.insert(path.to_owned(), text);
        self
    }

    /// The same with another text in a file of the tree.
    pub fn text(mut self, path: &str, text: &str) -> Self {
        self.texts.insert(path.to_owned(), text.as_bytes().to_vec());
        self.tree.files.insert(path.to_owned());
        self
    }

    /// The same without a file.
    pub fn without(mut self, path: &str) -> Self {
        assert!(self.tree.files.remove(path), "{path} is not there");
        self.texts.remove(path);
        self
    }

    /// Loads it.
    pub fn load(&self) -> (Option<Stack>, Vec<Finding>) {
        Written::read("config/stack.yaml", &self.stack, self.given.as_deref()).load(self)
    }

    /// The stack, where there is one.
    pub fn model(&self) -> Stack {
        match self.load() {
            (Some(stack), _) => stack,
            (None, findings) => panic!("{findings:#?}"),
        }
    }

    /// The findings as lines; the one that the small stack always has is left out.
    pub fn says(&self) -> Vec<String> {
        self.load()
            .1
            .iter()
            .map(line)
            .filter(|line| !line.contains("which nothing defines; help: `main/ghost.py`"))
            .collect()
    }
}

fn replaced(text: &[u8], from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8_lossy(text);
    assert_eq!(text.matches(from).count(), 1, "`{from}` in\n{text}");
    text.replace(from, to).into_bytes()
}

/// A finding as one line.
pub fn line(finding: &Finding) -> String {
    let severity = match finding.severity {
        Severity::Note => "note",
        Severity::Warning => "warning",
        Severity::Error => "error",
    };
    let place = &finding.place;
    let mut line = format!(
        "{}:{}:{} {severity} {}: {}",
        place.path, place.line, place.column, finding.rule, finding.message
    );
    for related in &finding.related {
        line.push_str(&format!(
            "; {} at {}:{}",
            related.label, related.place.line, related.place.column
        ));
    }
    if let Some(help) = &finding.help {
        line.push_str(&format!("; help: {help}"));
    }
    line
}

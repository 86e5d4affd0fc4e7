//! Tests of the rules: a fixture for each, and the proof that every rule has one and is documented.

use std::collections::BTreeSet;

use super::pipeline::{self, Input};
use super::scope::Scope;
use super::{Prediction, Report, rules};
use crate::finding::Finding;
use crate::python::disk::Disk;
use crate::python::facts::Odd;
use crate::python::tree::{Content, Entry};
use crate::stack::Stack;
use crate::stack::audit::Excluded;
use crate::stack::fixture::{Fixture, MAIN};

/// A rule with files that break it, on top of the small stack, and what is said: `path:line:column: message`.
struct Case {
    rule: &'static str,
    files: &'static [(&'static str, &'static str)],
    says: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case {
        rule: "paths/home-folder",
        files: &[
            (
                "main/x.py",
                "A = '/home/ana/ai/x.txt'\nB = \"~/models\"\nC = '/homework/x'\n\"\"\"/home/ana/doc\"\"\"\n",
            ),
            ("run.sh", "# /home/ana/x\ncd /home/ana/ai\n"),
        ],
        says: &[
            "tree/main/x.py:1:6: `/home/ana/ai/x.txt` is a path in the home of `ana`",
            "tree/main/x.py:2:6: `~/models` is a path in the home folder of whoever runs it",
            "tree/run.sh:2:4: `/home/ana/ai` is a path in the home of `ana`",
        ],
    },
    Case {
        rule: "paths/windows-drive",
        files: &[
            ("main/x.yaml", "a: D:/ai/models\nb: https://x.y/z\n"),
            ("main/x.py", "A = r'C:\\ai\\x.txt'\n"),
        ],
        says: &[
            "tree/main/x.py:1:7: `C:\\ai\\x.txt` is a path on the Windows drive C:",
            "tree/main/x.yaml:1:4: `D:/ai/models` is a path on the Windows drive D:",
        ],
    },
    Case {
        rule: "paths/absolute-project",
        files: &[(
            "main/x.py",
            "A = '/opt/ai/main/alpha.py'\nB = '/app/main/alpha.py'\nC = '/opt/other/alpha.py'\n",
        )],
        says: &["tree/main/x.py:1:6: `/opt/ai/main/alpha.py` is an absolute path to the project"],
    },
    Case {
        rule: "paths/missing",
        files: &[(
            "main/x.py",
            "A = 'main/gone.py'\nB = 'main/alpha.py'\nC = 'SHORT/beta.py'\nD = 'main/{}.py'\n",
        )],
        says: &["tree/main/x.py:1:6: `main/gone.py` exists nowhere in the tree"],
    },
    Case {
        rule: "paths/style",
        files: &[(
            "main/x.py",
            "A = 'main/long/beta.py'\nB = '/opt/ai/main/long/beta.py'\nC = 'long/beta.py'\n",
        )],
        says: &[
            "tree/main/startup.yaml:6:18: `main/long` is written in 4 ways: `main/long/…` (1), `SHORT/…` (1), `long/…` (1), `/opt/ai/main/long/…` (1)",
        ],
    },
    Case {
        rule: "imports/dynamic",
        files: &[
            (
                "main/alpha.py",
                "import importlib\nimport helper\nimportlib.import_module(helper.NAME)\n",
            ),
            ("main/unused.py", "__import__(name)\n"),
        ],
        says: &["tree/main/alpha.py:3:1: the module that `import_module` is given cannot be followed"],
    },
    Case {
        rule: "ports/param-other-agent",
        files: &[(
            MAIN,
            "core:\n  - name: Alpha\n    script_path: main/alpha.py\n    port: 5000\n    params: {beta_port: 5002}\n  - {name: Beta, script_path: SHORT/beta.py, port: 5001}\nside:\n  - {name: Gamma, script_path: main/gamma.py, port: 5002}\n",
        )],
        says: &["tree/main/startup.yaml:5:14: `beta_port` of `Alpha` is 5002, the port of `Gamma`, not of `Beta`"],
    },
    Case {
        rule: "ports/param-clash",
        files: &[(
            MAIN,
            "core:\n  - name: Alpha\n    script_path: main/alpha.py\n    port: 5000\n    params:\n      pub_port: 5001\n      metrics_port: 6000\n  - {name: Beta, script_path: SHORT/beta.py, port: 5001, params: {metrics_port: 6000}}\nside:\n  - {name: Gamma, script_path: main/gamma.py, port: 5002, params: {metrics_port: 6000, pub_port: 5001}}\n",
        )],
        says: &[
            "tree/main/startup.yaml:6:7: `pub_port` of `Alpha` is 5001, like a port of `Beta`",
            "tree/main/startup.yaml:8:67: `metrics_port` of `Beta` is 6000, like a parameter of `Alpha`",
        ],
    },
    Case {
        rule: "ports/loopback-elsewhere",
        files: &[(
            "main/alpha.py",
            "import zmq\ns = zmq.Context().socket(zmq.REQ)\ns.connect('tcp://localhost:5002')\ns.connect('tcp://127.0.0.1:5001')\n",
        )],
        says: &[
            "tree/main/alpha.py:3:11: `Alpha` of `core` connects to localhost:5002, but `Gamma` lives in another container, \
             `side`",
        ],
    },
    Case {
        rule: "hosts/private-address",
        files: &[
            (
                "main/x.py",
                "A = '192.168.1.102'\nB = 'tcp://10.0.0.3:5'\nC = '8.8.8.8'\n",
            ),
            ("main/x.yaml", "pc2: 172.16.0.9 # 10.0.0.1\nnet: 172.20.0.0/16\n"),
        ],
        says: &[
            "tree/main/x.py:1:6: the private address 192.168.1.102 is written here",
            "tree/main/x.py:2:12: the private address 10.0.0.3 is written here",
            "tree/main/x.yaml:1:6: the private address 172.16.0.9 is written here",
        ],
    },
    Case {
        rule: "hosts/loopback-bind",
        files: &[
            (
                "main/alpha.py",
                "import zmq\ns = zmq.Context().socket(zmq.REP)\ns.bind('tcp://127.0.0.1:5000')\ns.bind('tcp://*:5001')\n",
            ),
            (
                "pc2/startup.yaml",
                "all:\n  - {name: Delta, script_path: pc2/delta.py, host: localhost, port: 7100}\n",
            ),
        ],
        says: &[
            "tree/main/alpha.py:3:8: a bind to 127.0.0.1:5000: nothing outside the container can reach it",
            "tree/pc2/startup.yaml:2:46: `Delta` binds localhost: nothing outside its container can reach it",
        ],
    },
    Case {
        rule: "deploy/copy-source",
        files: &[
            (
                "docker/Dockerfile",
                "FROM docker.io/x\nCOPY main /app/main\nCOPY gone.txt \\\n  main/*.py /app/\nCOPY --from=a /x /y\nCOPY here.txt /\n",
            ),
            ("docker/here.txt", ""),
        ],
        says: &["tree/docker/Dockerfile:3:6: `gone.txt` is not in the build context"],
    },
    Case {
        rule: "deploy/dockerfile-missing",
        files: &[
            (
                "compose.yml",
                "services:\n  a:\n    build: {context: ., dockerfile: docker/Gone}\n  b:\n    build: ./nowhere\n  c:\n    build: {context: docker}\n",
            ),
            ("docker/Dockerfile", "FROM docker.io/x\n"),
        ],
        says: &[
            "tree/compose.yml:3:37: the Dockerfile `docker/Gone` of service `a` does not exist",
            "tree/compose.yml:5:12: the build context `./nowhere` of service `b` does not exist",
        ],
    },
    Case {
        rule: "deploy/script-missing",
        files: &[
            (
                "compose.yml",
                "services:\n  a:\n    image: docker.io/x\n    command: [python3, -u, /app/main/gone.py]\n  b:\n    image: docker.io/x\n    command: python3 main/alpha.py --port 1\n",
            ),
            (
                "Dockerfile",
                "FROM docker.io/x\nWORKDIR /app/main\nCMD [\"python3\", \"alpha.py\"]\nENTRYPOINT [\"python3\", \"lost.py\"]\n",
            ),
            (
                "services/own/Dockerfile",
                "FROM docker.io/x\nWORKDIR /srv\nCOPY . .\nCMD [\"python3\", \"own.py\"]\n",
            ),
            ("services/own/own.py", "x = 1\n"),
            (
                "services/compose.yml",
                "services:\n  own:\n    build: ./own\n    command: python own.py --x\n",
            ),
        ],
        says: &[
            "tree/Dockerfile:4:25: the image starts `lost.py`, which is not in the tree",
            "tree/compose.yml:4:28: service `a` starts `/app/main/gone.py`, which is not in the tree",
        ],
    },
    Case {
        rule: "deploy/host-variable",
        files: &[
            (
                "compose.yml",
                "services:\n  a:\n    image: docker.io/x\n    environment:\n      - PYTHONPATH=/app:${PYTHONPATH}\n      - TOKEN=${TOKEN}\n      - LEVEL=${LEVEL:-INFO}\n",
            ),
            (
                "Dockerfile",
                "FROM docker.io/x\nENV A=1 PYTHONPATH=/app:${PYTHONPATH}\nENV PATH=/x:$PATH B=$A\n",
            ),
        ],
        says: &[
            "tree/Dockerfile:2:9: `PYTHONPATH` takes `PYTHONPATH` from outside: nothing in this file sets it",
            "tree/compose.yml:5:20: `PYTHONPATH` of service `a` takes `PYTHONPATH` from the host that runs compose",
        ],
    },
    Case {
        rule: "deploy/address-outside-network",
        files: &[(
            "compose.yml",
            "services:\n  a:\n    image: docker.io/x\n    networks:\n      n: {ipv4_address: 10.1.0.5}\n      sys_main: {ipv4_address: 172.20.0.5}\nnetworks:\n  n:\n    ipam: {config: [{subnet: 10.2.0.0/16}]}\n  sys_main: {external: true}\n",
        )],
        says: &["tree/compose.yml:5:25: the address 10.1.0.5 of service `a` is not in 10.2.0.0/16, the subnet of `n`"],
    },
    Case {
        rule: "deploy/short-image-name",
        files: &[
            (
                "Dockerfile",
                "ARG B\nFROM python:3.9-slim AS base\nFROM base\nFROM ${B}\nFROM scratch\n",
            ),
            (
                "compose.yml",
                "services:\n  a:\n    image: sys/base:latest\n  b:\n    image: localhost/sys/b\n",
            ),
        ],
        says: &[
            "tree/Dockerfile:2:6: image `python:3.9-slim` names no registry",
            "tree/compose.yml:3:12: image `sys/base:latest` names no registry",
        ],
    },
    Case {
        rule: "audit/unused-ignore",
        files: &[(
            "main/x.py",
            "A = '10.0.0.1'  # audit: ignore[hosts/] the lab\nB = 1  # audit: ignore[hosts/] why\n",
        )],
        says: &["tree/main/x.py:2:8: nothing of `hosts/` is found here"],
    },
    Case {
        rule: "audit/bad-ignore",
        files: &[("main/x.yaml", "a: 1 # audit: ignore[no/rule] why\n")],
        says: &["tree/main/x.yaml:1:6: there is no rule `no/rule`"],
    },
];

/// The audit of the small stack with further files.
fn audit(files: &[(&str, &str)], odd: &[Entry]) -> Report {
    audit_of(Fixture::small(), files, odd)
}

/// The same of another stack.
fn audit_of(mut fixture: Fixture, files: &[(&str, &str)], odd: &[Entry]) -> Report {
    for (path, text) in files {
        fixture.tree.files.insert((*path).to_owned());
        fixture.texts.insert((*path).to_owned(), text.as_bytes().to_vec());
    }
    let (stack, said) = fixture.load();
    let stack = stack.unwrap().with_ungrouped();
    let mut entries: Vec<Entry> = fixture
        .tree
        .files
        .iter()
        .map(|path| {
            let text = fixture.texts.get(path).cloned();
            Entry {
                path: path.clone(),
                content: Content::Bytes(text.unwrap_or_else(|| good(path))),
            }
        })
        .collect();
    entries.extend(odd.iter().cloned());
    pipeline::audit(input(&stack, said, entries))
}

/// A script with nothing wrong, where it is one.
fn good(path: &str) -> Vec<u8> {
    match path.ends_with(".py") {
        true => b"import time\nwhile True:\n    time.sleep(1)\n".to_vec(),
        false => Vec::new(),
    }
}

fn input(stack: &Stack, said: Vec<Finding>, entries: Vec<Entry>) -> Input<'_> {
    Input {
        stack,
        said,
        entries,
        odd: Odd::default(),
        disk: Disk::new(&|_| false, &|_| None),
        texts: Vec::new(),
        exclude: Excluded::default(),
        levels: Vec::new(),
        scope: Scope::default(),
        baseline: None,
        memory: None,
    }
}

fn lines(findings: &[Finding], rule: &str) -> Vec<String> {
    let mut lines: Vec<String> = findings
        .iter()
        .filter(|finding| finding.rule == rule)
        .map(|finding| {
            let place = &finding.place;
            format!("{}:{}:{}: {}", place.path, place.line, place.column, finding.message)
        })
        .collect();
    lines.sort();
    lines
}

#[test]
fn every_rule_finds_what_its_fixture_breaks_and_nothing_else() {
    let (mut found, mut expected) = (Vec::new(), Vec::new());
    for case in CASES {
        let report = audit(case.files, &[]);
        let mut says: Vec<String> = case.says.iter().map(|line| (*line).to_owned()).collect();
        says.sort();
        expected.push((case.rule, says));
        found.push((case.rule, lines(&report.findings, case.rule)));
        for finding in report.findings.iter().filter(|finding| finding.rule == case.rule) {
            assert!(!finding.subjects.is_empty(), "it is about nothing: {finding:#?}");
        }
    }
    assert_eq!(found, expected);
}

#[test]
fn the_small_stack_is_clean() {
    let report = audit(&[], &[]);
    let rules: BTreeSet<&str> = report.findings.iter().map(|finding| finding.rule).collect();
    assert_eq!(
        rules,
        BTreeSet::from(["stack/missing-dependency"]),
        "{:#?}",
        report.findings
    );
    assert_eq!(report.count(Prediction::Starts), 4);
}

#[test]
fn files_that_cannot_be_read_are_findings() {
    let odd = |path: &str, content| Entry {
        path: path.to_owned(),
        content,
    };
    let report = audit(
        &[],
        &[
            odd("a.py", Content::Dangling("../gone.py".to_owned())),
            odd("ring", Content::Loop("ring".to_owned())),
            odd("b.yaml", Content::Unreadable("permission denied".to_owned())),
            odd("c.yaml", Content::Bytes(b"a: 1\nb: \xff\n".to_vec())),
            odd("d.py", Content::Leaves("/etc/passwd".to_owned())),
            odd("e.py", Content::Special("a pipe")),
            odd("f\u{fffd}.py", Content::NotUtf8Name),
        ],
    );
    for (rule, line) in [
        (
            "files/dangling-link",
            "tree/a.py:0:0: `a.py` is a link to `../gone.py`, which is not there",
        ),
        (
            "files/link-cycle",
            "tree/ring:0:0: `ring` is a link to `ring`, which leads back to it",
        ),
        (
            "files/unreadable",
            "tree/b.yaml:0:0: `b.yaml` cannot be read: permission denied",
        ),
        ("files/not-utf8", "tree/c.yaml:2:4: this byte is not UTF-8"),
        (
            "files/link-leaves-tree",
            "tree/d.py:0:0: `d.py` is a link to `/etc/passwd`, which is outside the tree",
        ),
        ("files/special", "tree/e.py:0:0: `e.py` is a pipe, not a regular file"),
        (
            "files/name-not-utf8",
            "tree/f\u{fffd}.py:0:0: the name of `f\u{fffd}.py` is not UTF-8",
        ),
    ] {
        assert_eq!(lines(&report.findings, rule), [line], "{rule}");
    }
}

#[test]
fn groups_that_no_order_could_start_are_noted() {
    let ring = "core:\n  - {name: Alpha, script_path: main/alpha.py, port: 5000, dependencies: [Gamma]}\n  \
                - {name: Beta, script_path: SHORT/beta.py, port: 5001}\nside:\n  \
                - {name: Gamma, script_path: main/gamma.py, port: 5002, dependencies: [Beta]}\n";
    let report = audit(&[(MAIN, ring)], &[]);
    assert_eq!(
        lines(&report.findings, "agents/group-order"),
        ["config/stack.yaml:27:3: containers ordered by their agents would deadlock: core, side"]
    );
}

#[test]
fn who_depends_on_an_agent_that_cannot_start_is_degraded_or_waits_and_the_cause_counts_them() {
    let broken = "core:\n  - {name: Alpha, script_path: main/gone.py, port: 5000}\n  \
                  - {name: Beta, script_path: SHORT/beta.py, port: 5001, dependencies: [Alpha]}\nside:\n  \
                  - {name: Gamma, script_path: main/gamma.py, port: 5002, dependencies: [Beta]}\nmore:\n  \
                  - {name: Loose, script_path: main/lost.py, port: 5005}\n";
    let report = audit(&[(MAIN, broken)], &[]);
    let of = |name: &str| report.agents.iter().find(|agent| agent.name == name).unwrap();
    assert_eq!(of("Alpha").prediction, Prediction::CannotStart);
    assert_eq!(of("Alpha").chain[0].path, "tree/main/startup.yaml");
    // Beta starts without Alpha, and is there for Gamma.
    for (name, prediction) in [
        ("Beta", Prediction::Degraded),
        ("Gamma", Prediction::Starts),
        ("Delta", Prediction::Degraded),
    ] {
        assert_eq!(of(name).prediction, prediction, "{name}");
        let blockers: &[&str] = if name == "Gamma" { &[] } else { &["Alpha"] };
        assert_eq!(of(name).blocked_by, blockers);
    }
    assert_eq!(of("Loose").group, "(no group)");
    let first = &report.causes[0];
    assert_eq!((first.stops.len(), first.blocks.len()), (1, 2));
    assert!(first.message.contains("main/gone.py"), "{}", first.message);
}

#[test]
fn an_agent_waits_where_its_stack_says_so_and_so_do_those_behind_it() {
    let broken = "core:\n  - {name: Alpha, script_path: main/gone.py, port: 5000}\n  \
                  - {name: Beta, script_path: SHORT/beta.py, port: 5001, dependencies: [Alpha]}\nside:\n  \
                  - {name: Gamma, script_path: main/gamma.py, port: 5002, dependencies: [Beta]}\n";
    let with =
        |text: &str| Fixture::small().stack("    agents: [Alpha, Beta]", &format!("{text}    agents: [Alpha, Beta]"));
    let of = |fixture: Fixture| {
        let report = audit_of(fixture, &[(MAIN, broken)], &[]);
        let of = |name: &str| report.agents.iter().find(|agent| agent.name == name).unwrap().clone();
        assert_eq!(
            of("Gamma").blocked_by,
            ["Alpha"],
            "Beta does not start: {:?}",
            of("Gamma")
        );
        [of("Beta").prediction, of("Gamma").prediction]
    };
    let group = with("    when_dependency_fails: wait\n");
    assert_eq!(of(group), [Prediction::Blocked, Prediction::Degraded]);
    let all = Fixture::small().stack("status_port: 9000", "status_port: 9000\nwhen_dependency_fails: wait");
    assert_eq!(of(all), [Prediction::Blocked, Prediction::Blocked]);
}

/// Every file of this crate's source, with its path.
fn sources() -> Vec<(String, String)> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
    walkdir::WalkDir::new(root)
        .into_iter()
        .map(|entry| entry.unwrap().into_path())
        .filter(|path| path.extension().is_some_and(|end| end == "rs"))
        .map(|path| (path.display().to_string(), std::fs::read_to_string(&path).unwrap()))
        .collect()
}

/// Ids in the source outside the catalogue and tests; each must be documented.
fn used() -> BTreeSet<String> {
    let families: BTreeSet<&str> = rules::all().filter_map(|rule| rule.id.split('/').next()).collect();
    let pattern = regex::Regex::new("\"([a-z]+/[a-z0-9-]+)\"").unwrap();
    let mut used = BTreeSet::new();
    for (path, text) in sources() {
        if path.contains("/audit/rules/") || path.ends_with("tests.rs") || path.contains("/smoke/") {
            continue;
        }
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        for found in pattern.captures_iter(code) {
            let id = found[1].to_owned();
            if families.contains(id.split('/').next().unwrap_or_default()) {
                assert!(
                    rules::find(&id).is_some(),
                    "{path} uses `{id}`, which no catalogue documents"
                );
                used.insert(id);
            }
        }
    }
    used
}

#[test]
fn every_id_in_the_source_is_documented_and_every_documented_rule_is_used() {
    let used = used();
    for rule in rules::all() {
        // A family whose rules are found outside this folder, once it is.
        let elsewhere = ["stack/", "start/", "requirements/"]
            .iter()
            .any(|family| rule.id.starts_with(family) && used.iter().any(|id| id.starts_with(family)));
        assert!(!elsewhere || used.contains(rule.id), "nothing finds `{}`", rule.id);
        assert!(
            rule.explanation.lines().count() >= 3,
            "`{}` explains too little",
            rule.id
        );
        assert!(rule.summary.len() < 90, "{}", rule.id);
    }
    let ids: BTreeSet<&str> = rules::all().map(|rule| rule.id).collect();
    assert_eq!(ids.len(), rules::all().count(), "an id is documented twice");
}

#[test]
fn every_rule_has_a_test() {
    let used = used();
    let tests: String = sources()
        .into_iter()
        .filter_map(|(path, text)| {
            if path.ends_with("tests.rs") || path.contains("/tests/") {
                return Some(text);
            }
            text.split_once("#[cfg(test)]\nmod tests {")
                .map(|(_, tests)| tests.to_owned())
        })
        .collect();
    for rule in rules::all() {
        let mentioned = CASES.iter().any(|case| case.rule == rule.id) || tests.contains(rule.id);
        let later = ["start/", "requirements/"]
            .iter()
            .any(|family| rule.id.starts_with(family))
            && !used.contains(rule.id);
        let tested = mentioned || later;
        assert!(tested, "no test mentions `{}`", rule.id);
    }
}

#[test]
fn a_health_port_that_is_implied_is_written() {
    let fixture = Fixture::small();
    let stack = fixture.model();
    let entries: Vec<Entry> = fixture
        .texts
        .iter()
        .map(|(path, bytes)| Entry {
            path: path.clone(),
            content: Content::Bytes(bytes.clone()),
        })
        .collect();
    let fixed = pipeline::fixes(input(&stack, Vec::new(), entries));
    assert_eq!(fixed.len(), 2);
    assert!(
        fixed[0].after.contains("    port: 5000\n    health_check_port: 7000\n"),
        "{}",
        fixed[0].after
    );
    assert!(
        fixed[1]
            .after
            .contains("port: 7100, health_check_port: 8100, dependencies"),
        "{}",
        fixed[1].after
    );
}

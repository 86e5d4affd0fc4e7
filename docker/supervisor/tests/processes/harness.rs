//! One supervisor in a temporary folder, and how to look at it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use contract::status::{AgentState, AgentStatus, GroupStatus};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

pub const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until `look` finds something.
#[track_caller]
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Writes one row of the table of faults, where `cargo xtask faults` wants it.
pub fn saw(fault: &str, promise: &str, seen: &str) {
    let Some(folder) = std::env::var_os("FAULT_ROWS") else {
        return;
    };
    let name = fault.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
    let row = format!("{fault}\n{promise}\n{seen}\n");
    std::fs::write(Path::new(&folder).join(format!("{name}.row")), row).unwrap();
}

/// A port that nothing uses; below the range from which the kernel takes ports for outgoing connections.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    loop {
        let offset = NEXT.fetch_add(1, Ordering::Relaxed);
        let base = 12_000 + (std::process::id() % 90) as u16 * 200;
        let port = base + offset;
        if TcpListener::bind(("0.0.0.0", port)).is_ok() {
            return port;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "tests start programs directly")]
pub fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    Command::new(program)
}

pub fn supervisor() -> Command {
    command(env!("CARGO_BIN_EXE_agent-supervisor"))
}

pub fn fake_agent() -> PathBuf {
    let folder = Path::new(env!("CARGO_BIN_EXE_agent-supervisor")).parent().unwrap();
    let file = folder.join("examples/fake_agent");
    assert!(
        file.exists(),
        "{} is missing: hint: `cargo build -p agent-supervisor --examples`",
        file.display()
    );
    file
}

/// A group config in the making.
pub struct Setup {
    pub dir: tempfile::TempDir,
    pub config: Value,
    pub environment: Vec<(String, String)>,
    pub status_port: u16,
    /// What the supervisor is started by, in front of it.
    pub wrapper: Vec<String>,
    /// What else is on its command line.
    pub arguments: Vec<String>,
    /// Another place of the supervisor's program.
    pub program: Option<PathBuf>,
}

impl Setup {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let status_port = free_port();
        let config = json!({
            "version": 1, "machine": "mainpc", "group": "test", "status_port": status_port,
            "working_directory": dir.path(), "python": fake_agent(), "log_directory": dir.path().join("logs"),
            "supervision": {
                "health_interval_ms": 300, "health_timeout_ms": 500, "health_retries": 2, "start_period_ms": 5000,
                "settle_ms": 50, "stop_grace_ms": 3000, "backoff_initial_ms": 20, "backoff_max_ms": 100,
                "crash_limit": 3, "crash_window_ms": 60000,
            },
            "agents": [],
        });
        Self {
            wrapper: Vec::new(),
            arguments: Vec::new(),
            program: None,
            dir,
            config,
            environment: Vec::new(),
            status_port,
        }
    }

    /// Adds an agent that behaves as `script` says; returns its health port.
    pub fn agent(&mut self, name: &str, script: &str, dependencies: &[&str]) -> u16 {
        let (port, health) = (free_port(), free_port());
        let file = format!("{name}.py");
        std::fs::write(self.dir.path().join(&file), script).unwrap();
        let agents = self.config["agents"].as_array_mut().unwrap();
        agents.push(json!({
            "name": name, "script_path": file, "port": port, "health_check_port": health,
            "dependencies": dependencies,
        }));
        health
    }

    pub fn set(&mut self, key: &str, value: Value) -> &mut Self {
        self.config["supervision"][key] = value;
        self
    }

    /// Writes a key of an agent.
    pub fn change(&mut self, name: &str, key: &str, value: Value) -> &mut Self {
        let agents = self.config["agents"].as_array_mut().unwrap();
        let agent = agents.iter_mut().find(|agent| agent["name"] == name).unwrap();
        agent[key] = value;
        self
    }

    /// JSON is YAML too.
    pub fn write(&self) -> PathBuf {
        let file = self.dir.path().join("group.yaml");
        std::fs::write(&file, serde_json::to_string_pretty(&self.config).unwrap()).unwrap();
        file
    }

    pub fn start(self) -> Group {
        self.start_with(true)
    }

    /// Without `read`, nobody reads the supervisor's stdout.
    pub fn start_with(self, read: bool) -> Group {
        let mut words = self.wrapper.clone();
        words.push(match &self.program {
            Some(program) => program.display().to_string(),
            None => env!("CARGO_BIN_EXE_agent-supervisor").to_owned(),
        });
        let mut child = command(&words[0])
            .args(&words[1..])
            .arg("--config")
            .arg(self.write())
            .args(&self.arguments)
            .envs(self.environment.clone())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let output = Arc::new(Mutex::new(String::new()));
        if read {
            collect(child.stdout.take().unwrap(), &output);
        }
        collect(child.stderr.take().unwrap(), &output);
        Group {
            setup: self,
            child,
            output,
        }
    }
}

fn collect(mut from: impl Read + Send + 'static, into: &Arc<Mutex<String>>) {
    let into = Arc::clone(into);
    std::thread::spawn(move || {
        let mut chunk = [0; 65536];
        while let Ok(read) = from.read(&mut chunk) {
            if read == 0 {
                break;
            }
            let text = String::from_utf8_lossy(&chunk[..read]).into_owned();
            into.lock().unwrap().push_str(&text);
        }
    });
}

/// A supervisor that runs.
pub struct Group {
    pub setup: Setup,
    pub child: Child,
    output: Arc<Mutex<String>>,
}

impl Drop for Group {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.signal(Signal::SIGTERM);
            self.signal(Signal::SIGTERM);
            let end = Instant::now() + Duration::from_secs(10);
            while Instant::now() < end && matches!(self.child.try_wait(), Ok(None)) {
                self.signal(Signal::SIGTERM);
                std::thread::sleep(Duration::from_millis(20));
            }
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if std::thread::panicking() {
            eprintln!("--- supervisor said:\n{}", self.said());
        }
    }
}

impl Group {
    pub fn said(&self) -> String {
        self.output.lock().unwrap().clone()
    }

    #[track_caller]
    pub fn wait_said(&self, text: &str) {
        wait_for(&format!("`{text}` in the output"), || {
            self.said().contains(text).then_some(())
        });
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        let _ = kill(Pid::from_raw(self.child.id() as i32), signal);
    }

    pub fn get(&self, path: &str) -> Option<(u16, String, String)> {
        http(self.setup.status_port, "GET", path)
    }

    pub fn code(&self, path: &str) -> u16 {
        self.get(path).map_or(0, |(code, _, _)| code)
    }

    pub fn status(&self) -> Option<GroupStatus> {
        let (_, _, body) = self.get("/status")?;
        serde_json::from_str(&body).ok()
    }

    /// Waits until the agent's status is as wanted.
    #[track_caller]
    pub fn wait_agent(&self, name: &str, wanted: impl Fn(&AgentStatus) -> bool) -> AgentStatus {
        let mut last = String::new();
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            let agents = self.status().map(|status| status.agents).unwrap_or_default();
            if let Some(agent) = agents.into_iter().find(|agent| agent.name == name) {
                if wanted(&agent) {
                    return agent;
                }
                last = format!("{agent:?}");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("waited in vain for {name}; it is {last}");
    }

    #[track_caller]
    pub fn wait_state(&self, name: &str, state: AgentState) -> AgentStatus {
        self.wait_agent(name, |agent| agent.state == state)
    }

    #[track_caller]
    pub fn wait_exit(&mut self) -> ExitStatus {
        wait_for("the supervisor's end", || self.child.try_wait().unwrap())
    }

    /// Lines `what NAME time` of the fake agents, in the order in which they happened.
    pub fn events(&self, what: &str) -> Vec<(String, u64)> {
        let file = self.setup.dir.path().join("events.log");
        let text = std::fs::read_to_string(file).unwrap_or_default();
        text.lines()
            .filter_map(|line| {
                let mut words = line.split(' ');
                let matches = words.next() == Some(what);
                let name = words.next()?.to_owned();
                let at = words.next()?.parse().ok()?;
                matches.then_some((name, at))
            })
            .collect()
    }

    pub fn log(&self, file: &str) -> String {
        std::fs::read_to_string(self.setup.dir.path().join("logs").join(file)).unwrap_or_default()
    }

    /// Resident memory that is the supervisor's own, without the pages of its program, of which a debug build has 8 MiB.
    pub fn own_memory_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Children of the supervisor: `(pid, state)`. Its agents are children of these.
    pub fn children(&self) -> Vec<(u32, char)> {
        children_of(self.pid())
    }

    /// Asks for the restart of an agent as an operator does: exit code, stdout, stderr.
    pub fn restart(&self, name: &str) -> (Option<i32>, String, String) {
        self.order("restart", name)
    }

    /// Tells the supervisor to `restart`, `stop` or `start` an agent, as an operator does: exit code, stdout, stderr.
    pub fn order(&self, word: &str, name: &str) -> (Option<i32>, String, String) {
        let port = self.setup.status_port.to_string();
        let done = supervisor().args([word, name, "--port", &port]).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (done.status.code(), text(done.stdout), text(done.stderr))
    }
}

/// A process's parent.
pub fn parent(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}

/// Whether a process is there and not a zombie.
pub fn lives(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// Processes that have all of these words in their command line.
pub fn running(words: &[&str]) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
        if words.iter().all(|word| line.contains(&word.as_bytes())) {
            found.extend(entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()));
        }
    }
    found
}

/// Children of a process: `(pid, state)`.
pub fn children_of(of: u32) -> Vec<(u32, char)> {
    let mut children = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        let pid = stat.split(' ').next().and_then(|word| word.parse().ok());
        let mut rest = stat.rsplit_once(") ").map_or("", |(_, rest)| rest).split(' ');
        let state = rest.next().and_then(|word| word.chars().next());
        let parent = rest.next().and_then(|word| word.parse::<u32>().ok());
        if let (Some(pid), Some(state), true) = (pid, state, parent == Some(of)) {
            children.push((pid, state));
        }
    }
    children
}

/// One HTTP request: code, head, body.
pub fn http(port: u16, method: &str, path: &str) -> Option<(u16, String, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let code = head.split(' ').nth(1)?.parse().ok()?;
    Some((code, head.to_owned(), body.to_owned()))
}

//! A fake agent for the supervisor's tests. The tests give its path as the `python` of a group config, so it is started as
//! `fake_agent -u SCRIPT --port P --health_check_port H --name N …`; the lines of SCRIPT say how it behaves:
//!
//! `answer [STATUS]`, `answer-after MS`, `answer-for MS` (then hold the port, silent), `mute`, `rubbish`, `http`,
//! `half-frame`, `hold`, `endless`: what the health port does; `exit-after MS CODE`, `ignore-sigterm`, `ignore SIGNAL`,
//! `end-after SIGNAL MS` (ends so long after it), `fork-orphans`,
//! `serve-http CODE BODY` (`/health` on its main port), `listen` (the main port takes connections), `words ASK REPLY` (the health port),
//! `need-port` (its main port must be free, else it exits with 98), `shell TEXT` (a command line, with PORT, HEALTH and FAKE_AGENT in
//! its environment), `bytes TEXT` (to stderr, with `\\r` and `\\n` as they are meant), `raise SIGNAL`, `flood BYTES`, `say TEXT`, `complain TEXT`, `partial TEXT`, `environment NAME`, `echo-port`: what else it does.
//!
//! It also writes `start`, `ready` and `end` lines with the Unix time in milliseconds to `events.log` in its working
//! directory, so that tests and measurements can compare them with what the supervisor says.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::exit,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a helper of the tests, never shipped"
)]

use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;
use zeromq::{RepSocket, Socket, SocketRecv, SocketSend};

fn main() {
    let words: Vec<String> = std::env::args().collect();
    if words.get(1).is_some_and(|word| word == "--orphan") {
        std::thread::sleep(Duration::from_millis(100));
        return;
    }
    if words.get(1).is_some_and(|word| word == "--hold") {
        let _held = std::net::TcpListener::bind(("127.0.0.1", words[2].parse().unwrap())).unwrap();
        std::thread::sleep(Duration::from_secs(1000));
        return;
    }
    let flag = |name: &str| {
        let at = words.iter().position(|word| word == name)?;
        words.get(at + 1).cloned()
    };
    assert_eq!(words[1], "-u");
    let script = std::fs::read_to_string(&words[2]).unwrap();
    let name = flag("--name").unwrap();
    let port: u16 = flag("--port").unwrap().parse().unwrap();
    let health: u16 = flag("--health_check_port").unwrap().parse().unwrap();
    event("start", &name);
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(behave(script, name, port, health));
}

fn event(what: &str, name: &str) {
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open("events.log")
        .unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let line = format!("{what} {name} {}\n", now.as_millis());
    file.write_all(line.as_bytes()).unwrap();
}

async fn behave(script: String, name: String, port: u16, health: u16) {
    let mut ignore = false;
    for line in script.lines() {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.to_owned();
        match word {
            "" | "mute" => {}
            "ignore-sigterm" => ignore = true,
            "ignore" => {
                tokio::spawn(ignore_signal(rest));
            }
            "end-after" => {
                tokio::spawn(end_on(rest, name.clone()));
            }
            "say" => println!("{rest}"),
            "complain" => eprintln!("{rest}"),
            "partial" => {
                print!("{rest}");
                std::io::stdout().flush().unwrap();
            }
            "environment" => println!("{rest}={}", std::env::var(&rest).unwrap_or_default()),
            "flood" => {
                let bytes: usize = rest.parse().unwrap();
                std::thread::spawn(move || flood(bytes));
            }
            "fork-orphans" => fork_orphans(),
            "need-port" => {
                if std::net::TcpListener::bind(("127.0.0.1", port)).is_err() {
                    std::process::exit(98);
                }
            }
            "shell" => shell(&rest, port, health),
            "bytes" => {
                let text = rest.replace("\\r", "\r").replace("\\n", "\n");
                std::io::stderr().write_all(text.as_bytes()).unwrap();
            }
            "raise" => {
                std::process::Command::new("kill")
                    .args([format!("-{rest}"), std::process::id().to_string()])
                    .status()
                    .unwrap();
            }
            "exit-after" => {
                let (after, code) = rest.split_once(' ').unwrap();
                let (after, code) = (after.parse().unwrap(), code.parse().unwrap());
                tokio::spawn(async move {
                    sleep(Duration::from_millis(after)).await;
                    std::process::exit(code);
                });
            }
            "answer" => {
                let status = if rest.is_empty() { "ok".to_owned() } else { rest };
                tokio::spawn(answer(health, status, name.clone(), None));
            }
            "answer-after" => {
                let after = Duration::from_millis(rest.parse().unwrap());
                let name = name.clone();
                tokio::spawn(async move {
                    sleep(after).await;
                    answer(health, "ok".to_owned(), name, None).await;
                });
            }
            "answer-for" => {
                let time = Duration::from_millis(rest.parse().unwrap());
                tokio::spawn(answer(health, "ok".to_owned(), name.clone(), Some(time)));
            }
            "echo-port" => {
                tokio::spawn(answer(port, "echo".to_owned(), name.clone(), None));
            }
            "serve-http" => {
                let (code, body) = rest.split_once(' ').unwrap();
                let length = body.len();
                let reply = format!("HTTP/1.1 {code} X\r\nContent-Length: {length}\r\n\r\n{body}");
                tokio::spawn(serve_http(port, reply));
            }
            "listen" => {
                tokio::spawn(raw(port, Vec::new()));
            }
            "words" => {
                let (ask, reply) = rest.split_once(' ').unwrap();
                tokio::spawn(words_on(health, ask.to_owned(), reply.to_owned()));
            }
            other => {
                let bytes = wrong_answer(other);
                tokio::spawn(raw(health, bytes));
            }
        }
    }
    let mut term = signal(SignalKind::terminate()).unwrap();
    loop {
        term.recv().await;
        event("sigterm", &name);
        if !ignore {
            event("end", &name);
            std::process::exit(0);
        }
    }
}

fn shell(line: &str, port: u16, health: u16) {
    std::process::Command::new("sh")
        .args(["-c", line])
        .env("PORT", port.to_string())
        .env("HEALTH", health.to_string())
        .env("FAKE_AGENT", std::env::current_exe().unwrap())
        .status()
        .unwrap();
}

fn kind_of(signal: &str) -> SignalKind {
    match signal {
        "SIGHUP" => SignalKind::hangup(),
        "SIGINT" => SignalKind::interrupt(),
        "SIGUSR1" => SignalKind::user_defined1(),
        _ => panic!("unknown signal {signal}"),
    }
}

async fn ignore_signal(signal_name: String) {
    let mut ignored = signal(kind_of(&signal_name)).unwrap();
    while ignored.recv().await.is_some() {}
}

/// Ends so many milliseconds after that signal.
async fn end_on(signal_and_time: String, name: String) {
    let (on, after) = signal_and_time.split_once(' ').unwrap();
    let mut told = signal(kind_of(on)).unwrap();
    told.recv().await;
    println!("{name} was told to end by {on}");
    sleep(Duration::from_millis(after.parse().unwrap())).await;
    event("end", &name);
    std::process::exit(0);
}

fn fork_orphans() {
    // A shell that starts children and leaves them; and one that stays in our group.
    let me = std::env::current_exe().unwrap();
    for _ in 0..5 {
        std::process::Command::new("sh")
            .arg("-c")
            .arg(format!("'{}' --orphan & exit 0", me.display()))
            .status()
            .unwrap();
    }
    std::process::Command::new("sh")
        .args(["-c", "sleep 1000 & exit 0"])
        .status()
        .unwrap();
}

/// What an agent sends that does not speak as it should.
fn wrong_answer(behaviour: &str) -> Vec<u8> {
    match behaviour {
        "rubbish" => vec![0xEE; 200],
        "http" => b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        "half-frame" => {
            let mut bytes = vec![0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0x7F, 3, 0];
            bytes.extend(b"NULL");
            bytes.resize(64, 0);
            bytes.extend(b"\x04\x19\x05READY\x0bSocket");
            bytes
        }
        "hold" => Vec::new(),
        "endless" => {
            let mut bytes = vec![0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0x7F, 3, 0];
            bytes.extend(b"NULL");
            bytes.resize(64, 0);
            bytes.extend(b"\x04\x19\x05READY\x0bSocket-Type\x00\x00\x00\x03REP");
            bytes.extend([1, 0].repeat(100_000));
            bytes
        }
        _ => panic!("unknown behaviour {behaviour}"),
    }
}

fn flood(bytes: usize) {
    let line = [b'f'; 99];
    let mut out = std::io::stdout().lock();
    let mut written = 0;
    while written < bytes {
        out.write_all(&line).unwrap();
        out.write_all(b"\n").unwrap();
        written += 100;
    }
    out.write_all(b"flood over\n").unwrap();
}

async fn answer(port: u16, status: String, name: String, time: Option<Duration>) {
    let mut socket = RepSocket::new();
    socket.bind(&format!("tcp://127.0.0.1:{port}")).await.unwrap();
    event("ready", &name);
    let serve = async {
        loop {
            let Ok(request) = socket.recv().await else {
                continue;
            };
            let reply = if status == "echo" {
                request
            } else {
                format!(r#"{{"status":"{status}","name":"{name}"}}"#).into()
            };
            let _ = socket.send(reply).await;
        }
    };
    match time {
        None => serve.await,
        Some(time) => {
            let _ = tokio::time::timeout(time, serve).await;
            // Bound, and never served again.
            std::future::pending::<()>().await;
        }
    }
}

/// Answers every request for `/health` with `reply`, and others with 404.
async fn serve_http(port: u16, reply: String) {
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        let read = stream.read(&mut request).await.unwrap_or(0);
        let known = request[..read].starts_with(b"GET /health HTTP/1.1\r\n");
        let missing = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
        let _ = stream
            .write_all(if known { reply.as_bytes() } else { missing.as_bytes() })
            .await;
    }
}

/// Answers one request with its reply, and all others with `what?`.
async fn words_on(port: u16, ask: String, reply: String) {
    let mut socket = RepSocket::new();
    socket.bind(&format!("tcp://127.0.0.1:{port}")).await.unwrap();
    loop {
        let Ok(request) = socket.recv().await else {
            continue;
        };
        let known = request.get(0).is_some_and(|frame| frame.as_ref() == ask.as_bytes());
        let _ = socket
            .send(if known { reply.clone() } else { "what?".to_owned() }.into())
            .await;
    }
}

/// Sends `bytes` to whoever connects, reads what comes, and holds the connection.
async fn raw(port: u16, bytes: Vec<u8>) {
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let bytes = bytes.clone();
        tokio::spawn(async move {
            let _ = stream.write_all(&bytes).await;
            let mut sink = [0; 1024];
            while stream.read(&mut sink).await.is_ok_and(|read| read > 0) {}
        });
    }
}

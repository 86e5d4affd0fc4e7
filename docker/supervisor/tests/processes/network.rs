//! The status endpoint, dependencies elsewhere, loopback bridges.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use contract::status::{AgentState, FailedDependency, Failure, GroupState, GroupStatus};
use serde_json::json;
use zeromq::{RepSocket, ReqSocket, Socket, SocketRecv, SocketSend};

use crate::harness::{Setup, free_port, http, saw, supervisor, wait_for};

#[test]
fn a_dependency_elsewhere_may_come_later() {
    let mut setup = Setup::new();
    setup.agent("A", "answer", &["Far"]);
    let port = free_port();
    setup.config["dependencies_elsewhere"] = json!([
        {"name": "Far", "machine": "pc2", "group": "memory", "host": "${FAR_HOST}", "health_check_port": port}
    ]);
    setup.environment.push(("FAR_HOST".to_owned(), "localhost".to_owned()));
    let group = setup.start();
    let waiting = group.wait_agent("A", |agent| {
        agent
            .reason
            .as_ref()
            .is_some_and(|reason| reason.contains("nothing listens"))
    });
    assert_eq!(waiting.state, AgentState::Waiting);
    assert_eq!(waiting.waits_for, ["Far"]);
    let mut other = Setup::new();
    other.agent("Far", "answer", &[]);
    other.config["agents"][0]["health_check_port"] = json!(port);
    let _other = other.start();
    let started = group.wait_state("A", AgentState::Healthy);
    assert_eq!(started.released_by.as_deref(), Some("Far"));
}

/// Two supervisors, as in two containers: the one says that its agent was given up, the other starts what waits for it.
#[test]
fn what_was_given_up_elsewhere_is_not_waited_for() {
    let mut other = Setup::new();
    let port = other.agent("Far", "complain no microphone\nexit-after 1 1", &[]);
    let mut setup = Setup::new();
    setup.agent("A", "answer", &["Far"]);
    setup.agent("B", "answer", &["A"]);
    setup.agent("C", "answer", &["Far"]);
    setup.config["agents"][2]["when_dependency_fails"] = json!("wait");
    setup.config["dependencies_elsewhere"] = json!([{
        "name": "Far", "machine": "pc2", "group": "memory", "host": "127.0.0.1", "health_check_port": port,
        "status_port": other.status_port,
    }]);
    // Nobody there yet: that is no failure.
    let group = setup.start();
    group.wait_agent("A", |agent| {
        agent
            .reason
            .as_ref()
            .is_some_and(|reason| reason.contains("nothing listens"))
    });
    let other = other.start();
    let failed = other.wait_state("Far", AgentState::Failed);
    assert_eq!(failed.failure, Some(Failure::GivenUp));
    let degraded = group.wait_state("A", AgentState::Healthy);
    let missing = FailedDependency {
        agent: "Far".to_owned(),
        failure: Failure::GivenUp,
    };
    assert_eq!(degraded.without, [missing]);
    assert_eq!(degraded.word(), "degraded");
    assert_eq!(group.wait_state("B", AgentState::Healthy).without, []);
    group.wait_said("A is started without Far (given up)");
    let waiting = group.wait_state("C", AgentState::Waiting);
    assert_eq!(waiting.reason.unwrap(), "waits for Far (pc2 memory: given up)");
    // What it says to others has nothing of the agent's own words.
    let (code, _, body) = http(other.setup.status_port, "GET", "/agents/Far").unwrap();
    assert_eq!(
        (code, body.as_str()),
        (200, r#"{"name":"Far","state":"failed","failure":"given_up"}"#)
    );
    assert_eq!(other.code("/agents/Nobody"), 404);
    // It comes after all.
    std::fs::write(other.setup.dir.path().join("Far.py"), "answer").unwrap();
    assert_eq!(other.restart("Far").0, Some(0));
    wait_for("a whole group", || {
        group.status().filter(|status| status.state == GroupState::Healthy)
    });
    assert_eq!(group.wait_state("A", AgentState::Healthy).restarts, 0);
    saw(
        "dependency in another container given up",
        "what waits for it starts, and is degraded until it answers",
        "\"is started without Far (given up)\"; healthy again after its restart",
    );
}

#[test]
fn an_unset_variable_is_said_and_waited_for_without_a_crash() {
    let mut setup = Setup::new();
    setup.agent("A", "answer", &["Far"]);
    setup.agent("B", "answer", &[]);
    setup.config["dependencies_elsewhere"] = json!([
        {"name": "Far", "machine": "pc2", "group": "memory", "host": "${NO_SUCH_HOST}", "health_check_port": 9}
    ]);
    let group = setup.start();
    group.wait_state("B", AgentState::Healthy);
    let agent = group.wait_state("A", AgentState::Waiting);
    assert!(agent.reason.unwrap().contains("`NO_SUCH_HOST` is not set"));
    group.wait_said("check FAIL dependency Far: environment variable `NO_SUCH_HOST` is not set");
}

#[test]
fn a_long_poll_answers_when_something_changes() {
    let mut setup = Setup::new();
    setup.agent("A", "answer", &[]);
    let group = setup.start();
    group.wait_state("A", AgentState::Healthy);
    let version = |head: &str| -> String {
        let line = head.lines().find_map(|line| line.strip_prefix("X-Status-Version: "));
        line.unwrap().to_owned()
    };
    let (_, head, _) = group.get("/status").unwrap();
    let known = version(&head);
    // Nothing changes: it takes its time.
    let start = Instant::now();
    let (_, head, _) = group
        .get(&format!("/status?wait_change={known}&timeout_ms=200"))
        .unwrap();
    assert!(start.elapsed() >= Duration::from_millis(195));
    assert_eq!(version(&head), known);
    // Something does.
    let port = group.setup.status_port;
    let path = format!("/status?wait_change={known}&timeout_ms=30000");
    let poll = std::thread::spawn(move || http(port, "GET", &path).unwrap());
    assert_eq!(group.restart("A").0, Some(0));
    let (_, head, _) = poll.join().unwrap();
    assert_ne!(version(&head), known);
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn the_endpoint_survives_strangers() {
    let mut setup = Setup::new();
    setup.agent("A", "answer", &[]);
    let group = setup.start();
    group.wait_state("A", AgentState::Healthy);
    let port = group.setup.status_port;
    let send = |bytes: &[u8]| {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let _ = stream.write_all(bytes);
        let mut reply = Vec::new();
        let _ = stream.read_to_end(&mut reply);
        String::from_utf8_lossy(&reply).into_owned()
    };
    assert!(send(b"\xff\x00\x01\r\n\r\n").starts_with("HTTP/1.1 400"));
    assert!(send(&[b'x'; 8192]).starts_with("HTTP/1.1 431"));
    assert_eq!(group.code("/nothing"), 404);
    assert_eq!(http(port, "DELETE", "/status").unwrap().0, 405);
}

/// Connections that say nothing, that stop in the middle, that poll and that do not read: whoever comes next is answered.
#[test]
fn held_connections_silence_nobody() {
    let mut setup = Setup::new();
    setup.agent("A", "answer", &[]);
    let group = setup.start();
    group.wait_state("A", AgentState::Healthy);
    let port = group.setup.status_port;
    for said in [
        "",
        "GET /healthz HT",
        "GET /status?wait_change=1&timeout_ms=60000 HTTP/1.1\r\n\r\n",
        "GET /status?wait_change=KNOWN&timeout_ms=60000 HTTP/1.1\r\n\r\n",
    ] {
        let (_, head, _) = group.get("/status").unwrap();
        let known = head
            .lines()
            .find_map(|line| line.strip_prefix("X-Status-Version: "))
            .unwrap();
        let said = said.replace("KNOWN", known);
        let held: Vec<TcpStream> = (0..200)
            .map(|_| {
                let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
                // A stranger that was shown out already may not be told more.
                let _ = stream.write_all(said.as_bytes());
                stream
            })
            .collect();
        assert_eq!(group.code("/healthz"), 200, "{said}");
        let check = supervisor()
            .args(["check", "--port", &port.to_string()])
            .status()
            .unwrap();
        assert!(check.success(), "{said}");
        drop(held);
    }
    saw(
        "200 connections to the status port are held",
        "health is answered all the same",
        "200 from `/healthz`, and the health check has a socket of its own",
    );
}

#[test]
fn secrets_are_masked_and_disclosure_is_a_setting() {
    let start = |disclosure: Option<&str>| {
        let mut setup = Setup::new();
        setup.set("crash_limit", 1.into());
        setup.agent(
            "A",
            "complain cannot reach redis://me:hunter2@db with s3cr3t-of-a\nexit-after 10 1",
            &[],
        );
        setup
            .environment
            .push(("AGENT_ENV_DB_PASSWORD".to_owned(), "s3cr3t-of-a".to_owned()));
        if let Some(disclosure) = disclosure {
            setup.config["disclosure"] = json!(disclosure);
        }
        let group = setup.start();
        group.wait_state("A", AgentState::Failed);
        group
    };
    let document = |group: &crate::harness::Group| group.get("/status").unwrap().2 + &group.get("/healthz").unwrap().2;
    let masked = document(&start(None));
    assert!(masked.contains("redis://me:***@db with ***"), "{masked}");
    assert!(!masked.contains("hunter2") && !masked.contains("s3cr3t"), "{masked}");
    let states = document(&start(Some("states")));
    assert!(!states.contains("redis"), "{states}");
    let full = document(&start(Some("full")));
    assert!(full.contains("hunter2"), "{full}");
}

#[test]
fn metrics_only_when_wanted() {
    let mut setup = Setup::new();
    setup.agent("A", "answer", &[]);
    let group = setup.start();
    group.wait_state("A", AgentState::Healthy);
    assert_eq!(group.code("/metrics"), 404);

    let mut setup = Setup::new();
    setup.agent("A", "answer", &[]);
    setup.environment.push(("ENABLE_METRICS".to_owned(), "true".to_owned()));
    let group = setup.start();
    group.wait_state("A", AgentState::Healthy);
    let (code, head, body) = group.get("/metrics").unwrap();
    assert_eq!(code, 200);
    assert!(head.contains("text/plain; version=0.0.4"));
    for line in [
        "agent_up{group=\"test\",agent=\"A\"} 1\n",
        "agent_state{group=\"test\",agent=\"A\",state=\"healthy\"} 1\n",
        "agent_restarts_total{group=\"test\",agent=\"A\"} 0\n",
        "agent_resident_memory_bytes{group=\"test\",agent=\"A\"} ",
        "supervisor_resident_memory_bytes{group=\"test\"} ",
    ] {
        assert!(body.contains(line), "no `{line}` in\n{body}");
    }
}

/// Bridges go to the same port of another address; here both are this host, so the owner listens on 127.0.0.2.
#[test]
fn a_bridge_carries_zeromq_both_ways() {
    let port = free_port();
    let mut setup = Setup::new();
    setup.agent("A", "answer", &[]);
    setup.config["loopback_bridges"] = json!([{"agent": "Far", "host": "127.0.0.2", "ports": [port]}]);
    let group = setup.start();
    group.wait_said("bridging 1 loopback port to their owners");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut owner = RepSocket::new();
        owner.bind(&format!("tcp://127.0.0.2:{port}")).await.unwrap();
        tokio::spawn(async move {
            loop {
                let question = owner.recv().await.unwrap();
                owner.send(question).await.unwrap();
            }
        });
        let mut client = ReqSocket::new();
        client.connect(&format!("tcp://127.0.0.1:{port}")).await.unwrap();
        for size in [1, 1000, 1_000_000] {
            let sent = vec![b'z'; size];
            client.send(sent.clone().into()).await.unwrap();
            let reply = tokio::time::timeout(Duration::from_secs(20), client.recv())
                .await
                .unwrap()
                .unwrap();
            assert_eq!(reply.get(0).unwrap().as_ref(), sent);
        }
    });
}

#[test]
fn a_port_leads_to_the_one_that_an_agent_binds() {
    let led = free_port();
    let mut setup = Setup::new();
    let bound = setup.agent("A", "answer", &[]);
    setup.config["agents"][0]["ports"] = json!([{"port": led, "target": bound}]);
    let group = setup.start();
    group.wait_said(&format!("port {led} leads to port {bound} of A"));
    group.wait_state("A", AgentState::Healthy);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        // At every address of the container.
        for address in ["127.0.0.1", "127.0.0.3"] {
            let mut client = ReqSocket::new();
            client.connect(&format!("tcp://{address}:{led}")).await.unwrap();
            client.send(r#"{"action":"health_check"}"#.into()).await.unwrap();
            let reply = tokio::time::timeout(Duration::from_secs(20), client.recv())
                .await
                .unwrap()
                .unwrap();
            let text = String::from_utf8_lossy(reply.get(0).unwrap()).into_owned();
            assert!(text.contains("status"), "{text}");
        }
    });
}

#[test]
fn a_bridge_respects_half_closed_connections() {
    let port = free_port();
    let mut setup = Setup::new();
    setup.agent("A", "answer", &[]);
    setup.config["loopback_bridges"] = json!([{"agent": "Far", "host": "127.0.0.2", "ports": [port]}]);
    let group = setup.start();
    group.wait_said("bridging 1 loopback port");
    let owner = TcpListener::bind(("127.0.0.2", port)).unwrap();
    let mut near = TcpStream::connect(("127.0.0.1", port)).unwrap();
    near.write_all(b"question").unwrap();
    near.shutdown(std::net::Shutdown::Write).unwrap();
    let (mut far, _) = owner.accept().unwrap();
    let mut seen = String::new();
    far.read_to_string(&mut seen).unwrap();
    assert_eq!(seen, "question");
    far.write_all(b"answer").unwrap();
    drop(far);
    let mut reply = String::new();
    near.read_to_string(&mut reply).unwrap();
    assert_eq!(reply, "answer");
}

#[test]
fn a_bridge_to_nobody_closes_at_once_and_taken_ports_are_said() {
    let (port, taken) = (free_port(), free_port());
    let _holder = TcpListener::bind(("127.0.0.1", taken)).unwrap();
    let mut setup = Setup::new();
    setup.agent("A", "answer", &[]);
    setup.config["loopback_bridges"] = json!([
        {"agent": "Far", "host": "127.0.0.2", "ports": [port, taken]},
        {"agent": "Lost", "host": "${NO_SUCH_HOST}", "ports": [1]},
    ]);
    let group = setup.start();
    group.wait_state("A", AgentState::Healthy);
    group.wait_said(&format!(
        "cannot bridge 127.0.0.1:{taken} to Far: Address already in use"
    ));
    group.wait_said("cannot bridge 127.0.0.1:1 to Lost: environment variable");
    let mut near = TcpStream::connect(("127.0.0.1", port)).unwrap();
    near.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    assert!(matches!(near.read(&mut [0; 8]), Ok(0) | Err(_)));
}

#[test]
fn an_agent_of_another_machine_is_reported_as_it_comes_and_goes() {
    let port = free_port();
    let mut setup = Setup::new();
    setup.agent("A", "answer", &[]);
    setup.config["loopback_bridges"] =
        json!([{"agent": "Far", "machine": "pc2", "host": "127.0.0.2", "ports": [port]}]);
    let group = setup.start();
    let peer = |reachable: bool| {
        wait_for("the peer", || {
            let (_, _, body) = group.get("/status")?;
            let status: GroupStatus = serde_json::from_str(&body).ok()?;
            let peer = status.peers.first()?.clone();
            (peer.reachable == Some(reachable)).then_some((status.state, peer))
        })
    };
    let (_, gone) = peer(false);
    assert_eq!(
        (gone.agent.as_str(), gone.machine.as_str(), gone.reason.as_deref()),
        ("Far", "pc2", Some("nothing listens there"))
    );
    group.wait_said("cannot reach Far on pc2");
    let owner = TcpListener::bind(("127.0.0.2", port)).unwrap();
    let (_, there) = peer(true);
    assert_eq!(there.reason, None);
    assert!(there.since_ms > gone.since_ms);
    drop(owner);
    group.wait_state("A", AgentState::Healthy);
    let (state, _) = peer(false);
    assert_eq!(state, GroupState::Healthy, "it is the other machine's fault");
}

#[test]
fn a_port_of_the_loopback_leads_to_the_host() {
    let mut setup = Setup::new();
    setup.agent("A", "answer", &[]);
    let host = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = host.local_addr().unwrap().port();
    let port = free_port();
    setup.config["host_services"] = json!([{"port": port, "host": "${HOST_ADDRESS}", "target": target}]);
    setup
        .environment
        .push(("HOST_ADDRESS".to_owned(), "127.0.0.1".to_owned()));
    let group = setup.start();
    group.wait_state("A", AgentState::Healthy);
    group.wait_said(&format!("127.0.0.1:{port} leads to port {target} of the host"));
    let mut near = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let (mut far, _) = host.accept().unwrap();
    far.write_all(b"here").unwrap();
    let mut said = [0; 4];
    near.read_exact(&mut said).unwrap();
    assert_eq!(&said, b"here");
}

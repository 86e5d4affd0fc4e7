//! Runs a plan of checks: as many at once as is good for the host, each within its time limit, events as they happen.
//!
//! What is looked at, and how, is in [`super::look`]; what it means is judged in `smoke`.

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::look::Look;
use super::system::System;
use crate::host::system::process::interrupted;
use crate::host::system::request::Requester;
use crate::smoke::event::{Summary, Try, is_flaky};
use crate::smoke::kinds::Lane;
use crate::smoke::{Check, CheckId, Outcome, Plan, Run, SmokeEvent};

/// How many checks run at once.
#[derive(Debug, Clone, Copy)]
pub struct Jobs {
    /// Of those that talk to agents and supervisors.
    pub requests: usize,
    /// Of those that start Podman.
    pub podman: usize,
}

impl Default for Jobs {
    fn default() -> Self {
        Self { requests: 8, podman: 4 }
    }
}

/// Runs checks against a system.
pub struct Runner<'a> {
    /// The system.
    pub system: System<'a>,
    /// How many at once.
    pub jobs: Jobs,
}

struct Ended {
    id: CheckId,
    outcome: Outcome,
    duration: Duration,
    earlier: Vec<Try>,
}

/// How often a stop by the user is looked for while checks run.
const STOP_INTERVAL: Duration = Duration::from_millis(200);

impl Runner<'_> {
    /// Runs the whole plan.
    ///
    /// # Errors
    /// When the threads for requests cannot be made.
    pub fn run(&self, plan: &Plan, emit: &mut dyn FnMut(&SmokeEvent)) -> std::io::Result<Summary> {
        let requester = Requester::new()?;
        let look = Look::new(&self.system, Some(&requester));
        let started = Instant::now();
        emit(&SmokeEvent::RunStarted {
            checks: plan.checks.len(),
            phases: plan.phases(),
        });
        let mut run = Run::new(plan);
        let mut flaky = 0;
        std::thread::scope(|scope| {
            let (sender, receiver) = mpsc::channel::<Ended>();
            let mut busy: BTreeMap<Lane, usize> = BTreeMap::new();
            loop {
                if interrupted() {
                    report_skipped(plan, run.skip_rest("interrupted"), emit);
                }
                for check in run.ready() {
                    let in_lane = busy.entry(check.action.lane()).or_default();
                    if *in_lane >= self.bound(check.action.lane()) {
                        continue;
                    }
                    *in_lane += 1;
                    run.start(check.id);
                    emit(&SmokeEvent::Started { check: check.info() });
                    let saved = run.saved_for(check);
                    let sender = sender.clone();
                    let look = &look;
                    scope.spawn(move || {
                        let mut earlier = Vec::new();
                        let last = loop {
                            let now = timed(look, check, &saved);
                            if !now.outcome.is_failure() || earlier.len() >= check.retries as usize {
                                break now;
                            }
                            earlier.push(now);
                        };
                        let ended = Ended {
                            id: check.id,
                            outcome: last.outcome,
                            duration: last.duration,
                            earlier,
                        };
                        // The receiver lives until all checks ended.
                        let _ = sender.send(ended);
                    });
                }
                if run.is_done() {
                    break;
                }
                let Ok(ended) = receiver.recv_timeout(STOP_INTERVAL) else {
                    continue;
                };
                let check = plan.check(ended.id);
                if let Some(in_lane) = busy.get_mut(&check.action.lane()) {
                    *in_lane = in_lane.saturating_sub(1);
                }
                flaky += usize::from(is_flaky(&ended.outcome, &ended.earlier));
                let skipped = run.finish(ended.id, ended.outcome.clone());
                emit(&SmokeEvent::Finished {
                    check: check.info(),
                    duration: ended.duration,
                    outcome: ended.outcome,
                    earlier: ended.earlier,
                });
                report_skipped(plan, skipped, emit);
            }
        });
        look.clean_up();
        let summary = Summary {
            duration: started.elapsed(),
            interrupted: interrupted(),
            flaky,
            ..run.summary()
        };
        emit(&SmokeEvent::Summary(summary));
        Ok(summary)
    }

    fn bound(&self, lane: Lane) -> usize {
        match lane {
            Lane::Requests => self.jobs.requests.max(1),
            Lane::Podman => self.jobs.podman.max(1),
            Lane::Watch => usize::MAX,
        }
    }
}

fn timed(look: &Look<'_>, check: &Check, saved: &BTreeMap<String, Value>) -> Try {
    let started = Instant::now();
    let outcome = look.check(check, saved);
    let duration = started.elapsed();
    let outcome = if outcome.is_failure() && interrupted() {
        Outcome::Skipped {
            because: "interrupted".to_owned(),
        }
    } else {
        look.with_evidence(check, outcome)
    };
    Try { duration, outcome }
}

fn report_skipped(plan: &Plan, skipped: Vec<(CheckId, Outcome)>, emit: &mut dyn FnMut(&SmokeEvent)) {
    for (id, outcome) in skipped {
        emit(&SmokeEvent::Finished {
            check: plan.check(id).info(),
            duration: Duration::ZERO,
            outcome,
            earlier: Vec::new(),
        });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Write as _;
    use std::net::{Ipv4Addr, SocketAddr, TcpListener};

    use zeromq::{RepSocket, Socket as _, SocketRecv as _, SocketSend as _, ZmqMessage};

    use super::{Jobs, Runner};
    use crate::host::leftovers::records::Records;
    use crate::host::smoke::system::{Addresses, PodmanCommand, System};
    use crate::host::system::network::Endpoint;
    use crate::host::system::process::Program;
    use crate::smoke::plan::fixture::{plan_of, small_stack};
    use crate::smoke::{Outcome, SmokeEvent};
    use crate::stack::model::{AgentId, GroupId, MachineId};

    /// Stands in for Podman: answers by the first words, and knows one image, one network and one container.
    const PODMAN: &str = r#"
case "$1 $2" in
  "image inspect") echo '[{"Labels":{"a":"b"},"User":"agent","Size":1,"Config":{"Env":["A=b"]}}]' ;;
  "network inspect") echo '[{"subnets":[{"subnet":"172.20.0.0/16"}],"dns_enabled":true}]' ;;
  "volume exists") exit 0 ;;
  "container inspect") echo '[{"Name":"core-services","Mounts":[{"Name":"ai_system_mainpc_logs","Destination":"/app/logs","RW":true}]}]'
     echo 'no such container' >&2; exit 125 ;;
  "run --name") for marker; do :; done; echo "$marker" > "$STATE" ;;
  "start --attach") tr -d '\n' < "$STATE" ;;
  "rm --force") echo removed >> "$STATE.removed" ;;
  "run --rm") echo '{"files": 3, "different": []}' ;;
  "logs --tail") echo 'CoordinatorAgent | last words' ;;
  "exec --interactive") shift 3; exec "$@" ;;
  *) echo "unexpected: $*" >&2; exit 1 ;;
esac
"#;

    struct Fake {
        state: std::path::PathBuf,
        agent: SocketAddr,
        status: SocketAddr,
    }

    impl PodmanCommand for Fake {
        fn podman(&self, _machine: Option<MachineId>) -> Program {
            Program::new("sh")
                .args(["-c", PODMAN, "podman"])
                .env("STATE", &self.state)
        }

        fn records(&self, _machine: Option<MachineId>) -> Records {
            Records::none()
        }
    }

    impl Addresses for Fake {
        fn granted(&self, _: GroupId) -> crate::boot::reach::Granted {
            crate::boot::reach::Granted::default()
        }
        fn agent(&self, _agent: AgentId) -> Option<Endpoint> {
            Some(self.agent.into())
        }

        fn status(&self, _group: GroupId) -> Endpoint {
            self.status.into()
        }
    }

    /// A supervisor that counts its versions, says `starting` at first, and is healthy from the second request on.
    fn supervisor() -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for (count, stream) in listener.incoming().enumerate() {
                let mut stream = stream.unwrap();
                let mut head = [0; 1024];
                let read = std::io::Read::read(&mut stream, &mut head).unwrap();
                let request = String::from_utf8_lossy(&head[..read]).into_owned();
                if count > 1
                    && let Some((_, wait)) = request.split_once("timeout_ms=")
                {
                    let millis = wait.split(' ').next().unwrap().parse().unwrap();
                    std::thread::sleep(std::time::Duration::from_millis(millis));
                }
                let state = if count == 0 { "starting" } else { "healthy" };
                // A process whose memory does not grow while the tests of this one run beside each other.
                let pid = std::os::unix::process::parent_id();
                let body = format!(
                    r#"{{"version":1,"machine":"mainpc","group":"core-services","state":"{state}","started_at_ms":1,"now_ms":2,"checks":[],
                    "agents":[{{"name":"CoordinatorAgent","port":1,"health_check_port":2,"required":true,"state":"{state}","pid":{pid},"restarts":0,
                    "last_exit":null,"last_stderr":["Traceback"],"started_after_ms":1,"started_at_ms":1,"ready_after_ms":1,"ready_at_ms":1,
                    "waits_for":[],"released_by":null,"reason":null}}]}}"#
                );
                let _ = write!(stream, "HTTP/1.1 200 OK\r\nX-Status-Version: {count}\r\n\r\n{body}");
            }
        });
        address
    }

    fn agent() -> SocketAddr {
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async move {
                let mut socket = RepSocket::new();
                let endpoint = socket.bind("tcp://127.0.0.1:0").await.unwrap();
                sender.send(endpoint.to_string()).unwrap();
                while let Ok(message) = socket.recv().await {
                    let text = String::from_utf8(message.into_vec().concat()).unwrap();
                    let reply = format!("{{\"status\":\"ok\",\"echo\":{text}}}");
                    if socket.send(ZmqMessage::from(reply)).await.is_err() {
                        break;
                    }
                }
            });
        });
        receiver.recv().unwrap().trim_start_matches("tcp://").parse().unwrap()
    }

    const CHECKS: &str = "phase: 2
checks:
  - name: reply
    request: {agent: CoordinatorAgent, send: {n: 7}, expect: {echo: {n: 7}}, save: {n: echo.n}}
  - name: saved
    after: reply
    exec: {group: core-services, command: [echo, 'n=${n}'], expect: {stdout: 'n=7'}}
  - name: wrong
    request: {agent: CoordinatorAgent, send: {n: 7}, expect: {status: bad}}
  - name: later
    after: wrong
    image: {image: base}
  - name: image
    image: {image: base, user: agent, labels: {a: b}, env: {A: b}}
  - name: network
    network: {name: ai_system_mainpc, subnet: 172.20.0.0/16, dns: true}
  - name: volume
    machine: mainpc
    volume: {name: logs, mounted_in: core-services, persists: {group: core-services}}
  - name: mounts
    machine: mainpc
    volume: {name: logs}
  - name: aliases
    path_alias: {group: core-services, alias: a, target: b}
  - name: status
    status: {group: core-services}
  - name: soak
    after: status
    soak:
      group: core-services
      seconds: 1
      load: [{agent: CoordinatorAgent, send: {}}]
";

    #[test]
    fn every_kind_of_check_is_looked_at_and_judged() {
        let folder = tempfile::tempdir().unwrap();
        let fake = Fake {
            state: folder.path().join("state"),
            agent: agent(),
            status: supervisor(),
        };
        let stack = small_stack();
        let plan = plan_of(CHECKS);
        let runner = Runner {
            system: System {
                stack: &stack,
                podman: &fake,
                addresses: &fake,
            },
            jobs: Jobs::default(),
        };
        let mut outcomes = BTreeMap::new();
        let summary = runner
            .run(&plan, &mut |event| {
                if let SmokeEvent::Finished { check, outcome, .. } = event {
                    outcomes.insert(check.name.clone(), outcome.clone());
                }
            })
            .unwrap();
        for name in [
            "reply", "saved", "image", "network", "volume", "aliases", "status", "soak",
        ] {
            assert!(
                matches!(outcomes[name], Outcome::Passed { .. }),
                "{name}: {:?}",
                outcomes[name]
            );
        }
        let Outcome::Failed { evidence, .. } = &outcomes["wrong"] else {
            panic!("it must fail: {:?}", outcomes["wrong"]);
        };
        let labels: Vec<&str> = evidence.iter().map(|item| item.label.as_str()).collect();
        assert_eq!(
            labels,
            [
                "request",
                "reply",
                "state of CoordinatorAgent",
                "last stderr of CoordinatorAgent",
                "log of CoordinatorAgent"
            ]
        );
        let Outcome::Failed { got, .. } = &outcomes["mounts"] else {
            panic!("it must fail: {:?}", outcomes["mounts"]);
        };
        assert_eq!(got, &["`memory-system` has no container"]);
        assert_eq!(
            outcomes["later"],
            Outcome::Skipped {
                because: "`wrong` failed".to_owned()
            }
        );
        assert_eq!((summary.passed, summary.failed, summary.skipped), (8, 2, 1));
        assert!(folder.path().join("state.removed").exists(), "the probe is removed");
    }
}

//! Looks at what is between the machines: from inside containers, so that it is the same in the lab and on two real hosts.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Blind, Look, last_line, left, pause, run};
use crate::boot::reach::{lan_address, published_ports};
use crate::host::boot::supervisor_status::Snapshot;
use crate::host::lab;
use crate::host::smoke::system::Lan;
use crate::host::system::process;
use crate::smoke::judge::request_bytes;
use crate::smoke::lan::{LanAction, PortsSeen, Way};
use crate::smoke::{Check, Observation, evaluate};
use crate::stack::model::{AgentId, GroupId, MachineId};

/// Sends standard input to a REP port and prints the reply. Arguments: host, port, time limit in ms.
const CALL_SCRIPT: &str = "\
import sys, zmq
host, port, limit = sys.argv[1], sys.argv[2], int(sys.argv[3])
s = zmq.Context().socket(zmq.REQ)
s.setsockopt(zmq.LINGER, 0)
s.setsockopt(zmq.RCVTIMEO, limit)
s.setsockopt(zmq.SNDTIMEO, limit)
s.connect('tcp://%s:%s' % (host, port))
s.send(sys.stdin.buffer.read())
try:
    sys.stdout.buffer.write(b''.join(s.recv_multipart()))
except zmq.Again:
    sys.exit('no answer of %s:%s within %.1f s' % (host, port, limit / 1000))
";

/// Tries TCP ports and prints those that take a connection. Arguments: host; then ports, or none for all. Many at once: a port
/// that drops what comes costs the whole time limit.
const PORTS_SCRIPT: &str = "\
import selectors, socket, sys, time
host = sys.argv[1]
todo = [int(word) for word in sys.argv[2:]] or list(range(1, 65536))
todo.reverse()
chosen, opened = selectors.DefaultSelector(), []
while todo or chosen.get_map():
    while todo and len(chosen.get_map()) < 200:
        port = todo.pop()
        s = socket.socket()
        s.setblocking(False)
        if s.connect_ex((host, port)) == 0:
            opened.append(port)
            s.close()
        else:
            chosen.register(s, selectors.EVENT_WRITE, (port, time.monotonic() + 1))
    for key, _ in chosen.select(0.05):
        chosen.unregister(key.fileobj)
        if key.fileobj.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
            opened.append(key.data[0])
        key.fileobj.close()
    now = time.monotonic()
    for key in [key for key in chosen.get_map().values() if key.data[1] < now]:
        chosen.unregister(key.fileobj)
        key.fileobj.close()
print(*sorted(opened))
";

/// Pause between two calls of one that is repeated.
const AGAIN: Duration = Duration::from_millis(200);

impl<'a> Look<'a> {
    fn between(&self) -> Result<Lan<'a>, Blind> {
        self.system.addresses.lan().ok_or_else(|| {
            "both machines are this host; `--lab` makes two of it, `podman: {connection: …}` names a second one"
                .to_owned()
        })
    }

    /// Looks at one of them.
    pub(super) fn lan(
        &self,
        check: &Check,
        action: &LanAction,
        saved: &BTreeMap<String, Value>,
        deadline: Instant,
    ) -> Result<Observation, Blind> {
        let lan = self.between()?;
        match action {
            LanAction::Call {
                from,
                agent,
                by,
                send,
                repeat,
                ..
            } => {
                let payload = request_bytes(send, saved);
                loop {
                    let seen = self.call(&lan, *from, *agent, *by, &payload, deadline);
                    let seen = seen.map(Observation::Reply);
                    let again = *repeat && !left(deadline).is_zero() && !process::interrupted();
                    let good = seen
                        .as_ref()
                        .is_ok_and(|seen| !evaluate(self.system.stack, check, saved, seen).is_failure());
                    if good || !again {
                        return seen;
                    }
                    pause(AGAIN.min(left(deadline)));
                }
            }
            LanAction::Ports { from, to } => self.ports(&lan, *from, *to, deadline).map(Observation::Ports),
            LanAction::Link { cut } => {
                let lab = lan.lab.ok_or("only the lab's link can be cut: run it with `--lab`")?;
                let changed = if *cut { lab::cut(lab) } else { lab::heal(lab) };
                changed.map(|_| Observation::LanLink).map_err(|error| error.to_string())
            }
            LanAction::Peers { group, .. } => {
                let mut good = |seen: &Snapshot| {
                    let seen = Observation::Status(Box::new(seen.status.clone()));
                    !evaluate(self.system.stack, check, saved, &seen).is_failure()
                };
                let seen = self.wait_until(*group, deadline, &mut good)?;
                seen.map(|seen| Observation::Status(Box::new(seen.status)))
                    .ok_or_else(|| "nothing".to_owned())
            }
        }
    }

    fn call(
        &self,
        lan: &Lan<'_>,
        from: GroupId,
        agent: AgentId,
        by: Way,
        payload: &[u8],
        deadline: Instant,
    ) -> Result<Vec<u8>, Blind> {
        let stack = self.system.stack;
        let asked = stack.agent(agent);
        let host = match by {
            Way::Loopback => "localhost".to_owned(),
            Way::Lan => lan_address(stack, asked.machine, &lan.hosts.of(asked.machine).host).to_string(),
        };
        let limit = left(deadline);
        let words = [
            "python3".to_owned(),
            "-c".to_owned(),
            CALL_SCRIPT.to_owned(),
            host,
            asked.port.to_string(),
            limit.as_millis().to_string(),
        ];
        let program = self.exec(from, &words).input(payload);
        let seen = run(&program, deadline + Duration::from_secs(2))?;
        match seen.exit {
            Some(0) => Ok(seen.stdout.into_bytes()),
            _ => Err(last_line(&seen.stderr)),
        }
    }

    /// In the lab every port there is is tried. A real host has ports that are none of ours: there, those of the model are.
    fn ports(&self, lan: &Lan<'_>, from: MachineId, to: MachineId, deadline: Instant) -> Result<PortsSeen, Blind> {
        let stack = self.system.stack;
        let host = &lan.hosts.of(to).host;
        let (inside, _) = stack.groups_of(from).next().ok_or("the machine has no group")?;
        let ours: BTreeSet<u16> = stack
            .groups_of(to)
            .flat_map(|(group, _)| published_ports(stack, group, host))
            .filter(|port| port.agent.is_none() && !matches!(port.host.ip(), IpAddr::V4(ip) if ip.is_loopback()))
            .map(|port| port.host.port())
            .collect();
        let mut wanted: BTreeSet<u16> = BTreeSet::new();
        if lan.lab.is_none() {
            let agents = stack
                .agents()
                .map(|(_, agent)| agent)
                .filter(|agent| agent.machine == to);
            wanted.extend(agents.flat_map(crate::stack::Agent::ports));
            wanted.extend(stack.groups_of(to).map(|(_, group)| group.published_status_port));
            wanted.insert(stack.status_port);
        }
        let address = lan_address(stack, to, host).to_string();
        let mut words = ["python3", "-c", PORTS_SCRIPT, &address].map(str::to_owned).to_vec();
        words.extend(wanted.iter().map(u16::to_string));
        let seen = run(&self.exec(inside, &words), deadline)?;
        if seen.exit != Some(0) {
            return Err(last_line(&seen.stderr));
        }
        Ok(PortsSeen {
            tried: if wanted.is_empty() { 65_535 } else { wanted.len() },
            open: seen
                .stdout
                .split_whitespace()
                .filter_map(|word| word.parse().ok())
                .collect(),
            ours,
        })
    }

    /// Makes the link whole, whatever became of the check that would have done it.
    pub(super) fn heal(&self) {
        if let Some(lab) = self.system.addresses.lan().and_then(|lan| lan.lab) {
            let stopped = process::interrupted();
            process::resume();
            // Where the lab is gone, so is the link.
            let _ = lab::heal(lab);
            if stopped {
                process::interrupt();
            }
        }
    }
}

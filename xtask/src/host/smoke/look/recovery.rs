//! Breaks an agent, in the stack or in a container made for it, and follows what its supervisor says.

use std::time::Instant;

use contract::group_config::GroupConfig;
use contract::status::{AgentStatus, GroupStatus};
use serde_json::json;

use super::inside::{ask, own_limit};
use super::{Blind, Look, left, succeed};
use crate::host::boot::supervisor_status;
use crate::host::smoke::probe;
use crate::smoke::kinds::recovery::{CRASH_WORDS, CRASHING_SCRIPT, DependentSeen, Recovery, RecoverySeen};
use crate::smoke::spec::Fault;
use crate::stack::model::AgentId;

const SCRIPT: &str = include_str!("recovery.py");

impl Look<'_> {
    pub(super) fn recovery(&self, recovery: &Recovery, deadline: Instant) -> Result<RecoverySeen, Blind> {
        match &recovery.probe {
            Some(config) => self.recovery_in_probe(recovery, config, deadline),
            None => self.recovery_in_stack(recovery, deadline),
        }
    }

    fn recovery_in_stack(&self, recovery: &Recovery, deadline: Instant) -> Result<RecoverySeen, Blind> {
        let stack = self.system.stack;
        let agent = stack.agent(recovery.agent);
        let at = self.system.addresses.status(agent.group);
        let before = supervisor_status::fetch(at, None, left(deadline))
            .map_err(|error| error.to_string())?
            .status;
        let pid = recovery
            .of(&before)
            .and_then(|agent| agent.pid)
            .ok_or_else(|| format!("{} does not run", agent.name))?;
        let states =
            || -> Vec<Option<AgentStatus>> { recovery.dependents.iter().map(|id| self.state_of(*id)).collect() };
        let undisturbed = states();
        let signal = if recovery.fault == Fault::Mute { "STOP" } else { "KILL" };
        let words = ["sh", "-c", &format!("kill -{signal} {pid}")].map(str::to_owned);
        succeed(&self.exec(agent.group, &words), deadline)?;
        let mut history = vec![before.clone()];
        let mut meanwhile = None;
        self.wait_until(agent.group, deadline, &mut |now| {
            if recovery.is_noticed(&now.status) && meanwhile.is_none() {
                meanwhile = Some(states());
            }
            history.push(now.status.clone());
            recovery.is_over(&before, &now.status)
        })?;
        let meanwhile = meanwhile.unwrap_or_else(|| vec![None; recovery.dependents.len()]);
        let dependents = recovery
            .dependents
            .iter()
            .zip(undisturbed.into_iter().zip(meanwhile).zip(states()))
            .map(|(id, ((before, meanwhile), after))| DependentSeen {
                name: stack.agent(*id).name.clone(),
                seen: [before, meanwhile, after],
            })
            .collect();
        Ok(RecoverySeen { history, dependents })
    }

    /// What an agent's supervisor says of it now.
    fn state_of(&self, id: AgentId) -> Option<AgentStatus> {
        let agent = self.system.stack.agent(id);
        let at = self.system.addresses.status(agent.group);
        let status = supervisor_status::fetch(at, None, std::time::Duration::from_secs(2)).ok()?;
        status.status.agents.into_iter().find(|one| one.name == agent.name)
    }

    fn recovery_in_probe(
        &self,
        recovery: &Recovery,
        config: &GroupConfig,
        deadline: Instant,
    ) -> Result<RecoverySeen, Blind> {
        let stack = self.system.stack;
        let group = stack.agent(recovery.agent).group;
        let machine = Some(stack.group(group).machine);
        let name = probe::marker(&stack.name);
        let input = json!({
            "config": config,
            "agent": stack.agent(recovery.agent).name,
            "fault": recovery.fault.name(),
            "crashing_script": CRASHING_SCRIPT,
            "crash_words": CRASH_WORDS,
            "limit_ms": u64::try_from(own_limit(deadline)).unwrap_or_default(),
        });
        let mut program = self
            .podman(machine)
            .args(["run", "--rm", "--interactive", "--name", &name])
            .arg(format!("--label={}={}", crate::host::podman::STACK_LABEL, stack.name))
            .arg(super::CHECK_ROLE)
            .args(["--pull", "never", "--network", "none", "--read-only"])
            .args(["--cap-drop", "all", "--security-opt", "no-new-privileges"])
            .arg("--tmpfs=/tmp:rw,nosuid,nodev,mode=1777");
        // `U`: it belongs to the image's user, as the volume does.
        for volume in &stack.volumes {
            program = program.arg(format!("--tmpfs={}:rw,nosuid,nodev,U", volume.path));
        }
        let program = program
            .args(["--entrypoint", "python3", &stack.group_image(group), "-c", SCRIPT])
            .input(input.to_string());
        self.note_probe(machine, &name);
        let seen: Result<Vec<GroupStatus>, Blind> = ask(&program, deadline);
        self.remove_probe(machine, &name);
        let history = seen?;
        let noticed = history.iter().find(|status| recovery.is_noticed(status));
        let state = |status: Option<&GroupStatus>, name: &str| {
            status.and_then(|status| status.agents.iter().find(|agent| agent.name == *name).cloned())
        };
        let dependents = recovery
            .dependents
            .iter()
            .map(|id| {
                let name = &stack.agent(*id).name;
                DependentSeen {
                    name: name.clone(),
                    seen: [
                        state(history.first(), name),
                        state(noticed, name),
                        state(history.last(), name),
                    ],
                }
            })
            .collect();
        Ok(RecoverySeen { history, dependents })
    }
}

//! `/metrics` in the Prometheus text format, made from the status document and `/proc`.

use std::fmt::Write;

use contract::group_config::Start;
use contract::status::{AgentState, GroupStatus};

/// Clock ticks per second in `/proc/PID/stat`: 100 on every Linux that this runs on.
const TICKS: f64 = 100.0;

/// Whether the container wants metrics.
#[must_use]
pub fn enabled() -> bool {
    crate::environment::variable("ENABLE_METRICS").is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

/// All metrics of a group.
#[must_use]
pub fn render(status: &GroupStatus) -> String {
    let mut page = Page {
        text: String::new(),
        group: status.group.clone(),
    };
    page.head("agent_up", "gauge", "Whether the agent answers.");
    for agent in &status.agents {
        let up = matches!(agent.state, AgentState::Answering | AgentState::Healthy);
        page.sample("agent_up", &agent.name, "", f64::from(u8::from(up)));
    }
    page.head("agent_state", "gauge", "1 for the state the agent is in.");
    for agent in &status.agents {
        for state in AgentState::ALL {
            let label = format!(",state=\"{}\"", state.name());
            let is = f64::from(u8::from(agent.state == state));
            page.sample("agent_state", &agent.name, &label, is);
        }
    }
    page.head(
        "agent_started_warm",
        "gauge",
        "1 where the agent was forked from the warm interpreter, 0 where it was started plainly.",
    );
    for agent in &status.agents {
        if let Some(start) = agent.start {
            let warm = f64::from(u8::from(start == Start::Warm));
            page.sample("agent_started_warm", &agent.name, "", warm);
        }
    }
    page.head("agent_restarts_total", "counter", "Times the agent was started again.");
    for agent in &status.agents {
        page.sample("agent_restarts_total", &agent.name, "", f64::from(agent.restarts));
    }
    page.head(
        "agent_ready_seconds",
        "gauge",
        "From the agent's start to its first answer.",
    );
    for agent in &status.agents {
        if let (Some(started), Some(ready)) = (agent.started_after_ms, agent.ready_after_ms) {
            let took = std::time::Duration::from_millis(ready.saturating_sub(started));
            page.sample("agent_ready_seconds", &agent.name, "", took.as_secs_f64());
        }
    }
    let usages: Vec<(&str, Usage)> = status
        .agents
        .iter()
        .filter_map(|agent| Some((agent.name.as_str(), usage(&agent.pid?.to_string())?)))
        .collect();
    page.head(
        "agent_resident_memory_bytes",
        "gauge",
        "Resident memory of the agent's process.",
    );
    for (name, usage) in &usages {
        page.sample("agent_resident_memory_bytes", name, "", usage.resident);
    }
    page.head("agent_cpu_seconds_total", "counter", "CPU time of the agent's process.");
    for (name, usage) in &usages {
        page.sample("agent_cpu_seconds_total", name, "", usage.cpu);
    }
    let own = usage("self").map_or(0.0, |usage| usage.resident);
    page.head(
        "supervisor_resident_memory_bytes",
        "gauge",
        "Resident memory of the supervisor.",
    );
    let group = escape(&page.group);
    let _ = writeln!(page.text, "supervisor_resident_memory_bytes{{group=\"{group}\"}} {own}");
    page.text
}

struct Page {
    text: String,
    group: String,
}

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, agent: &str, labels: &str, value: f64) {
        let (group, agent) = (escape(&self.group), escape(agent));
        let _ = writeln!(
            self.text,
            "{name}{{group=\"{group}\",agent=\"{agent}\"{labels}}} {value}"
        );
    }
}

fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

struct Usage {
    resident: f64,
    cpu: f64,
}

fn usage(pid: &str) -> Option<Usage> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let resident = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?
        .trim()
        .trim_end_matches(" kB")
        .parse::<f64>()
        .ok()?;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // After the command's name, which may hold anything: utime and stime are the 12th and 13th word.
    let mut words = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: f64 = words.next()?.parse().ok()?;
    let system: f64 = words.next()?.parse().ok()?;
    Some(Usage {
        resident: resident * 1024.0,
        cpu: (user + system) / TICKS,
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn usage_of_this_process_is_plausible() {
        let usage = super::usage("self").unwrap();
        assert!(usage.resident > 100_000.0);
        assert!(usage.cpu >= 0.0);
    }
}

//! A diagram of agents in every format: a picture, a page, and what other programs draw.

mod dot;
mod mermaid;
mod page;

use std::io;

use serde::Serialize;

pub use self::dot::dot;
pub use self::mermaid::mermaid;
pub use self::page::{html, svg};
use crate::audit::Prediction;
use crate::diagram::{Crossing, Diagram};

#[cfg(test)]
mod tests;

/// The newest version of [`Document`].
pub const VERSION: u32 = 1;

/// A verdict in words.
fn words(verdict: Prediction) -> &'static str {
    match verdict {
        Prediction::Starts => "starts",
        Prediction::Degraded => "degraded",
        Prediction::MayNot => "at risk",
        Prediction::Blocked => "waiting",
        Prediction::CannotStart => "cannot start",
    }
}

/// A sign for it, so that colour is not all that tells.
fn sign(verdict: Prediction) -> &'static str {
    match verdict {
        Prediction::Starts => "✓",
        Prediction::Degraded => "~",
        Prediction::MayNot => "?",
        Prediction::Blocked => "…",
        Prediction::CannotStart => "✗",
    }
}

/// All verdicts, the good one first.
const VERDICTS: [Prediction; 5] = [
    Prediction::Starts,
    Prediction::Degraded,
    Prediction::MayNot,
    Prediction::Blocked,
    Prediction::CannotStart,
];

/// The diagram for programs.
#[derive(Debug, Serialize)]
pub struct Document<'a> {
    version: u32,
    stack: &'a str,
    agents: Vec<Agent<'a>>,
    edges: Vec<Edge<'a>>,
    /// Chains of agents that need each other.
    cycles: Vec<Vec<String>>,
    undefined: Vec<Undefined<'a>>,
}

#[derive(Debug, Serialize)]
struct Agent<'a> {
    machine: &'a str,
    group: &'a str,
    name: &'a str,
    stage: usize,
    prediction: Prediction,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct Edge<'a> {
    from: String,
    to: String,
    crosses: Option<&'a str>,
    cycle: bool,
}

#[derive(Debug, Serialize)]
struct Undefined<'a> {
    agent: String,
    needs: &'a str,
}

fn full_name(diagram: &Diagram, agent: usize) -> String {
    format!("{}/{}", diagram.machine_of(agent), diagram.agents[agent].name)
}

/// What an edge crosses, in a word.
fn crossed(crossing: Crossing) -> Option<&'static str> {
    match crossing {
        Crossing::None => None,
        Crossing::Container => Some("container"),
        Crossing::Machine => Some("machine"),
    }
}

/// The document.
#[must_use]
pub fn document(diagram: &Diagram) -> Document<'_> {
    let name = |agent: usize| full_name(diagram, agent);
    Document {
        version: VERSION,
        stack: &diagram.name,
        agents: diagram
            .agents
            .iter()
            .enumerate()
            .map(|(index, agent)| Agent {
                machine: diagram.machine_of(index),
                group: &diagram.groups[agent.group].name,
                name: &agent.name,
                stage: agent.stage,
                prediction: agent.verdict,
                reason: agent.reason.as_deref(),
            })
            .collect(),
        edges: diagram
            .edges
            .iter()
            .map(|edge| Edge {
                from: name(edge.from),
                to: name(edge.to),
                crosses: crossed(edge.crossing),
                cycle: edge.in_ring,
            })
            .collect(),
        cycles: diagram
            .rings
            .iter()
            .map(|ring| ring.iter().map(|agent| name(*agent)).collect())
            .collect(),
        undefined: diagram
            .undefined
            .iter()
            .map(|(agent, needs)| Undefined {
                agent: name(*agent),
                needs,
            })
            .collect(),
    }
}

/// The same as a text.
///
/// # Errors
/// Never for such a document.
pub fn json(diagram: &Diagram) -> io::Result<String> {
    Ok(format!("{}\n", super::json::text(&document(diagram))?))
}

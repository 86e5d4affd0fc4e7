//! A diagram for Graphviz.

use std::fmt::Write as _;

use super::{VERDICTS, sign, words};
use crate::audit::Prediction;
use crate::diagram::{Crossing, Diagram};
use crate::report::escape;

/// The text.
#[must_use]
pub fn dot(diagram: &Diagram) -> String {
    let mut text = format!("digraph {} {{\n", quoted(&diagram.name));
    text += "  rankdir=RL;\n  node [shape=box, style=filled, fontname=sans, fontsize=11];\n  edge [color=gray50];\n";
    for (machine_index, machine) in diagram.machines().iter().enumerate() {
        let _ = writeln!(
            text,
            "  subgraph cluster_m{machine_index} {{\n    label={};",
            quoted(machine)
        );
        for (index, group) in diagram.groups.iter().enumerate() {
            if group.machine != *machine {
                continue;
            }
            let _ = writeln!(
                text,
                "    subgraph cluster_g{index} {{\n      label={};",
                quoted(&group.name)
            );
            for (agent, node) in diagram
                .agents
                .iter()
                .enumerate()
                .filter(|(_, node)| node.group == index)
            {
                let tip = node.reason.as_deref().unwrap_or(words(node.verdict));
                let _ = writeln!(
                    text,
                    "      a{agent} [label={}, fillcolor={}, tooltip={}];",
                    quoted(&format!("{} {}", sign(node.verdict), node.name)),
                    quoted(fill(node.verdict)),
                    quoted(tip)
                );
            }
            text += "    }\n";
        }
        text += "  }\n";
    }
    for edge in &diagram.edges {
        let look = match (edge.in_ring, edge.crossing) {
            (true, _) => " [color=red3, penwidth=2]",
            (false, Crossing::Machine) => " [color=darkorange3, style=dashed, penwidth=2]",
            (false, Crossing::Container) => " [color=royalblue]",
            (false, Crossing::None) => "",
        };
        let _ = writeln!(text, "  a{} -> a{}{look};", edge.from, edge.to);
    }
    text += "}\n";
    text
}

fn fill(verdict: Prediction) -> &'static str {
    match verdict {
        Prediction::Starts => "#d8f0dc",
        Prediction::Degraded => "#e6efb8",
        Prediction::MayNot => "#ffe9b8",
        Prediction::Blocked => "#dfe3ea",
        Prediction::CannotStart => "#f9cfcb",
    }
}

/// Colours of all verdicts, for whoever draws the same elsewhere.
pub(super) fn fills() -> impl Iterator<Item = (Prediction, &'static str)> {
    VERDICTS.into_iter().map(|verdict| (verdict, fill(verdict)))
}

/// A text as Graphviz reads it: only quotes and backslashes mean anything in it.
fn quoted(text: &str) -> String {
    let text = escape::line(text).replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{text}\"")
}

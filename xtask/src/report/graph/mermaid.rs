//! A diagram for Mermaid, which Markdown readers draw.

use std::fmt::Write as _;

use super::{dot, sign};
use crate::audit::Prediction;
use crate::diagram::{Crossing, Diagram};
use crate::report::escape;

/// The text.
#[must_use]
pub fn mermaid(diagram: &Diagram) -> String {
    let mut text = "flowchart RL\n".to_owned();
    for (machine_index, machine) in diagram.machines().iter().enumerate() {
        let _ = writeln!(text, "  subgraph m{machine_index}[\"{}\"]", label(machine));
        for (index, group) in diagram.groups.iter().enumerate() {
            if group.machine != *machine {
                continue;
            }
            let _ = writeln!(text, "    subgraph g{index}[\"{}\"]", label(&group.name));
            for (agent, node) in diagram
                .agents
                .iter()
                .enumerate()
                .filter(|(_, node)| node.group == index)
            {
                let (sign, name) = (sign(node.verdict), label(&node.name));
                let _ = writeln!(text, "      a{agent}[\"{sign} {name}\"]:::{}", class(node.verdict));
            }
            text += "    end\n";
        }
        text += "  end\n";
    }
    let mut looks: Vec<(&str, Vec<usize>)> = vec![
        ("stroke:#3267c8", Vec::new()),
        ("stroke:#c05a00,stroke-width:2px", Vec::new()),
        ("stroke:#c62828,stroke-width:2px", Vec::new()),
    ];
    for (number, edge) in diagram.edges.iter().enumerate() {
        let arrow = if edge.crossing == Crossing::Machine {
            "-.->"
        } else {
            "-->"
        };
        let _ = writeln!(text, "  a{} {arrow} a{}", edge.from, edge.to);
        match (edge.in_ring, edge.crossing) {
            (true, _) => looks[2].1.push(number),
            (false, Crossing::Machine) => looks[1].1.push(number),
            (false, Crossing::Container) => looks[0].1.push(number),
            (false, Crossing::None) => {}
        }
    }
    for (look, numbers) in looks.iter().filter(|(_, numbers)| !numbers.is_empty()) {
        let numbers: Vec<String> = numbers.iter().map(usize::to_string).collect();
        let _ = writeln!(text, "  linkStyle {} {look}", numbers.join(","));
    }
    for (verdict, fill) in dot::fills() {
        let _ = writeln!(text, "  classDef {} fill:{fill},stroke:#888,color:#111", class(verdict));
    }
    text
}

fn class(verdict: Prediction) -> &'static str {
    match verdict {
        Prediction::Starts => "starts",
        Prediction::Degraded => "degraded",
        Prediction::MayNot => "at_risk",
        Prediction::Blocked => "waiting",
        Prediction::CannotStart => "cannot_start",
    }
}

/// A text in quotes, in which nothing but letters, digits and plain signs stands for itself: all else is a character by its number.
fn label(text: &str) -> String {
    let mut label = String::new();
    for c in escape::line(text).chars() {
        if c.is_alphanumeric() || " _-./()".contains(c) {
            label.push(c);
        } else {
            let _ = write!(label, "#{};", u32::from(c));
        }
    }
    label
}

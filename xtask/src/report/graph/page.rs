//! A diagram as a picture, and as a page around it that needs nothing but itself.

use minijinja::Error;
use serde::Serialize;

use super::{VERDICTS, crossed, full_name, sign, words};
use crate::audit::Prediction;
use crate::diagram::Diagram;
use crate::diagram::layout::{Band, LINE, Layout, Line, SIDES};
use crate::report::page::html_environment;
use crate::template::values;

/// An agent's box.
#[derive(Debug, Serialize)]
struct Box<'a> {
    id: usize,
    class: &'static str,
    sign: &'static str,
    tip: String,
    x: i32,
    y: i32,
    width: i32,
    height: i32,
    lines: Vec<Text<'a>>,
}

/// A line of text, and where its foot stands.
#[derive(Debug, Serialize)]
struct Text<'a> {
    text: &'a str,
    x: i32,
    y: i32,
    width: i32,
}

/// A band with its heading.
#[derive(Debug, Serialize)]
struct Heading<'a> {
    heading: &'a str,
    x: i32,
    y: i32,
    width: i32,
    height: i32,
}

/// An edge.
#[derive(Debug, Serialize)]
struct Way {
    from: usize,
    to: usize,
    class: &'static str,
    path: String,
    tip: String,
}

/// A verdict in the legend.
#[derive(Debug, Serialize)]
struct Counted {
    class: &'static str,
    sign: &'static str,
    words: &'static str,
    count: usize,
}

/// The picture.
///
/// # Errors
/// When the template cannot be filled in, which is an error of this program.
pub fn svg(diagram: &Diagram) -> Result<String, Error> {
    let layout = Layout::new(diagram);
    html_environment()?.render_str(
        include_str!("graph.svg.j2"),
        values! {
            style => include_str!("graph.css"),
            name => diagram.name,
            width => layout.width,
            height => layout.height,
            machines => bands(&layout.machines),
            groups => bands(&layout.groups),
            boxes => boxes(diagram, &layout),
            ways => ways(diagram, &layout),
        },
    )
}

/// The page.
///
/// # Errors
/// As [`svg`].
pub fn html(diagram: &Diagram) -> Result<String, Error> {
    let picture = svg(diagram)?;
    let name = |agent: &usize| full_name(diagram, *agent);
    let rings: Vec<Vec<String>> = diagram
        .rings
        .iter()
        .map(|ring| ring.iter().chain(ring.first()).map(name).collect())
        .collect();
    let undefined: Vec<(String, &String)> = diagram
        .undefined
        .iter()
        .map(|(agent, needs)| (name(agent), needs))
        .collect();
    let verdicts: Vec<Counted> = VERDICTS
        .into_iter()
        .map(|verdict| (verdict, diagram.count(verdict)))
        .map(|(verdict, count)| Counted {
            class: verdict.id(),
            sign: sign(verdict),
            words: if verdict == Prediction::Starts && count != 1 {
                "start"
            } else {
                words(verdict)
            },
            count,
        })
        .collect();
    html_environment()?.render_str(
        include_str!("graph.html.j2"),
        values! {
            style => include_str!("page.css"),
            script => include_str!("graph.js"),
            name => diagram.name,
            agents => diagram.agents.len(),
            picture,
            verdicts,
            rings,
            undefined,
        },
    )
}

fn bands(bands: &[Band]) -> Vec<Heading<'_>> {
    let heading = |band: &'_ Band| (band.area.x, band.area.y, band.area.width, band.area.height);
    bands
        .iter()
        .map(|band| {
            let (x, y, width, height) = heading(band);
            Heading {
                heading: &band.heading,
                x,
                y,
                width,
                height,
            }
        })
        .collect()
}

fn boxes<'a>(diagram: &Diagram, layout: &'a Layout) -> Vec<Box<'a>> {
    let line = |place_x: i32, first: i32, index: usize, line: &'a Line| Text {
        text: &line.text,
        x: place_x + SIDES.0,
        y: first + LINE * i32::try_from(index).unwrap_or(0),
        width: line.width,
    };
    diagram
        .agents
        .iter()
        .zip(&layout.agents)
        .enumerate()
        .map(|(id, (agent, place))| {
            let area = place.area;
            let mut tip = format!("{}: {}", full_name(diagram, id), words(agent.verdict));
            if let Some(reason) = &agent.reason {
                tip = format!("{tip}: {reason}");
            }
            Box {
                id,
                class: agent.verdict.id(),
                sign: sign(agent.verdict),
                tip,
                x: area.x,
                y: area.y,
                width: area.width,
                height: area.height,
                lines: place
                    .lines
                    .iter()
                    .enumerate()
                    .map(|(index, text)| line(area.x, area.y + LINE, index, text))
                    .collect(),
            }
        })
        .collect()
}

/// Those that cross most come last, over the others.
fn ways(diagram: &Diagram, layout: &Layout) -> Vec<Way> {
    let mut ways: Vec<(bool, _, Way)> = Vec::new();
    for (edge, curve) in diagram.edges.iter().zip(&layout.edges) {
        let [start, first, second, end] = curve;
        let class = if edge.in_ring {
            "cycle"
        } else {
            crossed(edge.crossing).unwrap_or("within")
        };
        let (from, to) = (full_name(diagram, edge.from), full_name(diagram, edge.to));
        let way = Way {
            from: edge.from,
            to: edge.to,
            class,
            path: format!(
                "M{},{} C{},{} {},{} {},{}",
                start.0, start.1, first.0, first.1, second.0, second.1, end.0, end.1
            ),
            tip: format!("{from} needs {to}"),
        };
        ways.push((edge.in_ring, edge.crossing, way));
    }
    ways.sort_by_key(|(in_ring, crossing, _)| (*in_ring, *crossing));
    ways.into_iter().map(|(_, _, way)| way).collect()
}

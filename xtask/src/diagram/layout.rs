//! Where everything of a diagram stands: a column for each stage of the start, a band for each group, so that nobody stands in another's
//! place. Units are pixels at the natural size. Nothing here knows fonts: a line of text is given the width that it is to take.

use unicode_width::UnicodeWidthChar as _;

use super::Diagram;

/// Height of a line of text.
pub const LINE: i32 = 13;
/// Room above and below the lines in a box, together.
const IN_BOX: i32 = 6;
/// Room at the sides of a box's text: left, where the verdict's sign stands, and right.
pub const SIDES: (i32, i32) = (16, 6);
/// Room between two boxes of a column.
const BETWEEN: i32 = 5;
/// Room between two columns, for edges.
const GAP: i32 = 22;
/// Room around bands.
const MARGIN: i32 = 8;
/// Height of a heading of a band, and of a machine.
const HEADING: (i32, i32) = (18, 24);
/// Characters of a line of a name, from which on it is broken in two.
const LONG: usize = 16;
/// Most characters of a line.
const MOST: usize = 40;

/// A rectangle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Area {
    /// Left side.
    pub x: i32,
    /// Upper side.
    pub y: i32,
    /// Width.
    pub width: i32,
    /// Height.
    pub height: i32,
}

impl Area {
    /// Whether two overlap.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.x < other.x + other.width
            && other.x < self.x + self.width
            && self.y < other.y + other.height
            && other.y < self.y + self.height
    }
}

/// A line of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The text.
    pub text: String,
    /// The width that it takes.
    pub width: i32,
}

/// An agent's box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Where it is.
    pub area: Area,
    /// Its name, in one line or two.
    pub lines: Vec<Line>,
}

/// A band with a heading: a machine, or a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Band {
    /// What it is.
    pub heading: String,
    /// Where it is.
    pub area: Area,
}

/// The way of an edge: ends and control points of a cubic curve.
pub type Curve = [(i32, i32); 4];

/// Where everything stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// Width of the whole.
    pub width: i32,
    /// Height of the whole.
    pub height: i32,
    /// Machines.
    pub machines: Vec<Band>,
    /// Groups, in step with the diagram's.
    pub groups: Vec<Band>,
    /// Agents, in step with the diagram's.
    pub agents: Vec<Place>,
    /// Edges, in step with the diagram's.
    pub edges: Vec<Curve>,
}

impl Layout {
    /// Of a diagram.
    #[must_use]
    pub fn new(diagram: &Diagram) -> Self {
        let names: Vec<Vec<Line>> = diagram.agents.iter().map(|agent| lines(&agent.name)).collect();
        let columns = Columns::new(diagram, &names);
        let mut layout = Self {
            width: columns.width + 2 * MARGIN,
            height: MARGIN,
            machines: Vec::new(),
            groups: Vec::new(),
            agents: names
                .into_iter()
                .map(|lines| Place {
                    area: Area {
                        x: 0,
                        y: 0,
                        width: 0,
                        height: 0,
                    },
                    lines,
                })
                .collect(),
            edges: Vec::new(),
        };
        for machine in diagram.machines() {
            let top = layout.height;
            layout.height += HEADING.1;
            for (index, group) in diagram.groups.iter().enumerate() {
                if group.machine == machine {
                    layout.place_group(diagram, &columns, index);
                }
            }
            layout.machines.push(Band {
                heading: machine.to_owned(),
                area: Area {
                    x: 0,
                    y: top,
                    width: layout.width,
                    height: layout.height - top,
                },
            });
            layout.height += MARGIN;
        }
        layout.edges = diagram
            .edges
            .iter()
            .map(|edge| layout.curve(edge.from, edge.to))
            .collect();
        layout
    }

    /// Places a group's agents below what is there already.
    fn place_group(&mut self, diagram: &Diagram, columns: &Columns, group: usize) {
        let top = self.height;
        let mut bottom = top + HEADING.0;
        for (stage, column) in columns.all.iter() {
            let mut agents: Vec<usize> = (0..diagram.agents.len())
                .filter(|index| diagram.agents[*index].group == group && diagram.agents[*index].stage == *stage)
                .collect();
            // Near what they need, so that fewer edges cross; what they need stands to the left, and was placed before where it is above.
            agents.sort_by_key(|index| (self.height_of_needs(diagram, *index), *index));
            let mut y = top + HEADING.0;
            for index in agents {
                let lines = i32::try_from(self.agents[index].lines.len()).unwrap_or(1);
                let height = lines * LINE + IN_BOX;
                self.agents[index].area = Area {
                    x: column.x,
                    y,
                    width: column.width,
                    height,
                };
                y += height + BETWEEN;
            }
            bottom = bottom.max(y);
        }
        self.groups.push(Band {
            heading: diagram.groups[group].name.clone(),
            area: Area {
                x: MARGIN / 2,
                y: top,
                width: self.width - MARGIN,
                height: bottom - top,
            },
        });
        self.height = bottom + MARGIN;
    }

    /// Mean height of what an agent needs and is placed already; far below all where nothing is.
    fn height_of_needs(&self, diagram: &Diagram, agent: usize) -> i32 {
        let needs = diagram.edges.iter().filter(|edge| edge.from == agent);
        let placed: Vec<i32> = needs
            .map(|edge| self.agents[edge.to].area)
            .filter(|area| area.width > 0)
            .map(|area| area.y + area.height / 2)
            .collect();
        match i32::try_from(placed.len()) {
            Ok(count @ 1..) => placed.iter().sum::<i32>() / count,
            _ => i32::MAX,
        }
    }

    /// From the left side of who needs to the right side of who is needed; within a column, from left side to left side.
    fn curve(&self, from: usize, to: usize) -> Curve {
        let (from, to) = (self.agents[from].area, self.agents[to].area);
        let start = (from.x, from.y + from.height / 2);
        if to.x < from.x {
            let end = (to.x + to.width, to.y + to.height / 2);
            let bend = ((start.0 - end.0) / 2).max(GAP / 2);
            return [start, (start.0 - bend, start.1), (end.0 + bend, end.1), end];
        }
        // The bulge of the curve is three quarters of how far out its controls are: it stays in the gap.
        let end = (
            to.x,
            to.y + to.height / 2 + i32::from(start == (to.x, to.y + to.height / 2)) * 4,
        );
        let out = start.0 - GAP;
        [start, (out, start.1), (out, end.1), end]
    }
}

/// A column.
#[derive(Debug, Clone, Copy)]
struct Column {
    x: i32,
    width: i32,
}

/// The columns, by stage; stages that nobody is in have none.
struct Columns {
    all: Vec<(usize, Column)>,
    width: i32,
}

impl Columns {
    fn new(diagram: &Diagram, names: &[Vec<Line>]) -> Self {
        let mut stages: Vec<usize> = diagram.agents.iter().map(|agent| agent.stage).collect();
        stages.sort_unstable();
        stages.dedup();
        let mut x = MARGIN + GAP;
        let mut all = Vec::new();
        for stage in stages {
            let of_stage = diagram
                .agents
                .iter()
                .zip(names)
                .filter(|(agent, _)| agent.stage == stage);
            let text = of_stage.flat_map(|(_, lines)| lines).map(|line| line.width).max();
            let width = text.unwrap_or(0) + SIDES.0 + SIDES.1;
            all.push((stage, Column { x, width }));
            x += width + GAP;
        }
        // A heading needs room, too.
        let headings = diagram.groups.iter().map(|group| text_width(&group.name));
        let widest = headings.max().unwrap_or(0) + 2 * MARGIN;
        Self {
            all,
            width: (x - MARGIN).max(widest),
        }
    }
}

/// A name in one line or two, each with its width.
fn lines(name: &str) -> Vec<Line> {
    let count = name.chars().count();
    let halves = if count > LONG { broken(name) } else { None };
    let parts = match halves {
        Some((first, second)) => vec![first, second],
        None => vec![name],
    };
    let line = |text: &str| {
        let text = if text.chars().count() > MOST {
            text.chars().take(MOST - 1).chain(['…']).collect()
        } else {
            text.to_owned()
        };
        let width = text_width(&text);
        Line { text, width }
    };
    parts.into_iter().map(line).collect()
}

/// A name broken where a word of it begins, as near to its middle as can be.
fn broken(name: &str) -> Option<(&str, &str)> {
    let characters: Vec<(usize, char)> = name.char_indices().collect();
    let middle = characters.len() / 2;
    let begins = |at: usize| {
        let (before, here) = (characters[at - 1].1, characters[at].1);
        let next_is_small = characters.get(at + 1).is_some_and(|(_, next)| next.is_lowercase());
        !before.is_alphanumeric() || here.is_uppercase() && (before.is_lowercase() || next_is_small)
    };
    let at = (1..characters.len())
        .filter(|at| begins(*at))
        .min_by_key(|at| at.abs_diff(middle))?;
    Some(name.split_at(characters[at].0))
}

/// Width of a text in a common sans-serif face of 11 pixels, rounded up. Whoever draws it makes it that wide.
#[must_use]
pub fn text_width(text: &str) -> i32 {
    let tenths: i32 = text
        .chars()
        .map(|c| match c {
            'i' | 'j' | 'l' | '\'' | '|' | '.' | ',' | ':' | ';' | '!' => 27,
            'f' | 't' | 'r' | 'I' | ' ' | '(' | ')' | '[' | ']' | '/' | '-' => 38,
            'm' | 'w' | 'M' | 'W' | '@' | '%' | '…' => 98,
            c if c.is_uppercase() => 78,
            c => match c.width() {
                Some(0) => 0,
                Some(2) => 115,
                _ => 63,
            },
        })
        .sum();
    tenths / 10 + 1
}

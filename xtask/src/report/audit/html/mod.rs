//! The page of `audit --report`: one HTML file that needs nothing but itself. What to fix first, every agent with the way to its failure,
//! every rule, every file with its findings. Without JavaScript it is the same page without a filter.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::address;
use super::conclusion::{conclusion, looked_at, state};
use crate::audit::{AgentReport, Cause, Prediction, Report, Step, rules};
use crate::finding::{Finding, Severity};
use crate::report::escape;
use crate::report::page;
use crate::template::values;

/// The page; `pages` is where the page of the rules can be read.
///
/// # Errors
/// When the template cannot be filled in, which is an error of this program.
pub fn html(report: &Report, pages: &str) -> Result<String, minijinja::Error> {
    let all = Anchors::of(report);
    let causes: Vec<CauseRow<'_>> = report.causes.iter().map(|cause| all.cause(cause)).collect();
    page::html_environment()?.render_str(
        include_str!("page.html.j2"),
        values! {
            style => concat!(include_str!("../../page/page.css"), include_str!("page.css")),
            script => include_str!("page.js"),
            broken => report.count(Prediction::CannotStart) > 0 || report.has(Severity::Error),
            tree => report.tree,
            conclusion => conclusion(report),
            looked_at => looked_at(report, None),
            left_out => super::page::left_out(report),
            causes,
            groups => groups(report, &all),
            rules => by_rule(report, pages),
            files => by_file(report, &all),
        },
    )
}

/// A text, and the part of the page that it leads to.
#[derive(Debug, Serialize)]
struct Link<'a> {
    text: String,
    full: &'a str,
    to: Option<String>,
}

#[derive(Debug, Serialize)]
struct CauseRow<'a> {
    message: &'a str,
    help: Option<&'a str>,
    places: Vec<Link<'a>>,
    stops: Vec<Link<'a>>,
    blocks: Vec<Link<'a>>,
}

#[derive(Debug, Serialize)]
struct Group<'a> {
    machine: &'a str,
    group: &'a str,
    agents: Vec<Agent<'a>>,
}

#[derive(Debug, Serialize)]
struct Agent<'a> {
    id: usize,
    name: &'a str,
    script: &'a str,
    state: &'static str,
    class: &'static str,
    reason: Option<&'a str>,
    chain: Vec<Link<'a>>,
    blocked_by: Vec<Link<'a>>,
}

#[derive(Debug, Default, Serialize)]
struct Rule {
    id: &'static str,
    summary: &'static str,
    address: String,
    counts: [usize; 3],
    stops: usize,
    findings: Vec<(String, usize)>,
}

#[derive(Debug, Serialize)]
struct File<'a> {
    path: &'a str,
    findings: Vec<Row<'a>>,
}

#[derive(Debug, Serialize)]
struct Row<'a> {
    id: usize,
    severity: &'static str,
    class: &'static str,
    rule: &'a str,
    message: String,
    help: Option<&'a str>,
    line: u32,
    frame: Option<Frame>,
    related: Vec<(String, &'a str)>,
    stops: Vec<Link<'a>>,
}

/// A line of source, and what is meant in it.
#[derive(Debug, Serialize)]
struct Frame {
    before: String,
    meant: String,
    after: String,
}

/// Where agents and findings are on the page.
struct Anchors<'a> {
    agents: HashMap<String, usize>,
    findings: HashMap<(&'a str, u32), usize>,
}

impl<'a> Anchors<'a> {
    fn of(report: &'a Report) -> Self {
        let agents = report.agents.iter().enumerate();
        let mut findings = HashMap::new();
        for (index, finding) in report.findings.iter().enumerate() {
            let place = &finding.place;
            findings.entry((place.path.as_str(), place.line)).or_insert(index);
        }
        Self {
            agents: agents.map(|(index, agent)| (agent.full_name(), index)).collect(),
            findings,
        }
    }

    /// An agent by machine and name.
    fn agent<'n>(&self, name: &'n str) -> Link<'n> {
        Link {
            text: name.split_once('/').map_or(name, |(_, name)| name).to_owned(),
            full: name,
            to: self.agents.get(name).map(|index| format!("agent-{index}")),
        }
    }

    fn place<'s>(&self, step: &'s Step) -> Link<'s> {
        Link {
            text: super::step(step),
            full: &step.path,
            to: self
                .findings
                .get(&(step.path.as_str(), step.line))
                .map(|index| format!("finding-{index}")),
        }
    }

    fn cause<'c>(&self, cause: &'c Cause) -> CauseRow<'c> {
        CauseRow {
            message: &cause.message,
            help: cause.help.as_deref(),
            places: cause.places.iter().map(|place| self.place(place)).collect(),
            stops: cause.stops.iter().map(|name| self.agent(name)).collect(),
            blocks: cause.blocks.iter().map(|name| self.agent(name)).collect(),
        }
    }

    /// An agent that another waits for, which may be of another machine.
    fn blocker<'n>(&self, report: &Report, of: &AgentReport, name: &'n str) -> Link<'n> {
        let found = |agent: &&AgentReport| agent.name == name || agent.full_name() == name;
        let own = report
            .agents
            .iter()
            .filter(found)
            .find(|agent| agent.machine == of.machine);
        let agent = own.or_else(|| report.agents.iter().find(found));
        Link {
            text: name.to_owned(),
            full: name,
            to: agent
                .and_then(|agent| self.agents.get(&agent.full_name()))
                .map(|index| format!("agent-{index}")),
        }
    }
}

/// Agents by group, in the order of the stack.
fn groups<'a>(report: &'a Report, all: &Anchors<'_>) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    for (id, agent) in report.agents.iter().enumerate() {
        let row = Agent {
            id,
            name: &agent.name,
            script: &agent.script_path,
            state: state(agent.prediction, 1),
            class: match agent.prediction {
                Prediction::Starts => "passed",
                Prediction::CannotStart => "failed",
                Prediction::Degraded | Prediction::MayNot | Prediction::Blocked => "skipped",
            },
            reason: agent.reason.as_deref(),
            chain: agent.chain.iter().map(|step| all.place(step)).collect(),
            blocked_by: agent
                .blocked_by
                .iter()
                .map(|name| all.blocker(report, agent, name))
                .collect(),
        };
        match groups
            .iter_mut()
            .find(|group| group.machine == agent.machine && group.group == agent.group)
        {
            Some(group) => group.agents.push(row),
            None => groups.push(Group {
                machine: &agent.machine,
                group: &agent.group,
                agents: vec![row],
            }),
        }
    }
    groups
}

/// Rules with their findings: those that stop most agents first.
fn by_rule(report: &Report, pages: &str) -> Vec<Rule> {
    let mut found: BTreeMap<&'static str, Rule> = BTreeMap::new();
    for (index, finding) in report.findings.iter().enumerate() {
        let rule = found.entry(finding.rule).or_insert_with(|| Rule {
            id: finding.rule,
            summary: rules::find(finding.rule).map_or("", |rule| rule.summary),
            address: address(pages, finding.rule),
            ..Rule::default()
        });
        rule.counts[match finding.severity {
            Severity::Error => 0,
            Severity::Warning => 1,
            Severity::Note => 2,
        }] += 1;
        rule.stops += report.stops.get(index).map_or(0, Vec::len);
        rule.findings.push((super::step(&Step::at(&finding.place)), index));
    }
    let mut rows: Vec<Rule> = found.into_values().collect();
    rows.sort_by(|a, b| {
        (b.stops, b.counts)
            .cmp(&(a.stops, a.counts))
            .then_with(|| a.id.cmp(b.id))
    });
    rows
}

/// Files with their findings, by path and line.
fn by_file<'a>(report: &'a Report, all: &Anchors<'_>) -> Vec<File<'a>> {
    let mut files: BTreeMap<&str, Vec<(usize, &'a Finding)>> = BTreeMap::new();
    for (index, finding) in report.findings.iter().enumerate() {
        files.entry(&finding.place.path).or_default().push((index, finding));
    }
    let sorted = |mut findings: Vec<(usize, &'a Finding)>| {
        findings.sort_by_key(|(index, finding)| (finding.place.line, finding.place.column, *index));
        findings
    };
    files
        .into_iter()
        .map(|(path, findings)| File {
            path,
            findings: sorted(findings)
                .into_iter()
                .map(|(index, finding)| row(report, all, index, finding))
                .collect(),
        })
        .collect()
}

fn row<'a>(report: &'a Report, all: &Anchors<'_>, id: usize, finding: &'a Finding) -> Row<'a> {
    let stops = report.stops.get(id).map(Vec::as_slice).unwrap_or_default();
    Row {
        id,
        severity: super::severity(finding.severity).0,
        class: match finding.severity {
            Severity::Error => "failed",
            Severity::Warning => "skipped",
            Severity::Note => "note",
        },
        rule: finding.rule,
        message: escape::beginning(&finding.text()).into_owned(),
        help: finding.help.as_deref(),
        line: finding.place.line,
        frame: frame(finding),
        related: finding
            .related
            .iter()
            .map(|related| (super::step(&Step::at(&related.place)), related.label.as_str()))
            .collect(),
        stops: stops.iter().map(|name| all.agent(name)).collect(),
    }
}

fn frame(finding: &Finding) -> Option<Frame> {
    let place = &finding.place;
    if place.text.is_empty() {
        return None;
    }
    let at = |number: u32| usize::try_from(number).unwrap_or(0);
    let width = if place.column == 0 { 0 } else { at(place.width.max(1)) };
    let (text, meant) = escape::source(&place.text, at(place.column.saturating_sub(1)), width);
    Some(Frame {
        before: text.get(..meant.start)?.to_owned(),
        meant: text.get(meant.clone())?.to_owned(),
        after: text.get(meant.end..)?.to_owned(),
    })
}

#[cfg(test)]
mod tests;

//! The page: what a large tree needs first, in at most [`MOST_LINES`] lines. All else is a command away, and the page names it.

use std::collections::{BTreeMap, BTreeSet};

use owo_colors::Style;

use super::conclusion::{counted, ending, looked_at};
use super::layout::{self, Look, cut, cut_front, number, pad, wrap};
use crate::audit::rules::{requirements, stack as stack_rules};
use crate::audit::{Cause, Prediction, Report, Step};
use crate::finding::{Finding, Severity, Subject};
use crate::report::escape;

/// Lines of the page.
pub const MOST_LINES: usize = 60;
/// Lines of one cause.
const CAUSE_LINES: usize = 5;
/// Rows of the table of other findings, below causes.
const MOST_RULES: usize = 8;
/// The same if there are no causes.
const MOST_RULES_ALONE: usize = 35;
/// Errors behind no agent's failure that are listed: of the stack, or of what else nothing works without.
const MOST_ERRORS: usize = 5;
/// Other findings that are listed, and not only counted, if there are no more.
const MOST_OTHERS: usize = 8;
/// Both below causes.
const MOST_BELOW_CAUSES: usize = 3;
/// Columns of the two numbers behind a cause.
const NUMBERS: usize = 18;

/// The page.
#[must_use]
pub fn render(report: &Report, look: &Look) -> String {
    let mut head = vec![look.bold(&looked_at(report, look.elapsed()))];
    head.extend(left_out(report));
    let mut listed: Vec<usize> = errors(report).collect();
    // There may be one for each group; others come first.
    listed.sort_by_key(|index| is_of_requirements(report, *index));
    let most = |alone: usize| {
        if report.causes.is_empty() {
            alone
        } else {
            MOST_BELOW_CAUSES
        }
    };
    listed.truncate(most(MOST_ERRORS));
    let errors = wrong(report, &listed, look);
    let rest = rest(report, &listed);
    let others = if rest.len() > most(MOST_OTHERS) {
        counts(report, &rest, look)
    } else {
        few(report, &rest, look)
    };
    let (packages, end) = (packages(report, look), end(report, look));
    let around: usize = [&errors, &packages, &others]
        .iter()
        .map(|part| rows(part, look) + usize::from(!part.is_empty()))
        .sum();
    let room = MOST_LINES.saturating_sub(rows(&head, look) + around + rows(&end, look) + 2);
    let causes = causes(report, look, room);
    let parts = [head, causes, errors, packages, others, end];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|part| !part.is_empty())
        .map(|part| part.join("\n"))
        .collect();
    parts.join("\n\n") + "\n"
}

/// Rows that these lines take on the terminal: commands may be longer than one.
fn rows(lines: &[String], look: &Look) -> usize {
    lines.iter().map(|line| layout::rows(line, look.width())).sum()
}

/// Errors that stop no agent by themselves, as positions: a stack that cannot be read, a folder that is not there.
fn errors(report: &Report) -> impl Iterator<Item = usize> {
    report.findings.iter().enumerate().filter_map(|(index, finding)| {
        let stops = report.stops.get(index).is_some_and(|stops| !stops.is_empty());
        (finding.severity == Severity::Error && !stops && !is_told(finding.rule)).then_some(index)
    })
}

/// Whether the finding at a position is about a requirements file that is not there.
fn is_of_requirements(report: &Report, index: usize) -> bool {
    let finding = report.findings.get(index);
    finding.is_some_and(|finding| finding.rule == stack_rules::MISSING_REQUIREMENTS.id)
}

/// Whether findings of a rule have a line of their own.
fn is_told(rule: &str) -> bool {
    rule == requirements::MISSING.id
}

/// The errors at these positions.
fn wrong(report: &Report, listed: &[usize], look: &Look) -> Vec<String> {
    if listed.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![look.bold("Errors")];
    for finding in listed.iter().filter_map(|index| report.findings.get(*index)) {
        lines.extend(told(finding, "", look));
    }
    let more = errors(report).count() - listed.len();
    if more > 0 {
        let command = format!("{} --output concise", look.command());
        lines.push(format!(
            "{}{}",
            pad(&format!("  … {} more", number(more)), 30),
            look.dim(&command)
        ));
    }
    lines
}

/// A finding in two or three lines: what it says, and where.
fn told(finding: &Finding, lead: &str, look: &Look) -> Vec<String> {
    let room = look.width().saturating_sub(4);
    let style = super::severity(finding.severity).1;
    let text = wrap(&format!("{lead}{}", escape::line(&finding.text())), room, 2);
    let mut lines = Vec::new();
    for (index, line) in text.into_iter().enumerate() {
        let indent = if index == 0 { "  " } else { "    " };
        lines.push(format!("{indent}{}", look.paint(&line, style)));
    }
    let place = super::step(&Step::at(&finding.place));
    lines.push(format!(
        "      {}",
        look.dim(&cut_front(&escape::line(&place), room.saturating_sub(2)))
    ));
    lines
}

/// What is not shown, and what the baseline has too much.
pub fn left_out(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    let parts: Vec<String> = [
        (report.silenced, "silenced in the source"),
        (report.known, "in the baseline"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{} {what}", number(count)))
    .collect();
    if !parts.is_empty() {
        lines.push(format!("Not shown: {}", parts.join(", ")));
    }
    if !report.stale.is_empty() {
        lines.push(format!(
            "{} of the baseline match nothing any more; `--output full` lists them",
            entries(report.stale.len())
        ));
    }
    lines
}

fn entries(count: usize) -> String {
    match count {
        1 => "1 entry".to_owned(),
        _ => format!("{} entries", number(count)),
    }
}

fn heading(look: &Look, title: &str, right: &str) -> String {
    let room = look.width().saturating_sub(layout::width(right));
    format!("{}{}", look.bold(&pad(title, room)), look.dim(right))
}

/// What stops most agents, as much as there is room for.
fn causes(report: &Report, look: &Look, room: usize) -> Vec<String> {
    if report.causes.is_empty() || room < CAUSE_LINES {
        return Vec::new();
    }
    let mut lines = vec![heading(
        look,
        "What to fix first",
        &format!("{:>7}{:>10}", "stops", "hampers"),
    )];
    for (index, cause) in report.causes.iter().enumerate() {
        let own = one(index + 1, cause, look);
        let left = report.causes.len() - index;
        let command = format!("{} --causes", look.command());
        let reserve = if left > 1 {
            layout::rows(&format!("{:30}{command}", ""), look.width())
        } else {
            0
        };
        if lines.len() + own.len() + reserve > room {
            let more = format!(
                "  … {} more {}",
                number(left),
                if left == 1 { "cause" } else { "causes" }
            );
            lines.push(format!("{}{}", pad(&more, 30), look.dim(&command)));
            break;
        }
        lines.extend(own);
    }
    lines
}

/// A cause: what is wrong and how much hangs on it, where, and what fixes it.
fn one(rank: usize, cause: &Cause, look: &Look) -> Vec<String> {
    let who = match cause.stops.as_slice() {
        [one] => short(one).to_owned(),
        several => counted(several.len(), "agent"),
    };
    let message = format!("{}: {}", escape::line(&who), escape::line(&cause.message));
    let room = look.width().saturating_sub(4 + NUMBERS);
    let mut text = wrap(&message, room, 2).into_iter();
    let numbers = format!("{:>8}{:>10}", number(cause.stops.len()), number(cause.blocks.len()));
    let mut lines = vec![format!(
        "{} {}{numbers}",
        look.paint(&format!("{rank:>3}"), Style::new().bold()),
        look.paint(&pad(&text.next().unwrap_or_default(), room), Style::new().red()),
    )];
    lines.extend(text.map(|line| format!("    {}", look.paint(&line, Style::new().red()))));
    if let Some(place) = places(cause, look.width().saturating_sub(6)) {
        lines.push(format!("      {}", look.dim(&place)));
    }
    if let Some(help) = &cause.help {
        let help = format!("help: {}", escape::line(help));
        let help = wrap(&help, look.width().saturating_sub(6), 2);
        lines.extend(help.into_iter().map(|line| format!("      {line}")));
    }
    lines
}

/// The first place, and how many there are besides.
fn places(cause: &Cause, cells: usize) -> Option<String> {
    let first = cause.places.first()?;
    let place = super::step(first);
    let more = match cause.places.len() {
        0 | 1 => String::new(),
        several => format!(" and {} more", number(several - 1)),
    };
    let room = cells.saturating_sub(layout::width(&more));
    Some(format!("{}{more}", cut_front(&escape::line(&place), room)))
}

/// A name without its machine.
fn short(name: &str) -> &str {
    name.split_once('/').map_or(name, |(_, name)| name)
}

/// What the requirements lack, and what else puts agents at risk, in a line each.
fn packages(report: &Report, look: &Look) -> Vec<String> {
    let mut lines = Vec::new();
    let modules: BTreeSet<&str> = report
        .findings
        .iter()
        .filter(|finding| finding.rule == requirements::MISSING.id)
        .filter_map(|finding| match finding.subjects.first() {
            Some(Subject::Module(name)) => Some(name.split('.').next().unwrap_or(name)),
            _ => None,
        })
        .collect();
    let at_risk = |by_package: bool| {
        let agents = report.by_itself.iter();
        agents
            .filter(|agent| agent.prediction == Prediction::MayNot)
            .filter(|agent| (agent.rule == Some(requirements::MISSING.id)) == by_package)
            .count()
    };
    let risk = |count: usize| format!("{} at risk", counted(count, "agent"));
    if !modules.is_empty() {
        let text = format!("{}, {}", counted(modules.len(), "module"), risk(at_risk(true)));
        lines.extend(row(look, "Missing packages", &text, "--select requirements/missing"));
    } else if at_risk(true) > 0 {
        let text = risk(at_risk(true));
        lines.extend(row(
            look,
            "No requirements",
            &text,
            "--select stack/missing-requirements",
        ));
    }
    if at_risk(false) > 0 {
        lines.extend(row(
            look,
            "Behind a condition",
            &risk(at_risk(false)),
            "--select start/ --output full",
        ));
    }
    lines
}

/// A title, a text and the option that says more: in one line if there is room.
fn row(look: &Look, title: &str, text: &str, command: &str) -> Vec<String> {
    let title = pad(title, 20);
    let room = look.width().saturating_sub(layout::width(&title));
    let beside = room.saturating_sub(layout::width(command) + 1);
    if layout::width(text) <= beside {
        let text = pad(text, beside + 1);
        return vec![format!("{}{text}{}", look.bold(&title), look.dim(command))];
    }
    let indent = look.width().saturating_sub(layout::width(command)).min(20);
    vec![
        format!("{}{}", look.bold(&title), cut(text, room)),
        format!("{}{}", " ".repeat(indent), look.dim(command)),
    ]
}

/// Findings of one rule that stop no agent.
#[derive(Debug, Default)]
struct Count {
    severity: Option<Severity>,
    in_use: usize,
    elsewhere: usize,
}

/// Positions of what stops no agent and is told nowhere else, the worst first.
fn rest(report: &Report, listed: &[usize]) -> Vec<usize> {
    let mut rest: Vec<usize> = (0..report.findings.len())
        .filter(|index| {
            let stops = report.stops.get(*index).is_some_and(|stops| !stops.is_empty());
            let told = report.findings.get(*index).is_none_or(|finding| is_told(finding.rule));
            !stops && !told && !listed.contains(index)
        })
        .collect();
    rest.sort_by_key(|index| std::cmp::Reverse(report.findings.get(*index).map(|finding| finding.severity)));
    rest
}

/// The findings at these positions, one by one.
fn few(report: &Report, rest: &[usize], look: &Look) -> Vec<String> {
    if rest.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![look.bold("Other findings")];
    for finding in rest.iter().filter_map(|index| report.findings.get(*index)) {
        let word = super::severity(finding.severity).0;
        lines.extend(told(finding, &format!("{word}[{}]: ", finding.rule), look));
    }
    lines
}

/// The rules of the findings at these positions.
fn counts(report: &Report, rest: &[usize], look: &Look) -> Vec<String> {
    let mut counts: BTreeMap<&str, Count> = BTreeMap::new();
    for index in rest {
        let Some(finding) = report.findings.get(*index) else {
            continue;
        };
        let count = counts.entry(finding.rule).or_default();
        count.severity = count.severity.max(Some(finding.severity));
        if report.in_use.get(*index).copied().unwrap_or(false) {
            count.in_use += 1;
        } else {
            count.elsewhere += 1;
        }
    }
    let mut rows: Vec<(&str, Count)> = counts.into_iter().collect();
    rows.sort_by_key(|(rule, count)| {
        (
            std::cmp::Reverse(count.severity),
            std::cmp::Reverse((count.in_use, count.elsewhere)),
            *rule,
        )
    });
    let wide = look.width().saturating_sub(33);
    let mut lines = vec![heading(
        look,
        "Other findings",
        &format!("{:>18}{:>15}", "in code of agents", "elsewhere"),
    )];
    let most = if report.causes.is_empty() {
        MOST_RULES_ALONE
    } else {
        MOST_RULES
    };
    let shown = if rows.len() == most + 1 { rows.len() } else { most };
    for (rule, count) in rows.iter().take(shown) {
        let (word, style) = super::severity(count.severity.unwrap_or(Severity::Note));
        lines.push(format!(
            "  {} {}{:>18}{:>15}",
            look.paint(&pad(word, 7), style),
            pad(&cut(rule, wide.saturating_sub(10)), wide.saturating_sub(10)),
            number(count.in_use),
            number(count.elsewhere)
        ));
    }
    if rows.len() > shown {
        let more = format!("  … {} more rules", number(rows.len() - shown));
        lines.push(format!(
            "{}{}",
            pad(&more, 30),
            look.dim(&format!("{} --statistics", look.command()))
        ));
    }
    lines
}

/// What to do next, and what came of it.
fn end(report: &Report, look: &Look) -> Vec<String> {
    let broken = report.count(Prediction::CannotStart) > 0;
    let style = if broken || report.has(Severity::Error) {
        Style::new().red().bold()
    } else {
        Style::new().bold()
    };
    let ending = ending(report, look);
    let command = look.command();
    let mut commands: Vec<(String, &str)> = Vec::new();
    let title = if ending.next.is_some() { "Next: " } else { "More: " };
    if let Some(next) = ending.next {
        let what = match report.causes.is_empty() {
            true => "what the first of these rules finds, and what to do",
            false => "all about one agent: every reason, and its way",
        };
        commands.push((next, what));
    }
    if !report.causes.is_empty() {
        commands.push((
            "cargo xtask audit --explain RULE".to_owned(),
            "what a rule finds, and what to do",
        ));
    }
    commands.push((format!("{command} --output full"), "every finding with its code"));
    if report.known == 0 && !report.findings.is_empty() {
        commands.push((
            format!("{command} --write-baseline audit-baseline.json"),
            "accept all this; `--baseline` then fails on anything new",
        ));
    }
    let wide = commands
        .iter()
        .map(|(command, _)| layout::width(command))
        .max()
        .unwrap_or(0);
    let mut lines = Vec::new();
    for (index, (command, what)) in commands.into_iter().enumerate() {
        let lead = if index == 0 { title } else { "      " };
        let room = look.width().saturating_sub(6 + wide + 2);
        // Where there is no room beside the command, it stands alone.
        let line = if layout::width(what) <= room {
            format!("{lead}{}  {}", pad(&command, wide), look.dim(what))
        } else {
            format!("{lead}{command}")
        };
        lines.push(line);
    }
    lines.extend(ending.counts);
    lines.push(look.paint(&ending.line, style));
    lines
}

/// A word as a shell reads it as one.
#[must_use]
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+:@%,=".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", escape::line(word).replace('\'', "'\\''"))
    }
}

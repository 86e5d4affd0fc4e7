//! `cargo xtask audit`: everything that will stop an agent, without running anything of the tree; `confirm` proves it.

mod confirm;

use std::mem::ManuallyDrop;
use std::path::PathBuf;

use clap::ValueEnum;

use super::select::find_group;
use super::{Context, Failure, Outcome};
use crate::audit::baseline::{self, Baseline};
use crate::audit::run::{self, Input};
use crate::audit::scope::Scope;
use crate::audit::{Report, fix, rules, start_path, users};
use crate::finding::{Finding, Severity};
use crate::host::system::files::FileError;
use crate::host::system::git::{self, Committed};
use crate::host::system::{files, process};
use crate::host::tree::audit_files::{self, Listed};
use crate::host::tree::root::TreeRoot;
use crate::host::tree::{odd_files, stack_files};
use crate::python::disk::Disk;
use crate::python::tree::take_python;
use crate::python::{facts, tree};
use crate::report::audit as show;
use crate::report::exit::Exit;
use crate::report::{diff, findings};
use crate::stack::Stack;
use crate::stack::near::nearest;

/// Say what will stop an agent, and why, without running it; prove it with `--confirm`
///
/// Reads the stack, the startup configs and every file of the tree once, predicts for each agent whether it starts, and ranks
/// the causes by how many agents each stops. Exit code 0: nothing worse than warnings; 1: errors, or warnings with
/// `--deny warnings`; 2: wrong use.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask audit
  cargo xtask audit --tree ../AI_System --machine pc2
  cargo xtask audit --select paths/ --select hosts/
  cargo xtask audit --format sarif > audit.sarif
  cargo xtask audit --write-baseline audit-baseline.json
  cargo xtask audit --baseline audit-baseline.json --deny warnings     in CI: fail on anything new
  cargo xtask audit --explain paths/style
  cargo xtask audit --confirm                           proves every prediction in sealed containers
  cargo xtask audit --tree ../AI_System --confirm NLUAgent pc2/MemoryManager

A comment `# audit: ignore[RULE] reason` silences a rule on its line, or alone on a line for the next.")]
pub struct Args {
    /// Only this machine
    #[arg(short, long, value_name = "MACHINE")]
    machine: Option<String>,
    /// Only this group; may be given more than once
    #[arg(short, long, value_name = "GROUP")]
    group: Vec<String>,
    /// Form of the result on stdout
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
    /// Only these rules: ids, or families as in `paths/`
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    select: Vec<String>,
    /// All rules but these
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    ignore: Vec<String>,
    /// What makes the exit code 1 besides errors
    #[arg(long, value_enum, value_name = "WHAT")]
    deny: Option<Deny>,
    /// Leave out the findings that this file lists; list its entries that match nothing any more
    #[arg(long, value_name = "FILE", conflicts_with = "write_baseline")]
    baseline: Option<PathBuf>,
    /// Write all findings to this file, to be accepted from now on
    #[arg(long, value_name = "FILE")]
    write_baseline: Option<PathBuf>,
    /// Read files that a `.gitignore` leaves out, too
    #[arg(long)]
    no_ignore: bool,
    /// Mend what is safe to mend: path styles in YAML files and shell scripts, implied health ports. Shows the difference first
    #[arg(long, conflicts_with_all = ["baseline", "write_baseline", "format"])]
    fix: bool,
    /// With `--fix`: also where the tree has changes that are not committed, or is not in Git at all
    #[arg(long, requires = "fix")]
    allow_dirty: bool,
    /// Start these agents, or all, each alone in a sealed container (no network, no capabilities, nothing of the host writable),
    /// and set what is seen against what is predicted; `machine/Agent` where both machines have one. Exit code 1 where the
    /// two differ
    #[arg(
        long,
        value_name = "AGENT",
        num_args = 0..,
        conflicts_with_all = ["select", "ignore", "deny", "baseline", "write_baseline", "fix"]
    )]
    confirm: Option<Vec<String>>,
    /// With `--confirm`: seconds that an agent has at the most, whatever start period is configured [default: 180]
    #[arg(long, value_name = "SECONDS", requires = "confirm")]
    limit: Option<u64>,
    /// Explain a rule: what it finds, why that is bad, what to do
    #[arg(long, value_name = "RULE", exclusive = true)]
    explain: Option<String>,
    /// List all rules
    #[arg(long, exclusive = true)]
    list_rules: bool,
}

/// What can be denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Deny {
    /// Warnings.
    Warnings,
}

/// Forms of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Human,
    /// One JSON document.
    Json,
    /// SARIF 2.1.0.
    Sarif,
    /// Commands of GitHub's workflows.
    Github,
    /// JUnit.
    Junit,
}

/// Longest file of data whose content decides how an agent starts.
const LARGEST_DATA: u64 = 1024 * 1024;

/// Runs it.
///
/// # Errors
/// When a name or rule is unknown, or a file cannot be read or written.
pub fn run(args: &Args, context: &Context) -> Outcome {
    // Until something is changed, there is nothing to clean up.
    let _ease = process::AtEase::new();
    if args.list_rules {
        context.printer.data(&show::rules::list());
        return Ok(Exit::Success);
    }
    if let Some(id) = &args.explain {
        let rule = rules::find(id).ok_or_else(|| unknown_rule(id))?;
        context.printer.data(&show::rules::explain(rule));
        return Ok(Exit::Success);
    }
    for pattern in args.select.iter().chain(&args.ignore) {
        if !rules::all().any(|rule| rule.matches(pattern)) {
            return Err(unknown_rule(pattern));
        }
    }
    if args.confirm.is_some() && !matches!(args.format, Format::Human | Format::Json) {
        return Err(Failure::wrong_use("`--confirm` has the formats `human` and `json`"));
    }
    let baseline = args.baseline.as_deref().map(read_baseline).transpose()?;
    let written = stack_files::read(&context.repository, context.tree_option())?.naming_files_by_tree();
    if let Some(path) = &args.write_baseline {
        context.require_place(path, written.source_tree())?;
    }
    let exclude = patterns(written.audit_exclude());
    let tree = written.source_tree().map(|tree| context.repository.path(tree));
    // The tree is listed while the startup configs are read.
    let (listed, (stack, said)) = rayon::join(
        || {
            let exclude = exclude.as_deref().unwrap_or_default();
            tree.map_or_else(Listed::default, |root| {
                audit_files::list(&root, args.no_ignore, exclude)
            })
        },
        || stack_files::finish(&context.repository, written),
    );
    let report = match stack {
        Some(stack) => {
            exclude?;
            let seen = Seen {
                stack: stack.with_ungrouped(),
                said,
                listed,
            };
            if let Some(names) = &args.confirm {
                return confirm::run(args, names, context, seen);
            }
            if args.fix {
                return mend(args, context, seen);
            }
            with_input(args, context, seen, baseline, run::run)?
        }
        None if args.confirm.is_some() => {
            context
                .printer
                .styled(findings::human(&said, context.printer.color_err));
            return Err(Failure::said(Exit::WrongUse));
        }
        // Without a stack there is nothing to look at but what is wrong with it.
        None => broken(args, said, baseline),
    };
    if let Some(path) = &args.write_baseline {
        let text = serde_json::to_string_pretty(&baseline::of(&report.findings))
            .map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
        files::write(path, format!("{text}\n").as_bytes(), false)?;
        context.printer.step(
            "accepted",
            format!(
                "{} in `{}`",
                findings::counted(report.findings.len(), "finding"),
                path.display()
            ),
        );
        return Ok(Exit::Success);
    }
    let failing = match args.deny {
        Some(Deny::Warnings) => Severity::Warning,
        None => Severity::Error,
    };
    print(args.format, context, &report, failing)?;
    Ok(if report.has(failing) {
        Exit::Findings
    } else {
        Exit::Success
    })
}

/// What was read before the tree's files are.
struct Seen {
    stack: Stack,
    said: Vec<Finding>,
    listed: Listed,
}

/// The patterns under `audit: exclude:`.
fn patterns(texts: &[String]) -> Outcome<Vec<glob::Pattern>> {
    let pattern = |text: &String| {
        glob::Pattern::new(text)
            .map_err(|error| Failure::wrong_use(format!("`{text}` under `audit: exclude:` is no pattern: {error}")))
    };
    texts.iter().map(pattern).collect()
}

fn print(format: Format, context: &Context, report: &Report, failing: Severity) -> Outcome<()> {
    let printer = &context.printer;
    match format {
        Format::Human => printer.data(&show::human::render(report, printer.color_out)),
        Format::Json => context.print_json(&show::json::document(report))?,
        Format::Sarif => context.print_json(&show::sarif::document(report))?,
        Format::Github => {
            let text = show::github::render(report);
            if !text.is_empty() {
                printer.commands(&text);
            }
        }
        Format::Junit => {
            let text = show::junit::render(report, failing)
                .map_err(|error| Failure::new(Exit::Internal, format!("cannot write JUnit: {error}")))?;
            printer.data(&text);
        }
    }
    if format != Format::Human {
        printer.note(show::human::headline(report));
        for entry in &report.stale {
            printer.warn(format!(
                "the baseline's entry {} {} matches nothing any more: {}",
                entry.rule, entry.path, entry.message
            ));
        }
    }
    Ok(())
}

/// Rewrites what is safe to rewrite.
fn mend(args: &Args, context: &Context, seen: Seen) -> Outcome {
    let root = context.tree_path(&seen.stack);
    if !args.allow_dirty {
        let why = match git::committed(&root)? {
            Committed::NotInGit => Some("the tree is not in a Git work tree".to_owned()),
            Committed::Unknown(why) => Some(format!("what is committed of the tree cannot be told: {why}")),
            Committed::Except(changed) if changed.is_empty() => None,
            Committed::Except(changed) => Some(format!("{} of the tree not committed", changes(changed.len()))),
        };
        if let Some(why) = why {
            return Err(Failure::wrong_use(format!(
                "{why}: what `--fix` writes could not be told from it\n  hint: commit first, or give `--allow-dirty`"
            )));
        }
    }
    let scope = scope(args, &seen.stack)?;
    let fixed = with_input(args, context, seen, None, |input| {
        let tree = tree::Tree::new(input.prefix, input.entries);
        run::with_facts(&input, &tree, |facts| fix::fixes(facts, |rule| scope.wants_rule(rule)))
    })?;
    let printer = &context.printer;
    for file in &fixed {
        printer.data(&diff::labelled(
            &file.path,
            "mended",
            &file.before,
            &file.after,
            printer.color_out,
        ));
    }
    let tree = TreeRoot::open(&root).map_err(|error| FileError::on("open", &root)(error.into_io()))?;
    // All or none, as far as links go.
    for file in &fixed {
        tree.require_inside(&file.path)?;
    }
    for file in &fixed {
        tree.rewrite(&file.path, file.after.as_bytes())?;
    }
    printer.step("mended", findings::counted(fixed.len(), "file"));
    Ok(Exit::Success)
}

fn changes(count: usize) -> String {
    if count == 1 {
        "1 file is".to_owned()
    } else {
        format!("{count} files are")
    }
}

/// Reads the tree and calls with all that an audit looks at.
fn with_input<T>(
    args: &Args,
    context: &Context,
    seen: Seen,
    baseline: Option<Baseline>,
    then: impl FnOnce(Input<'_>) -> T,
) -> Outcome<T> {
    let Seen { stack, said, listed } = seen;
    let stack = &stack;
    let scope = scope(args, stack)?;
    let root = context.tree_path(stack);
    let mut entries = audit_files::read(listed);
    let prefix = prefix(&stack.source_tree);
    let version =
        pysrc::PythonVersion::parse(&stack.python_version).unwrap_or(pysrc::PythonVersion { major: 3, minor: 11 });
    let files = take_python(&mut entries);
    let tree = TreeRoot::open(&root).ok();
    let beside_python: Vec<String> = entries.iter().map(|entry| entry.path.clone()).collect();
    let facts = facts::of_agents(files, version, stack)
        .with_odd(
            tree.as_ref()
                .map(|tree| odd_files::look(tree, &beside_python))
                .unwrap_or_default(),
        )
        .with_paths(beside_python)
        .with_prefix(&prefix);
    // The process ends soon after: taking millions of small values apart would be a tenth of its work.
    let facts = ManuallyDrop::new(facts);
    let on_disk = |path: &str| tree.as_ref().is_some_and(|tree| tree.has(path));
    let content = |path: &str| tree.as_ref()?.read(path, LARGEST_DATA).ok();
    let (users, (predicted, start)) = rayon::join(
        || users::users(stack, &facts),
        || start_path::predict(stack, &facts, Disk::new(&on_disk, &content)),
    );
    let texts: Vec<(String, String)> = files::read(&context.repository.path("config/stack.yaml"))
        .ok()
        .map(|bytes| {
            (
                "config/stack.yaml".to_owned(),
                String::from_utf8_lossy(&bytes).into_owned(),
            )
        })
        .into_iter()
        .collect();
    Ok(then(Input {
        stack,
        predictions: run::by_start_path(stack, &said, predicted),
        start,
        said,
        prefix: &prefix,
        entries: &entries,
        facts: &facts,
        users: &users,
        on_disk: &on_disk,
        texts: &texts,
        scope: &scope,
        baseline,
    }))
}

/// A report of nothing but the stack's own errors.
fn broken(args: &Args, mut said: Vec<Finding>, baseline: Option<Baseline>) -> Report {
    let scope = Scope {
        select: args.select.clone(),
        ignore: args.ignore.clone(),
        ..Scope::default()
    };
    said.retain(|finding| scope.wants_rule(finding.rule));
    let (known, stale) = baseline.map_or_else(Default::default, |baseline| baseline::apply(&mut said, &baseline));
    Report {
        stops: vec![Vec::new(); said.len()],
        findings: said,
        known,
        stale,
        ..Report::default()
    }
}

/// What findings put in front of a path of the tree: its path in the repository, or nothing where it lies elsewhere.
fn prefix(source_tree: &str) -> String {
    let tree = source_tree.trim_end_matches('/');
    if tree.is_empty() || tree == "." || tree.starts_with('/') {
        String::new()
    } else {
        format!("{tree}/")
    }
}

fn scope(args: &Args, stack: &Stack) -> Outcome<Scope> {
    let machine = match &args.machine {
        None => None,
        Some(name) => Some(stack.find_machine(name).ok_or_else(|| {
            let known: Vec<&str> = stack.machines.iter().map(|machine| machine.name.as_str()).collect();
            Failure::wrong_use(format!(
                "no machine is called `{name}`\n  hint: machines are {}",
                known.join(", ")
            ))
        })?),
    };
    let groups = args
        .group
        .iter()
        .map(|name| find_group(name, stack))
        .collect::<Outcome<_>>()?;
    Ok(Scope {
        machine,
        groups,
        select: args.select.clone(),
        ignore: args.ignore.clone(),
    })
}

fn unknown_rule(id: &str) -> Failure {
    let hint = match nearest(id, rules::all().map(|rule| rule.id)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`cargo xtask audit --list-rules` lists all".to_owned(),
    };
    Failure::wrong_use(format!("there is no rule `{id}`\n  hint: {hint}"))
}

fn read_baseline(path: &std::path::Path) -> Outcome<Baseline> {
    let bytes = files::read(path).map_err(|error| Failure::wrong_use(error.to_string()))?;
    let text = String::from_utf8_lossy(&bytes);
    baseline::read(&text).map_err(|why| {
        Failure::wrong_use(format!(
            "`{}` is no baseline: {why}\n  hint: write one with `--write-baseline`",
            path.display()
        ))
    })
}

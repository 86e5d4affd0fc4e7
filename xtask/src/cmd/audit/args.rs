//! Arguments of `cargo xtask audit`, and what they mean together.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use clap::builder::{EnumValueParser, PossibleValue, TypedValueParser};

use crate::audit::rules;
use crate::audit::scope::Scope;
use crate::cmd::select::find_group;
use crate::cmd::{Failure, Outcome};
use crate::finding::Severity;
use crate::report::audit::human::Output;
use crate::report::audit::page::quoted;
use crate::stack::Stack;
use crate::stack::near::nearest;

/// What else an audit can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::Subcommand)]
pub enum Server {
    /// Serve an editor as a language server, over standard input and output
    ///
    /// Publishes what the audit finds in Python, YAML, requirements and Dockerfiles, as it is typed, and offers what `--fix` does and
    /// comments that silence a rule as actions. What the stack itself is made of is read as it is saved. The editor is to start it in the
    /// repository's folder, or with `--tree`.
    #[command(after_help = "Examples:
  cargo xtask audit lsp
  cargo xtask audit lsp --tree ../AI_System
  vim.lsp.start({cmd = {'ai-system', 'audit', 'lsp'}, root_dir = vim.fn.getcwd()})     in Neovim")]
    Lsp,
}

/// Say what will stop an agent, and why, without running it; prove it with `--confirm`
///
/// Reads the stack, the startup configs and every file of the tree once, predicts for each agent whether it starts, and ranks
/// the causes by how many agents each stops. Exit code 0: nothing worse than warnings; 1: errors, or warnings with
/// `--deny warnings`; 2: wrong use. With `--tree`, the stack is the tree's own `config/stack.yaml`; or that of this repository, if its
/// agents are the tree's; or one that is inferred, as `init` would write it.
#[derive(Debug, Default, clap::Args)]
#[command(
    disable_help_subcommand = true,
    after_help = "Examples:
  cargo xtask audit
  cargo xtask audit --tree ../AI_System --machine pc2
  cargo xtask audit TaskRouter                          all about one agent, or a file
  cargo xtask audit --causes                            every cause, with all agents that it stops
  cargo xtask audit --output full                       every finding with its code
  cargo xtask audit --output concise                    a line for each finding
  cargo xtask audit --select paths/ --select hosts/
  cargo xtask audit --format sarif > audit.sarif
  cargo xtask audit --format sarif=audit.sarif --format markdown=summary.md    the page, and two files
  cargo xtask audit --tree agents --path-prefix agents --format github     in CI, if the tree is a folder of the repository
  cargo xtask audit --report audit-report               and open audit-report/index.html
  cargo xtask audit --write-baseline audit-baseline.json
  cargo xtask audit --baseline audit-baseline.json --deny warnings     in CI: fail on anything new
  cargo xtask audit --watch                             again on every save
  cargo xtask audit lsp                                 the same in an editor, as a language server
  cargo xtask audit --fix                               fixes what is safe to fix; --diff shows it
  cargo xtask audit --fix --unsafe-fixes                and names with one near match, each tried by another audit
  cargo xtask audit --explain paths/style
  cargo xtask audit --explain-agent TaskRouter          how its script is followed, step by step
  cargo xtask audit --confirm                           proves every prediction in sealed containers
  cargo xtask audit --tree ../AI_System --confirm NLUAgent pc2/MemoryManager
  cargo xtask audit --confirm --adopt                   and writes what was seen into the stack

A comment `# audit: ignore[RULE] reason` silences a rule on its line, or alone on a line for the next.
`audit: {rules: {RULE: off|note|warning|error}}` in config/stack.yaml sets how bad a rule's findings are; predictions stay as they are."
)]
pub struct Args {
    /// Serve an editor instead.
    #[command(subcommand)]
    pub command: Option<Server>,
    /// All about these agents or files: what becomes of each, every reason, first one first. `machine/Agent` if both machines have one
    #[arg(value_name = "AGENT|FILE", conflicts_with_all = ["fix", "diff", "write_baseline"])]
    pub names: Vec<String>,
    /// Only this machine
    #[arg(short, long, value_name = "MACHINE")]
    pub machine: Option<String>,
    /// Only this group; may be given more than once
    #[arg(short, long, value_name = "GROUP")]
    pub group: Vec<String>,
    /// Output format; `FORMAT=FILE` goes to a file, so that there may be several [default: human]
    #[arg(long, value_name = "FORMAT[=FILE]", value_parser = WantedParser)]
    pub format: Vec<Wanted>,
    /// Write the format that names no file to this one, instead of to standard output
    #[arg(long, value_name = "FILE", conflicts_with_all = ["fix", "diff", "write_baseline", "confirm"])]
    pub output_file: Option<PathBuf>,
    /// Put this folder before the paths of formats for programs, if the tree is not the root of its repository
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["fix", "diff", "write_baseline", "confirm"])]
    pub path_prefix: Option<String>,
    /// How much is printed for people: `auto` is `full` if that fits on a page, and `summary` if not
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    pub output: OutputChoice,
    /// Show everything at once; otherwise what is longer than the terminal is shown in PAGER, or `less`
    #[arg(long)]
    pub no_pager: bool,
    /// Audit again on every save, until Ctrl-C; files that did not change are not parsed again
    #[arg(short, long, conflicts_with_all = ["fix", "diff", "write_baseline", "confirm", "report", "explain_agent", "explain", "list_rules"])]
    pub watch: bool,
    /// Every cause that stops agents, with all of them
    #[arg(long, conflicts_with_all = ["output", "statistics"])]
    pub causes: bool,
    /// Count findings by rule and by folder
    #[arg(long, conflicts_with = "output")]
    pub statistics: bool,
    /// Also write index.html, one page for a browser, and audit.json to this folder, in place of an earlier report
    #[arg(long, value_name = "DIR", conflicts_with_all = ["fix", "diff", "write_baseline", "confirm"])]
    pub report: Option<PathBuf>,
    /// Only these rules: ids, or families as in `paths/`
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    pub select: Vec<String>,
    /// Skip these rules
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    pub ignore: Vec<String>,
    /// What makes the exit code 1 besides errors
    #[arg(long, value_enum, value_name = "WHAT")]
    pub deny: Option<Deny>,
    /// Leave out the findings that this file lists; list its entries that match nothing any more
    #[arg(long, value_name = "FILE", conflicts_with = "write_baseline")]
    pub baseline: Option<PathBuf>,
    /// Write all findings to this file, to be accepted from now on
    #[arg(long, value_name = "FILE")]
    pub write_baseline: Option<PathBuf>,
    /// Read files that a `.gitignore` leaves out, too
    #[arg(long)]
    pub no_ignore: bool,
    /// Show what `--fix`, or `--confirm --adopt`, would change, and write nothing; exit code 1 if there is anything to fix
    #[arg(long, conflicts_with_all = ["baseline", "write_baseline", "format", "fix"])]
    pub diff: bool,
    /// Fix what is safe to fix: path styles in YAML files and shell scripts, implied health ports
    #[arg(long, conflicts_with_all = ["baseline", "write_baseline", "format"])]
    pub fix: bool,
    /// With `--fix` or `--diff`: also what is a guess and changes what a script does: names with one near match, modules whose name is cut
    /// short, `parse_known_args`. It is tried: only what leaves fewer errors (or warnings) and no new ones is written
    #[arg(long)]
    pub unsafe_fixes: bool,
    /// With `--fix`: also where the tree has changes that are not committed, or is not in Git at all
    #[arg(long, requires = "fix")]
    pub allow_dirty: bool,
    /// Start these agents, or all, each alone in a sealed container (no network, no capabilities, nothing of the host writable),
    /// and set what is seen against what is predicted; `machine/Agent` where both machines have one. Exit code 1 where the
    /// two differ
    #[arg(
        long,
        value_name = "AGENT",
        num_args = 0..,
        conflicts_with_all = ["select", "ignore", "deny", "baseline", "write_baseline", "fix"]
    )]
    pub confirm: Option<Vec<String>>,
    /// With `--confirm`: seconds that an agent has at the most to answer or to end, whatever start period is configured. One that only
    /// waits, or listens elsewhere, is given up as soon as that is seen [default: 60]
    #[arg(long, visible_alias = "limit", value_name = "SECONDS", requires = "confirm", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub confirm_timeout: Option<u64>,
    /// With `--confirm`: write what was seen into the stack, with the evidence as a comment: how the health of agents that run is found
    /// out, and what they may write; the rest of the file stays as it is. With `--diff`: only show it
    #[arg(long, requires = "confirm")]
    pub adopt: bool,
    /// How this agent's script is followed, step by step: what is entered, which way is taken, what is known of values, where and
    /// why that stops being sure; with `--format json` for programs
    #[arg(
        long,
        value_name = "AGENT",
        conflicts_with_all = ["names", "confirm", "select", "ignore", "deny", "baseline", "write_baseline", "fix", "diff", "report", "output", "causes", "statistics"]
    )]
    pub explain_agent: Option<String>,
    /// Explain a rule: what it finds, why that is bad, what to do
    #[arg(long, value_name = "RULE", exclusive = true)]
    pub explain: Option<String>,
    /// List all rules
    #[arg(long, exclusive = true)]
    pub list_rules: bool,
}

/// What can be denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Deny {
    /// Warnings.
    Warnings,
}

/// Formats of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Human,
    /// One JSON document; its schema is xtask/src/audit/schemas/audit.schema.json.
    Json,
    /// SARIF 2.1.0.
    Sarif,
    /// Commands of GitHub's workflows.
    Github,
    /// Code quality of GitLab.
    Gitlab,
    /// Markdown, for the summary of a CI job.
    Markdown,
    /// Reviewdog Diagnostic Format.
    Rdjson,
    /// JUnit.
    Junit,
}

impl Format {
    /// Whether a program looks up the paths in it.
    #[must_use]
    pub fn is_for_programs(self) -> bool {
        matches!(
            self,
            Self::Sarif | Self::Github | Self::Gitlab | Self::Rdjson | Self::Junit
        )
    }
}

/// A format, and the file that it goes to; standard output if there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    format: Format,
    file: Option<PathBuf>,
}

/// Reads `FORMAT` and `FORMAT=FILE`.
#[derive(Debug, Clone)]
struct WantedParser;

impl TypedValueParser for WantedParser {
    type Value = Wanted;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<Wanted, clap::Error> {
        let bytes = value.as_bytes();
        let (name, file) = match bytes.iter().position(|byte| *byte == b'=') {
            None => (value, None),
            Some(at) => {
                let (name, file) = bytes.split_at(at);
                (
                    OsStr::from_bytes(name),
                    Some(OsStr::from_bytes(file.get(1..).unwrap_or_default())),
                )
            }
        };
        let format = EnumValueParser::<Format>::new().parse_ref(command, argument, name)?;
        if file.is_some_and(OsStr::is_empty) {
            let message = format!("no file is named in `{}`\n", value.to_string_lossy());
            return Err(clap::Error::raw(clap::error::ErrorKind::ValueValidation, message).with_cmd(command));
        }
        Ok(Wanted {
            format,
            file: file.map(PathBuf::from),
        })
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(
            Format::value_variants().iter().filter_map(ValueEnum::to_possible_value),
        ))
    }
}

/// How much is printed for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum OutputChoice {
    /// All if that fits on a page, and a page if not.
    #[default]
    Auto,
    /// A page: what to fix first, and how much there is besides.
    Summary,
    /// Findings by file.
    Grouped,
    /// A line for each finding.
    Concise,
    /// Everything, findings with their code.
    Full,
}

impl Args {
    /// The format that names no file; for people if every format does.
    fn main_format(&self) -> Format {
        let named = self.format.iter().find(|wanted| wanted.file.is_none());
        named.map(|wanted| wanted.format).unwrap_or_default()
    }

    /// The format on standard output; none if that goes to a file as well.
    #[must_use]
    pub fn on_stdout(&self) -> Option<Format> {
        self.output_file.is_none().then(|| self.main_format())
    }

    /// Formats that go to files.
    #[must_use]
    pub fn files(&self) -> Vec<(Format, &Path)> {
        let named = self
            .format
            .iter()
            .filter_map(|wanted| Some((wanted.format, wanted.file.as_deref()?)));
        let main = self.output_file.as_deref().map(|file| (self.main_format(), file));
        named.chain(main).collect()
    }

    /// Files that are written.
    pub fn written(&self) -> impl Iterator<Item = &Path> {
        let formats = self.files().into_iter().map(|(_, path)| path);
        formats.chain(self.write_baseline.as_deref())
    }

    /// How much is printed for people.
    #[must_use]
    pub fn output(&self) -> Output {
        match self.output {
            _ if self.causes => Output::Causes,
            _ if self.statistics => Output::Statistics,
            OutputChoice::Auto => Output::Auto,
            OutputChoice::Summary => Output::Summary,
            OutputChoice::Grouped => Output::Grouped,
            OutputChoice::Concise => Output::Concise,
            OutputChoice::Full => Output::Full,
        }
    }

    /// The command that audits the same part of the same tree again.
    #[must_use]
    pub fn command(&self, tree: Option<&Path>) -> String {
        let mut command = "cargo xtask audit".to_owned();
        let mut option = |name: &str, value: &str| {
            command.push_str(&format!(" {name} {}", quoted(value)));
        };
        if let Some(tree) = tree {
            option("--tree", &tree.display().to_string());
        }
        if let Some(machine) = &self.machine {
            option("--machine", machine);
        }
        for group in &self.group {
            option("--group", group);
        }
        if let Some(baseline) = &self.baseline {
            option("--baseline", &baseline.display().to_string());
        }
        command
    }

    /// Fails where a rule is unknown, or options do not go together.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn check(&self) -> Outcome<()> {
        for pattern in self.select.iter().chain(&self.ignore) {
            if !rules::all().any(|rule| rule.matches(pattern)) {
                return Err(unknown_rule(pattern));
            }
        }
        if self.unsafe_fixes && !(self.fix || self.diff && self.confirm.is_none()) {
            return Err(Failure::wrong_use(
                "`--unsafe-fixes` says what is fixed\n  hint: give `--fix`, too, or `--diff` to see it first",
            ));
        }
        let main = self.main_format();
        if self.format.iter().filter(|wanted| wanted.file.is_none()).count() > 1 {
            return Err(Failure::wrong_use(
                "only one format goes to standard output\n  hint: name a file for the others, as in `--format sarif=audit.sarif`",
            ));
        }
        let files = self.files();
        for (index, (_, path)) in files.iter().enumerate() {
            if files.iter().skip(index + 1).any(|(_, other)| other == path) {
                return Err(Failure::wrong_use(format!(
                    "two formats go to `{}`\n  hint: name a file for each",
                    path.display()
                )));
            }
        }
        let for_people = [
            ("--output", self.output != OutputChoice::Auto),
            ("--causes", self.causes),
            ("--statistics", self.statistics),
        ];
        let human = main == Format::Human || files.iter().any(|(format, _)| *format == Format::Human);
        if let Some((option, _)) = for_people.iter().find(|(_, given)| *given && !human) {
            return Err(Failure::wrong_use(format!(
                "`{option}` is about what people read\n  hint: leave out `--format`, or name a file for it",
            )));
        }
        if self.explain_agent.is_some() && !(files.is_empty() && matches!(main, Format::Human | Format::Json)) {
            return Err(Failure::wrong_use(
                "`--explain-agent` has the formats `human` and `json`, on standard output",
            ));
        }
        if self.confirm.is_some() && self.diff && !self.adopt {
            return Err(Failure::wrong_use(
                "`--diff` shows what `--confirm --adopt` would write\n  hint: give `--adopt`, too",
            ));
        }
        if self.adopt && main == Format::Json {
            return Err(Failure::wrong_use(
                "`--adopt` shows a difference, and `--format json` is one document",
            ));
        }
        if self.confirm.is_some() && !(files.is_empty() && matches!(main, Format::Human | Format::Json)) {
            return Err(Failure::wrong_use(
                "`--confirm` has the formats `human` and `json`, on standard output",
            ));
        }
        Ok(())
    }

    /// The part of the system that is meant: rules alone where there is no stack.
    ///
    /// # Errors
    /// When the stack has no such machine or group.
    pub fn scope(&self, stack: Option<&Stack>) -> Outcome<Scope> {
        let mut scope = Scope {
            select: self.select.clone(),
            ignore: self.ignore.clone(),
            ..Scope::default()
        };
        let Some(stack) = stack else {
            return Ok(scope);
        };
        scope.machine = match &self.machine {
            None => None,
            Some(name) => Some(stack.find_machine(name).ok_or_else(|| {
                let known: Vec<&str> = stack.machines.iter().map(|machine| machine.name.as_str()).collect();
                Failure::wrong_use(format!(
                    "no machine is called `{name}`\n  hint: machines are {}",
                    known.join(", ")
                ))
            })?),
        };
        let groups = self.group.iter().map(|name| find_group(name, stack));
        scope.groups = groups.collect::<Outcome<_>>()?;
        Ok(scope)
    }

    /// The least severity that makes the exit code 1.
    #[must_use]
    pub fn failing(&self) -> Severity {
        match self.deny {
            Some(Deny::Warnings) => Severity::Warning,
            None => Severity::Error,
        }
    }
}

/// The failure to name a rule.
#[must_use]
pub fn unknown_rule(id: &str) -> Failure {
    let hint = match nearest(id, rules::all().map(|rule| rule.id)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`cargo xtask audit --list-rules` lists all".to_owned(),
    };
    Failure::wrong_use(format!("there is no rule `{id}`\n  hint: {hint}"))
}

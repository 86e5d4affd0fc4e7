//! Which checks of the files are wanted: by phase, machine, name, or because they did not pass last time.

use std::collections::BTreeSet;

use super::{Args, Phase, SmokeError, TWO_HOSTS};
use crate::cmd::{Context, Outcome};
use crate::finding::has_errors;
use crate::host::smoke::check_files::read_files;
use crate::host::smoke::last_run;
use crate::report::exit::Exit;
use crate::report::smoke as show;
use crate::smoke::plan::CheckName;
use crate::smoke::{Check, Plan, Selection, expand, parse};
use crate::stack::near::nearest;
use crate::stack::{MachineId, Stack};

/// What is to be checked, and where.
pub struct Plans {
    /// Against the stack as it runs.
    pub here: Plan,
    /// With each machine on a host of its own, which is made for it.
    pub apart: Plan,
}

impl Plans {
    /// Reads the checks that are asked for. `is_apart`: each machine is on a host of its own already.
    ///
    /// # Errors
    /// When the files have mistakes, or nothing of them is meant.
    pub fn read(
        args: &Args,
        context: &Context,
        stack: &Stack,
        machine: Option<MachineId>,
        is_apart: bool,
    ) -> Result<Self, SmokeError> {
        let folder = stack.output.checks();
        let texts = read_files(context.repository.root(), &folder)?;
        let (files, mut findings) = parse(&texts);
        let phases: BTreeSet<u8> = if args.phases.contains(&Phase::All) {
            files.iter().map(|file| file.phase).collect()
        } else {
            let named = args.phases.iter().filter_map(|phase| match phase {
                Phase::One(number) => Some(*number),
                Phase::All => None,
            });
            named.collect()
        };
        // On one host there is nothing between two machines to look at.
        let (apart, here): (BTreeSet<u8>, BTreeSet<u8>) =
            phases.into_iter().partition(|phase| *phase == TWO_HOSTS && !is_apart);
        let mut plan = |phases: BTreeSet<u8>| {
            // A selection without phases is one of all of them.
            if phases.is_empty() {
                return Plan::default();
            }
            let selection = Selection {
                phases,
                machine,
                soak_seconds: args.soak,
            };
            let (plan, more) = expand(stack, &files, &selection);
            findings.extend(more);
            plan
        };
        let plans = Self {
            here: plan(here),
            apart: plan(apart),
        };
        if has_errors(&findings) {
            return Err(SmokeError::Findings(findings));
        }
        if plans.is_empty() {
            return Err(SmokeError::Usage(format!(
                "no check in `{folder}` is of that phase and machine"
            )));
        }
        plans.named(args)?.failed(args, context)
    }

    /// Whether there is nothing to check.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.here.checks.is_empty() && self.apart.checks.is_empty()
    }

    fn checks(&self) -> impl Iterator<Item = &Check> {
        self.here.checks.iter().chain(&self.apart.checks)
    }

    fn only(&self, wanted: impl Fn(&Check) -> bool) -> Self {
        Self {
            here: self.here.only(&wanted),
            apart: self.apart.only(&wanted),
        }
    }

    /// Those that the command line names, if it names any.
    fn named(self, args: &Args) -> Result<Self, SmokeError> {
        let names: Vec<CheckName> = args.names.iter().map(|name| CheckName::new(name)).collect();
        if names.is_empty() {
            return Ok(self);
        }
        for name in &names {
            if !self.checks().any(|check| name.matches(check)) {
                let known = self
                    .checks()
                    .flat_map(|check| [check.written_name.as_str(), check.name.as_str()]);
                let hint = match nearest(name.text(), known) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "`cargo xtask smoke --list` lists all; `*` stands for any text".to_owned(),
                };
                return Err(SmokeError::Usage(format!(
                    "no check of that phase and machine is called `{}`\n  hint: {hint}",
                    name.text()
                )));
            }
        }
        Ok(self.only(|check| names.iter().any(|name| name.matches(check))))
    }

    /// Those that did not pass last time, if these are asked for.
    fn failed(self, args: &Args, context: &Context) -> Result<Self, SmokeError> {
        if !args.failed {
            return Ok(self);
        }
        let Some(last) = last_run::read(&context.repository) else {
            return Err(SmokeError::Usage(
                "no run of checks is recorded\n  hint: run `cargo xtask smoke` once".to_owned(),
            ));
        };
        Ok(self.only(|check| last.not_passed().contains(&check.name)))
    }
}

/// Lists the checks that are asked for, and makes none.
///
/// # Errors
/// Never for our own documents.
pub fn list(args: &Args, context: &Context, plans: &Plans) -> Outcome {
    let checks: Vec<_> = plans.checks().map(Check::info).collect();
    if args.format == super::Format::Json {
        context.print_json(&show::listed(&checks))?;
    } else {
        context.printer.data(&show::list(&checks));
    }
    Ok(Exit::Success)
}

//! `cargo xtask doctor`: what keeps the stack from working on this host, and what mends it.

use std::net::IpAddr;

use clap::{Args as ClapArgs, ValueEnum};

use super::{Context, Failure, Outcome, ownership};
use crate::boot::reach::published_ports;
use crate::doctor::overlap::{self, Overlap};
use crate::doctor::{Diagnosis, HostFacts, Status, diagnose};
use crate::host::boot::occupied;
use crate::host::doctor::gather::{Inputs, WantedPort};
use crate::host::doctor::{fix, gather};
use crate::host::podman::hosts::{Hosts, Place};
use crate::report::doctor as report;
use crate::report::exit::Exit;
use crate::report::variants;
use crate::stack::Stack;

/// Say what keeps the stack from working on this host, and what mends it
///
/// Every symptom that is known from real hosts is looked for: its cause, and the commands that mend it. Nothing is changed
/// without `--fix`.
#[derive(Debug, Clone, ClapArgs)]
#[command(after_help = "Examples:
  cargo xtask doctor
  cargo xtask doctor --fix                install what is missing; every command is printed first
  cargo xtask doctor --format json | jq '.diagnoses[] | select(.status == \"problem\")'")]
pub struct Args {
    /// Install missing packages; each command is printed before it runs, and nothing is changed without this flag
    #[arg(long)]
    pub fix: bool,
    /// Format of the report
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
}

/// Format of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Lines for people.
    Human,
    /// One JSON document.
    Json,
}

/// Runs it.
///
/// # Errors
/// When a mend fails or the report cannot be written.
pub fn run(args: &Args, context: &Context) -> Outcome {
    let found = context.usable_stack();
    if found.is_none() {
        context.printer.note(match context.require_stack() {
            Ok(()) => {
                "the stack cannot be used (`cargo xtask audit` says why): what it needs of this host is not looked at"
            }
            Err(_) => "there is no stack here: what one needs of this host is not looked at",
        });
    }
    let stack = found
        .clone()
        .or_else(Stack::none)
        .ok_or_else(|| Failure::new(Exit::Internal, "a stack without anything in it cannot be made"))?;
    let mut facts = look(context, &stack);
    let mut diagnoses = diagnose(&facts);
    if args.fix {
        let wanted = lacking(&diagnoses);
        if !wanted.is_empty() {
            fix::install(&facts, &wanted, &mut |command| context.printer.step("run", command))?;
            facts = look(context, &stack);
            diagnoses = diagnose(&facts);
        }
    }
    let mut text = Vec::new();
    match args.format {
        Format::Human => report::human(&mut text, &diagnoses, context.printer.color_out),
        Format::Json => report::json(&mut text, &diagnoses),
    }
    .map_err(|error| Failure::new(Exit::Internal, format!("cannot write the report: {error}")))?;
    context.printer.data(&String::from_utf8_lossy(&text));
    let sick = diagnoses.iter().any(|diagnosis| diagnosis.status == Status::Problem);
    let sick = found.is_some_and(|stack| ownership::tell_all(context, &stack, &context.podman())) || sick;
    Ok(if sick { Exit::Findings } else { Exit::Success })
}

/// Looks at this host.
pub(super) fn look(context: &Context, stack: &Stack) -> HostFacts {
    let podman = context.podman();
    gather(&Inputs {
        stack,
        podman: &|| podman.command(),
        containers_conf: context.containers_conf(),
        ports: ports(context, stack),
        overlaps: overlaps(context, stack),
        variants: variants::chosen(stack, stack.groups().map(|(id, _)| id)),
        without_devices: variants::without_devices(stack, stack.groups().map(|(id, _)| id)),
    })
}

/// Subnets of the stack that something else on this host has, for machines whose containers run here.
fn overlaps(context: &Context, stack: &Stack) -> Vec<Overlap> {
    let machines = stack
        .machines
        .iter()
        .filter(|machine| machine.connection.is_none())
        .map(|machine| machine.name.as_str())
        .collect();
    // A Podman that does not answer is another diagnosis.
    let networks = context.podman().networks().unwrap_or_default();
    overlap::overlaps(stack, &machines, &occupied::gather(&networks, stack))
}

/// Ports that the stack publishes on this host; those on the loopback address where Podman cannot say more.
fn ports(context: &Context, stack: &Stack) -> Vec<WantedPort> {
    if stack.groups.is_empty() {
        return Vec::new();
    }
    let hosts = Hosts::outside(stack, &context.repository);
    stack
        .groups()
        .filter(|(_, group)| hosts.of(group.machine).place == Place::Here)
        .flat_map(|(id, group)| {
            published_ports(stack, id, &hosts.of(group.machine).host)
                .into_iter()
                .filter_map(move |port| {
                    let IpAddr::V4(address) = port.host.ip() else {
                        return None;
                    };
                    Some(WantedPort {
                        address,
                        port: port.host.port(),
                        owner: port.agent.map_or_else(
                            || format!("the status endpoint of `{}`", group.name),
                            |agent| stack.agent(agent).name.clone(),
                        ),
                    })
                })
        })
        .collect()
}

/// Packages that some diagnosis asks for, each once.
fn lacking(diagnoses: &[Diagnosis]) -> Vec<&'static str> {
    let mut names: Vec<&'static str> = diagnoses
        .iter()
        .filter(|diagnosis| diagnosis.fixable)
        .flat_map(|diagnosis| diagnosis.packages.iter().copied())
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

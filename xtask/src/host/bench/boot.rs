//! Boots, measured in turns: ours, plain and warm; the plan's way, with a supervisor in Python; and the floor of them all.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use super::BenchError;
use super::stage::Stage;
use crate::bench::boot::{Sample, Way};
use crate::boot::creation::Runs;
use crate::host::boot;
use crate::host::podman::hosts::Hosts;
use crate::host::system::files::{self, FileError};
use crate::host::system::process::{self, ProcessError};
use crate::host::system::scratch::Scratch;
use crate::host::system::{lock, usage};
use crate::host::tree::changes::Changes;
use crate::stack::{GroupId, Stack};

/// The plan's supervisor.
const SCRIPT: &str = include_str!("boot/agent_supervisor.py");
/// Starts interpreters.
const FLOOR: &str = include_str!("boot/floor.py");
/// Where a container finds the plan's supervisor, and where it says that all its agents answer.
const SHARED: &str = "/bench";
/// How long a boot may take.
const LIMIT: Duration = Duration::from_secs(300);

/// What is measured, and on what.
#[derive(Debug)]
pub struct Bench<'a> {
    stage: &'a Stage<'a>,
    hosts: Hosts,
    /// The group in whose image the floor is measured.
    floor: GroupId,
    /// What an agent of that group imports.
    modules: &'a [String],
}

impl<'a> Bench<'a> {
    /// A benchmark of that stage's stack. The floor is measured in the image of `floor`, with these modules.
    #[must_use]
    pub fn new(stage: &'a Stage<'a>, floor: GroupId, modules: &'a [String]) -> Self {
        Self {
            stage,
            hosts: Hosts::outside(stage.stack, stage.repository),
            floor,
            modules,
        }
    }

    /// Boots once in that way, and takes it down again.
    ///
    /// # Errors
    /// When not every agent answers, or this program was told to stop.
    pub fn measure(&self, way: Way) -> Result<Sample, BenchError> {
        let sample = match way {
            Way::Floor => return self.floor(),
            Way::Plain => self.up(&["--plain"])?,
            Way::Warm => self.up(&[])?,
            Way::Script => self.one_after_the_other()?,
        };
        self.stage.empty()?;
        Ok(sample)
    }

    fn up(&self, more: &[&str]) -> Result<Sample, BenchError> {
        let mut arguments = vec!["up", "--quiet", "--wait", "answering"];
        arguments.extend(more);
        let up = self.stage.xtask(&arguments)?;
        let before = usage::of_the_host()?;
        let wall = up.measure(&[0])?.wall;
        let cpu = usage::of_the_host()?.saturating_sub(before);
        Ok(Sample {
            wall: wall.as_secs_f64(),
            cpu: cpu.as_secs_f64(),
            memory_bytes: Some(self.memory()?),
        })
    }

    fn floor(&self) -> Result<Sample, BenchError> {
        let Stage { podman, stack, .. } = self.stage;
        let run = podman
            .command()
            .args(["run", "--rm", "--pull=never", "--network=none", "--read-only"])
            .args(["--entrypoint=python3", &stack.group_image(self.floor), "-c", FLOOR])
            .arg(stack.agents.len().to_string())
            .args(self.modules)
            .limit(LIMIT);
        let printed = run.read()?;
        let mut figures = printed.split_whitespace().filter_map(|word| word.parse::<f64>().ok());
        match (figures.next(), figures.next()) {
            (Some(wall), Some(cpu)) => Ok(Sample {
                wall,
                cpu,
                memory_bytes: None,
            }),
            _ => Err(BenchError::Answer(run.command_line())),
        }
    }

    /// Starts all containers at once, as `up` does, with the plan's supervisor in place of ours.
    fn one_after_the_other(&self) -> Result<Sample, BenchError> {
        let stack = self.stage.stack;
        let shared = self.shared_folder()?;
        let script = format!("{SHARED}/agent_supervisor.py");
        let runs = Runs::Other {
            folders: vec![(shared.path().to_owned(), SHARED.to_owned())],
            command: ["python3", "-u", &script, SHARED].map(str::to_owned).to_vec(),
        };
        let every: Vec<GroupId> = stack.groups().map(|(id, _)| id).collect();
        let mut changes = Changes::new()?;
        changes.watch([(shared.path().to_owned(), false)])?;
        let lock = lock::take(&stack.name, "bench boot", |_| {})?;
        let before = usage::of_the_host()?;
        let begun = Instant::now();
        for part in self.hosts.parts(stack, &every) {
            let created = boot::up(&part.host.podman, stack, &part.groups, &part.host.host, &runs, &|_| {})?;
            if let Some(failed) = created.failed.first() {
                return Err(BenchError::Group(
                    stack.group(*failed).name.clone(),
                    "Podman".to_owned(),
                ));
            }
        }
        wait_for_all(stack, shared.path(), &changes)?;
        let wall = begun.elapsed();
        let cpu = usage::of_the_host()?.saturating_sub(before);
        let memory = self.memory()?;
        drop(lock);
        Ok(Sample {
            wall: wall.as_secs_f64(),
            cpu: cpu.as_secs_f64(),
            memory_bytes: Some(memory),
        })
    }

    /// A folder that every container may write to, whatever user it runs as.
    fn shared_folder(&self) -> Result<Scratch, FileError> {
        let folder = Scratch::make(&self.stage.repository.make_work()?, "bench-boot-")?;
        files::write(&folder.path().join("agent_supervisor.py"), SCRIPT.as_bytes(), false)?;
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777))
            .map_err(FileError::on("open", folder.path()))?;
        Ok(folder)
    }

    /// Proportional memory of all that runs below the supervisors: the agents, and warm interpreters where there are any.
    fn memory(&self) -> Result<u64, BenchError> {
        let names = self.stage.stack.groups.iter().map(|group| group.name.as_str());
        let printed = self
            .stage
            .podman
            .command()
            .args(["inspect", "--type=container", "--format", "{{.State.Pid}}"])
            .args(names)
            .read()?;
        let mut bytes = 0;
        for pid in printed.lines().filter_map(|line| line.trim().parse::<u32>().ok()) {
            for process in usage::descendants(pid)? {
                bytes += usage::proportional_memory(process)?;
            }
        }
        Ok(bytes)
    }
}

/// Waits until every group has said that its agents answer.
fn wait_for_all(stack: &Stack, folder: &Path, changes: &Changes) -> Result<(), BenchError> {
    let begun = Instant::now();
    let mut missing: BTreeSet<&str> = stack.groups.iter().map(|group| group.name.as_str()).collect();
    loop {
        let mut failed = Vec::new();
        missing.retain(|group| match std::fs::read_to_string(folder.join(group)) {
            Ok(said) if !said.is_empty() => {
                failed.push(BenchError::Group((*group).to_owned(), said));
                true
            }
            said => said.is_err(),
        });
        if let Some(error) = failed.pop() {
            return Err(error);
        }
        let Some(one) = missing.first() else {
            return Ok(());
        };
        let left = LIMIT.saturating_sub(begun.elapsed());
        if changes.next(&|_| true, Some(left)).is_empty() {
            return Err(if process::interrupted() {
                ProcessError::Interrupted {
                    command: "bench boot".to_owned(),
                }
                .into()
            } else {
                BenchError::Group(
                    (*one).to_owned(),
                    format!("not all agents answer after {} s", LIMIT.as_secs()),
                )
            });
        }
    }
}

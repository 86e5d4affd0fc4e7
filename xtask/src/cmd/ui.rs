//! `cargo xtask ui`: a dashboard of the stack in the terminal.

mod follow;
mod look;
mod order;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

use super::select::Selection;
use super::{Context, Failure, Outcome, ownership};
use crate::dashboard::{Dashboard, Event, Leave, Request};
use crate::host::podman::hosts::Hosts;
use crate::host::system::keys::{self, Input};
use crate::host::system::process;
use crate::host::system::watch::Watch;
use crate::report::dashboard::draw;
use crate::report::dashboard::screen::{self, Screen};
use crate::report::exit::Exit;
use crate::stack::{GroupId, Stack};
use follow::Follower;
use look::Looker;
use order::Operators;

/// Watch the stack in a dashboard: states, memory, logs; restart, stop and start agents
///
/// Shows every group and agent with its state, restarts, memory, and what it waits for, and the log of the selected one as it is
/// printed. `?` explains the keys. What an order asks for is confirmed first, and is what `restart`, `stop` and `start` do.
///
/// It goes on through `down` and `up`: as long as nothing runs it says so. Memory is counted from outside the containers, pages that
/// several processes share by their share; of a machine on another host it is not known. Colours follow `--color` and NO_COLOR.
///
/// Exit code 0 after `q`; 2 where standard input or output is not a terminal; 130 after Ctrl-C.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask ui
  cargo xtask ui --machine pc2
  cargo xtask ui vision TaskRouter")]
pub struct Args {
    #[command(flatten)]
    selection: Selection,
}

/// How often an interrupt is looked for while nothing happens.
const GLANCE: Duration = Duration::from_millis(50);
/// Events that wait to be taken in: whoever has more of them waits.
const MOST_WAITING: usize = 4_096;

/// Runs it.
///
/// # Errors
/// When the stack is wrong, a name is unknown, or there is no terminal.
pub fn run(args: &Args, context: &Context) -> Outcome {
    if !context.printer.can_be_taken() {
        return Err(Failure::wrong_use(
            "the dashboard needs a terminal, for standard input and standard output\n  hint: `cargo xtask status --watch` and `cargo xtask logs --follow` show the same on a pipe",
        ));
    }
    let stack = context.stack()?;
    let agents = args.selection.agents(&stack)?;
    let groups = args.selection.groups(&stack)?;
    let hosts = context.hosts(&stack, args.selection.lab)?;
    ownership::tell(context, &stack, &hosts);
    let dashboard = Dashboard::new(&stack, groups, agents);
    let screen =
        Screen::take().map_err(|error| Failure::new(Exit::Internal, format!("cannot take the terminal: {error}")))?;
    let (left, unfinished) = show(dashboard, screen, &hosts, context);
    if let Some(name) = unfinished {
        context.printer.note(format!(
            "what was asked of {name} goes on\n  hint: `cargo xtask status` shows how"
        ));
    }
    left
}

/// Shows it until it is left; returns how, and of whom something was asked that is not done yet.
fn show(
    mut dashboard: Dashboard<'_>,
    mut screen: Screen,
    hosts: &Hosts,
    context: &Context,
) -> (Outcome, Option<String>) {
    let stack = dashboard.stack;
    // An agent that waits is explained by agents of other groups, so all are followed.
    let all: Vec<GroupId> = stack.groups().map(|(id, _)| id).collect();
    let watch = Watch::start(all.iter().map(|group| (*group, hosts.status(stack, *group))));
    let (sender, events) = mpsc::sync_channel(MOST_WAITING);
    let over = Arc::new(AtomicBool::new(false));
    let (to_keys, of_keys) = (sender.clone(), Arc::clone(&over));
    // Nobody waits for it: a terminal may be gone while it is read.
    std::thread::spawn(move || read_keys(&to_keys, &of_keys));
    std::thread::scope(|scope| {
        let to_watch = sender.clone();
        let over = &*over;
        scope.spawn(move || pass_on(&watch, &to_watch, over));
        let follower = Follower::start(scope, stack, hosts, sender.clone());
        let looker = Looker::start(scope, stack, hosts, sender.clone());
        let operators = Operators::new(scope, stack, hosts, context, sender);
        let mut effects = Effects {
            follower,
            looker,
            operators,
        };
        let left = rule(&mut dashboard, &mut screen, &events, &mut effects, context);
        over.store(true, Ordering::Relaxed);
        drop(screen);
        let unfinished = dashboard
            .under_way
            .first()
            .map(|(_, subject)| dashboard.name(*subject).to_owned());
        effects.end(events);
        (left, unfinished)
    })
}

/// What carries requests out.
struct Effects<'scope, 'env> {
    follower: Follower,
    looker: Looker,
    operators: Operators<'scope, 'env>,
}

impl Effects<'_, '_> {
    fn request(&mut self, request: Request) -> Option<Leave> {
        match request {
            Request::Follow(number, subject) => self.follower.follow(number, subject),
            Request::Look => self.looker.want(),
            Request::Order(order, subject) => self.operators.order(order, subject),
            Request::Leave(how) => return Some(how),
        }
        None
    }

    /// Ends what runs. What somebody asked for is given first: half an order would leave a container stopped.
    fn end(self, events: Receiver<Event>) {
        // Whoever still tells something is not kept waiting.
        drop(events);
        drop((self.follower, self.looker));
        if process::interrupted() {
            return;
        }
        self.operators.wait_until_given();
        // Ends what only waits to see an order carried out.
        process::interrupt();
        drop(self.operators);
    }
}

/// Takes events in and draws, until it is left.
fn rule(
    dashboard: &mut Dashboard<'_>,
    screen: &mut Screen,
    events: &Receiver<Event>,
    effects: &mut Effects<'_, '_>,
    context: &Context,
) -> Outcome {
    let color = context.printer.color_out;
    let mut is_new = true;
    loop {
        if process::interrupted() {
            return Ok(Exit::Interrupted);
        }
        if screen::is_broken() {
            return Err(Failure::new(
                Exit::Internal,
                "the dashboard failed: its reason is above",
            ));
        }
        if is_new {
            let drawn = screen.draw(|frame| draw(dashboard, color, frame.area(), frame.buffer_mut()));
            // A terminal that is gone has nobody in front of it.
            if drawn.is_err() {
                return Ok(Exit::Interrupted);
            }
        }
        effects.looker.look(dashboard);
        let first = match events.recv_timeout(GLANCE) {
            Ok(event) => Some(event),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return Ok(Exit::Interrupted),
        };
        is_new = first.is_some();
        // What has come meanwhile is drawn at once.
        let more = std::iter::from_fn(|| events.try_recv().ok()).take(MOST_WAITING);
        for event in first.into_iter().chain(more) {
            for request in dashboard.step(event) {
                match effects.request(request) {
                    None => {}
                    Some(Leave::Quit) => return Ok(Exit::Success),
                    Some(Leave::Interrupted) => return Ok(Exit::Interrupted),
                }
            }
        }
    }
}

fn read_keys(events: &SyncSender<Event>, over: &AtomicBool) {
    while !over.load(Ordering::Relaxed) {
        let event = match keys::next(GLANCE) {
            Input::Event(event) => event,
            Input::Nothing => continue,
            Input::Gone => {
                let _ = events.send(Event::Key(crate::dashboard::Key::Interrupt));
                return;
            }
        };
        if events.send(event).is_err() {
            return;
        }
    }
}

fn pass_on(watch: &Watch, events: &SyncSender<Event>, over: &AtomicBool) {
    while !over.load(Ordering::Relaxed) {
        let Some((group, told)) = watch.next(GLANCE) else {
            continue;
        };
        if events.send(Event::Status(group, told.ok().map(Box::new))).is_err() {
            return;
        }
    }
}

/// The name of a stack's subject where it is talked about, as in `group vision`.
fn name(stack: &Stack, subject: crate::boot::orders::Subject) -> String {
    use crate::boot::orders::Subject;
    match subject {
        Subject::Group(group) => format!("group {}", stack.group(group).name),
        Subject::Agent(agent) => format!("agent {}", stack.agent(agent).name),
    }
}

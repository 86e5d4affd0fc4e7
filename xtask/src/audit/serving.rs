//! How the health of agents would be asked, and which ports they have besides the configured ones, as far as their start paths tell: what
//! `health:` and `ports:` would have to say.

use std::collections::{BTreeMap, BTreeSet};

use contract::health::{Check, Kind};
use contract::own_flags::OwnFlags;
use pysrc::Module;

use super::outcome::Prediction;
use super::presumed;
use super::rehearsal::{self, File, Files};
use super::spoken;
use super::start_path;
use super::start_path::listening::{Connection, Listener, Listening, Speaks};
use super::start_path::{Followed, Walks};
use crate::finding::Place;
use crate::python::disk::Disk;
use crate::python::facts::TreeFacts;
use crate::stack::further_ports::FurtherPort;
use crate::stack::model::UNGROUPED;
use crate::stack::{Agent, AgentId, GroupId, Stack};

/// What the stack would say of one agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The agent.
    pub agent: AgentId,
    /// What it is.
    pub what: What,
    /// Where that is to be seen, and what it is.
    pub evidence: Vec<(Place, String)>,
    /// Why it may not be so.
    pub doubt: Option<String>,
}

/// A key of an override.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// `health:`.
    Health(Check),
    /// `ports:`; empty where only is known that they would have to be written.
    Ports(Vec<FurtherPort>),
    /// `reaches:` of the agent's group.
    Reaches(Vec<AgentId>),
    /// `flags:`.
    Flags(OwnFlags),
}

/// A port that an agent surely listens on.
#[derive(Debug, Clone)]
struct Open {
    port: u16,
    speaks: Speaks,
    /// What one that is well answers, where that is not as usual.
    expect: Vec<String>,
    place: Place,
    /// The code does not say the port plainly: it is the configured one that is left.
    presumed: bool,
}

impl Open {
    fn of(listener: &Listener) -> Option<Self> {
        let port = listener.port.filter(|port| *port > 0 && listener.sure)?;
        Some(Self::at(port, listener, false))
    }

    fn at(port: u16, listener: &Listener, presumed: bool) -> Self {
        Self {
            port,
            speaks: listener.speaks.clone(),
            expect: Vec::new(),
            place: listener.place.clone(),
            presumed,
        }
    }

    /// As evidence has it.
    fn says(&self) -> String {
        let port = self.port;
        match &self.speaks {
            Speaks::Answers(ask) => {
                let ask = ask.as_deref().unwrap_or("health_check");
                let said = match self.expect.as_slice() {
                    [] => String::new(),
                    words => format!(" with `{}`", words.join("` or `")),
                };
                format!("binds {port}, where it answers `{ask}`{said}")
            }
            Speaks::Replies | Speaks::OwnWords => format!("binds {port}, where it answers requests"),
            Speaks::Http(Some(path)) if !path.is_empty() => format!("serves HTTP on {port}, and `{path}` among it"),
            Speaks::Http(_) => format!("serves HTTP on {port}"),
            Speaks::Takes(what) => format!("binds {what} to {port}"),
        }
    }

    /// The check that it passes as soon as it is open; less is known of the later ones.
    fn rank(&self) -> u8 {
        match &self.speaks {
            Speaks::Http(Some(_)) => 0,
            Speaks::Answers(_) => 1,
            Speaks::Replies | Speaks::OwnWords => 2,
            Speaks::Http(None) => 3,
            Speaks::Takes(_) => 4,
        }
    }

    fn check(&self) -> Check {
        let of = |kind| Check {
            kind,
            port: Some(self.port),
            ..Check::default()
        };
        match &self.speaks {
            Speaks::Answers(ask) => Check {
                expect: self.expect.clone(),
                ask: ask.clone(),
                ..of(Kind::Zmq)
            },
            Speaks::Http(Some(path)) => Check {
                path: Some(path.clone()).filter(|path| !path.is_empty()),
                ..of(Kind::Http)
            },
            Speaks::Replies | Speaks::OwnWords | Speaks::Http(None) | Speaks::Takes(_) => of(Kind::Tcp),
        }
    }

    /// Why more than that a connection is taken may be asked.
    fn doubt(&self) -> Option<String> {
        match self.speaks {
            _ if self.presumed => {
                let sees = match self.check().kind {
                    Kind::Tcp => "sees which it is, and what it answers",
                    _ => "sees which it is",
                };
                Some(format!(
                    "the code does not say its port plainly, {} is the configured one; `audit --confirm --adopt` {sees}",
                    self.port
                ))
            }
            Speaks::Replies => Some(format!(
                "nothing says which request is answered on {} with how it is doing: that it takes connections is all that is asked; {}",
                self.port,
                self.by_hand()
            )),
            Speaks::OwnWords => Some(format!(
                "it is not certain in which words it says how it is doing, if at all: that {} takes connections is all that is asked; {}",
                self.port,
                self.by_hand()
            )),
            Speaks::Http(None) => Some(format!(
                "nothing says which path on {} tells how it is doing: that it takes connections is all that is asked; `audit --confirm --adopt` tries more",
                self.port
            )),
            _ => None,
        }
    }
}

impl Open {
    /// How the words of one that answers requests are written by hand.
    fn by_hand(&self) -> String {
        let port = self.port;
        format!(
            "`health: {{kind: zmq, port: {port}, ask: REQUEST, expect: WORD}}` asks it in its own words, and `audit --confirm --adopt` tries some"
        )
    }
}

/// A port that an agent surely binds, and where.
pub type Bound = (AgentId, u16, Place);

/// Proposals for all agents whose start paths lead to sockets that their stack does not know of, and all ports that agents surely bind.
#[must_use]
pub fn proposals(stack: &Stack, tree: &TreeFacts, disk: Disk<'_>, walks: &Walks) -> (Vec<Proposal>, Vec<Bound>) {
    let all = start_path::listening(stack, tree, disk, walks);
    let looked_for = looked_for(stack, &all);
    let mut claims = Claims::configured(stack);
    let (mut proposals, mut bound) = (Vec::new(), Vec::new());
    for (followed, listening) in &all {
        let id = followed.report.id;
        let agent = stack.agent(id);
        let is_grouped = stack.group(agent.group).name != UNGROUPED;
        if !is_grouped || followed.report.prediction == Prediction::CannotStart {
            continue;
        }
        let mut open = opened(listening);
        bound.extend(open.iter().map(|open| (id, open.port, open.place.clone())));
        let presumed = presumed::ports(listening, agent);
        let listening = presumed.as_ref().map_or(listening, |presumed| &presumed.listening);
        // One of them may be the configured one.
        if listening.all.iter().any(|listener| listener.port.is_none()) {
            proposals.extend(unclear(stack, id, listening, &open));
            continue;
        }
        let presumed = presumed.iter().flat_map(|presumed| &presumed.ports);
        let is_written = |port: u16, place: &Place| {
            let files = [file_of(stack, place), &agent.script_path];
            let texts = files.iter().filter_map(|path| tree.files.get(tree.find(path)?));
            texts.into_iter().any(|file| has_number(&file.module.text, port))
        };
        open.extend(presumed.map(|(port, listener)| Open::at(*port, listener, !is_written(*port, &listener.place))));
        refine(&mut open, listening, stack, tree, agent);
        let health = health(stack, followed, listening, &open).or_else(|| unclear(stack, id, listening, &open));
        let asked = match health.as_ref().map(|proposal| &proposal.what) {
            Some(What::Health(check)) => check.port,
            _ => agent.health_port(),
        };
        let ports = ports(stack, id, listening, &open, asked, &looked_for);
        let own: Vec<Proposal> = health.into_iter().chain(ports).collect();
        match claims.clash(stack, id, &own) {
            Some((port, other)) => proposals.extend(clash(stack, id, port, other, &open)),
            None => proposals.extend(own),
        }
    }
    proposals.extend(reaches(stack, &looked_for));
    (proposals, bound)
}

/// Whose each port of a group's container is: two agents that have one cannot be asked for themselves, and the stack would leave one out.
struct Claims(BTreeMap<(GroupId, u16), AgentId>);

impl Claims {
    /// What the stack says already.
    fn configured(stack: &Stack) -> Self {
        let mut claims = BTreeMap::new();
        for (id, agent) in stack.agents() {
            for port in agent.ports() {
                claims.entry((agent.group, port)).or_insert(id);
            }
        }
        Self(claims)
    }

    /// A port that these would give to the agent and that another has, with the other; otherwise they are its own from here on.
    fn clash(&mut self, stack: &Stack, id: AgentId, proposals: &[Proposal]) -> Option<(u16, AgentId)> {
        let group = stack.agent(id).group;
        let wanted: Vec<u16> = proposals
            .iter()
            .flat_map(|proposal| match &proposal.what {
                What::Health(check) => check.port.into_iter().collect(),
                What::Ports(ports) => ports.iter().map(|port| port.target).collect(),
                What::Reaches(_) | What::Flags(_) => Vec::new(),
            })
            .collect();
        for port in &wanted {
            match self.0.get(&(group, *port)) {
                Some(other) if *other != id => return Some((*port, *other)),
                _ => {}
            }
        }
        self.0.extend(wanted.into_iter().map(|port| ((group, port), id)));
        None
    }
}

/// That a port is another's already, as something to look at.
fn clash(stack: &Stack, id: AgentId, port: u16, other: AgentId, open: &[Open]) -> Option<Proposal> {
    let open = open.iter().find(|open| open.port == port)?;
    let name = &stack.agent(other).name;
    Some(Proposal {
        agent: id,
        what: What::Ports(Vec::new()),
        evidence: vec![(open.place.clone(), open.says())],
        doubt: Some(format!(
            "`{name}` of its group has {port}, too, and one container has it once: give one of them another port, or another group"
        )),
    })
}

/// Agents of other groups that a group reaches, with where that is to be seen first.
type Reached = BTreeMap<AgentId, (Place, String)>;

/// What the agents of groups look for on their own host, that another container has and that they do not say to depend on.
fn reaches(stack: &Stack, looked_for: &LookedFor<'_>) -> Vec<Proposal> {
    let mut by_group: BTreeMap<GroupId, (AgentId, Reached)> = BTreeMap::new();
    for (port, (owner, seekers)) in looked_for {
        for (seeker, connection) in seekers.iter().filter(|(_, connection)| connection.loopback) {
            let group = stack.agent(*seeker).group;
            let is_own = stack.agent(*owner).group == group;
            if is_own || stack.group(group).name == UNGROUPED || stack.peers_elsewhere(group).contains(owner) {
                continue;
            }
            let says = format!(
                "`{}` connects to {port}, where `{}` is",
                stack.agent(*seeker).name,
                stack.agent(*owner).name
            );
            let (_, found) = by_group.entry(group).or_insert_with(|| (*seeker, Reached::new()));
            found.entry(*owner).or_insert_with(|| (connection.place.clone(), says));
        }
    }
    let of_group = |(agent, found): (AgentId, Reached)| Proposal {
        agent,
        what: What::Reaches(found.keys().copied().collect()),
        evidence: found.into_values().collect(),
        doubt: None,
    };
    by_group.into_values().map(of_group).collect()
}

/// The file of a place, as the tree has it.
fn file_of<'p>(stack: &Stack, place: &'p Place) -> &'p str {
    let prefix = stack.shown_prefix();
    place.path.strip_prefix(&prefix).unwrap_or(&place.path)
}

/// Whether a number stands in a text by itself.
fn has_number(text: &str, number: u16) -> bool {
    let mut words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
    let number = number.to_string();
    words.any(|word| word == number)
}

/// Each port that is surely open, once.
fn opened(listening: &Listening) -> Vec<Open> {
    let mut seen = BTreeSet::new();
    let sure = listening.all.iter().filter_map(Open::of);
    sure.filter(|open| seen.insert(open.port)).collect()
}

/// Adds what the files in which ports are opened say of how they are asked, where the start path tells no more than that they are open.
fn refine(open: &mut [Open], listening: &Listening, stack: &Stack, tree: &TreeFacts, agent: &Agent) {
    let module = |path: &str| Some(&*tree.files.get(tree.find(path)?)?.module);
    let files = listening.files.iter().filter_map(|at| tree.files.get(*at));
    let loaded: Vec<&Module> = files.map(|file| &*file.module).collect();
    let known = files_of(listening, tree, agent);
    let replies = |speaks: &Speaks| matches!(speaks, Speaks::Replies | Speaks::OwnWords | Speaks::Answers(_));
    let replying = listening.all.iter().filter(|listener| replies(&listener.speaks));
    let is_only = replying.count() == 1 && listening.elsewhere.is_none();
    for one in open {
        let path = file_of(stack, &one.place);
        let Some(source) = module(path) else {
            continue;
        };
        match &one.speaks {
            Speaks::Http(known) => {
                let is_unclear = known.as_deref().is_none_or(|path| matches!(path, "" | "/"));
                let is_unclear = is_unclear && !spoken::serves_routes(source, one.place.line);
                if let Some(path) = is_unclear.then(|| spoken::http_path(source, &loaded)).flatten() {
                    one.speaks = Speaks::Http(path);
                }
            }
            Speaks::Takes(_) => {}
            Speaks::Answers(_) | Speaks::Replies | Speaks::OwnWords => {
                let at = known.position(path);
                let request = at.and_then(|at| rehearsal::request(&known, at, one.place.line, is_only));
                one.expect = Vec::new();
                one.speaks = match request {
                    Some(request) => {
                        one.expect = request.expect;
                        Speaks::Answers(Some(request.ask).filter(|ask| ask != contract::health::REQUEST))
                    }
                    // What only looks like an answer is none to be waited for.
                    None => match one.speaks {
                        Speaks::Replies => Speaks::Replies,
                        _ => Speaks::OwnWords,
                    },
                };
            }
        }
    }
}

/// What an agent loads; its script is the first.
fn files_of<'t>(listening: &Listening, tree: &'t TreeFacts, agent: &Agent) -> Files<'t> {
    let script = tree.find(&agent.script_path);
    let others = listening.files.iter().copied().filter(|at| Some(*at) != script);
    let files = script.into_iter().chain(others).filter_map(|at| tree.files.get(at));
    let files = files.map(|file| File {
        path: &file.path,
        module: &file.module,
    });
    Files::new(files.collect())
}

/// How an agent would be asked; nothing where that is what the stack says, or nothing is known.
fn health(stack: &Stack, followed: &Followed, listening: &Listening, open: &[Open]) -> Option<Proposal> {
    let id = followed.report.id;
    let agent = stack.agent(id);
    let asked = agent.health_port();
    let current = &agent.runtime.health;
    let proposal = |check: Check, evidence, doubt| {
        let same = current.kind == check.kind
            && (check.kind == Kind::Process || asked == check.port)
            && (&current.path, &current.ask, &current.expect) == (&check.path, &check.ask, &check.expect);
        (!same).then_some(Proposal {
            agent: id,
            what: What::Health(check),
            evidence,
            doubt,
        })
    };
    if listening.all.is_empty() {
        // A server's port is none that the tree's code opens.
        if agent.served().is_some() {
            return None;
        }
        // A package that is missing opens no port of its own accord.
        let runs = followed.report.prediction == Prediction::Starts || followed.report.only_lacks_package();
        let runs = runs && listening.elsewhere.is_none() && !listening.imports_more;
        let script = Place::file(format!("{}{}", stack.shown_prefix(), agent.script_path));
        let evidence = vec![(script, "opens no port, and neither does what it imports".to_owned())];
        let check = Check {
            kind: Kind::Process,
            ..Check::default()
        };
        return runs.then(|| proposal(check, evidence, None)).flatten();
    }
    if let Some(open) = asked.and_then(|asked| open.iter().find(|open| open.port == asked)) {
        let check = Check {
            port: None,
            ..open.check()
        };
        let unchanged = current.kind == check.kind
            && (&current.path, &current.ask, &current.expect) == (&check.path, &check.ask, &check.expect);
        let evidence = vec![(open.place.clone(), open.says())];
        return (!unchanged).then(|| Proposal {
            agent: id,
            what: What::Health(check),
            evidence,
            doubt: open.doubt(),
        });
    }
    if asked.is_some() && listening.all.iter().any(|listener| listener.port == asked) {
        return None;
    }
    let best = open
        .iter()
        .min_by_key(|open| (open.rank(), open.port != agent.port, open.port))?;
    let elsewhere = listening
        .elsewhere
        .as_ref()
        .map(|place| format!("it may open further ports ({}:{})", place.path, place.line));
    // Where there may be further sockets, which of them answers is not known.
    let unclear = matches!(best.speaks, Speaks::Answers(_)) && elsewhere.is_some();
    let best = match unclear {
        true => Open {
            speaks: Speaks::Replies,
            ..best.clone()
        },
        false => best.clone(),
    };
    let evidence = vec![(best.place.clone(), best.says())];
    proposal(best.check(), evidence, elsewhere.or(best.doubt()))
}

/// That no more than its process is asked of an agent whose health port is none that its code surely opens, where it may open one.
fn unclear(stack: &Stack, id: AgentId, listening: &Listening, open: &[Open]) -> Option<Proposal> {
    let agent = stack.agent(id);
    let asked = agent.health_port()?;
    let is_open = open.iter().any(|open| open.port == asked);
    if is_open || agent.served().is_some() || !agent.runtime.health.is_default() {
        return None;
    }
    let script = Place::file(format!("{}{}", stack.shown_prefix(), agent.script_path));
    // One that is opened under conditions is no more certain than one whose number is not known.
    let mut doubtful = listening
        .all
        .iter()
        .filter(|listener| listener.port.is_none() || !listener.sure);
    let place = doubtful.next().map(|listener| listener.place.clone());
    let place = place.or_else(|| listening.elsewhere.clone()).unwrap_or(script);
    Some(Proposal {
        agent: id,
        what: What::Health(Check {
            kind: Kind::Process,
            ..Check::default()
        }),
        evidence: vec![(place, format!("may open {asked}, or another port"))],
        doubt: Some(format!(
            "the code does not show that it always opens {asked}, its health port: that its process runs is all that is asked; \
             `health: {{kind: zmq, port: …, ask: REQUEST, expect: WORD}}` (or `kind: http`, `tcp`) asks more, and `audit --confirm --adopt` sees it"
        )),
    })
}

/// Ports that agents connect to, by number: whose they are, and who does that where.
type LookedFor<'a> = BTreeMap<u16, (AgentId, Vec<(AgentId, &'a Connection)>)>;

fn looked_for<'a>(stack: &Stack, all: &'a [(Followed, Listening)]) -> LookedFor<'a> {
    let mut found: BTreeMap<u16, Vec<(AgentId, &Connection)>> = BTreeMap::new();
    for (followed, listening) in all {
        for connection in &listening.connects {
            let seekers = found.entry(connection.port).or_default();
            seekers.push((followed.report.id, connection));
        }
    }
    // Of two that have one port, nobody knows who is meant.
    let mut owners: BTreeMap<u16, BTreeSet<AgentId>> = BTreeMap::new();
    for (id, agent) in stack.agents() {
        for port in agent.ports() {
            owners.entry(port).or_default().insert(id);
        }
    }
    for (followed, listening) in all {
        for port in listening.all.iter().filter_map(|listener| listener.port) {
            owners.entry(port).or_default().insert(followed.report.id);
        }
    }
    let known = found.into_iter().filter_map(|(port, seekers)| {
        let owners = owners.get(&port).filter(|owners| owners.len() == 1)?;
        Some((port, (*owners.first()?, seekers)))
    });
    known.collect()
}

/// Its ports besides, where others look for it. `asked` is the port on which its health is to be asked.
fn ports(
    stack: &Stack,
    id: AgentId,
    listening: &Listening,
    open: &[Open],
    asked: Option<u16>,
    looked_for: &LookedFor<'_>,
) -> Option<Proposal> {
    let agent = stack.agent(id);
    if !agent.further.is_empty() {
        return None;
    }
    let mut further: Vec<FurtherPort> = Vec::new();
    let mut evidence = Vec::new();
    let mut doubt = None;
    let is_bound = |port: u16| listening.all.iter().any(|listener| listener.port == Some(port));
    // Nobody looks for one that is asked nothing, or that has no port.
    if agent.own_flags.any() && !is_bound(agent.port) && !open.is_empty() {
        let (mains, others): (Vec<&Open>, Vec<&Open>) = open
            .iter()
            .filter(|open| open.port != agent.health_check_port)
            .partition(|open| matches!(open.speaks, Speaks::Answers(_) | Speaks::Replies | Speaks::OwnWords));
        let of_others = || match others.iter().filter(|open| Some(open.port) != asked).count() {
            0 => others.clone(),
            _ => others.iter().copied().filter(|open| Some(open.port) != asked).collect(),
        };
        let meant = if mains.is_empty() { of_others() } else { mains };
        match meant.as_slice() {
            [] => {}
            [one] => {
                further.push(FurtherPort {
                    port: agent.port,
                    target: one.port,
                    publish: false,
                });
                evidence.push((one.place.clone(), one.says()));
                doubt = listening
                    .elsewhere
                    .as_ref()
                    .map(|place| format!("it may open {} elsewhere ({}:{})", agent.port, place.path, place.line));
            }
            several => {
                evidence.extend(several.iter().map(|open| (open.place.clone(), open.says())));
                let numbers: Vec<String> = several.iter().map(|open| open.port.to_string()).collect();
                doubt = Some(format!(
                    "nothing it opens is {}, where others look for it: of {}, write the one that is meant, as in `ports: [\"{}:{}\"]`",
                    agent.port,
                    numbers.join(" and "),
                    agent.port,
                    numbers[0]
                ));
            }
        }
    }
    for open in open {
        let known = open.port == agent.port || Some(open.port) == agent.health_port();
        let seekers = looked_for.get(&open.port).into_iter().flat_map(|(_, seekers)| seekers);
        let mut seekers = seekers.filter(|(other, _)| stack.agent(*other).group != agent.group);
        let Some((seeker, connection)) = seekers.next().filter(|_| !known) else {
            continue;
        };
        further.push(FurtherPort {
            port: open.port,
            target: open.port,
            publish: false,
        });
        evidence.push((open.place.clone(), open.says()));
        evidence.push((
            connection.place.clone(),
            format!("`{}` connects to {}", stack.agent(*seeker).name, open.port),
        ));
    }
    (!further.is_empty() || doubt.is_some()).then_some(Proposal {
        agent: id,
        what: What::Ports(further),
        evidence,
        doubt,
    })
}

#[cfg(test)]
mod tests {
    use pysrc::PythonVersion;

    use super::{What, proposals};
    use crate::audit::start_path::Walks;
    use crate::python::disk::Disk;
    use crate::python::facts;
    use crate::stack::fixture::Fixture;

    /// What is proposed for `Alpha` (port 5000, health port 7000) with this script, and a module beside it.
    fn of(script: &str) -> Vec<String> {
        of_all(&[("main/alpha.py", script)])
    }

    fn of_all(scripts: &[(&str, &str)]) -> Vec<String> {
        let fixture = Fixture::small();
        let stack = fixture.model();
        let files = fixture.tree.files.iter().filter(|path| path.ends_with(".py"));
        let files = files.map(|path| {
            let written = scripts.iter().find(|(known, _)| known == path);
            (path.clone(), written.map_or("", |(_, text)| text).as_bytes().to_vec())
        });
        let further = scripts.iter().filter(|(path, _)| !fixture.tree.files.contains(*path));
        let further = further.map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()));
        let tree = facts::of_agents(files.chain(further).collect(), PythonVersion::USUAL, &stack).with_paths([]);
        let (all, _) = proposals(&stack, &tree, Disk::new(&|_| false, &|_| None), &Walks::default());
        let lines = all.into_iter().map(|proposal| {
            let doubt = if proposal.doubt.is_some() { " ?" } else { "" };
            let what = match proposal.what {
                What::Health(check) => {
                    let port = check.port.map(|port| format!(" {port}")).unwrap_or_default();
                    let path = check.path.map(|path| format!(" {path}")).unwrap_or_default();
                    let ask = check.ask.map(|ask| format!(" {ask}")).unwrap_or_default();
                    let expect = match check.expect.as_slice() {
                        [] => String::new(),
                        words => format!(" -> {}", words.join(" or ")),
                    };
                    format!("{}{port}{path}{ask}{expect}", check.kind.name())
                }
                What::Ports(ports) => {
                    let ports: Vec<String> = ports
                        .iter()
                        .map(|further| format!("{}:{}", further.port, further.target))
                        .collect();
                    format!("ports {}", ports.join(" "))
                }
                What::Reaches(agents) => format!("reaches {}", agents.len()),
                What::Flags(flags) => format!("flags {}", crate::audit::flags::words(flags)),
            };
            format!("{}: {what}{doubt}", stack.agent(proposal.agent).name)
        });
        lines.collect()
    }

    const LOOP: &str = "import time\nwhile True:\n    time.sleep(1)\n";

    /// A socket bound where the configured port is not, with what it does for a request.
    fn rep(handles: &str) -> String {
        format!(
            "import zmq, json\nclass A:\n    def __init__(self):\n        self.socket = zmq.Context().socket(zmq.REP)\n        \
             self.socket.bind('tcp://*:5599')\n    def run(self):\n        while True:\n            request = self.socket.recv_json()\n{handles}\
             if __name__ == '__main__':\n    A().run()\n"
        )
    }

    #[test]
    fn a_socket_elsewhere_is_asked_there_and_led_to() {
        let ports = "Alpha: ports 5000:5599";
        for (handles, health) in [
            (
                "            if request.get('action') == 'health_check':\n                self.socket.send_json({'status': 'ok'})\n            \
                 else:\n                self.socket.send_json({'status': 'error'})\n",
                "Alpha: zmq 5599",
            ),
            (
                "            self.socket.send_json({'status': 'healthy'})\n",
                "Alpha: zmq 5599",
            ),
            (
                "            if request['type'] == 'ping':\n                self.socket.send_json({'status': 'ok'})\n",
                "Alpha: zmq 5599 {\"type\":\"ping\"}",
            ),
            ("            self.socket.send(request)\n", "Alpha: tcp 5599 ?"),
            (
                "            if request['what'] == 'add':\n                self.socket.send_json({'sum': 1})\n",
                "Alpha: tcp 5599 ?",
            ),
        ] {
            assert_eq!(of(&rep(handles)), [health, ports], "{handles}");
        }
        let words = "import zmq\ns = zmq.Context().socket(zmq.REP)\ns.bind('tcp://*:5599')\nwhile True:\n    if s.recv_string() == 'ping':\n        \
                     s.send_string('pong')\n";
        assert_eq!(of(words), ["Alpha: zmq 5599 ping -> pong", ports]);
        let chosen = "import zmq\ns = zmq.Context().socket(zmq.REP)\ns.bind('tcp://*:5599')\nwhile True:\n    t = s.recv_string()\n    \
                      s.send_string('pong' if t.strip() == 'ping' else 'huh')\n";
        assert_eq!(of(chosen), ["Alpha: zmq 5599 ping -> pong", ports]);
        let two_keys = "            kind = request.get('type') or request.get('cmd')\n            if kind == 'health':\n                \
                        self.socket.send_json({'type': 'health', 'status': 'ok'})\n";
        assert_eq!(of(&rep(two_keys))[0], "Alpha: zmq 5599 {\"type\":\"health\"}");
        let awaited = "import asyncio, zmq.asyncio\nasync def main():\n    s = zmq.asyncio.Context().socket(zmq.PULL)\n    \
                       s.bind('tcp://*:5599')\n    while True:\n        await s.recv()\nasyncio.run(main())\n";
        assert_eq!(of(awaited), ["Alpha: tcp 5599", ports]);
    }

    #[test]
    fn http_is_asked_at_the_path_that_tells() {
        let server = |get: &str, starts: &str| {
            format!(
                "import threading\nfrom http.server import BaseHTTPRequestHandler, HTTPServer\nclass H(BaseHTTPRequestHandler):\n    \
                 def do_GET(self):\n{get}server = HTTPServer(('', 7000), H)\n{starts}{LOOP}"
            )
        };
        let daemon = "threading.Thread(target=server.serve_forever, daemon=True).start()\n";
        let by_path = "        if self.path in ('/status', '/healthz'):\n            self.send_response(200)\n";
        assert_eq!(of(&server(by_path, daemon))[0], "Alpha: http /healthz");
        let any = "        self.send_response(200)\n";
        assert_eq!(of(&server(any, daemon))[0], "Alpha: http");
        let by_name = "        if self.path.rstrip('/') != WHERE:\n            self.send_error(404)\n";
        let named = format!("WHERE = '/api/health'\n{}", server(by_name, daemon));
        assert_eq!(of(&named)[0], "Alpha: http /api/health");
        // What is given is not known, and neither is the path.
        assert_eq!(of(&server(by_name, daemon))[0], "Alpha: tcp ?");
        // Nobody knows which path is answered.
        let by_table = "        if self.path not in TABLE:\n            self.send_error(404)\n";
        assert_eq!(of(&server(by_table, daemon)), ["Alpha: tcp ?"]);
        for (serves, said) in [
            (
                "from flask import Flask\napp = Flask('x')\n@app.route('/do', methods=['POST'])\ndef do():\n    pass\n@app.route('/api/health')\ndef \
                 health():\n    pass\napp.run(host='0.0.0.0', port=8123)\n",
                "Alpha: http 8123 /api/health",
            ),
            (
                "import uvicorn\nfrom fastapi import FastAPI\napp = FastAPI()\n@app.get('/ping')\nasync def ping():\n    pass\nuvicorn.run(app, port=8124)\n",
                "Alpha: http 8124 /ping",
            ),
            (
                "from aiohttp import web\nasync def h(request):\n    pass\napp = web.Application()\napp.router.add_get('/ready', h)\nweb.run_app(app)\n",
                "Alpha: http 8080 /ready",
            ),
            (
                "import uvicorn\nfrom fastapi import FastAPI\nclass A:\n    where = '/up/health'\n    def __init__(self):\n        self.app = \
                 FastAPI()\n        self.app.add_api_route(self.where, self.health, methods=['GET'])\n    def health(self):\n        \
                 pass\nuvicorn.run(A().app, port=8126)\n",
                "Alpha: http 8126 /up/health",
            ),
            (
                "import uvicorn\nfrom fastapi import FastAPI, APIRouter\napp = FastAPI()\nr = APIRouter()\n@r.get('/status')\ndef s():\n    \
                 pass\n@app.get('/live')\ndef h():\n    pass\napp.include_router(r, prefix='/api')\nuvicorn.run(app, port=8127)\n",
                "Alpha: http 8127 /live",
            ),
            (
                "import uvicorn\nfrom fastapi import FastAPI, APIRouter\napp = FastAPI()\nr = APIRouter()\n@r.get('/status')\ndef s():\n    \
                 pass\napp.include_router(r)\nuvicorn.run(app, port=8127)\n",
                "Alpha: http 8127 /status",
            ),
            (
                "from aiohttp import web\nasync def h(request):\n    pass\napp = web.Application()\napp.add_routes([web.post('/x', h), \
                 web.get('/health', h)])\nweb.run_app(app, port=8128)\n",
                "Alpha: http 8128 /health",
            ),
            (
                "from flask import Flask\napp = Flask('x')\n@app.route('/items/<n>')\ndef items(n):\n    pass\napp.run(port=8125)\n",
                "Alpha: tcp 8125 ?",
            ),
        ] {
            let port = said.split(' ').nth(2).unwrap_or_default();
            assert_eq!(
                of(serves),
                [said.to_owned(), format!("Alpha: ports 5000:{port}")],
                "{serves}"
            );
        }
    }

    #[test]
    fn who_answers_in_words_of_its_own_is_asked_in_them() {
        let agent = |reply: &str| {
            format!(
                "import zmq\ns = zmq.Context().socket(zmq.REP)\ns.bind('tcp://*:7000')\nwhile True:\n    m = s.recv_json()\n    if \
                 m.get('request') == 'HEALTH':\n        s.send_json({reply})\n    else:\n        s.send_json({{}})\n"
            )
        };
        for (reply, health) in [
            ("{'state': 'alive'}", "Alpha: zmq {\"request\":\"HEALTH\"} -> alive"),
            (
                "{'status': 'ok' if up() else 'degraded'}",
                "Alpha: zmq {\"request\":\"HEALTH\"} -> ok or degraded",
            ),
            // What it answers is worked out elsewhere.
            ("answer(m)", "Alpha: tcp ?"),
        ] {
            assert_eq!(of(&agent(reply))[0], health, "{reply}");
        }
    }

    #[test]
    fn words_that_are_not_certain_are_not_asked_for() {
        let agent = |handles: &str| {
            format!(
                "import json, zmq\nstates = json.load(open('/etc/states'))\ns = zmq.Context().socket(zmq.REP)\ns.bind('tcp://*:7000')\nwhile \
                 True:\n{handles}"
            )
        };
        for (handles, health) in [
            // A word of health stands in the file, and is not the answer.
            (
                "    m = s.recv_json()\n    if m.get('action') == 'health_check':\n        s.send_json({'status': states['s']})\n    else:\n        \
                 s.send_json({'status': 'ok'})\n",
                "Alpha: tcp ?",
            ),
            (
                "    m = s.recv_pyobj()\n    if m.get('action') == 'health_check':\n        s.send_pyobj({'status': 'ok'})\n",
                "Alpha: tcp ?",
            ),
            // Only others than who asks get an answer to two frames.
            (
                "    who, m = s.recv_multipart()\n    if m == b'ping':\n        s.send_multipart([who, b'pong'])\n",
                "Alpha: tcp ?",
            ),
        ] {
            assert_eq!(of(&agent(handles)), [health], "{handles}");
        }
    }

    #[test]
    fn a_port_that_is_not_known_is_the_configured_one_that_is_left() {
        let handles = "while True:\n    m = s.recv_json()\n    if m.get('action') == 'health_check':\n        s.send_json({'status': 'ok'})\n    \
                       else:\n        s.send_json({})\n";
        let rep = |port: &str| {
            format!(
                "import sys, zmq\nports = sys.stdin.readline()\ns = zmq.Context().socket(zmq.REP)\ns.bind(f'tcp://*:{{{port}}}')\n"
            )
        };
        // Nothing binds the port on which its health would be asked.
        assert_eq!(of(&format!("{}{handles}", rep("ports"))), ["Alpha: zmq 5000 ?"]);
        let written = rep("int(ports or 5000)");
        assert_eq!(of(&format!("{written}{handles}")), ["Alpha: zmq 5000"]);
        // Which kind it is decides what is received.
        let chosen = rep("ports").replace("zmq.REP", "zmq.ROUTER if sys.argv else zmq.REP");
        assert_eq!(of(&format!("{chosen}{handles}")), ["Alpha: tcp 5000 ?"]);
        // Each of two has one of the two ports that are left, and what is asked of it is not known.
        let second = "t = zmq.Context().socket(zmq.REP)\nt.bind(f'tcp://*:{ports}')\n";
        assert_eq!(of(&format!("{}{second}{handles}", rep("ports"))), ["Alpha: tcp ?"]);
        // One may be opened where nobody gets.
        let unclear = ["Alpha: process ?"];
        let later = "import atexit\ndef later(p):\n    t = zmq.Context().socket(zmq.PUB)\n    t.bind(p)\natexit.register(later)\n";
        assert_eq!(of(&format!("{}{later}{handles}", rep("ports"))), unclear);
        let drawn = later.replace("t.bind(p)", "t.bind_to_random_port(p)");
        assert_eq!(of(&format!("{}{drawn}{handles}", rep("ports"))), ["Alpha: zmq 5000 ?"]);
        let unused = later.replace("atexit.register(later)", "");
        assert_eq!(of(&format!("{}{unused}{handles}", rep("ports"))), ["Alpha: zmq 5000 ?"]);
        let http = "from fastapi import FastAPI\nimport uvicorn, threading\napp = FastAPI()\n@app.get('/healthz')\ndef up():\n    return {}\n\
                    server = uvicorn.Server(uvicorn.Config(app, port=int(ports)))\nthreading.Thread(target=server.run).start()\n";
        assert_eq!(
            of(&format!("import sys\nports = sys.stdin.readline()\n{http}{LOOP}")),
            ["Alpha: http 5000 /healthz ?"]
        );
        assert_eq!(
            of(&format!("{}{http}{handles}", rep("ports"))),
            ["Alpha: http /healthz ?"]
        );
    }

    #[test]
    fn a_socket_that_is_not_met_has_the_words_of_its_function() {
        let health = "import sys, threading, zmq\nports = sys.stdin.readline()\nc = zmq.Context()\ndef health(port):\n    s = c.socket(zmq.REP)\n    \
                      s.bind('tcp://*:%d' % port)\n    while True:\n        t = s.recv_string()\n        s.send_string('pong' if t.strip() == \
                      'ping' else 'huh')\nthreading.Thread(target=health, args=(int(ports),), daemon=True).start()\np = c.socket(zmq.PUB)\n\
                      p.bind('tcp://*:5000')\n";
        assert_eq!(of(&format!("{health}{LOOP}")), ["Alpha: zmq ping -> pong ?"]);
    }

    #[test]
    fn a_handler_that_is_made_while_the_agent_runs_has_its_class_s_paths() {
        let server = "import threading\nfrom http.server import BaseHTTPRequestHandler, HTTPServer\nclass H(BaseHTTPRequestHandler):\n    def \
                      do_GET(self):\n        if self.path == '/health':\n            self.send_response(200)\nhandler = type('Handler', (H,), \
                      {'agent': 1})\nserver = HTTPServer(('', 7000), handler)\nthreading.Thread(target=server.serve_forever, \
                      daemon=True).start()\n";
        assert_eq!(of(&format!("{server}{LOOP}"))[0], "Alpha: http /health");
    }

    #[test]
    fn who_opens_nothing_is_asked_nothing() {
        let worker = format!("import zmq\ns = zmq.Context().socket(zmq.SUB)\ns.connect('tcp://10.0.0.9:5')\n{LOOP}");
        assert_eq!(of(&worker), ["Alpha: process"]);
        let helper = (
            "main/helper.py",
            "def opens(s, port):\n    s.bind_to_random_port('tcp://*')\n",
        );
        let hooks = |name: &str| format!("import atexit\natexit.register({name})\n");
        for (may, name) in [
            ("def later(s):\n    s.bind('tcp://*:5000')\n", "later"),
            ("import helper\n", "helper.opens"),
            (
                "from flask import Flask\napp = Flask('x')\ndef serve(port):\n    app.run(port=port)\n",
                "serve",
            ),
        ] {
            let named = format!("{may}{}{worker}", hooks(name));
            assert_eq!(
                of_all(&[("main/alpha.py", &named), helper]),
                ["Alpha: process ?"],
                "{may}"
            );
            // Nobody calls it.
            let unnamed = format!("{may}{worker}");
            assert_eq!(
                of_all(&[("main/alpha.py", &unnamed), helper]),
                ["Alpha: process"],
                "{may}"
            );
        }
        assert_eq!(of(&format!("import grpc\n{worker}")), ["Alpha: process ?"]);
    }

    #[test]
    fn what_is_not_certain_is_not_written() {
        let bind = |how: &str| format!("import os, zmq\nc = zmq.Context()\ns = c.socket(zmq.REP)\n{how}{LOOP}");
        for how in ["s.bind('tcp://*:' + os.environ['NOBODY_KNOWS'])\n", "undefined_name\n"] {
            assert_eq!(of(&bind(how)), Vec::<String>::new(), "{how}");
        }
        for (how, health) in [
            (
                "if os.path.exists('/x'):\n    s.bind('tcp://*:5599')\n",
                "Alpha: process ?",
            ),
            ("s.bind('tcp://*:5599')\ns.close()\n", "Alpha: process ?"),
            (
                "if os.path.exists('/x'):\n    s.bind('tcp://*:7000')\n",
                "Alpha: process ?",
            ),
            (
                "s.bind('tcp://*:5000')\nt = c.socket(zmq.REP)\nt.bind('tcp://*:7000')\n",
                "Alpha: tcp ?",
            ),
        ] {
            assert_eq!(of(&bind(how)), [health], "{how}");
        }
        let two = "s.bind('tcp://*:5599')\nt = c.socket(zmq.REP)\nt.bind('tcp://*:5600')\n";
        assert_eq!(of(&bind(two)), ["Alpha: tcp 5599 ?", "Alpha: ports  ?"]);
        // Closed at its end only.
        let end = "s.bind('tcp://*:5599')\ntry:\n    while True:\n        s.recv()\n        s.send_json({'status': 'ok'})\nfinally:\n    s.close()\n    \
                   c.term()\n";
        assert_eq!(of(&bind(end)), ["Alpha: zmq 5599", "Alpha: ports 5000:5599"]);
    }

    #[test]
    fn a_port_that_two_of_a_container_bind_is_written_for_one() {
        let handles = "            self.socket.send_json({'status': 'ok'})\n";
        let both = of_all(&[("main/alpha.py", &rep(handles)), ("main/long/beta.py", &rep(handles))]);
        let of_both: Vec<&String> = both.iter().filter(|line| !line.contains("process")).collect();
        assert_eq!(of_both, ["Alpha: zmq 5599", "Alpha: ports 5000:5599", "Beta: ports  ?"]);
    }

    #[test]
    fn third_ports_are_written_where_others_connect_to_them() {
        let alpha = format!(
            "import zmq\nc = zmq.Context()\ns = c.socket(zmq.REP)\ns.bind('tcp://*:5000')\nh = c.socket(zmq.REP)\nh.bind('tcp://*:7000')\n\
             p = c.socket(zmq.PUB)\np.bind('tcp://*:5700')\nq = c.socket(zmq.PUB)\nq.bind('tcp://*:5800')\n{LOOP}"
        );
        let gamma = |host: &str| {
            format!(
                "import zmq\nc = zmq.Context()\nfor port in (5002, 7002):\n    pass\na = c.socket(zmq.REP)\na.bind('tcp://*:5002')\nb = \
                 c.socket(zmq.REP)\nb.bind('tcp://*:7002')\ns = c.socket(zmq.SUB)\ns.connect('tcp://{host}:5700')\n{LOOP}"
            )
        };
        let of = |host: &str| {
            let all = of_all(&[("main/alpha.py", &alpha), ("main/gamma.py", &gamma(host))]);
            let of_both = all
                .into_iter()
                .filter(|line| line.contains("Alpha: ports") || line.contains("Gamma: reaches"));
            of_both.collect::<Vec<_>>()
        };
        assert_eq!(of("localhost"), ["Alpha: ports 5700:5700", "Gamma: reaches 1"]);
        assert_eq!(of("main-host"), ["Alpha: ports 5700:5700"]);
    }
}

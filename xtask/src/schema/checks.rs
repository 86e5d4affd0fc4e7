//! `tests/smoke/*.yaml`. Comments become what an editor shows.

#![expect(dead_code, reason = "a schema is made from these types; nothing has their values")]

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::{Any, Scalar};
use crate::smoke::KINDS;

/// Checks of one phase.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, title = "smoke checks")]
pub(super) struct CheckFile {
    /// Phase of the plan that they prove.
    #[schemars(range(min = 1, max = 4))]
    phase: u8,
    /// The checks.
    checks: Vec<Check>,
}

/// One check: its name, when it is made, and exactly one kind.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = exactly_one_kind)]
struct Check {
    /// What holds when it passes; unique over all files.
    name: Scalar,
    /// Machines that it is about.
    machine: Option<OneOrMore>,
    /// Groups that it is about.
    groups: Option<OneOrMore>,
    /// One check for each.
    for_each: Option<ForEach>,
    /// Time limit, at most an hour.
    #[schemars(range(max = 3600))]
    timeout_seconds: Option<f64>,
    /// Checks that must have passed before.
    after: Option<OneOrMore>,
    /// Whether nothing else runs meanwhile.
    exclusive: Option<bool>,
    /// A request to an agent.
    request: Option<Request>,
    /// A command in a group's container.
    exec: Option<Exec>,
    /// An image.
    image: Option<Box<Image>>,
    /// A network.
    network: Option<Network>,
    /// A volume.
    volume: Option<Volume>,
    /// The state of a group or an agent.
    status: Option<Status>,
    /// Two names of one path.
    path_alias: Option<PathAlias>,
    /// A group, observed for a while.
    soak: Option<Soak>,
    /// Everything that a group depends on in another.
    link: Option<Link>,
    /// An agent that is broken on purpose.
    recovery: Option<Recovery>,
    /// Limits and use of a group's container.
    resources: Option<Resources>,
    /// A service that is put where an agent looks for it.
    stand_in: Option<StandIn>,
    /// What a group's supervisor found at its start.
    startup_check: Option<StartupCheck>,
    /// A request from a group's container, maybe to another machine.
    call: Option<Call>,
    /// Every port of a machine, tried from another.
    ports: Option<Ports>,
    /// The link between the machines, in the lab.
    lan_link: Option<LanLink>,
    /// What a group says of the other machine's agents.
    peers: Option<Peers>,
}

fn exactly_one_kind(schema: &mut Schema) {
    let each = KINDS.map(|kind| json!({"required": [kind]}));
    schema.insert("oneOf".to_owned(), Value::from(each.to_vec()));
}

/// A text, or a list of texts.
struct OneOrMore;

impl JsonSchema for OneOrMore {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "OneOrMore".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = Scalar::json_schema(generator);
        json_schema!({"anyOf": [one, {"type": "array", "items": one}]})
    }
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum ForEach {
    Machine,
    Group,
    Agent,
    Volume,
    PathAlias,
    Link,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Request {
    /// `Name` or `machine/Name`.
    agent: Scalar,
    /// JSON that is sent.
    send: Option<Any>,
    /// Characters that are sent, in its place.
    send_raw: Option<Scalar>,
    /// What the reply must match.
    expect: Any,
    /// Names for values of the reply, by path.
    save: Option<BTreeMap<String, Scalar>>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Exec {
    group: Scalar,
    /// Program and arguments.
    command: Vec<Scalar>,
    expect: Option<CommandExpect>,
}

/// What a command must do; `stdout` and `json` exclude each other.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct CommandExpect {
    /// Exit code; 0 where it is not written.
    exit: Option<Any>,
    /// Standard output.
    stdout: Option<Any>,
    /// Standard output, as JSON.
    json: Option<Any>,
    /// Standard error.
    stderr: Option<Any>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Image {
    /// `base`, a group, or a full name.
    image: Scalar,
    labels: Option<Any>,
    user: Option<Any>,
    env: Option<Any>,
    max_size_mb: Option<f64>,
    /// A command in the image, without the stack or a network.
    run: Option<Vec<Scalar>>,
    /// What that command must do.
    expect: Option<CommandExpect>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Network {
    name: Scalar,
    subnet: Option<Scalar>,
    /// Whether names resolve on it.
    dns: Option<bool>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Volume {
    name: Scalar,
    /// Groups in which it is mounted; every one of the machine where it is not written.
    mounted_in: Option<OneOrMore>,
    /// A group that must be able to write to it.
    writable_in: Option<Scalar>,
    persists: Option<Persists>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Persists {
    /// The group that writes and reads the marker.
    group: Scalar,
    /// Which container is restarted in between.
    restart: Option<Restarted>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum Restarted {
    /// One made for the check.
    Probe,
    /// The group's own.
    Group,
}

/// Either `group` or `agent`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Status {
    group: Option<Scalar>,
    agent: Option<Scalar>,
    /// The state; healthy where it is not written.
    state: Option<Any>,
    restarts: Option<Any>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct PathAlias {
    group: Scalar,
    alias: Scalar,
    target: Scalar,
    min_files: Option<u64>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Soak {
    group: Scalar,
    seconds: Option<u64>,
    /// Growth of memory that is allowed to each agent.
    max_growth_mb: Option<f64>,
    /// Restarts that are allowed to each agent.
    max_restarts: Option<u64>,
    /// Requests that are sent over and over.
    load: Option<Vec<Load>>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Load {
    agent: Scalar,
    send: Option<Any>,
    send_raw: Option<Scalar>,
    expect: Option<Any>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Link {
    /// The group that depends.
    from: Scalar,
    /// The group that it depends on.
    to: Scalar,
    /// What is sent to each dependency's own port.
    send: Option<Any>,
    /// Where its reply holds its name.
    name_at: Option<Scalar>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Recovery {
    agent: Scalar,
    fault: Fault,
    #[schemars(rename = "in")]
    place: Option<Place>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum Fault {
    /// SIGKILL.
    Kill,
    /// SIGSTOP.
    Mute,
    /// A script that ends with an error, each time.
    CrashLoop,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum Place {
    /// A container made for the check.
    Probe,
    /// The stack itself.
    Stack,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Resources {
    group: Scalar,
    /// For how long CPU time is counted.
    #[schemars(range(min = 0.1, max = 600))]
    seconds: Option<f64>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct StandIn {
    agent: Scalar,
    /// Loopback port of the agent's container.
    #[schemars(range(min = 1))]
    port: u16,
    /// What the service replies.
    replies: Any,
    send: Option<Any>,
    send_raw: Option<Scalar>,
    expect: Any,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct StartupCheck {
    group: Scalar,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Call {
    /// The group in whose container it starts.
    from: Scalar,
    agent: Scalar,
    by: Option<Way>,
    send: Option<Any>,
    send_raw: Option<Scalar>,
    expect: Any,
    /// Again until the reply matches or the time is over.
    repeat: Option<bool>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum Way {
    /// The address of the agent's machine.
    Lan,
    /// The container's own.
    Loopback,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Ports {
    /// The machine from which they are tried.
    from: Scalar,
    /// The machine whose they are.
    to: Scalar,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct LanLink {
    state: LinkState,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum LinkState {
    Cut,
    Whole,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Peers {
    group: Scalar,
    /// Whether all of them can be reached, or none.
    reachable: bool,
}

//! `config/stack.yaml`. Comments become what an editor shows.

#![expect(dead_code, reason = "a schema is made from these types; nothing has their values")]

use std::collections::BTreeMap;

use schemars::JsonSchema;

use crate::stack::written::Scalar;

/// A stack: machines, networks, groups, images, and how agents are supervised.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, title = "config/stack.yaml")]
#[schemars(extend("if" = several_machines(), "then" = groups_with_machines()))]
pub(super) struct StackFile {
    /// Version of the format; 1 is the only one.
    #[schemars(range(min = 1, max = 1))]
    version: Option<u8>,
    /// Name of the stack, on everything that is created; `ai_system` where it is not written.
    name: Option<String>,
    /// Folder of the Python tree, relative to the folder that holds the stack (of `config/stack.yaml`, the one above `config`); that
    /// folder itself where it is not written. `--tree` goes before it.
    source_tree: Option<String>,
    /// Agents of the startup configs that are left out, as `Name` or `machine/Name`.
    leave_out: Option<Vec<String>>,
    /// What fills in `${NAME}` in startup configs, before their own environment and the default in `${NAME:-default}`.
    variables: Option<BTreeMap<String, Scalar>>,
    /// The Python of all images.
    python: Option<Python>,
    /// What all images have in common.
    images: Option<Images>,
    /// What the audit leaves out.
    audit: Option<Audit>,
    /// Volumes of each machine: name, and where it is mounted; `:ro` behind the path: for reading only, as `config` is unless it says `:rw`.
    /// With a folder of the host in front (`./logs:/app/logs`, relative to the folder that holds the stack; `{machine}` is the machine's
    /// name), that folder is mounted; without one, Podman keeps the files.
    /// Where it is not written: `logs`, `data` and `models` below `/app`, less those that hold Python files in the tree.
    volumes: Option<BTreeMap<String, String>>,
    /// Port of every supervisor's status endpoint, inside its container.
    #[schemars(range(min = 1))]
    status_port: Option<u16>,
    /// What the status endpoint tells of the agents' own words.
    status_disclosure: Option<Disclosure>,
    /// How agents are started.
    start: Option<Start>,
    /// Modules that warm interpreters do not import.
    preload_skip: Option<Vec<String>>,
    /// The variant of every group that has one of this name; a group's own `variant` goes before it.
    variant: Option<String>,
    /// How agents are supervised.
    supervision: Option<Supervision>,
    #[schemars(flatten)]
    runtime: Runtime,
    /// The machines, by name.
    machines: BTreeMap<String, Machine>,
    /// What agents use in place of a dependency that nothing defines: its name, and a path in the tree. A path alone is for those who read
    /// about it, in the audit and in reports; with a port it is started under that name.
    fallbacks: Option<BTreeMap<String, Fallback>>,
    /// The groups, by name: the agents that share a container. One machine needs none: its startup config's own groups are taken, or
    /// one group of all its agents.
    groups: Option<BTreeMap<String, Option<Group>>>,
}

/// What stands in for an agent that nothing defines.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Fallback {
    /// A script that is started as that agent.
    Agent(StandIn),
    /// A script that nothing starts.
    Script(String),
}

/// A script that is started as an agent which nothing defines.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct StandIn {
    /// The script, relative to the tree.
    script: String,
    /// Port of its socket.
    #[schemars(range(min = 1))]
    port: u16,
    /// Port of its health socket [default: the port plus the machine's `health_port_offset`].
    #[schemars(range(min = 1))]
    health_check_port: Option<u16>,
    /// The group that runs it [default: that of the first agent which depends on it].
    group: Option<String>,
}

/// How the health of agents is found out: a kind alone, or a mapping.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Health {
    /// All of it.
    Check(HealthCheck),
    /// The kind alone.
    Kind(HealthKind),
}

/// What is asked.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum HealthKind {
    /// A ZeroMQ request and its reply: the default.
    Zmq,
    /// An HTTP GET and its status.
    Http,
    /// A connection: that the port takes one is all that is known.
    Tcp,
    /// Nothing: an agent is healthy once it has run for its start period, until it ends. The default of an agent without a port.
    Process,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct HealthCheck {
    /// What is asked.
    kind: Option<HealthKind>,
    /// The port that is asked, or how far it is above the agent's port, as in `+1`; the health port where it is not written.
    port: Option<HealthPort>,
    /// The path of an HTTP request; `/` where it is not written.
    path: Option<String>,
    /// The request of a ZeroMQ exchange; `{"action":"health_check"}` where it is not written.
    ask: Option<Scalar>,
    /// What a healthy reply says, one of these. ZeroMQ: its `status`, or text of a reply that has none, or an object whose fields it has,
    /// as `'{"ok":true}'`. HTTP: its status code, or text of the body.
    expect: Option<Expect>,
    /// Seconds that an agent may take to answer for the first time; of `process`, seconds that it must have run: the settling time
    /// where it is not written.
    start_period: Option<f64>,
}

/// A port, or how far it is above the agent's.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum HealthPort {
    /// A port.
    Port(#[schemars(range(min = 1))] u16),
    /// How far it is above the agent's.
    Above(#[schemars(regex(pattern = r"^\+[0-9]+$"))] String),
}

/// One text, or several of which one is enough.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Expect {
    /// One.
    One(Scalar),
    /// Several.
    Some(Vec<Scalar>),
}

// How agents run; the same keys for the stack, a machine, a group and an override. No doc comment: it would describe those.
#[derive(JsonSchema)]
struct Runtime {
    /// What agents do whose dependency was given up, cannot be started or never answered.
    when_dependency_fails: Option<WhenDependencyFails>,
    /// What agents may write below the tree's root: files and folders (`main_pc_code/logs/`), kept on volumes, and patterns of names
    /// (`*.log`), kept with the container. All else but the volumes is for reading only.
    writable: Option<Vec<String>>,
    /// Seconds that an agent may take to answer for the first time.
    start_period: Option<f64>,
    /// How the health of agents is found out. The nearest of stack, machine, group and override wins, key by key.
    health: Option<Health>,
    /// The signal that tells an agent to end; `SIGTERM` where it is not written.
    stop_signal: Option<StopSignal>,
    /// Seconds that an agent may take to end, before it is killed; `supervision.stop_grace_seconds` where it is not written.
    #[schemars(range(min = 0, max = 86_400))]
    stop_grace: Option<f64>,
    /// Whether an agent that ends is started again. With `no` it runs once: exit code 0 is a good end, and those that wait for it start
    /// then.
    restart: Option<Restart>,
    /// Folders and files of the host: `/srv/models:/models:ro`.
    mounts: Option<Vec<String>>,
    /// Devices of the host: `/dev/snd`, `/dev/video2:/dev/video0:rw`, or by the name that a CDI file gives them, `nvidia.com/gpu=all`.
    devices: Option<Vec<Device>>,
    /// Further names of hosts, with their addresses.
    extra_hosts: Option<BTreeMap<String, String>>,
    /// Size of `/dev/shm`, as in `512m`.
    shm_size: Option<Scalar>,
    /// Size of `/tmp`, as in `1g`.
    tmp_size: Option<Scalar>,
    /// Addresses of name servers that are asked in the place of the network's own.
    dns: Option<Vec<String>>,
    /// Limits of each process, as in `{nofile: 65536}`, `{nofile: "1024:65536"}` or `{nofile: {soft: 1024, hard: 65536}}`; `-1` is none.
    ulimits: Option<BTreeMap<String, UlimitValue>>,
    /// Capabilities of the kernel that its container keeps, as in `SYS_NICE`; it has none otherwise.
    capabilities: Option<Vec<String>>,
    /// Sockets of a user of the host, for sound: `pulseaudio`, `pipewire`, or of another user than 1000, `pipewire:1001`.
    sockets: Option<Vec<String>>,
    /// Ports of the host that agents find on the container's loopback: `5432`, or `"6379:16379"` with the host's behind.
    host_services: Option<Vec<Scalar>>,
    /// Memory of a container, as in `2g`; in an override, of its agent, for the sum that a container has where no level names its own.
    memory: Option<Scalar>,
    /// Processors that a container may keep busy, as in `1.5`; in an override, its agent's part of the sum.
    #[schemars(range(min = 0.01, max = 4096))]
    cpus: Option<f64>,
    /// Processes and threads of a container; in an override, its agent's part of the sum.
    #[schemars(range(min = 1, max = 4_194_304))]
    processes: Option<u32>,
    /// Files that agents are given and nobody else sees: by the name of the environment variable that gets the file's content, its
    /// path on this host, absolute or relative to the repository. Agents have the file, too, as `/run/secrets/NAME`.
    secrets: Option<BTreeMap<String, SecretFile>>,
    /// Files of lines `NAME=VALUE` on this host: variables of agents that nobody else sees. `environment:` goes before them.
    env_file: Option<OneOrMore>,
}

/// What is done when an agent ends by itself.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Restart {
    /// `always` or `no`.
    Word(RestartWord),
    /// `no`, as YAML may take it.
    #[schemars(extend("const" = false))]
    No(bool),
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum RestartWord {
    Always,
    No,
}

/// A signal that tells an agent to end, with or without `SIG`, in capitals or not.
#[derive(JsonSchema)]
struct StopSignal(
    #[schemars(regex(
        pattern = r"^([Ss][Ii][Gg])?([Hh][Uu][Pp]|[Ii][Nn][Tt]|[Qq][Uu][Ii][Tt]|[Uu][Ss][Rr][12]|[Tt][Ee][Rr][Mm])$"
    ))]
    String,
);

/// A limit of each process.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum UlimitValue {
    /// What holds at first, and how far a process may raise it.
    Both(SoftHard),
    /// Both of them.
    Scalar(Scalar),
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct SoftHard {
    /// What holds at first.
    soft: Scalar,
    /// How far a process may raise it.
    hard: Scalar,
}

/// A device of the host.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Device {
    /// It, and whether it may be missing.
    Described(DescribedDevice),
    /// It alone, which has to be there.
    Needed(String),
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct DescribedDevice {
    /// Its path on the host, or the name that a CDI file gives it.
    device: String,
    /// Whether containers do without it on a host that does not have it.
    optional: Option<bool>,
}

/// A file that agents are given.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum SecretFile {
    /// Its path, and what agents get of it.
    Described(DescribedSecret),
    /// Its path on this host.
    Path(String),
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct DescribedSecret {
    /// Its path on this host.
    file: String,
    /// The environment variable that gets its content; none where it is not written.
    variable: Option<String>,
    /// Its path in the container; `/run/secrets/` and its name where it is not written.
    target: Option<String>,
}

/// A path, or a list of paths.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum OneOrMore {
    /// One.
    One(String),
    /// Several.
    More(Vec<String>),
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Python {
    /// The two parts of a Python 3, in quotes; `"3.11"` where it is not written.
    version: Option<Scalar>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Images {
    /// Registry and folder, written in full; `localhost/` and the stack's name where it is not written.
    namespace: Option<String>,
    /// Tag of every image.
    tag: Option<String>,
    /// Image that the base is built FROM; `docker.io/library/python:VERSION-slim` where it is not written.
    base_image: Option<String>,
    /// What the base is made of where no registry can be reached.
    debian: Option<Debian>,
    /// Debian packages of every image.
    packages: Option<Vec<String>>,
    /// Modules that must be importable in every image.
    required_modules: Option<Vec<String>>,
    /// The user that agents run as.
    user: Option<User>,
    /// Path of a group's requirements in the tree, with `{group}`. Where it is not written: `requirements.{group}.txt`, else the
    /// `requirements.txt` beside the startup config, in a folder above it, or in the tree's root.
    requirements: Option<String>,
    /// Patterns of files that no image holds; bytecode and `.git` where it is not written.
    exclude: Option<Vec<String>>,
    /// Patterns of files that every image holds.
    include: Option<Vec<String>>,
    /// How much of the tree an image holds.
    contents: Option<Contents>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Debian {
    /// Release, as in `bookworm`.
    suite: Option<String>,
    /// Packages of the base image; Python, pip and certificates where it is not written.
    packages: Option<Vec<String>>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct User {
    /// Its name.
    name: Option<String>,
    /// Its id, and that of its group.
    #[schemars(range(min = 1, max = 4_000_000_000_u32))]
    uid: Option<u32>,
    /// Whether each group's container runs as a user of its own, so that no group can change what another wrote; all groups are of
    /// this user's group.
    per_group: Option<bool>,
    /// Folders below volumes in which every group may make its own files and folders, as it may at the top of a volume.
    shared: Option<Vec<String>>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Audit {
    /// Patterns of files whose findings are left out, as `.gitignore` has them.
    exclude: Option<Vec<String>>,
    /// Levels of rules, by id. `cargo xtask audit --explain RULE` says what a rule finds.
    #[schemars(extend("propertyNames" = rule_ids()))]
    rules: Option<BTreeMap<String, RuleLevel>>,
}

/// How bad all findings of a rule are. What is predicted of agents does not depend on it.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum RuleLevel {
    /// They are neither shown nor do they fail the audit.
    Off,
    /// Worth knowing.
    Note,
    /// Fails the audit where warnings are denied.
    Warning,
    /// Fails the audit.
    Error,
}

/// That a stack has more than one machine.
fn several_machines() -> serde_json::Value {
    serde_json::json!({
        "required": ["machines"],
        "patternProperties": { "^machines$": { "type": "object", "minProperties": 2 } },
    })
}

/// What a stack needs then: groups, and in each the machine that it is on.
fn groups_with_machines() -> serde_json::Value {
    let machine = serde_json::json!({ "^machine$": { "type": "string" } });
    let group = serde_json::json!({ "type": "object", "required": ["machine"], "patternProperties": machine });
    serde_json::json!({
        "required": ["groups"],
        "patternProperties": { "^groups$": { "type": "object", "additionalProperties": group } },
    })
}

/// Where an asset may come from: one of them, with what goes with it.
fn sources_of_assets() -> serde_json::Value {
    let of = |key: &str, with: &str, kind: &str| {
        let keys: Vec<&str> = [key, with].into_iter().filter(|key| !key.is_empty()).collect();
        let pattern = format!("^({})$", keys.join("|"));
        serde_json::json!({ "required": keys, "patternProperties": { pattern: { "type": kind } } })
    };
    serde_json::json!([
        of("url", "sha256", "string"),
        of("from", "", "string"),
        of("package", "", "string"),
        of("command", "", "array"),
    ])
}

fn rule_ids() -> serde_json::Value {
    let ids: Vec<&str> = crate::audit::rules::all().map(|rule| rule.id).collect();
    serde_json::json!({ "enum": ids })
}

/// What the status endpoint tells of the agents' own words: their last lines of stderr, and what reasons quote.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum Disclosure {
    /// All, with what looks like a secret replaced.
    Masked,
    /// All, as it was printed.
    Full,
    /// Nothing: states, exit codes and times alone.
    States,
}

/// How agents are started.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum Start {
    /// One interpreter for each.
    Plain,
    /// Forked from one that has imported what they share.
    Warm,
}

/// What an agent does when a dependency of it has failed. One that is merely slow is waited for either way.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum WhenDependencyFails {
    /// It is started, and reported as degraded: the default.
    Start,
    /// It waits until that dependency answers after all.
    Wait,
}

/// How much of the tree an image holds.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum Contents {
    /// What the group's agents can reach.
    Closure,
    /// All code of the machine.
    Package,
}

/// Which of the supervisor's flags are passed: a word, or those that a parser takes.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Flags {
    /// All or none.
    Word(FlagsWord),
    /// These.
    Some(Vec<Flag>),
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum FlagsWord {
    /// All three: the default, but for programs of a Compose file, supervisord or a Procfile.
    All,
    /// None: `params` alone.
    None,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum Flag {
    /// `--port`.
    Port,
    /// `--health_check_port`.
    HealthCheckPort,
    /// `--name`.
    Name,
}

/// How options are written: `--port 5570` or `--port=5570`.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum ArgumentStyle {
    /// As two words.
    Separate,
    /// As one word.
    Equals,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Supervision {
    /// How options are written.
    argument_style: Option<ArgumentStyle>,
    /// Seconds between two health checks of an agent.
    interval_seconds: Option<f64>,
    /// Seconds that an answer may take.
    timeout_seconds: Option<f64>,
    /// Unanswered checks after which an agent is restarted.
    #[schemars(range(min = 1, max = 1000))]
    retries: Option<u32>,
    /// Seconds after its start in which an agent need not answer.
    start_period_seconds: Option<f64>,
    /// Seconds that an agent must go on answering to be healthy.
    settle_seconds: Option<f64>,
    /// Seconds between SIGTERM and SIGKILL.
    stop_grace_seconds: Option<f64>,
    /// Seconds before the first restart.
    backoff_initial_seconds: Option<f64>,
    /// Seconds before any restart, at most.
    backoff_max_seconds: Option<f64>,
    /// Crashes after which an agent is given up.
    #[schemars(range(min = 1, max = 1000))]
    crash_limit: Option<u32>,
    /// Seconds within which these crashes count.
    crash_window_seconds: Option<f64>,
    /// Seconds that a warm interpreter may take to import.
    preload_timeout_seconds: Option<f64>,
    /// Bytes after which a log file is put aside.
    #[schemars(range(min = 4096))]
    log_max_bytes: Option<u64>,
    /// Log files that are kept.
    #[schemars(range(max = 1000))]
    log_keep: Option<u32>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Machine {
    /// Its startup config, in the tree.
    startup_config: String,
    /// Folders of its code, in the tree; all of it where it is not written.
    code: Option<Vec<String>>,
    /// PYTHONPATH, relative to the tree; its root and the folder of the startup config (without `config`) where it is not written.
    python_path: Option<Vec<String>>,
    /// Its address for the other machine; 192.168.1.101 for the first, the next for each further one, where it is not written.
    lan_address: Option<String>,
    /// Environment variable that holds that address; its name in capitals and `_IP` where it is not written.
    address_variable: Option<String>,
    /// The network of its containers.
    network: Option<Network>,
    /// A health port is the port and this, where the startup config names none. Where it is not written, 1, or 1000 and more if that
    /// is another agent's port.
    #[schemars(range(min = 1, max = 60000))]
    health_port_offset: Option<u16>,
    /// Environment of all its containers.
    environment: Option<BTreeMap<String, Scalar>>,
    /// Second names of folders: alias, and what it stands for.
    path_aliases: Option<BTreeMap<String, String>>,
    #[schemars(flatten)]
    runtime: Runtime,
    /// Where the machine is another host.
    podman: Option<Podman>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Network {
    /// Its name; the stack's and the machine's, with `_` between, where it is not written.
    name: Option<String>,
    /// Its subnet, as in `172.20.0.0/16`. Left out, it is one of 256 addresses between 10.64.0.0 and 10.88.0.0 that follows from the
    /// name, outside of what Docker and Podman hand out by themselves.
    subnet: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Podman {
    /// Name of a connection, as `podman system connection list` has it.
    connection: String,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Group {
    /// Its machine; the only one where it is not written.
    machine: Option<String>,
    /// Address of its container. Left out, it is the first of its machine's subnet, from the tenth on, that no group before it and none
    /// that is written has.
    address: Option<String>,
    /// Id of its user, with `per_group: true`; otherwise its place in the file behind that of `images: user:`.
    #[schemars(range(min = 1, max = 4_000_000_000_u32))]
    uid: Option<u32>,
    /// The user that its container runs as, in the place of that of `images:`: `root`, or a number.
    user: Option<Scalar>,
    /// Phase of `smoke` in which it is checked; 2 on the first machine and 4 on others, where it is not written.
    #[schemars(range(min = 2, max = 4))]
    phase: Option<u8>,
    /// Port of the host for its status endpoint, where containers cannot be reached; the first free one from 19101 on where it is not
    /// written.
    #[schemars(range(min = 1))]
    published_status_port: Option<u16>,
    /// Its agents, by the names of the startup config; those that the startup config has in a group of this name, where it is not
    /// written.
    agents: Option<Vec<String>>,
    /// Name of its rendered config.
    config_file: Option<String>,
    /// Its requirements file, in the tree.
    requirements: Option<String>,
    /// Debian packages of its image.
    packages: Option<Vec<String>>,
    /// Debian packages that only the build of its requirements needs.
    build_packages: Option<Vec<String>>,
    /// Modules that must be importable in its image.
    required_modules: Option<Vec<String>>,
    /// Data that its image, or a volume, has to hold besides code, by name.
    assets: Option<BTreeMap<String, Asset>>,
    /// What differs where it is built for other hosts, by the name of each variant: `cpu`, `gpu`. One image for each that is used.
    variants: Option<BTreeMap<String, Option<Variant>>>,
    /// The variant that holds. Where it is not written: for what is built and started here, the first whose devices this host has; for all
    /// else, `cpu`, or the first without devices.
    variant: Option<String>,
    /// Distributions that an index has without a wheel, each with what it needs, as in `langdetect: [six]`: they are built inside the image,
    /// and nothing of them runs while they are locked.
    without_wheels: Option<BTreeMap<String, Vec<String>>>,
    /// How its agents are started.
    start: Option<Start>,
    /// Which of `--port`, `--health_check_port` and `--name` its agents are given.
    flags: Option<Flags>,
    /// Patterns of further files that its image holds.
    include: Option<Vec<String>>,
    /// How much of the tree its image holds.
    contents: Option<Contents>,
    /// Environment of its container.
    environment: Option<BTreeMap<String, Scalar>>,
    /// Agents that are published on the host's loopback; where it is not written, all whose port no other group has there.
    published: Option<Vec<String>>,
    /// Ports of the host that lead to its container: `8080:5570`, on the host's loopback, or with an address in front,
    /// `0.0.0.0:8080:5570`; `5570` alone is the same on both sides.
    publish: Option<Vec<Scalar>>,
    /// Agents that it talks to without depending on them.
    reaches: Option<Vec<String>>,
    #[schemars(flatten)]
    runtime: Runtime,
    /// What is different for single agents, by name.
    overrides: Option<BTreeMap<String, Override>>,
}

/// Data that an image, or a volume, has to hold. It comes from one of `url`, `from`, `package` and `command`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("oneOf" = sources_of_assets()))]
struct Asset {
    /// Where it belongs in containers: the absolute path of the file or folder itself. What lies below a volume is copied there when a
    /// container starts.
    to: String,
    /// Address of a file that is downloaded once.
    url: Option<String>,
    /// SHA-256 of that file.
    #[schemars(regex(pattern = "^[0-9a-fA-F]{64}$"))]
    sha256: Option<String>,
    /// A file or folder of the host: below the folder that holds the stack, or absolute.
    from: Option<String>,
    /// Module of the image whose folder holds it.
    package: Option<String>,
    /// Path below that folder; all of it where it is not written.
    path: Option<String>,
    /// Words of a command of the image's build that makes it; `{to}` in them is the place where it is wanted.
    #[schemars(extend("contains" = serde_json::json!({ "pattern": "\\{to\\}" })))]
    command: Option<Vec<String>>,
    /// Hosts that the command needs; where no asset of the group names any, it has no network.
    hosts: Option<Vec<String>>,
}

/// What differs with a variant of a group. Lists add to the group's, all else goes before it.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Variant {
    /// Its requirements file, in the tree; the group's where it is not written.
    requirements: Option<String>,
    /// Further Debian packages of its image.
    packages: Option<Vec<String>>,
    /// Further Debian packages that only the build of its requirements needs.
    build_packages: Option<Vec<String>>,
    /// Further modules that must be importable in its image.
    required_modules: Option<Vec<String>>,
    /// Further data that its image, or a volume, has to hold.
    assets: Option<BTreeMap<String, Asset>>,
    /// A package index that is asked besides the host's, and before it.
    index: Option<String>,
    /// Further distributions without a wheel, each with what it needs.
    without_wheels: Option<BTreeMap<String, Vec<String>>>,
    /// Environment of its container, over the group's.
    environment: Option<BTreeMap<String, Scalar>>,
    /// Folders and files of the host.
    mounts: Option<Vec<String>>,
    /// Devices of the host, as in `nvidia.com/gpu=all`: a host that has all of them runs this variant, unless something else is chosen.
    devices: Option<Vec<Device>>,
    /// Further names of hosts, with their addresses.
    extra_hosts: Option<BTreeMap<String, String>>,
    /// Size of `/dev/shm`, as in `512m`.
    shm_size: Option<Scalar>,
    /// Size of `/tmp`, as in `1g`.
    tmp_size: Option<Scalar>,
    /// Addresses of name servers that are asked in the place of the network's own.
    dns: Option<Vec<String>>,
    /// Limits of each process, as in `{nofile: 65536}`, `{nofile: "1024:65536"}` or `{nofile: {soft: 1024, hard: 65536}}`; `-1` is none.
    ulimits: Option<BTreeMap<String, UlimitValue>>,
    /// Capabilities of the kernel that its container keeps, as in `SYS_NICE`; it has none otherwise.
    capabilities: Option<Vec<String>>,
    /// Sockets of a user of the host, for sound: `pulseaudio`, `pipewire`, or of another user than 1000, `pipewire:1001`.
    sockets: Option<Vec<String>>,
    /// Ports of the host that agents find on the container's loopback: `5432`, or `"6379:16379"` with the host's behind.
    host_services: Option<Vec<Scalar>>,
    /// Memory of its container, as in `2g`.
    memory: Option<Scalar>,
    /// Processors that its container may keep busy, as in `1.5`.
    #[schemars(range(min = 0.01, max = 4096))]
    cpus: Option<f64>,
    /// Processes and threads of its container.
    #[schemars(range(min = 1, max = 4_194_304))]
    processes: Option<u32>,
    /// Whether the group is unhealthy where its start-up check finds no GPU; otherwise it is degraded, and its agents run on the CPU.
    requires_gpu: Option<bool>,
}

/// A further port.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum FurtherPort {
    /// All of it.
    Described(DescribedPort),
    /// The port, and the one that the agent binds.
    Led(String),
    /// A port that the agent binds.
    Bound(u16),
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct DescribedPort {
    /// Its number for others.
    #[schemars(range(min = 1))]
    port: u16,
    /// The port that the agent binds, where it is another: the supervisor leads there.
    #[schemars(range(min = 1))]
    target: Option<u16>,
    /// Whether it is published on the host's loopback.
    publish: Option<bool>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Override {
    /// How options are written.
    argument_style: Option<ArgumentStyle>,
    /// How it is started.
    start: Option<Start>,
    /// Which of `--port`, `--health_check_port` and `--name` it is given.
    flags: Option<Flags>,
    /// Whether the group is healthy only with it.
    required: Option<bool>,
    /// Its health port.
    #[schemars(range(min = 1))]
    health_check_port: Option<u16>,
    #[schemars(flatten)]
    runtime: Runtime,
    /// Environment of the agent alone, over its group's.
    environment: Option<BTreeMap<String, Scalar>>,
    /// Ports of the agent besides: `7121`, one that it binds; `"7120:5555"`, one where others look for it, and the one that it binds.
    ports: Option<Vec<FurtherPort>>,
    /// Ports of the host that lead to its container, besides those of its group.
    publish: Option<Vec<Scalar>>,
    /// Options over those of the startup config.
    params: Option<BTreeMap<String, Scalar>>,
}

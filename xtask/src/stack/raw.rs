//! `config/stack.yaml` as written: typed, with places, nothing resolved.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use contract::group_config::{ArgumentStyle, Disclosure, Start};
use contract::own_flags::OwnFlags;
use pysrc::PythonVersion;

use super::assets::{self, Asset};
use super::audit::{AuditSettings, RuleLevel, RuleSetting};
use super::defaults;
use super::environment;
use super::further_ports::{self, FurtherPort};
use super::model::{ContentsSetting, Images, Subnet, Volume};
use super::publish::{self, Publish};
use super::read::{Fields, Reader, plain};
use super::rights;
use super::runtime::RuntimeSettings;
use super::selection;
use super::spans::{At, Source};
use super::stand_ins::{self, StandIn};
use super::supervision::{Settings, argument_style, flags, start};
use super::variants::{self, RawVariant};
use super::volumes;
use super::yaml::{self, Node};
use crate::finding::{Finding, Place, Severity, Subject};

/// The only format version.
const VERSION: u64 = 1;

/// Name of a stack that has none.
const NAME: &str = "ai_system";

/// What a base made of Debian packages needs, where the stack lists no packages.
const DEBIAN_PACKAGES: [&str; 3] = ["python3", "python3-pip", "ca-certificates"];

/// Files that no image needs, where the stack has no `images.exclude`.
const EXCLUDED: [&str; 2] = ["**/__pycache__/**", "**/.git/**"];

/// The first two machines' LAN addresses are this and the next, where they are not written.
const FIRST_LAN_ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 101);

/// The file.
#[derive(Debug, Clone)]
pub struct RawStack {
    /// Its path, as findings name it.
    pub path: String,
    /// `name`.
    pub name: String,
    /// `source_tree`; nothing where it is wrong. `.`, the stack's own folder, where it is not written.
    pub source_tree: Option<At<String>>,
    /// `leave_out`: agents, some with their machine in front.
    pub leave_out: Vec<At<String>>,
    /// `variables`: what fills in `${NAME}` in startup configs.
    pub variables: BTreeMap<String, String>,
    /// `python.version`.
    pub python_version: PythonVersion,
    /// `images`.
    pub images: Images,
    /// `images.user.shared`, with where each folder stands.
    pub shared: Vec<At<String>>,
    /// `images.include`, with where each pattern stands.
    pub include: Vec<At<String>>,
    /// `audit`.
    pub audit: AuditSettings,
    /// `images.requirements`, with `{group}`; nothing where it is not written.
    pub requirements: Option<String>,
    /// `volumes`; nothing where it is not written.
    pub volumes: Option<Vec<Volume>>,
    /// `status_port`.
    pub status_port: u16,
    /// `status_disclosure`.
    pub disclosure: Disclosure,
    /// `start`.
    pub start: Start,
    /// `preload_skip`.
    pub preload_skip: Vec<String>,
    /// `variant`: of every group that has one of that name.
    pub variant: Option<At<String>>,
    /// `supervision`.
    pub supervision: Settings,
    /// How all agents run.
    pub runtime: RuntimeSettings,
    /// `machines`.
    pub machines: Vec<RawMachine>,
    /// `fallbacks`: what stands in for each name.
    pub fallbacks: BTreeMap<String, At<String>>,
    /// Those of them that are started.
    pub stand_ins: Vec<StandIn>,
    /// Names of those that became agents of a group.
    pub started: BTreeSet<String>,
    /// `groups`.
    pub groups: Vec<RawGroup>,
    /// Whether `groups` is written, right or wrong.
    pub groups_written: bool,
    /// Names of machines that are there but cannot be used.
    pub broken_machines: Vec<String>,
    /// Whether everything that a stack needs is there.
    pub complete: bool,
}

/// A machine.
#[derive(Debug, Clone)]
pub struct RawMachine {
    /// Its key.
    pub name: At<String>,
    /// `startup_config`.
    pub startup_config: At<String>,
    /// `code`.
    pub code: Vec<At<String>>,
    /// `python_path`.
    pub python_path: Vec<At<String>>,
    /// `lan_address`.
    pub lan_address: At<Ipv4Addr>,
    /// `address_variable`.
    pub address_variable: String,
    /// `network.name`.
    pub network: At<String>,
    /// `network.subnet`.
    pub subnet: At<Subnet>,
    /// `health_port_offset`; 0 until [`super::defaults`] has chosen one, where it is not written.
    pub health_port_offset: u16,
    /// `environment`.
    pub environment: BTreeMap<String, String>,
    /// `path_aliases`.
    pub path_aliases: BTreeMap<String, At<String>>,
    /// `podman.connection`.
    pub connection: Option<At<String>>,
    /// How its agents run.
    pub runtime: RuntimeSettings,
}

/// A group.
#[derive(Debug, Clone)]
pub struct RawGroup {
    /// Its key.
    pub name: At<String>,
    /// `machine`.
    pub machine: At<String>,
    /// `address`; none where one is chosen.
    pub address: Option<At<Ipv4Addr>>,
    /// `uid`.
    pub uid: Option<At<u64>>,
    /// `user`.
    pub user: Option<At<u32>>,
    /// `phase`.
    pub phase: u8,
    /// `published_status_port`; 0 until [`super::defaults`] has chosen one, where it is not written.
    pub published_status_port: At<u16>,
    /// `agents`; empty until [`super::defaults`] has looked for them, where it is not written.
    pub agents: Vec<At<String>>,
    /// Whether `agents` is written.
    pub agents_written: bool,
    /// `config_file`.
    pub config_file: Option<At<String>>,
    /// `requirements`.
    pub requirements: Option<At<String>>,
    /// `packages`.
    pub packages: Vec<String>,
    /// `build_packages`.
    pub build_packages: Vec<String>,
    /// `required_modules`.
    pub required_modules: Vec<String>,
    /// `assets`.
    pub assets: Vec<At<Asset>>,
    /// `variants`.
    pub variants: Vec<RawVariant>,
    /// `variant`.
    pub variant: Option<At<String>>,
    /// `without_wheels`.
    pub without_wheels: BTreeMap<String, Vec<String>>,
    /// `flags`.
    pub flags: Option<OwnFlags>,
    /// `start`.
    pub start: Option<Start>,
    /// `include`.
    pub include: Vec<At<String>>,
    /// `contents`.
    pub contents: Option<ContentsSetting>,
    /// `environment`.
    pub environment: BTreeMap<String, String>,
    /// `published`; all agents where it is not written.
    pub published: Option<Vec<At<String>>>,
    /// `publish`.
    pub publish: Vec<At<Publish>>,
    /// `reaches`.
    pub reaches: Vec<At<String>>,
    /// How its agents run.
    pub runtime: RuntimeSettings,
    /// `overrides`.
    pub overrides: Vec<Override>,
}

impl RawGroup {
    /// `publish` of the group and of its overrides.
    pub fn all_published(&self) -> impl Iterator<Item = &At<Publish>> {
        let overrides = self.overrides.iter().flat_map(|change| &change.publish);
        self.publish.iter().chain(overrides)
    }

    /// A group of which the stack writes nothing.
    #[must_use]
    pub fn of(name: At<String>, machine: At<String>, agents: Vec<At<String>>, phase: u8) -> Self {
        Self {
            published_status_port: At {
                value: 0,
                place: name.place.clone(),
            },
            name,
            machine,
            address: None,
            uid: None,
            user: None,
            phase,
            agents,
            agents_written: true,
            config_file: None,
            requirements: None,
            packages: Vec::new(),
            build_packages: Vec::new(),
            required_modules: Vec::new(),
            assets: Vec::new(),
            variants: Vec::new(),
            variant: None,
            without_wheels: BTreeMap::new(),
            start: None,
            flags: None,
            include: Vec::new(),
            contents: None,
            environment: BTreeMap::new(),
            published: None,
            publish: Vec::new(),
            reaches: Vec::new(),
            runtime: RuntimeSettings::default(),
            overrides: Vec::new(),
        }
    }
}

/// What the stack changes of one agent.
#[derive(Debug, Clone)]
pub struct Override {
    /// Name of the agent.
    pub agent: At<String>,
    /// `argument_style`.
    pub argument_style: Option<ArgumentStyle>,
    /// `flags`.
    pub flags: Option<OwnFlags>,
    /// `start`.
    pub start: Option<Start>,
    /// `required`.
    pub required: Option<bool>,
    /// `health_check_port`.
    pub health_check_port: Option<At<u16>>,
    /// `params`, over the startup config's.
    pub params: BTreeMap<String, String>,
    /// `environment`.
    pub environment: BTreeMap<String, String>,
    /// `ports`.
    pub ports: Vec<At<FurtherPort>>,
    /// `publish`.
    pub publish: Vec<At<Publish>>,
    /// How it runs.
    pub runtime: RuntimeSettings,
}

/// Reads `stack.yaml`.
#[must_use]
pub fn read(source: &Source) -> (Option<RawStack>, Vec<Finding>) {
    let (root, mut findings) = yaml::parse(source);
    let Some(root) = root else {
        if findings.is_empty() {
            let message = format!("`{}` is empty", source.path);
            let place = Place::file(&source.path);
            findings.push(Finding::error("stack/missing-key", place, message));
        }
        return (None, findings);
    };
    let mut reader = Reader::new(source);
    let stack = stack(&mut reader, &root);
    findings.append(&mut reader.findings);
    (stack, findings)
}

fn stack<'a>(reader: &mut Reader<'a>, root: &'a Node) -> Option<RawStack> {
    let place = reader.place(root.span);
    let mut top = reader.fields(root, "the stack", place)?;
    let start_of_file = top.place.clone();
    let written = |value: &str| At {
        value: value.to_owned(),
        place: start_of_file.clone(),
    };
    let version = match top.get("version") {
        Some(node) => reader.integer(node, "`version`", VERSION, VERSION).map(|at| at.value),
        None => Some(VERSION),
    };
    let name = match top.get("name") {
        Some(node) => reader.name(node, "the stack"),
        None => Some(written(NAME)),
    };
    let source_tree = match top.get("source_tree") {
        Some(node) => reader.text(node, "`source_tree`"),
        None => Some(written(".")),
    };
    let leave_out = top
        .get("leave_out")
        .map(|node| reader.texts(node, "`leave_out`"))
        .unwrap_or_default();
    let variables = filled_in(reader, &mut top);
    let python_version = python(reader, &mut top);
    let known_name = name.as_ref().map_or(NAME, |name| &name.value).to_owned();
    let images = {
        let node = top.get("images");
        images(reader, node, &known_name, python_version.unwrap_or_default())
    };
    let volumes = top.get("volumes").map(|node| volumes::read(reader, node));
    let status_port = match top.get("status_port") {
        Some(node) => reader.port(node, "`status_port`").map(|at| at.value),
        None => Some(9000),
    };
    let disclosure = top
        .get("status_disclosure")
        .and_then(|node| disclosure(reader, node))
        .unwrap_or_default();
    let audit = audit(reader, &mut top);
    let start = top.get("start").and_then(|node| start(reader, node));
    let preload_skip = texts(reader, &mut top, "preload_skip");
    let variant = top.get("variant").and_then(|node| reader.text(node, "`variant`"));
    let supervision = top.get("supervision").and_then(|node| supervision(reader, node));
    let runtime = RuntimeSettings::read(reader, &mut top);
    let (machines, broken_machines) = machines(reader, &mut top, &known_name);
    let mut complete = broken_machines.is_empty();
    let connections = machines
        .iter()
        .filter_map(|machine| Some((machine.name.value.as_str(), machine.connection.as_ref()?)));
    volumes::on_other_hosts(reader, volumes.as_deref(), connections);
    let (fallbacks, stand_ins) = top
        .get("fallbacks")
        .map(|node| stand_ins::read(reader, node))
        .unwrap_or_default();
    let written_groups = top.get("groups");
    let (groups, groups_complete) = groups(reader, &mut top, written_groups, &machines);
    complete &= groups_complete;
    reader.finish(top, Severity::Error);
    let RawImages {
        images,
        requirements,
        include,
        shared,
    } = images?;
    Some(RawStack {
        path: reader.source.path.clone(),
        complete: complete
            && version.is_some()
            && python_version.is_some()
            && !machines.is_empty()
            && (!groups.is_empty() || (written_groups.is_none() && machines.len() == 1)),
        name: name?.value,
        source_tree,
        leave_out,
        variables,
        python_version: python_version.unwrap_or_default(),
        images,
        shared,
        include,
        audit,
        requirements,
        volumes,
        status_port: status_port?,
        disclosure,
        start: start.unwrap_or_default(),
        preload_skip,
        variant,
        supervision: supervision.unwrap_or_default(),
        runtime,
        machines,
        fallbacks,
        stand_ins,
        started: BTreeSet::new(),
        groups,
        groups_written: written_groups.is_some(),
        broken_machines,
    })
}

/// `variables`: what fills in `${NAME}` in startup configs.
fn filled_in<'a>(reader: &mut Reader<'a>, top: &mut Fields<'a>) -> BTreeMap<String, String> {
    let node = top.get("variables");
    let variables = node.map(|node| environment::table(reader, node, "`variables`"));
    let variables = variables.unwrap_or_default().into_iter();
    variables.map(|(name, at)| (name, at.value)).collect()
}

fn supervision<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Settings> {
    let place = reader.place(node.span);
    let mut fields = reader.fields(node, "`supervision`", place)?;
    let settings = Settings::all(reader, &mut fields);
    reader.finish(fields, Severity::Error);
    Some(settings)
}

/// The machines, and the names of those that are not right.
fn machines<'a>(reader: &mut Reader<'a>, top: &mut Fields<'a>, stack: &str) -> (Vec<RawMachine>, Vec<String>) {
    let (mut machines, mut broken) = (Vec::new(), Vec::new());
    let written = reader.required(top, "machines");
    for (index, (name, node)) in named(reader, written, "machines").into_iter().enumerate() {
        let before = reader.findings.len();
        let machine = machine(reader, stack, index, &name, node);
        reader.mark(before, &Subject::machine(&name.value));
        match machine {
            Some(machine) => machines.push(machine),
            None => broken.push(name.value),
        }
    }
    (machines, broken)
}

/// The groups, and whether all of them are right.
fn groups<'a>(
    reader: &mut Reader<'a>,
    top: &mut Fields<'a>,
    written: Option<&'a Node>,
    machines: &[RawMachine],
) -> (Vec<RawGroup>, bool) {
    if written.is_none() && machines.len() > 1 {
        // With several machines, nothing says how their agents are to be split.
        reader.required(top, "groups");
    }
    let (mut groups, mut complete) = (Vec::new(), true);
    for (name, node) in named(reader, written, "groups") {
        let before = reader.findings.len();
        let group = group(reader, machines, &name, node);
        reader.mark(before, &Subject::group(&name.value));
        complete &= group.is_some();
        groups.extend(group);
    }
    (groups, complete)
}

/// The entries of a mapping whose keys are names, where it is there.
fn named<'a>(reader: &mut Reader<'a>, node: Option<&'a Node>, key: &'static str) -> Vec<(At<String>, &'a Node)> {
    let Some(node) = node else {
        return Vec::new();
    };
    let place = reader.place(node.span);
    let Some(fields) = reader.fields(node, &format!("`{key}`"), place) else {
        return Vec::new();
    };
    let what = format!("a {}", key.trim_end_matches('s'));
    if fields.entries().is_empty() {
        let place = reader.place(node.span);
        reader.findings.push(
            Finding::error("stack/missing-key", place, format!("`{key}` is empty"))
                .about(Subject::Key(key.to_owned()))
                .with_help(format!("write {what} below it")),
        );
    }
    fields
        .entries()
        .iter()
        .map(|entry| {
            let place = reader.place(entry.key_span);
            reader.check_name(&entry.key, &place, &what);
            let value = entry.key.clone();
            (At { value, place }, &entry.value)
        })
        .collect()
}

/// `audit`: files that the audit leaves out, and how bad what its rules find is.
fn audit<'a>(reader: &mut Reader<'a>, top: &mut Fields<'a>) -> AuditSettings {
    let mut settings = AuditSettings::default();
    let Some(node) = top.get("audit") else {
        return settings;
    };
    let place = reader.place(node.span);
    let Some(mut fields) = reader.fields(node, "`audit`", place) else {
        return settings;
    };
    settings.exclude = texts(reader, &mut fields, "exclude");
    if let Some(node) = fields.get("rules") {
        settings.rules = levels(reader, node);
    }
    reader.finish(fields, Severity::Error);
    settings
}

/// `audit.rules`: a level for each rule that is named. Which rules there are is for the audit to say.
fn levels<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Vec<RuleSetting> {
    let place = reader.place(node.span);
    let Some(fields) = reader.fields(node, "`rules`", place) else {
        return Vec::new();
    };
    let mut settings = Vec::new();
    for entry in fields.entries() {
        let before = reader.findings.len();
        // Whatever YAML takes `off` for.
        let written = reader.scalar(&entry.value, &format!("the level of `{}`", entry.key));
        if let Some(written) = written {
            match RuleLevel::named(&written.value) {
                Some(level) => settings.push(RuleSetting {
                    rule: At {
                        value: entry.key.clone(),
                        place: reader.place(entry.key_span),
                    },
                    level,
                }),
                None => reader.bad_value(
                    written.place,
                    format!("`{}` is not a valid level of a rule", written.value),
                    "write `off`, `note`, `warning` or `error`",
                ),
            }
        }
        reader.mark(before, &Subject::Rule(entry.key.clone()));
    }
    settings
}

fn python<'a>(reader: &mut Reader<'a>, top: &mut Fields<'a>) -> Option<PythonVersion> {
    let Some(node) = top.get("python") else {
        return Some(PythonVersion::USUAL);
    };
    let place = reader.place(node.span);
    let mut fields = reader.fields(node, "`python`", place)?;
    let version = fields
        .get("version")
        .map(|node| reader.scalar(node, "`python.version`"));
    reader.finish(fields, Severity::Error);
    let Some(version) = version else {
        return Some(PythonVersion::USUAL);
    };
    let version = version?;
    // As it is shown is as it must be written: two numbers, without zeros in front of them.
    let known = PythonVersion::parse(&version.value).filter(|known| known.major == 3);
    if known.is_some_and(|known| known.to_string() == version.value) {
        return known;
    }
    let message = format!("`python.version` cannot be `{}`", version.value);
    reader.bad_value(
        version.place,
        message,
        "write the two parts of a Python 3 in quotes, as in `\"3.11\"`",
    );
    None
}

/// `images`: what the model has of it, and what is looked at further with where it stands.
struct RawImages {
    images: Images,
    requirements: Option<String>,
    include: Vec<At<String>>,
    shared: Vec<At<String>>,
}

fn images<'a>(
    reader: &mut Reader<'a>,
    node: Option<&'a Node>,
    stack: &str,
    python_version: PythonVersion,
) -> Option<RawImages> {
    let mut fields = match node {
        Some(node) => {
            let place = reader.place(node.span);
            reader.fields(node, "`images`", place)?
        }
        None => Fields::none("`images`", Place::file(&reader.source.path)),
    };
    let absent = |value: String| {
        Some(At {
            value,
            place: Place::file(&reader.source.path),
        })
    };
    let (default_namespace, default_base) = (
        absent(format!("localhost/{}", stack.to_lowercase())),
        absent(format!("docker.io/library/python:{python_version}-slim")),
    );
    let namespace = match fields.get("namespace") {
        Some(node) => reader.word(node, "`images.namespace`"),
        None => default_namespace,
    };
    if let Some(namespace) = &namespace {
        let host = namespace.value.split('/').next().unwrap_or_default();
        if !namespace.value.contains('/') || !(host == "localhost" || host.contains(['.', ':'])) {
            let message = format!("`{}` names no registry", namespace.value);
            reader.bad_value(
                namespace.place.clone(),
                message,
                "write it in full, as in `localhost/ai_system`: Podman does not resolve short names",
            );
        }
    }
    let tag = optional_word(reader, &mut fields, "tag", "latest");
    let base_image = match fields.get("base_image") {
        Some(node) => reader.word(node, "`images.base_image`"),
        None => default_base,
    };
    if let Some(image) = &base_image {
        check_image_digest(reader, image);
    }
    let (mut suite, mut debian_packages) = ("bookworm".to_owned(), DEBIAN_PACKAGES.map(str::to_owned).to_vec());
    if let Some(node) = fields.get("debian") {
        let place = reader.place(node.span);
        if let Some(mut debian) = reader.fields(node, "`images.debian`", place) {
            suite = optional_word(reader, &mut debian, "suite", "bookworm");
            if let Some(node) = debian.get("packages") {
                debian_packages = package_names(reader, node, "packages");
            }
            reader.finish(debian, Severity::Error);
        }
    }
    let packages = packages(reader, &mut fields, "packages");
    let required_modules = texts(reader, &mut fields, "required_modules");
    let user = user(reader, &mut fields);
    let requirements = fields
        .get("requirements")
        .and_then(|node| reader.path(node, "`images.requirements`"))
        .map(|at| at.value);
    let exclude = match fields.get("exclude") {
        Some(_) => plain(&patterns(reader, &mut fields, "exclude")),
        None => EXCLUDED.map(str::to_owned).to_vec(),
    };
    let include = patterns(reader, &mut fields, "include");
    let contents = contents(reader, &mut fields);
    reader.finish(fields, Severity::Error);
    let images = Images {
        namespace: namespace?.value,
        tag,
        base_image: base_image?.value,
        debian_suite: suite,
        debian_packages,
        packages,
        required_modules,
        user: user.name,
        uid: user.uid,
        per_group: user.per_group,
        shared: plain(&user.shared),
        exclude,
        include: plain(&include),
        contents,
    };
    Some(RawImages {
        images,
        requirements,
        include,
        shared: user.shared,
    })
}

/// Says where an image is named by a digest that is none.
fn check_image_digest(reader: &mut Reader<'_>, image: &At<String>) {
    let Some((_, digest)) = image.value.split_once('@') else {
        return;
    };
    let hexadecimal = digest.strip_prefix("sha256:").unwrap_or_default();
    let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if hexadecimal.len() != 64 || !hexadecimal.bytes().all(is_digit) {
        reader.bad_value(
            image.place.clone(),
            format!("`{digest}` is not a valid digest of an image"),
            "write `@sha256:` and 64 hexadecimal digits, or no `@`",
        );
    }
}

/// `images.user`.
struct RawUser {
    name: String,
    uid: u32,
    per_group: bool,
    shared: Vec<At<String>>,
}

fn user<'a>(reader: &mut Reader<'a>, fields: &mut Fields<'a>) -> RawUser {
    let mut user = RawUser {
        name: "agent".to_owned(),
        uid: 10001,
        per_group: false,
        shared: Vec::new(),
    };
    let Some(node) = fields.get("user") else {
        return user;
    };
    let place = reader.place(node.span);
    if let Some(mut fields) = reader.fields(node, "`images.user`", place) {
        if let Some(name) = fields.get("name").and_then(|n| reader.name(n, "the user")) {
            user.name = name.value;
        }
        let uid = fields
            .get("uid")
            .and_then(|node| reader.integer(node, "`images.user.uid`", 1, 4_000_000_000));
        if let Some(uid) = uid.and_then(|at| u32::try_from(at.value).ok()) {
            user.uid = uid;
        }
        if let Some(own) = fields
            .get("per_group")
            .and_then(|node| reader.boolean(node, "`images.user.per_group`"))
        {
            user.per_group = own;
        }
        if let Some(node) = fields.get("shared") {
            user.shared = reader.texts(node, "`images.user.shared`");
        }
        reader.finish(fields, Severity::Error);
    }
    user
}

fn disclosure<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Disclosure> {
    let text = reader.text(node, "`status_disclosure`")?;
    match text.value.as_str() {
        "masked" => Some(Disclosure::Masked),
        "full" => Some(Disclosure::Full),
        "states" => Some(Disclosure::States),
        other => {
            let message = format!("`{other}` is not a valid `status_disclosure`");
            reader.bad_value(text.place, message, "write `masked`, `full` or `states`");
            None
        }
    }
}

fn machine<'a>(
    reader: &mut Reader<'a>,
    stack: &str,
    index: usize,
    name: &At<String>,
    node: &'a Node,
) -> Option<RawMachine> {
    let absent = |value: String| At {
        value,
        place: name.place.clone(),
    };
    let what = format!("machine `{}`", name.value);
    let mut fields = reader.fields(node, &what, name.place.clone())?;
    let startup_config = reader
        .required(&mut fields, "startup_config")
        .and_then(|node| reader.path(node, "`startup_config`"));
    let code = match fields.get("code") {
        Some(node) => paths(reader, node, "`code`"),
        // Machines import each other's code: an image holds what its agents reach, wherever in the tree that is.
        None => vec![absent(".".to_owned())],
    };
    let python_path = match fields.get("python_path") {
        Some(node) => paths(reader, node, "`python_path`"),
        None => defaults::python_path(startup_config.as_ref().map_or("", |path| &path.value))
            .into_iter()
            .map(absent)
            .collect(),
    };
    let lan_address = match fields.get("lan_address") {
        Some(node) => reader.address(node, "`lan_address`"),
        None => Some(At {
            value: defaults::lan_address(FIRST_LAN_ADDRESS, index),
            place: name.place.clone(),
        }),
    };
    let address_variable = match fields.get("address_variable") {
        Some(node) => variable(reader, node),
        None => Some(defaults::address_variable(&name.value)),
    };
    let network = {
        let node = fields.get("network");
        network(reader, node, absent(format!("{stack}_{}", name.value)))
    };
    let offset = match fields.get("health_port_offset") {
        Some(node) => reader
            .integer(node, "`health_port_offset`", 1, 60_000)
            .and_then(|at| u16::try_from(at.value).ok()),
        None => Some(0),
    };
    let environment = variables(reader, &mut fields);
    let path_aliases = fields
        .get("path_aliases")
        .map(|node| aliases(reader, node))
        .unwrap_or_default();
    let connection = fields.get("podman").and_then(|node| connection(reader, node));
    let runtime = RuntimeSettings::read(reader, &mut fields);
    reader.finish(fields, Severity::Error);
    let (network, subnet) = network?;
    Some(RawMachine {
        name: name.clone(),
        startup_config: startup_config?,
        code,
        python_path,
        lan_address: lan_address?,
        address_variable: address_variable?,
        network,
        subnet,
        health_port_offset: offset?,
        environment,
        path_aliases,
        connection,
        runtime,
    })
}

/// `podman: {connection: NAME}`: the machine is another host, and Podman here has a connection to its Podman.
fn connection<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<At<String>> {
    let place = reader.place(node.span);
    let mut fields = reader.fields(node, "`podman`", place)?;
    let name = reader
        .required(&mut fields, "connection")
        .and_then(|node| reader.text(node, "`connection`"));
    reader.finish(fields, Severity::Error);
    let name = name?;
    if name.value.starts_with('-') || name.value.contains(char::is_whitespace) {
        let message = format!("`{}` is not a valid name of a connection", name.value);
        let help =
            "`podman system connection list` shows those that there are; `podman system connection add` makes one";
        reader.bad_value(name.place, message, help);
        return None;
    }
    Some(name)
}

fn variable(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let text = reader.text(node, "`address_variable`")?;
    let good = |c: char| c.is_ascii_uppercase() || c == '_' || c.is_ascii_digit();
    if !text.value.starts_with(|c: char| c.is_ascii_digit()) && text.value.chars().all(good) {
        return Some(text.value);
    }
    let message = format!("`{}` is not a valid name of an environment variable", text.value);
    reader.bad_value(text.place, message, "use capitals, digits and `_`, as in `PC2_IP`");
    None
}

fn network<'a>(
    reader: &mut Reader<'a>,
    node: Option<&'a Node>,
    default_name: At<String>,
) -> Option<(At<String>, At<Subnet>)> {
    let mut fields = match node {
        Some(node) => {
            let place = reader.place(node.span);
            reader.fields(node, "`network`", place)?
        }
        None => Fields::none("`network`", default_name.place.clone()),
    };
    let name = match fields.get("name") {
        Some(node) => reader.name(node, "a network"),
        None => Some(default_name),
    };
    let written = fields.get("subnet").map(|node| subnet(reader, node));
    reader.finish(fields, Severity::Error);
    let name = name?;
    let subnet = match written {
        Some(written) => written?,
        None => At {
            value: super::subnet::default_for(&name.value),
            place: name.place.clone(),
        },
    };
    Some((name, subnet))
}

fn subnet(reader: &mut Reader<'_>, node: &Node) -> Option<At<Subnet>> {
    let text = reader.scalar(node, "`subnet`")?;
    let parsed = text.value.split_once('/').and_then(|(address, prefix)| {
        let subnet = Subnet {
            address: address.parse().ok()?,
            prefix: prefix.parse().ok()?,
        };
        (8..=30).contains(&subnet.prefix).then_some(subnet)
    });
    let Some(subnet) = parsed else {
        let message = format!("`{}` is not a valid subnet", text.value);
        reader.bad_value(
            text.place,
            message,
            "write an IPv4 network with a prefix from 8 to 30, as in `172.20.0.0/16`",
        );
        return None;
    };
    if subnet.network() != subnet.address {
        let message = format!("`{}` is an address inside a subnet, not the subnet", text.value);
        let help = format!("write `{}/{}`", subnet.network(), subnet.prefix);
        reader.bad_value(text.place, message, &help);
        return None;
    }
    Some(At {
        value: subnet,
        place: text.place,
    })
}

fn aliases<'a>(reader: &mut Reader<'a>, node: &'a Node) -> BTreeMap<String, At<String>> {
    let table = reader.table(node, "`path_aliases`");
    table
        .into_iter()
        .filter_map(|(alias, target)| {
            let leads_out = |path: &str| path.is_empty() || path.starts_with('/') || path.split('/').any(|p| p == "..");
            if leads_out(&alias) || leads_out(&target.value) {
                let message = format!("alias `{alias}: {}` leads out of the tree", target.value);
                reader.bad_value(target.place, message, "both sides are relative to the tree");
                return None;
            }
            Some((super::tree::normal(&alias), target))
        })
        .collect()
}

/// The machine of a group; of several it has to say which.
fn machine_of_group<'a>(
    reader: &mut Reader<'a>,
    machines: &[RawMachine],
    name: &At<String>,
    fields: &mut Fields<'a>,
) -> Option<At<String>> {
    match (fields.get("machine"), machines) {
        (None, [only]) => Some(At {
            value: only.name.value.clone(),
            place: name.place.clone(),
        }),
        (None, _) => reader
            .required(fields, "machine")
            .and_then(|node| reader.text(node, "`machine`")),
        (Some(node), _) => reader.text(node, "`machine`"),
    }
}

fn group<'a>(reader: &mut Reader<'a>, machines: &[RawMachine], name: &At<String>, node: &'a Node) -> Option<RawGroup> {
    let what = format!("group `{}`", name.value);
    let mut fields = if node.is_null() {
        Fields::none(&what, name.place.clone())
    } else {
        reader.fields(node, &what, name.place.clone())?
    };
    let machine = machine_of_group(reader, machines, name, &mut fields);
    // One that is written and wrong is not one that is left out.
    let address = match fields.get("address") {
        Some(node) => reader.address(node, "`address`").map(Some),
        None => Some(None),
    };
    let uid = fields
        .get("uid")
        .and_then(|node| reader.integer(node, "`uid`", 1, 4_000_000_000));
    let user = rights::user(reader, &mut fields);
    let phase = match fields.get("phase") {
        Some(node) => reader
            .integer(node, "`phase`", 2, 4)
            .and_then(|at| u8::try_from(at.value).ok()),
        None => {
            let on_first = |on: &At<String>| machines.first().is_none_or(|first| first.name.value == on.value);
            Some(defaults::phase(machine.as_ref().is_none_or(on_first)))
        }
    };
    let published_status_port = match fields.get("published_status_port") {
        Some(node) => reader.port(node, "`published_status_port`"),
        None => Some(At {
            value: 0,
            place: name.place.clone(),
        }),
    };
    let agents = fields.get("agents").map(|node| reader.texts(node, "`agents`"));
    let config_file = fields
        .get("config_file")
        .and_then(|node| reader.name(node, "a config file"));
    let requirements = fields
        .get("requirements")
        .and_then(|node| reader.path(node, "`requirements`"));
    let packages_ = packages(reader, &mut fields, "packages");
    let build_packages = packages(reader, &mut fields, "build_packages");
    let required_modules = texts(reader, &mut fields, "required_modules");
    let assets = assets::read(reader, &mut fields);
    let variants = variants::read(reader, &mut fields);
    let variant = fields.get("variant").and_then(|node| reader.text(node, "`variant`"));
    let without_wheels = variants::without_wheels(reader, &mut fields);
    let start = fields.get("start").and_then(|node| start(reader, node));
    let flags = fields.get("flags").and_then(|node| flags(reader, node));
    let include = patterns(reader, &mut fields, "include");
    let contents = contents(reader, &mut fields);
    let environment = variables(reader, &mut fields);
    let published = fields.get("published").map(|node| reader.texts(node, "`published`"));
    let publish = publish::read(reader, &mut fields);
    let reaches = fields
        .get("reaches")
        .map(|node| reader.texts(node, "`reaches`"))
        .unwrap_or_default();
    let runtime = RuntimeSettings::read(reader, &mut fields);
    let overrides = fields
        .get("overrides")
        .map(|node| overrides(reader, node))
        .unwrap_or_default();
    reader.finish(fields, Severity::Error);
    Some(RawGroup {
        name: name.clone(),
        machine: machine?,
        address: address?,
        uid,
        user,
        phase: phase?,
        published_status_port: published_status_port?,
        agents_written: agents.is_some(),
        agents: agents.unwrap_or_default(),
        config_file,
        requirements,
        packages: packages_,
        build_packages,
        required_modules,
        assets,
        variants,
        variant,
        without_wheels,
        start,
        flags,
        include,
        contents,
        environment,
        published,
        publish,
        reaches,
        runtime,
        overrides,
    })
}

fn overrides<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Vec<Override> {
    let place = reader.place(node.span);
    let Some(fields) = reader.fields(node, "`overrides`", place) else {
        return Vec::new();
    };
    let mut overrides = Vec::new();
    for entry in fields.entries() {
        let agent = At {
            value: entry.key.clone(),
            place: reader.place(entry.key_span),
        };
        let what = format!("the override of `{}`", entry.key);
        let (before, subject) = (reader.findings.len(), Subject::any_agent(&entry.key));
        let Some(mut fields) = reader.fields(&entry.value, &what, agent.place.clone()) else {
            reader.mark(before, &subject);
            continue;
        };
        overrides.push(Override {
            argument_style: fields
                .get("argument_style")
                .and_then(|node| argument_style(reader, node)),
            flags: fields.get("flags").and_then(|node| flags(reader, node)),
            start: fields.get("start").and_then(|node| start(reader, node)),
            required: fields
                .get("required")
                .and_then(|node| reader.boolean(node, "`required`")),
            health_check_port: fields
                .get("health_check_port")
                .and_then(|node| reader.port(node, "`health_check_port`")),
            params: fields
                .get("params")
                .map(|node| environment::parameters(reader, node))
                .map(|params| environment::literals(params, &mut reader.findings))
                .unwrap_or_default(),
            environment: variables(reader, &mut fields),
            ports: further_ports::read(reader, &mut fields),
            publish: publish::read(reader, &mut fields),
            runtime: RuntimeSettings::read(reader, &mut fields),
            agent,
        });
        reader.finish(fields, Severity::Error);
        reader.mark(before, &subject);
    }
    overrides
}

fn variables<'a>(reader: &mut Reader<'a>, fields: &mut Fields<'a>) -> BTreeMap<String, String> {
    let Some(node) = fields.get("environment") else {
        return BTreeMap::new();
    };
    let variables = environment::variables(reader, node);
    environment::literals(variables, &mut reader.findings)
}

fn paths<'a>(reader: &mut Reader<'a>, node: &'a Node, what: &str) -> Vec<At<String>> {
    let item = format!("an item of {what}");
    reader
        .items(node, what)
        .iter()
        .filter_map(|node| reader.path(node, &item))
        .collect()
}

fn texts<'a>(reader: &mut Reader<'a>, fields: &mut Fields<'a>, key: &'static str) -> Vec<String> {
    let Some(node) = fields.get(key) else {
        return Vec::new();
    };
    plain(&reader.texts(node, &format!("`{key}`")))
}

/// Patterns of files of the tree, as `.gitignore` has them.
fn patterns<'a>(reader: &mut Reader<'a>, fields: &mut Fields<'a>, key: &'static str) -> Vec<At<String>> {
    let Some(node) = fields.get(key) else {
        return Vec::new();
    };
    let mut good = Vec::new();
    for pattern in reader.texts(node, &format!("`{key}`")) {
        match selection::wrong_pattern(&pattern.value) {
            None => good.push(pattern),
            Some(why) => {
                let message = format!("`{}` is not a valid pattern: {why}", pattern.value);
                let help = "write one as `.gitignore` has them, as in `**/*.json`, relative to the tree";
                reader.bad_value(pattern.place, message, help);
            }
        }
    }
    good
}

/// `contents`: how much of the tree an image holds.
fn contents<'a>(reader: &mut Reader<'a>, fields: &mut Fields<'a>) -> Option<ContentsSetting> {
    let word = fields
        .get("contents")
        .and_then(|node| reader.word(node, "`contents`"))?;
    match word.value.as_str() {
        "closure" => Some(ContentsSetting::Closure),
        "package" => Some(ContentsSetting::Package),
        other => {
            let message = format!("`contents` cannot be `{other}`");
            let help = "write `closure` (what the agents can reach) or `package` (all code of the machine)";
            reader.bad_value(word.place, message, help);
            None
        }
    }
}

/// Names of Debian packages: they end up in a shell command of an image build, so their characters are checked.
fn packages<'a>(reader: &mut Reader<'a>, fields: &mut Fields<'a>, key: &'static str) -> Vec<String> {
    fields
        .get(key)
        .map(|node| package_names(reader, node, key))
        .unwrap_or_default()
}

pub(super) fn package_names<'a>(reader: &mut Reader<'a>, node: &'a Node, key: &str) -> Vec<String> {
    let mut names = Vec::new();
    for name in reader.texts(node, &format!("`{key}`")) {
        let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.=:~".contains(c);
        if name.value.chars().all(good) && !name.value.starts_with('-') {
            names.push(name.value);
        } else {
            let message = format!("`{}` is not a valid name of a Debian package", name.value);
            reader.bad_value(name.place, message, "use a name as in `libzmq5`");
        }
    }
    names
}

fn optional_word<'a>(reader: &mut Reader<'a>, fields: &mut Fields<'a>, key: &'static str, default: &str) -> String {
    fields
        .get(key)
        .and_then(|node| reader.word(node, &format!("`{key}`")))
        .map_or_else(|| default.to_owned(), |at| at.value)
}

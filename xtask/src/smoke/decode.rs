//! One kind of check, from its YAML. Used twice: when a file is read, so that every mistake is found at once, and when
//! checks are expanded, with placeholders filled in.

use std::collections::BTreeMap;

use serde_json::json;

use super::fields::{located, matcher, needed, payload, text};
use super::kinds::{link, recovery, resources, stand_in, startup_check};
use super::lan;
use super::spec::{
    CommandExpect, ExecSpec, ImageSpec, Kind, LoadSpec, NetworkSpec, PathAliasSpec, PersistSpec, RequestSpec, Restart,
    SoakSpec, StatusSpec, VolumeSpec,
};
use super::yaml::{Data, Fields, Node, Reader};

/// The kinds, by their key.
pub const KINDS: [&str; 17] = [
    "request",
    "exec",
    "image",
    "network",
    "volume",
    "status",
    "path_alias",
    "soak",
    "link",
    "recovery",
    "resources",
    "stand_in",
    "startup_check",
    lan::KINDS[0],
    lan::KINDS[1],
    lan::KINDS[2],
    lan::KINDS[3],
];

/// Seconds of a soak that does not say.
const SOAK_SECONDS: u64 = 10;
/// Growth allowed to a soak that does not say.
const SOAK_GROWTH_MB: f64 = 16.0;

/// Decodes the body of a check of that kind.
pub fn kind(reader: &mut Reader<'_>, name: &str, node: &Node) -> Option<Kind> {
    let what = format!("`{name}`");
    let mut fields = reader.fields(node, &what)?;
    let before = reader.findings.len();
    let decoded = match name {
        "request" => request(reader, &mut fields).map(Kind::Request),
        "exec" => exec(reader, &mut fields).map(Kind::Exec),
        "image" => image(reader, &mut fields).map(Box::new).map(Kind::Image),
        "network" => network(reader, &mut fields).map(Kind::Network),
        "volume" => volume(reader, &mut fields).map(Kind::Volume),
        "status" => status(reader, &mut fields).map(Kind::Status),
        "path_alias" => path_alias(reader, &mut fields).map(Kind::PathAlias),
        "soak" => soak(reader, &mut fields).map(Kind::Soak),
        "link" => link::decode(reader, &mut fields).map(Kind::Link),
        "recovery" => recovery::decode(reader, &mut fields).map(Kind::Recovery),
        "resources" => resources::decode(reader, &mut fields).map(Kind::Resources),
        "stand_in" => stand_in::decode(reader, &mut fields).map(Kind::StandIn),
        "startup_check" => startup_check::decode(reader, &mut fields).map(Kind::StartupCheck),
        other => lan::kind(reader, &mut fields, other).map(Kind::Lan),
    };
    reader.finish(&fields, &what);
    decoded.filter(|_| reader.findings.len() == before)
}

fn request(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<RequestSpec> {
    let agent = needed(reader, fields, "agent", "`request`");
    let send = payload(reader, fields, "`request`");
    let expect = fields.need(reader, "expect", "`request`");
    let expect = matcher(reader, expect);
    let mut save = BTreeMap::new();
    if let Some(node) = fields.get("save")
        && let Data::Map(entries) = &node.data
    {
        for (key, path) in entries {
            if let Some(path) = reader.text(path, "save") {
                save.insert(key.text.clone(), path);
            }
        }
    } else if let Some(node) = fields.get("save") {
        reader.note(node.mark, "`save` must be a mapping of names to paths in the reply");
    }
    Some(RequestSpec {
        agent: agent?,
        send: send?,
        expect: expect?,
        save,
    })
}

fn command(reader: &mut Reader<'_>, node: Option<&Node>, name: &'static str) -> Option<Vec<String>> {
    let node = node?;
    if !matches!(node.data, Data::List(_)) {
        reader.note_with_help(
            node.mark,
            format!("`{name}` must be a list: a program and its arguments"),
            "for a shell, write `[sh, -c, \"…\"]`",
        );
        return None;
    }
    let words: Vec<String> = reader.texts(node, name).into_iter().map(|(word, _)| word).collect();
    if words.is_empty() {
        reader.note(node.mark, format!("`{name}` is empty"));
        return None;
    }
    Some(words)
}

fn command_expect(reader: &mut Reader<'_>, node: Option<&Node>) -> CommandExpect {
    let mut expect = CommandExpect {
        exit: json!(0),
        stdout: None,
        stderr: None,
        json: false,
    };
    let Some(node) = node else {
        return expect;
    };
    let Some(mut fields) = reader.fields(node, "`expect` of a command") else {
        return expect;
    };
    if let Some(exit) = matcher(reader, fields.get("exit")) {
        expect.exit = exit;
    }
    let text = fields.get("stdout");
    let document = fields.get("json");
    if text.is_some()
        && let Some(document) = document
    {
        reader.note(document.mark, "`stdout` and `json` cannot both be expected");
    }
    expect.json = document.is_some();
    expect.stdout = matcher(reader, text.or(document));
    expect.stderr = matcher(reader, fields.get("stderr"));
    reader.finish(&fields, "`expect` of a command");
    expect
}

fn exec(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<ExecSpec> {
    let group = needed(reader, fields, "group", "`exec`");
    let words = fields.need(reader, "command", "`exec`");
    let command = command(reader, words, "command");
    let expect = command_expect(reader, fields.get("expect"));
    Some(ExecSpec {
        group: group?,
        command: command?,
        expect,
    })
}

fn image(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<ImageSpec> {
    let image = needed(reader, fields, "image", "`image`");
    let labels = matcher(reader, fields.get("labels"));
    let user = matcher(reader, fields.get("user"));
    let env = matcher(reader, fields.get("env"));
    let max_size_mb = fields
        .get("max_size_mb")
        .and_then(|node| reader.number(node, "max_size_mb"));
    let run = command(reader, fields.get("run"), "run").unwrap_or_default();
    let expect_node = fields.get("expect");
    if let Some(node) = expect_node
        && run.is_empty()
    {
        reader.note(node.mark, "`expect` of an image is about `run`, which is not there");
    }
    let expect = command_expect(reader, expect_node);
    Some(ImageSpec {
        image: image?,
        labels,
        user,
        env,
        max_size_mb,
        run,
        expect,
    })
}

fn network(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<NetworkSpec> {
    let name = needed(reader, fields, "name", "`network`");
    let subnet = text(reader, fields.get("subnet"), "subnet").map(|text| text.text);
    let dns = fields.get("dns").and_then(|node| reader.flag(node, "dns"));
    Some(NetworkSpec {
        name: name?,
        subnet,
        dns,
    })
}

fn volume(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<VolumeSpec> {
    let name = needed(reader, fields, "name", "`volume`");
    let mounted_in = fields.get("mounted_in").map(|node| {
        reader
            .texts(node, "mounted_in")
            .into_iter()
            .map(|(text, mark)| located(reader, text, mark))
            .collect()
    });
    let writable_in = text(reader, fields.get("writable_in"), "writable_in");
    let persists = fields.get("persists").and_then(|node| persists(reader, node));
    Some(VolumeSpec {
        name: name?,
        mounted_in,
        writable_in,
        persists,
    })
}

fn persists(reader: &mut Reader<'_>, node: &Node) -> Option<PersistSpec> {
    let mut fields = reader.fields(node, "`persists`")?;
    let group = needed(reader, &mut fields, "group", "`persists`");
    let restart = match fields.get("restart") {
        None => Restart::Probe,
        Some(node) => match reader.text(node, "restart").as_deref() {
            Some("probe") => Restart::Probe,
            Some("group") => Restart::Group,
            Some(other) => {
                reader.note(node.mark, format!("`restart` must be probe or group, not `{other}`"));
                Restart::Probe
            }
            None => Restart::Probe,
        },
    };
    reader.finish(&fields, "`persists`");
    Some(PersistSpec { group: group?, restart })
}

fn status(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<StatusSpec> {
    let group = text(reader, fields.get("group"), "group");
    let agent = text(reader, fields.get("agent"), "agent");
    if group.is_some() == agent.is_some() {
        reader.note(fields.mark, "`status` needs either `group` or `agent`");
    }
    let state = matcher(reader, fields.get("state")).unwrap_or_else(|| json!("healthy"));
    let restarts = matcher(reader, fields.get("restarts"));
    Some(StatusSpec {
        group,
        agent,
        state,
        restarts,
    })
}

fn path_alias(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<PathAliasSpec> {
    let group = needed(reader, fields, "group", "`path_alias`");
    let alias = needed(reader, fields, "alias", "`path_alias`");
    let target = needed(reader, fields, "target", "`path_alias`");
    let min_files = fields
        .get("min_files")
        .and_then(|node| reader.whole(node, "min_files"))
        .unwrap_or(1);
    Some(PathAliasSpec {
        group: group?,
        alias: alias?.text,
        target: target?.text,
        min_files,
    })
}

fn soak(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<SoakSpec> {
    let group = needed(reader, fields, "group", "`soak`");
    let seconds = fields
        .get("seconds")
        .and_then(|node| reader.whole(node, "seconds"))
        .unwrap_or(SOAK_SECONDS);
    let max_growth_mb = fields
        .get("max_growth_mb")
        .and_then(|node| reader.number(node, "max_growth_mb"))
        .unwrap_or(SOAK_GROWTH_MB);
    let max_restarts = fields
        .get("max_restarts")
        .and_then(|node| reader.whole(node, "max_restarts"))
        .unwrap_or(0);
    let load = match fields.get("load").map(|node| (&node.data, node.mark)) {
        None => Vec::new(),
        Some((Data::List(items), _)) => items.iter().filter_map(|item| load(reader, item)).collect(),
        Some((_, mark)) => {
            reader.note(mark, "`load` must be a list of requests");
            Vec::new()
        }
    };
    Some(SoakSpec {
        group: group?,
        seconds,
        max_growth_mb,
        max_restarts,
        load,
    })
}

fn load(reader: &mut Reader<'_>, node: &Node) -> Option<LoadSpec> {
    let mut fields = reader.fields(node, "a request of `load`")?;
    let agent = needed(reader, &mut fields, "agent", "a request of `load`");
    let send = payload(reader, &mut fields, "a request of `load`");
    let expect = matcher(reader, fields.get("expect")).unwrap_or_else(|| json!({"status": "ok"}));
    reader.finish(&fields, "a request of `load`");
    Some(LoadSpec {
        agent: agent?,
        send: send?,
        expect,
    })
}

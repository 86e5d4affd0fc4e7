//! `assets:` of a group or a variant: data that its image, or a volume, has to hold besides code.

use super::model::{Group, GroupId, Stack, Volume};
use super::read::{Fields, Reader, plain};
use super::spans::At;
use super::tree::normal;
use super::yaml::Node;
use crate::finding::Severity;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    /// Its name, unique in its group.
    pub name: String,
    /// Where it comes from.
    pub source: Source,
    /// Where it belongs in containers: the absolute path of the file or folder itself.
    pub to: String,
}

/// Where an asset comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file that is downloaded.
    Url {
        /// Its address, with neither user nor password.
        url: String,
        /// SHA-256 of its content, in small hexadecimal digits.
        sha256: String,
    },
    /// A file or folder of the host: absolute, or relative to the folder that holds the stack and below it.
    Host {
        /// As written.
        path: String,
    },
    /// Data that a Python distribution of the image brings.
    Package {
        /// The module whose folder holds it.
        module: String,
        /// Path below that folder; empty for all of it.
        path: String,
    },
    /// What a command leaves when the image is built.
    Command {
        /// Its words; `{to}` in them is the place where it is wanted.
        words: Vec<String>,
        /// Hosts that it needs; where no asset of its group names any, it has no network.
        hosts: Vec<String>,
    },
}

impl Source {
    /// In words, as a report shows it.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Url { url, .. } => url.clone(),
            Self::Host { path } => format!("{path} of the host that built it"),
            Self::Package { module, path } if path.is_empty() => format!("package {module}"),
            Self::Package { module, path } => format!("{path} of package {module}"),
            Self::Command { words, .. } => words.join(" "),
        }
    }

    /// Whether a build copies it into the image from this host.
    #[must_use]
    pub fn is_copied(&self) -> bool {
        matches!(self, Self::Url { .. } | Self::Host { .. })
    }

    /// The host of an address.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        let Self::Url { url, .. } = self else {
            return None;
        };
        let (_, rest) = url.split_once("://")?;
        rest.split(['/', '?']).next()
    }
}

/// Reads `assets`.
pub(super) fn read<'a>(reader: &mut Reader<'a>, fields: &mut Fields<'a>) -> Vec<At<Asset>> {
    let Some(node) = fields.get("assets") else {
        return Vec::new();
    };
    let place = reader.place(node.span);
    let Some(fields) = reader.fields(node, "`assets`", place) else {
        return Vec::new();
    };
    let mut assets = Vec::new();
    for entry in fields.entries() {
        let place = reader.place(entry.key_span);
        let before = reader.findings.len();
        reader.check_name(&entry.key, &place, "an asset");
        if reader.findings.len() > before {
            continue;
        }
        let what = format!("asset `{}`", entry.key);
        let Some(mut fields) = reader.fields(&entry.value, &what, place.clone()) else {
            continue;
        };
        let to = reader
            .required(&mut fields, "to")
            .and_then(|node| target(reader, node, &what));
        let source = source(reader, &mut fields, &what, &place);
        reader.finish(fields, Severity::Error);
        if let (Some(source), Some(to)) = (source, to) {
            let name = entry.key.clone();
            assets.push(At {
                value: Asset { name, source, to },
                place,
            });
        }
    }
    assets
}

/// `to`: a path of containers that is an asset's to have.
fn target(reader: &mut Reader<'_>, node: &Node, what: &str) -> Option<String> {
    const OURS: [&str; 5] = ["/etc", "/proc", "/sys", "/dev", "/usr/share/ai_system"];
    const MEMORY: [&str; 3] = ["/tmp", "/run", "/var/tmp"];
    let text = reader.text(node, "`to`")?;
    let path = text.value.trim_end_matches('/');
    let good = |c: char| c.is_ascii_alphanumeric() || "/_.-@+".contains(c);
    let parts = || path.split('/').skip(1);
    let wrong = if !path.starts_with('/') || parts().any(|part| ["", ".", ".."].contains(&part)) {
        Some("the path is not absolute")
    } else if !path.chars().all(good) {
        Some("a path has letters, digits, `_`, `.`, `-`, `@` and `+`")
    } else if OURS.iter().any(|ours| below(path, ours)) || parts().count() < 2 {
        Some("that place belongs to the container itself")
    } else if MEMORY.iter().any(|memory| below(path, memory)) {
        Some("that folder is in memory and empty when a container starts")
    } else {
        None
    };
    if let Some(why) = wrong {
        let message = format!("{what} cannot be at `{}`: {why}", text.value);
        let help = "write the path of the file or folder itself, as in `/app/models/words.bin`";
        reader.bad_value(text.place, message, help);
        return None;
    }
    Some(path.to_owned())
}

fn source<'a>(
    reader: &mut Reader<'a>,
    fields: &mut Fields<'a>,
    what: &str,
    place: &crate::finding::Place,
) -> Option<Source> {
    let kinds = ["url", "from", "package", "command"].map(|key| (key, fields.get(key)));
    let (sha256, path, hosts) = (fields.get("sha256"), fields.get("path"), fields.get("hosts"));
    let written: Vec<(&str, &Node)> = kinds.iter().filter_map(|(key, node)| Some((*key, (*node)?))).collect();
    let [(kind, node)] = written[..] else {
        let message =
            format!("{what} has to say where it comes from, in one of `url`, `from`, `package` and `command`");
        let help = "write `url:` with `sha256:`, `from:` a file or folder of this host, `package:` with its `path:`, or `command:`";
        reader.bad_value(place.clone(), message, help);
        return None;
    };
    for (key, written, of) in [
        ("sha256", sha256, "url"),
        ("path", path, "package"),
        ("hosts", hosts, "command"),
    ] {
        if let Some(node) = written.filter(|_| kind != of) {
            let place = reader.place(node.span);
            let message = format!("{what} has `{key}`, which goes with `{of}` and not with `{kind}`");
            reader.bad_value(place, message, "remove it");
        }
    }
    match kind {
        "url" => {
            let digest = match sha256 {
                Some(node) => digest(reader, node, what)?,
                None => {
                    let message = format!("{what} has a `url` and no `sha256`");
                    let help = "add the digest that `sha256sum` prints of the file: what is downloaded has to be that";
                    reader.bad_value(place.clone(), message, help);
                    return None;
                }
            };
            let url = address(reader, node, what)?;
            Some(Source::Url { url, sha256: digest })
        }
        "from" => Some(Source::Host {
            path: host_path(reader, node, what)?,
        }),
        "package" => Some(Source::Package {
            module: module(reader, node, what)?,
            path: match path {
                Some(node) => normal(&reader.path(node, "`path`")?.value),
                None => String::new(),
            },
        }),
        _ => command(reader, node, hosts, what),
    }
}

fn digest(reader: &mut Reader<'_>, node: &Node, what: &str) -> Option<String> {
    let text = reader.scalar(node, "`sha256`")?;
    let value = text.value.to_ascii_lowercase();
    if value.len() == 64 && value.chars().all(|c| c.is_ascii_hexdigit()) {
        return Some(value);
    }
    let message = format!("the `sha256` of {what} is not 64 hexadecimal digits");
    reader.bad_value(text.place, message, "write what `sha256sum` prints of the file");
    None
}

/// An address that everybody may see: it stands in rendered files and in the image.
fn address(reader: &mut Reader<'_>, node: &Node, what: &str) -> Option<String> {
    let text = reader.text(node, "`url`")?;
    let rest = text
        .value
        .strip_prefix("https://")
        .or(text.value.strip_prefix("http://"));
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/%+?&=,;[]".contains(c);
    let has_host = |rest: &str| rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[');
    if rest.is_some_and(|rest| has_host(rest) && rest.chars().all(plain)) {
        return Some(text.value);
    }
    let message = format!("the `url` of {what} is not a plain address");
    let help = "write one as in `https://files.example/words.bin`, without user and password: rendered files and images show it";
    reader.bad_value(text.place, message, help);
    None
}

/// A path of the host: below the folder of the stack, or absolute.
fn host_path(reader: &mut Reader<'_>, node: &Node, what: &str) -> Option<String> {
    let text = reader.text(node, "`from`")?;
    let wrong = text.value.split('/').any(|part| part == "..") || text.value.contains(['"', '\\', '$', '`']);
    let path = match text.value.strip_prefix('/') {
        Some(rest) => format!("/{}", normal(rest)),
        None => normal(&text.value),
    };
    if !wrong && !path.is_empty() && path != "/" {
        return Some(path);
    }
    let message = format!("{what} cannot be taken from `{}`", text.value);
    let help = "write a file or folder below the folder that holds the stack, or an absolute path";
    reader.bad_value(text.place, message, help);
    None
}

fn module(reader: &mut Reader<'_>, node: &Node, what: &str) -> Option<String> {
    let text = reader.text(node, "`package`")?;
    let is_name = |part: &str| {
        !part.is_empty()
            && !part.starts_with(|c: char| c.is_ascii_digit())
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    if text.value.split('.').all(is_name) {
        return Some(text.value);
    }
    let message = format!("the `package` of {what} is not the name of a module");
    reader.bad_value(text.place, message, "write it as Python imports it, as in `langdetect`");
    None
}

fn command<'a>(reader: &mut Reader<'a>, node: &'a Node, hosts: Option<&'a Node>, what: &str) -> Option<Source> {
    let words = plain(&reader.texts(node, "`command`"));
    let names = hosts.map(|node| reader.texts(node, "`hosts`")).unwrap_or_default();
    let good = |c: char| c.is_ascii_alphanumeric() || ".-:".contains(c);
    for host in names.iter().filter(|host| !host.value.chars().all(good)) {
        let message = format!("`{}` is not the name of a host", host.value);
        reader.bad_value(host.place.clone(), message, "write it as in `files.example`");
    }
    if words.iter().any(|word| word.contains("{to}")) {
        let hosts = plain(&names);
        return Some(Source::Command { words, hosts });
    }
    let place = reader.place(node.span);
    let message = format!("the `command` of {what} does not say where it puts it");
    let help = "write `{to}` for the place, as in `[python3, -m, nltk.downloader, -d, \"{to}\", punkt]`";
    reader.bad_value(place, message, help);
    None
}

/// Whether a path is a folder's, or in it. Both are absolute.
#[must_use]
pub fn below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl Stack {
    /// The volume that is mounted over an asset's place, so that it has to be copied there.
    #[must_use]
    pub fn volume_of(&self, asset: &Asset) -> Option<&Volume> {
        self.volumes.iter().find(|volume| below(&asset.to, &volume.path))
    }

    /// Assets of a group that lie in its image at their own place.
    pub fn assets_in_image(&self, id: GroupId) -> impl Iterator<Item = &Asset> {
        let assets = self.group(id).assets.iter();
        assets.filter(|asset| self.volume_of(asset).is_none())
    }

    /// Assets of a group that its supervisor copies to a volume.
    pub fn assets_on_volumes(&self, id: GroupId) -> impl Iterator<Item = &Asset> {
        let assets = self.group(id).assets.iter();
        assets.filter(|asset| self.volume_of(asset).is_some())
    }
}

impl Group {
    /// Whether a command that makes one of its assets says that it needs hosts.
    #[must_use]
    pub fn assets_need_network(&self) -> bool {
        let needs = |asset: &Asset| matches!(&asset.source, Source::Command { hosts, .. } if !hosts.is_empty());
        self.assets.iter().any(needs)
    }

    /// The asset that holds an absolute path of the container.
    #[must_use]
    pub fn asset_at(&self, path: &str) -> Option<&Asset> {
        self.assets.iter().find(|asset| below(path, &asset.to))
    }
}

#[cfg(test)]
mod tests;

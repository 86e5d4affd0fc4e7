//! Where Python packages come from when images are built: the index that this host's pip and uv are told to use.
//!
//! It is a setting of the host and no input of an image. A locked build takes the same bytes from wherever they come; for one
//! without a lock the index decides as little as the day does, and neither is in the input digest.

use std::collections::BTreeMap;

/// A file that pip is configured with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFile {
    /// Its path, for people.
    pub path: String,
    /// What it says.
    pub text: String,
}

/// What build steps are told. Nothing where the host says nothing: then it is PyPI.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PackageIndex {
    /// Address of the index in place of PyPI.
    pub default: Option<String>,
    /// Addresses of further ones; uv asks these first.
    pub extra: Vec<String>,
    /// Hosts whose certificate is not looked at.
    pub trusted: Vec<String>,
    /// How uv chooses between several indexes.
    pub strategy: Option<String>,
    /// Variables and files that this stands in, in the order of the fields.
    pub from: Vec<String>,
}

impl PackageIndex {
    /// Of the environment, and of pip's configuration files in the order in which pip reads them: a later one wins.
    ///
    /// uv's variables go before pip's, since uv installs; variables go before files.
    #[must_use]
    pub fn read(variable: &dyn Fn(&str) -> Option<String>, files: &[ConfigFile]) -> Self {
        let configured = configured(files);
        let mut from = Vec::new();
        let mut find = |variables: &[&str], key: Option<&str>| {
            let set = variables.iter().find_map(|name| {
                let value = variable(name).filter(|value| !value.trim().is_empty())?;
                Some((value, (*name).to_owned()))
            });
            let (value, place) = set.or_else(|| configured.get(key?).cloned())?;
            if !from.contains(&place) {
                from.push(place);
            }
            Some(value)
        };
        let default = find(
            &["UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"],
            Some("index-url"),
        );
        let extra = find(
            &["UV_INDEX", "UV_EXTRA_INDEX_URL", "PIP_EXTRA_INDEX_URL"],
            Some("extra-index-url"),
        );
        let trusted = find(&["UV_INSECURE_HOST", "PIP_TRUSTED_HOST"], Some("trusted-host"));
        let strategy = find(&["UV_INDEX_STRATEGY"], None);
        Self {
            default: default.map(|address| address_of(address.trim()).to_owned()),
            extra: words(extra.as_deref())
                .map(|word| address_of(word).to_owned())
                .collect(),
            trusted: words(trusted.as_deref()).map(str::to_owned).collect(),
            strategy,
            from,
        }
    }

    /// Whether build steps are told anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Variables for pip, by name.
    #[must_use]
    pub fn for_pip(&self) -> Vec<(&'static str, String)> {
        let list = |list: &[String]| Some(list.join(" ")).filter(|text| !text.is_empty());
        [
            ("PIP_INDEX_URL", self.default.clone()),
            ("PIP_EXTRA_INDEX_URL", list(&self.extra)),
            ("PIP_TRUSTED_HOST", list(&self.trusted)),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
    }

    /// Variables for uv, by name.
    #[must_use]
    pub fn for_uv(&self) -> Vec<(&'static str, String)> {
        let own = |name: &str| match name {
            "PIP_INDEX_URL" => "UV_DEFAULT_INDEX",
            "PIP_EXTRA_INDEX_URL" => "UV_INDEX",
            _ => "UV_INSECURE_HOST",
        };
        let variables = self.for_pip().into_iter().map(|(name, value)| (own(name), value));
        let strategy = self.strategy.clone().map(|value| ("UV_INDEX_STRATEGY", value));
        variables.chain(strategy).collect()
    }

    /// Lines of shell that set all of it: what a build step reads from the secret `package-index`.
    #[must_use]
    pub fn script(&self) -> String {
        let variables = self.for_pip().into_iter().chain(self.for_uv());
        variables
            .map(|(name, value)| format!("export {name}='{}'\n", value.replace('\'', r"'\''")))
            .collect()
    }

    /// Names and passwords in the addresses, each as it stands in front of the host: what no log may show.
    #[must_use]
    pub fn credentials(&self) -> Vec<String> {
        let addresses = self.default.iter().chain(&self.extra);
        addresses
            .flat_map(|address| {
                let of = |(from, to): (usize, usize)| format!("{}@", &address[from..to]);
                secrets(address).into_iter().map(of)
            })
            .collect()
    }

    /// The addresses as they may be shown.
    pub fn shown(&self) -> impl Iterator<Item = String> {
        let mut secrets = self.credentials();
        // One may be a part of another.
        secrets.sort_unstable_by_key(|secret| std::cmp::Reverse(secret.len()));
        self.default.iter().chain(&self.extra).map(move |address| {
            let veil = |shown: String, secret: &String| shown.replace(secret.as_str(), "****@");
            secrets.iter().fold(address.clone(), veil)
        })
    }

    /// Addresses that are folders of the host, which a build step does not see.
    pub fn folders(&self) -> impl Iterator<Item = &str> {
        let addresses = self.default.iter().chain(&self.extra).map(String::as_str);
        addresses.filter(|address| address.starts_with("file:") || !address.contains("://"))
    }
}

/// uv lets an index have a name: `name=https://…`.
fn address_of(word: &str) -> &str {
    match word.split_once('=') {
        Some((name, address)) if !name.contains([':', '/']) => address,
        _ => word,
    }
}

/// Where names and passwords stand in a text with an address, or by mistake with several, from the first to the last.
fn secrets(text: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = text[from..].find("://") {
        from += at + 3;
        let rest = &text[from..];
        let host = rest.split(['/', '?', '#']).next().unwrap_or(rest);
        if let Some(at) = host.rfind('@') {
            found.push((from, from + at));
            from += at;
        }
    }
    found
}

fn words(text: Option<&str>) -> impl Iterator<Item = &str> {
    text.unwrap_or_default().split_whitespace()
}

/// Values with the file that each stands in, by key. What `[install]` says goes before what `[global]` says, in whichever file.
fn configured(files: &[ConfigFile]) -> BTreeMap<String, (String, String)> {
    let mut found = BTreeMap::new();
    for wanted in ["global", "install"] {
        for file in files {
            for (section, key, value) in entries(&file.text) {
                if section == wanted && !value.trim().is_empty() {
                    found.insert(key, (value, file.path.clone()));
                }
            }
        }
    }
    found
}

/// Section, key and value of each entry, as Python's `configparser` has them. A value goes on where a line is indented.
fn entries(text: &str) -> Vec<(String, String, String)> {
    let mut found: Vec<(String, String, String)> = Vec::new();
    let mut section = String::new();
    let mut open = false;
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if line.starts_with(char::is_whitespace) && open {
            if let Some((_, _, value)) = found.last_mut() {
                value.push('\n');
                value.push_str(trimmed);
            }
            continue;
        }
        open = false;
        if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            name.clone_into(&mut section);
        } else if let Some((key, value)) = trimmed.split_once(['=', ':']) {
            let key = key.trim().trim_start_matches("--").to_lowercase().replace('_', "-");
            found.push((section.clone(), key, value.trim().to_owned()));
            open = true;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{ConfigFile, PackageIndex};

    fn index(variables: &[(&str, &str)], files: &[(&str, &str)]) -> PackageIndex {
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name)?;
            Some(found.1.to_owned())
        };
        let files: Vec<ConfigFile> = files
            .iter()
            .map(|(path, text)| ConfigFile {
                path: (*path).to_owned(),
                text: (*text).to_owned(),
            })
            .collect();
        PackageIndex::read(&variable, &files)
    }

    #[test]
    fn a_host_that_says_nothing_tells_nothing() {
        let nothing = index(
            &[("PIP_INDEX_URL", ""), ("PIP_FIND_LINKS", "/wheels")],
            &[("/etc/pip.conf", "[global]\ncert = /ca.crt\n")],
        );
        assert!(nothing.is_empty());
        assert_eq!(nothing.script(), "");
    }

    #[test]
    fn variables_go_before_files_and_uv_before_pip() {
        let files = [(
            "/etc/pip.conf",
            "[global]\nindex-url = https://file/simple\ntrusted-host = file\n",
        )];
        let found = index(&[("PIP_INDEX_URL", "https://pip/simple")], &files);
        assert_eq!(found.default.as_deref(), Some("https://pip/simple"));
        assert_eq!(found.trusted, ["file"]);
        assert_eq!(found.from, ["PIP_INDEX_URL", "/etc/pip.conf"]);
        let found = index(
            &[
                ("PIP_INDEX_URL", "https://pip/simple"),
                ("UV_DEFAULT_INDEX", "inner=https://uv/simple?a=b"),
                ("UV_INDEX", "a=https://one/simple https://two/simple"),
            ],
            &files,
        );
        assert_eq!(found.default.as_deref(), Some("https://uv/simple?a=b"));
        assert_eq!(found.extra, ["https://one/simple", "https://two/simple"]);
    }

    #[test]
    fn files_are_read_as_pip_reads_them() {
        let found = index(
            &[],
            &[
                (
                    "/etc/pip.conf",
                    "# ours\n[install]\nindex_url: https://install/simple\n[global]\nextra-index-url =\n    https://one/simple\n    ; not this\n    https://two/simple\n",
                ),
                (
                    "/home/me/.config/pip/pip.conf",
                    "[global]\nindex-url = https://me/simple\nTrusted-Host = one two\n[list]\nindex-url = https://no\n",
                ),
            ],
        );
        assert_eq!(found.default.as_deref(), Some("https://install/simple"));
        assert_eq!(found.extra, ["https://one/simple", "https://two/simple"]);
        assert_eq!(found.trusted, ["one", "two"]);
        assert_eq!(found.from, ["/etc/pip.conf", "/home/me/.config/pip/pip.conf"]);
    }

    #[test]
    fn credentials_are_in_the_script_and_nowhere_that_is_shown() {
        let found = index(
            &[
                ("PIP_INDEX_URL", "https://me:it's@host/simple"),
                ("PIP_EXTRA_INDEX_URL", "https://open/a@b https://token@other/simple"),
            ],
            &[],
        );
        let script = found.script();
        assert!(
            script.starts_with("export PIP_INDEX_URL='https://me:it'\\''s@host/simple'\n"),
            "{script}"
        );
        assert!(
            script.contains("export UV_INDEX='https://open/a@b https://token@other/simple'\n"),
            "{script}"
        );
        assert_eq!(found.credentials(), ["me:it's@", "token@"]);
        let shown: Vec<String> = found.shown().collect();
        assert_eq!(
            shown,
            [
                "https://****@host/simple",
                "https://open/a@b",
                "https://****@other/simple"
            ]
        );
    }

    #[test]
    fn folders_of_the_host_are_told_apart() {
        let found = index(
            &[
                ("PIP_INDEX_URL", "https://host/simple"),
                ("PIP_EXTRA_INDEX_URL", "file:///srv/a /srv/b"),
            ],
            &[],
        );
        assert_eq!(found.folders().collect::<Vec<_>>(), ["file:///srv/a", "/srv/b"]);
    }
}

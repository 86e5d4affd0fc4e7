//! Files that look like secrets: by their name, or by what they begin with. No image gets one unless the stack names it one by one.

/// Path of the program that fails a build whose tree holds a secret, relative to the repository and in a build's context.
pub const CHECK: &str = "docker/no_secrets.py";

/// Folders that hold nothing else.
pub const FOLDERS: &[&str] = &[".ssh", ".aws", ".gnupg", ".azure", ".kube", ".password-store", ".vault"];

/// Paths, wherever their beginning lies.
pub const PATHS: &[&str] = &[
    ".docker/config.json",
    ".config/gcloud",
    "containers/auth.json",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".gem/credentials",
    ".streamlit/secrets.toml",
    "gcloud/application_default_credentials.json",
];

/// Names of keys and of stores of keys. No template of such a file has its name.
pub const KEYS: &[&str] = &[
    "*.pem",
    "*.key",
    "*.ppk",
    "*.p8",
    "*.p12",
    "*.pfx",
    "*.pkcs12",
    "*.jks",
    "*.keystore",
    "*.kdb",
    "*.kdbx",
    "*.ovpn",
    "ssh_host_*_key",
];

/// Names of private keys of SSH, with whatever follows (`id_rsa.bak`); their public halves are none.
pub const SSH_KEYS: &[&str] = &["id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", "id_xmss*"];

/// Names of files with passwords, tokens and the like.
pub const SETTINGS: &[&str] = &[
    ".env*",
    "*.env",
    ".netrc",
    "_netrc",
    ".pypirc",
    ".npmrc",
    ".yarnrc.yml",
    ".git-credentials",
    ".dockercfg",
    ".dockerconfigjson",
    ".pgpass",
    ".my.cnf",
    ".mylogin.cnf",
    ".s3cfg",
    ".boto",
    ".vault-token",
    ".vault-pass*",
    ".htpasswd*",
    "htpasswd",
    "kubeconfig",
    "kubeconfig.y*ml",
    "*.kubeconfig",
    "credentials*.json",
    "credentials*.y*ml",
    "credentials*.toml",
    "client_secret*.json",
    "client-secret*.json",
    "service-account*.json",
    "service_account*.json",
    "serviceaccount*.json",
    "*-service-account.json",
    "*_service_account.json",
    "application_default_credentials.json",
    "*.tfstate",
    "*.tfstate.*",
    "*.tfvars",
    "*.tfvars.json",
    "token.json",
    "token.pickle",
    "token.txt",
    "tokens.json",
    ".token",
    "secret.y*ml",
    "secret.json",
    "secret.toml",
    "secrets.y*ml",
    "secrets.json",
    "secrets.toml",
    "secrets.ini",
    "secrets.txt",
    ".secrets",
    ".secrets.*",
];

/// What the name of a file that shows how such a file is written ends with, an extension after it or none.
pub const TEMPLATES: &[&str] = &["example", "sample", "template", "tmpl", "dist", "defaults"];

/// Extensions of code: `secrets.py` and `token.py` are modules.
pub const CODE: &[&str] = &["py", "pyi", "pyx", "pxd", "so", "ipynb"];

/// How much of the beginning of a file is looked at.
pub const HEAD: usize = 16 * 1024;

/// The pattern of this module that a path matches, in whatever case it is written.
#[must_use]
pub fn by_name(path: &str) -> Option<&'static str> {
    // Most of a tree is told by this alone.
    if path.ends_with(".py") && !path.starts_with('.') && !path.contains("/.") {
        return None;
    }
    let path = path.to_lowercase();
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", &path));
    let parts = || folders.split('/').filter(|part| !part.is_empty());
    // A link may be called like one.
    let is_folder = |folder: &&&str| parts().chain([name]).any(|part| part == **folder);
    if let Some(folder) = FOLDERS.iter().find(is_folder) {
        return Some(folder);
    }
    let whole = format!("/{path}/");
    if let Some(at) = PATHS.iter().find(|at| whole.contains(&format!("/{at}/"))) {
        return Some(at);
    }
    // A package may be called `credentials`.
    let of_folder = || parts().find_map(|part| of_settings(part).filter(|pattern| pattern.starts_with('.')));
    if let Some(pattern) = of_folder().or_else(|| first(KEYS, name)) {
        return Some(pattern);
    }
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    if CODE.contains(&extension) || extension == "pub" {
        return None;
    }
    if let Some(pattern) = first(SSH_KEYS, name) {
        return Some(pattern);
    }
    // `id_map.json` is data.
    if name.starts_with("id_") && !name.contains('.') {
        return Some("id_*");
    }
    of_settings(name)
}

fn of_settings(name: &str) -> Option<&'static str> {
    first(SETTINGS, name).filter(|_| !is_template(name))
}

fn is_template(name: &str) -> bool {
    let ends = |name: &str| {
        TEMPLATES.iter().any(|word| {
            name.strip_suffix(word)
                .is_some_and(|before| before.ends_with(['.', '-', '_']))
        })
    };
    ends(name) || name.rsplit_once('.').is_some_and(|(stem, _)| ends(stem))
}

fn first(patterns: &[&'static str], name: &str) -> Option<&'static str> {
    patterns.iter().copied().find(|pattern| matches(pattern, name))
}

/// Whether a name matches a pattern in which `*` stands for any characters.
fn matches(pattern: &str, name: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(mut rest) = pieces.next().and_then(|start| name.strip_prefix(start)) else {
        return false;
    };
    let mut last = None;
    for piece in pieces {
        if let Some(piece) = last.replace(piece) {
            match rest.split_once(piece) {
                Some((_, after)) => rest = after,
                None => return false,
            }
        }
    }
    last.map_or(rest.is_empty(), |end| rest.ends_with(end))
}

/// What the beginning of a file says of it: the header of a private key, or of a file of the same use.
#[must_use]
pub fn by_content(path: &str, head: &[u8]) -> Option<&'static str> {
    let head = &head[..head.len().min(HEAD)];
    if !could_be(head) {
        return None;
    }
    // UTF-16 has zeros between the letters of a header.
    let text: Vec<u8> = head.iter().copied().filter(|byte| *byte != 0).collect();
    let text = String::from_utf8_lossy(&text);
    let text = text.trim_start_matches(|c: char| !c.is_ascii_graphic());
    let extension = path
        .rsplit_once('.')
        .map_or(String::new(), |(_, end)| end.to_lowercase());
    if CODE.contains(&extension.as_str()) {
        return header(text.lines().next()?);
    }
    if extension == "json" && text.contains("\"private_key\"") && text.contains("PRIVATE KEY-----") {
        return Some("a service account with its private key");
    }
    text.lines().find_map(header)
}

/// Whether a header may be there: most files are told by this alone.
fn could_be(head: &[u8]) -> bool {
    let has = |word: &[u8]| memchr::memmem::find(head, word).is_some();
    has(b"PRIVATE") || has(b"SSH2") || has(b"PuTTY") || has(b"P\0R\0I\0V\0A\0T\0E") || has(b"P\0u\0T\0T\0Y")
}

fn header(line: &str) -> Option<&'static str> {
    let line = line.trim();
    if line.starts_with("PuTTY-User-Key-File-") {
        return Some("a private key of PuTTY");
    }
    let title = line
        .strip_prefix("-----BEGIN ")
        .or_else(|| line.strip_prefix("---- BEGIN "))?;
    let title = title.split("----").next()?.trim_end_matches(['-', ' ']);
    let is_key = title.ends_with("PRIVATE KEY") || title == "PGP PRIVATE KEY BLOCK";
    is_key.then_some("a private key")
}

#[cfg(test)]
mod tests {
    use super::{by_content, by_name, matches};

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, name, expected) in [
            (".env*", ".env", true),
            (".env*", ".env.local", true),
            (".env*", "x.env", false),
            ("*.tfstate.*", "a.tfstate.backup", true),
            ("*.tfstate.*", "a.tfstate", false),
            ("secrets.y*ml", "secrets.yml", true),
            ("secrets.y*ml", "secrets.yaml", true),
            ("secrets.y*ml", "secrets.json", false),
            ("kubeconfig", "kubeconfig", true),
            ("kubeconfig", "kubeconfigs", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn secrets_are_told_by_their_names() {
        for path in [
            ".env",
            "main/.env.production",
            "main/.ENV",
            "main/prod.env",
            "a/server.pem",
            "a/Server.KEY",
            "a/x.p12",
            "a/x.PFX",
            "a/x.jks",
            "a/x.kdbx",
            "id_rsa",
            "keys/id_ed25519",
            "keys/id_rsa.bak",
            "keys/id_deploy",
            ".netrc",
            ".pypirc",
            "a/.npmrc",
            ".git-credentials",
            "home/.docker/config.json",
            "home/.aws/config",
            "home/.ssh/known_hosts",
            "home/.gnupg/x",
            "home/.kube/config",
            "credentials.json",
            "a/credentials-prod.json",
            "client_secret_1.apps.json",
            "service-account.json",
            "service_account_x.json",
            "x.tfstate",
            "x.tfstate.backup",
            "token.json",
            "secrets.yml",
            "secrets.yaml",
            ".htpasswd",
            ".envrc",
            "example.com.key",
        ] {
            assert!(by_name(path).is_some(), "{path}");
        }
    }

    #[test]
    fn code_public_keys_and_templates_are_none() {
        for path in [
            "main/secrets.py",
            "main/token.py",
            "main/key.py",
            "main/id_generator.py",
            "main/credentials.py",
            "main/id_map.json",
            "main/credentials/store.txt",
            "main/token/words.json",
            "keys/id_rsa.pub",
            "keys/id_deploy.pub",
            ".env.example",
            ".env.sample",
            ".env.template",
            ".env-example",
            "secrets.example.yaml",
            "credentials.sample.json",
            "main/environment.py",
            "main/tokenizer.json",
            "main/keyboard.txt",
            "main/config.json",
            "config/settings.yaml",
        ] {
            assert_eq!(by_name(path), None, "{path}");
        }
    }

    #[test]
    fn private_keys_are_told_by_what_they_begin_with() {
        let key = |title: &str| format!("-----BEGIN {title}-----\nMIIE\n-----END {title}-----\n");
        for title in [
            "PRIVATE KEY",
            "RSA PRIVATE KEY",
            "EC PRIVATE KEY",
            "OPENSSH PRIVATE KEY",
            "ENCRYPTED PRIVATE KEY",
            "PGP PRIVATE KEY BLOCK",
        ] {
            assert!(by_content("a/robot", key(title).as_bytes()).is_some(), "{title}");
        }
        let bag = format!("Bag Attributes\n    friendlyName: x\n{}", key("PRIVATE KEY"));
        assert!(by_content("a/robot.txt", bag.as_bytes()).is_some());
        let mark = format!("\u{feff}\r\n{}", key("RSA PRIVATE KEY"));
        assert!(by_content("a/robot", mark.as_bytes()).is_some());
        let wide: Vec<u8> = key("PRIVATE KEY").encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(by_content("a/robot", &wide).is_some());
        assert!(by_content("a/robot", b"PuTTY-User-Key-File-2: ssh-rsa\n").is_some());
        let account = br#"{"type": "service_account", "private_key": "-----BEGIN PRIVATE KEY-----\nMII"}"#;
        assert!(by_content("a/robot.json", account).is_some());
        assert!(by_content("a/x.py", key("PRIVATE KEY").as_bytes()).is_some());
    }

    #[test]
    fn what_speaks_of_keys_is_none() {
        let source = "KEY = '''\n-----BEGIN PRIVATE KEY-----\n'''\n";
        assert_eq!(by_content("a/x.py", source.as_bytes()), None);
        assert_eq!(by_content("a/x.crt", b"-----BEGIN CERTIFICATE-----\nMII\n"), None);
        assert_eq!(by_content("a/x.pub", b"-----BEGIN PUBLIC KEY-----\nMII\n"), None);
        let text = "Write `-----BEGIN PRIVATE KEY-----` in front.\n";
        assert_eq!(by_content("a/README.md", text.as_bytes()), None);
    }
}

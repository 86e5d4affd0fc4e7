# rendered by `cargo xtask render` from config/stack.yaml and the startup configs, do not edit
"""Fails where the tree of an image holds what looks like a secret, by its name or by what it begins with.

Builds by hand run it: `cargo xtask build-images` leaves such files out before. What `include:` of the stack names one by one may be there.
"""
import fnmatch
import os
import sys

FOLDERS = [".ssh", ".aws", ".gnupg", ".azure", ".kube", ".password-store", ".vault"]
PATHS = [".docker/config.json", ".config/gcloud", "containers/auth.json", ".cargo/credentials", ".cargo/credentials.toml", ".gem/credentials", ".streamlit/secrets.toml", "gcloud/application_default_credentials.json"]
KEYS = ["*.pem", "*.key", "*.ppk", "*.p8", "*.p12", "*.pfx", "*.pkcs12", "*.jks", "*.keystore", "*.kdb", "*.kdbx", "*.ovpn", "ssh_host_*_key"]
SSH_KEYS = ["id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", "id_xmss*"]
SETTINGS = [".env*", "*.env", ".netrc", "_netrc", ".pypirc", ".npmrc", ".yarnrc.yml", ".git-credentials", ".dockercfg", ".dockerconfigjson", ".pgpass", ".my.cnf", ".mylogin.cnf", ".s3cfg", ".boto", ".vault-token", ".vault-pass*", ".htpasswd*", "htpasswd", "kubeconfig", "kubeconfig.y*ml", "*.kubeconfig", "credentials*.json", "credentials*.y*ml", "credentials*.toml", "client_secret*.json", "client-secret*.json", "service-account*.json", "service_account*.json", "serviceaccount*.json", "*-service-account.json", "*_service_account.json", "application_default_credentials.json", "*.tfstate", "*.tfstate.*", "*.tfvars", "*.tfvars.json", "token.json", "token.pickle", "token.txt", "tokens.json", ".token", "secret.y*ml", "secret.json", "secret.toml", "secrets.y*ml", "secrets.json", "secrets.toml", "secrets.ini", "secrets.txt", ".secrets", ".secrets.*"]
TEMPLATES = ["example", "sample", "template", "tmpl", "dist", "defaults"]
CODE = ["py", "pyi", "pyx", "pxd", "so", "ipynb"]
NAMED = []
HEAD = 16384


def first(patterns, name):
    return next((pattern for pattern in patterns if fnmatch.fnmatchcase(name, pattern)), None)


def is_template(name):
    stems = [name, name.rpartition(".")[0]]
    return any(stem.endswith(mark + word) for stem in stems for mark in "._-" for word in TEMPLATES)


def settings(name):
    return None if is_template(name) else first(SETTINGS, name)


def by_name(path):
    path = path.lower()
    *folders, name = path.split("/")
    for folder in folders + [name]:
        if folder in FOLDERS:
            return folder
    for folder in folders:
        pattern = settings(folder)
        if pattern and pattern.startswith("."):
            return pattern
    for known in PATHS:
        if "/" + known + "/" in "/" + path + "/":
            return known
    pattern = first(KEYS, name)
    if pattern:
        return pattern
    extension = name.rpartition(".")[2] if "." in name else ""
    if extension in CODE or extension == "pub":
        return None
    if name.startswith("id_") and "." not in name:
        return "id_*"
    return first(SSH_KEYS, name) or settings(name)


def header(line):
    line = line.strip()
    if line.startswith("PuTTY-User-Key-File-"):
        return "a private key of PuTTY"
    for start in ("-----BEGIN ", "---- BEGIN "):
        if line.startswith(start):
            title = line[len(start):].split("----")[0].rstrip("- ")
            if title.endswith("PRIVATE KEY") or title == "PGP PRIVATE KEY BLOCK":
                return "a private key"
    return None


def by_content(path):
    with open(path, "rb") as file:
        text = file.read(HEAD).replace(b"\0", b"").decode("utf-8", "replace")
    lines = text.splitlines()
    lower = path.lower()
    if lower.rpartition(".")[2] in CODE:
        lines = text.lstrip("\ufeff\ufffd \t\r\n").splitlines()[:1]
    elif lower.endswith(".json") and '"private_key"' in text and "PRIVATE KEY-----" in text:
        return "a service account with its private key"
    return next(filter(None, (header(line.lstrip("\ufeff\ufffd")) for line in lines)), None)


def main(root):
    root = os.path.realpath(root)
    found = []
    for folder, folders, names in os.walk(root):
        for name in names + [name for name in folders if os.path.islink(os.path.join(folder, name))]:
            full = os.path.join(folder, name)
            path = os.path.relpath(full, root)
            if path in NAMED:
                continue
            if os.path.islink(full):
                target = os.path.relpath(os.path.realpath(full), root)
                inside = not target.startswith("..") and os.path.exists(full)
                why = by_name(path) if inside and target not in NAMED else None
                path = target
            else:
                why = by_name(path) or (by_content(full) if os.path.isfile(full) else None)
            if why:
                found.append((path, why))
    for path, why in sorted(found):
        print(f"error: {path!r} looks like a secret ({why}): leave it out, or name it one by one under `include:`", file=sys.stderr)
    return 1 if found else 0


sys.exit(main(sys.argv[1]))

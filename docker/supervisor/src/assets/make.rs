//! What an image build does for an asset: runs the command that makes it, or takes a package's data; then checks what is there, gives it
//! to root, and writes its manifest.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use contract::asset::{DATA, FOLDER, MANIFEST, Manifest};
use sha2::{Digest, Sha256};

use super::{files, join};

/// In words of an asset's command: the place where it is wanted.
const PLACE: &str = "{to}";

/// Prints the folder of a package, or the file of a module, without importing more than what is above it.
const FIND: &str = "import importlib.util,sys\ns=importlib.util.find_spec(sys.argv[1])\n\
    print((list(s.submodule_search_locations or [])+[s.origin])[0] if s else '')";

/// What the build says of an asset.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Its name.
    #[arg(long)]
    pub name: String,
    /// Where it belongs in a container.
    #[arg(long, value_name = "PATH")]
    pub to: String,
    /// Whether a volume is mounted there: it stays in the asset's own folder, and is copied when a container starts.
    #[arg(long)]
    pub on_volume: bool,
    /// Where it comes from, in words.
    #[arg(long, value_name = "TEXT")]
    pub source: String,
    /// SHA-256 that it must have.
    #[arg(long, value_name = "HEX")]
    pub sha256: Option<String>,
    /// Module whose folder holds it.
    #[arg(long, value_name = "MODULE")]
    pub package: Option<String>,
    /// Path in the package's folder.
    #[arg(long, value_name = "PATH", default_value = "", requires = "package")]
    pub path: String,
    /// Hosts that the command needs.
    #[arg(long = "host", value_name = "NAME")]
    pub hosts: Vec<String>,
    /// User that the command runs as.
    #[arg(long, value_name = "ID")]
    pub user: Option<u32>,
    /// Folder of all assets.
    #[arg(long, value_name = "FOLDER", default_value = FOLDER, hide = true)]
    pub folder: PathBuf,
    /// The command that makes it; `{to}` in its words is the place where it is wanted.
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

/// Why an asset cannot be made, or is not what it should be.
#[derive(Debug, thiserror::Error)]
#[error("asset `{name}`: {why}")]
pub struct AssetError {
    name: String,
    why: String,
}

/// Makes it.
///
/// # Errors
/// When it cannot be made, or is not what it should be.
pub fn run(args: &Args) -> Result<String, AssetError> {
    let folder = args.folder.join(&args.name);
    let place = if args.on_volume {
        folder.join(DATA)
    } else {
        PathBuf::from(&args.to)
    };
    let failed = |why: String| AssetError {
        name: args.name.clone(),
        why,
    };
    let here = |what: &'static str| move |error: io::Error| failed(format!("cannot {what}: {error}"));
    fs::create_dir_all(&folder).map_err(here("make its folder"))?;
    if let Some(package) = &args.package {
        take(package, &args.path, &place).map_err(failed)?;
    }
    if !args.command.is_empty() {
        command(args, &place).map_err(failed)?;
    }
    let manifest = seal(args, &place).map_err(failed)?;
    let text = serde_json::to_string(&manifest).map_err(|error| failed(error.to_string()))?;
    fs::write(folder.join(MANIFEST), text).map_err(here("write what it is"))?;
    Ok(format!(
        "asset `{}`: {} bytes in {} files, sha256 {}\n",
        args.name, manifest.bytes, manifest.files, manifest.sha256
    ))
}

/// A program of an image build, in which nothing else of the supervisor runs.
#[expect(clippy::disallowed_methods, reason = "an image build has no processes to supervise")]
fn program(name: &str) -> Command {
    Command::new(name)
}

/// Copies data of a package.
fn take(package: &str, path: &str, place: &Path) -> Result<(), String> {
    let asked = program("python3").args(["-c", FIND, package]).output();
    let asked = asked.map_err(|error| format!("cannot run python3: {error}"))?;
    let text = String::from_utf8_lossy(&asked.stdout);
    let root = text.trim_end();
    if !asked.status.success() || root.is_empty() {
        return Err(format!(
            "the image has no package `{package}`: add it to the group's requirements"
        ));
    }
    let from = join(Path::new(root), Path::new(path));
    if fs::symlink_metadata(&from).is_err() {
        return Err(format!("package `{package}` has no `{path}` in `{root}`"));
    }
    copy(&from, place).map_err(|error| format!("cannot copy `{}`: {error}", from.display()))
}

/// Copies a file or a folder with all that is in it; bytecode is not data.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    for below in files(from)? {
        if below.components().any(|part| part.as_os_str() == "__pycache__") {
            continue;
        }
        let (from, to) = (join(from, &below), join(to, &below));
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::copy(from, to)?;
    }
    Ok(())
}

/// Runs the asset's command, as a user without rights over anything but the place itself.
fn command(args: &Args, place: &Path) -> Result<(), String> {
    let system = |error: io::Error| format!("cannot make `{}`: {error}", place.display());
    // Where the place is a file, the command makes it in a folder that is its own for the moment.
    let work = place.with_extension("making");
    fs::create_dir_all(&work).map_err(system)?;
    let made = work.join(place.file_name().unwrap_or_default());
    if let Some(user) = args.user {
        std::os::unix::fs::chown(&work, Some(user), Some(user)).map_err(system)?;
    }
    let words: Vec<String> = args
        .command
        .iter()
        .map(|word| word.replace(PLACE, &made.to_string_lossy()))
        .collect();
    let line = args.command.join(" ");
    let mut command = program(&words[0]);
    command.args(&words[1..]).current_dir(&work).env("HOME", "/tmp");
    if let Some(bundle) = std::env::var_os("PIP_CERT").filter(|bundle| !bundle.is_empty()) {
        command.env("SSL_CERT_FILE", &bundle).env("REQUESTS_CA_BUNDLE", &bundle);
    }
    if let Some(user) = args.user {
        command.uid(user).gid(user);
    }
    let status = command
        .status()
        .map_err(|error| format!("cannot run `{line}`: {error}"))?;
    let why = match status.code() {
        Some(0) if has_something(&made) => None,
        Some(0) => Some(format!("`{line}` left nothing at `{{to}}`")),
        Some(code) => Some(format!("`{line}` exited with code {code}")),
        None => Some(format!("`{line}` was killed")),
    };
    if let Some(why) = why {
        let hosts = args.hosts.iter().map(|host| format!("`{host}`")).collect::<Vec<_>>();
        let hint = match hosts.as_slice() {
            [] => "without `hosts:` it has no network: name what it needs there".to_owned(),
            hosts => format!("it needs {}: is that in reach of this host?", hosts.join(", ")),
        };
        return Err(format!("{why}\n  hint: {hint}"));
    }
    fs::rename(&made, place).map_err(system)?;
    fs::remove_dir_all(&work).map_err(system)
}

/// Whether a file is there, or a folder with something in it.
fn has_something(place: &Path) -> bool {
    match fs::read_dir(place) {
        Ok(mut entries) => entries.next().is_some(),
        Err(_) => place.is_file(),
    }
}

/// Checks what is at the place, gives it to root, and says what it is.
fn seal(args: &Args, place: &Path) -> Result<Manifest, String> {
    let shown = place.display();
    if !has_something(place) {
        return Err(format!("nothing is at `{shown}`"));
    }
    let all = files(place).map_err(|error| error.to_string())?;
    let mut manifest = Manifest {
        name: args.name.clone(),
        path: args.to.clone(),
        source: args.source.clone(),
        sha256: String::new(),
        files: 0,
        bytes: 0,
    };
    let mut list = Sha256::new();
    for below in &all {
        let path = join(place, below);
        let failed = |error: io::Error| format!("cannot read `{}`: {error}", path.display());
        if let Ok(target) = fs::read_link(&path) {
            if !stays_inside(below, &target) {
                return Err(format!("`{}` is a link that leads out of it", path.display()));
            }
            list.update(format!("link {}  {}\n", target.display(), below.display()));
            continue;
        }
        let (digest, length) = digest(&path).map_err(failed)?;
        list.update(format!("{digest}  {}\n", below.display()));
        manifest.files += 1;
        manifest.bytes += length;
        manifest.sha256 = digest;
    }
    if fs::symlink_metadata(place).is_ok_and(|found| found.is_dir()) {
        manifest.sha256 = hexadecimal(&list.finalize());
    }
    if let Some(wanted) = args.sha256.as_ref().filter(|wanted| **wanted != manifest.sha256) {
        return Err(format!("its SHA-256 is {}, and not {wanted}", manifest.sha256));
    }
    give_to_root(place).map_err(|error| format!("cannot give `{shown}` to root: {error}"))?;
    Ok(manifest)
}

/// Whether a link at a path below the asset leads to a place below the asset.
fn stays_inside(link: &Path, target: &Path) -> bool {
    let mut depth = link.components().count().saturating_sub(1);
    for part in target.components() {
        match part {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir if depth > 0 => depth -= 1,
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return false,
        }
    }
    true
}

fn digest(path: &Path) -> io::Result<(String, u64)> {
    let mut file = fs::File::open(path)?;
    let (mut hasher, mut length, mut piece) = (Sha256::new(), 0, vec![0; 256 * 1024]);
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            return Ok((hexadecimal(&hasher.finalize()), length));
        }
        hasher.update(&piece[..read]);
        length += read as u64;
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Agents may read it and nothing else, whoever made it.
fn give_to_root(place: &Path) -> io::Result<()> {
    let mut waiting = vec![place.to_owned()];
    while let Some(path) = waiting.pop() {
        let found = fs::symlink_metadata(&path)?;
        match std::os::unix::fs::lchown(&path, Some(0), Some(0)) {
            // Builds run as root; anybody else owns what they made.
            Err(error) if error.kind() != io::ErrorKind::PermissionDenied => return Err(error),
            _ => {}
        }
        if found.is_symlink() {
            continue;
        }
        let executable = found.is_dir() || found.permissions().mode() & 0o100 != 0;
        let mode = if executable { 0o755 } else { 0o644 };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
        if found.is_dir() {
            for entry in fs::read_dir(&path)? {
                waiting.push(entry?.path());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use contract::asset::Manifest;

    use super::{Args, run, stays_inside};

    fn args(folder: &Path, to: &str) -> Args {
        Args {
            name: "words".to_owned(),
            to: folder.join(to).to_string_lossy().into_owned(),
            on_volume: false,
            source: "a test".to_owned(),
            sha256: None,
            package: None,
            path: String::new(),
            hosts: Vec::new(),
            user: None,
            folder: folder.join("assets"),
            command: Vec::new(),
        }
    }

    fn manifest(folder: &Path) -> Manifest {
        let text = fs::read_to_string(folder.join("assets/words/asset.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    fn shell(line: &str) -> Vec<String> {
        ["sh", "-c", line, "{to}"].map(str::to_owned).to_vec()
    }

    #[test]
    fn a_file_has_the_digest_that_is_asked_for_or_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.txt"), "abc").unwrap();
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let mut args = args(folder.path(), "a.txt");
        args.sha256 = Some(abc.to_owned());
        run(&args).unwrap();
        let found = manifest(folder.path());
        assert_eq!((found.sha256.as_str(), found.files, found.bytes), (abc, 1, 3));
        args.sha256 = Some("0".repeat(64));
        let error = run(&args).unwrap_err().to_string();
        assert!(error.starts_with("asset `words`: its SHA-256 is ba78"), "{error}");
        args.to.push_str(".none");
        assert!(run(&args).unwrap_err().to_string().contains("nothing is at"));
    }

    #[test]
    fn a_command_makes_it_and_is_named_where_it_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let mut args = args(folder.path(), "data/words");
        args.on_volume = true;
        args.command = shell("mkdir \"$0\" && echo one > \"$0/a\" && ln -s a \"$0/b\"");
        run(&args).unwrap();
        let found = manifest(folder.path());
        assert_eq!((found.files, found.bytes), (1, 4));
        assert!(folder.path().join("assets/words/data/a").is_file());
        assert!(!folder.path().join("assets/words/data.making").exists());
        assert!(!folder.path().join("data").exists(), "a volume is mounted there");
        for (line, hosts, says) in [
            (
                "exit 3",
                &["files.example"][..],
                "exited with code 3\n  hint: it needs `files.example`",
            ),
            (
                "true",
                &[],
                "left nothing at `{to}`\n  hint: without `hosts:` it has no network",
            ),
            (
                "mkdir \"$0\" && ln -s /etc \"$0/x\"",
                &[],
                "is a link that leads out of it",
            ),
        ] {
            fs::remove_dir_all(folder.path().join("assets")).unwrap();
            args.command = shell(line);
            args.hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
            let error = run(&args).unwrap_err().to_string();
            assert!(error.starts_with("asset `words`: ") && error.contains(says), "{error}");
        }
    }

    #[test]
    fn data_of_a_package_is_found_without_its_bytecode() {
        let folder = tempfile::tempdir().unwrap();
        let mut args = args(folder.path(), "out");
        args.package = Some("encodings".to_owned());
        args.path = "ascii.py".to_owned();
        run(&args).unwrap();
        assert!(folder.path().join("out").is_file());
        args.path = "none".to_owned();
        assert!(
            run(&args)
                .unwrap_err()
                .to_string()
                .contains("package `encodings` has no `none`")
        );
        args.package = Some("no_such_package".to_owned());
        assert!(
            run(&args)
                .unwrap_err()
                .to_string()
                .contains("the image has no package `no_such_package`")
        );
    }

    #[test]
    fn links_stay_inside() {
        let inside = |link: &str, target: &str| stays_inside(Path::new(link), Path::new(target));
        assert!(inside("a/b", "../c") && inside("a", "b/c"));
        assert!(!inside("a", "../c") && !inside("a/b", "../../c") && !inside("a", "/etc"));
    }
}

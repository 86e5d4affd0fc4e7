//! Assets of images that come from outside: downloaded once into a cache below the work folder, or read from the host; and put into the
//! context of a build.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::host::system::files::FileError;
use crate::host::system::process::{Output, ProcessError, Program};
use crate::host::tree::root::TreeRoot;
use crate::host::tree::{self};
use crate::images::digest;
use crate::images::files::{Entries, digest_of};
use crate::images::oci::hexadecimal;
use crate::stack::assets::{Asset, Source};

/// Most bytes that are downloaded for one asset.
const MOST: u64 = 64 * 1024 * 1024 * 1024;

/// Of the size that a shell's `ulimit -f` counts in.
const BLOCK: u64 = 512;

/// Exit code of a shell that does not find a program.
const NOT_FOUND: i32 = 127;

/// Exit codes of curl for a connection that was cut: too few bytes, an empty reply, sending or receiving failed, a broken stream of HTTP/2.
const CUT: [i32; 5] = [18, 52, 55, 56, 92];

/// Exit code of curl for a server that does not send the rest of a file.
const NO_RANGE: i32 = 33;

/// How often a download goes on after its connection was cut.
const MOST_RESUMED: u32 = 5;

/// Why an asset is not to be had.
#[derive(Debug, thiserror::Error)]
pub enum AssetError {
    /// It cannot be downloaded.
    #[error("asset `{asset}` cannot be had from `{host}`: {why}\n  hint: {hint}")]
    Download {
        /// Its name.
        asset: String,
        /// The host that should have it.
        host: String,
        /// What the program that downloads said.
        why: String,
        /// What to do.
        hint: String,
    },
    /// What was downloaded is something else.
    #[error(
        "asset `{asset}`: what `{url}` has is not what the stack wants: its SHA-256 is {found}, and not {wanted}\n  hint: if that is the new \
         version, write its `sha256:` into the stack"
    )]
    Other {
        /// Its name.
        asset: String,
        /// Where it comes from.
        url: String,
        /// Digest of what is there.
        found: String,
        /// Digest that the stack has.
        wanted: String,
    },
    /// It is not on this host, or cannot be read.
    #[error("asset `{asset}`: {source}")]
    Host {
        /// Its name.
        asset: String,
        /// What is wrong.
        source: FileError,
    },
    /// The cache cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// The program that downloads could not be run.
    #[error(transparent)]
    Process(#[from] ProcessError),
}

/// The digests of those assets that are files or folders of this host, by name. `checkout` is the folder that relative ones are below.
///
/// # Errors
/// When one is not there, cannot be read, or is not to be in an image.
pub fn digests(checkout: &Path, assets: &[Asset]) -> Result<BTreeMap<String, digest::Digest>, AssetError> {
    let mut found = BTreeMap::new();
    for asset in assets {
        if let Some((_, _, entries)) = read(checkout, asset)? {
            found.insert(asset.name.clone(), digest_of(&entries));
        }
    }
    Ok(found)
}

/// What an asset of the host is: the folder that it is in, its path there, and its files.
fn read(checkout: &Path, asset: &Asset) -> Result<Option<(TreeRoot, String, Entries)>, AssetError> {
    let Source::Host { path } = &asset.source else {
        return Ok(None);
    };
    let failed = |source| AssetError::Host {
        asset: asset.name.clone(),
        source,
    };
    let (root, below) = match path.strip_prefix('/') {
        Some(below) => match below.rsplit_once('/') {
            Some((folder, name)) => (PathBuf::from("/").join(folder), name.to_owned()),
            None => (PathBuf::from("/"), below.to_owned()),
        },
        None => (checkout.to_owned(), path.clone()),
    };
    let root = tree::open(&root).map_err(failed)?;
    let entries = tree::read_whole(&root, &below).map_err(failed)?;
    Ok(Some((root, below, entries)))
}

/// Where downloads are kept, and what relative paths are below.
#[derive(Debug, Clone)]
pub struct Cache<'a> {
    /// The cache: one file for each digest. It may be removed at any time.
    pub folder: PathBuf,
    /// The folder that holds the stack.
    pub checkout: &'a Path,
}

impl Cache<'_> {
    /// Puts all assets that a Dockerfile copies into a folder of its context, each under its name. `digests` are those of
    /// [`digests`]: what was changed since is refused.
    ///
    /// # Errors
    /// When one is not to be had, or is something else than it should be.
    pub fn stage(
        &self,
        assets: &[Asset],
        digests: Option<&BTreeMap<String, digest::Digest>>,
        into: &Path,
        line: &mut dyn FnMut(&str),
    ) -> Result<(), AssetError> {
        std::fs::create_dir_all(into).map_err(FileError::on("create", into))?;
        for asset in assets {
            let to = into.join(&asset.name);
            if let Source::Url { url, sha256 } = &asset.source {
                let file = self.fetched(asset, url, sha256, line)?;
                // Another file system has no link to it.
                if std::fs::hard_link(&file, &to).is_err() {
                    std::fs::copy(&file, &to).map_err(FileError::on("write", &to))?;
                }
            }
            let Some((root, below, entries)) = read(self.checkout, asset)? else {
                continue;
            };
            let known = digests.and_then(|digests| digests.get(&asset.name));
            if known.is_some_and(|known| *known != digest_of(&entries)) {
                let path = root.path().join(&below);
                let changed = std::io::Error::other("it was changed while the build ran: build again");
                let source = FileError::on("take", &path)(changed);
                let asset = asset.name.clone();
                return Err(AssetError::Host { asset, source });
            }
            let beside = into.join(format!(".{}", asset.name));
            tree::copy(&root, &entries, &beside)?;
            let copied = beside.join(&below);
            std::fs::rename(&copied, &to).map_err(FileError::on("rename", &copied))?;
        }
        Ok(())
    }

    /// The file of a digest in the cache, downloaded where it is not there or not whole.
    fn fetched(
        &self,
        asset: &Asset,
        url: &str,
        sha256: &str,
        line: &mut dyn FnMut(&str),
    ) -> Result<PathBuf, AssetError> {
        let file = self.folder.join(sha256);
        match sha256_of(&file) {
            Ok(found) if found == sha256 => return Ok(file),
            Ok(_) => std::fs::remove_file(&file).map_err(FileError::on("remove", &file))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(FileError::on("read", &file)(error).into()),
        }
        std::fs::create_dir_all(&self.folder).map_err(FileError::on("create", &self.folder))?;
        let half = tempfile::Builder::new()
            .prefix(".half-")
            .tempfile_in(&self.folder)
            .map_err(FileError::on("write", &self.folder))?;
        line(&format!("downloading `{}` from {url}", asset.name));
        download(asset, url, half.path())?;
        let found = sha256_of(half.path()).map_err(FileError::on("read", half.path()))?;
        if found != sha256 {
            return Err(AssetError::Other {
                asset: asset.name.clone(),
                url: url.to_owned(),
                found,
                wanted: sha256.to_owned(),
            });
        }
        half.persist(&file)
            .map_err(|error| FileError::on("write", &file)(error.error))?;
        Ok(file)
    }
}

/// Downloads with curl, which knows the proxies and authorities of this host. It writes no more than [`MOST`], whatever a server sends, and
/// goes on where a connection was cut.
fn download(asset: &Asset, url: &str, to: &Path) -> Result<(), AssetError> {
    let mut resumed = 0;
    let output = loop {
        let output = curl(url, to)?;
        match output.status.code() {
            Some(0) => return Ok(()),
            Some(code) if resumed < MOST_RESUMED && CUT.contains(&code) => {}
            Some(NO_RANGE) if resumed < MOST_RESUMED => {
                std::fs::write(to, "").map_err(FileError::on("write", to))?;
            }
            _ => break output,
        }
        resumed += 1;
    };
    let (why, hint) = match output.status.code() {
        Some(NOT_FOUND) => (
            "`curl` is not installed".to_owned(),
            "install it: apt-get install curl".to_owned(),
        ),
        _ => (
            output
                .tail
                .last()
                .cloned()
                .unwrap_or_else(|| "it ended in the middle".to_owned()),
            format!("is {url} right, and in reach of this host?"),
        ),
    };
    Err(AssetError::Download {
        asset: asset.name.clone(),
        host: asset.source.host().unwrap_or(url).to_owned(),
        why,
        hint,
    })
}

/// Runs curl, which adds to what is there already. A server that is busy is asked again, by curl itself.
fn curl(url: &str, to: &Path) -> Result<Output, ProcessError> {
    Program::new("sh")
        .args(["-c", "ulimit -f \"$1\" && shift && exec curl \"$@\"", "sh"])
        .arg((MOST / BLOCK).to_string())
        .args(["--disable", "--globoff", "--fail", "--silent", "--show-error"])
        .args(["--location", "--max-redirs", "10"])
        .args(["--proto", "=http,https", "--proto-redir", "=http,https"])
        // One that says next to nothing for a minute is none.
        .args(["--connect-timeout", "20", "--speed-limit", "1024", "--speed-time", "60"])
        .args(["--retry", "3", "--retry-max-time", "120", "--continue-at", "-"])
        .arg("--output")
        .arg(to)
        .arg(url)
        .becomes("curl")
        .run()
}

fn sha256_of(path: &Path) -> std::io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let (mut hasher, mut piece) = (Sha256::new(), vec![0; 256 * 1024]);
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hexadecimal(&hasher.finalize())),
            read => hasher.update(&piece[..read]),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::TcpListener;
    use std::path::Path;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::{Cache, digests};
    use crate::stack::assets::{Asset, Source};

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    /// A server on the loopback that has `abc` at every path but `/none`: at `/busy` only when it is asked again, at `/cut` in two pieces, at
    /// `/whole` whole or not at all. Its address, and how often it was asked.
    fn server() -> (String, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let first = lines.next().unwrap().unwrap();
                let rest = lines.map(Result::unwrap).take_while(|line| !line.is_empty());
                let resumes = rest.filter(|line| line.starts_with("Range: bytes=")).count() > 0;
                count.fetch_add(1, Ordering::SeqCst);
                let path = first.split(' ').nth(1).unwrap();
                let (head, body) = match (path, resumes, count.load(Ordering::SeqCst)) {
                    ("/none", ..) => ("404 Not Found\r\nContent-Length: 0", ""),
                    ("/busy", _, 1) => ("503 Service Unavailable\r\nContent-Length: 0", ""),
                    ("/cut", false, 1) => ("200 OK\r\nContent-Length: 3", "a"),
                    ("/cut", true, 2) => (
                        "206 Partial Content\r\nContent-Range: bytes 1-2/3\r\nContent-Length: 2",
                        "bc",
                    ),
                    ("/whole", false, 1) => ("200 OK\r\nContent-Length: 3", "ab"),
                    _ => ("200 OK\r\nContent-Length: 3", "abc"),
                };
                let reply = format!("HTTP/1.1 {head}\r\nConnection: close\r\n\r\n{body}");
                stream.write_all(reply.as_bytes()).unwrap();
            }
        });
        (address, asked)
    }

    fn downloaded(url: String, sha256: &str) -> Asset {
        Asset {
            name: "words".to_owned(),
            source: Source::Url {
                url,
                sha256: sha256.to_owned(),
            },
            to: "/app/models/words".to_owned(),
        }
    }

    fn stage(folder: &Path, name: &str, asset: &Asset) -> Result<Vec<u8>, String> {
        let cache = Cache {
            folder: folder.join("cache"),
            checkout: folder,
        };
        let into = folder.join(name);
        let assets = std::slice::from_ref(asset);
        let known = digests(folder, assets).map_err(|error| error.to_string())?;
        let staged = cache.stage(assets, Some(&known), &into, &mut |_| {});
        staged.map_err(|error| error.to_string())?;
        Ok(std::fs::read(into.join("words")).unwrap_or_default())
    }

    #[test]
    fn what_is_downloaded_is_asked_for_once_and_is_what_the_stack_says() {
        let folder = tempfile::tempdir().unwrap();
        let (address, asked) = server();
        let good = downloaded(format!("{address}/words"), ABC);
        assert_eq!(stage(folder.path(), "one", &good).unwrap(), b"abc");
        assert_eq!(stage(folder.path(), "two", &good).unwrap(), b"abc");
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        // What was damaged is downloaded again.
        std::fs::remove_file(folder.path().join("cache").join(ABC)).unwrap();
        std::fs::write(folder.path().join("cache").join(ABC), "ab").unwrap();
        assert_eq!(stage(folder.path(), "three", &good).unwrap(), b"abc");
        assert_eq!(asked.load(Ordering::SeqCst), 2);

        let other = stage(
            folder.path(),
            "four",
            &downloaded(format!("{address}/words"), &"0".repeat(64)),
        );
        let other = other.unwrap_err();
        assert!(other.contains("asset `words`") && other.contains(ABC), "{other}");
        let kept: Vec<_> = std::fs::read_dir(folder.path().join("cache")).unwrap().collect();
        assert_eq!(kept.len(), 1, "nothing that is half or wrong stays: {kept:?}");
    }

    #[test]
    fn a_server_that_is_busy_or_hangs_up_is_asked_again() {
        for (path, times) in [("busy", 2), ("cut", 2), ("whole", 3)] {
            let folder = tempfile::tempdir().unwrap();
            let (address, asked) = server();
            let asset = downloaded(format!("{address}/{path}"), ABC);
            assert_eq!(stage(folder.path(), "one", &asset).unwrap(), b"abc", "{path}");
            assert_eq!(asked.load(Ordering::SeqCst), times, "{path}");
        }
    }

    #[test]
    fn what_cannot_be_downloaded_names_the_asset_and_the_host() {
        let folder = tempfile::tempdir().unwrap();
        let (address, _) = server();
        let error = stage(folder.path(), "one", &downloaded(format!("{address}/none"), ABC)).unwrap_err();
        let host = address.trim_start_matches("http://");
        let says = format!("asset `words` cannot be had from `{host}`: curl: (22)");
        assert!(error.starts_with(&says), "{error}");
        // A port that was free a moment ago answers nobody.
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let error = stage(folder.path(), "two", &downloaded(format!("http://{free}/x"), ABC)).unwrap_err();
        assert!(
            error.starts_with(&format!("asset `words` cannot be had from `{free}`: curl: (7)")),
            "{error}"
        );
    }

    #[test]
    fn files_and_folders_of_the_host_are_taken_whole_or_refused() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        std::fs::create_dir_all(at("lists/deep")).unwrap();
        std::fs::write(at("lists/deep/a.txt"), "a").unwrap();
        let asset = |path: &str| Asset {
            name: "words".to_owned(),
            source: Source::Host { path: path.to_owned() },
            to: "/app/models/words".to_owned(),
        };
        stage(folder.path(), "one", &asset("lists")).unwrap();
        assert_eq!(std::fs::read(at("one/words/deep/a.txt")).unwrap(), b"a");
        let absolute = at("lists/deep/a.txt").to_string_lossy().into_owned();
        assert_eq!(stage(folder.path(), "two", &asset(&absolute)).unwrap(), b"a");
        let before = digests(folder.path(), &[asset("lists")]).unwrap();
        std::fs::write(at("lists/deep/a.txt"), "b").unwrap();
        assert_ne!(digests(folder.path(), &[asset("lists")]).unwrap(), before);

        std::fs::write(at("lists/deep/.env"), "TOKEN=1").unwrap();
        let error = stage(folder.path(), "three", &asset("lists")).unwrap_err();
        assert!(
            error.contains("asset `words`") && error.contains(".env") && error.contains("secret"),
            "{error}"
        );
        let error = stage(folder.path(), "four", &asset("none")).unwrap_err();
        assert!(error.contains("asset `words`") && error.contains("none"), "{error}");
    }
}

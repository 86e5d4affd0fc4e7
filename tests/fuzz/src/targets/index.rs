//! pip's configuration: what build steps are told, and what of it is shown.

use xtask::images::package_index::{ConfigFile, PackageIndex};

/// Reads it; passwords are not shown.
pub fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let file = ConfigFile {
        path: "pip.conf".to_owned(),
        text,
    };
    let index = PackageIndex::read(&|_| None, &[file]);
    let _ = index.for_pip();
    let _ = index.for_uv();
    let _ = index.script();
    let secrets = index.credentials();
    for shown in index.shown() {
        // One that looks like what stands in its place is shown either way.
        for secret in secrets
            .iter()
            .filter(|secret| secret.len() > 8 && !secret.contains('*'))
        {
            assert!(!shown.contains(secret.as_str()), "{shown} shows {secret}");
        }
    }
}

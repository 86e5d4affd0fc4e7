//! Fuzz targets: each is a function that takes any bytes and panics where a parser does not keep what it promises. A test runs
//! every target over its corpus; `cargo xtask fuzz` runs them on bytes that libFuzzer makes up.
//!
//! `targets.tsv` lists them, for the command, too; `targets` has a file for each.

mod invariants;
mod targets;
mod world;

/// A target.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, and that of its folders of inputs.
    pub name: &'static str,
    /// What is called with the bytes.
    pub run: fn(&[u8]),
}

/// Every target, in the order of `targets.tsv`.
pub const ALL: [Target; 16] = [
    target("python", targets::python::run),
    target("audit", targets::audit::run),
    target("startup", targets::startup::run),
    target("stack", targets::stack::run),
    target("requirements", targets::requirements::run),
    target("dockerfile", targets::dockerfile::run),
    target("compose", targets::compose::run),
    target("zmtp", targets::zmtp::run),
    target("http", targets::http::run),
    target("status", targets::status::run),
    target("checks", targets::checks::run),
    target("group_config", targets::group_config::run),
    target("keeper", targets::keeper::run),
    target("traceback", targets::traceback::run),
    target("images", targets::images::run),
    target("index", targets::index::run),
];

/// What `cargo xtask fuzz` knows of targets.
pub const LIST: &str = include_str!("../targets.tsv");

const fn target(name: &'static str, run: fn(&[u8])) -> Target {
    Target { name, run }
}

/// The target of that name.
#[must_use]
pub fn find(name: &str) -> Option<Target> {
    ALL.into_iter().find(|target| target.name == name)
}

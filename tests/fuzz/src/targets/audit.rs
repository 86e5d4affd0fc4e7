//! A tree of a few files: the audit as a whole, what scripts do when they start included.

use crate::world::{SCRIPT, World, formats_of};

/// Audits it, twice: the same tree gives the same report.
pub fn run(bytes: &[u8]) {
    let world = World::default().with_files(bytes, SCRIPT);
    let first = world.audit().map(|report| {
        formats_of(&report);
        (report.findings, report.agents)
    });
    let second = world.audit().map(|report| (report.findings, report.agents));
    assert_eq!(format!("{first:?}"), format!("{second:?}"));
}

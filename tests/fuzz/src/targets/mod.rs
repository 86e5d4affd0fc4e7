//! One file per target.

pub mod audit;
pub mod checks;
pub mod compose;
pub mod dockerfile;
pub mod group_config;
pub mod http;
pub mod images;
pub mod index;
pub mod keeper;
pub mod python;
pub mod requirements;
pub mod stack;
pub mod startup;
pub mod status;
pub mod traceback;
pub mod zmtp;

/// The first byte, as a choice, and the rest.
fn choice(bytes: &[u8]) -> (u8, &[u8]) {
    bytes.split_first().map_or((0, bytes), |(first, rest)| (*first, rest))
}

//! A group config: as the supervisor reads it, and as it is written.

use agent_supervisor::parsers::group_config;
use xtask::render::group_config::text;
use xtask::stack::output::HEADER;

use crate::invariants;

/// Reads it; what is read is written so that the same is read again.
pub fn run(bytes: &[u8]) {
    let given = String::from_utf8_lossy(bytes);
    match group_config(&given) {
        Err(errors) => {
            assert!(!errors.is_empty(), "no config, and nothing said");
            errors
                .iter()
                .for_each(|error| invariants::printable(error, false, "an error"));
        }
        Ok((config, warnings)) => {
            warnings
                .iter()
                .for_each(|warning| invariants::printable(warning, false, "a warning"));
            let written = text(HEADER, &config);
            match group_config(&written) {
                Ok((again, _)) => assert_eq!(again, config, "\n{written}"),
                Err(errors) => panic!("{errors:#?}\n{written}"),
            }
        }
    }
}

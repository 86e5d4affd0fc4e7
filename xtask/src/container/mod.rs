//! What a container is: where things lie in it, its environment, command and ports, and what its supervisor is told. The one source
//! for the audit, images, boots, checks and rendered files.

pub mod command;
pub mod environment;
pub mod group_config;
pub mod layout;
pub mod ports;
pub mod preload;

//! `cargo xtask`: audit, render, build, boot and smoke-test a Python multi-agent system in Podman.
//!
//! `stack`, `init`, `pipelines`, `audit`, `diagram`, `render`, `images`, `boot`, `dashboard`, `smoke`, `schema` and `bench` are pure:
//! values in, values and findings out. `host` has all effects and emits events; `report` is the only place that prints; `cmd` joins
//! them, one file per command.

pub mod audit;
pub mod bench;
pub mod boot;
pub mod cli;
pub mod cmd;
pub mod container;
pub mod dashboard;
pub mod diagram;
pub mod doctor;
pub mod finding;
pub mod host;
pub mod images;
pub mod init;
pub mod pipelines;
pub mod program;
pub mod python;
pub mod render;
pub mod rendered_file;
pub mod report;
pub mod schema;
pub mod smoke;
pub mod stack;
pub mod system_error;
pub mod template;

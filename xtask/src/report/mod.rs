//! The terminal and every output format. The only place that prints: data goes to stdout, all else to stderr.

pub mod adopt;
pub mod audit;
pub mod bench;
pub mod bench_boot;
pub mod bench_images;
pub mod bench_probe;
pub mod bench_scale;
pub mod boot;
pub mod build;
pub mod delivery;
pub mod diff;
pub mod doctor;
pub mod escape;
pub mod exit;
pub mod faults;
pub mod findings;
pub mod images;
pub mod init;
pub mod json;
pub mod left_out;
pub mod page;
pub mod pipelines;
pub mod printer;
pub mod requirements_lock;
pub mod smoke;
pub mod status;

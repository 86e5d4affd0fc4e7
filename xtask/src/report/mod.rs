//! The terminal and every output format. The only place that prints: data goes to stdout, all else to stderr.

pub mod audit;
pub mod bench;
pub mod bench_images;
pub mod boot;
pub mod build;
pub mod diff;
pub mod doctor;
pub mod exit;
pub mod faults;
pub mod findings;
pub mod images;
pub mod page;
pub mod printer;
pub mod smoke;
pub mod status;

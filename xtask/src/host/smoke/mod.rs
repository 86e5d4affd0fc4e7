//! Checks of a running stack: what they look at, do and measure.

pub mod check_files;
pub mod history;
pub mod last_run;
mod look;
pub mod measure;
pub mod probe;
pub mod report_folder;
pub mod runner;
pub mod system;

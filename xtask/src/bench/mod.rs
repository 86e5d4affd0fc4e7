//! What benchmarks are made of and what their figures mean: trees to measure on, medians, ratios.

pub mod boot;
mod breakage;
pub mod fault_row;
pub mod figures;
pub mod images;
pub mod machine;
pub mod probe;
mod python;
mod random;
pub mod scale;
pub mod system;
pub mod tree;

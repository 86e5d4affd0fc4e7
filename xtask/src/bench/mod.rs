//! What benchmarks are made of and what their figures mean: trees to measure on, medians, ratios.

mod breakage;
pub mod figures;
pub mod images;
mod python;
mod random;
pub mod tree;

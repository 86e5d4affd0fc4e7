//! What this project is tested with.

pub mod fault_rows;
pub mod fuzz;
pub mod tools;

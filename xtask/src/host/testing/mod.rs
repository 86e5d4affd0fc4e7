//! What this project is tested with.

pub mod debian;
pub mod fault_rows;
pub mod fuzz;
pub mod priority;
pub mod tools;

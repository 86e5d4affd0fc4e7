//! Files of checks and the stack → concrete checks: expanded, names resolved, in an order that has no cycle.

mod check;
mod draft;
mod expand;
#[cfg(test)]
pub(crate) mod fixture;
pub mod names;
mod only;
mod order;
mod subjects;
#[cfg(test)]
mod tests;

pub use check::{Check, CheckId, CheckInfo, Plan};
pub use expand::{Selection, expand};
pub use only::CheckName;

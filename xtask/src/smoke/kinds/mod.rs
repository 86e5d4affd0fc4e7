//! Kinds of checks, one file each: how its YAML is read, what of the model it is about, what is seen, and how that is judged.

pub mod link;
pub mod recovery;
pub mod resources;
pub mod stand_in;
pub mod startup_check;

//! Images: what goes into them, how they are built, saved and sent.

pub mod assemble;
pub mod assets;
pub mod build;
pub mod build_inputs;
pub mod bytecode;
pub mod delivery;
pub mod layer;
pub mod package_index;
pub mod python_image;
pub mod requirements_lock;
pub mod supervisor_binary;
pub mod transfer;

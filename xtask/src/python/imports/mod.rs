//! Imports, as CPython resolves them inside a group's container.
//!
//! What a container holds is a [`view::View`]; where modules are searched is a list of folders in it; what else is there
//! comes from the [`stdlib`] and the group's [`requirements`].

pub mod closure;
pub mod distributions;
pub mod dynamic;
pub mod removed;
pub mod requirements;
pub mod resolve;
pub mod stdlib;
pub mod view;
pub mod zmq;

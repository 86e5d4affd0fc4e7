//! The smoke engine: check specs, phases, expectations, and the order in which checks run. Pure.
//!
//! `tests/smoke/*.yaml` → [`load::parse`] → [`CheckFile`]s → [`plan::expand`] → a [`Plan`] of concrete checks → [`run::Run`]
//! says what is ready; [`kinds::evaluate`] has a check look through an [`observer::Observer`], which somebody else provides, and
//! makes an [`Outcome`] of what it saw. Nothing here starts a program, reads a file, opens a socket or asks for the time.

pub mod command;
pub mod document;
pub mod event;
mod fields;
pub mod history;
pub mod kinds;
pub mod last_run;
pub mod load;
pub mod matcher;
pub mod observer;
pub mod outcome;
pub mod parts;
pub mod plan;
mod reply;
pub mod resources;
pub mod run;
pub mod spec;
pub mod template;
pub mod trace;
mod verdict;
pub mod yaml;

pub use event::SmokeEvent;
pub use load::parse;
pub use outcome::{Evidence, Outcome};
pub use plan::{Check, CheckId, CheckInfo, Plan, Selection, expand};
pub use run::Run;
pub use spec::CheckFile;

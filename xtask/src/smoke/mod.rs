//! The smoke engine: check specs, phases, expectations, and the order in which checks run. Pure.
//!
//! `tests/smoke/*.yaml` → [`load::parse`] → [`CheckFile`]s → [`plan::expand`] → a [`Plan`] of concrete checks → [`run::Run`]
//! says what is ready; somebody else looks at the system and hands back an [`Observation`]; [`judge::evaluate`] makes an
//! [`Outcome`] of it. Nothing here starts a program, reads a file, opens a socket or asks for the time.

mod decode;
pub mod document;
pub mod event;
mod fields;
pub mod judge;
pub mod kinds;
pub mod lan;
pub mod load;
pub mod matcher;
pub mod observation;
pub mod outcome;
pub mod parts;
pub mod plan;
pub mod resources;
pub mod run;
pub mod spec;
pub mod template;
mod verdict;
pub mod yaml;

pub use decode::KINDS;
pub use event::SmokeEvent;
pub use judge::evaluate;
pub use load::parse;
pub use observation::Observation;
pub use outcome::{Evidence, Outcome};
pub use plan::{Action, Check, CheckId, CheckInfo, Plan, Selection, expand};
pub use run::Run;
pub use spec::CheckFile;

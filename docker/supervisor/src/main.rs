//! Entry point of `agent-supervisor`; all else is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    agent_supervisor::main()
}

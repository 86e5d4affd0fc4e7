//! Labels by which everybody knows what on a host is a stack's.

/// On everything that is created: the stack's name.
pub const STACK: &str = "ai-system.stack";
/// On what is created for a running stack: the folder of the checkout that it was created from. Images have none: they are the same
/// wherever they are built, and go to other hosts.
pub const CHECKOUT: &str = "ai-system.checkout";
/// On what is created for a machine: the machine's name.
pub const MACHINE: &str = "ai-system.machine";
/// On a group's pod and container: the group's name.
pub const GROUP: &str = "ai-system.group";
/// On what an engine other than Podman runs or keeps: which one. Podman's own have none.
pub const ENGINE: &str = "ai-system.engine";
/// Docker, as that label has it.
pub const DOCKER: &str = "docker";

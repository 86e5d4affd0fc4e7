//! Documentation of the rules of `stack/`: the stack's own validation finds what they say, whatever command loads it.

use crate::audit::rule::rules;

rules! {
    /// Finds addresses that two groups of a network, or two machines, share.
    ///
    /// The second container cannot be created, or answers for the first.
    ///
    /// Give each group and machine an address of its own.
    ADDRESS_CLASH = "stack/address-clash", Error, High, "two users of one address";

    /// Finds groups whose address does not lie in the subnet of their machine's network.
    ///
    /// Podman refuses to create the container.
    ///
    /// Take an address of the subnet.
    ADDRESS_OUTSIDE_SUBNET = "stack/address-outside-subnet", Error, High, "a group's address outside its network";

    /// Finds groups with the network's own address, its broadcast address or its gateway's.
    ///
    /// The container cannot be created, or takes the gateway's place.
    ///
    /// Take another address of the subnet.
    ADDRESS_RESERVED = "stack/address-reserved", Error, High, "an address that no container may have";

    /// Finds agents that two groups, or one group twice, list.
    ///
    /// An agent runs once: two copies would fight for its ports.
    ///
    /// Leave it in one group.
    AGENT_IN_TWO_GROUPS = "stack/agent-in-two-groups", Error, High, "an agent in two groups";

    /// Finds `path_aliases:` whose name is a file or folder of the tree.
    ///
    /// In an image the alias becomes a link, and hides what is there.
    ///
    /// Remove the alias, or the path.
    ALIAS_COLLISION = "stack/alias-collision", Error, High, "a path alias that is a real path";

    /// Finds `path_aliases:` that lead to something that is not in the tree.
    ///
    /// The link in the images is broken, and with it every path through it.
    ///
    /// Correct the path, or remove the alias.
    ALIAS_TARGET = "stack/alias-target", Error, High, "a path alias that leads nowhere";

    /// Finds names of stacks, machines, groups and agents with characters that images, containers or hosts cannot have.
    ///
    /// Podman refuses them.
    ///
    /// Use letters, digits, `-`, `_` and `.`.
    BAD_NAME = "stack/bad-name", Error, High, "a name that cannot be used";

    /// Finds values of the right type that cannot be: a port above 65535, an image name without a registry, a path out of the tree.
    ///
    /// What is made from it would not work.
    ///
    /// Write a value that the message allows.
    BAD_VALUE = "stack/bad-value", Error, High, "a value out of its range";

    /// Finds agents whose port, on the loopback of a container that talks to them, belongs to somebody else there.
    ///
    /// Code that connects to that agent through localhost reaches the wrong one.
    ///
    /// Change one of the two ports.
    BRIDGE_PORT_CLASH = "stack/bridge-port-clash", Warning, High, "a loopback bridge whose port is taken";

    /// Finds groups that would overwrite each other's config in `config/`.
    ///
    /// One of them starts the other's agents.
    ///
    /// Write a `config_file:` of its own for one of them.
    CONFIG_FILE_CLASH = "stack/config-file-clash", Error, High, "two groups with one config file";

    /// Finds agents that wait for each other.
    ///
    /// One that waits for all its dependencies never starts. `up` starts the ring together, once what it needs from outside is ready.
    ///
    /// Open the ring: one of the agents must do without the other for a while.
    DEPENDENCY_CYCLE = "stack/dependency-cycle", Warning, High, "agents that depend on each other in a ring";

    /// Finds names that a startup config defines twice.
    ///
    /// Only the first is started, and which of the two is meant is a guess.
    ///
    /// Remove or rename one.
    DUPLICATE_AGENT = "stack/duplicate-agent", Error, High, "an agent defined twice on a machine";

    /// Finds YAML mappings with the same key twice.
    ///
    /// Parsers take the last one, silently.
    ///
    /// Remove one of them.
    DUPLICATE_KEY = "stack/duplicate-key", Error, High, "a key written twice";

    /// Finds groups that list no agents.
    ///
    /// Their containers have nothing to do.
    ///
    /// List an agent, or remove the group.
    EMPTY_GROUP = "stack/empty-group", Error, High, "a group without agents";

    /// Finds configs with bytes that are no UTF-8.
    ///
    /// They cannot be read.
    ///
    /// Save the file as UTF-8.
    ENCODING = "stack/encoding", Error, High, "a config that is not UTF-8";

    /// Finds agents with `file_path:` and no `script_path:`.
    ///
    /// The plan's supervisor reads `script_path`: it starts nothing for such an agent.
    ///
    /// Rename the key.
    FILE_PATH = "stack/file-path", Warning, High, "`file_path` where `script_path` is meant";

    /// Finds `${NAME}` in values of `environment:` and `params:`.
    ///
    /// Nothing fills it in: agents get these very characters. With a stack's own value in place of it, a startup config is left as it is.
    ///
    /// Write the value itself, or `$${NAME}` for the text `${NAME}`.
    INTERPOLATION = "stack/interpolation", Error, High, "a value that nothing fills in";

    /// Finds values of environment variables with a line break.
    ///
    /// They arrive as they are, by every way of starting a container. Who reads an environment line by line, as `env` prints it, takes
    /// what follows the break for another variable. One that begins with a space, a tab or a line break is refused or changed by the
    /// `podman kube play` of Podman 4.3.
    ///
    /// Put a text of several lines, as a key, into a file.
    LINE_BREAK = "stack/line-break", Warning, High, "a variable of several lines";

    /// Finds folders of `code:` that the tree does not have.
    ///
    /// The images of the machine cannot be built.
    ///
    /// Correct `code:`, or give the right tree with `--tree`.
    MISSING_CODE = "stack/missing-code", Error, High, "a code folder that is not there";

    /// Finds patterns of `include:` that bring nothing into any image: no file of the tree has such a path, or what has it is
    /// left out (by `exclude:`, as a secret, as what a tool left behind).
    ///
    /// The agents that open the file do not find it.
    ///
    /// Correct the pattern: it is one as `.gitignore` has them, relative to the tree. Name a secret that has to be there one by one.
    INCLUDE = "stack/include", Error, High, "an `include:` that brings nothing in";

    /// Finds agents that depend on a name which no startup config defines. With a declared fallback it is a warning.
    ///
    /// A supervisor that waits for it waits for ever.
    ///
    /// Define the agent, correct the name, or declare what stands in for it under `fallbacks:`.
    MISSING_DEPENDENCY = "stack/missing-dependency", Error, High, "a dependency that nothing defines";

    /// Finds `fallbacks:` whose script is not in the tree.
    ///
    /// Nothing stands in for the missing agent after all.
    ///
    /// Correct the path.
    MISSING_FALLBACK = "stack/missing-fallback", Error, High, "a stand-in that is not there";

    /// Finds mappings without a key that they need.
    ///
    /// Without it the agent, group or machine cannot be made.
    ///
    /// Add the key.
    MISSING_KEY = "stack/missing-key", Error, High, "a key that must be there";

    /// Finds groups whose requirements file the tree does not have.
    ///
    /// The group's image cannot be built.
    ///
    /// Add the file, or write `requirements:` of the group.
    MISSING_REQUIREMENTS = "stack/missing-requirements", Error, High, "a requirements file that is not there";

    /// Finds agents whose script the tree does not have.
    ///
    /// Python ends at once with "can't open file".
    ///
    /// Correct the path, or add the script.
    MISSING_SCRIPT = "stack/missing-script", Error, High, "an agent's script that is not there";

    /// Finds paths that match a file only if case is ignored.
    ///
    /// Linux tells the two apart: the file is not found.
    ///
    /// Write the path as the file is called.
    PATH_CASE = "stack/path-case", Error, High, "a path that differs in upper and lower case";

    /// Finds ports and health ports, written or implied, that two agents share: in one container, at one published address of their
    /// machine, or on the loopback of a container whose agents connect to both.
    ///
    /// In one container the second to bind the port fails; only one of two can be published or forwarded. Elsewhere a number may be
    /// used again: each container has a network of its own.
    ///
    /// Give every agent ports of its own; write `health_check_port:` where an implied one clashes.
    PORT_CLASH = "stack/port-clash", Error, High, "two users of one port";

    /// Finds ports below 1024 of agents, of their health sockets, and of the supervisor.
    ///
    /// In a container's own network the kernel lets only privileged processes bind them, and agents run without privileges: `bind` fails
    /// with `Permission denied`.
    ///
    /// Use a port from 1024 up.
    PRIVILEGED_PORT = "stack/privileged-port", Error, High, "a port that only a privileged process may bind";

    /// Finds `published_status_port:` that another group or a published agent has.
    ///
    /// The second pod cannot be created.
    ///
    /// Give each group one of its own.
    STATUS_PORT_CLASH = "stack/status-port-clash", Error, High, "a published status port that is taken";

    /// Finds machines whose networks share addresses.
    ///
    /// On one host Podman refuses to create the second.
    ///
    /// Choose subnets that do not overlap.
    SUBNET_OVERLAP = "stack/subnet-overlap", Error, High, "two networks that overlap";

    /// Finds configs that cannot be parsed.
    ///
    /// Nothing in them is known.
    ///
    /// Mend the line that the message names.
    SYNTAX = "stack/syntax", Error, High, "a config that is not valid YAML";

    /// Finds configs, or YAML aliases in them, that unfold to something huge.
    ///
    /// Reading them would take all memory.
    ///
    /// Split the file.
    TOO_LARGE = "stack/too-large", Error, High, "a config that is too large";

    /// Finds agents that a startup config defines and no group holds.
    ///
    /// They are never started. The audit predicts for them all the same.
    ///
    /// Add them to a group.
    UNGROUPED_AGENT = "stack/ungrouped-agent", Error, High, "an agent in no group";

    /// Finds names in groups that no startup config defines.
    ///
    /// There is nothing to start.
    ///
    /// Correct the name, or add the agent.
    UNKNOWN_AGENT = "stack/unknown-agent", Error, High, "a group names an agent that nothing defines";

    /// Finds keys that mean nothing: an error in the stack's own file, a warning in a startup config.
    ///
    /// Usually a typing error: what it should have set is not set.
    ///
    /// Correct or remove it.
    UNKNOWN_KEY = "stack/unknown-key", Error, High, "a key that nobody reads";

    /// Finds groups on a machine that the stack does not have.
    ///
    /// They are never started.
    ///
    /// Correct the name.
    UNKNOWN_MACHINE = "stack/unknown-machine", Error, High, "a machine that is not defined";

    /// Finds startup configs and trees that cannot be opened.
    ///
    /// Nothing in them is known.
    ///
    /// Correct the path or its permissions.
    UNREADABLE = "stack/unreadable", Error, High, "a file or folder of the stack that cannot be read";

    /// Finds networks with fewer addresses than groups: one whose `address:` is left out gets none.
    ///
    /// Its container cannot be created.
    ///
    /// Give the machine's network a larger subnet.
    NO_ADDRESS_LEFT = "stack/no-address-left", Error, High, "a network that is too small for its groups";

    /// Finds entries of `python_path:`, and of variables such as `PYTHONPATH`, `LD_LIBRARY_PATH` and `PATH` under `environment:`, that lie
    /// in a volume which agents can write.
    ///
    /// A volume is shared by the groups of a machine: what one agent leaves there, all others import or run.
    ///
    /// Import from folders that the images hold, or mount the volume read-only (`:ro`).
    WRITABLE_IMPORT = "stack/writable-import", Error, High, "code is taken from where agents write";

    /// Finds `fallbacks:` for names that are defined, or that nothing depends on.
    ///
    /// It suggests a gap where none is.
    ///
    /// Remove it.
    UNUSED_FALLBACK = "stack/unused-fallback", Warning, High, "a stand-in that is never used";

    /// Finds groups whose container has `capabilities:` or runs as `user: root`.
    ///
    /// What any of its agents does, or whoever takes one over, may be done with them: they weaken what keeps a container from its host.
    /// Whether that is worth it, the owner of the stack decides.
    ///
    /// Give them to as few groups as possible.
    WEAKER = "stack/weaker-isolation", Note, High, "a container that is kept apart less than the others";

    /// Finds values that are text where a number is meant, a list where a mapping is, and so on.
    ///
    /// They cannot be read.
    ///
    /// Write the type that the message names.
    WRONG_TYPE = "stack/wrong-type", Error, High, "a value of the wrong type";
}

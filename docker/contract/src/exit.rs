//! What the end of a process means, in words. Only what is known is said: "out of memory" needs the kernel's own count.

/// What is known beside the exit code or signal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Size of `/dev/shm` and what is used of it, in bytes.
    pub shared_memory: Option<(u64, u64)>,
    /// What the kernel counts of processes that it killed for want of memory.
    pub memory: Memory,
}

/// Whether the container's memory ran out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Memory {
    /// The kernel's count cannot be read here.
    #[default]
    Unknown,
    /// The count has not changed.
    Enough,
    /// The kernel killed a process of this container just now; with the container's limit in bytes.
    Out(Option<u64>),
}

/// What an exit code or a signal means; nothing where the number says it all, as for code 1.
#[must_use]
pub fn meaning(code: Option<i32>, signal: Option<i32>, facts: &Facts) -> Option<String> {
    match (code, signal) {
        (_, Some(number)) => of_signal(number, facts),
        (Some(code), None) => of_code(code, facts),
        (None, None) => None,
    }
}

fn of_code(code: i32, facts: &Facts) -> Option<String> {
    match code {
        0 => Some("the script ended without an error: it keeps nothing running".to_owned()),
        120 => Some("Python could not write out its output at the end: the disk is full or the pipe closed".to_owned()),
        126 => Some("a shell's code for a command that it found and may not execute".to_owned()),
        127 => Some("a shell's code for a command that it did not find".to_owned()),
        129..=192 => {
            let number = code - 128;
            let name = name(number)?;
            let meaning = of_signal(number, facts)?;
            let meaning = meaning.strip_prefix(name).unwrap_or(&meaning).trim_start_matches(": ");
            Some(format!(
                "128 + {number}: a process that it ran was ended by {name}; {meaning}"
            ))
        }
        _ => None,
    }
}

fn of_signal(number: i32, facts: &Facts) -> Option<String> {
    let name = name(number)?;
    let text = match number {
        1 => "its terminal or session was closed".to_owned(),
        2 => "interrupted, as by Ctrl-C".to_owned(),
        4 => {
            "an instruction that this CPU does not have: a package was built for another CPU (AVX and the like), or a \
              native library stopped itself"
                .to_owned()
        }
        5 => "a native library stopped itself".to_owned(),
        6 => "aborted by a native library or the interpreter itself, which as a rule says why on stderr".to_owned(),
        7 => bus(facts),
        8 => "a division by zero or the like in native code".to_owned(),
        9 => killed(facts),
        11 => {
            "a native library used memory that is not its own; `PYTHONFAULTHANDLER=1` in its environment makes Python \
               say where"
                .to_owned()
        }
        13 => "it wrote to a pipe or socket that nobody reads".to_owned(),
        15 => "told to end, and not by its supervisor".to_owned(),
        24 => "its limit of CPU time (RLIMIT_CPU) is used up".to_owned(),
        25 => "its limit of file size (RLIMIT_FSIZE) is reached".to_owned(),
        31 => "a system call that the container's seccomp profile forbids".to_owned(),
        _ => return Some(name.to_owned()),
    };
    Some(format!("{name}: {text}"))
}

fn bus(facts: &Facts) -> String {
    let always = "a mapped file shrank or could not be written";
    let Some((size, used)) = facts.shared_memory else {
        return format!("{always}, as when /dev/shm is full");
    };
    let (size_text, used_text) = (bytes(size), bytes(used));
    if size > 0 && used >= size / 10 * 9 {
        format!(
            "/dev/shm is full ({used_text} of {size_text} used): shared memory of multiprocessing, PyTorch's loaders and the \
             like is there; `--shm-size` of Podman and `shm_size:` of Compose make it larger"
        )
    } else {
        format!(
            "{always}, as when /dev/shm is full: it has {size_text}, and {used_text} of it are used now; `--shm-size` of \
             Podman and `shm_size:` of Compose make it larger"
        )
    }
}

fn killed(facts: &Facts) -> String {
    match facts.memory {
        Memory::Out(limit) => {
            let limit = limit.map_or_else(String::new, |limit| format!(" ({} for the whole container)", bytes(limit)));
            format!("out of memory: the kernel killed a process of this container at its memory limit{limit}")
        }
        Memory::Enough => {
            "not for the container's memory limit, by the kernel's count: somebody killed it, or the whole host ran out of \
             memory"
                .to_owned()
        }
        Memory::Unknown => "somebody killed it, or memory ran out: the kernel's count cannot be read here".to_owned(),
    }
}

/// The name of a signal on Linux, for x86-64 and ARM.
#[must_use]
pub fn name(number: i32) -> Option<&'static str> {
    const NAMES: [&str; 31] = [
        "SIGHUP",
        "SIGINT",
        "SIGQUIT",
        "SIGILL",
        "SIGTRAP",
        "SIGABRT",
        "SIGBUS",
        "SIGFPE",
        "SIGKILL",
        "SIGUSR1",
        "SIGSEGV",
        "SIGUSR2",
        "SIGPIPE",
        "SIGALRM",
        "SIGTERM",
        "SIGSTKFLT",
        "SIGCHLD",
        "SIGCONT",
        "SIGSTOP",
        "SIGTSTP",
        "SIGTTIN",
        "SIGTTOU",
        "SIGURG",
        "SIGXCPU",
        "SIGXFSZ",
        "SIGVTALRM",
        "SIGPROF",
        "SIGWINCH",
        "SIGIO",
        "SIGPWR",
        "SIGSYS",
    ];
    if (34..=64).contains(&number) {
        return Some("a real-time signal");
    }
    let index = usize::try_from(number.checked_sub(1)?).ok()?;
    NAMES.get(index).copied()
}

/// `64 MB`, `1.5 GB`.
fn bytes(count: u64) -> String {
    const MEGABYTE: u64 = 1024 * 1024;
    if count >= 1024 * MEGABYTE {
        let tenths = count / (102 * MEGABYTE + 419_430);
        return format!("{}.{} GB", tenths / 10, tenths % 10);
    }
    if count > 0 && count < MEGABYTE {
        return format!("{} kB", count.div_ceil(1024));
    }
    format!("{} MB", count.div_ceil(MEGABYTE))
}

#[cfg(test)]
mod tests {
    use super::{Facts, Memory, bytes, meaning, name};

    fn killed(memory: Memory) -> String {
        let facts = Facts {
            memory,
            ..Facts::default()
        };
        meaning(None, Some(9), &facts).unwrap()
    }

    #[test]
    fn out_of_memory_is_said_only_where_the_kernel_counted_it() {
        assert!(killed(Memory::Out(Some(512 << 20))).contains("out of memory"));
        assert!(killed(Memory::Out(Some(512 << 20))).contains("512 MB"));
        assert!(killed(Memory::Enough).starts_with("SIGKILL: not for the container's memory limit"));
        assert!(!killed(Memory::Unknown).contains("out of memory"));
        let code = meaning(
            Some(137),
            None,
            &Facts {
                memory: Memory::Out(None),
                ..Facts::default()
            },
        );
        let code = code.unwrap();
        assert!(
            code.starts_with("128 + 9: a process that it ran was ended by SIGKILL; out of memory"),
            "{code}"
        );
    }

    #[test]
    fn a_bus_error_names_shared_memory() {
        let facts = |used| Facts {
            shared_memory: Some((64 << 20, used)),
            ..Facts::default()
        };
        let full = meaning(None, Some(7), &facts(64 << 20)).unwrap();
        assert!(
            full.starts_with("SIGBUS: /dev/shm is full (64 MB of 64 MB used)"),
            "{full}"
        );
        let free = meaning(Some(135), None, &facts(0)).unwrap();
        assert!(free.contains("SIGBUS; a mapped file shrank"), "{free}");
        assert!(free.contains("it has 64 MB, and 0 MB of it are used now"), "{free}");
        assert!(free.contains("shm_size"), "{free}");
    }

    #[test]
    fn every_signal_has_a_name_and_codes_of_shells_a_meaning() {
        let facts = Facts::default();
        for number in (1..=31).chain(34..=64) {
            let said = meaning(None, Some(number), &facts).unwrap();
            assert!(said.starts_with(name(number).unwrap()), "{said}");
            let code = meaning(Some(128 + number), None, &facts).unwrap();
            assert!(code.contains(name(number).unwrap()), "{code}");
        }
        for (code, word) in [
            (126, "may not execute"),
            (127, "did not find"),
            (139, "SIGSEGV"),
            (134, "SIGABRT"),
        ] {
            assert!(meaning(Some(code), None, &facts).unwrap().contains(word), "{code}");
        }
        assert_eq!(meaning(Some(1), None, &facts), None);
        assert_eq!(meaning(Some(2), None, &facts), None);
        assert_eq!(meaning(None, None, &facts), None);
        assert_eq!(meaning(None, Some(i32::MIN), &facts), None);
        assert_eq!(meaning(Some(i32::MIN), Some(i32::MAX), &facts), None);
    }

    #[test]
    fn sizes_are_readable() {
        assert_eq!(bytes(64 << 20), "64 MB");
        assert_eq!(bytes(4096), "4 kB");
        assert_eq!(bytes(3 << 29), "1.5 GB");
    }
}

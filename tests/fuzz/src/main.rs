//! The program around one target, which the variable `FUZZ_TARGET` names: libFuzzer's `main` is the entry point.

#![no_main]

use std::sync::OnceLock;

use fuzz::Target;
use nix::sys::resource::{Resource, setrlimit};

/// All memory that an input may take: above it an allocation fails, and libFuzzer keeps the input that asked for it.
const MEMORY: u64 = 3 * 1024 * 1024 * 1024;

static TARGET: OnceLock<Target> = OnceLock::new();

libfuzzer_sys::fuzz_target!(
    init: {
        let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
        let Some(target) = fuzz::find(&name) else {
            panic!("FUZZ_TARGET names no target: `{name}`");
        };
        TARGET.get_or_init(|| target);
        if let Err(error) = setrlimit(Resource::RLIMIT_AS, MEMORY, MEMORY) {
            panic!("cannot limit memory: {error}");
        }
    },
    |bytes: &[u8]| {
        if let Some(target) = TARGET.get() {
            (target.run)(bytes);
        }
    }
);

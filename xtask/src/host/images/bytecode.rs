//! Bytecode of the tree's Python files. Agents run on a read-only root, so it belongs into their image.
//!
//! What was compiled once is kept in the work folder, by what it depends on: the interpreter, the path in the image, the
//! content. The rest is compiled by one process: this host's `python3` where its bytecode is that of the image's Python, else a
//! container of an image that has it.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::container::layout::ROOT;
use crate::host::podman::Podman;
use crate::host::system::files::{self, FileError};
use crate::host::system::process::{ProcessError, Program};
use crate::host::tree;
use crate::host::tree::root::{LONGEST_TEXT, TreeRoot};
use crate::images::digest::{Digest, Parts};

/// What compiles: it is given `[path, content]` pairs in base64, and prints its magic number with its cache tag, then a line
/// per file, empty where the file does not compile. `py_compile` in `unchecked-hash` mode does the same.
const COMPILER: &str = r#"
import base64, json, sys, warnings
import importlib.util as util
from importlib._bootstrap_external import _code_to_hash_pyc
warnings.simplefilter("ignore")
print(util.MAGIC_NUMBER.hex(), sys.implementation.cache_tag)
for path, content in json.load(sys.stdin):
    source = base64.b64decode(content)
    try:
        code = compile(source, path, "exec", dont_inherit=True)
        made = _code_to_hash_pyc(code, util.source_hash(source), False)
    except Exception:
        made = b""
    print(base64.b64encode(made).decode())
"#;

/// Files kept at the most; the oldest half goes where there are more.
const MOST_KEPT: usize = 40_000;

/// Longest time that compiling may take: what takes longer was made to.
const LIMIT: Duration = Duration::from_secs(300);

/// Bytecode by path of the Python file.
#[derive(Debug, Clone, Default)]
pub struct Bytecode {
    /// What the interpreter puts into the name of a bytecode file, `cpython-311`.
    pub tag: String,
    /// Files with the bytecode, by the tree's path of the source. What does not compile is not among them.
    pub files: BTreeMap<String, PathBuf>,
}

/// Why there is no bytecode.
#[derive(Debug, thiserror::Error)]
pub enum BytecodeError {
    /// The interpreter could not be run.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// It printed something else.
    #[error("`{interpreter}` printed what is no bytecode: {line}")]
    Answer {
        /// The program.
        interpreter: String,
        /// What it printed.
        line: String,
    },
}

/// An interpreter whose bytecode can be read by another of the same magic number.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Interpreter {
    magic: String,
    tag: String,
}

impl Interpreter {
    fn read(line: &str) -> Option<Self> {
        let (magic, tag) = line.trim().split_once(' ')?;
        let hexadecimal = magic.len() == 8 && magic.bytes().all(|byte| byte.is_ascii_hexdigit());
        hexadecimal.then(|| Self {
            magic: magic.to_owned(),
            tag: tag.to_owned(),
        })
    }
}

/// Where bytecode is kept, and who makes it.
#[derive(Debug)]
pub struct Compiler<'a> {
    /// Folder of the kept bytecode.
    pub cache: PathBuf,
    /// Podman, for an interpreter that this host does not have.
    pub podman: &'a Podman,
    /// An image that has the interpreter.
    pub image: &'a str,
    /// Digest of what that interpreter comes from.
    pub python: &'a str,
}

impl Compiler<'_> {
    /// Bytecode of files of the tree; each is a path with the digest of its content and the path that holds the content.
    ///
    /// # Errors
    /// When no interpreter can be run, or a file cannot be read or written.
    pub fn compile(
        &self,
        tree: &TreeRoot,
        sources: &BTreeMap<String, (String, Digest)>,
    ) -> Result<Bytecode, BytecodeError> {
        let remembered = self.cache.join("interpreters").join(self.python);
        let known = std::fs::read_to_string(&remembered)
            .ok()
            .and_then(|line| Interpreter::read(&line));
        let interpreter = match known {
            Some(interpreter) => interpreter,
            None => {
                let (interpreter, _) = self.in_container(&[])?;
                let line = format!("{} {}", interpreter.magic, interpreter.tag);
                files::write(&remembered, line.as_bytes(), false)?;
                interpreter
            }
        };
        let place = |path: &str, digest: &str| {
            let key = Parts::new()
                .add("magic", &interpreter.magic)
                .add("path", path)
                .add("content", digest)
                .finish();
            self.cache.join(&key[..2]).join(&key[2..])
        };
        let places: BTreeMap<&String, PathBuf> = sources
            .iter()
            .map(|(path, (_, digest))| (path, place(path, digest)))
            .collect();
        let missing: Vec<&String> = places
            .iter()
            .filter(|(_, place)| !place.exists())
            .map(|(path, _)| *path)
            .collect();
        if !missing.is_empty() {
            let mut work = Vec::new();
            let mut compiled = Vec::new();
            for path in missing {
                let Some((file, digest)) = sources.get(path) else {
                    continue;
                };
                let mut unchanged = tree::unchanged(tree, file, digest)?;
                // What nobody wrote by hand is left to the interpreter that imports it.
                if unchanged.length() > LONGEST_TEXT {
                    continue;
                }
                let mut content = Vec::new();
                unchanged
                    .read_to_end(&mut content)
                    .map_err(FileError::on("use", &tree.path().join(file)))?;
                work.push((format!("{ROOT}/{path}"), STANDARD.encode(content)));
                compiled.push(path);
            }
            let made = match self.on_host(&work, &interpreter) {
                Some(made) => made,
                None => self.in_container(&work)?.1,
            };
            for (path, bytecode) in compiled.into_iter().zip(made) {
                if let Some(place) = places.get(path) {
                    files::write_unsynced(place, &bytecode)?;
                }
            }
            self.forget_oldest()?;
        }
        let files = places
            .into_iter()
            .filter(|(_, place)| place.metadata().is_ok_and(|metadata| metadata.len() > 0))
            .map(|(path, place)| (path.clone(), place))
            .collect();
        Ok(Bytecode {
            tag: interpreter.tag,
            files,
        })
    }

    /// With this host's `python3`; nothing where there is none, or one whose bytecode is another.
    fn on_host(&self, work: &[(String, String)], wanted: &Interpreter) -> Option<Vec<Vec<u8>>> {
        let program = Program::new("python3")
            // Not `-I`, with which the hash seed is another each time, and so the bytecode. Nothing of the tree is below `/`.
            .args(["-S", "-s", "-B", "-c", COMPILER])
            .env_remove("PYTHONPATH")
            .env_remove("PYTHONHOME")
            .env("PYTHONHASHSEED", "0")
            .folder("/")
            .limit(LIMIT);
        let (interpreter, made) = run(program, work).ok()?;
        (interpreter == *wanted).then_some(made)
    }

    fn in_container(&self, work: &[(String, String)]) -> Result<(Interpreter, Vec<Vec<u8>>), BytecodeError> {
        let program = self
            .podman
            .command()
            .args([
                "run",
                "--rm",
                "--interactive",
                "--network=none",
                "--read-only",
                "--pull=never",
                "--cap-drop=all",
                "--security-opt=no-new-privileges",
            ])
            .args([
                "--env=PYTHONHASHSEED=0",
                "--env=PYTHONPATH=",
                "--workdir=/",
                "--entrypoint=python3",
            ])
            .arg(self.image)
            .args(["-S", "-s", "-B", "-c", COMPILER])
            .limit(LIMIT)
            .whole();
        run(program, work)
    }

    fn forget_oldest(&self) -> Result<(), FileError> {
        let mut kept = Vec::new();
        for entry in walkdir::WalkDir::new(&self.cache).into_iter().flatten() {
            if let (true, Ok(metadata)) = (entry.file_type().is_file(), entry.metadata()) {
                kept.push((metadata.modified().ok(), entry.into_path()));
            }
        }
        if kept.len() <= MOST_KEPT {
            return Ok(());
        }
        kept.sort();
        for (_, path) in kept.iter().take(kept.len() / 2) {
            std::fs::remove_file(path).map_err(FileError::on("remove", path))?;
        }
        Ok(())
    }
}

fn run<T: Serialize>(program: Program, work: &[T]) -> Result<(Interpreter, Vec<Vec<u8>>), BytecodeError> {
    let wrong = |line: &str| BytecodeError::Answer {
        interpreter: program.command_line().lines().next().unwrap_or_default().to_owned(),
        line: line.to_owned(),
    };
    let input = serde_json::to_vec(work).map_err(|error| wrong(&error.to_string()))?;
    let printed = program.clone().input(input).read()?;
    let mut lines = printed.lines();
    let first = lines.next().unwrap_or_default();
    let interpreter = Interpreter::read(first).ok_or_else(|| wrong(first))?;
    let made = lines
        .map(|line| STANDARD.decode(line).map_err(|error| wrong(&error.to_string())))
        .collect::<Result<Vec<_>, _>>()?;
    if made.len() != work.len() {
        return Err(wrong(&format!("{} lines for {} files", made.len(), work.len())));
    }
    Ok((interpreter, made))
}

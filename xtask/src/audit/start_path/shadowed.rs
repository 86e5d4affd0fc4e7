//! Files of the tree that stand in front of modules which the standard library itself imports: `queue.py`, `random.py`.

use std::rc::Rc;

use pysrc::{Call, Span};
use rustc_hash::FxHashSet as HashSet;

use super::failure::{Flow, Words};
use super::reuse::using;
use super::walk::Walker;
use crate::finding::Subject;
use crate::python::imports::resolve::Target;
use crate::python::imports::stdlib;

/// The minor version of Python whose standard library is known so well.
const KNOWN: u8 = 11;

/// A function or class, the module that it imports, and attributes of modules that it uses.
type WhenCalled = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

/// What functions and classes import when they are first used, and which attributes of what they import they use then.
const WHEN_CALLED: &[WhenCalled] = &[
    (
        "concurrent.futures.ThreadPoolExecutor",
        "concurrent.futures.thread",
        &[("queue", "SimpleQueue")],
    ),
    (
        "concurrent.futures.ProcessPoolExecutor",
        "concurrent.futures.process",
        &[("queue", "Queue")],
    ),
    ("datetime.datetime.strptime", "_strptime", &[("calendar", "day_abbr")]),
    ("time.strptime", "_strptime", &[("calendar", "day_abbr")]),
    ("multiprocessing.Queue", "multiprocessing.queues", &[]),
    ("multiprocessing.JoinableQueue", "multiprocessing.queues", &[]),
    ("multiprocessing.SimpleQueue", "multiprocessing.queues", &[]),
    (
        "multiprocessing.Pool",
        "multiprocessing.pool",
        &[("queue", "SimpleQueue")],
    ),
    ("multiprocessing.Manager", "multiprocessing.managers", &[]),
    ("multiprocessing.Pipe", "multiprocessing.connection", &[]),
    ("multiprocessing.Lock", "multiprocessing.synchronize", &[]),
    ("multiprocessing.RLock", "multiprocessing.synchronize", &[]),
    ("multiprocessing.Event", "multiprocessing.synchronize", &[]),
    ("multiprocessing.Condition", "multiprocessing.synchronize", &[]),
    ("multiprocessing.Semaphore", "multiprocessing.synchronize", &[]),
    ("multiprocessing.Value", "multiprocessing.sharedctypes", &[]),
    ("multiprocessing.Array", "multiprocessing.sharedctypes", &[]),
];

/// A package, modules of the standard library that importing it always imports, and names that it takes of such modules itself;
/// whether as attributes.
type ByPackage = (
    &'static str,
    &'static [&'static str],
    &'static [(&'static str, &'static str, bool)],
);

/// Much used packages, in all versions that are around.
const BY_PACKAGE: &[ByPackage] = &[
    ("requests", &["http.cookiejar"], &[("queue", "LifoQueue", true)]),
    ("urllib3", &["http.client"], &[("queue", "LifoQueue", true)]),
    ("httpx", &["http.cookiejar"], &[]),
    ("aiohttp", &["http.cookies"], &[]),
    ("redis", &["socket"], &[("queue", "LifoQueue", false)]),
    ("fastapi", &["http.cookies"], &[]),
    ("flask", &["http.client"], &[]),
];

/// Which files of the tree stand in front of such modules, for a number of searched folders.
#[derive(Debug, Default)]
pub struct Shadows {
    searched: usize,
    names: Rc<HashSet<&'static str>>,
    /// Modules of the standard library that were imported.
    seen: HashSet<&'static str>,
}

impl Walker<'_> {
    fn shadowing(&mut self) -> Rc<HashSet<&'static str>> {
        let searched = self.raw_search.roots.len();
        if self.shadows.searched != searched {
            let here = |name: &&str| {
                self.raw_search.view.has_name(name)
                    && matches!(self.raw_search.absolute(name).first(), Some(first) if matches!(first.target, Target::File { .. }))
            };
            self.shadows.names = Rc::new(stdlib::imported().filter(here).collect());
            self.shadows.searched = searched;
        }
        Rc::clone(&self.shadows.names)
    }

    /// Whether no file of the tree stands in front of such a module.
    pub fn is_shadowed_by_nothing(&mut self) -> bool {
        self.shadowing().is_empty()
    }

    /// A module of the standard library is imported, and those that it needs: some may be files of the tree.
    pub fn import_standard(&mut self, module: &str, span: Span) -> Result<(), Flow> {
        let shadowing = self.shadowing();
        if !shadowing.is_empty() {
            self.uses_own(using::OWN);
        }
        let known = stdlib::with_imports(module).filter(|_| !shadowing.is_empty() && self.silent == 0);
        let Some(module) = known.filter(|module| self.shadows.seen.insert(*module)) else {
            return Ok(());
        };
        for needed in stdlib::imports(module) {
            let top = needed.module.split('.').next().unwrap_or(needed.module);
            let found = match shadowing.contains(top) {
                true => self.take_of_tree(module, &needed, span),
                false => self.import_with_parents(needed.module, span),
            };
            if let Err(flow) = found {
                self.shadows.seen.remove(module);
                return Err(flow);
            }
        }
        Ok(())
    }

    /// A package is imported that is not of the tree: what it imports of the standard library may be a file of the tree.
    pub fn import_package(&mut self, package: &str, span: Span) -> Result<(), Flow> {
        let shadowing = self.shadowing();
        let found = BY_PACKAGE.iter().find(|(known, ..)| *known == package);
        let Some((package, modules, names)) = found.filter(|_| !shadowing.is_empty() && self.silent == 0) else {
            return Ok(());
        };
        self.uses_own(using::OWN);
        if self.version().minor != KNOWN || !self.shadows.seen.insert(package) {
            return Ok(());
        }
        let mut found = Ok(());
        for module in *modules {
            found = found.and_then(|()| self.import_with_parents(module, span));
        }
        for (module, name, attribute) in names.iter().filter(|(module, ..)| shadowing.contains(module)) {
            found = found.and_then(|()| self.load_modules(module, span).map(drop));
            let by = format!("`{package}`");
            found = found.and_then(|()| self.has_to_have(&by, (module, name, *attribute), span));
        }
        if found.is_err() {
            self.shadows.seen.remove(package);
        }
        found
    }

    fn import_with_parents(&mut self, module: &str, span: Span) -> Result<(), Flow> {
        let ends = module.match_indices('.').map(|(at, _)| at).chain([module.len()]);
        for end in ends {
            self.import_standard(module.get(..end).unwrap_or(module), span)?;
        }
        Ok(())
    }

    /// A module of the standard library imports a file of the tree.
    fn take_of_tree(&mut self, by: &str, needed: &stdlib::Needed, span: Span) -> Result<(), Flow> {
        let perhaps = self.version().minor != KNOWN;
        self.maybe += usize::from(perhaps);
        let mut found = self.load_modules(needed.module, span).map(drop);
        for (name, attribute) in needed.names() {
            let by = format!("the standard library's `{by}`");
            found = found.and_then(|()| self.has_to_have(&by, (needed.module, name, attribute), span));
        }
        self.maybe -= usize::from(perhaps);
        found.or_else(|flow| if perhaps { Ok(()) } else { Err(flow) })
    }

    fn has_to_have(&mut self, by: &str, (module, name, attribute): (&str, &str, bool), span: Span) -> Result<(), Flow> {
        let Some(id) = self.by_name.get(module).copied() else {
            return Ok(());
        };
        let submodule = format!("{module}.{name}");
        let open = self
            .modules
            .get(id)
            .is_none_or(|module| module.dynamic || !module.done || !module.stars.is_empty());
        let below = || match self.modules.target(id) {
            Some(target) => !matches!(self.lookup_below(target, &submodule, name), Target::Missing(_)),
            None => true,
        };
        let has = open
            || self.global(id, name).is_some()
            || self.by_name.contains_key(&submodule)
            || self.is_set_on_others(name)
            || self.may_be_replaced(id)
            || below();
        if has {
            return Ok(());
        }
        let path = match self.modules.target(id) {
            Some(Target::File { path, .. }) => path.clone(),
            _ => return Ok(()),
        };
        let (rule, exception, what) = match attribute {
            true => (
                "start/no-attribute",
                "AttributeError",
                format!("module '{module}' has no attribute '{name}'"),
            ),
            false => (
                "start/cannot-import-name",
                "ImportError",
                format!("cannot import name '{name}' from '{module}'"),
            ),
        };
        let message = format!("{what}: {by} finds `{path}` in place of the standard library's `{module}`");
        let words = Words::about(Subject::Path(path.clone()), message);
        let help = Some(format!("give `{path}` another name"));
        let here = self.here();
        Err(self.fail_at(here, span, rule, exception, words, help))
    }

    /// A name is imported that its package looks up only then.
    pub fn import_lazily(&mut self, name: &str, span: Span) -> Result<(), Flow> {
        match WHEN_CALLED.iter().find(|(callable, ..)| *callable == name) {
            Some((_, module, _)) => self.import_with_parents(module, span),
            None => Ok(()),
        }
    }

    /// Something of the standard library is called that imports more then.
    pub fn import_when_called(&mut self, call: &Call, name: &str) -> Flow {
        let Some((_, module, used)) = WHEN_CALLED.iter().find(|(callable, ..)| *callable == name) else {
            return Flow::Next;
        };
        let mut found = self.import_with_parents(module, call.span);
        for (needed, attribute) in *used {
            if self.shadowing().contains(needed) && self.version().minor == KNOWN {
                let by = format!("the standard library's `{module}`");
                found = found.and_then(|()| self.has_to_have(&by, (needed, attribute, true), call.span));
            }
        }
        found.err().unwrap_or(Flow::Next)
    }
}

//! Imports on the way: which modules run, and what is bound.

use pysrc::{Import, ImportKind, Span};

use super::assigned::SetElsewhere;
use super::constants::constant;
use super::failure::{Failure, Flow, Meant, Told, Words, classes};
use super::reuse::using;
use super::value::{ModuleId, V, Variable};
use super::walk::{Doubt, Walker};
use crate::finding::Subject;
use crate::python::imports::resolve::{Missing, Target, absolute_name, package_of};
use crate::python::imports::stdlib;
use crate::stack::near::{nearest, only};

/// Words about a module.
fn about(module: &str, message: String) -> Words {
    Words::about(Subject::Module(module.to_owned()), message)
}

/// Words about a name of a module.
fn about_name(name: &str, message: String) -> Words {
    Words::about(Subject::Name(name.to_owned()), message)
}

impl Walker<'_> {
    /// One import step.
    pub fn import(&mut self, index: u32) -> Flow {
        let here = self.here();
        let Some(import) = self.source(here).and_then(|source| source.imports.get(index as usize)) else {
            return Flow::Next;
        };
        if self.silent > 0 {
            self.bind_import(import, V::Unknown);
            return Flow::Next;
        }
        if let Some(call) = import.call
            && !self.imports_by_name(here, call)
        {
            return Flow::Next;
        }
        let package = self.package(here);
        let name = match absolute_name(import, &package) {
            Ok(name) => name,
            // A script may say itself which package it is of.
            Err(_) if package.is_empty() && self.names_its_package(here) => {
                self.bind_import(import, V::Unknown);
                return Flow::Next;
            }
            Err(error) => {
                return self.fail_at(
                    here,
                    import.span,
                    "start/module-not-found",
                    "ImportError",
                    error.to_string(),
                    None,
                );
            }
        };
        let loaded = match self.load_modules(&name, import.span) {
            Ok(loaded) => loaded,
            Err(flow) => return flow,
        };
        match (&import.kind, import.name.as_deref()) {
            (ImportKind::Call, _) => Flow::Next,
            (ImportKind::Module, _) | (_, None) => {
                // `import a.b` binds `a`, `import a.b as c` binds `a.b`.
                let bound = import
                    .binds
                    .and_then(|atom| self.source(here).map(|source| source.name(atom).to_owned()))
                    .unwrap_or_default();
                let top = name.split('.').next().unwrap_or(&name);
                let value = if bound == top && name.contains('.') {
                    self.module_value(top)
                } else {
                    loaded
                };
                self.bind_import(import, value);
                Flow::Next
            }
            (ImportKind::From, Some("*")) => self.star(import, &loaded, &name),
            (ImportKind::From, Some(wanted)) => self.from(import, &loaded, &name, wanted),
        }
    }

    /// Whether a call is one of the import machinery's own functions: a function of the tree may have such a name.
    fn imports_by_name(&self, here: ModuleId, call: u32) -> bool {
        let call = self.source(here).and_then(|source| source.calls.get(call as usize));
        call.is_some_and(|call| match self.evaluate(&call.callee) {
            V::Outside(name) => matches!(
                name.as_str(),
                "importlib.import_module" | "importlib.__import__" | "builtins.__import__"
            ),
            _ => false,
        })
    }

    /// Whether a module gives `__package__` or `__spec__` a value.
    fn names_its_package(&self, module: ModuleId) -> bool {
        self.source(module).is_some_and(|source| {
            let mut bindings = source.bindings.iter().map(|binding| source.name(binding.name));
            source.dynamic_names || bindings.any(|name| matches!(name, "__package__" | "__spec__"))
        })
    }

    fn package(&self, module: ModuleId) -> String {
        let own = self
            .source(module)
            .and_then(|source| source.atom("__package__"))
            .and_then(|atom| self.modules.global(module, atom))
            .filter(|variable| variable.sure);
        if let Some(V::Str(package)) = own.map(|variable| &variable.value) {
            return package.clone();
        }
        let Some(module) = self.modules.get(module) else {
            return String::new();
        };
        if module.name == "__main__" {
            self.uses_own(using::OWN);
            return self.main_package.clone();
        }
        let is_package = matches!(
            module.target,
            Target::File { package: Some(_), .. } | Target::Namespace(_)
        );
        package_of(&module.name, is_package).to_owned()
    }

    fn bind_import(&mut self, import: &Import, value: V) {
        if let Some(binds) = import.binds {
            self.store(binds, value, true);
        }
    }

    fn module_value(&self, name: &str) -> V {
        self.by_name
            .get(name)
            .map_or_else(|| V::Outside(name.to_owned()), |id| V::Module(*id))
    }

    /// Imports a module and those above it.
    pub fn load_modules(&mut self, name: &str, span: Span) -> Result<V, Flow> {
        let here = self.here();
        let mut value = V::Unknown;
        if self.may_be_another(name) {
            return Ok(value);
        }
        for step in self.lookup(name).iter() {
            match &step.target {
                Target::File { .. } | Target::Namespace(_) => {
                    let id = self.enter_module(&step.name, &step.target, here, span)?;
                    value = V::Module(id);
                }
                Target::Standard => {
                    self.import_standard(&step.name, span)?;
                    value = V::Outside(name.to_owned());
                }
                Target::Installed => {
                    self.import_package(&step.name, span)?;
                    value = V::Outside(name.to_owned());
                }
                Target::Missing(missing) => {
                    self.missing(&step.name, missing, here, span)?;
                    value = V::Outside(name.to_owned());
                }
            }
        }
        Ok(value)
    }

    /// Whether it is not known which module of that name is found first: the tree's, or one of the library or of another folder, where
    /// the order of the folders is not known, or somebody puts another one in its place.
    fn may_be_another(&self, name: &str) -> bool {
        let top = name.split('.').next().unwrap_or(name);
        if self.by_name.contains_key(top) {
            return false;
        }
        let loaded = self.lookup(top);
        let is_of_tree = loaded
            .first()
            .is_some_and(|first| matches!(first.target, Target::File { .. }));
        is_of_tree
            && stdlib::has(top, self.version())
            && (self.search_path.rearranged
                || self.search_path.anywhere
                || self.search_path.beyond
                || self.is_put_there(top))
    }

    fn enter_module(&mut self, name: &str, target: &Target, here: ModuleId, span: Span) -> Result<ModuleId, Flow> {
        let known = self.by_name.get(name).copied();
        if let Some(id) = known {
            let again = self.maybe == 0
                && self
                    .modules
                    .get(id)
                    .is_some_and(|module| module.conditional && module.done);
            if !again {
                return Ok(id);
            }
        }
        if let Some(file) = self.file_of(here) {
            self.chain.push((file, span));
        }
        let (id, flow) = match known {
            Some(id) => (id, self.execute_again(id)),
            None => self.execute_first(name, target),
        };
        self.chain.pop();
        match flow {
            Flow::Raised(_) | Flow::Exit => {
                self.by_name.remove(name);
                Err(flow)
            }
            Flow::Endless => Err(flow),
            Flow::Next | Flow::Return | Flow::Break | Flow::Continue => {
                self.bind_in_package(name, id);
                Ok(id)
            }
        }
    }

    /// A module that was imported on a way that may not be taken is imported on one that is.
    fn execute_again(&mut self, id: ModuleId) -> Flow {
        if !self.modules.clear_globals(id) {
            self.uses_own(using::OWN);
        }
        if let Some(module) = self.modules.get_mut(id) {
            module.conditional = self.maybe > 0;
            module.done = false;
        }
        self.execute_module(id)
    }

    /// A module is imported for the first time: it is followed, or was, for another agent that found the same.
    fn execute_first(&mut self, name: &str, target: &Target) -> (ModuleId, Flow) {
        let reuses = self.may_reuse(name);
        let id = self.number_of_module(name, target);
        if reuses && self.reuse(id) {
            return (id, Flow::Next);
        }
        let shared = self.shared;
        let claims = reuses && !self.is_recording();
        let claim = claims.then(|| shared.claim(id)).flatten();
        if claims && claim.is_none() && self.reuse(id) {
            return (id, Flow::Next);
        }
        if reuses {
            self.begin_recording();
        }
        self.add_module(id, name, target.clone());
        let flow = self.execute_module(id);
        if reuses {
            self.end_recording(id, flow);
        }
        drop(claim);
        (id, flow)
    }

    /// A submodule that was imported becomes a name of its package, which the package itself may use, too.
    fn bind_in_package(&mut self, name: &str, id: ModuleId) {
        let Some((package, last)) = name.rsplit_once('.') else {
            return;
        };
        let Some(package) = self.by_name.get(package).copied() else {
            return;
        };
        let atom = self.source(package).and_then(|source| source.atom(last));
        if let Some(atom) = atom {
            let may_differ = self.maybe > 0
                && self
                    .modules
                    .global(package, atom)
                    .is_some_and(|before| before.value != V::Module(id));
            let value = if may_differ { V::Unknown } else { V::Module(id) };
            self.modules.set_global(package, atom, Variable { value, sure: true });
        }
    }

    fn missing(&mut self, name: &str, missing: &Missing, here: ModuleId, span: Span) -> Result<(), Flow> {
        if self.is_put_there(name) {
            return Ok(());
        }
        let top = name.split('.').next().unwrap_or(name);
        if self.maybe > 0 && self.asks_for_module(here, top) {
            self.may_not_import();
            return Ok(());
        }
        match missing {
            Missing::Package(providers) => {
                let (message, help) = self.needs_package(name, providers);
                // It may be there after all: the image may be built from something else.
                let flow = self.fail_at(
                    here,
                    span,
                    "requirements/missing",
                    "ModuleNotFoundError",
                    about(name, message),
                    help,
                );
                self.told_of(flow, Told::Package(name.to_owned(), providers));
                self.may_be_optional(flow);
                self.may_not_import();
                Ok(())
            }
            Missing::NotAPackage => {
                let parent = name.rsplit_once('.').map_or(name, |(parent, _)| parent);
                if self.searches_elsewhere(parent) {
                    return Ok(());
                }
                let message = format!("No module named '{name}'; '{parent}' is not a package");
                Err(self.fail_at(
                    here,
                    span,
                    "start/module-not-found",
                    "ModuleNotFoundError",
                    about(name, message),
                    None,
                ))
            }
            Missing::Gone(minor) => {
                let message =
                    format!("No module named '{name}': it is gone from the standard library since Python 3.{minor}");
                self.not_found(here, span, about(name, message), None, self.may_be_found(name, top))
            }
            Missing::Unknown => {
                let words = Words {
                    detail: Some(self.searched()),
                    ..about(name, format!("No module named '{name}'"))
                };
                if name
                    .rsplit_once('.')
                    .is_some_and(|(parent, _)| self.searches_elsewhere(parent))
                {
                    return Ok(());
                }
                let last = name.rsplit('.').next().unwrap_or(name);
                let words = words.with_meant(last, self.only_module(name, top));
                let help = self.near_module(name, top);
                self.not_found(here, span, words, help, self.may_be_found(name, top))
            }
        }
    }

    /// Whether a module asks whether another is there before it imports it: `importlib.util.find_spec("name")`.
    fn asks_for_module(&self, here: ModuleId, name: &str) -> bool {
        let names = |source: &pysrc::Module| {
            let mut quotes = ['"', '\''].into_iter();
            quotes.any(|quote| source.text.contains(&format!("{quote}{name}{quote}")))
        };
        self.is_mentioned(&["find_spec", "find_loader"]) && self.source(here).is_some_and(names)
    }

    /// A module is not found; `perhaps`: it may be there after all.
    fn not_found(
        &mut self,
        here: ModuleId,
        span: Span,
        words: Words,
        help: Option<String>,
        perhaps: bool,
    ) -> Result<(), Flow> {
        self.maybe += usize::from(perhaps);
        let searched = words.detail.is_some();
        let flow = self.fail_at(here, span, "start/module-not-found", "ModuleNotFoundError", words, help);
        self.maybe -= usize::from(perhaps);
        if searched {
            self.told_of(flow, Told::Searched);
        }
        let optional = self.is_like_a_package(flow) && self.may_be_optional(flow);
        if !perhaps && !optional {
            return Err(flow);
        }
        self.may_not_import();
        Ok(())
    }

    /// Words about a package that requirements lack, and what mends it.
    fn needs_package(&self, name: &str, providers: &[&str]) -> (String, Option<String>) {
        let requirements = self.container_to_tell_of().requirements;
        let (message, to) = if requirements.pooled {
            (
                format!("`{name}` needs a package that no requirements file has"),
                "the requirements of the group that it belongs to".to_owned(),
            )
        } else {
            let file = requirements.shown();
            (format!("`{name}` needs a package that {file} does not have"), file)
        };
        let help = providers.first().map(|provider| format!("add `{provider}` to {to}"));
        (message, help)
    }

    /// Where a module was searched.
    fn searched(&self) -> String {
        let container = self.container_to_tell_of();
        format!(
            "searched {}, the standard library and the packages of {}",
            container.shown_roots(),
            container.requirements.shown()
        )
    }

    /// A failure's words are other words for another group.
    fn told_of(&mut self, flow: Flow, told: Told) {
        if let Flow::Raised(exception) = flow
            && let Some(failure) = exception.failure.and_then(|index| self.failures.get_mut(index))
        {
            failure.told = Some(told);
        }
    }

    /// Words of a failure that another agent met, for this agent.
    pub fn tell_of_requirements(&self, failure: &mut Failure) {
        match &failure.told {
            Some(Told::Package(name, providers)) => {
                (failure.message, failure.help) = self.needs_package(name, providers);
            }
            Some(Told::Searched) => failure.detail = Some(self.searched()),
            None => {}
        }
    }

    /// An import may have failed: where that is caught, the rest of the `try` may not run.
    fn may_not_import(&mut self) {
        let expected = classes("ModuleNotFoundError");
        if self.tries().iter().any(|around| self.catch(around, expected)) {
            self.doubt = Doubt::All;
        }
    }

    /// Whether a module that no search finds may be there all the same.
    fn may_be_found(&self, name: &str, top: &str) -> bool {
        // What the tree has below a package of its own, nothing else has.
        let parent = name
            .rsplit_once('.')
            .and_then(|(parent, _)| self.modules.target(*self.by_name.get(parent)?));
        let own = parent.is_some_and(|parent| matches!(parent, Target::File { .. }));
        let unknown_finder = self.is_mentioned(&["meta_path", "path_hooks", "zipimport"]);
        unknown_finder
            || (self.search_path.anywhere && self.is_somewhere(top))
            || (!own && (self.search_path.beyond || self.requirements_are_open()))
    }

    /// Whether something that a module imports may have put another object in its place: `recreate(__name__)`.
    pub fn may_be_replaced(&self, id: ModuleId) -> bool {
        let Some(source) = self.source(id) else {
            return false;
        };
        let package = self.package(id);
        source.replaces_others
            || source.imports.iter().any(|import| {
                let name = absolute_name(import, &package).ok();
                let below = name
                    .as_ref()
                    .zip(import.name.as_ref())
                    .map(|(name, wanted)| format!("{name}.{wanted}"));
                let mut used = name.iter().chain(&below).filter_map(|name| self.by_name.get(name));
                used.any(|used| self.source(*used).is_some_and(|source| source.replaces_others))
            })
    }

    /// Whether a package or module of the tree gives itself a path, or lets something else do so: its submodules may lie anywhere.
    fn searches_elsewhere(&self, package: &str) -> bool {
        let source = self.by_name.get(package).and_then(|id| self.source(*id));
        source.is_some_and(|source| source.atom("__path__").is_some() || source.replaces_itself || source.dynamic_names)
    }

    /// Whether a module that has run may have put a module of that name into `sys.modules`.
    fn is_put_there(&self, name: &str) -> bool {
        self.mentions("modules").iter().any(|mention| {
            let source = mention.source;
            source.text.contains("sys.modules")
                && [format!("\"{name}\""), format!("'{name}'")]
                    .iter()
                    .any(|quoted| source.text.contains(quoted.as_str()))
        })
    }

    /// Whether any folder of the tree has a module of that name.
    pub fn is_somewhere(&self, top: &str) -> bool {
        self.tree().files.iter().any(|file| {
            let mut parts = file.path.rsplit('/');
            let stem = parts.next().and_then(|name| name.strip_suffix(".py"));
            stem == Some(top) || parts.any(|folder| folder == top)
        })
    }

    /// The module of the standard library whose name was cut in its middle to this one.
    pub fn cut_short(&self, top: &str) -> Option<&'static str> {
        stdlib::modules(self.version())
            .filter(|known| known.starts_with(top) && top.len() >= 3)
            .min_by_key(|known| known.len())
    }

    /// The only module that one of that name can have been meant to be: beside it, of the standard library, or at the top of the tree.
    fn only_module(&self, name: &str, top: &str) -> Option<String> {
        let tree = self.tree();
        let (parent, last) = name.rsplit_once('.').unwrap_or(("", name));
        let folder = parent.replace('.', "/");
        let beside = tree.files.iter().filter_map(|file| {
            let (within, file) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
            let stem = file.strip_suffix(".py").filter(|stem| *stem != "__init__")?;
            let is_beside = !parent.is_empty() && (within == folder || within.ends_with(&format!("/{folder}")));
            (is_beside || name == top).then_some(stem)
        });
        let standard = stdlib::modules(self.version()).filter(|known| name == top && !known.contains('.'));
        let mut known: Vec<&str> = beside.collect();
        for name in standard {
            known.push(name);
        }
        only(last, known).map(str::to_owned)
    }

    fn near_module(&self, name: &str, top: &str) -> Option<String> {
        let tree = self.tree();
        let last = name.rsplit('.').next().unwrap_or(name);
        if name == top
            && let Some(known) = self.cut_short(top)
        {
            return Some(format!("probably cut short: the standard library has `{known}`"));
        }
        let wanted = format!("{last}.py");
        let elsewhere = tree.files.iter().map(|file| file.path.as_str()).find(|path| {
            path.rsplit('/').next() == Some(wanted.as_str())
                || path.contains(&format!("/{last}/"))
                || path.starts_with(&format!("{last}/"))
        });
        if let Some(path) = elsewhere {
            return Some(format!(
                "`{path}` exists, but in no folder of this group's import path: add its folder to `code:` or `python_path:` of its machine"
            ));
        }
        let mut candidates: Vec<&str> = Vec::new();
        for file in &tree.files {
            let stem = file.path.rsplit('/').next().and_then(|name| name.strip_suffix(".py"));
            candidates.extend(stem.filter(|stem| *stem != "__init__"));
        }
        if name == top {
            for known in stdlib::modules(self.version()) {
                candidates.push(known);
            }
        }
        nearest(last, candidates)
            .map(|near| format!("did you mean `{near}`? do not install a distribution for its name alone"))
    }

    fn star(&mut self, import: &Import, from: &V, name: &str) -> Flow {
        let here = self.here();
        if let V::Module(id) = from {
            let flow = self.listed(import, *id, name);
            if flow != Flow::Next {
                return flow;
            }
        }
        let Some(module) = self.modules.get_mut(here) else {
            return Flow::Next;
        };
        match from {
            V::Module(id) => module.stars.push(*id),
            _ => module.dynamic = true,
        }
        self.bind_again(here, from);
        Flow::Next
    }

    /// What a module has bound before gets another value where it imports everything of another one that has the name, too.
    fn bind_again(&mut self, here: ModuleId, from: &V) {
        let Some(source) = self.source(here) else {
            return;
        };
        for binding in &source.bindings {
            let (name, atom) = (source.name(binding.name), binding.name);
            if self.modules.global(here, atom).is_none() {
                continue;
            }
            let value = match from {
                V::Module(star) => self.global_by_star(*star, name, 0),
                V::Outside(module) if !name.starts_with('_') => {
                    let has = stdlib::names(module).is_some_and(|names| names.contains(name));
                    has.then_some(V::Unknown)
                }
                _ => None,
            };
            if let Some(value) = value {
                let sure = value != V::Unknown;
                let brought = Variable { value, sure };
                let brought = match self.modules.global(here, atom) {
                    Some(before) if self.maybe > 0 || self.skipping => Variable::either(before, brought),
                    _ => brought,
                };
                self.modules.set_global(here, atom, brought);
            }
        }
    }

    /// What `importlib.util.find_spec(name)` gives where there is no such module; nothing where that is not sure.
    pub fn no_spec(&self, name: &str) -> Option<V> {
        let top = name.split('.').next().filter(|top| !top.is_empty())?;
        let loaded = self.lookup(name);
        let (last, above) = loaded.split_last()?;
        // A package that nobody asks for may be there all the same.
        let missing = matches!(
            last.target,
            Target::Missing(Missing::Unknown | Missing::NotAPackage | Missing::Gone(_))
        ) && last.name == name
            && !self.is_put_there(name);
        let above = above
            .iter()
            .all(|step| matches!(step.target, Target::File { .. } | Target::Namespace(_)));
        (missing && above && !self.may_be_found(name, top)).then_some(V::None)
    }

    /// What `__all__` lists: submodules are imported, and each name has to be there.
    fn listed(&mut self, import: &Import, id: ModuleId, module: &str) -> Flow {
        let here = self.here();
        let Some(source) = self.source(id) else {
            return Flow::Next;
        };
        for listed in source.all.iter().flatten() {
            if self.global(id, listed).is_some() {
                continue;
            }
            let full = format!("{module}.{listed}");
            if self.by_name.contains_key(&full) {
                continue;
            }
            let parent = self.modules.target(id).cloned();
            let target = parent.map(|parent| self.lookup_below(&parent, &full, listed));
            if target == Some(Target::Installed) {
                if let Some(module) = self.modules.get_mut(here) {
                    module.dynamic = true;
                }
                continue;
            }
            if let Some(target @ (Target::File { .. } | Target::Namespace(_))) = target {
                if let Err(flow) = self.enter_module(&full, &target, here, import.span) {
                    return flow;
                }
                continue;
            }
            let elsewhere = source.atom(listed).is_some() || self.is_set_on_others(listed);
            let found_otherwise = || {
                let top = module.split('.').next().unwrap_or(module);
                self.searches_elsewhere(module) || self.may_be_found(&full, top) || self.may_be_replaced(id)
            };
            if elsewhere || self.modules.get(id).is_none_or(|module| module.dynamic) || found_otherwise() {
                continue;
            }
            let message = format!("module '{module}' has no attribute '{listed}', which its `__all__` lists");
            let help = Some(format!("bind `{listed}` there, or take it off `__all__`"));
            return self.fail_at(
                here,
                import.span,
                "start/no-attribute",
                "AttributeError",
                about_name(listed, message),
                help,
            );
        }
        Flow::Next
    }

    fn from(&mut self, import: &Import, loaded: &V, module: &str, wanted: &str) -> Flow {
        let here = self.here();
        match loaded {
            V::Module(id) => {
                let id = *id;
                if let Some(value) = self.global(id, wanted) {
                    self.bind_import(import, value);
                    return Flow::Next;
                }
                let full = format!("{module}.{wanted}");
                if let Some(known) = self.by_name.get(&full) {
                    let value = V::Module(*known);
                    self.bind_import(import, value);
                    return Flow::Next;
                }
                let parent = self.modules.target(id).cloned();
                let target = parent.map(|parent| self.lookup_below(&parent, &full, wanted));
                if let Some(target @ (Target::File { .. } | Target::Namespace(_))) = &target {
                    return match self.enter_module(&full, target, here, import.span) {
                        Ok(id) => {
                            self.bind_import(import, V::Module(id));
                            Flow::Next
                        }
                        Err(flow) => flow,
                    };
                }
                if target == Some(Target::Installed) {
                    self.bind_import(import, V::Outside(full));
                    return Flow::Next;
                }
                let top = module.split('.').next().unwrap_or(module);
                let is_package = matches!(
                    self.modules.target(id),
                    Some(Target::File { package: Some(_), .. } | Target::Namespace(_))
                );
                // A finder of somebody's own may have a submodule of that name.
                let found_otherwise = is_package && (self.searches_elsewhere(module) || self.may_be_found(&full, top));
                let dynamic = self.modules.get(id).is_some_and(|module| module.dynamic);
                if dynamic || found_otherwise || self.may_be_replaced(id) {
                    self.asks_for_name(id);
                    self.bind_import(import, V::Unknown);
                    return Flow::Next;
                }
                self.cannot_import(import, id, module, wanted)
            }
            V::Outside(name) => {
                let exact = self.version().minor == 11;
                let cut =
                    || stdlib::names(name).is_some_and(|names| names.iter().any(|known| known.starts_with(wanted)));
                let is_standard = stdlib::has(name.split('.').next().unwrap_or(name), self.version());
                let given = self.is_given_to(name, wanted);
                if is_standard && !given && stdlib::has_name(name, wanted) == Some(false) && (exact || cut()) {
                    let message = format!("cannot import name '{wanted}' from '{name}'");
                    let names = stdlib::names(name).into_iter().flatten().copied();
                    let mut starts: Vec<&str> = names.clone().filter(|known| known.starts_with(wanted)).collect();
                    starts.sort_unstable();
                    let only = only(wanted, names.clone()).map(str::to_owned);
                    let help = starts
                        .first()
                        .copied()
                        .or_else(|| nearest(wanted, names))
                        .map(|near| format!("did you mean `{near}`?"));
                    return self.fail_at(
                        here,
                        import.span,
                        "start/cannot-import-name",
                        "ImportError",
                        about_name(wanted, message).with_meant(wanted, only),
                        help,
                    );
                }
                let flow = self.lost_import(here, name, wanted, import.span);
                if flow != Flow::Next {
                    return flow;
                }
                let full = format!("{name}.{wanted}");
                if let Target::Missing(missing) = self.lookup_below(&Target::Installed, &full, wanted)
                    && !is_standard
                    && let Err(flow) = self.missing(&full, &missing, here, import.span)
                {
                    return flow;
                }
                if full.starts_with("concurrent.futures.")
                    && let Err(flow) = self.import_lazily(&full, import.span)
                {
                    return flow;
                }
                let value = constant(&full, self.version()).unwrap_or(V::Outside(full));
                self.bind_import(import, value);
                Flow::Next
            }
            _ => {
                self.bind_import(import, V::Unknown);
                Flow::Next
            }
        }
    }

    /// Whether a module looks for its names when somebody asks for them, and may import others then.
    fn looks_names_up(&self, id: ModuleId) -> bool {
        self.source(id).is_some_and(|source| {
            let function = |function: &pysrc::Function| {
                &*function.name == "__getattr__" && function.class.is_none() && function.outer.is_none()
            };
            source.functions.iter().any(function)
        })
    }

    /// A name of a module is asked for that it has not bound.
    pub fn asks_for_name(&mut self, id: ModuleId) {
        if self.looks_names_up(id) {
            self.set_elsewhere.insert(SetElsewhere::LookedUp);
        }
    }

    fn cannot_import(&mut self, import: &Import, id: ModuleId, module: &str, wanted: &str) -> Flow {
        let here = self.here();
        let partial = self
            .modules
            .get(id)
            .is_some_and(|module| !module.done && module.name != "__main__")
            && self.file_of(id).is_some();
        let path = match self.modules.target(id) {
            Some(Target::File { path, .. }) => format!(" (`{path}`)"),
            _ => String::new(),
        };
        let later = partial
            && self.source(id).is_some_and(|source| {
                source
                    .bindings
                    .iter()
                    .any(|binding| source.name(binding.name) == wanted)
            });
        // On a way that may not be taken, modules begin in an order that may not be theirs; so they do where a package looks for its names
        // when they are asked for.
        if later && (self.maybe > 0 || self.set_elsewhere.contains(&SetElsewhere::LookedUp)) {
            self.bind_import(import, V::Unknown);
            return Flow::Next;
        }
        let message = if later {
            format!(
                "cannot import name '{wanted}' from partially initialized module '{module}'{path}: a circular import"
            )
        } else {
            format!("cannot import name '{wanted}' from '{module}'{path}")
        };
        let meant = self.source(id).map_or_else(Meant::default, |source| {
            Meant::among(wanted, source.bindings.iter().map(|binding| source.name(binding.name)))
        });
        self.fail_at(
            here,
            import.span,
            "start/cannot-import-name",
            "ImportError",
            about_name(wanted, message).with_meant(wanted, meant.only.filter(|_| !later)),
            meant.help,
        )
    }

    /// A name of a module, through its star imports.
    pub fn global(&self, id: ModuleId, name: &str) -> Option<V> {
        self.global_through(id, name, 0)
    }

    fn global_through(&self, id: ModuleId, name: &str, depth: usize) -> Option<V> {
        let own = self
            .source(id)
            .and_then(|source| source.atom(name))
            .and_then(|atom| self.modules.global(id, atom));
        if let Some(variable) = own {
            return Some(variable.value.clone());
        }
        self.modules.target(id)?;
        if matches!(
            name,
            "__name__" | "__file__" | "__doc__" | "__dict__" | "__package__" | "__spec__" | "__path__"
        ) {
            return Some(V::Unknown);
        }
        if depth > 8 {
            return Some(V::Unknown);
        }
        let module = self.modules.get(id)?;
        let mut stars = module.stars.iter().rev();
        stars.find_map(|star| self.global_by_star(*star, name, depth))
    }

    /// What a name is that a module gets by importing everything of another one.
    fn global_by_star(&self, star: ModuleId, name: &str, depth: usize) -> Option<V> {
        let public = match self.source(star).and_then(|source| source.all.as_ref()) {
            Some(all) => all.iter().any(|public| &**public == name),
            None => !name.starts_with('_'),
        };
        let found = public.then(|| self.global_through(star, name, depth + 1)).flatten();
        let star = self.modules.get(star).filter(|_| public)?;
        let submodule = || {
            let below = !matches!(star.target, Target::File { package: None, .. });
            let full = below.then(|| format!("{}.{name}", star.name))?;
            self.by_name.get(&full).map(|id| V::Module(*id))
        };
        found.or_else(submodule).or(star.dynamic.then_some(V::Unknown))
    }
}

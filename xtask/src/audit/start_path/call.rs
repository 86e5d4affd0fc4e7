//! Calls: of the tree's own functions and classes, and of the few others whose effect matters.

use rustc_hash::FxHashMap as HashMap;

use pysrc::{Call, Function, Value};

use super::class::Lookup;
use super::value::{ModuleId, V, absolute, join, parent};
use super::walk::{Flow, Frame, Object, Variable, Walker};
use crate::audit::imports::view::FolderKind;
use crate::render::ROOT;

/// Arguments of a call, evaluated.
#[derive(Debug)]
pub struct Arguments {
    pub positional: Vec<V>,
    pub named: Vec<(String, V)>,
    /// Has `*args` or `**kwargs`: there may be more.
    pub open: bool,
}

impl Arguments {
    /// Whether there surely is one.
    pub fn are_some(&self) -> bool {
        !self.open && (!self.positional.is_empty() || !self.named.is_empty())
    }

    pub fn named(&self, name: &str) -> Option<&V> {
        self.named
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value)
    }
}

impl Walker<'_> {
    /// One call step.
    pub fn call(&mut self, index: u32) -> Flow {
        let here = self.here();
        let Some(call) = self.source(here).and_then(|source| source.calls.get(index as usize)) else {
            return Flow::Next;
        };
        let flow = self.nested_attribute(&call.callee, call.callee_span);
        if flow != Flow::Next {
            return flow;
        }
        let arguments = self.arguments(here, call);
        let callee = self.evaluate(&call.callee);
        let (value, flow) = self.apply(here, call, callee, &arguments);
        if let Some(frame) = self.frames.last_mut() {
            frame.results.insert(index, value);
        }
        flow
    }

    fn arguments(&self, here: ModuleId, call: &Call) -> Arguments {
        let name = |atom| {
            self.source(here)
                .map_or_else(String::new, |source| source.name(atom).to_owned())
        };
        Arguments {
            positional: call.arguments.iter().map(|value| self.evaluate(value)).collect(),
            named: call
                .keywords
                .iter()
                .map(|(keyword, value)| (name(*keyword), self.evaluate(value)))
                .collect(),
            open: call.star || call.double_star,
        }
    }

    fn apply(&mut self, here: ModuleId, call: &Call, callee: V, arguments: &Arguments) -> (V, Flow) {
        match callee {
            V::Function(module, function) => self.call_function(here, call, module, function, None, arguments),
            V::Method(module, function, of) => self.call_function(here, call, module, function, Some(*of), arguments),
            V::Class(module, class) => self.construct(here, call, module, class, arguments),
            V::Outside(name) => self.outside(here, call, &name, arguments),
            V::Bound(object, method) => self.method_of_unknown(here, call, *object, &method, arguments),
            V::None | V::Bool(_) | V::Int(_) | V::Float(_) | V::Str(_) | V::Concat(_) | V::List(_) | V::Dict(_) => {
                self.escape(arguments);
                (V::Unknown, self.not_callable(here, call, &callee))
            }
            _ => {
                self.escape(arguments);
                self.alive = true;
                (V::Unknown, Flow::Next)
            }
        }
    }

    /// A parser that is given away may get options that are not seen.
    pub fn escape(&mut self, arguments: &Arguments) {
        for value in arguments
            .positional
            .iter()
            .chain(arguments.named.iter().map(|(_, value)| value))
        {
            if let V::Parser(parser) = value
                && let Some(parser) = self.parsers.get_mut(*parser)
            {
                parser.unknown = true;
            }
            self.open_object(value);
        }
    }

    /// An object that is given away may get attributes that are not seen.
    fn open_object(&mut self, value: &V) {
        match value {
            V::Instance(id) => {
                if let Some(object) = self.objects.get_mut(*id) {
                    object.opened = true;
                }
            }
            V::Method(_, _, of) | V::Super(_, _, of) | V::Bound(of, _) => self.open_object(of),
            V::List(values) => values.iter().for_each(|value| self.open_object(value)),
            V::Dict(items) => items.iter().for_each(|(_, value)| self.open_object(value)),
            _ => {}
        }
    }

    pub fn call_function(
        &mut self,
        here: ModuleId,
        call: &Call,
        module: ModuleId,
        function: u32,
        of: Option<V>,
        arguments: &Arguments,
    ) -> (V, Flow) {
        let Some(source) = self.source(module) else {
            return (V::Unknown, Flow::Next);
        };
        let Some(facts) = source.functions.get(function as usize) else {
            return (V::Unknown, Flow::Next);
        };
        let owner_object = of.clone();
        let locals = match self.bind_arguments(module, facts, of, arguments) {
            Ok(locals) => locals,
            Err(problem) => {
                let owner = facts
                    .class
                    .and_then(|class| source.classes.get(class as usize))
                    .map_or_else(String::new, |class| format!("{}.", class.name));
                let message = format!("{owner}{}() {problem}", facts.name);
                let flow = self.fail_at(here, call.span, "start/argument-count", "TypeError", message, None);
                if let Some(failure) = self.failures.last_mut().filter(|_| flow != Flow::Next) {
                    failure.help = None;
                }
                return (V::Unknown, flow);
            }
        };
        let again = self
            .frames
            .iter()
            .filter(|frame| frame.module == module && frame.function == Some(function))
            .count();
        if facts.generator || again > 1 || !self.may_go_deeper() {
            self.escape(arguments);
            if let Some(object) = &owner_object {
                self.open_object(object);
            }
            return (V::Unknown, Flow::Next);
        }
        if let Some(file) = self.file_of(here) {
            self.chain.push((file, call.span));
        }
        self.frames.push(Frame {
            module,
            function: Some(function),
            in_class: false,
            locals,
            results: HashMap::default(),
            returned: None,
        });
        let flow = self.steps(&facts.body);
        let frame = self.frames.pop();
        self.chain.pop();
        match flow {
            Flow::Raised(_) | Flow::Exit | Flow::Endless => (V::Unknown, flow),
            Flow::Return => (frame.and_then(|frame| frame.returned).unwrap_or(V::Unknown), Flow::Next),
            Flow::Next | Flow::Loop => {
                let value = match frame.and_then(|frame| frame.returned) {
                    None => V::None,
                    Some(_) => V::Unknown,
                };
                (value, Flow::Next)
            }
        }
    }

    /// The locals that a call gives a function, or why it cannot be called so.
    fn bind_arguments(
        &self,
        module: ModuleId,
        facts: &Function,
        of: Option<V>,
        arguments: &Arguments,
    ) -> Result<HashMap<pysrc::Atom, Variable>, String> {
        let parameters = &facts.parameters;
        let source = self.source(module);
        let text = |atom| source.map_or("", |source| source.name(atom));
        let mut locals = HashMap::default();
        let values: Vec<V> = of.into_iter().chain(arguments.positional.iter().cloned()).collect();
        let most = parameters.positional as usize;
        if values.len() > most && parameters.star.is_none() {
            let plural = if most == 1 { "" } else { "s" };
            let verb = if values.len() == 1 { "was" } else { "were" };
            return Err(format!(
                "takes {most} positional argument{plural} but {} {verb} given",
                values.len()
            ));
        }
        for (parameter, value) in parameters.all.iter().take(most).zip(&values) {
            locals.insert(parameter.name, value.clone());
        }
        for (name, value) in &arguments.named {
            let known = parameters
                .all
                .iter()
                .skip(parameters.positional_only as usize)
                .find(|parameter| text(parameter.name) == name);
            match known {
                Some(parameter) if locals.contains_key(&parameter.name) => {
                    return Err(format!("got multiple values for argument '{name}'"));
                }
                Some(parameter) => {
                    locals.insert(parameter.name, value.clone());
                }
                None if parameters.double_star.is_some() => {}
                None => return Err(format!("got an unexpected keyword argument '{name}'")),
            }
        }
        let mut lacking = Vec::new();
        for parameter in &parameters.all {
            if locals.contains_key(&parameter.name) {
                continue;
            }
            if parameter.has_default && !arguments.open {
                // Defaults are evaluated in the module; what is simple is the same there.
                let value = match &parameter.default {
                    Some(Value::Int(number)) => V::Int(*number),
                    Some(Value::Str(text)) => V::Str(text.to_string()),
                    Some(Value::None) => V::None,
                    Some(Value::Bool(known)) => V::Bool(*known),
                    _ => V::Unknown,
                };
                locals.insert(parameter.name, value);
            } else {
                if !parameter.has_default && !arguments.open {
                    lacking.push(format!("'{}'", text(parameter.name)));
                }
                locals.insert(parameter.name, V::Unknown);
            }
        }
        if !lacking.is_empty() {
            let plural = if lacking.len() == 1 { "" } else { "s" };
            return Err(format!(
                "missing {} required argument{plural}: {}",
                lacking.len(),
                lacking.join(", ")
            ));
        }
        for star in parameters.star.iter().chain(&parameters.double_star) {
            locals.insert(*star, V::Unknown);
        }
        Ok(locals
            .into_iter()
            .map(|(name, value)| (name, Variable { value }))
            .collect())
    }

    fn construct(
        &mut self,
        here: ModuleId,
        call: &Call,
        module: ModuleId,
        class: u32,
        arguments: &Arguments,
    ) -> (V, Flow) {
        let Some(facts) = self
            .source(module)
            .and_then(|source| source.classes.get(class as usize))
        else {
            return (V::Unknown, Flow::Next);
        };
        let object = self.objects.len();
        self.objects.push(Object {
            module,
            class,
            attributes: HashMap::default(),
            opened: false,
        });
        let instance = V::Instance(object);
        // A metaclass of a class above decides what a call does, too.
        let by_metaclass = self.order(module, class).into_iter().flatten().any(|(module, class)| {
            self.source(module)
                .and_then(|source| source.classes.get(class as usize))
                .is_some_and(|facts| facts.unusual && facts.decorators.is_empty())
        });
        if facts.unusual
            || by_metaclass
            || !matches!(
                self.find_method(module, class, "__new__"),
                Lookup::NotThere | Lookup::Unknown
            )
        {
            self.escape(arguments);
            self.alive = true;
            return (V::Unknown, Flow::Next);
        }
        if let Some(message) = self.abstract_methods(module, class)
            && !self.set_from_outside("__abstractmethods__")
        {
            let flow = self.fail_at(here, call.span, "start/class-error", "TypeError", message, None);
            return (V::Unknown, flow);
        }
        let flow = match self.find_method(module, class, "__init__") {
            Lookup::Found(owner, function) => {
                self.call_function(here, call, owner, function, Some(instance.clone()), arguments)
                    .1
            }
            Lookup::NotThere if arguments.are_some() => {
                let message = format!("{}() takes no arguments", facts.name);
                self.fail_at(here, call.span, "start/argument-count", "TypeError", message, None)
            }
            Lookup::NotThere => Flow::Next,
            Lookup::Unknown => {
                self.escape(arguments);
                self.alive = true;
                Flow::Next
            }
        };
        (instance, flow)
    }

    /// `object.name`.
    pub fn attribute(&self, object: V, name: &str) -> V {
        match object {
            V::Module(id) => self.global(id, name).unwrap_or_else(|| {
                let full = self.modules.get(id).map(|module| format!("{}.{name}", module.name));
                full.and_then(|full| self.by_name.get(&full))
                    .map_or(V::Unknown, |id| V::Module(*id))
            }),
            V::Outside(dotted) if dotted == "builtins.super" => V::Unknown,
            V::Outside(dotted) => V::Outside(format!("{dotted}.{name}")),
            V::Instance(id) => {
                let Some(Object {
                    module,
                    class,
                    attributes,
                    ..
                }) = self.objects.get(id)
                else {
                    return V::Unknown;
                };
                if let Some(value) = attributes.get(name) {
                    return value.clone();
                }
                match self.find_method(*module, *class, name) {
                    Lookup::Found(owner, function) => self.method(owner, function, V::Instance(id), (*module, *class)),
                    Lookup::NotThere | Lookup::Unknown => self.class_attribute(*module, *class, name),
                }
            }
            V::Class(module, class) => match self.find_method(module, class, name) {
                Lookup::Found(owner, function) => {
                    let decorators = self.decorators(owner, function);
                    if decorators.is_empty() || decorators == ["staticmethod"] {
                        V::Function(owner, function)
                    } else if decorators == ["classmethod"] {
                        V::Method(owner, function, Box::new(V::Class(module, class)))
                    } else {
                        V::Unknown
                    }
                }
                Lookup::NotThere | Lookup::Unknown => self.class_attribute(module, class, name),
            },
            V::Super(module, class, of) => {
                let own = match &*of {
                    V::Instance(id) => self.objects.get(*id).map(|object| (object.module, object.class)),
                    V::Class(module, class) => Some((*module, *class)),
                    _ => None,
                };
                let Some((own_module, own_class)) = own else {
                    return V::Unknown;
                };
                let order = self.order(own_module, own_class);
                let Some(at) = order.iter().position(|entry| *entry == Some((module, class))) else {
                    return V::Unknown;
                };
                match self.find_among(&order[at + 1..], name) {
                    Lookup::Found(owner, function) => self.method(owner, function, *of, (own_module, own_class)),
                    Lookup::NotThere if name == "__init__" => V::Outside("builtins.object.__init__".to_owned()),
                    Lookup::NotThere | Lookup::Unknown => V::Unknown,
                }
            }
            V::Path(path) if name == "parent" => V::Path(parent(&path)),
            V::Parsed(parser) => self.parsed(parser, name),
            object @ (V::Unknown
            | V::Str(_)
            | V::Path(_)
            | V::Parser(_)
            | V::Thread(_)
            | V::List(_)
            | V::Dict(_)
            | V::Concat(_)
            | V::Bound(..)) => V::Bound(Box::new(object), name.to_owned()),
            _ => V::Unknown,
        }
    }

    pub fn decorators(&self, module: ModuleId, function: u32) -> Vec<&str> {
        self.source(module)
            .and_then(|source| source.functions.get(function as usize))
            .map(|facts| facts.decorators.iter().map(|decorator| &**decorator).collect())
            .unwrap_or_default()
    }

    fn method(&self, owner: ModuleId, function: u32, of: V, class: (ModuleId, u32)) -> V {
        match self.decorators(owner, function).as_slice() {
            [] | ["abstractmethod" | "abc.abstractmethod"] => V::Method(owner, function, Box::new(of)),
            ["staticmethod"] => V::Function(owner, function),
            ["classmethod"] => V::Method(owner, function, Box::new(V::Class(class.0, class.1))),
            _ => V::Unknown,
        }
    }

    fn class_attribute(&self, module: ModuleId, class: u32, name: &str) -> V {
        for (module, class) in self.order(module, class).into_iter().flatten() {
            let Some(source) = self.source(module) else {
                continue;
            };
            let found =
                source.attributes.iter().rev().find(|attribute| {
                    attribute.class == class && attribute.function.is_none() && &*attribute.name == name
                });
            if let Some(found) = found {
                return match &found.value {
                    Value::Int(number) => V::Int(*number),
                    Value::Str(text) => V::Str(text.to_string()),
                    Value::Name(name) => self.global(module, source.name(*name)).unwrap_or(V::Unknown),
                    _ => V::Unknown,
                };
            }
        }
        V::Unknown
    }

    fn outside(&mut self, here: ModuleId, call: &Call, name: &str, arguments: &Arguments) -> (V, Flow) {
        if matches!(name, "builtins.int" | "builtins.float" | "builtins.len") {
            let flow = self.conversion(here, call, name);
            if flow != Flow::Next {
                return (V::Unknown, flow);
            }
        }
        let first = arguments.positional.first();
        let text = |at: usize| arguments.positional.get(at).and_then(V::text);
        let value = match name {
            "builtins.super" => self.super_value(arguments),
            "builtins.object.__init__" => {
                if !arguments.are_some() {
                    V::None
                } else {
                    let message =
                        "object.__init__() takes exactly one argument (the instance to initialize)".to_owned();
                    return (
                        V::Unknown,
                        self.fail_at(here, call.span, "start/argument-count", "TypeError", message, None),
                    );
                }
            }
            "os.path.join" | "posixpath.join" => {
                let mut parts = arguments.positional.iter().map(V::text);
                let mut path = match parts.next() {
                    Some(Some(start)) => start.to_owned(),
                    _ => return (V::Unknown, Flow::Next),
                };
                for part in parts {
                    match part {
                        Some(part) => path = join(&path, part),
                        None => return (V::Unknown, Flow::Next),
                    }
                }
                V::Str(path)
            }
            "os.path.dirname" => text(0).map_or(V::Unknown, |path| V::Str(parent(path))),
            "os.path.abspath" | "os.path.realpath" | "os.path.normpath" => {
                text(0).map_or(V::Unknown, |path| V::Str(self.real(path, name == "os.path.realpath")))
            }
            "os.getcwd" => V::Str(ROOT.to_owned()),
            "pathlib.Path.cwd" => V::Path(ROOT.to_owned()),
            "pathlib.Path" | "pathlib.PurePath" | "pathlib.PosixPath" => match (first, text(0)) {
                (None, _) => V::Path(String::new()),
                (_, Some(path)) if arguments.positional.len() == 1 => V::Path(path.to_owned()),
                _ => V::Unknown,
            },
            "builtins.str" | "os.fspath" => match first {
                Some(V::Path(path) | V::Str(path)) => V::Str(path.clone()),
                Some(V::Int(number)) => V::Str(number.to_string()),
                _ => V::Unknown,
            },
            "builtins.int" => match first {
                Some(V::Int(number)) => V::Int(*number),
                Some(V::Str(text)) => text.trim().parse().map_or(V::Unknown, V::Int),
                _ => V::Unknown,
            },
            "os.makedirs" | "os.mkdir" => return (V::None, self.make_folder(here, call, text(0))),
            "builtins.open" | "io.open" | "codecs.open" => {
                let mode = arguments.positional.get(1).or(arguments.named("mode"));
                let writes = matches!(mode, Some(V::Str(mode)) if mode.contains(['w', 'a', 'x', '+']));
                let known = mode.is_none() || matches!(mode, Some(V::Str(_)));
                let path = text(0).or_else(|| arguments.named("file").and_then(V::text));
                return (V::Unknown, self.open(here, call, path.filter(|_| known), writes));
            }
            "logging.FileHandler"
            | "logging.handlers.RotatingFileHandler"
            | "logging.handlers.TimedRotatingFileHandler"
            | "logging.handlers.WatchedFileHandler" => {
                let lazy = matches!(arguments.named("delay"), Some(V::Bool(true)));
                let path = text(0).or_else(|| arguments.named("filename").and_then(V::text));
                return (V::Unknown, self.open(here, call, path.filter(|_| !lazy), true));
            }
            "logging.basicConfig" => {
                let path = arguments.named("filename").and_then(V::text);
                return (V::None, self.open(here, call, path, true));
            }
            "argparse.ArgumentParser" => self.new_parser(arguments),
            "threading.Thread" => self.new_thread(arguments),
            "builtins.setattr" => {
                self.escape(arguments);
                V::None
            }
            "sys.path.insert" | "sys.path.append" | "site.addsitedir" => {
                let at = usize::from(name == "sys.path.insert");
                self.path_edit(at, text(at).map(ToOwned::to_owned), arguments.positional.first());
                V::None
            }
            _ => {
                self.escape(arguments);
                if !is_harmless(name) {
                    self.alive = true;
                }
                V::Unknown
            }
        };
        (value, Flow::Next)
    }

    fn real(&self, path: &str, follow: bool) -> String {
        let path = absolute(path);
        match path.strip_prefix(ROOT).and_then(|below| below.strip_prefix('/')) {
            Some(below) if follow => format!("{ROOT}/{}", self.search.view.real(below)),
            _ => path,
        }
    }

    fn path_edit(&mut self, at: usize, path: Option<String>, index: Option<&V>) {
        let Some(path) = path else {
            // Modules may come from anywhere now; what is not found may be there.
            return;
        };
        let path = absolute(&path);
        let below = match path.strip_prefix(ROOT) {
            Some("") => String::new(),
            Some(below) => below.trim_start_matches('/').to_owned(),
            None => return,
        };
        if self.search.roots.contains(&below) && at == 0 {
            return;
        }
        if at == 1 && matches!(index, Some(V::Int(0..=1))) {
            self.search.roots.insert(0, below);
        } else {
            self.search.roots.push(below);
        }
    }

    fn super_value(&self, arguments: &Arguments) -> V {
        if let [V::Class(module, class), of] = arguments.positional.as_slice() {
            return V::Super(*module, *class, Box::new(of.clone()));
        }
        let Some(frame) = self.frames.last() else {
            return V::Unknown;
        };
        let Some(source) = self.source(frame.module) else {
            return V::Unknown;
        };
        let function = frame
            .function
            .and_then(|function| source.functions.get(function as usize));
        let Some((class, first)) =
            function.and_then(|function| Some((function.class?, function.parameters.all.first()?)))
        else {
            return V::Unknown;
        };
        match frame.locals.get(&first.name) {
            Some(variable) if arguments.positional.is_empty() => {
                V::Super(frame.module, class, Box::new(variable.value.clone()))
            }
            _ => V::Unknown,
        }
    }

    fn make_folder(&mut self, here: ModuleId, call: &Call, path: Option<&str>) -> Flow {
        let Some(path) = path else {
            return Flow::Next;
        };
        let path = absolute(path);
        match self.folder_kind(&path) {
            FolderKind::Missing => {
                let message =
                    format!("cannot make the folder `{path}`: the container's file system is read-only there");
                self.folder_failure(here, call, "OSError", message)
            }
            FolderKind::InVolume | FolderKind::Writable => {
                self.made.insert(path);
                Flow::Next
            }
            FolderKind::ReadOnly | FolderKind::Unknown => Flow::Next,
        }
    }

    fn folder_kind(&self, path: &str) -> FolderKind {
        match self.search.view.kind(path) {
            // Without all paths, a folder without Python files cannot be told from none.
            FolderKind::Missing if !self.search.view.tree.complete && path.starts_with(ROOT) => {
                let top = path
                    .trim_start_matches(ROOT)
                    .trim_start_matches('/')
                    .split('/')
                    .next()
                    .unwrap_or_default();
                if self.search.view.is_folder(top) {
                    FolderKind::Unknown
                } else {
                    FolderKind::Missing
                }
            }
            kind => kind,
        }
    }

    fn folder_failure(&mut self, here: ModuleId, call: &Call, class: &'static str, message: String) -> Flow {
        let volumes = self.search.view.volumes.join(", ");
        let help = Some(format!("writable are only {volumes} and /tmp"));
        self.fail_at(here, call.span, "start/missing-folder", class, message, help)
    }

    fn open(&mut self, here: ModuleId, call: &Call, path: Option<&str>, writes: bool) -> Flow {
        let Some(path) = path.filter(|path| !path.is_empty()) else {
            return Flow::Next;
        };
        let path = absolute(path);
        let folder = parent(&path);
        let made = self
            .made
            .iter()
            .any(|made| *made == folder || made.starts_with(&format!("{folder}/")));
        match (self.folder_kind(&folder), writes) {
            _ if made => Flow::Next,
            (FolderKind::Missing, _) => {
                let message = format!("opens `{path}`, and neither image nor volumes have the folder `{folder}`");
                self.folder_failure(here, call, "FileNotFoundError", message)
            }
            (FolderKind::ReadOnly, true) => {
                let message = format!("writes `{path}`, and the container's file system is read-only there");
                self.folder_failure(here, call, "OSError", message)
            }
            (FolderKind::ReadOnly, false) => self.read_file(here, call, &path),
            (FolderKind::Writable | FolderKind::InVolume, false) if path.starts_with("/tmp/") => {
                self.read_file(here, call, &path)
            }
            (FolderKind::Writable, true) => {
                self.made.insert(path);
                Flow::Next
            }
            (FolderKind::InVolume, true) => {
                self.maybe += 1;
                let message = format!("writes `{path}`, and nothing on the way makes the folder `{folder}`");
                let _ = self.folder_failure(here, call, "FileNotFoundError", message);
                self.maybe -= 1;
                Flow::Next
            }
            _ => Flow::Next,
        }
    }

    /// Reads a file of a folder that is there.
    fn read_file(&mut self, here: ModuleId, call: &Call, path: &str) -> Flow {
        let tree = self.search.view.tree;
        let below = path.strip_prefix(ROOT).and_then(|below| below.strip_prefix('/'));
        let there = match below {
            Some(below) => {
                let real = self.search.view.real(below);
                !tree.complete
                    || self.search.view.has(below)
                    || self.search.view.is_folder(below)
                    || (self.on_disk)(&real)
            }
            None => self.made.contains(path),
        };
        // Whoever takes one of several ways has looked.
        if there || self.maybe > 0 {
            return Flow::Next;
        }
        let message = format!("reads `{path}`, which is not there");
        let help = Some("add the file to the tree, or do without it where it is not there".to_owned());
        self.fail_at(
            here,
            call.span,
            "start/missing-file",
            "FileNotFoundError",
            message,
            help,
        )
    }

    fn method_of_unknown(
        &mut self,
        here: ModuleId,
        call: &Call,
        object: V,
        method: &str,
        arguments: &Arguments,
    ) -> (V, Flow) {
        match (&object, method) {
            (V::Thread(thread), "start" | "join") => {
                return (V::None, self.thread_method(here, call, *thread, method));
            }
            (V::Parser(parser), _) => return self.parser_method(here, call, *parser, method, arguments),
            (V::Path(path), "resolve" | "absolute") => {
                return (V::Path(self.real(path, method == "resolve")), Flow::Next);
            }
            (V::Path(path), "joinpath") => {
                let mut path = path.clone();
                for part in &arguments.positional {
                    match part.text() {
                        Some(part) => path = join(&path, part),
                        None => return (V::Unknown, Flow::Next),
                    }
                }
                return (V::Path(path), Flow::Next);
            }
            (V::Path(path), "mkdir") => {
                let path = path.clone();
                return (V::None, self.make_folder(here, call, Some(&path)));
            }
            (V::Path(path), "open" | "write_text" | "write_bytes" | "read_text" | "read_bytes") => {
                let writes = method.starts_with("write")
                    || matches!(arguments.positional.first(), Some(V::Str(mode)) if mode.contains(['w', 'a', 'x', '+']));
                let path = path.clone();
                return (V::Unknown, self.open(here, call, Some(&path), writes));
            }
            (V::Str(_) | V::Path(_) | V::List(_) | V::Concat(_), _) => return (V::Unknown, Flow::Next),
            (_, "bind") => {
                let flow = self.bind_socket(here, call, arguments);
                return (V::Unknown, flow);
            }
            (_, "connect") => {
                let flow = self.check_placeholder(here, call, arguments);
                return (V::Unknown, flow);
            }
            (_, "close" | "unbind" | "term" | "destroy") => {
                // A port may be free again; that it was bound stays true.
                for bind in &mut self.binds {
                    bind.conditional = true;
                }
            }
            (
                _,
                "recv" | "recv_string" | "recv_json" | "recv_multipart" | "recv_pyobj" | "poll" | "accept" | "join"
                | "wait" | "serve_forever" | "run_forever",
            ) => {
                self.alive = true;
                self.waiting = true;
            }
            _ => {}
        }
        self.escape(arguments);
        if !is_harmless_method(method) {
            self.alive = true;
        }
        (V::Unknown, Flow::Next)
    }
}

/// Whether a function of the standard library surely comes back, and leaves nothing running.
fn is_harmless(name: &str) -> bool {
    let top = name.split('.').next().unwrap_or(name);
    match top {
        "builtins" => !name.ends_with(".input"),
        "logging" | "json" | "typing" | "collections" | "dataclasses" | "enum" | "functools" | "re" | "datetime"
        | "random" | "abc" | "warnings" | "math" | "copy" | "uuid" | "hashlib" | "argparse" | "itertools"
        | "pathlib" | "string" | "textwrap" | "traceback" | "platform" | "locale" | "sys" | "shutil" | "glob"
        | "base64" | "io" | "inspect" | "types" | "operator" | "contextlib" | "statistics" | "tempfile" | "pickle"
        | "csv" | "configparser" | "sqlite3" => true,
        "os" => !matches!(
            name,
            "os.system" | "os.execv" | "os.execvp" | "os.fork" | "os.wait" | "os.popen"
        ),
        "time" => name != "time.sleep",
        "threading" => matches!(
            name,
            "threading.Lock" | "threading.RLock" | "threading.Event" | "threading.local"
        ),
        // Sockets alone keep no process running.
        "zmq" => !matches!(name, "zmq.proxy" | "zmq.proxy_steerable" | "zmq.device"),
        "yaml" | "numpy" | "dotenv" | "dateutil" => true,
        _ => false,
    }
}

fn is_harmless_method(method: &str) -> bool {
    matches!(
        method,
        "info"
            | "debug"
            | "warning"
            | "error"
            | "exception"
            | "critical"
            | "setLevel"
            | "addHandler"
            | "setFormatter"
            | "append"
            | "extend"
            | "add"
            | "get"
            | "items"
            | "keys"
            | "values"
            | "update"
            | "setdefault"
            | "format"
            | "join"
            | "split"
            | "strip"
            | "lower"
            | "upper"
            | "replace"
            | "encode"
            | "decode"
            | "startswith"
            | "endswith"
            | "setsockopt"
            | "setsockopt_string"
            | "socket"
            | "subscribe"
            | "bind"
            | "connect"
            | "register"
            | "close"
            | "hexdigest"
            | "exists"
            | "is_dir"
            | "is_file"
            | "mkdir"
            | "load"
            | "dump"
            | "read"
            | "write"
            | "compile"
            | "sub"
            | "match"
            | "search"
    )
}

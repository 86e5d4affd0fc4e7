//! Calls of what is not of the tree: the few functions and methods whose effect matters.

use pysrc::{Call, Taken, Value};

use super::arguments::Arguments;
use super::assigned::{Given, SetElsewhere};
use super::class::Lookup;
use super::condition::{ADDERS, PASSED_ON, REMOVERS, equal};
use super::constants::constant_result;
use super::content::Holder;
use super::failure::Flow;
use super::fold;
use super::library::LOGGER;
use super::object::made_by;
use super::operator::kind;
use super::paths;
use super::regular;
use super::text;
use super::value::{ModuleId, V, Variable, absolute};
use super::walk::Walker;
use crate::container::layout::ROOT;
use crate::python::imports::zmq;

/// A call of what is not of the tree.
#[derive(Clone, Copy)]
struct Called<'c> {
    /// The module that calls.
    here: ModuleId,
    call: &'c Call,
    /// What is called.
    name: &'c str,
    arguments: &'c Arguments,
}

impl<'c> Called<'c> {
    fn first(self) -> Option<&'c V> {
        self.arguments.positional.first()
    }

    /// An argument, where it is a text or a path.
    fn text(self, at: usize) -> Option<&'c str> {
        self.arguments.positional.get(at).and_then(V::text)
    }
}

impl Walker<'_> {
    pub fn outside(&mut self, here: ModuleId, call: &Call, name: &str, arguments: &Arguments) -> (V, Flow) {
        let called = Called {
            here,
            call,
            name,
            arguments,
        };
        if shows_names(name, arguments) {
            self.lose_names();
        }
        let flow = self.failing_call(called);
        self.serves(here, call, name, arguments);
        self.logs |= gives_handlers(name);
        self.surely_logs |=
            (gives_handlers(name) && !name.ends_with("Config") || name == "logging.basicConfig") && self.is_certain();
        if flow != Flow::Next {
            return (V::Unknown, flow);
        }
        let replaced = || name.rsplit('.').next().is_some_and(|last| self.is_set_on_others(last));
        if let Some(known) = constant_result(name)
            && !arguments.are_some()
            && !replaced()
        {
            return (known, Flow::Next);
        }
        let known = |value| (value, Flow::Next);
        self.path_function(called)
            .or_else(|| self.file_function(called))
            .or_else(|| self.library_object(called).map(known))
            .or_else(|| self.of_known_values(name, arguments).map(known))
            .or_else(|| self.builtin_value(called).map(known))
            .or_else(|| self.builtin_on_object(called))
            .or_else(|| self.search_path_edit(called).map(known))
            .unwrap_or_else(|| (self.other_function(called), Flow::Next))
    }

    /// What is wrong with a call, as far as that follows from the function and the arguments alone.
    fn failing_call(&mut self, called: Called<'_>) -> Flow {
        let Called {
            here,
            call,
            name,
            arguments,
        } = called;
        let mut flow = self.standard_call(here, call, name, arguments);
        let converts = name.starts_with("builtins.")
            || name == "asyncio.run"
            || (name == "time.sleep" && !self.is_set_on_others("sleep"));
        if flow == Flow::Next && converts {
            flow = self.conversion(here, call, name);
        }
        if flow == Flow::Next && self.silent == 0 {
            flow = self.import_when_called(call, name);
        }
        if flow == Flow::Next && self.silent == 0 {
            flow = self.library_call(here, call, name, arguments);
        }
        flow
    }

    /// Functions of paths and of the environment.
    fn path_function(&mut self, called: Called<'_>) -> Option<(V, Flow)> {
        let Called {
            here,
            call,
            name,
            arguments,
        } = called;
        let first = called.first();
        let text = |at| called.text(at);
        let value = match name {
            "os.path.basename" => text(0).map_or(V::Unknown, |path| V::Str(paths::base(path).to_owned())),
            "os.path.splitext" => text(0).map_or(V::Unknown, |path| {
                V::List(paths::split_ending(path).map(V::Str).to_vec())
            }),
            "os.path.expandvars" | "os.path.expanduser" => text(0).map_or(V::Unknown, |path| {
                let changed = if name == "os.path.expandvars" {
                    path.contains('$')
                } else {
                    path.starts_with('~')
                };
                // A text it is in any case.
                match changed {
                    false => V::Str(path.to_owned()),
                    true if name == "os.path.expandvars" => self.with_variables(path),
                    true => V::Concat(vec![V::Unknown]),
                }
            }),
            "os.path.normpath" => text(0).map_or(V::Unknown, |path| V::Str(paths::normal(path))),
            "os.path.join" | "posixpath.join" => {
                let mut parts = arguments.positional.iter().map(V::text);
                let mut path = match parts.next() {
                    Some(Some(start)) => start.to_owned(),
                    _ => return Some((V::Unknown, Flow::Next)),
                };
                for part in parts {
                    match part {
                        Some(part) => path = paths::join(&path, part),
                        None => return Some((V::Unknown, Flow::Next)),
                    }
                }
                V::Str(path)
            }
            "os.path.dirname" => text(0).map_or(V::Unknown, |path| V::Str(paths::folder(path).to_owned())),
            "os.path.abspath" | "os.path.realpath" => {
                let known = text(0).filter(|path| !self.is_elsewhere(path));
                known.map_or(V::Unknown, |path| V::Str(self.real(path, name == "os.path.realpath")))
            }
            "importlib.util.find_spec"
                if let [V::Str(name)] = arguments.positional.as_slice()
                    && !arguments.are_named()
                    && arguments.sure
                    && let Some(none) = self.no_spec(name) =>
            {
                none
            }
            "os.getenv" | "os.environ.get" => self.variable_of_environment(call).unwrap_or(V::Unknown),
            "os.path.exists" => self.exists(text(0)),
            "os.path.isfile" => self.is_file(text(0)),
            "os.path.isdir" => self.is_folder(text(0)),
            "os.path.isabs" => text(0).map_or(V::Unknown, |path| V::Bool(path.starts_with('/'))),
            "os.getcwd" if !self.moved => V::Str(ROOT.to_owned()),
            "pathlib.Path.cwd" if !self.moved => V::Path(ROOT.to_owned()),
            "pathlib.Path" | "pathlib.PurePath" | "pathlib.PosixPath" => match (first, text(0)) {
                (None, _) => V::Path(String::new()),
                (_, Some(path)) if arguments.positional.len() == 1 => V::Path(paths::of_text(path)),
                _ => V::Unknown,
            },
            "os.makedirs" | "os.mkdir" => return Some((V::None, self.make_folder(here, call, text(0)))),
            "os.chdir" => {
                self.moved = true;
                V::None
            }
            _ => return None,
        };
        Some((value, Flow::Next))
    }

    /// Functions that open files, or read them.
    fn file_function(&mut self, called: Called<'_>) -> Option<(V, Flow)> {
        let Called {
            here,
            call,
            name,
            arguments,
        } = called;
        let first = called.first();
        let text = |at| called.text(at);
        match name {
            "builtins.open" | "io.open" | "codecs.open" => {
                let mode = arguments.positional.get(1).or(arguments.named("mode"));
                let writes = matches!(mode, Some(V::Str(mode)) if mode.contains(['w', 'a', 'x', '+']));
                let known = mode.is_none() || matches!(mode, Some(V::Str(_)));
                let path = first.or_else(|| arguments.named("file")).filter(|_| known);
                let flow = self.open_value(here, call, path, writes);
                let plain = reads_as_written(mode, arguments.named("encoding")) && arguments.positional.len() <= 2;
                let opened = path.and_then(V::text).filter(|_| !writes && arguments.sure && plain);
                Some((opened.map_or(V::Unknown, |path| V::File(path.to_owned())), flow))
            }
            "json.load" | "json.loads" | "yaml.safe_load" => {
                // A function that is given, `object_hook=`, may make anything of it.
                if self.gives_functions(arguments) {
                    return None;
                }
                Some(match first {
                    Some(V::File(path) | V::Text(path)) => {
                        let path = path.clone();
                        self.parse_file(here, call, &path, name != "yaml.safe_load")
                    }
                    Some(V::Str(text)) if arguments.sure && name != "json.load" => {
                        (self.parsed_text(text, name != "yaml.safe_load"), Flow::Next)
                    }
                    _ => (V::Unknown, Flow::Next),
                })
            }
            "logging.FileHandler"
            | "logging.handlers.RotatingFileHandler"
            | "logging.handlers.TimedRotatingFileHandler"
            | "logging.handlers.WatchedFileHandler" => {
                let lazy = matches!(arguments.named("delay"), Some(V::Bool(true)));
                let path = first.or_else(|| arguments.named("filename")).filter(|_| !lazy);
                Some((V::Unknown, self.open_value(here, call, path, true)))
            }
            "logging.basicConfig" => Some((V::None, self.open_value(here, call, arguments.named("filename"), true))),
            "re.sub" => Some(self.substituted(here, call, arguments, None)),
            "sqlite3.connect" => {
                self.escape(arguments);
                Some((V::Unknown, self.open_database(here, call, text(0))))
            }
            _ => None,
        }
    }

    /// Objects of libraries whose methods are known.
    fn library_object(&mut self, called: Called<'_>) -> Option<V> {
        let Called { name, arguments, .. } = called;
        let first = called.first();
        Some(match name {
            "collections.namedtuple" | "typing.NamedTuple" => self.named_tuple(arguments),
            "zmq.Context" | "zmq.Context.instance" | "zmq.asyncio.Context" | "zmq.asyncio.Context.instance" => {
                self.escape(arguments);
                match name.starts_with("zmq.asyncio") {
                    true => V::Zmq(zmq::AWAITED_CONTEXT),
                    false => V::Zmq(zmq::CONTEXT),
                }
            }
            "argparse.ArgumentParser" => self.new_parser(arguments),
            "optparse.OptionParser" => self.new_option_parser(arguments),
            "threading.Thread" => self.new_thread(arguments),
            "threading.Thread.__init__" => {
                self.makes_thread(arguments);
                V::None
            }
            "threading.Timer" | "multiprocessing.Process" | "asyncio.to_thread" => {
                self.escape(arguments);
                self.kept_by(arguments);
                self.alive = true;
                V::Unknown
            }
            "copy.copy" | "copy.deepcopy" => match self.copied_by(name, arguments) {
                V::Unknown => return None,
                copy => copy,
            },
            "logging.getLogger" => V::Outside(LOGGER.to_owned()),
            "asyncio.get_running_loop" => V::Outside(LOOP.to_owned()),
            // What is made a task ends with what runs it.
            "asyncio.create_task" | "asyncio.ensure_future" | "asyncio.get_running_loop().create_task"
                if matches!(first, Some(V::Coroutine(_))) =>
            {
                let alive = self.alive;
                self.escape(arguments);
                self.alive = alive;
                V::Unknown
            }
            "re.compile" if arguments.positional.len() == 1 && !arguments.are_named() => match first {
                Some(V::Str(pattern)) => V::Pattern(pattern.clone()),
                _ => V::Outside("re.Pattern()".to_owned()),
            },
            "re.match" | "re.search" | "re.fullmatch" => {
                self.sure &= arguments.sure;
                match (arguments.positional.as_slice(), arguments.are_named()) {
                    ([V::Str(pattern), V::Str(text)], false) => {
                        regular::found(name.trim_start_matches("re."), pattern, text)
                    }
                    _ => V::Unknown,
                }
            }
            _ => return None,
        })
    }

    /// Built-in functions that give a value of values.
    fn builtin_value(&mut self, called: Called<'_>) -> Option<V> {
        let Called {
            call, name, arguments, ..
        } = called;
        let first = called.first();
        if let Some(known) = self.folded(called) {
            return Some(known);
        }
        Some(match name {
            "builtins.super" => self.super_value(arguments),
            "builtins.type"
                if let [V::Instance(id)] = arguments.positional.as_slice()
                    && arguments.sure
                    && !arguments.are_named() =>
            {
                self.class_of(*id)
            }
            "builtins.str" | "os.fspath" => match first {
                Some(V::Path(path)) if path.is_empty() => V::Str(".".to_owned()),
                Some(V::Path(path) | V::Str(path)) => V::Str(path.clone()),
                Some(V::Int(number)) => V::Str(number.to_string()),
                _ => V::Unknown,
            },
            "builtins.int" if !arguments.are_named() && arguments.positional.len() == 1 => match first {
                Some(V::Int(number)) => V::Int(*number),
                Some(V::Str(text)) => text.trim().parse().map_or(V::Unknown, V::Int),
                _ => V::Unknown,
            },
            "builtins.bool" => match first.and_then(|value| self.truth(value)) {
                Some(known) => V::Bool(known),
                None => V::Unknown,
            },
            "builtins.len" => match first {
                Some(V::Str(text)) => i64::try_from(text.chars().count()).map_or(V::Unknown, V::Int),
                Some(data @ (V::Mapping(_) | V::Sequence(_))) => match self.turns_of(data) {
                    Some(turns) => i64::try_from(turns.len()).map_or(V::Unknown, V::Int),
                    None => V::Unknown,
                },
                _ => self.number_of_parts(call).unwrap_or(V::Unknown),
            },
            "builtins.list" if let Some(parts) = self.parts_of_first(call, arguments) => V::List(parts),
            "builtins.sorted" if let Some(parts) = self.parts_of_first(call, arguments) => {
                fold::sorted(parts).map_or(V::Unknown, V::List)
            }
            "builtins.getattr" if arguments.sure => match arguments.positional.as_slice() {
                [V::Instance(id), V::Str(name), default] if self.has_attribute(*id, name) == Some(false) => {
                    default.clone()
                }
                [V::Instance(id), V::Str(name), _] if let Some(value) = self.certain_attribute(*id, name) => value,
                _ => return None,
            },
            "builtins.dict" if !arguments.open && arguments.sure => {
                match self.copied(&arguments.positional, &arguments.named) {
                    Some(copy) => copy,
                    None => {
                        self.escape(arguments);
                        V::Unknown
                    }
                }
            }
            "builtins.isinstance" if arguments.sure => match arguments.positional.as_slice() {
                [value, class] => self.is_instance(value, class).map_or(V::Unknown, V::Bool),
                _ => V::Unknown,
            },
            "builtins.hasattr" if arguments.sure => match arguments.positional.as_slice() {
                [V::Instance(id), V::Str(name)] => self.has_attribute(*id, name).map_or(V::Unknown, V::Bool),
                [V::Class(module, class), V::Str(name)] => {
                    self.class_has((*module, *class), name).map_or(V::Unknown, V::Bool)
                }
                [V::Outside(module), V::Str(name)] => self.module_has(module, name).map_or(V::Unknown, V::Bool),
                _ => V::Unknown,
            },
            "builtins.range" if arguments.sure && !arguments.open => range(&arguments.positional),
            _ => return None,
        })
    }

    /// What a built-in function gives of arguments that are known and stay what they are.
    fn folded(&self, called: Called<'_>) -> Option<V> {
        let Called {
            call, name, arguments, ..
        } = called;
        let name = name.strip_prefix("builtins.")?;
        if !arguments.sure || arguments.open || arguments.are_named() {
            return None;
        }
        match arguments.positional.as_slice() {
            [V::List(_)] => fold::call(name, &[V::List(self.parts_of_first(call, arguments)?)]),
            given => fold::call(name, given),
        }
    }

    /// The parts of the one argument of a call, where all of them are known.
    fn parts_of_first(&self, call: &Call, arguments: &Arguments) -> Option<Vec<V>> {
        let alone = arguments.positional.len() == 1 && !arguments.are_named();
        call.arguments
            .first()
            .filter(|_| alone)
            .and_then(|value| self.known_parts(value))
    }

    /// `len(…)` of a list, tuple, set or dictionary. Of values that may be the same, a set has one.
    fn number_of_parts(&self, call: &Call) -> Option<V> {
        const MOST: usize = 32;
        let parts = self.known_parts(call.arguments.first()?)?;
        let differ = |at: usize, part: &V| {
            let others = parts.iter().skip(at + 1);
            others.into_iter().all(|other| equal(part, other) == Some(false))
        };
        let all_differ = parts.len() <= MOST && parts.iter().enumerate().all(|(at, part)| differ(at, part));
        all_differ.then(|| i64::try_from(parts.len()).ok().map(V::Int))?
    }

    /// Built-in functions that look into an object, or change it.
    fn builtin_on_object(&mut self, called: Called<'_>) -> Option<(V, Flow)> {
        let Called {
            here,
            call,
            name,
            arguments,
        } = called;
        let first = called.first();
        let text = |at| called.text(at);
        let value = match name {
            "builtins.object.__init__" => {
                if !arguments.are_some() {
                    V::None
                } else {
                    let message =
                        "object.__init__() takes exactly one argument (the instance to initialize)".to_owned();
                    return Some((
                        V::Unknown,
                        self.fail_at(here, call.span, "start/argument-count", "TypeError", message, None),
                    ));
                }
            }
            "builtins.object.__new__" => match first {
                Some(V::Class(module, class)) if arguments.sure => V::Instance(self.new_object((*module, *class))),
                _ => {
                    self.escape(arguments);
                    V::Unknown
                }
            },
            "builtins.setattr" => {
                self.escape(arguments);
                match first {
                    Some(V::Class(module, class)) => {
                        let name = text(1).map(|name| Given::Named(name.to_owned()));
                        // Whoever asks first, as for `hasattr`, puts nothing in the place of what is there.
                        if name.is_some() || self.maybe == 0 {
                            self.given.insert((*module, *class, name.unwrap_or(Given::Any)));
                        }
                    }
                    Some(V::Outside(module)) => {
                        let any = || SetElsewhere::AnyOf(module.clone());
                        let set = text(1).map_or_else(any, |name| SetElsewhere::Attribute(name.to_owned()));
                        self.set_elsewhere.insert(set);
                    }
                    Some(object) => self.any_attribute(object),
                    None => {}
                }
                // What it is called by a name that is computed may be any attribute.
                if let Some(V::Class(module, class)) = first
                    && text(1).is_none()
                {
                    self.given.insert((*module, *class, Given::More));
                }
                V::None
            }
            "builtins.getattr" => {
                if let ([V::Outside(module), V::Str(attribute)], true) =
                    (arguments.positional.as_slice(), arguments.sure)
                    && self.is_certain()
                {
                    return Some((V::Unknown, self.standard_attribute(here, module, attribute, call.span)));
                }
                let ([V::Instance(id), V::Str(attribute)], true) = (arguments.positional.as_slice(), arguments.sure)
                else {
                    // It may be any method.
                    if let Some(V::Instance(id)) = first
                        && text(1).is_none()
                    {
                        self.reach(*id);
                        self.may_call_methods(*id);
                    }
                    return Some((V::Unknown, Flow::Next));
                };
                let flow = self.instance_attribute(here, *id, attribute, call.span);
                if flow != Flow::Next {
                    return Some((V::Unknown, flow));
                }
                self.sure = false;
                self.attribute(V::Instance(*id), attribute)
            }
            "builtins.delattr" => {
                if let Some(object) = first {
                    self.loses_attribute(object, text(1));
                }
                V::None
            }
            "builtins.vars" => {
                if let Some(V::Outside(module)) = first {
                    self.set_elsewhere.insert(SetElsewhere::AnyOf(module.clone()));
                }
                if let Some(object) = first {
                    self.any_attribute(object);
                }
                V::Unknown
            }
            _ => return None,
        };
        Some((value, Flow::Next))
    }

    /// Changes of where modules are looked for.
    fn search_path_edit(&mut self, called: Called<'_>) -> Option<V> {
        let Called { name, arguments, .. } = called;
        let first = called.first();
        let text = |at| called.text(at);
        Some(match name {
            "sys.path.insert" | "sys.path.append" | "site.addsitedir" => {
                let at = usize::from(name == "sys.path.insert");
                self.path_edit(at, text(at).map(ToOwned::to_owned), arguments.positional.first());
                V::None
            }
            "sys.path.extend" => {
                match first {
                    Some(V::List(folders)) => {
                        for folder in folders {
                            self.path_edit(0, folder.text().map(ToOwned::to_owned), None);
                        }
                    }
                    _ => self.search_path.anywhere = true,
                }
                V::None
            }
            "sys.path.pop"
            | "sys.path.remove"
            | "sys.path.clear"
            | "sys.path.reverse"
            | "sys.path.sort"
            | "sys.path.__delitem__"
            | "sys.path.__setitem__" => {
                self.search_path.rearranged = true;
                V::Unknown
            }
            _ => return None,
        })
    }

    /// Functions of the tree that are given to something may be called by it. Whether there are any.
    pub fn gives_functions(&mut self, arguments: &Arguments) -> bool {
        let all = arguments
            .positional
            .iter()
            .chain(arguments.named.iter().map(|(_, value)| value));
        let mut any = false;
        for value in all {
            if value.closure().is_some() || matches!(value, V::Partial(_)) {
                self.open_object(value);
                any = true;
            }
        }
        any
    }

    /// Any other function: what it is given may change, and it may go on for ever.
    fn other_function(&mut self, called: Called<'_>) -> V {
        self.runs_any_module |= matches!(
            called.name,
            "importlib.import_module"
                | "importlib.__import__"
                | "builtins.__import__"
                | "builtins.exec"
                | "runpy.run_path"
                | "runpy.run_module"
        );
        let Called {
            call, name, arguments, ..
        } = called;
        self.alive |= name.starts_with("itertools.") || (name == "builtins.iter" && called.text(1).is_none());
        let alone = call.arguments.len() == 1 && call.keywords.is_empty() && call.spread.is_none();
        let passes_on = alone && call.taken == Taken::GoneThrough && PASSED_ON.contains(&name);
        if LOOKS_ONLY.contains(&name) || passes_on {
            self.gives_functions(arguments);
        } else {
            self.escape(arguments);
        }
        self.paused |= matches!(name, "time.sleep" | "asyncio.sleep");
        if !is_harmless(name) {
            self.alive = true;
        }
        let last = name.rsplit('.').next().unwrap_or(name);
        made_by(name)
            .filter(|_| !self.is_set_on_others(last))
            .unwrap_or(V::Unknown)
    }

    /// What a few functions give of values that are known.
    fn of_known_values(&mut self, name: &str, arguments: &Arguments) -> Option<V> {
        let known = match (name, arguments.positional.as_slice()) {
            ("functools.partial", _) => self.partial(arguments),
            ("builtins.all" | "builtins.any", [V::List(parts)])
                if arguments.sure && !self.changed_lists.contains(parts) =>
            {
                self.decided_by(parts, name == "builtins.any")
            }
            // Nobody changes a tuple; the list that it was made of may have been.
            ("builtins.tuple", [V::List(parts)]) if arguments.sure && !self.changed_lists.contains(parts) => {
                V::List(parts.clone())
            }
            ("builtins.vars", [V::Parsed(parser)]) => self.options_by_name(*parser)?,
            ("builtins.setattr", [V::Instance(id), V::Str(attribute), value]) => {
                let given = arguments.sure && self.gives_attribute(*id, attribute, value, false);
                given.then_some(V::None)?
            }
            ("builtins.object.__setattr__", [V::Instance(id), rest @ ..]) => {
                match rest {
                    [V::Str(attribute), value] if self.gives_attribute(*id, attribute, value, true) => {}
                    _ => self.forgets_attributes(*id),
                }
                V::None
            }
            _ => return None,
        };
        Some(known)
    }

    /// `any(…)` or `all(…)` of values.
    fn decided_by(&self, values: &[V], decisive: bool) -> V {
        let mut all_known = true;
        for value in values {
            match self.truth(value) {
                Some(known) if known == decisive => return V::Bool(decisive),
                known => all_known &= known.is_some(),
            }
        }
        if all_known { V::Bool(!decisive) } else { V::Unknown }
    }

    /// `setattr(object, name, value)` with a name that is known; whether it was given. `past`: what its class does with that is not
    /// asked.
    pub fn gives_attribute(&mut self, id: usize, name: &str, value: &V, past: bool) -> bool {
        let Some(class) = self.objects.get(id).map(|object| (object.module, object.class)) else {
            return false;
        };
        let lacks = |name: &str| matches!(self.find_method(class.0, class.1, name), Lookup::NotThere);
        // What the class has of that name may be a descriptor.
        let of_class = self.class_variable(class.0, class.1, name);
        let plain = of_class.is_none_or(|variable| kind(&variable.value).is_some());
        let asked = past || (lacks("__setattr__") && plain);
        if !self.is_sure_way() || !asked || !lacks(name) {
            return false;
        }
        let value = value.clone();
        self.put_away(&value);
        if !self.data.is_empty() {
            self.hold(&value, &Holder::Attribute(name.to_owned()));
        }
        if let Some(object) = self.objects.get_mut(id) {
            let sure = !object.opened;
            object.attributes.insert(name.to_owned(), Variable { value, sure });
        }
        true
    }

    /// `object.__setattr__(self, …)` of a name or on a way that is not known: nothing is known of its attributes any more.
    pub fn forgets_attributes(&mut self, id: usize) {
        if let Some(object) = self.objects.get_mut(id) {
            object.dynamic = true;
            for variable in object.attributes.values_mut() {
                *variable = Variable {
                    value: V::Unknown,
                    sure: false,
                };
            }
        }
    }

    /// `isinstance(value, class)`, where that is known.
    pub fn is_instance(&self, value: &V, class: &V) -> Option<bool> {
        match (value, class) {
            (value, V::List(classes)) => {
                let mut all_known = true;
                for class in classes {
                    match self.is_instance(value, class) {
                        Some(true) => return Some(true),
                        known => all_known &= known.is_some(),
                    }
                }
                all_known.then_some(false)
            }
            (V::Instance(id), V::Class(module, class)) => {
                let object = self.objects.get(*id)?;
                let order = self.order(object.module, object.class);
                let found = order.contains(&Some((*module, *class)));
                let known = || order.iter().all(Option::is_some) && !self.decides_membership((*module, *class));
                (found || known()).then_some(found)
            }
            (value, V::Class(module, class)) if kind(value).is_some() => {
                (!self.decides_membership((*module, *class))).then_some(false)
            }
            (V::Instance(id), V::Outside(name)) if name == "builtins.dict" => self.dictionary_of(*id).map(|_| true),
            (value, V::Outside(name)) => {
                let kind = kind(value)?;
                if let Some(name) = name
                    .strip_prefix("collections.abc.")
                    .or_else(|| name.strip_prefix("typing."))
                {
                    return is_of_abc(kind, name);
                }
                let name = name.strip_prefix("builtins.")?;
                // What is written in brackets may be any of three, and a truth value is an integer, too.
                match (kind, name) {
                    ("list", "list" | "tuple" | "set") if matches!(value, V::Sequence(_)) => Some(name == "list"),
                    ("list", "list" | "tuple" | "set") => None,
                    ("bool", "int") => Some(true),
                    (kind, "str" | "int" | "float" | "bool" | "dict" | "list" | "tuple" | "set" | "bytes") => {
                        Some(kind == name)
                    }
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// Whether a class, or one above it, may take objects for its own that are not made of it: a protocol that is looked at when it
    /// runs, one that others are registered with, one whose metaclass is asked.
    fn decides_membership(&self, class: (ModuleId, u32)) -> bool {
        let registers = || self.is_mentioned(&["register", "__subclasshook__"]);
        let decides = |base: &V| match base {
            V::Class(..) => false,
            V::Outside(name) if name.starts_with("abc.") => registers(),
            V::Outside(name) => !name.starts_with("builtins.") && name != "typing.Generic",
            _ => true,
        };
        let open = |entry: Option<(ModuleId, u32)>| {
            entry.is_none_or(|entry| self.bases.get(&entry).is_none_or(|bases| bases.iter().any(decides)))
        };
        self.is_mentioned(&["__instancecheck__", "__subclasscheck__"])
            || self.order(class.0, class.1).into_iter().any(open)
    }

    fn path_edit(&mut self, at: usize, path: Option<String>, index: Option<&V>) {
        let Some(path) = path.filter(|path| !self.is_elsewhere(path)) else {
            // Modules may come from anywhere now: of the tree, or of what was unpacked or written on the way.
            self.search_path.anywhere = true;
            self.search_path.beyond |= self.is_mentioned(UNPACKERS);
            return;
        };
        let path = absolute(&path);
        let below = match path.strip_prefix(ROOT) {
            Some("") => String::new(),
            Some(below) => below.trim_start_matches('/').to_owned(),
            None => {
                self.search_path.beyond |= self.may_hold_modules(&path);
                return;
            }
        };
        self.search_path.beyond |= self.view().has(&below) || self.may_hold_modules(&path);
        if self.container().roots.contains(&below) && at == 0 {
            return;
        }
        if at == 1 && matches!(index, Some(V::Int(0..=1))) {
            self.container_mut().roots.insert(0, below);
        } else {
            self.container_mut().roots.push(below);
        }
    }

    /// Whether modules that the tree does not have may be below a folder: the base image has it, or it is filled by somebody.
    fn may_hold_modules(&self, folder: &str) -> bool {
        use crate::python::imports::view::FolderKind;
        matches!(
            self.folder_kind(folder),
            FolderKind::Unknown | FolderKind::Writable | FolderKind::InVolume
        )
    }

    fn super_value(&self, arguments: &Arguments) -> V {
        if let [V::Class(module, class), of] = arguments.positional.as_slice() {
            return V::Super(*module, *class, Box::new(of.clone()));
        }
        let Some((frame, source)) = self.innermost() else {
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

    /// Methods of what libraries made, of files and of data.
    fn method_of_made(
        &mut self,
        (here, call): (ModuleId, &Call),
        object: &V,
        method: &str,
        arguments: &Arguments,
    ) -> Option<(V, Flow)> {
        match (object, method) {
            (V::Thread(thread), "start" | "join") => Some((V::None, self.thread_method(here, call, *thread, method))),
            (V::Socket(_), "send" | "setsockopt" | "set") => {
                self.escape(arguments);
                Some((V::Unknown, self.text_for_bytes(here, call, method)))
            }
            (V::Socket(socket), "close") => {
                self.release_ports(*socket);
                Some((V::None, Flow::Next))
            }
            (V::Dict(items), "get" | "pop") if !arguments.open => {
                let known = matches!(&call.callee, Value::Attribute(of, _) if self.keeps_items(of));
                let (value, sure) = item_or_default(items, arguments, known);
                self.sure &= sure;
                if method == "pop" {
                    self.sure = false;
                }
                Some((value, Flow::Next))
            }
            (V::File(_), "close") => Some((V::None, Flow::Next)),
            (V::Zmq(of), "socket") => {
                self.escape(arguments);
                Some(self.new_socket(here, call, of))
            }
            (V::Parser(parser), _) => Some(self.parser_method(here, call, *parser, method, arguments)),
            (V::Mapping(_) | V::Sequence(_), _) => {
                let (value, known) = self.data_method(object, method, arguments);
                self.sure &= known;
                Some((value, Flow::Next))
            }
            (V::File(path), "read") if arguments.positional.is_empty() => Some((V::Text(path.clone()), Flow::Next)),
            _ => None,
        }
    }

    /// Methods of paths that make a path, a folder or a file.
    fn method_of_path(
        &mut self,
        (here, call): (ModuleId, &Call),
        object: &V,
        method: &str,
        arguments: &Arguments,
    ) -> Option<(V, Flow)> {
        match (object, method) {
            (V::Path(path), "resolve" | "absolute") if !self.is_elsewhere(path) => {
                Some((V::Path(self.real(path, method == "resolve")), Flow::Next))
            }
            (V::Path(path), "joinpath") => {
                let mut path = path.clone();
                for part in &arguments.positional {
                    match part.text() {
                        Some(part) => path = paths::below(&path, part),
                        None => return Some((V::Unknown, Flow::Next)),
                    }
                }
                Some((V::Path(path), Flow::Next))
            }
            (V::Path(path), "with_name" | "with_suffix") => {
                let known = arguments.positional.first().and_then(V::text);
                let path = known.map_or(V::Unknown, |part| V::Path(paths::renamed(path, method, part)));
                Some((path, Flow::Next))
            }
            (V::Path(path), "mkdir") => {
                let path = path.clone();
                Some((V::None, self.make_folder(here, call, Some(&path))))
            }
            (V::Path(path), "open" | "write_text" | "write_bytes" | "read_text" | "read_bytes") => {
                let writes = method.starts_with("write")
                    || matches!(arguments.positional.first(), Some(V::Str(mode)) if mode.contains(['w', 'a', 'x', '+']));
                let path = path.clone();
                let flow = self.open(here, call, Some(&path), writes);
                let mode = match method {
                    "open" => arguments.positional.first().or(arguments.named("mode")),
                    _ => None,
                };
                let encoding = arguments.named("encoding").or(match method {
                    "read_text" => arguments.positional.first(),
                    _ => None,
                });
                let plain = arguments.sure && reads_as_written(mode, encoding);
                let value = match method {
                    "open" if !writes && plain => V::File(path),
                    "read_text" if plain => V::Text(path),
                    _ => V::Unknown,
                };
                Some((value, flow))
            }
            _ => None,
        }
    }

    /// Methods that give a value of a value.
    fn method_of_value(
        &mut self,
        (here, call): (ModuleId, &Call),
        object: &V,
        method: &str,
        arguments: &Arguments,
    ) -> Option<(V, Flow)> {
        match (object, method) {
            (V::Str(separator), "join") => {
                let flow = self.joined(here, call);
                let parts = self.parts_of_first(call, arguments).filter(|_| flow == Flow::Next);
                Some((parts.map_or(V::Unknown, |parts| text::joined(separator, &parts)), flow))
            }
            (V::Str(known), "format") if !arguments.open => {
                let sure = self.is_certain() && self.sure;
                let problem = text::unfilled(known, arguments).filter(|_| sure);
                Some((V::Unknown, self.bad(here, call.span, problem)))
            }
            (V::Pattern(pattern), "match" | "search" | "fullmatch") => {
                let found = match arguments.positional.as_slice() {
                    [V::Str(text)] if arguments.sure && !arguments.are_named() => regular::found(method, pattern, text),
                    _ => V::Unknown,
                };
                Some((found, Flow::Next))
            }
            (V::Pattern(pattern), "sub") => Some(self.substituted(here, call, arguments, Some(pattern))),
            (V::Found(found), _) => Some((found.method(method, arguments), Flow::Next)),
            (V::Str(known), _) => Some((text::method(known, method, arguments), Flow::Next)),
            (V::Text(_), _) => {
                let known = self.known_text(object);
                let value = known.map_or(V::Unknown, |known| text::method(&known, method, arguments));
                Some((value, Flow::Next))
            }
            (V::Path(path), "exists") => Some((self.exists(Some(path)), Flow::Next)),
            (V::Path(path), "is_file") => Some((self.is_file(Some(path)), Flow::Next)),
            (V::Path(path), "is_dir") => Some((self.is_folder(Some(path)), Flow::Next)),
            (V::List(parts), _) => {
                if ADDERS.contains(&method) || REMOVERS.contains(&method) {
                    self.changes(parts);
                }
                self.gives_functions(arguments);
                Some((V::Unknown, Flow::Next))
            }
            (V::Concat(parts), "startswith") => {
                let start = arguments.positional.first().filter(|_| arguments.positional.len() == 1);
                Some((start.map_or(V::Unknown, |start| text::begins(parts, start)), Flow::Next))
            }
            (V::Path(_) | V::Concat(_), _) => Some((V::Unknown, Flow::Next)),
            _ => None,
        }
    }

    pub fn method_of_unknown(
        &mut self,
        here: ModuleId,
        call: &Call,
        object: V,
        method: &str,
        arguments: &Arguments,
    ) -> (V, Flow) {
        // What something gives that is not known is not known either.
        self.sure &= object != V::Unknown
            && match &call.callee {
                Value::Attribute(of, _) => self.certain(of).is_some(),
                _ => false,
            };
        if let V::Socket(socket) = object {
            // What stands below is about sockets of any kind.
            let flow = self.socket_method(here, call, socket, method);
            if flow != Flow::Next {
                return (V::Unknown, flow);
            }
        }
        let of = (here, call);
        if let Some(known) = self
            .method_of_made(of, &object, method, arguments)
            .or_else(|| self.method_of_path(of, &object, method, arguments))
        {
            return known;
        }
        match method {
            "exec_module" | "load_module" => self.runs_any_module = true,
            "addHandler" => self.logs = true,
            "mkdir" => self.makes_folders = true,
            _ if let Some(known) = self.method_of_value(of, &object, method, arguments) => return known,
            "bind" | "connect" => {
                let mut flow = self.check_address(here, call, &object, method == "bind");
                if flow == Flow::Next {
                    flow = match method {
                        "bind" => self.bind_socket(here, call, &object, arguments),
                        _ => {
                            self.connects(here, call, arguments);
                            self.check_placeholder(here, call, arguments)
                        }
                    };
                }
                return (V::Unknown, flow);
            }
            "run" => self.runs_app(here, call, arguments),
            "create_server" => self.creates_server(here, call, arguments),
            "submit" | "run_in_executor" => self.kept_by(arguments),
            "close" | "unbind" | "term" | "destroy" => self.release_all_ports(),
            "recv" | "recv_string" | "recv_json" | "recv_multipart" | "recv_pyobj" | "poll" | "accept" | "join"
            | "wait" | "serve_forever" | "run_forever" => {
                self.alive = true;
                self.waiting = true;
                self.paused = true;
            }
            _ => {}
        }
        if !LOGS.contains(&method) {
            self.escape(arguments);
        }
        if !is_harmless_method(method) {
            self.alive = true;
        }
        (V::Unknown, Flow::Next)
    }
}

/// Whether values of a built-in type are of an abstract class. What is written in brackets may be a tuple or set.
fn is_of_abc(kind: &str, name: &str) -> Option<bool> {
    let container = match kind {
        "dict" | "list" | "str" => true,
        "NoneType" | "bool" | "int" | "float" => false,
        _ => return None,
    };
    match name {
        "Iterable" | "Sized" | "Container" | "Collection" => Some(container),
        "Mapping" | "MutableMapping" | "Dict" => Some(kind == "dict"),
        "Sequence" if kind != "list" => Some(kind == "str"),
        "MutableSequence" | "Set" | "MutableSet" | "List" if kind != "list" => Some(false),
        "Callable" | "Iterator" | "Generator" | "Awaitable" | "Coroutine" => Some(false),
        "Hashable" if kind != "list" => Some(kind != "dict"),
        _ => None,
    }
}

/// Methods of loggers: they change nothing of what they are given.
const LOGS: &[&str] = &["debug", "info", "warning", "error", "exception", "critical"];

/// What `asyncio.get_running_loop()` gives, as what its methods are attributes of.
const LOOP: &str = "asyncio.get_running_loop()";
/// How the names of those begin.
pub const OF_LOOP: &str = "asyncio.get_running_loop().";

/// Names of what makes folders and archives that the tree does not have.
const UNPACKERS: &[&str] = &[
    "zipfile",
    "zipimport",
    "tarfile",
    "tempfile",
    "mkdtemp",
    "unpack_archive",
];

/// Functions that change nothing of what they are given.
const LOOKS_ONLY: &[&str] = &[
    "builtins.type",
    "builtins.isinstance",
    "builtins.issubclass",
    "builtins.callable",
    "builtins.hasattr",
    "builtins.getattr",
    "builtins.id",
    "builtins.hash",
    "builtins.len",
    "builtins.str",
    "builtins.repr",
    "builtins.bool",
    "builtins.print",
    "copy.deepcopy",
    "json.dump",
    "json.dumps",
    "pprint.pprint",
];

/// Whether a call gives what all names stand for here, or in a function that is still running.
fn shows_names(function: &str, arguments: &Arguments) -> bool {
    match function {
        "builtins.vars" => !arguments.are_some(),
        "builtins.locals"
        | "builtins.eval"
        | "builtins.exec"
        | "sys._getframe"
        | "inspect.currentframe"
        | "inspect.stack" => true,
        _ => false,
    }
}

/// Whether a function may give the root logger a handler.
fn gives_handlers(name: &str) -> bool {
    matches!(
        name,
        "logging.basicConfig"
            | "logging.debug"
            | "logging.info"
            | "logging.warning"
            | "logging.warn"
            | "logging.error"
            | "logging.exception"
            | "logging.critical"
            | "logging.log"
            | "logging.config.dictConfig"
            | "logging.config.fileConfig"
    )
}

/// Whether a function of the standard library surely comes back, and leaves nothing running.
fn is_harmless(name: &str) -> bool {
    let top = name.split('.').next().unwrap_or(name);
    match top {
        "builtins" => !name.ends_with(".input"),
        "logging" | "json" | "typing" | "collections" | "dataclasses" | "enum" | "functools" | "re" | "datetime"
        | "optparse" | "random" | "abc" | "warnings" | "math" | "copy" | "uuid" | "hashlib" | "argparse"
        | "itertools" | "pathlib" | "string" | "textwrap" | "traceback" | "platform" | "locale" | "sys" | "shutil"
        | "glob" | "base64" | "io" | "inspect" | "types" | "operator" | "contextlib" | "statistics" | "tempfile"
        | "pickle" | "csv" | "configparser" | "sqlite3" | "struct" | "decimal" | "fractions" | "numbers" | "heapq"
        | "bisect" | "weakref" | "array" | "secrets" | "zlib" | "html" | "ipaddress" | "errno" | "unicodedata"
        | "difflib" | "fnmatch" | "calendar" | "contextvars" | "gc" | "queue" => true,
        "urllib" => name.starts_with("urllib.parse."),
        // A socket waits where it is asked to, not where it is made.
        "socket" => !matches!(name, "socket.create_server"),
        "signal" => matches!(name, "signal.signal" | "signal.getsignal" | "signal.Signals"),
        "os" => !matches!(
            name,
            "os.system"
                | "os.execv"
                | "os.execvp"
                | "os.fork"
                | "os.popen"
                | "os.read"
                | "os.readv"
                | "os.wait"
                | "os.wait3"
                | "os.wait4"
                | "os.waitpid"
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

/// Whether a file that is opened so is read as UTF-8 text: bytes are decoded by whoever takes them, and another encoding may take
/// a byte order mark away.
fn reads_as_written(mode: Option<&V>, encoding: Option<&V>) -> bool {
    let text = match mode {
        None => true,
        Some(V::Str(mode)) => !mode.contains('b'),
        Some(_) => false,
    };
    let utf8 = match encoding {
        None | Some(V::None) => true,
        Some(V::Str(name)) => {
            let name = name.to_ascii_lowercase().replace('_', "-");
            matches!(name.as_str(), "utf-8" | "utf8" | "u8")
        }
        Some(_) => false,
    };
    text && utf8
}

/// `items.get(key, default)`; `kept`: nothing takes items away or puts others in their place.
fn item_or_default(items: &[(V, V)], arguments: &Arguments, kept: bool) -> (V, bool) {
    let Some(key) = arguments.positional.first().filter(|_| arguments.sure) else {
        return (V::Unknown, false);
    };
    let mut all_known = true;
    let found = items.iter().find(|(known, _)| {
        let same = equal(known, key);
        all_known &= same.is_some();
        same == Some(true)
    });
    match found {
        Some((_, value)) => (value.clone(), kept),
        None if all_known => (arguments.positional.get(1).cloned().unwrap_or(V::None), kept),
        None => (V::Unknown, false),
    }
}

/// What `range(…)` gives.
fn range(arguments: &[V]) -> V {
    match arguments {
        [V::Int(end)] => V::Range(0, *end),
        [V::Int(start), V::Int(end)] => V::Range(*start, *end),
        _ => V::Unknown,
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
            | "add_done_callback"
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
            | "findall"
            | "fullmatch"
            | "group"
            | "groups"
            | "isoformat"
            | "strftime"
            | "timestamp"
            | "total_seconds"
            | "getsockname"
            | "settimeout"
            | "setblocking"
            | "fileno"
            | "count"
            | "index"
            | "copy"
            | "pop"
            | "popleft"
            | "appendleft"
            | "remove"
            | "clear"
            | "sort"
            | "reverse"
            | "title"
            | "rstrip"
            | "lstrip"
            | "is_set"
            | "put_nowait"
            | "get_nowait"
            | "empty"
            | "qsize"
    )
}

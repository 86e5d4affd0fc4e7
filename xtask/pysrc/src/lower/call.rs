//! What a call says beyond being one: imports by name, endpoints, files, processes, the environment, `sys.path`.

use ruff_python_ast::{self as ast, Expr};

use super::{Kind, Lower, index, span};
use crate::facts::*;

/// What a call may say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Telling {
    /// A module is imported by its name.
    Import,
    /// Names are made up.
    Names,
    /// A socket is bound or connected, or a database opened.
    Socket,
    /// `sys.path` is edited.
    Path,
    /// The environment is read.
    Environment,
    /// A process is started.
    Launch,
    /// A file is opened.
    Open,
    /// A text is put together.
    Format,
}

/// The last name of what is called, and the object before it.
fn called(source: &ast::ExprCall) -> Option<(&str, Option<&Expr>)> {
    match &*source.func {
        Expr::Name(name) => Some((name.id.as_str(), None)),
        Expr::Attribute(attribute) => Some((attribute.attr.as_str(), Some(&*attribute.value))),
        _ => None,
    }
}

/// What a call may say, by its name; nothing for nearly all.
pub(super) fn telling(source: &ast::ExprCall) -> Option<Telling> {
    let (last, object) = called(source)?;
    match last {
        "import_module" | "__import__" => Some(Telling::Import),
        "globals" | "exec" if object.is_none() => Some(Telling::Names),
        // In a module or class these are its names.
        "locals" | "vars" if object.is_none() && source.arguments.is_empty() => Some(Telling::Names),
        "bind" | "connect" if object.is_some() => Some(Telling::Socket),
        "insert" | "append" | "extend" if object.is_some_and(is_sys_path) => Some(Telling::Path),
        "addsitedir" => Some(Telling::Path),
        "getenv" => Some(Telling::Environment),
        "get" if object.is_some_and(is_environ) => Some(Telling::Environment),
        "run"
        | "Popen"
        | "call"
        | "check_call"
        | "check_output"
        | "create_subprocess_exec"
        | "create_subprocess_shell"
        | "system"
        | "popen"
        | "execv"
        | "spawnv" => Some(Telling::Launch),
        "open"
        | "FileHandler"
        | "RotatingFileHandler"
        | "TimedRotatingFileHandler"
        | "WatchedFileHandler"
        | "basicConfig"
        | "write_text"
        | "write_bytes" => Some(Telling::Open),
        "format" => Some(Telling::Format),
        _ => None,
    }
}

impl<'a> Lower<'a> {
    /// Adds the facts of a call that was just recorded; gives its value.
    pub(super) fn facts_of_call(&mut self, position: u32, source: &'a ast::ExprCall) -> Value {
        let value = Value::Call(position);
        let (Some(telling), Some((last, object))) = (telling(source), called(source)) else {
            return value;
        };
        let Some(call) = self.module.calls.pop() else {
            return value;
        };
        let mut formatted = None;
        match telling {
            Telling::Import => self.import_call(position, &call),
            Telling::Names => {
                let of_function = matches!(last, "locals" | "vars") && matches!(self.kind(), Kind::Function(_));
                self.module.dynamic_names |= !of_function;
            }
            Telling::Socket => {
                self.endpoint(position, &call, last == "bind", source);
                if last == "connect" {
                    self.database(position, &call, object);
                }
            }
            Telling::Path if last == "extend" => self.folders(call.arguments.first(), call.span),
            Telling::Path => {
                let (folder, first) = match (last, &*call.arguments) {
                    ("insert", [at, folder]) => (Some(folder), *at == Value::Int(0)),
                    ("insert", _) => (None, false),
                    (_, arguments) => (arguments.first(), false),
                };
                if let Some(folder) = folder {
                    self.path_edit(folder.clone(), first, call.span);
                }
            }
            Telling::Environment => self.environment_read(&call),
            Telling::Launch => self.launch(position, &call),
            Telling::Open => self.open(position, &call, last, object),
            Telling::Format => {
                if let Value::Attribute(text, _) = &call.callee
                    && let Value::Str(template) = &**text
                {
                    let atoms = &self.atoms;
                    formatted = Some(super::format::braces(
                        template,
                        &call.arguments,
                        &call.keywords,
                        |name| atoms.get(name).copied(),
                    ));
                }
            }
        }
        self.module.calls.push(call);
        formatted.unwrap_or(value)
    }

    fn import_call(&mut self, of_call: u32, call: &Call) {
        let Some(Value::Str(module)) = call.arguments.first() else {
            return;
        };
        let mut level = module.bytes().take_while(|byte| *byte == b'.').count();
        let mut name: Box<str> = module[level..].into();
        if level > 0
            && let Some(package) = self.package_of(call)
        {
            // `import_module(".a", "b.c")` is `b.c.a`.
            let Value::Str(package) = package else {
                return;
            };
            let kept = package.split('.').count().saturating_sub(level - 1);
            let above: Vec<&str> = package.split('.').take(kept).collect();
            name = format!("{}.{name}", above.join(".")).into();
            level = 0;
        }
        let position = index(self.module.imports.len());
        self.module.imports.push(Import {
            kind: ImportKind::Call,
            module: name,
            level: index(level),
            name: None,
            binds: None,
            span: call.span,
            call: Some(of_call),
            guard: self.guard,
        });
        self.step(|| Step::Import(position));
    }

    /// `sys.path.extend([…])`.
    fn folders(&mut self, value: Option<&Value>, span: Span) {
        if let Some(Value::List(folders)) = value {
            for folder in folders {
                self.path_edit(folder.clone(), false, span);
            }
        }
    }

    /// `sys.path += […]`, `sys.path[:0] = […]` and `sys.path = …` do what a call of `extend` does.
    pub(super) fn more_folders(&mut self, target: &'a Expr, value: &Value, span: Span) {
        let path = match target {
            Expr::Subscript(subscript) => &*subscript.value,
            target => target,
        };
        let (true, Expr::Attribute(path)) = (is_sys_path(path) && !self.outline, path) else {
            return;
        };
        let [sys, name, extend] = ["sys", path.attr.as_str(), "extend"].map(|name| self.atom(name));
        let path = Value::Attribute(Box::new(Value::Name(sys)), name);
        self.folders(Some(value), span);
        let position = index(self.module.calls.len());
        self.module.calls.push(Call {
            callee: Value::Attribute(Box::new(path), extend),
            arguments: Box::new([value.clone()]),
            keywords: Box::default(),
            spread: None,
            span,
            callee_span: span,
            function: self.function(),
            guard: self.guard,
            taken: Taken::Otherwise,
        });
        self.step(|| Step::Call(position));
    }

    /// The package that a relative name is said to be relative to, where that is not the module's own.
    fn package_of<'c>(&self, call: &'c Call) -> Option<&'c Value> {
        let named = || {
            let wanted = self.atoms.get("package")?;
            call.keywords
                .iter()
                .find(|(name, _)| name == wanted)
                .map(|(_, value)| value)
        };
        let own = |name: &str| self.atoms.get(name).copied().map(Value::Name);
        let package = call.arguments.get(1).or_else(named)?;
        (Some(package) != own("__package__").as_ref() && Some(package) != own("__name__").as_ref()).then_some(package)
    }

    fn path_edit(&mut self, value: Value, first: bool, span: Span) {
        self.module.path_edits.push(PathEdit {
            value,
            first,
            span,
            guard: self.guard,
        });
    }

    fn environment_read(&mut self, call: &Call) {
        if let Some(Value::Str(name)) = call.arguments.first() {
            self.module.environment.push(EnvironmentRead {
                name: name.clone(),
                default: call.arguments.get(1).cloned(),
                required: false,
                span: call.span,
                guard: self.guard,
            });
        }
    }

    fn endpoint(&mut self, position: u32, call: &Call, bind: bool, source: &'a ast::ExprCall) {
        let Some(address) = call.arguments.first() else {
            return;
        };
        let place = source.arguments.args.first().map_or(call.span, span);
        let (transport, host, port) = match address {
            Value::List(parts) => match &**parts {
                [host, port] if bind || matches!(host, Value::Str(_)) => {
                    let host = match host {
                        Value::Str(host) => Some(host.clone()),
                        _ => None,
                    };
                    (Some("tcp".into()), host, port.clone())
                }
                _ => return,
            },
            address => match split_address(address) {
                Some(parts) => parts,
                None if bind && matches!(address, Value::Name(_) | Value::Attribute(..)) => (None, None, Value::Other),
                None => return,
            },
        };
        self.module.endpoints.push(Endpoint {
            bind,
            address: address.clone(),
            transport,
            host,
            port,
            call: position,
            span: place,
        });
    }

    fn launch(&mut self, position: u32, call: &Call) {
        let Some(command) = call.arguments.first() else {
            return;
        };
        let words: &[Value] = match command {
            Value::List(words) => words,
            Value::Str(_) | Value::Concat(_) => &call.arguments,
            _ => return,
        };
        let mut after_m = false;
        for word in words {
            let script = match word {
                Value::Str(text) if after_m => Some((Value::Str(text.clone()), true)),
                Value::Str(text) => text
                    .split_whitespace()
                    .find(|part| part.ends_with(".py"))
                    .map(|part| (Value::Str(part.into()), false)),
                Value::Concat(pieces) => match pieces.last() {
                    Some(Value::Str(text)) if text.ends_with(".py") => Some((word.clone(), false)),
                    _ => None,
                },
                _ => None,
            };
            if let Some((script, is_module)) = script {
                self.module.launches.push(Launch {
                    script,
                    is_module,
                    span: call.span,
                    call: position,
                });
                return;
            }
            after_m = matches!(word, Value::Str(text) if &**text == "-m");
        }
    }

    fn open(&mut self, position: u32, call: &Call, function: &str, object: Option<&'a Expr>) {
        let module = match object {
            Some(Expr::Name(name)) => Some(name.id.as_str()),
            _ => None,
        };
        let mode = |at: usize, call: &Call| {
            let mode = call.arguments.get(at).or_else(|| {
                call.keywords
                    .iter()
                    .find(|(name, _)| self.atoms.get("mode") == Some(name))
                    .map(|(_, value)| value)
            });
            matches!(mode, Some(Value::Str(mode)) if mode.contains(['w', 'a', 'x', '+']))
        };
        let keyword = |wanted: &str| {
            call.keywords
                .iter()
                .find(|(name, _)| self.atoms.get(wanted) == Some(name))
                .map(|(_, value)| value.clone())
        };
        let first = call.arguments.first().cloned();
        let (path, writes) = match (function, object, module) {
            ("open", None, _) | ("open", _, Some("io" | "codecs" | "gzip")) => {
                (first.or_else(|| keyword("file")), mode(1, call))
            }
            ("open", Some(_), None) | ("write_text" | "write_bytes", ..) => {
                let path = match &call.callee {
                    Value::Attribute(path, _) => Some((**path).clone()),
                    _ => None,
                };
                (path, function != "open" || mode(0, call))
            }
            ("basicConfig", ..) => (keyword("filename"), true),
            ("open", ..) => return,
            _ => (first.or_else(|| keyword("filename")), true),
        };
        if let Some(path) = path.filter(|path| *path != Value::None && *path != Value::Other) {
            self.module.opens.push(Open {
                path,
                writes,
                function: function.into(),
                span: call.span,
                call: position,
            });
        }
    }

    fn database(&mut self, position: u32, call: &Call, object: Option<&'a Expr>) {
        let known = matches!(object, Some(Expr::Name(name)) if matches!(name.id.as_str(), "sqlite3" | "aiosqlite"));
        if let (true, Some(path)) = (known, call.arguments.first()) {
            self.module.opens.push(Open {
                path: path.clone(),
                writes: true,
                function: "sqlite3.connect".into(),
                span: call.span,
                call: position,
            });
        }
    }
}

/// Transport, host and port of an address.
type Address = (Option<Box<str>>, Option<Box<str>>, Value);

fn split_address(address: &Value) -> Option<Address> {
    match address {
        Value::Str(text) => {
            let (transport, rest) = text.split_once("://")?;
            let (host, port) = match rest.rsplit_once(':') {
                Some((host, port)) => (
                    host,
                    port.parse::<u16>().map_or(Value::Other, |port| Value::Int(port.into())),
                ),
                None => (rest, Value::Other),
            };
            Some((Some(transport.into()), Some(host.into()), port))
        }
        Value::Concat(pieces) => {
            let Some(Value::Str(start)) = pieces.first() else {
                return None;
            };
            let (transport, rest) = start.split_once("://")?;
            // What stands before the last colon is the host, what follows it the port.
            let (host, port) = match (rest.rsplit_once(':'), pieces.get(1..)) {
                (Some((host, "")), Some([port])) => (Some(host.into()), port.clone()),
                (Some((host, _)), _) => (Some(host.into()), Value::Other),
                (None, Some([_, Value::Str(middle), port])) if rest.is_empty() && &**middle == ":" => {
                    (None, port.clone())
                }
                (None, Some([_, Value::Str(end)])) if rest.is_empty() => {
                    let port = end.strip_prefix(':').and_then(|port| port.parse::<u16>().ok());
                    (None, port.map_or(Value::Other, |port| Value::Int(port.into())))
                }
                _ => (None, Value::Other),
            };
            Some((Some(transport.into()), host, port))
        }
        _ => None,
    }
}

fn is_sys_path(object: &Expr) -> bool {
    matches!(object, Expr::Attribute(attribute)
        if attribute.attr.as_str() == "path" && matches!(&*attribute.value, Expr::Name(name) if name.id.as_str() == "sys"))
}

pub(super) fn is_environ(object: &Expr) -> bool {
    match object {
        Expr::Attribute(attribute) => attribute.attr.as_str() == "environ",
        Expr::Name(name) => name.id.as_str() == "environ",
        _ => false,
    }
}

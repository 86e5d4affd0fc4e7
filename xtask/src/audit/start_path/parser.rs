//! `argparse`: which flags a script takes, and which it is given.

use pysrc::{BindingKind, Call, Value};

use super::arguments::Arguments;
use super::command_line::ALL_WORDS;
use super::failure::{Flow, Words};
use super::value::{ModuleId, V};
use super::walk::{ParserFacts, ParserOption, Walker};
use crate::finding::Subject;

impl Walker<'_> {
    /// `argparse.ArgumentParser(…)`.
    pub fn new_parser(&mut self, arguments: &Arguments) -> V {
        let abbreviates = match arguments.named("allow_abbrev") {
            None => Some(true),
            Some(V::Bool(abbreviates)) if !arguments.doubtful.1.iter().any(|name| name == "allow_abbrev") => {
                Some(*abbreviates)
            }
            Some(_) => None,
        };
        let helps = match arguments.named("add_help") {
            None => !arguments.open,
            Some(help) => *help == V::Bool(true) && !arguments.doubtful.1.iter().any(|name| name == "add_help"),
        };
        let resolves = matches!(arguments.named("conflict_handler"), Some(V::Str(how)) if how == "resolve");
        self.parsers.push(ParserFacts {
            exact: abbreviates == Some(false),
            helps,
            unknown: arguments.open
                || abbreviates.is_none()
                || ["parents", "prefix_chars", "exit_on_error"]
                    .iter()
                    .any(|name| arguments.named(name).is_some())
                || !(resolves || arguments.named("conflict_handler").is_none())
                || !(arguments.named("fromfile_prefix_chars").is_none() || self.names_no_file()),
            resolves,
            ..ParserFacts::default()
        });
        V::Parser(self.parsers.len() - 1)
    }

    /// Whether nothing that the agent is given can be the name of a file with further words, as in `@words.txt`.
    fn names_no_file(&self) -> bool {
        let plain = |value: &String| value.starts_with(|first: char| first.is_ascii_alphanumeric());
        self.flags_given()
            .values()
            .all(|value| value.is_empty() || plain(value))
    }

    /// `optparse.OptionParser(…)`.
    pub fn new_option_parser(&mut self, arguments: &Arguments) -> V {
        self.parsers.push(ParserFacts {
            of_optparse: true,
            unknown: arguments.open
                || ["option_list", "option_class", "conflict_handler"]
                    .iter()
                    .any(|name| arguments.named(name).is_some()),
            ..ParserFacts::default()
        });
        V::Parser(self.parsers.len() - 1)
    }

    /// A method of a parser of `optparse`.
    fn option_parser_method(
        &mut self,
        here: ModuleId,
        call: &Call,
        id: usize,
        method: &str,
        arguments: &Arguments,
    ) -> (V, Flow) {
        let Some(parser) = self.parsers.get_mut(id) else {
            return (V::Unknown, Flow::Next);
        };
        match method {
            "add_option" => match option(arguments) {
                Some(option) => parser.options.push(option),
                None => parser.unknown = true,
            },
            "set_defaults" | "set_usage" | "print_help" | "format_help" => {}
            "parse_args" if is_command_line(arguments) => {
                let parser = parser.clone();
                let unknown = |flag: &&String| matches!(find(&parser, &format!("--{flag}")), Found::None);
                let unknown = self.flags_given().keys().find(unknown).filter(|_| !parser.unknown);
                if let Some(flag) = unknown {
                    let message =
                        format!("`parse_args()` ends the process: it rejects `--{flag}`, which the supervisor passes");
                    let help = Some("add the options that the supervisor passes".to_owned());
                    let flow = self.fail_at(here, call.span, "start/flags-rejected", "SystemExit", message, help);
                    return (V::Unknown, flow);
                }
                return (V::List(vec![V::Unknown, V::Unknown]), Flow::Next);
            }
            _ => parser.unknown = true,
        }
        (V::Unknown, Flow::Next)
    }

    /// A function that `click.command()` made a command is called: it reads the command line, and refuses what no option takes.
    pub fn command_called(&mut self, here: ModuleId, call: &Call) -> Flow {
        let plain = call.arguments.is_empty() && call.spread.is_none() && call.keywords.is_empty();
        let options = self.options_of_command(here, call).filter(|_| plain);
        let known =
            |options: &[String], flag: &str| options.iter().any(|option| option.trim_start_matches("--") == flag);
        let refused = options.and_then(|options| {
            self.flags_in_order()
                .find(|flag| !known(&options, flag))
                .map(str::to_owned)
        });
        match refused {
            Some(flag) => {
                let message =
                    format!("the command ends the process: no such option: `--{flag}`, which the supervisor passes");
                let help =
                    Some("add an option for it, or `context_settings={'ignore_unknown_options': True}`".to_owned());
                self.fail_at(here, call.span, "start/flags-rejected", "SystemExit", message, help)
            }
            None => Flow::Next,
        }
    }

    /// The options of the command that is called by its name, where all of them are known.
    fn options_of_command(&self, here: ModuleId, call: &Call) -> Option<Vec<String>> {
        let Value::Name(name) = call.callee else {
            return None;
        };
        let source = self.source(here)?;
        let mut bindings = source.bindings.iter().filter(|binding| binding.name == name);
        let (Some(binding), None) = (bindings.next(), bindings.next()) else {
            return None;
        };
        let BindingKind::Function(function) = binding.kind else {
            return None;
        };
        let mut options = Vec::new();
        let mut is_command = false;
        for wrapper in &source.functions.get(function as usize)?.wrappers {
            let Value::Call(made) = wrapper else {
                return None;
            };
            let made = source.calls.get(*made as usize)?;
            let V::Outside(of) = self.evaluate(&made.callee) else {
                return None;
            };
            match of.as_str() {
                "click.command" => {
                    is_command = made.keywords.is_empty() && made.spread.is_none();
                    if !is_command {
                        return None;
                    }
                }
                "click.option" => {
                    for name in &made.arguments {
                        match name {
                            Value::Str(name) => options.push(name.to_string()),
                            _ => return None,
                        }
                    }
                }
                "click.version_option" | "click.help_option" => {}
                _ => return None,
            }
        }
        is_command.then_some(options)
    }

    /// A method of a parser.
    pub fn parser_method(
        &mut self,
        here: ModuleId,
        call: &Call,
        id: usize,
        method: &str,
        arguments: &Arguments,
    ) -> (V, Flow) {
        if self.parsers.get(id).is_some_and(|parser| parser.of_optparse) {
            return self.option_parser_method(here, call, id, method, arguments);
        }
        // `type=` and `action=` run when arguments are parsed.
        self.gives_functions(arguments);
        if method.starts_with("parse_") && self.is_command_line_changed() {
            return (V::Unknown, Flow::Next);
        }
        match method {
            "add_argument" => {
                let option = option(arguments).map(|option| match self.is_sure_way() {
                    true => option,
                    false => ParserOption {
                        default: V::Unknown,
                        ..option
                    },
                });
                if let Some(name) = option.as_ref().and_then(|option| self.clash(id, option)) {
                    let message = format!("argument {name}: the parser has it already");
                    let message = Words::about(Subject::Flag(name.clone()), message);
                    let flow = self.fail_at(here, call.span, "start/flags-rejected", "ArgumentError", message, None);
                    return (V::Unknown, flow);
                }
                if let Some(parser) = self.parsers.get_mut(id) {
                    match option {
                        Some(option) => parser.options.push(option),
                        None => parser.unknown = true,
                    }
                }
                (V::Unknown, Flow::Next)
            }
            "add_argument_group" | "add_mutually_exclusive_group" => (V::Parser(id), Flow::Next),
            "parse_args" if is_command_line(arguments) => {
                let flow = match self.rejected(id) {
                    Some(message) => {
                        let help =
                            Some("use `parse_known_args()`, or add the flags that the supervisor passes".to_owned());
                        let words = Words::from(message).with_meant("parse_args()", Some("parse_known_args()[0]"));
                        self.fail_at(here, call.span, "start/flags-rejected", "SystemExit", words, help)
                    }
                    None => Flow::Next,
                };
                (V::Parsed(id), flow)
            }
            "parse_known_args" if is_command_line(arguments) => {
                let flow = match self.refused_by_any(id) {
                    Some(message) => {
                        let help = Some("let the parser take what the supervisor passes".to_owned());
                        self.fail_at(here, call.span, "start/flags-rejected", "SystemExit", message, help)
                    }
                    None => Flow::Next,
                };
                (V::List(vec![V::Parsed(id), V::Unknown]), flow)
            }
            "add_subparsers" if matches!(arguments.named("required"), Some(V::Bool(true))) && !arguments.open => {
                let name = match arguments.named("dest") {
                    Some(V::Str(name)) => name.clone(),
                    _ => "the name of a command".to_owned(),
                };
                if let Some(parser) = self.parsers.get_mut(id) {
                    // A command that is named brings options of its own.
                    parser.sets_more = true;
                    parser.options.push(command(name));
                }
                (V::Unknown, Flow::Next)
            }
            "set_defaults" => {
                if let Some(parser) = self.parsers.get_mut(id) {
                    parser.sets_more = true;
                }
                (V::None, Flow::Next)
            }
            "print_help" | "format_help" => (V::None, Flow::Next),
            _ => {
                if let Some(parser) = self.parsers.get_mut(id) {
                    parser.unknown = true;
                }
                (V::Unknown, Flow::Next)
            }
        }
    }

    /// A name of an option that the parser has already.
    fn clash<'a>(&self, id: usize, option: &'a ParserOption) -> Option<&'a String> {
        let parser = self
            .parsers
            .get(id)
            .filter(|parser| !parser.unknown && !parser.resolves && self.maybe == 0)?;
        let added = |name: &String| parser.options.iter().any(|known| known.names.contains(name));
        let own = |name: &String| parser.helps && matches!(name.as_str(), "-h" | "--help");
        option
            .names
            .iter()
            .find(|name| name.starts_with('-') && (added(name) || own(name)))
    }

    /// Why the parser rejects the command line although it need not know all flags.
    fn refused_by_any(&self, id: usize) -> Option<String> {
        let parser = self.parsers.get(id).filter(|parser| !parser.unknown)?;
        for (flag, value) in self.flags_given() {
            let Found::One(option) = find(parser, &format!("--{flag}")) else {
                continue;
            };
            if !option.takes_value {
                continue;
            }
            if option.is_int && !is_integer(value) {
                return Some(format!(
                    "`parse_args()` ends the process: `--{flag}` takes an integer, and is passed `{value}`"
                ));
            }
            if option.choices.as_ref().is_some_and(|choices| !choices.contains(value)) {
                return Some(format!(
                    "`parse_args()` ends the process: `--{flag} {value}` is not one of its choices"
                ));
            }
        }
        self.lacking(parser)
    }

    /// Why the parser rejects the command line.
    fn rejected(&self, id: usize) -> Option<String> {
        let parser = self.parsers.get(id).filter(|parser| !parser.unknown)?;
        let mut unknown = Vec::new();
        for (flag, value) in self.flags_given() {
            let written = format!("--{flag}");
            match find(parser, &written) {
                Found::One(option) if option.takes_value => {}
                // It stands alone.
                Found::One(_) if value.is_empty() => {}
                Found::One(_) if self.equals_style() => {
                    return Some(format!(
                        "`parse_args()` ends the process: `{written}` takes no value, and is passed one"
                    ));
                }
                // The value would be an argument of its own.
                Found::One(_) => unknown.push(format!("{written}'s value")),
                Found::Many => return Some(format!("`parse_args()` ends the process: `{written}` is ambiguous")),
                Found::None => unknown.push(written),
            }
        }
        if !unknown.is_empty() {
            let takes_rest = parser.options.iter().any(|option| option.positional);
            if takes_rest && unknown.iter().all(|flag| flag.ends_with("value")) {
                return None;
            }
            return Some(format!(
                "`parse_args()` ends the process: it rejects {}, which the supervisor passes",
                listed(&unknown)
            ));
        }
        self.refused_by_any(id)
    }

    /// What the parser requires and nobody passes.
    fn lacking(&self, parser: &ParserFacts) -> Option<String> {
        let lacking: Vec<String> = parser
            .options
            .iter()
            .filter(|option| option.required)
            .filter(|option| {
                // A flag that the parser does not know leaves its value behind.
                let spare = option.positional
                    && self
                        .flags_given()
                        .keys()
                        .any(|flag| matches!(find(parser, &format!("--{flag}")), Found::None));
                !spare
                    && (option.positional
                        || !self.flags_given().keys().any(|flag| {
                            option.names.iter().any(|name| {
                                let name = name.trim_start_matches('-');
                                name == flag || !parser.exact && name.starts_with(flag.as_str())
                            })
                        }))
            })
            .filter_map(|option| option.names.first().cloned())
            .collect();
        (!lacking.is_empty()).then(|| {
            format!(
                "the parser ends the process: it requires {}, which nobody passes",
                listed(&lacking)
            )
        })
    }

    /// Whether the command line has words that belong to no flag that the parser knows.
    fn leaves_words(&self, parser: &ParserFacts) -> bool {
        let mut flags = self.flags_given().iter();
        flags.any(|(flag, value)| match find(parser, &format!("--{flag}")) {
            Found::One(option) => !option.takes_value && !value.is_empty(),
            Found::Many | Found::None => true,
        })
    }

    /// `vars(options)`, where all options are known.
    pub fn options_by_name(&mut self, id: usize) -> Option<V> {
        let parser = self.parsers.get(id)?;
        if parser.unknown || parser.sets_more {
            return None;
        }
        let names: Vec<String> = parser.options.iter().map(ParserOption::attribute).collect();
        let items = names.into_iter().map(|name| {
            let value = self.parsed(id, &name);
            (V::Str(name), value)
        });
        let items = items.collect();
        Some(self.new_mapping(items))
    }

    /// `options.name`, for what a parser returned.
    pub fn parsed(&self, id: usize, name: &str) -> V {
        let Some(parser) = self.parsers.get(id) else {
            return V::Unknown;
        };
        // Values of flags that the parser does not know are left over as words, which fill those that stand alone.
        let by_place = parser
            .options
            .iter()
            .any(|option| option.positional && option.attribute() == name);
        if by_place && self.leaves_words(parser) {
            return V::Unknown;
        }
        let option = parser.options.iter().find(|option| {
            option
                .names
                .iter()
                .any(|known| known.trim_start_matches('-').replace('-', "_") == name)
        });
        match (option, self.flags_given().get(name)) {
            // A flag alone says what its default does not.
            (Some(option), Some(_)) if !option.takes_value => match option.default {
                V::Bool(default) => V::Bool(!default),
                _ => V::Unknown,
            },
            (Some(option), Some(value)) if option.is_int => value.parse().map_or(V::Unknown, V::Int),
            (Some(_), Some(value)) => V::Str(value.clone()),
            (Some(option), None) if !parser.unknown && !parser.sets_more && option.attribute() == name => {
                option.default.clone()
            }
            _ => V::Unknown,
        }
    }
}

/// Whether Python's `int()` takes it.
fn is_integer(text: &str) -> bool {
    let digits = text.trim().trim_start_matches(['+', '-']);
    !digits.is_empty()
        && digits
            .split('_')
            .all(|part| !part.is_empty() && part.chars().all(char::is_numeric))
}

impl ParserOption {
    /// The attribute that holds its value.
    fn attribute(&self) -> String {
        if let Some(name) = &self.dest {
            return name.clone();
        }
        let long = self.names.iter().find(|name| name.starts_with("--"));
        let name = long.or(self.names.first()).map_or("", |name| name.as_str());
        name.trim_start_matches('-').replace('-', "_")
    }
}

impl ParserFacts {
    /// Whether what it returns surely has no such attribute.
    pub fn lacks(&self, name: &str) -> bool {
        !self.unknown && !self.sets_more && self.options.iter().all(|option| option.attribute() != name)
    }
}

enum Found<'a> {
    One(&'a ParserOption),
    Many,
    None,
}

/// The option that a flag means: exactly, or as the beginning of one where the parser takes that.
fn find<'a>(parser: &'a ParserFacts, flag: &str) -> Found<'a> {
    if let Some(exact) = parser
        .options
        .iter()
        .find(|option| option.names.iter().any(|name| name == flag))
    {
        return Found::One(exact);
    }
    if parser.exact {
        return Found::None;
    }
    let mut begun = parser.options.iter().filter(|option| {
        option
            .names
            .iter()
            .any(|name| name.starts_with("--") && name.starts_with(flag))
    });
    match (begun.next(), begun.next()) {
        (None, _) => Found::None,
        (Some(one), None) => Found::One(one),
        (Some(_), Some(_)) => Found::Many,
    }
}

fn option(arguments: &Arguments) -> Option<ParserOption> {
    let names: Vec<String> = arguments
        .positional
        .iter()
        .map(|name| name.text().map(ToOwned::to_owned))
        .collect::<Option<_>>()?;
    if names.is_empty() || arguments.open {
        return None;
    }
    let action = match arguments.named("action") {
        None => "store",
        Some(V::Str(action)) => action.as_str(),
        Some(_) => return None,
    };
    let positional = names.iter().all(|name| !name.starts_with('-'));
    let optional_count = match arguments.named("nargs") {
        None | Some(V::Int(_)) => false,
        Some(V::Str(count)) => count == "?" || count == "*",
        Some(_) => true,
    };
    let typed = arguments.named("type").is_some();
    let default = match (arguments.named("default"), action) {
        _ if arguments.doubtful.1.iter().any(|name| name == "default") => V::Unknown,
        (Some(value @ (V::None | V::Bool(_) | V::Int(_) | V::Float(_))), _) => value.clone(),
        // A text goes through `type=`.
        (Some(value @ V::Str(_)), _) if !typed => value.clone(),
        (Some(_), _) => V::Unknown,
        (None, "store_true") => V::Bool(false),
        (None, "store_false") => V::Bool(true),
        (None, "store" | "append" | "extend" | "count" | "store_const") => V::None,
        (None, _) => V::Unknown,
    };
    Some(ParserOption {
        default,
        takes_value: matches!(action, "store" | "append" | "extend"),
        required: if positional {
            !optional_count && action == "store" && arguments.named("default").is_none()
        } else {
            matches!(arguments.named("required"), Some(V::Bool(true)))
        },
        choices: match arguments.named("choices") {
            Some(V::List(values)) => values.iter().map(|value| value.text().map(ToOwned::to_owned)).collect(),
            _ => None,
        },
        dest: match arguments.named("dest") {
            Some(V::Str(name)) => Some(name.clone()),
            _ => None,
        },
        is_int: matches!(arguments.named("type"), Some(V::Outside(name)) if name == "builtins.int"),
        positional,
        names,
    })
}

/// What `add_subparsers(required=True)` makes: a word that has to be there.
fn command(name: String) -> ParserOption {
    ParserOption {
        default: V::Unknown,
        takes_value: true,
        required: true,
        choices: None,
        dest: Some(name.clone()),
        is_int: false,
        positional: true,
        names: vec![name],
    }
}

/// Whether a parser that is called with these takes the words of the process.
fn is_command_line(arguments: &Arguments) -> bool {
    let words = match (arguments.positional.as_slice(), arguments.named.as_slice()) {
        ([], []) => return !arguments.open,
        ([words], []) => words,
        ([], [(name, words)]) if name == "args" => words,
        _ => return false,
    };
    let all = matches!(words, V::Outside(name) if name == ALL_WORDS) || *words == V::None;
    all && arguments.sure && !arguments.open
}

fn listed(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

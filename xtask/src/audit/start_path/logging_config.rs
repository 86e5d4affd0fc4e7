//! What `logging.config.dictConfig` refuses: names that its parts have for each other and that are not there, levels, files.

use pysrc::Call;

use super::arguments::Arguments;
use super::failure::{Flow, Words};
use super::value::{ModuleId, V};
use super::walk::Walker;
use crate::finding::Subject;
use crate::python::imports::stdlib;

/// Keys of a handler or logger that name other parts: what they are called, and where these stand.
const FORMATTERS: &str = "formatters";
const HANDLERS: &str = "handlers";

impl Walker<'_> {
    /// `logging.config.dictConfig(…)`: everything in it is made at once.
    pub fn configures_logging(&mut self, here: ModuleId, call: &Call, arguments: &Arguments) -> Flow {
        let given = arguments.positional.first().or_else(|| arguments.named("config"));
        let Some(config) = given.cloned() else {
            return Flow::Next;
        };
        // A list may have been changed, and what only adds to what is there makes nothing.
        if !self.names_are_known(&config) || self.of(&config, "incremental").is_some() {
            return self.configures_files(here, call, arguments);
        }
        let problem = match self.names_of(&config, "") {
            Some(keys) if !keys.iter().any(|key| key == "version") => {
                Some("dictionary doesn't specify a version".to_owned())
            }
            _ => None,
        };
        let problem = problem.or_else(|| self.refused_handler(&config));
        if problem.is_none() {
            let flow = self.configures_files(here, call, arguments);
            if flow != Flow::Next {
                return flow;
            }
        }
        let Some(message) = problem.or_else(|| self.refused_logger(&config)) else {
            return Flow::Next;
        };
        self.fail_at(here, call.span, "start/bad-operation", "ValueError", message, None)
    }

    /// A part of a dictionary.
    fn of(&self, dictionary: &V, key: &str) -> Option<V> {
        self.part(dictionary, &V::Str(key.to_owned()))
    }

    /// The keys of a dictionary, or of one below a key of it, where all of them are known; none where it is not there.
    fn names_of(&self, dictionary: &V, key: &str) -> Option<Vec<String>> {
        let below = match key {
            "" => dictionary.clone(),
            key => match self.of(dictionary, key) {
                Some(below) => below,
                None => return Some(Vec::new()),
            },
        };
        let items = self.items_of(&below)?;
        items
            .into_iter()
            .map(|(key, _)| key.text().map(str::to_owned))
            .collect()
    }

    fn names_are_known(&self, config: &V) -> bool {
        ["", FORMATTERS, HANDLERS]
            .iter()
            .all(|key| self.names_of(config, key).is_some())
    }

    /// A handler that cannot be made.
    fn refused_handler(&self, config: &V) -> Option<String> {
        let formatters = self.names_of(config, FORMATTERS)?;
        let handlers = self
            .of(config, HANDLERS)
            .and_then(|handlers| self.items_of(&handlers))?;
        handlers.iter().find_map(|(name, handler)| {
            let name = name.text()?;
            let lacks_formatter = match self.of(handler, "formatter") {
                Some(V::Str(formatter)) if !formatters.contains(&formatter) => Some(format!(
                    "`{HANDLERS}` names the formatter '{formatter}', and `{FORMATTERS}` has none of that name"
                )),
                _ => None,
            };
            let why = lacks_formatter.or_else(|| match self.of(handler, "class") {
                Some(V::Str(class)) => self.lacks_class(&class),
                _ => None,
            });
            let why = why.or_else(|| self.bad_level(handler))?;
            Some(format!("Unable to configure handler '{name}': {why}"))
        })
    }

    /// A class of `logging` or `logging.handlers` that is not there.
    fn lacks_class(&self, class: &str) -> Option<String> {
        let (module, name) = class.rsplit_once('.')?;
        let known = matches!(module, "logging" | "logging.handlers") && self.version().minor == 11;
        let names = stdlib::names(module).filter(|_| known)?;
        (!names.contains(name) && !self.set_from_outside(name))
            .then(|| format!("module `{module}` has no class `{name}`"))
    }

    fn bad_level(&self, of: &V) -> Option<String> {
        self.of(of, "level").and_then(|level| self.unknown_level(&level))
    }

    /// A logger that cannot be made.
    fn refused_logger(&self, config: &V) -> Option<String> {
        let handlers = self.names_of(config, HANDLERS)?;
        let lacks = |logger: &V| {
            let named = match self.of(logger, HANDLERS)? {
                V::List(parts) if !self.changed_lists.contains(&parts) => parts,
                sequence @ V::Sequence(_) => self.turns_of(&sequence)?,
                _ => return None,
            };
            let named = named.iter().filter_map(V::text);
            let unknown = named
                .into_iter()
                .find(|name| !handlers.iter().any(|known| known == name))?;
            Some(format!(
                "it names the handler '{unknown}', and `{HANDLERS}` has none of that name"
            ))
        };
        let refused = |logger: &V| lacks(logger).or_else(|| self.bad_level(logger));
        let loggers = self.of(config, "loggers").and_then(|loggers| self.items_of(&loggers));
        let logger = loggers.into_iter().flatten().find_map(|(name, logger)| {
            let why = refused(&logger)?;
            Some(format!("Unable to configure logger '{}': {why}", name.text()?))
        });
        logger.or_else(|| {
            let why = refused(&self.of(config, "root")?)?;
            Some(format!("Unable to configure root logger: {why}"))
        })
    }

    /// The files of its handlers are opened at once.
    fn configures_files(&mut self, here: ModuleId, call: &Call, arguments: &Arguments) -> Flow {
        let text = |text: &str| V::Str(text.to_owned());
        let handlers = arguments
            .positional
            .first()
            .or_else(|| arguments.named("config"))
            .and_then(|config| self.part(config, &text(HANDLERS)))
            .and_then(|handlers| self.items_of(&handlers));
        for (name, handler) in handlers.into_iter().flatten() {
            let of = |key: &str| self.part(&handler, &text(key));
            let (Some(V::Str(class)), Some(file)) = (of("class"), of("filename")) else {
                continue;
            };
            let opens = class.starts_with("logging.") && class.ends_with("FileHandler") && of("delay").is_none();
            let Some((path, why)) = file
                .text()
                .filter(|_| opens)
                .and_then(|path| self.cannot_be_written(path))
            else {
                continue;
            };
            let shown = name.text().unwrap_or_default();
            let message = format!("Unable to configure handler '{shown}': {why}");
            let words = Words::about(Subject::Path(path), message);
            let volumes = self.view().volumes.join(", ");
            let help = Some(format!("only {volumes} and /tmp are writable"));
            return self.fail_at(here, call.span, "start/missing-folder", "ValueError", words, help);
        }
        Flow::Next
    }
}

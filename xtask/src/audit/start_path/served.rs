//! Servers that import what they serve by its name: `uvicorn.run("package.module:app")`.

use pysrc::Call;

use super::arguments::Arguments;
use super::failure::{Flow, Words};
use super::value::V;
use super::walk::Walker;
use crate::finding::Subject;

/// Arguments with which something else imports it, or from elsewhere.
const IMPORTS_ELSEWHERE: &[&str] = &["reload", "workers", "app_dir", "env_file"];

impl Walker<'_> {
    /// `uvicorn.run`: a module or name that is not there ends the process, as uvicorn says so and exits.
    pub fn imports_app(&mut self, call: &Call, arguments: &Arguments) -> Flow {
        let given = arguments.positional.first().or_else(|| arguments.named("app"));
        let is_doubtful = arguments.doubtful.0.contains(&0) || arguments.doubtful.1.iter().any(|name| name == "app");
        let elsewhere = IMPORTS_ELSEWHERE.iter().any(|name| arguments.named(name).is_some());
        let Some(V::Str(app)) = given.filter(|_| !is_doubtful && !elsewhere && !arguments.open) else {
            return Flow::Next;
        };
        let Some((module, name)) = app.split_once(':') else {
            return Flow::Next;
        };
        let well_formed = |name: &str| {
            name.split('.')
                .all(|part| !part.is_empty() && !part.contains([':', '/', '(']))
        };
        let more = self.has_variable("WEB_CONCURRENCY") == Some(true);
        if more || !self.is_certain() || !well_formed(module) || !well_formed(name) {
            return Flow::Next;
        }
        let (module, name) = (module.to_owned(), name.split('.').next().unwrap_or(name).to_owned());
        let id = match self.load_modules(&module, call.span) {
            Ok(V::Module(id)) => id,
            Ok(_) => return Flow::Next,
            Err(flow) => return flow,
        };
        let open = self.modules.get(id).is_none_or(|module| module.dynamic || !module.done);
        let made = self
            .source(id)
            .is_none_or(|source| source.atom("__getattr__").is_some());
        let below = self.by_name.contains_key(&format!("{module}.{name}"));
        if open
            || made
            || below
            || self.global(id, &name).is_some()
            || self.may_be_replaced(id)
            || self.is_set_on_others(&name)
        {
            return Flow::Next;
        }
        let message = format!("module '{module}' has no attribute '{name}', which uvicorn is to serve");
        let words = Words::about(Subject::Name(name), message);
        let help = Some("name what the module binds: `module:name`".to_owned());
        self.fail_at(
            self.here(),
            call.span,
            "start/no-attribute",
            "AttributeError",
            words,
            help,
        )
    }
}

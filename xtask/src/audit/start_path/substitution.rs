//! Texts of which parts are put in the place of others: `re.sub`, and variables of the environment.

use pysrc::Call;

use super::arguments::Arguments;
use super::failure::Flow;
use super::regular::{self, Split};
use super::value::{ModuleId, V};
use super::walk::Walker;

impl Walker<'_> {
    /// What `re.sub(pattern, with, text)` gives, or `pattern.sub(with, text)`: a function is called for each place.
    pub fn substituted(
        &mut self,
        here: ModuleId,
        call: &Call,
        arguments: &Arguments,
        pattern: Option<&str>,
    ) -> (V, Flow) {
        let some_text = || V::Concat(vec![V::Unknown]);
        self.sure &= arguments.sure;
        let given = match (pattern, arguments.positional.as_slice()) {
            (Some(pattern), [with, text]) => Some((pattern, with, text)),
            (None, [V::Str(pattern) | V::Pattern(pattern), with, text]) => Some((pattern.as_str(), with, text)),
            _ => None,
        };
        let given = given.filter(|_| !arguments.are_named() && !arguments.open && arguments.sure);
        let Some((pattern, with, text)) = given else {
            self.gives_functions(arguments);
            return (V::Unknown, Flow::Next);
        };
        let taken_apart = self
            .known_text(text)
            .map(|text| (regular::split(pattern, &text), text.into_owned()));
        let (places, rest) = match taken_apart {
            Some((Some(Split::Nowhere), text)) => return (V::Str(text), Flow::Next),
            Some((Some(Split::Places(places, rest)), _)) => (places, rest),
            _ => {
                self.gives_functions(arguments);
                return (some_text(), Flow::Next);
            }
        };
        let closure = with.closure();
        let written = match with {
            V::Str(with) if !with.contains('\\') => Some(with),
            _ => None,
        };
        if closure.is_none() && written.is_none() {
            self.gives_functions(arguments);
            return (some_text(), Flow::Next);
        }
        let mut parts = Vec::with_capacity(places.len() * 2 + 1);
        let mut sure = true;
        for (before, found) in places {
            parts.push(V::Str(before));
            match (&closure, written) {
                (Some(closure), _) => {
                    let arguments = Arguments {
                        positional: vec![V::Found(found)],
                        sure: true,
                        ..Arguments::none(false)
                    };
                    self.sure = true;
                    let (value, flow) = self.call_function(here, call, closure.clone(), &arguments);
                    if flow != Flow::Next {
                        return (V::Unknown, flow);
                    }
                    sure &= self.sure;
                    parts.push(match value {
                        text @ (V::Str(_) | V::Concat(_)) => text,
                        _ => V::Unknown,
                    });
                }
                (None, written) => parts.extend(written.map(|with| V::Str(with.clone()))),
            }
        }
        parts.push(V::Str(rest));
        self.sure = sure;
        (V::concat(parts), Flow::Next)
    }

    /// What `os.path.expandvars(text)` gives: a variable that is not there stays as it is written.
    pub fn with_variables(&self, text: &str) -> V {
        /// A name behind a `$`, in braces or not, as `posixpath` takes it.
        const VARIABLE: &str = r"\$(?:([a-zA-Z0-9_]+)|\{([^}]*)\})";
        let Some(Split::Places(places, rest)) = regular::split(VARIABLE, text) else {
            return match regular::split(VARIABLE, text) {
                Some(_) => V::Str(text.to_owned()),
                None => V::Concat(vec![V::Unknown]),
            };
        };
        let mut parts = Vec::with_capacity(places.len() * 2 + 1);
        for (before, found) in places {
            let name = match (found.group(&V::Int(1)), found.group(&V::Int(2))) {
                (V::Str(name), _) | (_, V::Str(name)) => name,
                _ => return V::Concat(vec![V::Unknown]),
            };
            parts.push(V::Str(before));
            parts.push(match self.has_variable(&name) {
                Some(true) => self.known_variable(&name).map_or(V::Unknown, V::Str),
                Some(false) => found.group(&V::Int(0)),
                None => V::Unknown,
            });
        }
        parts.push(V::Str(rest));
        V::concat(parts)
    }
}

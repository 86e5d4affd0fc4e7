//! What a callable takes, where it is no function of the tree: constructors that are made, `lambda`s, the standard library.

/// The parameters of a callable.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signature {
    /// How it is called in messages: `Task.__init__`.
    pub name: String,
    /// Positional-only ones first, keyword-only ones last; `self` is none of them.
    pub parameters: Vec<Parameter>,
    /// How many of them are positional-only.
    pub positional_only: usize,
    /// How many of them can be given by position.
    pub positional: usize,
    /// Takes any others by position.
    pub star: bool,
    /// Takes any others by name.
    pub double_star: bool,
    /// It is a method, whose `self` Python counts in its messages.
    pub method: bool,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    pub name: String,
    pub has_default: bool,
}

impl Signature {
    /// Why it cannot be called with so many arguments by position and those by name; `open`: there may be more.
    pub fn refuses(&self, given: usize, named: &[&str], open: bool) -> Option<String> {
        if given > self.positional && !self.star {
            return Some(self.too_many(given));
        }
        let mut missing: Vec<&str> = Vec::new();
        for name in named {
            let at = self.parameters.iter().position(|parameter| parameter.name == *name);
            match at.filter(|at| *at >= self.positional_only) {
                Some(at) if at < given && at < self.positional => {
                    return Some(format!("{}() got multiple values for argument '{name}'", self.name));
                }
                None if !self.double_star => {
                    return Some(format!("{}() got an unexpected keyword argument '{name}'", self.name));
                }
                _ => {}
            }
        }
        for (at, parameter) in self.parameters.iter().enumerate() {
            let by_position = at < self.positional && at < given;
            let by_name = at >= self.positional_only && named.contains(&parameter.name.as_str());
            if !parameter.has_default && !by_position && !by_name && !open {
                missing.push(&parameter.name);
            }
        }
        let named: Vec<String> = missing.iter().map(|name| format!("'{name}'")).collect();
        let plural = if named.len() == 1 { "" } else { "s" };
        (!named.is_empty()).then(|| {
            format!(
                "{}() missing {} required argument{plural}: {}",
                self.name,
                named.len(),
                named.join(", ")
            )
        })
    }

    fn too_many(&self, given: usize) -> String {
        let of_self = usize::from(self.method);
        let most = self.positional + of_self;
        let needed = self.parameters.iter().take(self.positional);
        let least = needed.filter(|parameter| !parameter.has_default).count() + of_self;
        let range = if least == most {
            most.to_string()
        } else {
            format!("from {least} to {most}")
        };
        let plural = if most == 1 { "" } else { "s" };
        let given = given + of_self;
        let verb = if given == 1 { "was" } else { "were" };
        format!(
            "{}() takes {range} positional argument{plural} but {given} {verb} given",
            self.name
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_that_do_not_fit() {
        let parameter = |name: &str, has_default| Parameter {
            name: name.to_owned(),
            has_default,
        };
        // (a, /, b, c=…, *, d, e=…)
        let signature = Signature {
            name: "f".to_owned(),
            parameters: [("a", false), ("b", false), ("c", true), ("d", false), ("e", true)]
                .map(|(name, has_default)| parameter(name, has_default))
                .into(),
            positional_only: 1,
            positional: 3,
            ..Signature::default()
        };
        for (positional, named, open) in [
            (2, &["d"][..], false),
            (1, &["b", "d"], false),
            (3, &["d", "e"], false),
            (0, &[], true),
            (1, &["d"], true),
        ] {
            assert_eq!(
                signature.refuses(positional, named, open),
                None,
                "{positional} {named:?}"
            );
        }
        for (positional, named, why) in [
            (
                4,
                &["d"][..],
                "f() takes from 2 to 3 positional arguments but 4 were given",
            ),
            (2, &["d", "q"], "f() got an unexpected keyword argument 'q'"),
            (1, &["a", "b", "d"], "f() got an unexpected keyword argument 'a'"),
            (2, &["b", "d"], "f() got multiple values for argument 'b'"),
            (1, &[], "f() missing 2 required arguments: 'b', 'd'"),
        ] {
            assert_eq!(signature.refuses(positional, named, false).as_deref(), Some(why));
        }
        let any = Signature {
            star: true,
            double_star: true,
            ..Signature::default()
        };
        assert_eq!(any.refuses(7, &["x"], false), None);
    }
}

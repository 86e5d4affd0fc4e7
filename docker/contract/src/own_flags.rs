//! Which of `--port`, `--health_check_port` and `--name` an agent is given.

use std::fmt;

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A flag that a supervisor adds to an agent's command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnFlag {
    /// `--port`.
    Port,
    /// `--health_check_port`.
    HealthCheckPort,
    /// `--name`.
    Name,
}

impl OwnFlag {
    /// All of them, in the order of the command line.
    pub const ALL: [Self; 3] = [Self::Port, Self::HealthCheckPort, Self::Name];

    /// Its name, without dashes.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Port => "port",
            Self::HealthCheckPort => "health_check_port",
            Self::Name => "name",
        }
    }

    /// The flag of a name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|flag| flag.name() == name)
    }

    fn bit(self) -> u8 {
        match self {
            Self::Port => 1,
            Self::HealthCheckPort => 2,
            Self::Name => 4,
        }
    }
}

/// Some of the flags. As text: `true` for all, `false` for none, a list of names otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnFlags(u8);

impl OwnFlags {
    /// All of them, which is what an agent gets that says nothing.
    pub const ALL: Self = Self(7);
    /// None.
    pub const NONE: Self = Self(0);

    /// Whether that one is among them.
    #[must_use]
    pub fn has(self, flag: OwnFlag) -> bool {
        self.0 & flag.bit() != 0
    }

    /// Whether there are any.
    #[must_use]
    pub fn any(self) -> bool {
        self != Self::NONE
    }

    /// Whether they need not be written.
    #[must_use]
    pub fn is_all(&self) -> bool {
        *self == Self::ALL
    }

    /// How many there are.
    #[must_use]
    pub fn count(self) -> u32 {
        self.0.count_ones()
    }

    /// They, in the order of the command line.
    pub fn iter(self) -> impl Iterator<Item = OwnFlag> {
        OwnFlag::ALL.into_iter().filter(move |flag| self.has(*flag))
    }

    /// Every choice of them, the largest first.
    #[must_use]
    pub fn choices() -> Vec<Self> {
        let mut all: Vec<Self> = (0..=Self::ALL.0).map(Self).collect();
        all.sort_by_key(|flags| (std::cmp::Reverse(flags.count()), flags.0));
        all
    }
}

impl Default for OwnFlags {
    fn default() -> Self {
        Self::ALL
    }
}

impl FromIterator<OwnFlag> for OwnFlags {
    fn from_iter<T: IntoIterator<Item = OwnFlag>>(flags: T) -> Self {
        Self(flags.into_iter().fold(0, |all, flag| all | flag.bit()))
    }
}

impl Serialize for OwnFlags {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::ALL => serializer.serialize_bool(true),
            Self::NONE => serializer.serialize_bool(false),
            some => serializer.collect_seq(some.iter().map(OwnFlag::name)),
        }
    }
}

impl<'de> Deserialize<'de> for OwnFlags {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = OwnFlags;

            fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
                to.write_str("true, false or a list of `port`, `health_check_port` and `name`")
            }

            fn visit_bool<E: de::Error>(self, all: bool) -> Result<OwnFlags, E> {
                Ok(if all { OwnFlags::ALL } else { OwnFlags::NONE })
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<OwnFlags, A::Error> {
                let mut flags = Vec::new();
                while let Some(name) = names.next_element::<String>()? {
                    let flag = OwnFlag::of(&name);
                    flags.push(flag.ok_or_else(|| de::Error::custom(format_args!("there is no flag {name:?}")))?);
                }
                Ok(flags.into_iter().collect())
            }
        }
        deserializer.deserialize_any(Either)
    }
}

#[cfg(test)]
mod tests {
    use super::{OwnFlag, OwnFlags};

    #[test]
    fn all_and_none_are_words_and_some_are_a_list() {
        let one: OwnFlags = [OwnFlag::Port].into_iter().collect();
        for (flags, text) in [
            (OwnFlags::ALL, "true"),
            (OwnFlags::NONE, "false"),
            (one, r#"["port"]"#),
            (
                [OwnFlag::Name, OwnFlag::Port].into_iter().collect(),
                r#"["port","name"]"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&flags).unwrap(), text);
            assert_eq!(serde_json::from_str::<OwnFlags>(text).unwrap(), flags);
        }
        assert!(serde_json::from_str::<OwnFlags>(r#"["host"]"#).is_err());
        assert!(serde_json::from_str::<OwnFlags>("7").is_err());
    }

    #[test]
    fn the_largest_choice_comes_first() {
        let counts: Vec<u32> = OwnFlags::choices().into_iter().map(OwnFlags::count).collect();
        assert_eq!(counts, [3, 2, 2, 2, 1, 1, 1, 0]);
    }
}

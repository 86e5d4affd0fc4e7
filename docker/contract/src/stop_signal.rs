//! The signals by which an agent is told to end.

use serde::{Deserialize, Serialize};

/// A signal that tells an agent to end. All of them can be handled, and end a process that does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum StopSignal {
    /// Hang-up.
    #[serde(rename = "SIGHUP")]
    Hangup,
    /// What Ctrl-C sends: Python raises `KeyboardInterrupt`.
    #[serde(rename = "SIGINT")]
    Interrupt,
    /// What Ctrl-\\ sends.
    #[serde(rename = "SIGQUIT")]
    Quit,
    /// The first of those that have no meaning of their own.
    #[serde(rename = "SIGUSR1")]
    User1,
    /// The second of them.
    #[serde(rename = "SIGUSR2")]
    User2,
    /// What everything else stops by.
    #[default]
    #[serde(rename = "SIGTERM")]
    Terminate,
}

impl StopSignal {
    /// Every signal.
    pub const ALL: [Self; 6] = [
        Self::Hangup,
        Self::Interrupt,
        Self::Quit,
        Self::User1,
        Self::User2,
        Self::Terminate,
    ];

    /// Its name, as configs have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hangup => "SIGHUP",
            Self::Interrupt => "SIGINT",
            Self::Quit => "SIGQUIT",
            Self::User1 => "SIGUSR1",
            Self::User2 => "SIGUSR2",
            Self::Terminate => "SIGTERM",
        }
    }

    /// The signal of a name, with or without `SIG`, in capitals or not.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let name = name.to_ascii_uppercase();
        let name = name.strip_prefix("SIG").unwrap_or(&name);
        Self::ALL.into_iter().find(|signal| signal.name()[3..] == *name)
    }

    /// Whether it need not be written.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::StopSignal;

    #[test]
    fn a_signal_is_called_what_configs_call_it() {
        for signal in StopSignal::ALL {
            assert_eq!(serde_json::to_value(signal).unwrap(), signal.name());
            let short = signal.name()[3..].to_ascii_lowercase();
            assert_eq!(StopSignal::named(&short), Some(signal));
            assert_eq!(StopSignal::named(signal.name()), Some(signal));
        }
        for wrong in ["", "SIG", "KILL", "STOP", "9", "SIGSIGINT"] {
            assert_eq!(StopSignal::named(wrong), None, "{wrong}");
        }
    }
}

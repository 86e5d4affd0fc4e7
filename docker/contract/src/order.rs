//! What an operator may tell a supervisor to do with one of its agents.

/// An order about one agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// End its process, if it has one, and start it anew.
    Restart,
    /// End its process, and do not start it until told to.
    Stop,
    /// Start it if it does not run.
    Start,
}

impl Order {
    /// Every order.
    pub const ALL: [Self; 3] = [Self::Restart, Self::Stop, Self::Start];

    /// The word for it: the command of `agent-supervisor`, and the end of the path that it asks for.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Restart => "restart",
            Self::Stop => "stop",
            Self::Start => "start",
        }
    }

    /// The order of that word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|order| order.word() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::Order;

    #[test]
    fn an_order_is_found_by_its_word() {
        for order in Order::ALL {
            assert_eq!(Order::of(order.word()), Some(order));
        }
        assert_eq!(Order::of("kill"), None);
    }
}

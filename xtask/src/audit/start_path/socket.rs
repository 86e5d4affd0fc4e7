//! Sockets that are bound and connected on the way.

use pysrc::{Call, placeholder};

use super::arguments::Arguments;
use super::failure::Flow;
use super::value::{ModuleId, V};
use super::walk::{Bind, Walker};

impl Walker<'_> {
    /// `socket.bind(address)`.
    pub fn bind_socket(&mut self, here: ModuleId, call: &Call, arguments: &Arguments) -> Flow {
        let flow = self.check_placeholder(here, call, arguments);
        if flow != Flow::Next {
            return flow;
        }
        let place = self.place(here, call.span);
        let port = match arguments.positional.first() {
            Some(V::List(parts)) => match parts.get(1) {
                Some(V::Int(port)) => u16::try_from(*port).ok(),
                _ => None,
            },
            Some(address) => match address.shape() {
                Some(text) if text.starts_with("ipc:") || text.starts_with("inproc:") => return Flow::Next,
                Some(text) => text.rsplit(':').next().and_then(|port| port.parse().ok()),
                None => None,
            },
            None => None,
        };
        let conditional = self.maybe > 0 || self.waiting;
        let before = self
            .binds
            .iter()
            .find(|bind| port.is_some() && port != Some(0) && bind.port == port && !bind.conditional)
            .cloned();
        if let (Some(port), Some(before)) = (port, before) {
            let message = format!(
                "port {port} is bound twice: `{}` line {} has it already",
                before.place.path, before.place.line
            );
            return self.fail_at(here, call.span, "start/port-bound-twice", "ZMQError", message, None);
        }
        if self.silent == 0 {
            self.binds.push(Bind {
                port,
                place,
                conditional,
            });
        }
        Flow::Next
    }

    /// A template's placeholder in an address.
    pub fn check_placeholder(&mut self, here: ModuleId, call: &Call, arguments: &Arguments) -> Flow {
        let text = match arguments.positional.first() {
            Some(V::List(parts)) => parts.first().and_then(V::shape),
            Some(address) => address.shape(),
            None => None,
        };
        let Some(found) = text.as_deref().and_then(placeholder).map(ToOwned::to_owned) else {
            return Flow::Next;
        };
        let message = format!("the placeholder `{found}` was never filled in");
        self.fail_at(here, call.span, "start/placeholder", "ZMQError", message, None)
    }
}

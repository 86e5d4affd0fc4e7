//! The connection to an editor that started this program as its language server: messages over standard input and output.

use std::io;

use lsp_server::{Connection, IoThreads, Message, ProtocolError};
use serde_json::{Value, json};

/// A connection, greeted.
pub struct Editor {
    connection: Connection,
    threads: IoThreads,
}

impl Editor {
    /// Waits for the editor's greeting and answers what this server can do.
    ///
    /// # Errors
    /// When the editor does not speak the protocol, or went away.
    pub fn greet(capabilities: &Value) -> Result<Self, ProtocolError> {
        let (connection, threads) = Connection::stdio();
        let (id, _) = connection.initialize_start()?;
        let answer = json!({
            "capabilities": capabilities,
            "serverInfo": {"name": "ai-system audit", "version": env!("CARGO_PKG_VERSION")},
        });
        connection.initialize_finish(id, answer)?;
        Ok(Self { connection, threads })
    }

    /// The next message, and all that came with it; nothing when the editor went away.
    #[must_use]
    pub fn next(&self) -> Vec<Message> {
        let first = self.connection.receiver.recv().ok();
        first.into_iter().chain(self.connection.receiver.try_iter()).collect()
    }

    /// Sends a message; that the editor went away is seen by [`Editor::next`].
    pub fn send(&self, message: impl Into<Message>) {
        let _ = self.connection.sender.send(message.into());
    }

    /// Whether a request asks the server to end, which is then confirmed.
    ///
    /// # Errors
    /// When the editor sends something else after it.
    pub fn is_farewell(&self, request: &lsp_server::Request) -> Result<bool, ProtocolError> {
        self.connection.handle_shutdown(request)
    }

    /// Waits until all that was sent has gone out.
    ///
    /// # Errors
    /// When the editor could not be read or written.
    pub fn close(self) -> io::Result<()> {
        drop(self.connection);
        self.threads.join()
    }
}

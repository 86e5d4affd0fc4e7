"""ContextManager: what the conversation is about at the moment."""
import time

from pc2_code.utils.database import open_database
from pc2_code.utils.service import Service, action, run

TABLE = "CREATE TABLE IF NOT EXISTS context (id INTEGER PRIMARY KEY, session TEXT NOT NULL, at REAL NOT NULL, text TEXT NOT NULL)"
INDEX = "CREATE INDEX IF NOT EXISTS by_session ON context (session, id)"


class ContextManager(Service):
    """A window of the latest texts of each session, limited in words."""

    duty = "memory"

    def start(self):
        self.db = open_database(self.own_data(), "context.db", TABLE, INDEX)

    @action("push")
    def push(self, request):
        """Add `text` to a `session`."""
        session = request.text("session", "default")
        self.db.execute("INSERT INTO context (session, at, text) VALUES (?, ?, ?)", (session, time.time(), request.text("text")))
        return {"session": session}

    @action("window")
    def window(self, request):
        """The latest texts of a `session` which together have at most `max_words` words."""
        session, left = request.text("session", "default"), request.whole("max_words", 200)
        texts = []
        for row in self.db.execute("SELECT text FROM context WHERE session = ? ORDER BY id DESC LIMIT 500", (session,)):
            left -= len(row["text"].split())
            if left < 0:
                break
            texts.insert(0, row["text"])
        return {"session": session, "texts": texts}

    @action("keep")
    def keep(self, request):
        """Hand the window of a session over to MemoryManager and clear it."""
        session = request.text("session", "default")
        texts = self.window(request)["texts"]
        self.ask("MemoryManager", "store", key=f"context:{session}:{int(time.time() * 1000)}", value=" ".join(texts))
        self.db.execute("DELETE FROM context WHERE session = ?", (session,))
        return {"session": session, "texts": len(texts)}


if __name__ == "__main__":
    run(ContextManager)

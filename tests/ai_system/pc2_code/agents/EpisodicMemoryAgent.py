"""EpisodicMemoryAgent: what happened when, with all its details."""
import time

import msgpack

from pc2_code.utils.database import open_database
from pc2_code.utils.service import Refusal, Service, action, run

TABLE = "CREATE TABLE IF NOT EXISTS episodes (id INTEGER PRIMARY KEY, at REAL NOT NULL, title TEXT NOT NULL, details BLOB NOT NULL)"


class EpisodicMemoryAgent(Service):
    """Episodes in order of time; each title is a statement for the reasoning, too."""

    duty = "memory"

    def start(self):
        self.db = open_database(self.own_data(), "episodes.db", TABLE)

    @action("record")
    def record(self, request):
        """Keep an episode with a `title`, optional `details` and a `context` it belongs to."""
        title = request.text("title")
        details = msgpack.packb(request.get("details", {}))
        number = self.db.execute(
            "INSERT INTO episodes (at, title, details) VALUES (?, ?, ?)", (time.time(), title, details)
        ).lastrowid
        context = request.text("context", "day")
        self.tell("UnifiedMemoryReasoningAgent", "remember", subject=context, relation="includes", object=title, source=self.name)
        return {"episode": number}

    @action("episode")
    def episode(self, request):
        """One `episode` with its details."""
        row = self.db.execute("SELECT * FROM episodes WHERE id = ?", (request.whole("episode"),)).fetchone()
        if row is None:
            raise Refusal("there is no such episode")
        return {"episode": row["id"], "at": row["at"], "title": row["title"], "details": msgpack.unpackb(row["details"])}

    @action("recent")
    def recent(self, request):
        """The latest episodes, without details."""
        rows = self.db.execute("SELECT id, at, title FROM episodes ORDER BY id DESC LIMIT ?", (request.whole("limit", 20),))
        return {"episodes": [dict(row) for row in rows]}

    @action("related")
    def related(self, request):
        """What UnifiedMemoryReasoningAgent knows about a `title`."""
        reply = self.ask("UnifiedMemoryReasoningAgent", "recall", text=request.text("title"))
        return {"statements": reply["statements"]}


if __name__ == "__main__":
    run(EpisodicMemoryAgent)

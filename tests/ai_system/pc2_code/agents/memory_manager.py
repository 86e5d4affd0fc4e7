"""MemoryManager of PC2: named memories with a strength that fades unless they are used."""
import json
import time

from pc2_code.utils.database import like, open_database
from pc2_code.utils.service import Refusal, Service, action, run

TABLE = """
CREATE TABLE IF NOT EXISTS memories (
    key TEXT PRIMARY KEY, value TEXT NOT NULL, strength REAL NOT NULL, used REAL NOT NULL
)
"""
DAY = 86400.0


class MemoryManager(Service):
    """Stores, recalls (which strengthens) and forgets what is weak."""

    duty = "memory"

    def start(self):
        self.db = open_database(self.own_data(), "memories.db", TABLE)

    @action("store")
    def store(self, request):
        """Keep `value` under `key`; text is a statement for the reasoning, too."""
        key, value = request.text("key"), request.get("value")
        self.db.execute("INSERT OR REPLACE INTO memories VALUES (?, ?, 1.0, ?)", (key, json.dumps(value), time.time()))
        if isinstance(value, str):
            self.tell("UnifiedMemoryReasoningAgent", "remember", subject=key, relation="is", object=value[:200], source=self.name)
        return {"key": key}

    @action("get")
    def get(self, request):
        """The memory under `key`; its use makes it stronger."""
        key = request.text("key")
        row = self.db.execute("SELECT value, strength FROM memories WHERE key = ?", (key,)).fetchone()
        if row is None:
            raise Refusal(f"no memory '{key}'")
        self.db.execute("UPDATE memories SET strength = strength + 0.5, used = ? WHERE key = ?", (time.time(), key))
        return {"key": key, "value": json.loads(row["value"]), "strength": row["strength"] + 0.5}

    @action("search")
    def search(self, request):
        """Keys of memories with `text` in them, the strongest first."""
        pattern = like(request.text("text"))
        rows = self.db.execute(
            "SELECT key FROM memories WHERE key LIKE ?1 ESCAPE '\\' OR value LIKE ?1 ESCAPE '\\' ORDER BY strength DESC LIMIT 50",
            (pattern,),
        )
        return {"keys": [row["key"] for row in rows]}

    @action("forget")
    def forget(self, request):
        """Drop memories weaker than `below`, after half a strength is taken off per day unused."""
        below = request.number("below", 0.5)
        gone = self.db.execute(
            "DELETE FROM memories WHERE strength - 0.5 * (? - used) / ? < ?", (time.time(), DAY, below)
        ).rowcount
        return {"forgotten": gone}

    @action("explain")
    def explain(self, request):
        """How `start` leads to `goal`, according to UnifiedMemoryReasoningAgent."""
        reply = self.ask("UnifiedMemoryReasoningAgent", "reason", start=request.text("start"), goal=request.text("goal"))
        return {"steps": reply["steps"]}

    @action("count")
    def count(self, request):
        """How many memories there are."""
        return {"count": self.db.execute("SELECT COUNT(*) FROM memories").fetchone()[0]}


if __name__ == "__main__":
    run(MemoryManager)

"""UnifiedMemoryReasoningAgent: statements in SQLite, and chains of them as reasons."""
from collections import deque

from pc2_code.utils.database import like, open_database
from pc2_code.utils.service import Refusal, Service, action, run

TABLE = """
CREATE TABLE IF NOT EXISTS statements (
    id INTEGER PRIMARY KEY,
    subject TEXT NOT NULL,
    relation TEXT NOT NULL,
    object TEXT NOT NULL,
    source TEXT NOT NULL,
    UNIQUE (subject, relation, object)
)
"""
INDEX = "CREATE INDEX IF NOT EXISTS by_subject ON statements (subject)"


class UnifiedMemoryReasoningAgent(Service):
    """Remembers statements and finds how one thing leads to another."""

    duty = "memory"

    def start(self):
        self.db = open_database(self.own_data(), "statements.db", TABLE, INDEX)

    @action("remember")
    def remember(self, request):
        """Keep `subject` `relation` `object`; known statements stay as they are."""
        subject, relation, thing = request.text("subject"), request.text("relation"), request.text("object")
        added = self.db.execute(
            "INSERT OR IGNORE INTO statements (subject, relation, object, source) VALUES (?, ?, ?, ?)",
            (subject, relation, thing, request.text("source", "unknown")),
        ).rowcount
        if added:
            self.tell("CacheManager", "invalidate", prefix="reasoning:")
        return {"added": bool(added)}

    @action("recall")
    def recall(self, request):
        """Statements with `text` in their subject or object, the newest first."""
        pattern = like(request.text("text"))
        rows = self.db.execute(
            "SELECT subject, relation, object, source FROM statements "
            "WHERE subject LIKE ?1 ESCAPE '\\' OR object LIKE ?1 ESCAPE '\\' ORDER BY id DESC LIMIT 50",
            (pattern,),
        )
        return {"statements": [dict(row) for row in rows]}

    @action("count")
    def count(self, request):
        """How many statements there are."""
        return {"count": self.db.execute("SELECT COUNT(*) FROM statements").fetchone()[0]}

    @action("reason")
    def reason(self, request):
        """The shortest chain of statements from `start` to `goal`; CacheManager keeps what was found."""
        begin, goal = request.text("start"), request.text("goal")
        key = f"reasoning:{begin}:{goal}"
        cached = self.ask_kindly("CacheManager", "get", key=key)
        if cached and cached["hit"]:
            return {"steps": cached["value"], "cached": True}
        came_from, waiting = {begin: None}, deque([begin])
        while waiting and goal not in came_from and len(came_from) < 10_000:
            here = waiting.popleft()
            for row in self.db.execute("SELECT relation, object FROM statements WHERE subject = ?", (here,)):
                if row["object"] not in came_from:
                    came_from[row["object"]] = (here, row["relation"])
                    waiting.append(row["object"])
        if goal not in came_from:
            raise Refusal(f"nothing leads from '{begin}' to '{goal}'")
        steps, here = [], goal
        while came_from[here]:
            before, relation = came_from[here]
            steps.insert(0, f"{before} {relation} {here}")
            here = before
        self.tell("CacheManager", "put", key=key, value=steps)
        return {"steps": steps, "cached": False}


if __name__ == "__main__":
    run(UnifiedMemoryReasoningAgent)

"""RemoteConnectorAgent: PC2's way to MainPC, and the queue for when it cannot be reached."""
import json
import threading
import time
import uuid

from pc2_code.utils.database import open_database
from pc2_code.utils.service import Declined, NoAnswer, Refusal, Service, action, run

TABLE = """
CREATE TABLE IF NOT EXISTS outgoing (
    id TEXT PRIMARY KEY,
    request TEXT NOT NULL,
    queued REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL DEFAULT 'pending',
    reply TEXT
)
"""
# CoordinatorAgent itself waits up to 8 s for the agents behind it.
MAINPC_PATIENCE = 12.0
KINDS = ("reason", "tree_of_thought")


class RemoteConnectorAgent(Service):
    """Asks CoordinatorAgent on MainPC now, or keeps the question until it can be asked."""

    duty = "connection"

    @classmethod
    def flags(cls, parser):
        parser.add_argument("--mainpc_coordinator_port", type=int, default=26002, help="port of MainPC's CoordinatorAgent")
        parser.add_argument("--retry_seconds", type=float, default=2.0, help="pause between two attempts to deliver")

    def start(self):
        self.lock = threading.Lock()
        self.wake = threading.Event()
        self.db = open_database(self.own_data(), "outgoing.db", TABLE)
        self.helper(self.deliver)

    def end(self, *signal_arguments):
        """Wake the delivering thread, too."""
        super().end(*signal_arguments)
        self.wake.set()

    def sql(self, statement, *values):
        """Run a statement; both threads use the one connection."""
        with self.lock:
            return self.db.execute(statement, values).fetchall()

    def to_mainpc(self, task):
        """One task to MainPC and the reply."""
        return self.ask("CoordinatorAgent", "task", MAINPC_PATIENCE, self.options.mainpc_coordinator_port, **task)

    def deliver(self):
        """Background thread: sends what is pending, the oldest first; sleeps while there is nothing."""
        while not self.ending.is_set():
            self.wake.clear()
            rows = self.sql("SELECT id, request FROM outgoing WHERE state = 'pending' ORDER BY queued, rowid LIMIT 1")
            if not rows:
                self.wake.wait()
                continue
            if not self.deliver_one(rows[0]["id"], json.loads(rows[0]["request"])):
                self.ending.wait(self.options.retry_seconds)

    def deliver_one(self, number, task):
        """Try to deliver one task. The id goes along, so that a second delivery can be told."""
        self.sql("UPDATE outgoing SET attempts = attempts + 1 WHERE id = ?", number)
        try:
            reply = self.to_mainpc({**task, "task_id": number})
            state = "delivered"
        except NoAnswer as problem:
            self.log.info("still queued: %s", problem)
            return False
        except Declined as declined:
            reply = declined.reply
            # An error of the far side's own peers passes; a refusal of the question does not.
            if "did not answer" in str(declined):
                return False
            state = "refused"
        self.sql("UPDATE outgoing SET state = ?, reply = ? WHERE id = ?", state, json.dumps(reply), number)
        return True

    @staticmethod
    def task_of(request):
        """Kind and question of a request."""
        kind = request.text("kind", "reason")
        if kind not in KINDS:
            raise Refusal(f"field 'kind' must be one of {', '.join(KINDS)}")
        return {"kind": kind, "question": request.text("question")}

    @action("ask_mainpc")
    def ask_mainpc(self, request):
        """Have MainPC answer `question` now; the reply has its steps and the way it took."""
        reply = self.to_mainpc(self.task_of(request))
        return {**reply, "route": [self.name, *reply.get("route", [])]}

    @action("queue")
    def queue(self, request):
        """Keep `question` for MainPC; once this is acknowledged it will be delivered, at least once."""
        number = request.text("id", str(uuid.uuid4()))
        task = self.task_of(request)
        self.sql("INSERT OR IGNORE INTO outgoing (id, request, queued) VALUES (?, ?, ?)", number, json.dumps(task), time.time())
        self.wake.set()
        return {"id": number}

    @action("queue_status")
    def queue_status(self, request):
        """How many are pending, delivered and refused; with `id` the state and reply of that one."""
        counts = dict.fromkeys(("pending", "delivered", "refused"), 0)
        for row in self.sql("SELECT state, COUNT(*) AS number FROM outgoing GROUP BY state"):
            counts[row["state"]] = row["number"]
        if "id" not in request:
            return counts
        rows = self.sql("SELECT * FROM outgoing WHERE id = ?", request.text("id"))
        if not rows:
            raise Refusal("there is no such id in the queue")
        row = rows[0]
        item = {"id": row["id"], "state": row["state"], "attempts": row["attempts"]}
        return {**counts, "item": {**item, "reply": json.loads(row["reply"]) if row["reply"] else None}}

    @action("route_here")
    def route_here(self, request):
        """For MainPC's questions to PC2: schedule `op` on `data` by way of AdvancedRouter, with a `token`."""
        reply = self.ask(
            "AdvancedRouter", "route", 10.0, token=request.text("token"), op=request.text("op"), data=request.get("data")
        )
        return {"task": reply["task"], "user": reply["user"], "route": [self.name, *reply["route"]]}


if __name__ == "__main__":
    run(RemoteConnectorAgent)

"""MemoryOrchestrator: keeps the records of all of MainPC, durably."""
from main_pc_code.src.core.base_agent import BaseAgent, RequestError, require
from main_pc_code.src.memory.record_store import RecordStore


class MemoryOrchestrator(BaseAgent):
    """Stores records in SQLite; an acknowledged record survives a crash."""

    role = "memory"

    def setup(self):
        self.store = RecordStore(self.data_dir())

    def do_store(self, request):
        """Write `value` under `key`, with optional `tags`."""
        key = require(request, "key")
        value = require(request, "value", object)
        tags = request.get("tags", [])
        if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
            raise RequestError("field 'tags' must be a list of strings")
        self.store.put(key, value, tags)
        return {"key": key}

    def do_get(self, request):
        """The record under `key`."""
        key = require(request, "key")
        record = self.store.get(key)
        if record is None:
            raise RequestError(f"no record '{key}'")
        return record

    def do_search(self, request):
        """Records which contain `text`, the newest first."""
        found = self.store.search(require(request, "text"))
        return {"records": found, "found": len(found)}

    def do_count(self, request):
        """How many records there are."""
        return {"count": self.store.count()}

    def do_work_out(self, request):
        """Have the question stored under `key` answered by way of TaskRouter; keep the answer."""
        record = self.do_get(request)
        if not isinstance(record["value"], str):
            raise RequestError(f"record '{record['key']}' is not a question")
        reply = self.request_peer("TaskRouter", {"action": "route", "kind": "reason", "question": record["value"]}, timeout=8.0)
        key = record["key"] + ":answer"
        self.store.put(key, reply["answer"], ["answer", *record["tags"]])
        return {"key": key, "answer": reply["answer"]}


if __name__ == "__main__":
    MemoryOrchestrator.main()

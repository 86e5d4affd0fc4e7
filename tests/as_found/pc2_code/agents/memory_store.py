import os
import sys

sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..")))

import json
import threading
from pathlib import Path

from pc2_code.utils.pc2_agent import Pc2Agent

LOGS = Path(__file__).resolve().parent.parent / "logs"
LOGS.mkdir(parents=True, exist_ok=True)


class MemoryStore(Pc2Agent):
    default_port = 8100

    def __init__(self):
        super().__init__(name="MemoryStore")
        self.lock = threading.Lock()
        self.memories = {}
        self.journal = (LOGS / "memory_store.jsonl").open("a")

    def handle(self, request):
        action = request.get("action", "get")
        with self.lock:
            if action == "put":
                self.memories[request["key"]] = request["value"]
                print(json.dumps([request["key"], request["value"]]), file=self.journal, flush=True)
                return len(self.memories)
            if action == "keys":
                return sorted(self.memories)
            return self.memories.get(request.get("key"))


if __name__ == "__main__":
    MemoryStore().run()

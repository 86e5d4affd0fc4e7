"""State of all agents, in SQLite, so that a restart begins where it ended."""
import os
import sqlite3
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))

from common.base_agent import BaseAgent

DATA = os.path.join(os.path.dirname(__file__), "..", "data")
os.makedirs(DATA, exist_ok=True)


class TwinState(BaseAgent):
    interval = 5

    def __init__(self):
        super().__init__(name="TwinState")
        self.lock = threading.Lock()
        self.database = sqlite3.connect(os.path.join(DATA, "twin.db"), check_same_thread=False)
        with self.database:
            self.database.execute("CREATE TABLE IF NOT EXISTS state (agent TEXT PRIMARY KEY, json TEXT)")

    def handle(self, request):
        with self.lock, self.database:
            if request.get("action") == "set":
                row = (request["agent"], str(request.get("value"))

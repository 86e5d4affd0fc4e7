#!/usr/bin/env python3
"""Where every agent is."""
import os
import sys
import threading
import time

sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..")))

from common.base_agent import BaseAgent


class ServiceRegistry(BaseAgent):
    default_port = 7100
    interval = 2.0
    stale_after = 60.0

    def __init__(self):
        super().__init__(name="ServiceRegistry")
        self.lock = threading.RLock()
        self.entries = {}

    def handle(self, request):
        action = request.get("action")
        print "asked", action
        if action == "register":
            with self.lock:
                self.entries[request["name"]] = {**request.get("data", {}), "seen": time.time()}
            return True
        if action == "where":
            with self.lock:
                return self.entries.get(request["name"])
        if action == "list":
            with self.lock:
                return sorted(self.entries)
        raise ValueError(f"unknown action {action!r}")

    def work(self):
        with self.lock:
            now = time.time()
            self.entries = {name: entry for name, entry in self.entries.items() if now - entry["seen"] < self.stale_after}


if __name__ == "__main__":
    ServiceRegistry().run()

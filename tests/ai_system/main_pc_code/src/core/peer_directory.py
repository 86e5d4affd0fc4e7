"""Who listens where on MainPC, as the startup config says. Read on first use only."""
from __future__ import annotations

import threading


class PeerEntry:
    """What the startup config says about one agent."""

    def __init__(self, group, item):
        self.group = group
        self.name = item["name"]
        self.port = item["port"]
        self.health_check_port = item["health_check_port"]
        self.dependencies = list(item.get("dependencies") or [])


class PeerDirectory:
    """All agents of the startup config, by name."""

    def __init__(self, path):
        self.path = path
        self._entries = None
        self._lock = threading.Lock()

    def _load(self):
        import yaml  # late: an agent without peers never pays for it

        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        with open(self.path, encoding="utf-8") as file:
            config = yaml.load(file, Loader=loader)
        entries = {}
        for group, items in config.items():
            if isinstance(items, list):
                for item in items:
                    entry = PeerEntry(group, item)
                    entries[entry.name] = entry
        return entries

    def all(self):
        """Every agent, in the order of the config."""
        with self._lock:
            if self._entries is None:
                self._entries = self._load()
            return list(self._entries.values())

    def find(self, name):
        """The entry of an agent, or None."""
        self.all()
        return self._entries.get(name)

    def entry(self, name):
        """The entry of an agent which has to be there."""
        entry = self.find(name)
        if entry is None:
            raise LookupError(f"{name} is not in the startup config")
        return entry

"""Small values that outlive a restart: one JSON file for each store, below the data folder."""

import json
import os
import threading
from pathlib import Path


class JsonStore:
    def __init__(self, name, folder=None):
        self.folder = Path(folder or Path(__file__).resolve().parent.parent / "data")
        os.makedirs(self.folder, exist_ok=True)
        self.path = self.folder / f"{name}.json"
        self.lock = threading.Lock()
        self.values = self._read()

    def _read(self):
        try:
            return json.loads(self.path.read_text())
        except (OSError, ValueError):
            return {}

    def get(self, key, default=None):
        with self.lock:
            return self.values.get(key, default)

    def put(self, key, value):
        with self.lock:
            self.values[key] = value
            draft = self.path.with_suffix(".tmp")
            draft.write_text(json.dumps(self.values))
            draft.replace(self.path)

    def __len__(self):
        return len(self.values)

"""Records in SQLite: key, value (any JSON), tags. What `put` returned from is on disk."""
import json
import os
import sqlite3
import time

SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    tags TEXT NOT NULL,
    updated REAL NOT NULL
)
"""


class RecordStore:
    """One database file, used from one thread."""

    def __init__(self, folder):
        self.connection = sqlite3.connect(os.path.join(folder, "records.db"), isolation_level=None)
        self.connection.execute("PRAGMA journal_mode=WAL")
        self.connection.execute("PRAGMA synchronous=FULL")
        self.connection.execute(SCHEMA)

    def put(self, key, value, tags):
        """Write one record; an older one with the same key is replaced."""
        self.connection.execute(
            "INSERT INTO records VALUES (?, ?, ?, ?) "
            "ON CONFLICT(key) DO UPDATE SET value=excluded.value, tags=excluded.tags, updated=excluded.updated",
            (key, json.dumps(value), json.dumps(tags), time.time()),
        )

    @staticmethod
    def _record(row):
        return {"key": row[0], "value": json.loads(row[1]), "tags": json.loads(row[2]), "updated": row[3]}

    def get(self, key):
        """The record with that key, or None."""
        row = self.connection.execute("SELECT * FROM records WHERE key = ?", (key,)).fetchone()
        return self._record(row) if row else None

    def search(self, text, limit=50):
        """Records with the text in key, value or tags, the newest first."""
        pattern = "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        rows = self.connection.execute(
            "SELECT * FROM records WHERE key LIKE ?1 ESCAPE '\\' OR value LIKE ?1 ESCAPE '\\' "
            "OR tags LIKE ?1 ESCAPE '\\' ORDER BY updated DESC LIMIT ?2",
            (pattern, limit),
        )
        return [self._record(row) for row in rows]

    def count(self):
        """How many records there are."""
        return self.connection.execute("SELECT COUNT(*) FROM records").fetchone()[0]

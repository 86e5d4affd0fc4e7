"""SQLite as the PC2 agents use it: one file per agent, a commit is on disk."""
import os
import sqlite3


def open_database(folder, filename, *statements):
    """A connection in autocommit mode after the statements (tables, indexes) were run.

    It may be handed from thread to thread; whoever does so has to lock.
    """
    connection = sqlite3.connect(os.path.join(folder, filename), isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    for statement in statements:
        connection.execute(statement)
    return connection


def like(text):
    """A LIKE pattern (escaped by a backslash) for rows that contain the text."""
    for special in "\\%_":
        text = text.replace(special, "\\" + special)
    return f"%{text}%"

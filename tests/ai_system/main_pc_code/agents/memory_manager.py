"""MemoryManager: tells important memories from unimportant ones, and packs sessions away."""
import base64
import os

import msgpack

from main_pc_code.src.core.base_agent import BaseAgent, RequestError, require


class MemoryManager(BaseAgent):
    """Remembers with an importance, and archives sessions as compact files."""

    role = "memory"

    def do_remember(self, request):
        """Have MemoryOrchestrator keep `value` under `key`, tagged with its `importance`."""
        importance = request.get("importance", "normal")
        if importance not in ("low", "normal", "high"):
            raise RequestError("field 'importance' must be low, normal or high")
        reply = self.request_peer(
            "MemoryOrchestrator",
            {
                "action": "store",
                "key": require(request, "key"),
                "value": require(request, "value", object),
                "tags": [f"importance:{importance}", *request.get("tags", [])],
            },
        )
        return {"key": reply["key"], "importance": importance}

    def do_recall(self, request):
        """Memories with `text` in them, important ones first."""
        reply = self.request_peer("MemoryOrchestrator", {"action": "search", "text": require(request, "text")})
        rank = {"importance:high": 0, "importance:normal": 1, "importance:low": 2}
        memories = sorted(reply["records"], key=lambda record: min((rank.get(tag, 3) for tag in record["tags"]), default=3))
        return {"memories": memories}

    def archive_path(self, session):
        """Where a session is archived; any name is fine."""
        safe = base64.urlsafe_b64encode(session.encode()).decode().rstrip("=")
        return os.path.join(self.data_dir(), f"{safe}.session")

    def do_archive_session(self, request):
        """Pack the turns of a session of SessionMemoryAgent into a file."""
        session = require(request, "session")
        if len(session.encode()) > 150:
            raise RequestError("the session's name is too long")
        turns = self.request_peer("SessionMemoryAgent", {"action": "turns", "session": session})["turns"]
        packed = msgpack.packb(turns)
        path = self.archive_path(session)
        with open(path + ".new", "wb") as file:
            file.write(packed)
        os.replace(path + ".new", path)
        return {"session": session, "turns": len(turns), "bytes": len(packed)}

    def do_archived_session(self, request):
        """The turns of a session that was archived."""
        session = require(request, "session")
        try:
            with open(self.archive_path(session), "rb") as file:
                return {"session": session, "turns": msgpack.unpackb(file.read())}
        except FileNotFoundError:
            raise RequestError(f"session '{session}' is not archived") from None


if __name__ == "__main__":
    MemoryManager.main()

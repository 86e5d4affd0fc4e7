"""SessionMemoryAgent: conversations as sessions of turns, kept by MemoryOrchestrator."""
import uuid

from main_pc_code.src.core.base_agent import BaseAgent, PeerRefused, RequestError, require


class SessionMemoryAgent(BaseAgent):
    """Opens sessions, adds turns to them, and asks questions within them."""

    role = "memory"

    def load(self, session):
        """The turns of a session."""
        try:
            return self.request_peer("MemoryOrchestrator", {"action": "get", "key": f"session:{session}"})["value"]
        except PeerRefused:
            raise RequestError(f"no session '{session}'") from None

    def save(self, session, turns):
        """Keep the turns of a session."""
        self.request_peer(
            "MemoryOrchestrator",
            {"action": "store", "key": f"session:{session}", "value": turns, "tags": ["session"]},
        )

    def do_open(self, request):
        """Start a session; its name may be given as `session`."""
        session = str(request.get("session") or uuid.uuid4())
        self.save(session, [])
        return {"session": session}

    def do_add_turn(self, request):
        """Add what a `speaker` said as `text`."""
        session = require(request, "session")
        turns = self.load(session)
        turns.append({"speaker": require(request, "speaker"), "text": require(request, "text")})
        self.save(session, turns)
        return {"session": session, "turns": len(turns)}

    def do_turns(self, request):
        """All turns of a session, or its `last` few."""
        turns = self.load(require(request, "session"))
        last = request.get("last")
        return {"turns": turns[-last:] if isinstance(last, int) and last > 0 else turns}

    def do_ask(self, request):
        """Ask CoordinatorAgent a question within a session; question and answer become turns."""
        session, question = require(request, "session"), require(request, "question")
        turns = self.load(session)
        reply = self.request_peer(
            "CoordinatorAgent", {"action": "task", "kind": "reason", "question": question}, timeout=10.0
        )
        turns += [{"speaker": "user", "text": question}, {"speaker": reply["answered_by"], "text": reply["answer"]}]
        self.save(session, turns)
        return {"answer": reply["answer"], "turns": len(turns)}


if __name__ == "__main__":
    SessionMemoryAgent.main()

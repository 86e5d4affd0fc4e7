"""TTSAgent: the queue of things to say, which the user can interrupt."""
from collections import deque

from main_pc_code.src.core.base_agent import BaseAgent, require


class TTSAgent(BaseAgent):
    """Says one text at a time and drops the rest when interrupted."""

    role = "speech"

    def setup(self):
        self.waiting = deque(maxlen=100)

    def do_say(self, request):
        """Put `text` at the end of the queue."""
        self.waiting.append(require(request, "text"))
        return {"waiting": len(self.waiting)}

    def do_next(self, request):
        """The next text to say, unless the user interrupted: then the queue is emptied.

        What the user said may be given as `heard`; otherwise StreamingInterruptHandler
        looks at the latest transcript.
        """
        check = {"action": "check"}
        if isinstance(request.get("heard"), str):
            check["text"] = request["heard"]
        heard = self.try_peer("StreamingInterruptHandler", check, timeout=3.0)
        if heard and heard["interrupt"]:
            dropped = len(self.waiting)
            self.waiting.clear()
            return {"text": None, "interrupted": True, "dropped": dropped}
        return {"text": self.waiting.popleft() if self.waiting else None, "interrupted": False, "dropped": 0}


if __name__ == "__main__":
    TTSAgent.main()

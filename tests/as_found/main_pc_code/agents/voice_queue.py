import os, sys
sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "../..")))
import queue
import uuid
from common.base_agent import BaseAgent


class VoiceQueue(BaseAgent):
    def __init__(self, size: int = 100):
        super().__init__(name="VoiceQueue")
        self.waiting = queue.PriorityQueue(maxsize=size)

    def handle(self, request):
        if request.get("action") == "take":
            try:
                return self.waiting.get_nowait()
            except queue.Empty:
                return None
        self.waiting.put((request.get("priority", 5), str(uuid.uuid4()), request["text"]), timeout=1)
        return self.waiting.qsize()


if __name__ == "__main__":
    VoiceQueue().run()

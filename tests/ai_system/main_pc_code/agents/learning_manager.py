"""LearningManager: what the system is learning, and how well it remembers it."""
from main_pc_code.src.core.base_agent import BaseAgent, RequestError, require


class LearningManager(BaseAgent):
    """Lessons go to MemoryManager; progress grows with every success."""

    role = "learning"

    def setup(self):
        self.progress = {}

    def do_learn(self, request):
        """Take in a `lesson` about `topic`."""
        topic, lesson = require(request, "topic"), require(request, "lesson")
        state = self.progress.setdefault(topic, {"lessons": 0, "level": 0.0})
        number = state["lessons"] + 1
        self.request_peer(
            "MemoryManager",
            {"action": "remember", "key": f"lesson:{topic}:{number}", "value": lesson, "tags": ["lesson"]},
            timeout=8.0,
        )
        state["lessons"] = number
        self.notify_peer("CoordinatorAgent", {"action": "announce", "source": self.name, "event": f"learned about {topic}"})
        return {"topic": topic, "lessons": number}

    def do_practise(self, request):
        """A try at `topic` which was a `success` or not: the level moves towards it."""
        topic = require(request, "topic")
        if topic not in self.progress:
            raise RequestError(f"nothing was learned about '{topic}' yet")
        state = self.progress[topic]
        state["level"] = round(0.7 * state["level"] + 0.3 * bool(require(request, "success", bool)), 4)
        return {"topic": topic, "level": state["level"]}

    def do_progress(self, request):
        """Lessons and level of every topic."""
        return {"topics": self.progress}


if __name__ == "__main__":
    LearningManager.main()

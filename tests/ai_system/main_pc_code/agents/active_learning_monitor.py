"""ActiveLearningMonitor: finds what is worth learning next."""
from main_pc_code.src.core.base_agent import BaseAgent, require


class ActiveLearningMonitor(BaseAgent):
    """Weighs uncertain answers against what LearningManager already knows."""

    role = "learning"

    def setup(self):
        self.doubts = {}

    def do_doubt(self, request):
        """An answer about `topic` had this `confidence` between 0 and 1."""
        topic = require(request, "topic")
        confidence = min(1.0, max(0.0, require(request, "confidence", (int, float))))
        self.doubts.setdefault(topic, []).append(1.0 - confidence)
        return {"topic": topic, "doubts": len(self.doubts[topic])}

    def do_suggest(self, request):
        """Topics by how much is to be gained: doubt, times how often, times what is not known yet."""
        topics = self.request_peer("LearningManager", {"action": "progress"})["topics"]
        gains = {}
        for topic, doubts in self.doubts.items():
            level = topics.get(topic, {}).get("level", 0.0)
            gains[topic] = round(sum(doubts) * (1.0 - level), 4)
        ranked = sorted(gains, key=lambda topic: -gains[topic])
        return {"suggestions": [{"topic": topic, "gain": gains[topic]} for topic in ranked], "known_topics": len(topics)}


if __name__ == "__main__":
    ActiveLearningMonitor.main()

"""MoodTrackerAgent: how the mood develops over a longer time."""
import time
from collections import Counter, deque

from main_pc_code.src.core.base_agent import BaseAgent


class MoodTrackerAgent(BaseAgent):
    """Notes the prevailing emotion whenever asked to, and sees the trend."""

    role = "emotion"

    def setup(self):
        self.notes = deque(maxlen=500)

    def do_track(self, request):
        """Note what EmotionEngine feels now."""
        emotion = self.request_peer("EmotionEngine", {"action": "current"})["emotion"]
        self.notes.append((round(time.time(), 3), emotion))
        return {"emotion": emotion, "notes": len(self.notes)}

    def do_mood(self, request):
        """The most frequent emotion so far, and whether it changed lately."""
        if not self.notes:
            return {"mood": "unknown", "changed": False, "notes": 0}
        emotions = [emotion for _, emotion in self.notes]
        overall = Counter(emotions).most_common(1)[0][0]
        lately = Counter(emotions[-5:]).most_common(1)[0][0]
        return {"mood": lately, "changed": lately != overall, "notes": len(emotions)}


if __name__ == "__main__":
    MoodTrackerAgent.main()

import os, sys
sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "../..")))
from main_pc_code.src.core.publisher import PublishingAgent
from main_pc_code.src.core.subscriber import Subscription

MOODS = [(0.05, "quiet"), (0.2, "calm"), (0.5, "lively"), (float("inf"), "loud")]


class MoodTracker(PublishingAgent):
    topic = "mood"

    def __init__(self):
        super().__init__(name="MoodTracker")
        self.mood = "unknown"
        Subscription(7152, "prosody", self.on_prosody).start()

    def on_prosody(self, message):
        mood = next(name for limit, name in MOODS if message["mean"] < limit)
        if mood != self.mood:
            self.mood = mood
            self.publish({"mood": mood})

    def handle(self, request):
        return self.mood


if __name__ == "__main__":
    MoodTracker().run()

"""HumanAwarenessAgent: who is there, and how they seem to be."""
import time

from main_pc_code.src.core.base_agent import BaseAgent, require

AWAY_AFTER_SECONDS = 300.0


class HumanAwarenessAgent(BaseAgent):
    """Remembers when each person was noticed last."""

    role = "emotion"

    def setup(self):
        self.people = {}

    def do_notice(self, request):
        """A `person` was seen or heard; what they said may be given as `text`."""
        person = require(request, "person")
        text = request.get("text")
        emotion = None
        if isinstance(text, str):
            felt = self.try_peer("EmotionEngine", {"action": "feel", "text": text})
            emotion = felt["emotion"] if felt else None
        self.people[person] = {"at": time.monotonic(), "emotion": emotion}
        return {"person": person, "emotion": emotion}

    def do_present(self, request):
        """Who is there, how long ago they were noticed, and the emotion in the room."""
        now = time.monotonic()
        present = {
            person: {"seconds_ago": round(now - seen["at"], 1), "emotion": seen["emotion"]}
            for person, seen in self.people.items()
            if now - seen["at"] < AWAY_AFTER_SECONDS
        }
        room = self.try_peer("EmotionEngine", {"action": "current"})
        return {"present": present, "room": room["emotion"] if room else "unknown"}


if __name__ == "__main__":
    HumanAwarenessAgent.main()

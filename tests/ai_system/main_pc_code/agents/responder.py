"""Responder: puts an answer into words that suit the mood."""
from main_pc_code.src.core.base_agent import BaseAgent, require

OPENINGS = {"joy": "Wonderful!", "sadness": "I am sorry to hear that.", "anger": "I understand that this is annoying.", "fear": "Do not worry."}
BODIES = {"greet": "How can I help you?", "ask": "Let me look into that.", "thank": "Any time.", "write_code": "I will write that for you."}


class Responder(BaseAgent):
    """Joins intent (NLUAgent) and mood (EmotionEngine) to a reply."""

    role = "language"

    def do_respond(self, request):
        """A reply to `text`, with the intent and the emotion behind it."""
        text = require(request, "text")
        intent = self.request_peer("NLUAgent", {"action": "parse", "text": text})["intent"]
        feeling = self.try_peer("EmotionEngine", {"action": "feel", "text": text})
        emotion = feeling["emotion"] if feeling else "neutral"
        parts = [OPENINGS.get(emotion, ""), BODIES.get(intent, "I see.")]
        return {"reply": " ".join(part for part in parts if part), "intent": intent, "emotion": emotion}


if __name__ == "__main__":
    Responder.main()

"""EmpathyAgent: finds words that meet somebody where they are."""
from main_pc_code.src.core.base_agent import BaseAgent, require

WORDS = {
    "joy": ("It is lovely to hear that.", "share"),
    "sadness": ("That sounds hard. I am here.", "comfort"),
    "anger": ("I can see why that upsets you.", "calm"),
    "fear": ("It is all right to be worried. Let us look at it together.", "reassure"),
    "neutral": ("I am listening.", "listen"),
}


class EmpathyAgent(BaseAgent):
    """Answers a text by the emotion in it, or by the mood when it has none."""

    role = "emotion"

    def do_empathize(self, request):
        """Words and a strategy for `text`."""
        emotion = self.request_peer("EmotionEngine", {"action": "feel", "text": require(request, "text")})["emotion"]
        lasting = False
        if emotion == "neutral":
            emotion = self.request_peer("EmotionEngine", {"action": "current"})["emotion"]
            lasting = emotion != "neutral"
        words, strategy = WORDS[emotion]
        return {"reply": words, "strategy": strategy, "emotion": emotion, "from_mood": lasting}


if __name__ == "__main__":
    EmpathyAgent.main()

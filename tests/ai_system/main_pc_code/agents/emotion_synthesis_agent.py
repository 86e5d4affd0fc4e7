"""EmotionSynthesisAgent: turns an emotion into prosody for a spoken text."""
from main_pc_code.src.core.base_agent import BaseAgent, RequestError, require

# emotion -> pitch factor, words per minute, volume
PROSODY = {
    "neutral": (1.0, 150, 0.7),
    "joy": (1.15, 170, 0.8),
    "sadness": (0.9, 120, 0.55),
    "anger": (1.05, 175, 0.95),
    "fear": (1.2, 185, 0.6),
}


class EmotionSynthesisAgent(BaseAgent):
    """Gives each word of a text its pitch and duration."""

    role = "emotion"

    def do_synthesize(self, request):
        """Prosody for `text` spoken in `emotion`; the last word of a question rises."""
        words = require(request, "text").split()
        emotion = request.get("emotion", "neutral")
        if emotion not in PROSODY:
            raise RequestError(f"unknown emotion '{emotion}'; known: {', '.join(PROSODY)}")
        pitch, rate, volume = PROSODY[emotion]
        model = self.try_peer("ModelManagerAgent", {"action": "acquire", "model": "emotion-voice"})
        track = [
            {
                "word": word,
                "pitch": round(pitch * (1.25 if word.endswith("?") else 1.0), 3),
                "seconds": round(60 / rate * (0.5 + len(word) / 10), 3),
            }
            for word in words
        ]
        self.notify_peer("CoordinatorAgent", {"action": "announce", "source": self.name, "event": f"synthesized {emotion}"})
        return {"prosody": track, "volume": volume, "model_ready": model is not None}


if __name__ == "__main__":
    EmotionSynthesisAgent.main()

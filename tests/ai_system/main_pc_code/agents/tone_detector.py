"""ToneDetector: the tone of a text, from how it is written rather than what it says."""
import re

from main_pc_code.src.core.base_agent import BaseAgent, require


def traits(text):
    """Shouting, exclaiming, asking and being polite, each as a share or a count."""
    letters = [letter for letter in text if letter.isalpha()]
    return {
        "shouting": round(sum(letter.isupper() for letter in letters) / len(letters), 3) if len(letters) > 3 else 0.0,
        "exclaiming": text.count("!"),
        "asking": text.count("?"),
        "polite": len(re.findall(r"\b(please|thank|thanks|kindly|po|salamat)\b", text.lower())),
    }


class ToneDetector(BaseAgent):
    """Names a tone, and tells EmotionEngine about the text."""

    role = "emotion"

    def do_detect(self, request):
        """The tone of `text`: aggressive, excited, polite, curious or neutral."""
        text = require(request, "text")
        found = traits(text)
        if found["shouting"] > 0.6:
            tone = "aggressive" if not found["polite"] else "excited"
        elif found["exclaiming"]:
            tone = "excited"
        elif found["polite"]:
            tone = "polite"
        else:
            tone = "curious" if found["asking"] else "neutral"
        felt = self.try_peer("EmotionEngine", {"action": "feel", "text": text})
        return {"tone": tone, "traits": found, "emotion": felt["emotion"] if felt else None}


if __name__ == "__main__":
    ToneDetector.main()

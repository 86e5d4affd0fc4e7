"""EmotionEngine: the emotional state of the conversation, fading with time."""
import math
import re
import time

from main_pc_code.src.core.base_agent import BaseAgent, require

LEXICON = {
    "joy": {"happy", "glad", "great", "love", "wonderful", "thanks", "masaya", "nice"},
    "sadness": {"sad", "lost", "lonely", "cry", "miss", "sorry", "malungkot"},
    "anger": {"angry", "hate", "annoying", "broken", "stupid", "galit", "terrible"},
    "fear": {"afraid", "scared", "worried", "danger", "takot", "nervous"},
}
NEGATIONS = {"not", "no", "never", "hindi"}


def score(text):
    """How strongly each emotion is in a text; a negation before a word turns it off."""
    words = re.findall(r"[a-z]+", text.lower())
    found = dict.fromkeys(LEXICON, 0.0)
    for before, word in zip(["", *words], words):
        for emotion, typical in LEXICON.items():
            if word in typical and before not in NEGATIONS:
                found[emotion] += 1.0
    return found


class EmotionEngine(BaseAgent):
    """Takes feelings in and says which one prevails."""

    role = "emotion"

    @classmethod
    def add_arguments(cls, parser):
        parser.add_argument("--half_life", type=float, default=120.0, help="seconds in which a feeling fades by half")

    def setup(self):
        self.levels = dict.fromkeys(LEXICON, 0.0)
        self.updated = time.monotonic()

    def fade(self):
        """Let the levels fade to what they are now."""
        now = time.monotonic()
        factor = math.pow(0.5, (now - self.updated) / max(self.options.half_life, 0.001))
        self.levels = {emotion: level * factor for emotion, level in self.levels.items()}
        self.updated = now

    def do_feel(self, request):
        """Take in a `text`; the reply names the emotion in it."""
        found = score(require(request, "text"))
        self.fade()
        for emotion, strength in found.items():
            self.levels[emotion] = min(10.0, self.levels[emotion] + strength)
        strongest = max(found, key=found.get)
        return {"emotion": strongest if found[strongest] else "neutral", "scores": found}

    def do_current(self, request):
        """The prevailing emotion and all levels."""
        self.fade()
        strongest = max(self.levels, key=self.levels.get)
        prevailing = strongest if self.levels[strongest] >= 0.25 else "neutral"
        return {"emotion": prevailing, "levels": {emotion: round(level, 3) for emotion, level in self.levels.items()}}


if __name__ == "__main__":
    EmotionEngine.main()

"""NLUAgent: finds intent and entities of what a user says."""
import re

from rapidfuzz import fuzz, process

from main_pc_code.src.core.base_agent import BaseAgent, require

INTENTS = {
    "hello there": "greet",
    "good morning": "greet",
    "thank you very much": "thank",
    "goodbye see you": "leave",
    "write a function that": "write_code",
    "generate code for": "write_code",
    "what is the result of": "ask",
    "how many are": "ask",
    "tell me a joke": "joke",
    "remind me to": "remind",
    "that was wrong": "complain",
    "well done that was great": "praise",
}


class NLUAgent(BaseAgent):
    """Matches an utterance with example phrases, tolerant of misspellings."""

    role = "language"

    @classmethod
    def add_arguments(cls, parser):
        parser.add_argument("--threshold", type=float, default=55.0, help="similarity in percent from which a match counts")

    def do_parse(self, request):
        """Intent, confidence, entities and language of `text`."""
        text = require(request, "text")
        phrase, score, _ = process.extractOne(text.lower(), list(INTENTS), scorer=fuzz.token_set_ratio)
        intent = INTENTS[phrase] if score >= self.options.threshold else "unknown"
        detected = self.try_peer("LanguageAndTranslationCoordinator", {"action": "detect", "text": text})
        return {
            "intent": intent,
            "confidence": round(score / 100, 3),
            "entities": self.entities(text),
            "language": detected["language"] if detected else None,
        }

    @staticmethod
    def entities(text):
        """Numbers, quoted pieces and capitalised names in a text."""
        return {
            "numbers": [int(number) for number in re.findall(r"\b\d+\b", text)],
            "quoted": re.findall(r'"([^"]+)"', text),
            "names": re.findall(r"(?<=\s)[A-Z][a-z]+", text),
        }


if __name__ == "__main__":
    NLUAgent.main()

"""ChitchatAgent: small talk."""
from itertools import cycle

from main_pc_code.src.core.base_agent import BaseAgent, require

LINES = {
    "greet": ["Hello! How are you?", "Hi, good to hear from you."],
    "thank": ["You are welcome.", "My pleasure."],
    "leave": ["Goodbye!", "See you soon."],
    "joke": ["Why did the socket cross the network? Nobody replied.", "I would tell a UDP joke, but you might not get it."],
    "praise": ["Thank you, that is kind."],
    "complain": ["I am sorry. What should I do better?"],
}


class ChitchatAgent(BaseAgent):
    """Answers pleasantries, each time with another line."""

    role = "language"

    def setup(self):
        self.lines = {intent: cycle(lines) for intent, lines in LINES.items()}

    def do_chat(self, request):
        """Say something back to `text`."""
        text = require(request, "text")
        understood = self.try_peer("NLUAgent", {"action": "parse", "text": text}, timeout=3.0)
        intent = understood["intent"] if understood else "unknown"
        line = next(self.lines[intent]) if intent in self.lines else f"Tell me more about that: {text[:60]}"
        return {"reply": line, "intent": intent}


if __name__ == "__main__":
    ChitchatAgent.main()

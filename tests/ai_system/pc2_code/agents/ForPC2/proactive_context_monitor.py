"""ProactiveContextMonitor: sees in the context what the user may want next."""
import re
from collections import Counter

from pc2_code.utils.service import Service, action, run

HINTS = (
    (re.compile(r"\b(tomorrow|tonight|at \d+|on monday)\b", re.I), "set a reminder"),
    (re.compile(r"\b(how|why|what)\b.*\?", re.I), "look up an answer"),
    (re.compile(r"\b(buy|need|out of)\b", re.I), "add to the shopping list"),
    (re.compile(r"\b(tired|late|sleep)\b", re.I), "suggest a break"),
)


class ProactiveContextMonitor(Service):
    """Suggestions from the window of ContextManager."""

    duty = "memory"

    def start(self):
        self.given = Counter()

    @action("suggest")
    def suggest(self, request):
        """Suggestions for a `session`, and the words that it is about."""
        session = request.text("session", "default")
        texts = self.ask("ContextManager", "window", session=session)["texts"]
        suggestions = [hint for pattern, hint in HINTS if any(pattern.search(text) for text in texts)]
        self.given.update(suggestions)
        topics = Counter(word for text in texts for word in re.findall(r"[a-z]{5,}", text.lower()))
        return {"suggestions": suggestions, "topics": [word for word, _ in topics.most_common(5)]}

    @action("statistics")
    def statistics(self, request):
        """How often each suggestion was made."""
        return {"given": dict(self.given)}


if __name__ == "__main__":
    run(ProactiveContextMonitor)

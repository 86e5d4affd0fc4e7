"""LanguageAndTranslationCoordinator: decides what has to happen with an utterance."""
import re

from main_pc_code.src.core.base_agent import BaseAgent, require

TAGALOG_MARKS = re.compile(r"\b(ang|ng|mga|sa|ay|ako|po|ano|salamat|magandang|kumusta|hindi)\b")
QUESTION = re.compile(r"\?|^(what|how|why|who|where|ano|paano|bakit|sino|saan)\b")


class LanguageAndTranslationCoordinator(BaseAgent):
    """Finds language and purpose of an utterance and sends questions on to be answered."""

    role = "language"

    def setup(self):
        self.languages = {"en": 0, "tl": 0}

    def look_at(self, text):
        """Language and purpose of a text."""
        lowered = text.lower().strip()
        language = "tl" if TAGALOG_MARKS.search(lowered) else "en"
        return language, bool(QUESTION.search(lowered))

    def do_detect(self, request):
        """The language of `text` and whether it is a question."""
        language, question = self.look_at(require(request, "text"))
        return {"language": language, "question": question}

    def do_coordinate(self, request):
        """Answer a question by way of TaskRouter; say what else would have to be done."""
        text = require(request, "text")
        language, question = self.look_at(text)
        self.languages[language] += 1
        if language != "en":
            return {"language": language, "next": "translate", "seen": self.languages}
        if not question:
            return {"language": language, "next": "none", "seen": self.languages}
        reply = self.request_peer("TaskRouter", {"action": "route", "kind": "reason", "question": text}, timeout=8.0)
        return {"language": language, "next": "answered", "answer": reply["answer"], "seen": self.languages}


if __name__ == "__main__":
    LanguageAndTranslationCoordinator.main()

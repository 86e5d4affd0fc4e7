import os
import sys

sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "../..")))

from common.base_agent import BaseAgent
from main_pc_code.utils.text import words

LANGUAGES = os.environ.get("HEARTH_LANGUAGES", "en").split(",")
TABLE = {
    ("en", "de"): {"good": "gut", "morning": "Morgen", "light": "Licht", "house": "Haus"},
    ("en", "tl"): {"good": "mabuti", "morning": "umaga", "light": "ilaw", "house": "bahay"},
}


class Translator(BaseAgent):
    def __init__(self):
        super().__init__(name="Translator")
        self.log.info("languages: %s", ", ".join(LANGUAGES))

    def handle(self, request):
        pair = request.get("from", "en"), request.get("to", "de")
        table = TABLE.get(pair)
        if table is None:
            raise LookupError("no table from %s to %s" % pair)
        return " ".join(table.get(word, word) for word in words(request["text"]))


if __name__ == "__main__":
    Translator().run()

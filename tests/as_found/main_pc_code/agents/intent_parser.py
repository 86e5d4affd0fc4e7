import os
import sys

sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "../..")))

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, Optional

from common.base_agent import BaseAgent
from main_pc_code.utils.text import plain, words


@dataclass
class Intent:
    name: str
    score: float = 0.0
    words: List[str] = field(default_factory=list)

    def as_dict(self) -> dict:
        return {"name": self.name, "score": round(self.score, 3), "words": self.words}


class IntentParser(BaseAgent):
    def __init__(self, path: Optional[str] = None):
        super().__init__(name="IntentParser")
        path = path or Path(__file__).parent.parent / "config" / "intents.json"
        with open(path, encoding="utf-8") as file:
            self.vocabulary: Dict[str, List[str]] = json.load(file)

    def parse(self, text):
        said = words(plain(text))
        for name, known in self.vocabulary.items():
            hits = [word for word in said if word in known]
            yield Intent(name, len(hits) / max(1, len(said)), hits)

    def handle(self, request):
        return max(self.parse(request.get("text", "")), key=lambda intent: intent.score).as_dict()


if __name__ == "__main__":
    IntentParser().run()

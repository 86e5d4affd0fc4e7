import os
import sys

sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..")))

import gzip
import json

from pc2_code.utils.pc2_agent import Pc2Agent

ARCHIVE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "archive")


class LessonArchive(Pc2Agent):
    def __init__(self):
        super().__init__(name="LessonArchive")
        os.makedirs(ARCHIVE, exist_ok=True)

    def handle(self, request):
        name = os.path.join(ARCHIVE, f"{int(request.get('number', 0))}.json.gz")
        with gzip.open(name, "wt") as file:
            json.dump(request.get("lesson"), file)
        return os.path.getsize(name)


if __name__ == "__main__":
    LessonArchive().run()

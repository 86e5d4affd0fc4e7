import os
import sys

sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..")))

from ..utils.pc2_agent import Pc2Agent


class Digest(Pc2Agent):
    def handle(self, request):
        return "; ".join(request.get("items", []))


if __name__ == "__main__":
    Digest(name="Digest").run()

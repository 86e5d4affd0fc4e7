import os
import sys

sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "../..")))

from common.base_agent import BaseAgent
from main_pc_code.utils.text import similarity

PHRASES = [
    "turn on the light",
    "play some music",
    "what is the weather"


class PhraseFixer(BaseAgent):
    def handle(self, request):
        return max(PHRASES, key=lambda phrase: similarity(phrase, request["text"]))


if __name__ == "__main__":
    PhraseFixer().run()

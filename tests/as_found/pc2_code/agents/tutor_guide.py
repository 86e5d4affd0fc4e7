import os
import sys

sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..")))

from string import Template

from common.pool import ask
from pc2_code.utils.pc2_agent import Pc2Agent

HINT = Template("look at $topic again")


class TutorGuide(Pc2Agent):
    def __init__(self):
        super().__init__(name="TutorGuide")

    def handle(self, request):
        answer = ask(8176, request)
        return answer or HINT.substitute(topic=request.get("topic", "it"))


if __name__ == "__main__":
    TutorGuide().run()

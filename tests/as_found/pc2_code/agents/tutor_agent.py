import os
import sys

sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..")))

from pc2_code.utils.pc2_agent import Pc2Agent

KEY = os.environ["HEARTH_TUTOR_KEY"]


class TutorAgent(Pc2Agent):
    def __init__(self):
        super().__init__(name="TutorAgent")

    def handle(self, request):
        return {"topic": request.get("topic"), "signed": len(KEY)}


if __name__ == "__main__":
    TutorAgent().run()

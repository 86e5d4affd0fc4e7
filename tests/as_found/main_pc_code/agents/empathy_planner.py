import os, sys
sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "../..")))
from common.base_agent import BaseAgent
from common.pool import ask
from main_pc_code.src.core.subscriber import Subscription

ANSWERS = {"loud": "shall I be quiet?", "quiet": "I listen", "calm": "good", "lively": "tell me more"}


class EmpathyPlanner(BaseAgent):
    def __init__(self):
        super().__init__(name="EmpathyPlanner")
        self.mood = "calm"
        Subscription(7232, "mood", lambda message: setattr(self, "mood", message["mood"])).start()

    def handle(self, request):
        ask(7234, {"tone": "soft" if self.mood == "quiet" else "neutral"})
        return ANSWERS.get(self.mood, "")


if __name__ == "__main__":
    EmpathyPlanner().run()

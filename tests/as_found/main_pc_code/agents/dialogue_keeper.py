import os
import sys

sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "../..")))

from common.base_agent import BaseAgent
from common.pool import ask
from main_pc_code.utils.store import JsonStore


class DialogueKeeper(BaseAgent):
    intent_port = 7160

    def __init__(self):
        super().__init__(name="DialogueKeeper")
        self.turns = JsonStore("dialogue")

    def handle(self, request):
        text = request["text"]
        intent = ask(self.intent_port, {"text": text}, default={"result": None})["result"]
        number = len(self.turns)
        self.turns.put(str(number), {"text": text, "intent": intent})
        return {"turn": number, "intent": intent}


if __name__ == "__main__":
    DialogueKeeper().run()

"""AdvancedCommandHandler: carries out commands that need more than one agent."""
from main_pc_code.src.core.base_agent import BaseAgent, require


class AdvancedCommandHandler(BaseAgent):
    """Has a command understood by NLUAgent, and code written by CodeGenerator."""

    role = "language"

    def setup(self):
        self.handled = {}

    def do_handle(self, request):
        """Carry out the command in `text`."""
        text = require(request, "text")
        understood = self.request_peer("NLUAgent", {"action": "parse", "text": text})
        intent = understood["intent"]
        self.handled[intent] = self.handled.get(intent, 0) + 1
        reply = {"intent": intent, "entities": understood["entities"]}
        if intent == "write_code":
            written = self.request_peer("CodeGenerator", {"action": "generate", "task": text})
            reply.update(done=True, function=written["function"], code=written["code"])
        else:
            reply.update(done=False, reason=f"'{intent}' is not a command")
        return reply

    def do_statistics(self, request):
        """How many commands of each intent were handled."""
        return {"handled": self.handled}


if __name__ == "__main__":
    AdvancedCommandHandler.main()

"""DynamicIdentityAgent: the persona in which the system speaks."""
from main_pc_code.src.core.base_agent import BaseAgent, RequestError, require

PERSONAS = {
    "assistant": "{}",
    "teacher": "Let us see. {} Do you see why?",
    "butler": "If I may: {}",
    "pirate": "Arr! {}",
}


class DynamicIdentityAgent(BaseAgent):
    """Switches personas and answers in the current one."""

    role = "planning"

    def setup(self):
        self.persona = "assistant"

    def do_switch(self, request):
        """Become another `persona`."""
        persona = require(request, "persona")
        if persona not in PERSONAS:
            raise RequestError(f"unknown persona '{persona}'; known: {', '.join(PERSONAS)}")
        before, self.persona = self.persona, persona
        return {"persona": persona, "before": before}

    def do_who(self, request):
        """The current persona and all there are."""
        return {"persona": self.persona, "personas": sorted(PERSONAS)}

    def do_ask(self, request):
        """Have `question` answered by way of TaskRouter, in the persona's words."""
        reply = self.request_peer(
            "TaskRouter", {"action": "route", "kind": "reason", "question": require(request, "question")}, timeout=8.0
        )
        return {"persona": self.persona, "text": PERSONAS[self.persona].format(reply["answer"])}


if __name__ == "__main__":
    DynamicIdentityAgent.main()

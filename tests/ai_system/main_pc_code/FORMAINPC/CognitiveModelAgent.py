"""CognitiveModelAgent: beliefs with a certainty, which follow from one another."""
from main_pc_code.src.core.base_agent import BaseAgent, RequestError, require


class CognitiveModelAgent(BaseAgent):
    """A small belief network; questions it has no belief about are reasoned out."""

    role = "reasoning"

    def setup(self):
        self.beliefs = {}
        self.rules = []

    def do_believe(self, request):
        """Hold a `statement` true with a `certainty` between 0 and 1."""
        certainty = require(request, "certainty", (int, float))
        if not 0 <= certainty <= 1:
            raise RequestError("field 'certainty' must be between 0 and 1")
        self.beliefs[require(request, "statement")] = certainty
        return {"beliefs": len(self.beliefs)}

    def do_rule(self, request):
        """From `premise` follows `conclusion` with a `strength` between 0 and 1."""
        strength = require(request, "strength", (int, float))
        self.rules.append((require(request, "premise"), require(request, "conclusion"), min(1.0, max(0.0, strength))))
        return {"rules": len(self.rules)}

    def derive(self):
        """All beliefs with what follows from them, each with its best certainty."""
        known = dict(self.beliefs)
        changed = True
        while changed:
            changed = False
            for premise, conclusion, strength in self.rules:
                certainty = known.get(premise, 0.0) * strength
                if certainty > known.get(conclusion, 0.0) + 1e-9:
                    known[conclusion] = certainty
                    changed = True
        return known

    def do_infer(self, request):
        """How certain `statement` is; ChainOfThoughtAgent is asked when nothing is believed about it."""
        statement = require(request, "statement")
        known = self.derive()
        if statement in known:
            return {"certainty": round(known[statement], 4), "source": "beliefs"}
        reply = self.request_peer("ChainOfThoughtAgent", {"action": "reason", "question": statement})
        return {
            "certainty": 1.0 if reply["confident"] else 0.0,
            "source": "ChainOfThoughtAgent",
            "answer": reply["answer"],
            "steps": reply["steps"],
        }


if __name__ == "__main__":
    CognitiveModelAgent.main()

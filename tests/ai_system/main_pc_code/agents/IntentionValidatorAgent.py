"""IntentionValidatorAgent: checks an intention before anybody acts on it."""
import re

from main_pc_code.src.core.base_agent import BaseAgent, require

RISKS = {
    "destructive": re.compile(r"\b(delete|erase|format|destroy|wipe|kill)\b", re.I),
    "private": re.compile(r"\b(password|secret|credit card|private key)\b", re.I),
    "costly": re.compile(r"\b(buy|order|pay|transfer)\b", re.I),
}


class IntentionValidatorAgent(BaseAgent):
    """Finds risks in an intention, and whether anybody could carry it out."""

    role = "planning"

    def do_validate(self, request):
        """Whether `intention` (of a `kind` that TaskRouter knows) may be acted on."""
        intention = require(request, "intention")
        kind = request.get("kind", "reason")
        risks = [risk for risk, pattern in RISKS.items() if pattern.search(intention)]
        routes = self.try_peer("TaskRouter", {"action": "routes"})
        routable = kind in routes["routes"] if routes else None
        return {"allowed": not risks and routable is not False, "risks": risks, "routable": routable}


if __name__ == "__main__":
    IntentionValidatorAgent.main()

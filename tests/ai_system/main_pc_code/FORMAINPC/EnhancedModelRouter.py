"""EnhancedModelRouter: chooses what should answer a prompt."""
import re

from main_pc_code.src.core.base_agent import BaseAgent, require

RULES = (
    (re.compile(r"\b(translate|salin|tagalog)\b", re.I), "nllb-600m"),
    (re.compile(r"\b(function|code|class|script)\b", re.I), "code-small"),
    (re.compile(r"\b(listen|transcribe|audio)\b", re.I), "whisper-small"),
)


class EnhancedModelRouter(BaseAgent):
    """Sends sums to ChainOfThoughtAgent and names a model for everything else."""

    role = "model router"

    def setup(self):
        self.chosen = {}

    def do_route(self, request):
        """Choose for `prompt`: either an answer right away, or the model that should be used."""
        prompt = require(request, "prompt")
        if re.search(r"\d\s*[-+*/%]\s*\d", prompt):
            reply = self.request_peer("ChainOfThoughtAgent", {"action": "reason", "question": prompt})
            self.chosen["reasoning"] = self.chosen.get("reasoning", 0) + 1
            return {"chosen": "ChainOfThoughtAgent", "answer": reply["answer"], "steps": reply["steps"]}
        model = next((model for pattern, model in RULES if pattern.search(prompt)), "tiny-llama")
        held = self.try_peer("ModelManagerAgent", {"action": "acquire", "model": model})
        self.chosen[model] = self.chosen.get(model, 0) + 1
        return {"chosen": model, "model_ready": held is not None}

    def do_statistics(self, request):
        """How often each choice was made."""
        return {"chosen": self.chosen}


if __name__ == "__main__":
    EnhancedModelRouter.main()

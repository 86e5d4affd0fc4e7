"""LocalFineTunerAgent: trains the small language model on texts of the user."""
import json
import os

from FORMAINPC.ngram_model import NgramModel
from main_pc_code.src.core.base_agent import BaseAgent, RequestError, require


class LocalFineTunerAgent(BaseAgent):
    """Each tuning is a job of SelfTrainingOrchestrator; the model is kept on disk."""

    role = "training"

    def setup(self):
        self.path = os.path.join(self.data_dir(), "tuned.json")
        try:
            with open(self.path, encoding="utf-8") as file:
                self.model = NgramModel(json.load(file))
        except (FileNotFoundError, ValueError):
            self.model = NgramModel()

    def do_tune(self, request):
        """Learn from `texts` and keep the model."""
        texts = require(request, "texts", list)
        if not texts or not all(isinstance(text, str) for text in texts):
            raise RequestError("field 'texts' must be a list of texts")
        created = self.try_peer("SelfTrainingOrchestrator", {"action": "create_job", "model": "ngram"})
        words = sum(self.model.learn(text) for text in texts)
        with open(self.path + ".new", "w", encoding="utf-8") as file:
            json.dump(self.model.follows, file)
        os.replace(self.path + ".new", self.path)
        job = created["job"] if created else None
        if job is not None:
            loss = 1 / (1 + len(self.model.follows))
            self.notify_peer("SelfTrainingOrchestrator", {"action": "report", "job": job, "loss": loss, "state": "done"})
        return {"words": words, "contexts": len(self.model.follows), "job": job}

    def do_sample(self, request):
        """Go on from `prompt` with the tuned model."""
        return {"text": self.model.generate(require(request, "prompt"), 20, request.get("seed", 0))}


if __name__ == "__main__":
    LocalFineTunerAgent.main()
